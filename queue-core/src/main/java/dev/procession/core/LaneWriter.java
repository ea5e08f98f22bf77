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
    private final long waitingAddress;
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
    private long roomEnd; // records may end here without makeRoom(): there is room for the next header, too

    private long nextTicket; // the ticket after the one drawn last
    private long usualHeader; // of an empty message with the ticket drawn last
    private boolean uncontended; // no other producer drew between this one's last two draws
    private boolean usual; // uncontended, and items are not bounded

    // all that a usual put asks: whether its record ends here or before. This is the tail if puts have to take every
    // step: other producers have drawn tickets lately, items are bounded, a put has failed, this producer is closed, a
    // claim or a batch is open
    private long usualEnd;
    private final int sizeUp; // of a short record: headerBytes and alignment - 1
    private final int sizeMask; // -alignment

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
        sizeUp = headerBytes + alignment - 1;
        sizeMask = -alignment;
        waitingAddress = base + Layout.MESSAGES_WAITING_OFFSET;
        maxShort = Math.min(geometry.maxMessageBytes(), Layout.MAX_SHORT);
        bounded = geometry.bounded();
        patience = new Patience(file);
        file.checkNotShutDown();

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
        roomEnd = space.writableEnd - headerBytes;
        stop();
        if (geometry.endsWithProducers()) {
            // with the lane locked; pairs with the reads in Participants.areProducersGone()
            SharedMemory.getAndAdd(words, base + Layout.PRODUCERS_COME_OFFSET, 1);
        }
        // release: for display only, pairs with nothing
        SharedMemory.setRelease(words, base + Layout.ownerPidOffset(lane), ProcessHandle.current().pid());
    }

    /// Throws if this producer is unusable: closed, or a claim or a batch is open.
    abstract void checkUsable();

    /// The next put asks first whether it may be made.
    final void stop() {
        usualEnd = tail;
    }

    /// After a put, a claim or a batch.
    final void resume() {
        usualEnd = usual ? roomEnd : tail;
    }

    final boolean hasRoomAtTail(long size) {
        return tail + size - roomEnd <= 0;
    }

    /// The address where a short payload can be written at once, if nothing is unusual; else 0.
    final long usualPayload(int length) {
        int size = length + sizeUp & sizeMask;
        if (length > maxShort || tail + size - usualEnd > 0) return 0;
        // pairs with the draw in EndOfStream.shutDown(), as in putAtOnce()
        if (SharedMemory.getVolatile(words, ticketAddress) != nextTicket) return 0;
        return laneAddress + Layout.offset(tail) + Long.BYTES;
    }

    // ---- a put, at once

    /// Puts a short message, if nothing is unusual. Returns false if it has done nothing.
    final boolean putAtOnce(byte[] from, int start, int length) {
        int size = length + sizeUp & sizeMask;
        long position = tail;
        if (length > maxShort || position + size - usualEnd > 0) return false;
        // pairs with other producers' draws, as in ticket()
        if (SharedMemory.getVolatile(words, ticketAddress) != nextTicket) return false;
        long record = laneAddress + Layout.offset(position);
        SharedMemory.copyIn(from, start, memory, record + Long.BYTES, length);
        SharedMemory.setPlain(memory, record + size, 0); // the end marker, as in publish()
        // release: pairs with the volatile read of the header in every look; from here on the message exists
        SharedMemory.setRelease(memory, record, usualHeader + length);
        tail = position + size;
        wake();
        return true;
    }

    // ---- a put, step by step

    /// Finds room for records of this size: returns its offset in the lane, or FULL.
    final long begin(long size) {
        return begin(size, 1);
    }

    /// Finds room for a number of records, which are written next to each other.
    final long begin(long size, int items) {
        checkUsable();
        if (bounded && !announce(items)) return FULL;
        if (hasRoomAtTail(size) || makeRoom(size)) return Layout.offset(tail);
        if (bounded) retract();
        return FULL;
    }

    /// Whether there is room for records of this size at the tail, after a jump to another chunk if necessary.
    final boolean makeRoom(long size) {
        roomEnd = tail; // on failure or FULL the next put retries
        stop();
        long start = space.find(tail, size);
        if (start == LaneSpace.FULL) return false;
        if (start != Layout.offset(tail)) jump(start);
        roomEnd = space.writableEnd - headerBytes;
        resume();
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
        if (uncontended && SharedMemory.getVolatile(words, ticketAddress) == nextTicket) return nextTicket - 1;
        // pairs with newestTicket() and other producers' draws; atomic add: tickets of different lanes differ (7)
        long drawn = SharedMemory.getAndAdd(words, ticketAddress, 1);
        boolean next = drawn == nextTicket;
        nextTicket = drawn + 1;
        usualHeader = Layout.header(drawn, 0);
        if (next != uncontended) {
            uncontended = next;
            usual = next && !bounded;
        }
        return drawn;
    }

    final void publish(long ticket, long offset, int length, int size) {
        long next = tail + size;
        assert next - roomEnd <= 0; // invariants 1 and 6
        // first: invariant 2 holds wherever this process dies. (This record's own number is there since the last time.)
        writeEndMarker(Layout.offset(next), published + 1);
        // release: pairs with the volatile read of the header in every look; from here on the message exists
        SharedMemory.setRelease(memory, laneAddress + offset, Layout.header(ticket, length));
        tail = next;
        resume();
        if (bounded) published++; // unbounded queues save this store: a tenth of the throughput at 16 bytes
        wake();
    }

    /// Publishes records that end here; `header` is the first one's.
    final void publish(long header, long next, int items) {
        assert next - roomEnd <= 0;
        long offset = Layout.offset(tail);
        writeEndMarker(Layout.offset(next), published + items);
        // release: pairs with the volatile read of the header in every look; from here on all of them exist
        SharedMemory.setRelease(memory, laneAddress + offset, header);
        tail = next;
        if (bounded) published += items;
        wake();
    }

    private void wake() {
        // opaque, as in Doorbell.ring(), which this saves; pairs with Doorbell.prepareToSleep()
        if (SharedMemory.getOpaque(words, waitingAddress) != 0) {
            Doorbell.ring(words, base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
        }
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
