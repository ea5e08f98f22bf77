package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Puts messages into one lane of the queue, which is its own until it is closed or its process dies.
///
/// A put is wait-free while the lane has room: at most one fetch-and-add, and none while nobody else puts; then stores
/// into memory that nobody else writes. When a put has returned, no consumer that is told of it misses the message, and
/// every message whose put began later is delivered later.
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

    private long tail; // position of the next record
    private long limit; // no byte at or above this position may be written before extend() was asked
    private long reserved; // space below this position is reserved
    private final long reserveAll; // the position at which the whole lane is
    private boolean allReserved;
    private int extensions;

    private long mine = -1; // the ticket last drawn
    private boolean alone; // nobody had drawn between my last two draws

    private long announced; // items put into this lane, and the one that is on its way
    private long claimedAt; // offset of the open claim
    private long limitAfterClaim;
    private int waitedFor; // bytes of the message that waits for room
    private boolean closed;

    Producer(LaneQueue queue, int lane, WaitStrategy strategy) {
        this.queue = queue;
        this.lane = lane;
        memory = queue.memory();
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

        // whoever owned the lane left a zero header behind its last record: that is the tail, wherever it died
        tail = lane < queue.lanesInUse() ? queue.tail(lane) : 0;
        limit = tail;
        long step = Math.min(RESERVE_BYTES, laneBytes);
        reserved = tail & -step;
        reserveAll = reserved + laneBytes;
        boolean space = extend(tail + prefix);
        if (space && counted) { // an announcement that the last owner did not live to keep is void
            announced = Memory.getVolatile(memory, laneAt + (tail & mask) + Long.BYTES);
            Memory.setRelease(memory, base + Layout.announcedAt(lane), announced);
        }
        // before the first put: a look that does not know the lane is not over
        if (!space || !queue.raiseLanesInUse(lane + 1)) {
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
        } catch (InternalError e) {
            throw fault(e);
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
        } catch (InternalError e) {
            throw fault(e);
        }
    }

    private boolean putSegment(MemorySegment from, long start, int length) {
        int size = recordBytes(length);
        long offset = begin(length, size);
        if (offset == FULL) return false;
        long ticket = ticket();
        boolean copied = false;
        try { // the segment may be closed by now, or belong to another thread
            Memory.copyIn(from, start, memory, laneAt + offset + prefix, length);
            copied = true;
        } finally {
            if (!copied && counted) retract();
        }
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
        long offset;
        try {
            offset = begin(length, recordBytes(length));
        } catch (InternalError e) {
            throw fault(e);
        }
        if (offset == FULL) return null;
        claimedAt = offset;
        claim.open(laneAt + offset + prefix, length);
        limitAfterClaim = limit;
        limit = tail;
        return claim;
    }

    void commit(int length) {
        limit = limitAfterClaim;
        try {
            publish(ticket(), claimedAt, length, recordBytes(length));
        } catch (InternalError e) {
            throw fault(e);
        }
    }

    void abort() {
        limit = limitAfterClaim;
        if (counted && !queue.isCutOff()) retract();
    }

    /// Whether there is room for a message now.
    ///
    /// @param length of its payload in bytes, 0 to [LaneQueue#maxMessageBytes()]
    /// @return whether a put would not find the queue full
    /// @throws QueueClosedException if this producer or its queue was closed
    public boolean hasRoom(int length) {
        checkUsable();
        try {
            if (counted && queue.countedItems() >= queue.geometry().maxItems()) return false;
            int size = recordBytes(length);
            long offset = tail & mask;
            long pad = offset + size > laneBytes ? laneBytes - offset : 0;
            return extend(tail + pad + size + prefix);
        } catch (InternalError e) {
            throw fault(e);
        }
    }

    // ---- a put, step by step

    /// Finds room for a record: returns its offset in the lane, or FULL.
    private long begin(int length, int size) {
        if (length > maxMessage) throw new MessageTooLargeException(tooLarge(length));
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
        endLogAt(0, announced - 1);
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
    /// Records of one lane may share a ticket, since the lane gives them their order. If another put began after mine
    /// returned, it reads the counter after I did: it draws a larger ticket, or finds its own last one still the newest,
    /// which then was drawn after I read. The counter is compared first only while nobody else draws; otherwise the
    /// comparison would cost a second transfer of its line.
    private long ticket() {
        if (alone && Memory.getVolatile(memory, ticketAt) == mine + 1) return mine;
        long drawn = Memory.getAndAdd(memory, ticketAt, 1);
        alone = drawn == mine + 1;
        return mine = drawn;
    }

    private void publish(long ticket, long offset, int length, int size) {
        long next = tail + size;
        endLogAt(next & mask, announced); // so the log always ends in a zero header, wherever its owner dies
        // release: pairs with the volatile read of the header in every look; the message now exists
        Memory.setRelease(memory, laneAt + offset, Layout.header(ticket, length));
        tail = next;
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
            throw queue.corrupted(lane, head, "head is outside of the log");
        if (end - free > 0) return false;
        while (!allReserved && reserved - end < 0) {
            long step = Math.min(RESERVE_BYTES, laneBytes);
            if (!queue.reserve(lane, reserved & laneBytes - 1, step)) return false;
            reserved += step;
            allReserved = reserved == reserveAll;
        }
        limit = allReserved || free - reserved < 0 ? free : reserved;
        if (limit - tail >= CHECK_BYTES) checkWhole();
        return true;
    }

    private void checkWhole() {
        if (!queue.isCutOff()) return;
        limit = tail; // so that a shorter message asks, too
        queue.checkNotCutOff();
    }

    private QueueCorruptedException fault(InternalError e) {
        limit = tail; // whatever is next asks whether the queue can be used
        return queue.fault(e);
    }

    private void checkUsable() {
        if (closed) throw new QueueClosedException("this producer of " + queue.path() + " was closed");
        if (!queue.isUsable()) limit = tail;
        queue.checkOpen();
        if (claim.isOpen()) {
            throw new IllegalStateException(
                    "a claim of length=" + claim.length() + " is open; commit or abort it first");
        }
    }

    /// Counts one item more before it is put, so that all who do the same see each other: of the items in an overfull
    /// queue the one announced last would have counted all the others.
    private boolean announce() {
        Memory.setRelease(memory, base + Layout.announcedAt(lane), announced + 1);
        Memory.fullFence(); // everybody announces, then counts; without it two could overlook each other
        announced++;
        if (queue.countedItems() <= queue.geometry().maxItems()) return true;
        retract();
        queue.voidAnnouncementsOfTheDead();
        return false;
    }

    private void retract() {
        announced--;
        Memory.setRelease(memory, base + Layout.announcedAt(lane), announced);
    }

    private String tooLarge(int length) {
        return "length=" + length + " bytes, but a message of " + queue.path() + " may have " + maxMessage
                + "; make the queue with larger lanes (laneBytes=" + laneBytes + ")";
    }

    /// Gives the lane back. Messages in it stay there; an open claim is aborted.
    @Override
    public void close() {
        if (closed) return;
        if (claim.isOpen()) claim.abort();
        closed = true;
        limit = tail;
        queue.releaseLane(lane);
    }
}
