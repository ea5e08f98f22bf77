package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Puts messages into one lane of the queue, which it owns until it is closed or its process dies.
///
/// A put is wait-free while the lane has room: at most one fetch-and-add, none while no other producer puts, then
/// stores into memory that no other process writes. In addition it costs a full fence and two reads per lane if the
/// number of items is bounded, a system call per 64 KiB of a lane on its first lap, and two atomic operations and a
/// system call if there are sleepers to wake. After a put has returned, no consumer that learns of it misses the
/// message, and every message whose put began later is delivered later.
///
/// Confined to one thread, close() included. No allocation per message.
///
/// {@snippet file="CoreExamples.java" region="producer"}
public final class Producer extends LaneWriter implements AutoCloseable {
    private final Participants participants;
    private final Claim claim;
    private final WaitLoop waiting;
    private int waitedFor; // length of the message that waits for room
    private boolean closed;

    Producer(Participants participants, Bound bound, int lane, Doorbell room, WaitStrategy strategy) {
        super(participants.lanes, bound, lane);
        this.participants = participants;
        claim = new Claim(this, memory);
        waiting = new WaitLoop(file, room, strategy, () -> hasRoom(waitedFor) ? 0 : WaitStrategy.LONGEST_NANOS);
    }

    /// Returns the number of the lane, from 0.
    ///
    /// @return the lane
    public int lane() {
        return lane;
    }

    /// Puts the bytes of an array.
    ///
    /// @param from the payload
    /// @return false if the queue is full
    /// @throws MessageTooLargeException if it is longer than [LaneQueue#maxMessageBytes()]
    /// @throws IllegalStateException if a claim is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public boolean tryPut(byte[] from) {
        return tryPut(from, 0, from.length);
    }

    /// Puts a range of an array.
    ///
    /// @param from holds the payload
    /// @param start index of its first byte
    /// @param length in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return false if the queue is full
    /// @throws MessageTooLargeException if it is longer
    /// @throws IllegalStateException if a claim is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public boolean tryPut(byte[] from, int start, int length) {
        Objects.checkFromIndexSize(start, length, from.length);
        try {
            return putBytes(from, start, length);
        } catch (RuntimeException | Error e) {
            throw failed(e);
        }
    }

    /// A method of its own: with its body inside the try, 16-byte throughput was a quarter lower.
    private boolean putBytes(byte[] from, int start, int length) {
        int size = recordBytes(length);
        long offset = begin(length, size);
        if (offset == FULL) return false;
        long ticket = ticket();
        SharedMemory.copyIn(from, start, memory, laneAddress + offset + headerBytes, length);
        publish(ticket, offset, length, size);
        return true;
    }

    /// Puts a range of a memory segment.
    ///
    /// @param from holds the payload
    /// @param start offset of its first byte
    /// @param length in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return false if the queue is full
    /// @throws MessageTooLargeException if it is longer
    /// @throws IllegalStateException if a claim is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public boolean tryPut(MemorySegment from, long start, int length) {
        Objects.checkFromIndexSize(start, length, from.byteSize());
        try {
            return putSegment(from, start, length);
        } catch (RuntimeException | Error e) {
            throw failed(e);
        }
    }

    private boolean putSegment(MemorySegment from, long start, int length) {
        int size = recordBytes(length);
        long offset = begin(length, size);
        if (offset == FULL) return false;
        long ticket = ticket();
        // checked: the caller's segment may be closed or confined to another thread
        SharedMemory.copyIn(from, start, memory, laneAddress + offset + headerBytes, length);
        publish(ticket, offset, length, size);
        return true;
    }

    /// Puts the bytes of an array; blocks until there is room.
    ///
    /// @param from the payload
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    /// @throws MessageTooLargeException if it is longer than [LaneQueue#maxMessageBytes()]
    /// @throws QueueClosedException if this producer or its queue was closed, also while it waits
    public void put(byte[] from) throws InterruptedException {
        put(from, 0, from.length, Long.MAX_VALUE);
    }

    /// Puts a range of an array; blocks while there is no room, up to the time-out.
    ///
    /// @param from holds the payload
    /// @param start index of its first byte
    /// @param length in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @param timeoutNanos the longest wait, in ns; zero or less: no wait; [Long#MAX_VALUE]: no limit
    /// @return false if the queue was full throughout
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    /// @throws MessageTooLargeException if the message is longer
    /// @throws QueueClosedException if this producer or its queue was closed, also while it waits
    public boolean put(byte[] from, int start, int length, long timeoutNanos) throws InterruptedException {
        boolean done = tryPut(from, start, length);
        if (done || timeoutNanos <= 0) return done;
        waitedFor = length;
        waiting.start(timeoutNanos);
        while (!done && waiting.pause()) done = tryPut(from, start, length);
        return done;
    }

    /// Claims space for a message to be written in place. Until the claim is committed or aborted, this producer cannot
    /// put. A claim held for long delays no other producer or consumer.
    ///
    /// @param length of the payload in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return the claim, or null if the queue is full
    /// @throws IllegalArgumentException if the length is negative
    /// @throws MessageTooLargeException if it is longer
    /// @throws IllegalStateException if a claim is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public @Nullable Claim tryClaim(int length) {
        if (length < 0) throw new IllegalArgumentException("length=" + length + ", must be 0 or more");
        try {
            long offset = begin(length, recordBytes(length));
            if (offset == FULL) return null;
            claim.open(laneAddress + offset + headerBytes, length, offset, writableEnd);
            writableEnd = tail;
            return claim;
        } catch (RuntimeException | Error e) {
            throw failed(e);
        }
    }

    /// Whether there is room for a message now: space in this producer's lane and, with a bound on the items, a place
    /// as in [LaneQueue#isFull()].
    ///
    /// @param length of its payload in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return whether a put would succeed
    /// @throws IllegalStateException if a claim is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public boolean hasRoom(int length) {
        checkUsable();
        try {
            if (bounded && !hasPlace()) return false;
            int size = recordBytes(length);
            long offset = tail & mask;
            long pad = offset + size > laneBytes ? laneBytes - offset : 0;
            return extendWritable(tail + pad + size + headerBytes);
        } catch (InternalError e) {
            throw translate(e);
        }
    }

    private boolean hasPlace() {
        checkUsable();
        patience.renew();
        return bound.hasPlace(patience);
    }

    /// Puts what was written in place. Ends the claim right after publishing, without a call: the stack may be
    /// exhausted.
    void commit(long offset, int length) {
        long before = tail;
        try {
            try {
                publish(ticket(), offset, length, recordBytes(length));
            } finally {
                if (tail != before) {
                    claim.length = -1;
                    writableEnd = claim.writableEndAfter;
                }
            }
        } catch (InternalError e) {
            throw translate(e);
        }
    }

    void abort() {
        if (bounded && !file.isTruncated()) retract();
        claim.length = -1;
        writableEnd = claim.writableEndAfter;
    }

    // ---- errors and the end

    /// Cleans up after a failed put: the message was not put (or only the wake-up after it failed), and no place stays
    /// reserved. Called by the outermost method, which has the most stack left. If even that overflows, the place is
    /// only lost until this producer's next call, since `published` is unchanged.
    private RuntimeException failed(Throwable e) {
        if (e instanceof InternalError fault) throw translate(fault);
        try {
            if (bounded && !closed && !claim.isOpen()) retract();
        } catch (InternalError fault) {
            throw translate(fault);
        }
        if (e instanceof Error error) throw error;
        return (RuntimeException) e;
    }

    private QueueCorruptedException translate(InternalError e) {
        writableEnd = tail; // the next call checks whether the queue is usable
        return file.translate(e);
    }

    @Override
    void checkUsable() {
        if (closed) throw new QueueClosedException("this producer of " + file.path + " was closed");
        if (!file.isUsable()) writableEnd = tail;
        file.checkOpen();
        if (claim.isOpen()) {
            throw new IllegalStateException(
                    "a claim of length=" + claim.length() + " is open; commit or abort it first");
        }
    }

    /// Releases the lane. Its messages stay; an open claim is aborted.
    @Override
    public void close() {
        if (closed) return;
        if (claim.isOpen()) claim.abort();
        closed = true;
        writableEnd = tail;
        participants.releaseLane(lane);
    }
}
