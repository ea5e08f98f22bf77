package dev.procession.core;

import java.lang.foreign.MemorySegment;

/// The only consumer: reads messages in place, then moves the heads. No other process moves them, so cached heads are
/// exact.
final class ExclusiveConsumer extends Consumer {
    private static final int LINE = 64;
    /// After finding the queue empty, the consumer takes the cache lines of this many bytes from their producers, see
    /// [#ownLines].
    private static final long OWN_BYTES = 1 << 28;

    private final Message message;
    private final long releaseBytes; // the shared head may lag by this many bytes
    private long ownBytes; // for this many more bytes it takes the lines

    ExclusiveConsumer(Participants participants, WaitLoop waiting) {
        super(participants, waiting);
        message = new Message(memory, file.uuid);
        releaseBytes = geometry.chunkBytes() / 8;
    }

    @Override
    public int poll(MessageHandler handler, int limit) {
        begin(limit);
        try {
            end.checkGet();
            int taken = 0;
            if (lanes == 1) {
                if (limit == 1 && pollFirst(handler)) return 1;
                taken = pollOnly(handler, limit);
                if (lanes == 1) return ended(taken);
            }
            while (taken < limit) {
                int lane = selectLane();
                if (lane == NONE) break;
                taken += run(lane, handler, limit - taken);
                patience.renew();
            }
            return ended(taken);
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            busy = false;
            end();
        }
    }

    private int ended(int taken) {
        if (taken == 0) ownBytes = OWN_BYTES;
        return checked(taken);
    }

    /// Hands out records of the only lane in use. After each header it checks that the lane is still the only one.
    private int pollOnly(MessageHandler handler, int limit) {
        final MemorySegment m = laneMemory[0];
        final long lane = laneAddress[0];
        message.in(m, lane + headerBytes, 0, position[0]);
        final boolean owning = ownBytes > 0;
        long at = position[0];
        long release = head[0] + releaseBytes;
        int taken = 0;
        int jumps = 0; // in a row
        int usual = Integer.MIN_VALUE; // predicted length: the next address need not wait for this header
        long usualBytes = 0;
        int usualOffset = headerBytes;
        try {
            while (taken < limit) {
                long offset = at & mask;
                long header = SharedMemory.getVolatile(m, lane + offset); // pairs with the release in publish()
                // pairs with the CAS in raiseLanesInUse(), and comes after the header: invariant 8
                if (SharedMemory.getVolatile(memory, lanesInUseAddress) != 1) {
                    lanes = 0; // unknown: selectLane() reads all of them
                    break;
                }
                int length = Layout.length(header);
                if (length != usual) { // no record has the length of a zero header
                    if (header == 0) break;
                    if (Layout.isJump(header)) {
                        position[0] = at;
                        at = targetOf(0, header, ++jumps);
                        message.in(m, lane + headerBytes, 0, at);
                        release(0, at);
                        release = at + releaseBytes;
                        usual = Integer.MIN_VALUE; // resets jumps
                        continue;
                    }
                    jumps = 0;
                    position[0] = at;
                    first[0] = header;
                    if ((length = firstLength(0)) < 0) throw corrupted(0, header);
                    usual = length <= maxShort ? length : Integer.MIN_VALUE;
                    usualBytes = afterFirst(0, length) - at;
                    usualOffset = geometry.payloadOffset(length);
                }
                if (usualBytes > laneBytes - offset) throw corrupted(0, header);
                at += usualBytes;
                taken++;
                message.show(lane + offset + usualOffset, length);
                handler.onMessage(message);
                if (owning) ownLines(m, lane + offset, usualBytes);
                if (at - release >= 0) {
                    release = at + releaseBytes;
                    release(0, at);
                }
            }
        } finally {
            message.hide();
            position[0] = at;
            first[0] = 0; // not read
            if (taken > 0) release(0, at);
        }
        return taken;
    }

    /// Where a jump at a lane's `position` leads.
    ///
    /// @param jumps number of jumps in a row, this one included
    private long targetOf(int lane, long jump, int jumps) {
        if (!geometry.isTarget(jump) || jumps > geometry.chunks()) throw corrupted(lane, jump);
        left.set(lane);
        return shared.target(position[lane], jump);
    }

    /// Hands out records of one lane while they are next.
    private int run(int lane, MessageHandler handler, int limit) {
        final MemorySegment m = laneMemory[lane];
        final long data = laneAddress[lane];
        final long rivalKey = this.rivalKey;
        final long safeTicket = Layout.key(this.safeTicket);
        final long safeBefore = this.safeBefore[lane];
        message.in(m, data + headerBytes, lane, position[lane]);
        long at = position[lane];
        long header = first[lane];
        long release = head[lane] + releaseBytes;
        int taken = 0;
        int usual = Integer.MIN_VALUE;
        long usualBytes = 0;
        int usualOffset = headerBytes;
        try {
            do {
                long offset = at & mask;
                int length = Layout.length(header);
                if (length != usual) {
                    position[lane] = at;
                    first[lane] = header;
                    if ((length = firstLength(lane)) < 0) throw corrupted(lane, header);
                    usual = length <= maxShort ? length : Integer.MIN_VALUE;
                    usualBytes = afterFirst(lane, length) - at;
                    usualOffset = geometry.payloadOffset(length);
                }
                if (usualBytes > laneBytes - offset) throw corrupted(lane, header);
                at += usualBytes;
                taken++;
                // pairs with the release in publish()
                header = SharedMemory.getVolatile(m, data + (at & mask));
                message.show(data + offset + usualOffset, length);
                handler.onMessage(message);
                ownLines(m, data + offset, usualBytes);
                if (Layout.isJump(header)) {
                    release(lane, at);
                    header = 0; // not read, if the next line fails
                    header = read(lane);
                    at = position[lane];
                    release = at + releaseBytes;
                    usual = Integer.MIN_VALUE;
                    message.in(m, data + headerBytes, lane, at);
                } else if (at - release >= 0) {
                    release = at + releaseBytes;
                    release(lane, at);
                }
            } while (header != 0
                    && taken < limit
                    && Layout.before(header, rivalKey)
                    && (Layout.before(header, safeTicket) || at - safeBefore < 0));
        } finally {
            message.hide();
            first[lane] = header;
            if (at - head[lane] > 0) release(lane, at); // unless it has failed on jumps after that
            if (Layout.isJump(header)) read(lane);
        }
        return taken;
    }

    @Override
    public int tryGet(byte[] to) {
        begin(1);
        try {
            end.checkGet();
            int length = lanes == 1 ? getOnly(to) : -1;
            return length >= 0 ? length : getSelected(to);
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            busy = false;
            end();
        }
    }

    /// The next record of the only lane in use, if it is a short one and nothing is unusual; else -1.
    private int getOnly(byte[] to) {
        final MemorySegment m = laneMemory[0];
        long at = position[0];
        long record = laneAddress[0] + (at & mask);
        int length = onlyLength(m, record, at & mask, to.length);
        if (length < 0) return -1;
        SharedMemory.copyOut(m, record + headerBytes, to, 0, length);
        takeOnly(m, record, at, length);
        return length;
    }

    /// The same for a handler. Returns false if it has done nothing.
    private boolean pollFirst(MessageHandler handler) {
        final MemorySegment m = laneMemory[0];
        long at = position[0];
        long record = laneAddress[0] + (at & mask);
        int length = onlyLength(m, record, at & mask, maxShort);
        if (length < 0) return false;
        message.in(m, laneAddress[0] + headerBytes, 0, at);
        message.show(record + headerBytes, length);
        try {
            handler.onMessage(message);
        } finally {
            message.hide();
            takeOnly(m, record, at, length);
        }
        return true;
    }

    private int onlyLength(MemorySegment m, long record, long offset, int most) {
        int length = Layout.length(SharedMemory.getVolatile(m, record)); // pairs with the release in publish()
        if (length > most || !isShort(length, offset)) return -1; // also if there is none, or a jump
        // pairs with the CAS in raiseLanesInUse(), and comes after the header: invariant 8
        return SharedMemory.getVolatile(memory, lanesInUseAddress) == 1 ? length : -1;
    }

    private void takeOnly(MemorySegment m, long record, long at, int length) {
        long size = recordBytes(length);
        if (ownBytes > 0) ownLines(m, record, size);
        first[0] = 0; // not read
        release(0, at + size);
    }

    private int getSelected(byte[] to) {
        int lane = selectLane();
        if (lane == NONE) {
            ownBytes = OWN_BYTES;
            return empty();
        }
        int length = firstLength(lane);
        if (length < 0) throw corrupted(lane, first[lane]);
        if (length > to.length) throw tooLarge(length, to.length);
        long next = afterFirst(lane, length);
        SharedMemory.copyOut(laneMemory[lane], firstPayload(lane, length), to, 0, length);
        ownLines(laneMemory[lane], laneAddress[lane] + (position[lane] & mask), next - position[lane]);
        release(lane, next);
        read(lane);
        return length;
    }

    /// Takes the cache lines that end in a record from its producer before the space is freed; only while the queue is
    /// found empty now and then, so that the producer is the slower side.
    ///
    /// A line shared by both cores has to be invalidated here before the producer can write it, one request at a time;
    /// a line exclusive to this core is transferred whole, many at a time. Measured between distant cores: 16-byte
    /// messages 22 million/s without this, 89 with it; 1 KiB messages 1.9 and 20. Between near cores it would cost a
    /// consumer that is the slower side up to a quarter. The bytes do not change, so after a kill the next consumer
    /// finds the record intact; and only lines of the record itself are written, since its predecessor's may be the
    /// producer's already.
    private void ownLines(MemorySegment lane, long recordAddress, long bytes) {
        if (ownBytes <= 0) return;
        ownBytes -= bytes;
        long end = recordAddress + bytes & -LINE;
        for (long at = recordAddress; at < end; at = (at & -LINE) + LINE) SharedMemory.rewrite(lane, at);
    }

    /// Moves the shared head: the space before it is the lane owner's again.
    private void release(int lane, long position) {
        long before = head[lane];
        assert position - before >= 0; // invariant 4
        head[lane] = position;
        this.position[lane] = position;
        // release: pairs with the volatile read in LaneSpace.freePassed(); reads of the records precede their
        // overwriting
        SharedMemory.setRelease(memory, headAddress[lane], position);
        shared.signalRoom(before, position);
    }

    @Override
    long read(int lane) {
        for (int jumps = 1;; jumps++) {
            // pairs with the release in publish() and jump()
            long header = SharedMemory.getVolatile(laneMemory[lane], laneAddress[lane] + (position[lane] & mask));
            // what is no jump to a chunk is reported when it is to be taken
            if (!Layout.isJump(header) || !geometry.isTarget(header)) return first[lane] = header;
            release(lane, targetOf(lane, header, jumps)); // the chunk can be used again
        }
    }

    @Override
    boolean headUnchanged(int lane) {
        return true;
    }

    @Override
    boolean confirmEmpty() {
        return true; // a lane found empty stays so until a put; there is no other consumer
    }

    @Override
    public void close() {
        if (markClosed()) participants.releaseConsumer(false);
    }
}
