package dev.procession.core;

import java.lang.foreign.MemorySegment;

/// One of any number of consumers: copies out, then takes by moving the head with a CAS.
///
/// While the head has not moved, nothing after it can have been overwritten. So a record is read between two reads of
/// the head, and a successful CAS proves the copy made before it. Until then what was read is disbelieved: it may be
/// the middle of another message by now.
final class SharedConsumer extends Consumer {
    /// A record that is longer than this is not copied before a reread of the head has proven its length: a length
    /// that is none could lead over memory that is allocated by being read.
    private static final int UNPROVEN_BYTES = 1 << 12;
    /// So much is copied before the head is read again: the space of what another consumer has taken meanwhile may have
    /// been given back, and to read it would allocate it again.
    private static final int STEP_BYTES = 64 << 10;

    private final PrivateCopy copy = new PrivateCopy(file);
    private boolean taken; // by this call

    private final long chunkBytes = geometry.chunkBytes();
    private final boolean signalsAll = geometry.bounded(); // each message that is taken makes room

    SharedConsumer(Participants participants, WaitLoop waiting) {
        super(participants, waiting);
    }

    @Override
    public int tryGet(byte[] to) {
        begin(1);
        taken = false;
        try {
            while (true) {
                try {
                    end.checkGet();
                    return takeOne(to);
                } catch (InternalError e) {
                    if (taken) throw file.translate(e);
                    checkOvertaken(e);
                }
            }
        } finally {
            busy = false;
            end();
        }
    }

    private int takeOne(byte[] to) {
        int length = lanes == 1 ? getOnly(to) : -1;
        if (length >= 0) return length;
        for (int lane = 0;; patience.startOver(lane, length / Long.BYTES)) {
            lane = selectLane();
            if (lane == NONE) return empty();
            length = firstLength(lane);
            if (length < 0 || length > to.length || length > UNPROVEN_BYTES) {
                if (!headUnchanged(lane)) {
                    read(lane);
                    continue;
                }
                if (length < 0) throw corrupted(lane, first[lane]);
                if (length > to.length) throw tooLarge(length, to.length);
            }
            long from = firstPayload(lane, length);
            int copied = Math.min(length, STEP_BYTES);
            SharedMemory.copyOut(laneMemory[lane], from, to, 0, copied);
            for (int step; copied < length && headUnchanged(lane); copied += step) {
                step = Math.min(length - copied, STEP_BYTES);
                SharedMemory.copyOut(laneMemory[lane], from + copied, to, copied, step);
            }
            if (copied == length && take(lane, afterFirst(lane, length))) return length;
            if (copied < length) read(lane);
        }
    }

    @Override
    public int poll(MessageHandler handler, int limit) {
        begin(limit);
        taken = false;
        try {
            while (true) {
                try {
                    end.checkGet();
                    return takeRun(handler, limit);
                } catch (InternalError e) {
                    if (taken) throw file.translate(e);
                    checkOvertaken(e);
                }
            }
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
        return take(0, at + recordBytes(length)) ? length : -1;
    }

    /// The same for a handler. Returns false if it has done nothing.
    private boolean pollOnly(MessageHandler handler) {
        final MemorySegment m = laneMemory[0];
        long at = position[0];
        long record = laneAddress[0] + (at & mask);
        int length = onlyLength(m, record, at & mask, copy.byteSize());
        if (length < 0) return false;
        copy.fill(m, record + headerBytes, length);
        if (!take(0, at + recordBytes(length))) return false;
        show(handler, length, 0, at);
        return true;
    }

    /// The length of a short record of the only lane in use, to be believed when it has been taken; else -1.
    private int onlyLength(MemorySegment m, long record, long offset, long most) {
        long header = first[0];
        if (header == 0) header = SharedMemory.getVolatile(m, record); // pairs with the release in publish()
        int length = Layout.length(header);
        if (length > most || length > UNPROVEN_BYTES || !isShort(length, offset)) return -1; // also a jump, or none
        // pairs with the CAS in raiseLanesInUse(), and comes after the header: invariant 8
        return SharedMemory.getVolatile(memory, lanesInUseAddress) == 1 ? length : -1;
    }

    private int takeRun(MessageHandler handler, int limit) {
        if (limit == 1 && lanes == 1 && pollOnly(handler)) return 1;
        int bytes = 0;
        for (int lane = 0;; patience.startOver(lane, bytes / Long.BYTES)) {
            lane = selectLane();
            if (lane == NONE) return checked(0);
            if (limit == 1 || Layout.isLong(first[lane])) {
                if (pollOne(lane, handler)) return 1;
                continue;
            }
            long start = position[lane];
            bytes = measure(lane, limit);
            if (bytes == 0) {
                if (headUnchanged(lane) && firstLength(lane) < 0) throw corrupted(lane, first[lane]);
                read(lane);
                continue;
            }
            if (!ensureCapacity(lane, bytes)) continue;
            copy.fill(laneMemory[lane], laneAddress[lane] + (start & mask), bytes);
            if (take(lane, start + bytes)) return copy.handOut(handler, bytes, lane, start);
        }
    }

    private void show(MessageHandler handler, int length, int lane, long at) {
        copy.show(length, lane, at);
        try {
            handler.onMessage(copy.message());
        } finally {
            copy.hide();
        }
    }

    /// Takes one record and hands it out, without the overhead of a run. Returns false if another consumer was faster.
    private boolean pollOne(int lane, MessageHandler handler) {
        int length = firstLength(lane);
        if (length < 0 || length > UNPROVEN_BYTES) {
            boolean stale = !headUnchanged(lane);
            if (!stale && length < 0) throw corrupted(lane, first[lane]);
            if (stale) {
                read(lane);
                return false;
            }
        }
        if (!ensureCapacity(lane, length)) return false;
        long at = position[lane];
        if (!copyFirst(lane, length)) {
            read(lane);
            return false;
        }
        if (!take(lane, afterFirst(lane, length))) {
            patience.startOver(lane, length / Long.BYTES);
            return false;
        }
        show(handler, length, lane, at);
        return true;
    }

    /// Copies the lane's first payload. Returns false if another consumer has taken it meanwhile.
    private boolean copyFirst(int lane, int length) {
        long from = firstPayload(lane, length);
        int copied = Math.min(length, STEP_BYTES);
        copy.fill(laneMemory[lane], from, copied);
        for (int step; copied < length && headUnchanged(lane); copied += step) {
            step = Math.min(length - copied, STEP_BYTES);
            copy.fill(copied, laneMemory[lane], from + copied, step);
        }
        return copied == length;
    }

    /// Makes room for a copy before anything is taken: a failure here leaves the messages in the queue. Returns false
    /// if another consumer has taken them.
    private boolean ensureCapacity(int lane, int bytes) {
        if (bytes <= copy.byteSize()) return true;
        if (!headUnchanged(lane)) {
            read(lane);
            return false;
        }
        copy.grow(bytes);
        return true;
    }

    /// Measures the run of records that may be taken together, in bytes; 0 if there is none after all.
    private int measure(int lane, int limit) {
        final MemorySegment m = laneMemory[lane];
        final long start = position[lane] & mask;
        final long from = laneAddress[lane] + start;
        final long room = Math.min(laneBytes - start, PrivateCopy.RUN_BYTES);
        final long safeKey = Layout.key(safeTicket);
        final long safeBytes = safeBefore[lane] - position[lane];
        final boolean only = lanes == 1;
        long bytes = 0;
        long header = first[lane];
        int usual = Integer.MIN_VALUE;
        long usualBytes = 0;
        for (int records = 0;;) {
            int length = Layout.length(header);
            if (length != usual) {
                if (!isShort(length, start + bytes)) break;
                usual = length;
                usualBytes = recordBytes(length);
            }
            if (bytes + usualBytes > room && records > 0) break;
            bytes += usualBytes;
            if (++records == limit || bytes >= room) break;
            // pairs with the release in publish()
            header = SharedMemory.getVolatile(m, from + bytes);
            if (header == 0 || Layout.isJump(header)) break;
            if (!Layout.before(header, rivalKey)) break;
            if (!only && !Layout.before(header, safeKey) && bytes >= safeBytes) break;
        }
        // pairs with the CAS in raiseLanesInUse(), and comes after the headers: if it is still one, they are in order
        if (only && SharedMemory.getVolatile(memory, lanesInUseAddress) != 1) {
            lanes = 0; // unknown: selectLane() reads all of them
            return 0;
        }
        // a length that is none may lead out of the lane: there must be a header after the run
        return bytes > laneBytes - start - headerBytes ? 0 : (int) bytes;
    }

    /// The taking step: moves the head from where it was read. On failure another consumer was faster, and the copy is
    /// void.
    private boolean take(int lane, long next) {
        assert next - head[lane] > 0; // invariant 4
        // pairs with the release in publish() and jump(); before the CAS, which proves it, too
        long header = SharedMemory.getVolatile(laneMemory[lane], laneAddress[lane] + (next & mask));
        if (Layout.isJump(header) && geometry.isTarget(header)) {
            next = shared.target(next, header);
            // pairs with publish(), as above
            header = SharedMemory.getVolatile(laneMemory[lane], laneAddress[lane] + (next & mask));
        }
        // pairs with the volatile read in LaneSpace.freePassed(): the copy precedes the reuse of its space
        if (!SharedMemory.compareAndSet(memory, headAddress[lane], head[lane], next)) {
            read(lane);
            return false;
        }
        if (signalsAll || ((next ^ head[lane]) & -chunkBytes) != 0) madeRoom(lane, next);
        head[lane] = next;
        position[lane] = next;
        first[lane] = header;
        taken = true;
        // two in a row, or damage: left to the next call, since this one has taken something and must not fail any more
        if (Layout.isJump(header)) forget();
        return true;
    }

    private void madeRoom(int lane, long next) {
        shared.signalRoom(head[lane], next);
        if (Layout.jumps(next) != Layout.jumps(head[lane])) left.set(lane);
    }

    @Override
    long read(int lane) {
        for (;; patience.startOver(lane)) {
            // pairs with other consumers' taking steps
            long at = SharedMemory.getVolatile(memory, headAddress[lane]);
            // pairs with publish() and jump()
            long header = SharedMemory.getVolatile(laneMemory[lane], laneAddress[lane] + (at & mask));
            if (Layout.isJump(header) && geometry.isTarget(header)) {
                shared.passJump(lane, at, header);
                left.set(lane);
                continue;
            }
            // pairs with other consumers' taking steps: the header was read between two equal heads
            if (SharedMemory.getVolatile(memory, headAddress[lane]) == at) {
                head[lane] = at;
                position[lane] = at;
                return first[lane] = header;
            }
        }
    }

    @Override
    boolean headUnchanged(int lane) {
        // pairs with other consumers' taking steps; the fence keeps earlier reads, which this head proves, before it
        SharedMemory.acquireFence();
        return SharedMemory.getVolatile(memory, headAddress[lane]) == head[lane]; // pairs with their taking steps
    }

    /// A second look with the same heads: the first left each lane's in `head`, and heads are monotonic, so an equal
    /// one means that nothing was taken in between.
    @Override
    boolean confirmEmpty() {
        int before = lanes;
        readLanesInUse();
        boolean empty = true;
        for (int lane = 0; lane < lanes; lane++) {
            long old = lane < before ? head[lane] : 0;
            empty &= read(lane) == 0 & head[lane] == old;
        }
        return empty;
    }

    @Override
    public void close() {
        if (markClosed()) participants.releaseConsumer(true);
    }
}
