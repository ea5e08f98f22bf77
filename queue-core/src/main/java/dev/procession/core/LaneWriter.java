package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/// Writes one lane: put, as in the package documentation, step by step. [Producer] calls `begin`, `ticket`, writes the
/// payload, and calls `publish`.
///
/// Confined to one thread.
abstract class LaneWriter {
    /// No room.
    static final long FULL = LaneSpace.FULL;

    final QueueFile file;
    private final MemorySegment words; // the shared words
    final MemorySegment memory; // the lane
    final int lane;
    private final long base;
    private final long ticketAddress;
    final long laneAddress;
    final QueueGeometry geometry;
    final int headerBytes; // bytes before the payload of a short record
    private final int alignment; // of records, in bytes
    final int maxShort; // the longest payload of a short record
    final boolean bounded; // there is a bound on the number of items
    final Bound bound;
    private final LaneSpace space;
    final Patience patience;

    long tail; // position of the next record
    // positions from here on may be written only after makeRoom(); set to the tail where the next put has to check
    // first whether it may be made: after a failure, when closed, while a claim or a batch is open
    long writableEnd;

    private long lastTicket = -1; // the ticket drawn last
    private boolean uncontended; // no other producer drew between this one's last two draws

    long published; // items put into this lane, maintained only if bounded; only publish() raises it

    LaneWriter(Lanes lanes, Bound bound, int lane) {
        this.bound = bound;
        this.lane = lane;
        file = lanes.file;
        words = file.memory;
        memory = file.lanes.mapping(lane);
        base = file.base;
        geometry = file.geometry;
        ticketAddress = base + Layout.TICKET_OFFSET;
        laneAddress = file.lanes.address(lane);
        headerBytes = geometry.headerBytes();
        alignment = geometry.alignment();
        maxShort = Math.min(geometry.maxMessageBytes(), Layout.MAX_SHORT);
        bounded = geometry.bounded();
        patience = new Patience(file);

        space = new LaneSpace(lanes, lane, lane < lanes.lanesInUse());
        tail = space.foundTail;
        boolean hasSpace = space.find(tail, 0) == Layout.offset(tail);
        if (hasSpace && bounded) { // void an announcement that the previous owner did not live to fulfil
            // pairs with the release in publish(), which the walk to the tail has read
            published = SharedMemory.getVolatile(memory, laneAddress + Layout.offset(tail) + Long.BYTES);
            retract();
        }
        // before the first put: invariant 8
        if (!hasSpace || !lanes.raiseLanesInUse(lane + 1)) {
            throw new QueueUnavailableException("no space left for lane " + lane + " of " + file.path
                    + "; free some, or take messages first");
        }
        writableEnd = space.writableEnd;
        // release: for display only, pairs with nothing
        SharedMemory.setRelease(words, base + Layout.ownerPidOffset(lane), ProcessHandle.current().pid());
    }

    /// Throws if this producer is unusable: closed, or a claim or a batch is open.
    abstract void checkUsable();

    // ---- a put, step by step

    /// Finds room for records of this size: returns its offset in the lane, or FULL.
    final long begin(long size) {
        if (bounded) return beginBounded(size, 1);
        return beginRecords(size);
    }

    private long beginRecords(long size) {
        long end = tail + size + headerBytes; // includes the zero header after it
        return end - writableEnd <= 0 || makeRoom(size) ? Layout.offset(tail) : FULL;
    }

    /// Finds room for a number of records, which are written next to each other.
    final long beginBatch(long size, int items) {
        return bounded ? beginBounded(size, items) : beginRecords(size);
    }

    private long beginBounded(long size, int items) {
        if (writableEnd == tail) checkUsable(); // before an announcement: a claim may be open
        if (!announce(items)) return FULL;
        long offset = beginRecords(size);
        if (offset == FULL) retract();
        return offset;
    }

    /// Whether there is room for records of this size at the tail, after a jump to another chunk if necessary.
    final boolean makeRoom(long size) {
        checkUsable();
        writableEnd = tail; // on failure or FULL the next put retries
        long start = space.find(tail, size);
        if (start == LaneSpace.FULL) return false;
        if (start != Layout.offset(tail)) jump(start);
        writableEnd = space.writableEnd;
        space.watch();
        return true;
    }

    private void jump(long start) {
        long next = Layout.position(Layout.jumps(tail) + 1, start);
        writeEndMarker(start, published); // first: invariant 2 holds wherever this process dies
        // release: pairs with the volatile read of the header in every look, which then sees the end marker too
        SharedMemory.setRelease(memory, laneAddress + Layout.offset(tail),
                Layout.jumpTo(start / geometry.chunkBytes()));
        tail = next;
    }

    /// The last ticket again, unless another producer has drawn since: then the next one.
    ///
    /// Why this keeps tickets in order (invariant 7) is in the package documentation. The counter is compared first
    /// only while uncontended; otherwise the comparison would cost a second transfer of its cache line.
    final long ticket() {
        // pairs with other producers' draws; volatile: not moved below publish(), nor by the compiler above the last
        // put. The CPU may load while that put is in its store buffer: what it reads was true during this put or the
        // last
        if (uncontended && SharedMemory.getVolatile(words, ticketAddress) == lastTicket + 1) return lastTicket;
        // pairs with newestTicket() and other producers' draws; atomic add: tickets of different lanes differ (7)
        long drawn = SharedMemory.getAndAdd(words, ticketAddress, 1);
        uncontended = drawn == lastTicket + 1;
        return lastTicket = drawn;
    }

    final void publish(long ticket, long offset, int length, int size) {
        long next = tail + size;
        // invariants 1 and 6; equal while a claim is open
        assert writableEnd == tail || next + headerBytes - writableEnd <= 0;
        // first: invariant 2 holds wherever this process dies. (This record's own number is there since the last time.)
        writeEndMarker(Layout.offset(next), published + 1);
        // release: pairs with the volatile read of the header in every look; from here on the message exists
        SharedMemory.setRelease(memory, laneAddress + offset, Layout.header(ticket, length));
        tail = next;
        if (bounded) published++; // unbounded queues save this store: a tenth of the throughput at 16 bytes
        wake();
    }

    /// Publishes records that end here; `header` is the first one's.
    final void publish(long header, long next, int items) {
        assert writableEnd == tail || next + headerBytes - writableEnd <= 0;
        long offset = Layout.offset(tail);
        writeEndMarker(Layout.offset(next), published + items);
        // release: pairs with the volatile read of the header in every look; from here on all of them exist
        SharedMemory.setRelease(memory, laneAddress + offset, header);
        tail = next;
        if (bounded) published += items;
        wake();
    }

    private void wake() {
        Doorbell.ring(words, base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
        Reference.reachabilityFence(this); // keeps the file mapped
    }

    /// Writes the end of the log: a zero header, and the next record's number if items are bounded.
    private void writeEndMarker(long offset, long number) {
        if (bounded) SharedMemory.setPlain(memory, laneAddress + offset + Long.BYTES, number);
        SharedMemory.setPlain(memory, laneAddress + offset, 0);
    }

    /// The size of a short record.
    final int recordBytes(int length) {
        return QueueGeometry.recordBytes(length, headerBytes, alignment);
    }

    /// Writes what a record after the first one of a batch has before its payload, and any long record: returns the
    /// record's header.
    final long writeHead(long ticket, long offset, int length, long number) {
        if (bounded) SharedMemory.setPlain(memory, laneAddress + offset + Long.BYTES, number);
        if (length <= Layout.MAX_SHORT) return Layout.header(ticket, length);
        SharedMemory.setPlain(memory, laneAddress + offset + headerBytes, length);
        return Layout.longHeader(ticket);
    }

    final void watchSpace() {
        space.watch();
    }

    final void closeSpace() {
        space.close(tail);
    }

    // ---- the bound on the number of items

    private boolean announce(int items) {
        patience.renew();
        return bound.announce(lane, published, items, patience);
    }

    final void retract() {
        announceExactly(0);
    }

    /// Corrects an announcement of more than this.
    final void announceExactly(int items) {
        bound.retract(lane, published + items);
    }

    final MessageTooLargeException tooLarge(int length) {
        return new MessageTooLargeException("length=" + length + " bytes, but a message of " + file.path
                + " may have " + geometry.maxMessageBytes() + " (laneBytes=" + geometry.laneBytes() + ")", length);
    }
}
