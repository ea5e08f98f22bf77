package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/// Writes one lane: the put of the package documentation, step by step.
///
/// Belongs to one thread.
abstract class LaneWriter {
    /// There is no room.
    static final long FULL = -1;

    final QueueFile file;
    final MemorySegment memory;
    final int lane;
    private final long base;
    private final long ticketAddress;
    final long laneAddress;
    final long laneBytes;
    final long mask; // makes an offset of a position
    final int headerBytes; // bytes before the payload
    private final int alignment; // of records
    final int maxMessage;
    final boolean bounded; // the number of items has a bound
    final Bound bound;
    private final LaneSpace space;
    final Patience patience;

    long tail; // position of the next record
    long writableEnd; // no byte at or above this position may be written before extendWritable() was asked

    private long lastTicket = -1; // the ticket last drawn
    private boolean uncontended; // nobody had drawn between my last two draws

    private long published; // items put into this lane, kept only if these are bounded; only publish() changes it

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

        // the last owner left a zero header after its last record: that is the tail (invariant 2)
        tail = lane < lanes.lanesInUse() ? lanes.tail(lane) : 0;
        space = new LaneSpace(file, lane, tail);
        boolean hasSpace = space.extend(tail, tail + headerBytes);
        if (hasSpace && bounded) { // an announcement that the last owner did not live to keep is void
            // pairs with the release in publish(), which the walk to the tail has read
            published = SharedMemory.getVolatile(memory, laneAddress + (tail & mask) + Long.BYTES);
            retract();
        }
        // before the first put: a look that does not know the lane is not over
        if (!hasSpace || !lanes.raiseLanesInUse(lane + 1)) {
            throw new QueueUnavailableException("no space left for lane " + lane + " of " + file.path
                    + "; free some, or take messages first");
        }
        writableEnd = space.writableEnd;
        // release: for display only, pairs with nothing
        SharedMemory.setRelease(memory, base + Layout.ownerPidOffset(lane), ProcessHandle.current().pid());
    }

    /// Throws if this producer cannot be used now: it was closed, or a claim is open.
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
        long end = tail + size + headerBytes; // and the zero header behind it
        return end - writableEnd <= 0 || extendWritable(end) ? offset : FULL;
    }

    /// The record would cross the lane's end: padding takes the rest, and it goes to the start.
    private long beginWrapped(int size, long offset) {
        long end = tail + (laneBytes - offset) + size + headerBytes;
        if (end - writableEnd > 0 && !extendWritable(end)) return FULL;
        writeEndMarker(0, published);
        // release: pairs with the read of the header in every look, which then sees the zero header after it, or what
        // was put there since
        SharedMemory.setRelease(memory, laneAddress + offset, Layout.PADDING);
        tail += laneBytes - offset;
        return 0;
    }

    private long beginBounded(int size) {
        if (writableEnd == tail) checkUsable(); // a claim may be open
        if (!announce()) return FULL;
        long offset = beginRecord(size);
        if (offset == FULL) retract();
        return offset;
    }

    /// My last ticket again, unless somebody has drawn since: then the next one.
    ///
    /// Why that keeps tickets in order (invariant 7) is in the package documentation. The counter is compared first
    /// only while nobody else draws; otherwise the comparison would cost a second transfer of its line.
    final long ticket() {
        // pairs with the draws of others. volatile: ordered before the release in publish() anyway, and not before the
        // last put
        if (uncontended && SharedMemory.getVolatile(memory, ticketAddress) == lastTicket + 1) return lastTicket;
        // pairs with newestTicket() and the draws of others; an atomic add, since two must not draw the same
        long drawn = SharedMemory.getAndAdd(memory, ticketAddress, 1);
        uncontended = drawn == lastTicket + 1;
        return lastTicket = drawn;
    }

    final void publish(long ticket, long offset, int length, int size) {
        long next = tail + size;
        // invariants 1 and 6; equal while a claim is open
        assert writableEnd == tail || next + headerBytes - writableEnd <= 0;
        writeEndMarker(next & mask, published + 1); // first: invariant 2, wherever this process dies
        // release: pairs with the volatile read of the header in every look; the message now exists
        SharedMemory.setRelease(memory, laneAddress + offset, Layout.header(ticket, length));
        tail = next;
        if (bounded) published++; // else it is one store a message more, a tenth of the throughput at 16 bytes
        Doorbell.ring(memory, base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
        Reference.reachabilityFence(this); // keeps the mapping
    }

    /// Prepares the place of the next record: a zero header, and its number if items are bounded.
    private void writeEndMarker(long offset, long number) {
        if (bounded) SharedMemory.setPlain(memory, laneAddress + offset + Long.BYTES, number);
        SharedMemory.setPlain(memory, laneAddress + offset, 0);
    }

    final int recordBytes(int length) {
        return QueueGeometry.recordBytes(length, headerBytes, alignment);
    }

    // ---- room

    /// Whether everything below the position `end` may be written: the consumers have passed it, and it has its space.
    final boolean extendWritable(long end) {
        checkUsable();
        writableEnd = tail; // if this fails or finds nothing, the next put asks again
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
