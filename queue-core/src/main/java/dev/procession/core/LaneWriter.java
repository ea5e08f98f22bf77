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
    private final long ticketAt;
    final long laneAt;
    final long laneBytes;
    final long mask; // makes an offset of a position
    final int prefix; // bytes before the payload
    private final int alignment; // of records
    final int maxMessage;
    final boolean counted; // the number of items has a bound
    final Bound bound;
    private final LaneSpace space;
    final Patience patience;

    long tail; // position of the next record
    long limit; // no byte at or above this position may be written before extend() was asked

    private long mine = -1; // the ticket last drawn
    private boolean alone; // nobody had drawn between my last two draws

    private long published; // items put into this lane, kept only if they are counted; only publish() changes it

    LaneWriter(Lanes lanes, Bound bound, int lane) {
        this.bound = bound;
        this.lane = lane;
        file = lanes.file;
        memory = file.memory;
        base = file.base;
        QueueGeometry geometry = file.geometry;
        ticketAt = base + Layout.TICKET_AT;
        laneAt = base + geometry.laneAt(lane);
        laneBytes = geometry.laneBytes();
        mask = geometry.offsetMask();
        prefix = geometry.prefixBytes();
        alignment = geometry.alignment();
        maxMessage = geometry.maxMessageBytes();
        counted = geometry.counted();
        patience = new Patience(file);

        // the last owner left a zero header after its last record: that is the tail (invariant 2)
        tail = lane < lanes.lanesInUse() ? lanes.tail(lane) : 0;
        space = new LaneSpace(file, lane, tail);
        boolean hasSpace = space.extend(tail, tail + prefix);
        if (hasSpace && counted) { // an announcement that the last owner did not live to keep is void
            // pairs with the release in publish(), which the walk to the tail has read
            published = Memory.getVolatile(memory, laneAt + (tail & mask) + Long.BYTES);
            retract();
        }
        // before the first put: a look that does not know the lane is not over
        if (!hasSpace || !lanes.raiseLanesInUse(lane + 1)) {
            throw new QueueUnavailableException("no space left for lane " + lane + " of " + file.path
                    + "; free some, or take messages first");
        }
        limit = space.limit;
        // release: for display only, pairs with nothing
        Memory.setRelease(memory, base + Layout.ownerPidAt(lane), ProcessHandle.current().pid());
    }

    /// Throws if this producer cannot be used now: it was closed, or a claim is open.
    abstract void checkUsable();

    // ---- a put, step by step

    /// Finds room for a record: returns its offset in the lane, or FULL.
    final long begin(int length, int size) {
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
        // release: pairs with the read of the header in every look, which then sees the zero header after it, or what
        // was put there since
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
    /// Why that keeps tickets in order (invariant 7) is in the package documentation. The counter is compared first
    /// only while nobody else draws; otherwise the comparison would cost a second transfer of its line.
    final long ticket() {
        // pairs with the draws of others. volatile: ordered before the release in publish() anyway, and not before the
        // last put
        if (alone && Memory.getVolatile(memory, ticketAt) == mine + 1) return mine;
        // pairs with newestTicket() and the draws of others; an atomic add, since two must not draw the same
        long drawn = Memory.getAndAdd(memory, ticketAt, 1);
        alone = drawn == mine + 1;
        return mine = drawn;
    }

    final void publish(long ticket, long offset, int length, int size) {
        long next = tail + size;
        assert limit == tail || next + prefix - limit <= 0; // invariants 1 and 6; equal while a claim is open
        endLogAt(next & mask, published + 1); // first: invariant 2, wherever this process dies
        // release: pairs with the volatile read of the header in every look; the message now exists
        Memory.setRelease(memory, laneAt + offset, Layout.header(ticket, length));
        tail = next;
        if (counted) published++; // else it is one store a message more, a tenth of the throughput at 16 bytes
        Doorbell.ring(memory, base, Layout.MESSAGES_WAITING_AT, Layout.MESSAGES_FUTEX_AT);
        Reference.reachabilityFence(this); // keeps the mapping
    }

    /// Prepares the place of the next record: a zero header, and its number if items are counted.
    private void endLogAt(long offset, long number) {
        if (counted) Memory.setPlain(memory, laneAt + offset + Long.BYTES, number);
        Memory.setPlain(memory, laneAt + offset, 0);
    }

    final int recordBytes(int length) {
        return QueueGeometry.recordBytes(length, prefix, alignment);
    }

    // ---- room

    /// Whether everything below the position `end` may be written: the consumers have passed it, and it has its space.
    final boolean extend(long end) {
        checkUsable();
        limit = tail; // if this fails or finds nothing, the next put asks again
        boolean extended = space.extend(tail, end);
        if (extended) limit = space.limit;
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
