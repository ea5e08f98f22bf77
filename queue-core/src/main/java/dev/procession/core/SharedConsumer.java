package dev.procession.core;

/// One of any number of consumers: copies out, then takes by moving the head with a CAS.
///
/// While the head has not moved, nothing after it can have been overwritten. So a record is read between two reads of
/// the head, and a successful CAS proves the copy made before it. Until then what was read is disbelieved: it may be
/// the middle of another message by now.
final class SharedConsumer extends Consumer {
    private final PrivateCopy copy = new PrivateCopy(file);

    SharedConsumer(Participants participants, WaitLoop waiting) {
        super(participants, waiting);
    }

    @Override
    public int tryGet(byte[] to) {
        begin(1);
        try {
            int length = 0;
            for (int lane = 0;; patience.startOver(lane, length / Long.BYTES)) {
                lane = selectLane();
                if (lane == NONE) return empty();
                long at = position[lane];
                long header = first[lane];
                length = Layout.length(header);
                boolean record = isRecord(header, at & mask);
                if (!record || length > to.length) {
                    if (headUnchanged(lane)) throw record ? tooLarge(length, to.length) : corrupted(lane, header);
                    read(lane);
                    continue;
                }
                SharedMemory.copyOut(memory, laneAddress[lane] + (at & mask) + headerBytes, to, 0, length);
                if (take(lane, at + recordBytes(length))) return length;
            }
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            busy = false;
            end();
        }
    }

    @Override
    public int poll(MessageHandler handler, int limit) {
        begin(limit);
        try {
            int bytes = 0;
            for (int lane = 0;; patience.startOver(lane, bytes / Long.BYTES)) {
                lane = selectLane();
                if (lane == NONE) return checked(0);
                if (limit == 1) {
                    if (pollOne(lane, handler)) return 1;
                    continue;
                }
                long start = position[lane];
                bytes = measure(lane, limit);
                if (bytes == 0) {
                    if (headUnchanged(lane) && !isRecord(first[lane], start & mask)) throw corrupted(lane, first[lane]);
                    read(lane);
                    continue;
                }
                if (!ensureCapacity(lane, bytes)) continue;
                copy.fill(laneAddress[lane] + (start & mask), bytes);
                if (take(lane, start + bytes)) return copy.handOut(handler, bytes, lane, start);
            }
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            busy = false;
            end();
        }
    }

    /// Takes one record and hands it out, without the overhead of a run. Returns false if another consumer was faster.
    private boolean pollOne(int lane, MessageHandler handler) {
        long at = position[lane];
        long header = first[lane];
        int length = Layout.length(header);
        if (!isRecord(header, at & mask)) {
            if (headUnchanged(lane)) throw corrupted(lane, header);
            read(lane);
            return false;
        }
        if (!ensureCapacity(lane, length)) return false;
        copy.fill(laneAddress[lane] + (at & mask) + headerBytes, length);
        if (!take(lane, at + recordBytes(length))) {
            patience.startOver(lane, length / Long.BYTES);
            return false;
        }
        copy.show(0, length);
        try {
            handler.onMessage(copy.message());
        } finally {
            copy.hide();
        }
        return true;
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
        final long from = laneAddress[lane] + (position[lane] & mask);
        final long room = Math.min(laneBytes - (position[lane] & mask), PrivateCopy.RUN_BYTES);
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
                if (!isRecord(header, (position[lane] & mask) + bytes)) break;
                usual = length;
                usualBytes = recordBytes(length);
            }
            if (bytes + usualBytes > room && records > 0) break;
            bytes += usualBytes;
            if (++records == limit || bytes >= room) break;
            // pairs with the release in publish()
            header = SharedMemory.getVolatile(memory, from + bytes);
            if (header == 0 || header == Layout.PADDING) break;
            if (!Layout.before(header, rivalKey)) break;
            if (!only && !Layout.before(header, safeKey) && bytes >= safeBytes) break;
        }
        // pairs with the CAS in raiseLanesInUse(), and comes after the headers: if it is still one, they are in order
        if (only && SharedMemory.getVolatile(memory, lanesInUseAddress) != 1) {
            lanes = 0; // unknown: selectLane() reads all of them
            return 0;
        }
        return bytes > laneBytes - (position[lane] & mask) ? 0 : (int) bytes;
    }

    /// The taking step: moves the head from where it was read. On failure another consumer was faster, and the copy is
    /// void.
    private boolean take(int lane, long next) {
        assert next - head[lane] > 0; // invariant 4
        // pairs with the volatile read in LaneSpace.extend(): the copy precedes the reuse of its space
        if (!SharedMemory.compareAndSet(memory, headAddress[lane], head[lane], next)) {
            read(lane);
            return false;
        }
        shared.signalRoom(lane, head[lane], next);
        head[lane] = next;
        position[lane] = next;
        // pairs with the release in publish()
        long header = SharedMemory.getVolatile(memory, laneAddress[lane] + (next & mask));
        first[lane] = header;
        // verified, since a ticket that is none could hide this lane, and let a later record of another go first; with
        // one lane in use the next CAS tells soon enough
        if (header == Layout.PADDING || lanes > 1 && !headUnchanged(lane)) read(lane);
        return true;
    }

    @Override
    long read(int lane) {
        for (;; patience.startOver(lane)) {
            // pairs with other consumers' taking steps
            long before = SharedMemory.getVolatile(memory, headAddress[lane]);
            long at = before;
            long header = SharedMemory.getVolatile(memory, laneAddress[lane] + (at & mask)); // pairs with publish()
            if (header == Layout.PADDING) {
                at = nextLap(at);
                header = SharedMemory.getVolatile(memory, laneAddress[lane]); // pairs with publish()
            }
            // pairs with other consumers' taking steps: the header was read between two equal heads
            if (SharedMemory.getVolatile(memory, headAddress[lane]) == before) {
                head[lane] = before;
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
        lanes = shared.lanesInUse();
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
