package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/// Writes one lane: put, as in the package documentation, step by step. [Producer] calls `begin`, `ticket`, writes the
/// payload, and calls `publish`.
///
/// Confined to one thread.
abstract class LaneWriter {
    /// No room.
    static final long FULL = -1;

    final QueueFile file;
    final MemorySegment memory;
    final int lane;
    private final long base;
    private final long ticketAddress;
    final long laneAddress;
    final long laneBytes;
    final long mask; // position & mask is the offset
    final int headerBytes; // bytes before the payload
    private final int alignment; // of records, in bytes
    final int maxMessage;
    final boolean bounded; // there is a bound on the number of items
    final Bound bound;
    private final LaneSpace space;
    final Patience patience;

    long tail; // position of the next record
    // positions from here on may be written only after extendWritable(); set to the tail where the next put has to
    // check first whether it may be made: after a failure, when closed, while a claim is open
    long writableEnd;

    private long lastTicket = -1; // the ticket drawn last
    private boolean uncontended; // no other producer drew between this one's last two draws

    private long published; // items put into this lane, maintained only if bounded; only publish() raises it

    LaneWriter(Lanes lanes, Bound bound, int lane) {
        this.bound = bound;
        this.lane = lane;
        file = lanes.file;
        memory = file.memory;
        base = file.base;
        QueueGeometry geometry = file.geometry;
        ticketAddress = base + Layout.TICKET_OFFSET;
        laneAddress = base + geometry.laneOffset(lane);
        laneBytes = geometry.laneBytes();
        mask = geometry.offsetMask();
        headerBytes = geometry.headerBytes();
        alignment = geometry.alignment();
        maxMessage = geometry.maxMessageBytes();
        bounded = geometry.bounded();
        patience = new Patience(file);

        // the previous owner left a zero header after its last record: that is the tail (invariant 2)
        tail = lane < lanes.lanesInUse() ? lanes.tail(lane) : 0;
        space = new LaneSpace(file, lane, tail);
        boolean hasSpace = space.extend(tail, tail + headerBytes);
        if (hasSpace && bounded) { // void an announcement that the previous owner did not live to fulfil
            // pairs with the release in publish(), which the walk to the tail has read
            published = SharedMemory.getVolatile(memory, laneAddress + (tail & mask) + Long.BYTES);
            retract();
        }
        // before the first put: invariant 8
        if (!hasSpace || !lanes.raiseLanesInUse(lane + 1)) {
            throw new QueueUnavailableException("no space left for lane " + lane + " of " + file.path
                    + "; free some, or take messages first");
        }
        writableEnd = space.writableEnd;
        // release: for display only, pairs with nothing
        SharedMemory.setRelease(memory, base + Layout.ownerPidOffset(lane), ProcessHandle.current().pid());
    }

    /// Throws if this producer is unusable: closed, or a claim is open.
    abstract void checkUsable();

    // ---- a put, step by step

    /// Finds room for a record: returns its offset in the lane, or FULL.
    final long begin(int length, int size) {
        if (length > maxMessage) throw tooLarge(length);
        if (bounded) return beginBounded(size);
        return beginRecord(size);
    }

    private long beginRecord(int size) {
        long offset = tail & mask;
        if (offset + size > laneBytes) return beginWrapped(size, offset);
        long end = tail + size + headerBytes; // includes the zero header after it
        return end - writableEnd <= 0 || extendWritable(end) ? offset : FULL;
    }

    /// The record would cross the lane's end: pads the rest of the lane and wraps to its start.
    private long beginWrapped(int size, long offset) {
        long end = tail + (laneBytes - offset) + size + headerBytes;
        if (end - writableEnd > 0 && !extendWritable(end)) return FULL;
        writeEndMarker(0, published);
        // release: pairs with the volatile read of the header in every look, which then sees the end marker too
        SharedMemory.setRelease(memory, laneAddress + offset, Layout.PADDING);
        tail += laneBytes - offset;
        return 0;
    }

    private long beginBounded(int size) {
        if (writableEnd == tail) checkUsable(); // before an announcement: a claim may be open
        if (!announce()) return FULL;
        long offset = beginRecord(size);
        if (offset == FULL) retract();
        return offset;
    }

    /// The last ticket again, unless another producer has drawn since: then the next one.
    ///
    /// Why this keeps tickets in order (invariant 7) is in the package documentation. The counter is compared first
    /// only while uncontended; otherwise the comparison would cost a second transfer of its cache line.
    final long ticket() {
        // pairs with other producers' draws; volatile: not moved below publish(), nor by the compiler above the last
        // put. The CPU may load while that put is in its store buffer: what it reads was true during this put or the
        // last
        if (uncontended && SharedMemory.getVolatile(memory, ticketAddress) == lastTicket + 1) return lastTicket;
        // pairs with newestTicket() and other producers' draws; atomic add: tickets of different lanes differ (7)
        long drawn = SharedMemory.getAndAdd(memory, ticketAddress, 1);
        uncontended = drawn == lastTicket + 1;
        return lastTicket = drawn;
    }

    final void publish(long ticket, long offset, int length, int size) {
        long next = tail + size;
        // invariants 1 and 6; equal while a claim is open
        assert writableEnd == tail || next + headerBytes - writableEnd <= 0;
        // first: invariant 2 holds wherever this process dies. (This record's own number is there since the last time.)
        writeEndMarker(next & mask, published + 1);
        // release: pairs with the volatile read of the header in every look; from here on the message exists
        SharedMemory.setRelease(memory, laneAddress + offset, Layout.header(ticket, length));
        tail = next;
        if (bounded) published++; // unbounded queues save this store: a tenth of the throughput at 16 bytes
        Doorbell.ring(memory, base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
        Reference.reachabilityFence(this); // keeps the file mapped
    }

    /// Writes the end of the log: a zero header, and the next record's number if items are bounded.
    private void writeEndMarker(long offset, long number) {
        if (bounded) SharedMemory.setPlain(memory, laneAddress + offset + Long.BYTES, number);
        SharedMemory.setPlain(memory, laneAddress + offset, 0);
    }

    final int recordBytes(int length) {
        return QueueGeometry.recordBytes(length, headerBytes, alignment);
    }

    // ---- room

    /// Whether everything below the position `end` may be written: consumers have passed it, and its space is
    /// allocated.
    final boolean extendWritable(long end) {
        checkUsable();
        writableEnd = tail; // on failure or FULL the next put retries
        boolean extended = space.extend(tail, end);
        if (extended) writableEnd = space.writableEnd;
        return extended;
    }

    // ---- the bound on the number of items

    private boolean announce() {
        patience.renew();
        return bound.announce(lane, published, patience);
    }

    final void retract() {
        bound.retract(lane, published);
    }

    private MessageTooLargeException tooLarge(int length) {
        return new MessageTooLargeException("length=" + length + " bytes, but a message of " + file.path
                + " may have " + maxMessage + " (laneBytes=" + laneBytes + ")", length);
    }
}
