package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Puts messages into one lane of the queue, which is its own until it is closed or its process dies.
///
/// A put is wait-free while the lane has room: at most one fetch-and-add, and none while nobody else puts; then stores
/// into memory that nobody else writes. Beyond that it costs a full fence and two reads a lane where the number of items
/// has a bound, a call to the system for each 64 KiB of a lane that is written for the first time, and two atomic
/// operations and a call where somebody sleeps who must be woken. When a put has returned, no consumer that is told of it
/// misses the message, and every message whose put began later is delivered later.
///
/// Belongs to one thread, close() included. No allocation per message.
public final class Producer implements AutoCloseable {
    private static final long FULL = -1;
    /// Space is reserved in steps of this many bytes, while a lane is written for the first time.
    private static final long RESERVE_BYTES = 64 << 10;

    /// So much room, or so many times less, is worth a question to the system: is the file still whole?
    private static final long CHECK_BYTES = 1 << 20;
    private static final int CHECK_EACH = 64;

    private final LaneQueue queue;
    private final MemorySegment memory;
    private final int lane;
    private final long base;
    private final long ticketAt;
    private final long headAt;
    private final long laneAt;
    private final long laneBytes;
    private final long mask; // makes an offset of a position
    private final int prefix; // bytes before the payload
    private final int alignment; // of records
    private final int maxMessage;
    private final boolean counted; // the number of items has a bound
    private final Claim claim;
    private final Waiting waiting;
    private final Patience patience;

    private long tail; // position of the next record
    private long limit; // no byte at or above this position may be written before extend() was asked
    private long reserved; // space below this position is reserved, while the lane is written for the first time
    private boolean allReserved;
    private int extensions;

    private long mine = -1; // the ticket last drawn
    private boolean alone; // nobody had drawn between my last two draws

    private long published; // items put into this lane, kept only if they are counted; only publish() changes it
    private long claimedAt; // offset of the open claim
    private long limitAfterClaim;
    private int waitedFor; // bytes of the message that waits for room
    private boolean closed;

    Producer(LaneQueue queue, int lane, WaitStrategy strategy) {
        this.queue = queue;
        this.lane = lane;
        memory = queue.file.memory;
        base = Memory.base(memory);
        QueueGeometry geometry = queue.geometry();
        ticketAt = base + Layout.TICKET_AT;
        headAt = base + Layout.headAt(lane);
        laneAt = base + geometry.laneAt(lane);
        laneBytes = geometry.laneBytes();
        mask = geometry.offsetMask();
        prefix = geometry.prefixBytes();
        alignment = geometry.alignment();
        maxMessage = geometry.maxMessageBytes();
        counted = geometry.counted();
        claim = new Claim(this, memory);
        waiting = queue.waitingForRoom(strategy, () -> hasRoom(waitedFor));
        patience = new Patience(queue.lanes);

        // the last owner left a zero header after its last record: that is the tail (invariant 2)
        tail = lane < queue.lanes.lanesInUse() ? queue.lanes.tail(lane) : 0;
        limit = tail;
        reserved = tail;
        // by those who have written all of it; after 2^64 bytes positions are small again, but first the head is not
        allReserved = Long.compareUnsigned(tail, laneBytes) >= 0
                || Long.compareUnsigned(Memory.getVolatile(memory, headAt), tail) > 0;
        boolean space = extend(tail + prefix);
        if (space && counted) { // an announcement that the last owner did not live to keep is void
            published = Memory.getVolatile(memory, laneAt + (tail & mask) + Long.BYTES);
            retract();
        }
        // before the first put: a look that does not know the lane is not over
        if (!space || !queue.lanes.raiseLanesInUse(lane + 1)) {
            throw new QueueUnavailableException("no space left for lane " + lane + " of " + queue.path()
                    + "; free some, or take messages first");
        }
        Memory.setRelease(memory, base + Layout.ownerPidAt(lane), ProcessHandle.current().pid());
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
    /// @throws QueueClosedException if this producer or its queue was closed
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
    /// @throws QueueClosedException if this producer or its queue was closed
    public boolean tryPut(byte[] from, int start, int length) {
        Objects.checkFromIndexSize(start, length, from.length);
        try {
            return putBytes(from, start, length);
        } catch (RuntimeException | Error e) {
            throw failed(e);
        }
    }

    /// On its own: a handler around all of this kept the compiler from its best, a quarter of the throughput at 16 bytes.
    private boolean putBytes(byte[] from, int start, int length) {
        int size = recordBytes(length);
        long offset = begin(length, size);
        if (offset == FULL) return false;
        long ticket = ticket();
        Memory.copyIn(from, start, memory, laneAt + offset + prefix, length);
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
    /// @throws QueueClosedException if this producer or its queue was closed
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
        Memory.copyIn(from, start, memory, laneAt + offset + prefix, length); // it may be closed, or another thread's
        publish(ticket, offset, length, size);
        return true;
    }

    /// Puts the bytes of an array, and waits for room as long as it takes.
    ///
    /// @param from the payload
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    /// @throws MessageTooLargeException if it is longer than [LaneQueue#maxMessageBytes()]
    /// @throws QueueClosedException if this producer or its queue was closed, also while it waits
    public void put(byte[] from) throws InterruptedException {
        put(from, 0, from.length, Long.MAX_VALUE);
    }

    /// Puts a range of an array, and waits for room.
    ///
    /// @param from holds the payload
    /// @param start index of its first byte
    /// @param length in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @param timeoutNanos the longest wait; zero or less does not wait, [Long#MAX_VALUE] has no end
    /// @return false if the queue was full all the time
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    /// @throws MessageTooLargeException if the message is longer
    /// @throws QueueClosedException if this producer or its queue was closed, also while it waits
    public boolean put(byte[] from, int start, int length, long timeoutNanos) throws InterruptedException {
        boolean done = tryPut(from, start, length);
        if (done || timeoutNanos <= 0) return done;
        waitedFor = length;
        waiting.begin(timeoutNanos);
        while (!done && waiting.again()) done = tryPut(from, start, length);
        return done;
    }

    /// Claims space for a message that is written in place. Until the claim is committed or aborted, this producer puts
    /// nothing else. A claim that is held for long holds nobody up.
    ///
    /// @param length of the payload in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return the claim, or null if the queue is full
    /// @throws MessageTooLargeException if it is longer
    /// @throws IllegalStateException if a claim is open
    /// @throws QueueClosedException if this producer or its queue was closed
    public @Nullable Claim tryClaim(int length) {
        if (length < 0) throw new IllegalArgumentException("length=" + length + ", must be 0 or more");
        try {
            long offset = begin(length, recordBytes(length));
            if (offset == FULL) return null;
            claimedAt = offset;
            claim.open(laneAt + offset + prefix, length);
            limitAfterClaim = limit;
            limit = tail;
            return claim;
        } catch (RuntimeException | Error e) {
            throw failed(e);
        }
    }

    void commit(int length) {
        long before = tail;
        try {
            try {
                publish(ticket(), claimedAt, length, recordBytes(length));
            } finally {
                if (tail != before) { // else it is still open; no call, since there may be no stack left for one
                    claim.length = -1;
                    limit = limitAfterClaim;
                }
            }
        } catch (InternalError e) {
            throw fault(e);
        }
    }

    void abort() {
        if (counted && !queue.file.isCutOff()) retract();
        claim.length = -1;
        limit = limitAfterClaim;
    }

    /// Whether there is room for a message now: with a bound on the items, a place as [LaneQueue#isFull()] says, and
    /// always space in this producer's lane.
    ///
    /// @param length of its payload in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return whether a put would not find the queue full
    /// @throws QueueClosedException if this producer or its queue was closed
    public boolean hasRoom(int length) {
        checkUsable();
        try {
            if (counted && !hasPlace()) return false;
            int size = recordBytes(length);
            long offset = tail & mask;
            long pad = offset + size > laneBytes ? laneBytes - offset : 0;
            return extend(tail + pad + size + prefix);
        } catch (InternalError e) {
            throw fault(e);
        }
    }

    private boolean hasPlace() {
        checkUsable();
        patience.renew();
        return queue.bound.hasPlace(patience);
    }

    // ---- a put, step by step

    /// Finds room for a record: returns its offset in the lane, or FULL.
    private long begin(int length, int size) {
        if (length > maxMessage) throw tooLarge(length);
        if (counted) return beginCounted(size);
        return beginRecord(size);
    }

    private long beginRecord(int size) {
        long offset = tail & mask;
        if (offset + size > laneBytes) return beginWrapped(size, offset);
        long end = tail + size + prefix; // and the zero header behind it
        return end - limit <= 0 || extend(end) ? offset : FULL;
    }

    /// The record would cross the lane's end: padding takes the rest, and it goes to the start.
    private long beginWrapped(int size, long offset) {
        long end = tail + (laneBytes - offset) + size + prefix;
        if (end - limit > 0 && !extend(end)) return FULL;
        endLogAt(0, published);
        // release: whoever sees the padding sees the zero header behind it, or what was put there since
        Memory.setRelease(memory, laneAt + offset, Layout.PADDING);
        tail += laneBytes - offset;
        return 0;
    }

    private long beginCounted(int size) {
        if (limit == tail) checkUsable(); // a claim may be open
        if (!announce()) return FULL;
        long offset = beginRecord(size);
        if (offset == FULL) retract();
        return offset;
    }

    /// My last ticket again, unless somebody has drawn since: then the next one.
    ///
    /// Why that keeps tickets in order (invariant 7) is in the package documentation. The counter is compared first only
    /// while nobody else draws; otherwise the comparison would cost a second transfer of its line.
    private long ticket() {
        if (alone && Memory.getVolatile(memory, ticketAt) == mine + 1) return mine;
        long drawn = Memory.getAndAdd(memory, ticketAt, 1);
        alone = drawn == mine + 1;
        return mine = drawn;
    }

    private void publish(long ticket, long offset, int length, int size) {
        long next = tail + size;
        assert claim.isOpen() || next + prefix - limit <= 0; // invariants 1 and 6
        endLogAt(next & mask, published + 1); // first: invariant 2, wherever this process dies
        // release: pairs with the volatile read of the header in every look; the message now exists
        Memory.setRelease(memory, laneAt + offset, Layout.header(ticket, length));
        tail = next;
        if (counted) published++; // else it is one store a message more, a tenth of the throughput at 16 bytes
        Waiting.wake(memory, base, Layout.MESSAGES_WAITING_AT, Layout.MESSAGES_FUTEX_AT);
        Reference.reachabilityFence(this); // keeps the mapping
    }

    /// Prepares the place of the next record: a zero header, and its number if items are counted.
    private void endLogAt(long offset, long number) {
        if (counted) Memory.setPlain(memory, laneAt + offset + Long.BYTES, number);
        Memory.setPlain(memory, laneAt + offset, 0);
    }

    private int recordBytes(int length) {
        return QueueGeometry.recordBytes(length, prefix, alignment);
    }

    // ---- room

    /// Whether everything below the position `end` may be written: the consumers have passed it, and it has its space.
    private boolean extend(long end) {
        checkUsable();
        if ((++extensions & CHECK_EACH - 1) == 0) checkWhole();
        long head = Memory.getVolatile(memory, headAt); // pairs with the release or CAS of who took the records before it
        long free = head + laneBytes;
        if (Long.compareUnsigned(tail - head, laneBytes) > 0)
            throw queue.file.corrupted(lane, head, "head is outside of the log");
        if (end - free > 0) return false;
        while (!allReserved && reserved - end < 0) {
            long to = Math.min((reserved & -RESERVE_BYTES) + RESERVE_BYTES, laneBytes);
            // what is before it, the zero header too, consumers may read; in a damaged file the tail may be anywhere
            long from = Math.min(Math.max(reserved, tail + prefix), to);
            if (!queue.file.reserve(lane, from, to)) return false;
            reserved = to;
            allReserved = reserved == laneBytes;
        }
        limit = allReserved || free - reserved < 0 ? free : reserved;
        if (limit - tail >= CHECK_BYTES) checkWhole();
        return true;
    }

    private void checkWhole() {
        if (!queue.file.isCutOff()) return;
        limit = tail; // so that a shorter message asks, too
        queue.file.checkNotCutOff();
    }

    /// A put has failed: its message is not put, or it was and only who waits for it was not woken, and it keeps no
    /// place. Called by the outermost method, which has the most stack left. Even if there is not enough, the place is
    /// only lost until this producer's next call, for `published` was not changed.
    private RuntimeException failed(Throwable e) {
        if (e instanceof InternalError fault) throw fault(fault);
        try {
            if (counted && !closed && !claim.isOpen()) retract();
        } catch (InternalError fault) {
            throw fault(fault);
        }
        if (e instanceof Error error) throw error;
        return (RuntimeException) e;
    }

    private QueueCorruptedException fault(InternalError e) {
        limit = tail; // whatever is next asks whether the queue can be used
        return queue.file.fault(e);
    }

    private void checkUsable() {
        if (closed) throw new QueueClosedException("this producer of " + queue.path() + " was closed");
        if (!queue.file.isUsable()) limit = tail;
        queue.file.checkOpen();
        if (claim.isOpen()) {
            throw new IllegalStateException(
                    "a claim of length=" + claim.length() + " is open; commit or abort it first");
        }
    }

    private boolean announce() {
        patience.renew();
        return queue.bound.announce(lane, published, patience);
    }

    private void retract() {
        queue.bound.retract(lane, published);
    }

    private MessageTooLargeException tooLarge(int length) {
        return new MessageTooLargeException("length=" + length + " bytes, but a message of " + queue.path()
                + " may have " + maxMessage + " (laneBytes=" + laneBytes + ")", length);
    }

    /// Gives the lane back. Messages in it stay there; an open claim is aborted.
    @Override
    public void close() {
        if (closed) return;
        if (claim.isOpen()) claim.abort();
        closed = true;
        limit = tail;
        queue.participants.releaseLane(lane);
    }
}
