package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Puts messages into one lane of the queue, which it owns until it is closed or its process dies.
///
/// A put is wait-free while the lane has room: at most one fetch-and-add, none while no other producer puts, then
/// stores into memory that no other process writes. In addition it costs a full fence and two reads per lane if the
/// number of items is bounded, a system call per 64 KiB of a chunk that is written for the first time, and two atomic
/// operations and a system call if there are sleepers to wake. After a put has returned, no consumer that learns of it
/// misses the message, and every message whose put began later is delivered later.
///
/// A lane grows under a backlog; the memory is given back after it, within some tenths of a second.
///
/// Confined to one thread, close() included. No allocation per message.
///
/// {@snippet file="CoreExamples.java" region="producer"}
public final class Producer extends LaneWriter implements AutoCloseable {
    private final Participants participants;
    private final Claim claim;
    private final Batch batch;
    private final WaitLoop waiting;
    private long waitedFor; // size of the records that wait for room
    private int waitedItems; // their number
    private boolean closed;

    Producer(Participants participants, Bound bound, int lane, Doorbell room, WaitStrategy strategy) {
        super(participants.lanes, bound, lane);
        this.participants = participants;
        claim = new Claim(this::commit, this::abort, memory);
        batch = new Batch(this, claim);
        waiting = new WaitLoop(
                file, room, strategy, () -> hasRoom(waitedItems, waitedFor) ? 0 : WaitStrategy.LONGEST_NANOS);
        watchSpace();
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
        if (putAtOnce(from, start, length)) return true;
        if (length > maxShort) return putLong(MemorySegment.ofArray(from), start, length);
        int size = recordBytes(length);
        long offset = begin(size);
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
        if (length > maxShort) return putLong(from, start, length);
        int size = recordBytes(length);
        long offset = begin(size);
        if (offset == FULL) return false;
        long ticket = ticket();
        // checked: the caller's segment may be closed or confined to another thread
        SharedMemory.copyIn(from, start, memory, laneAddress + offset + headerBytes, length);
        publish(ticket, offset, length, size);
        return true;
    }

    /// Puts a message whose length a header cannot tell, or that is too large.
    private boolean putLong(MemorySegment from, long start, int length) {
        Claim space = tryClaim(length);
        if (space == null) return false;
        try {
            space.putBytes(0, from, start, length);
            space.commit();
        } finally {
            if (space.isOpen()) space.abort();
        }
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
        waitFor(geometry.recordBytes(length), 1, timeoutNanos);
        while (!done && waiting.pause()) done = tryPut(from, start, length);
        return done;
    }

    private void waitFor(long size, int items, long timeoutNanos) {
        waitedFor = size;
        waitedItems = items;
        waiting.start(timeoutNanos);
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
        long size = batchBytes(length);
        try {
            long payload = usualPayload(length);
            if (payload == 0) {
                long offset = begin(size);
                if (offset == FULL) return null;
                payload = laneAddress + offset + geometry.payloadOffset(length);
            }
            claim.open(payload, length);
            stop();
            return claim;
        } catch (RuntimeException | Error e) {
            throw failed(e);
        }
    }

    // ---- batches

    /// Opens a batch: several messages that are put all at once, or not at all. Until it is committed or aborted, this
    /// producer cannot put. Held for long it delays no other producer or consumer, but it has its place in the order
    /// from now on, like a put that takes that long.
    ///
    /// @param messages their number, 1 or more; a batch may be committed with fewer
    /// @param bytes the sum of their [sizes][#batchBytes(int)]
    /// @return the batch, or null if the queue is full
    /// @throws IllegalArgumentException if the number is below 1, or larger than the bound on the queue's items
    /// @throws MessageTooLargeException if it is larger than [LaneQueue#maxBatchBytes()]
    /// @throws IllegalStateException if a claim or a batch is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public @Nullable Batch tryBatch(int messages, long bytes) {
        try {
            return batch.open(messages, bytes) ? batch : null;
        } catch (RuntimeException | Error e) {
            throw failed(e);
        }
    }

    /// The same; waits while there is no room, up to the time-out.
    ///
    /// @param messages their number, 1 or more; a batch may be committed with fewer
    /// @param bytes the sum of their [sizes][#batchBytes(int)]
    /// @param timeoutNanos the longest wait, in ns; zero or less: no wait; [Long#MAX_VALUE]: no limit
    /// @return the batch, or null if the queue was full throughout
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws IllegalArgumentException if the number is below 1, or larger than the bound on the queue's items
    /// @throws MessageTooLargeException if it is larger than [LaneQueue#maxBatchBytes()]
    /// @throws IllegalStateException if a claim or a batch is open
    /// @throws QueueClosedException if this producer or its queue was closed, also while it waits
    public @Nullable Batch batch(int messages, long bytes, long timeoutNanos) throws InterruptedException {
        Batch opened = tryBatch(messages, bytes);
        if (opened != null || timeoutNanos <= 0) return opened;
        waitFor(bytes, messages, timeoutNanos);
        while (opened == null && waiting.pause()) opened = tryBatch(messages, bytes);
        return opened;
    }

    /// Returns what a message takes of a batch, its header included.
    ///
    /// @param length of its payload in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return bytes
    /// @throws MessageTooLargeException if it is longer
    public long batchBytes(int length) {
        if (length > geometry.maxMessageBytes()) throw tooLarge(length);
        return geometry.recordBytes(length);
    }

    /// Whether there is room for a message now: space in this producer's lane and, with a bound on the items, a place
    /// as in [LaneQueue#isFull()].
    ///
    /// @param length of its payload in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return whether a put would succeed
    /// @throws IllegalStateException if a claim is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public boolean hasRoom(int length) {
        return hasRoom(1, batchBytes(length));
    }

    /// Whether there is room for a batch now: space in this producer's lane and places.
    ///
    /// @param messages their number, 1 or more
    /// @param bytes the sum of their [sizes][#batchBytes(int)]
    /// @return whether it could be opened
    /// @throws IllegalStateException if a claim or a batch is open
    /// @throws QueueClosedException if this producer was closed, or its queue and this call leaves the fast path
    public boolean hasRoom(int messages, long bytes) {
        try {
            checkUsable();
            patience.renew();
            if (bounded && !bound.hasPlace(messages, patience)) return false;
            return hasRoomAtTail(bytes) || makeRoom(bytes);
        } catch (InternalError e) {
            throw translate(e);
        }
    }

    /// Puts what was written in place. Ends the claim right after publishing, without a call: the stack may be
    /// exhausted.
    void commit(int length) {
        if (batch.isOpen()) {
            batch.append(length, geometry.recordBytes(length));
            claim.length = -1;
            return;
        }
        long before = tail;
        long size = length <= maxShort ? recordBytes(length) : geometry.recordBytes(length);
        try {
            try {
                publish(writeHead(ticket(), Layout.offset(before), length, published), before + size, 1);
            } finally {
                if (tail != before) {
                    claim.length = -1;
                    resume();
                }
            }
        } catch (InternalError e) {
            throw translate(e);
        }
    }

    void abort() {
        if (bounded && !batch.isOpen() && !file.isTruncated()) retract();
        claim.length = -1;
        if (!batch.isOpen()) resume();
    }

    // ---- errors and the end

    /// Cleans up after a failed put: the message was not put (or only the wake-up after it failed), and no place stays
    /// reserved. Called by the outermost method, which has the most stack left. If even that overflows, the place is
    /// only lost until this producer's next call, since `published` is unchanged.
    RuntimeException failed(Throwable e) {
        if (e instanceof InternalError fault) throw translate(fault);
        try {
            if (bounded && !closed && !claim.isOpen() && !batch.isOpen()) retract();
        } catch (InternalError fault) {
            throw translate(fault);
        }
        if (e instanceof Error error) throw error;
        return (RuntimeException) e;
    }

    QueueCorruptedException translate(InternalError e) {
        stop(); // the next call checks whether the queue is usable
        return file.translate(e);
    }

    @Override
    void checkUsable() {
        if (!file.isUsable()) stop();
        file.checkOpen(); // first: it was this handle that the caller has closed, if it was both
        file.checkNotShutDown();
        if (closed) throw new QueueClosedException("this producer of " + file.path + " was closed");
        claim.checkNone();
        if (batch.isOpen()) throw new IllegalStateException("a batch is open; commit or abort it first");
    }

    /// Releases the lane. Its messages stay; an open claim or batch is aborted.
    @Override
    public void close() {
        if (closed) return;
        if (claim.isOpen()) claim.abort();
        if (batch.isOpen()) batch.abort();
        closed = true;
        stop();
        try {
            closeSpace();
        } catch (QueueCorruptedException | InternalError e) {
            // a damaged lane, or one truncated just now, keeps its space
        } finally {
            participants.releaseLane(lane);
        }
    }
}
