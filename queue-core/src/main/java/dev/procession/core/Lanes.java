package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/// The lanes as seen by threads that neither put nor take: walks along the records and what derives from them
/// (emptiness, size, the end of a log, lease holders). Also the end of a lease, which any thread may call.
///
/// A walk disbelieves what it reads until the head has confirmed it (invariant 9). Off the hot paths of a queue without
/// leases. Thread-safe.
final class Lanes {
    /// The longest sleep of the consumer that watches while leases are out, in ns: the death of a holder rings no bell.
    private static final long LEASE_NAP_NANOS = 5_000_000;
    private static final long FOUND = 1;
    static final String NO_RECORD = "there is no record";
    /// No position: its offset is no record's.
    static final long NOWHERE = -1;
    static final String NO_END = "no zero header ends its log";
    static final String NO_CHUNK = "a jump leads to no chunk";
    static final String NEVER_STILL = "the lanes never stand still";
    /// The cost of a look per lane in steps of [Patience], including the second look that confirms emptiness.
    static final long STEPS_A_LANE = 32;

    final QueueFile file;
    private final MemorySegment memory;
    private final long base;
    private final QueueGeometry geometry;
    private final AtomicReferenceArray<@Nullable DoneItems> doneItems; // if it is leased

    Lanes(QueueFile file) {
        this.file = file;
        memory = file.memory;
        base = file.base;
        geometry = file.geometry;
        doneItems = new AtomicReferenceArray<>(geometry.leased() ? geometry.lanes() : 0);
    }

    // ---- lanes in use, heads, headers

    int lanesInUse() {
        // pairs with the CAS in raiseLanesInUse()
        long lanes = SharedMemory.getVolatile(memory, base + Layout.LANES_IN_USE_OFFSET);
        if (lanes < 0 || lanes > geometry.lanes()) {
            throw new QueueCorruptedException(
                    file.path + " says that " + lanes + " of its " + geometry.lanes() + " lanes are in use");
        }
        return (int) lanes;
    }

    /// Publishes that these lanes are in use, so that consumers read them. Returns false if no space is left: the
    /// owners of the lower lanes may not have allocated theirs yet.
    boolean raiseLanesInUse(int lanes) {
        Patience patience = new Patience(file);
        for (int seen; (seen = lanesInUse()) < lanes; patience.startOver(seen)) {
            for (int lane = seen; lane < lanes; lane++) {
                if (!file.lanes.reserveStart(lane)) return false;
            }
            // pairs with lanesInUse(); CAS: monotonic
            SharedMemory.compareAndSet(memory, base + Layout.LANES_IN_USE_OFFSET, seen, lanes);
        }
        return true;
    }

    long head(int lane) {
        return file.head(lane);
    }

    long header(int lane, long position) {
        // pairs with the release in LaneWriter.publish() and jump()
        return SharedMemory.getVolatile(file.lanes.mapping(lane), file.lanes.address(lane) + geometry.offset(position));
    }

    /// The payload length of a record at this position, short or long; -1 if this header cannot be a record's there.
    int length(int lane, long position, long header) {
        long length = Layout.length(header);
        long most = Layout.MAX_SHORT;
        if (Layout.isLong(header)) {
            long offset = geometry.offset(position) + geometry.headerBytes();
            if (offset + Long.BYTES > geometry.laneBytes()) return -1; // no room for its length
            long word = file.lanes.address(lane) + offset;
            // pairs with the release in LaneWriter.publish(); volatile: before the next read of the head
            length = SharedMemory.getVolatile(file.lanes.mapping(lane), word);
            if (length <= most) return -1;
            most = Integer.MAX_VALUE;
        }
        boolean fits = length >= 0
                && length <= Math.min(most, geometry.maxMessageBytes())
                && geometry.recordBytes((int) length) + geometry.headerBytes() <= geometry.laneBytes()
                        - geometry.offset(position);
        return fits ? (int) length : -1;
    }

    /// Where a jump at this position leads; NOWHERE if to no chunk of the lane.
    long target(long position, long jump) {
        if (!geometry.isTarget(jump)) return NOWHERE;
        return Layout.position(Layout.jumps(position) + 1, geometry.target(jump));
    }

    /// Moves the head over a jump, so that its chunk can be used again.
    ///
    /// @param jump the header at this head
    void passJump(int lane, long head, long jump) {
        long target = target(head, jump);
        if (target == NOWHERE && head(lane) == head) throw file.corrupted(lane, head, NO_CHUNK);
        // pairs with LaneSpace.freePassed(); CAS: the head has not moved since it was read, which proves the jump
        if (target != NOWHERE && SharedMemory.compareAndSet(memory, base + Layout.headOffset(lane), head, target)) {
            signalRoom(head, target);
        }
    }

    // ---- walks

    /// A lane's records from its head on.
    ///
    /// @param tail position of the zero header
    /// @param items number of records not done
    /// @param lent number of those with a lease
    /// @param passed with bounded items: number of the lane's items before the head or done
    /// @param bytes the size of its records
    record Log(long head, long tail, long items, long lent, long passed, long bytes) {}

    /// Walks a lane's headers. Memory before the head may be reused, so a walk that the head overtakes starts over.
    ///
    /// @param holders collects the ids of the consumers that hold leases
    Log walk(int lane, @Nullable BitSet holders, Patience patience) {
        while (true) {
            long head = head(lane);
            try {
                Log log = walkFrom(lane, head, holders, patience);
                if (log != null) return log;
            } catch (InternalError e) {
                checkPassed(lane, head, e);
            }
            patience.startOver(lane);
        }
    }

    /// After a fault at a position, returns if the head has passed it: the memory there may have been given back, and
    /// then an access to it fails while the file system is full.
    void checkPassed(int lane, long position, InternalError e) {
        if (head(lane) - position <= 0) throw e;
    }

    /// Walks from the head, or from a record after it. Returns null if the head has overtaken the walk.
    @Nullable
    Log walkFrom(int lane, long head, @Nullable BitSet holders, Patience patience) {
        final long first = geometry.bounded() ? number(lane, head) : 0;
        long at = head;
        long items = 0;
        long lent = 0;
        long bytes = 0;
        long records = 0;
        while (true) {
            long header = header(lane, at);
            boolean jump = Layout.isJump(header);
            int length = jump || header == 0 ? 0 : length(lane, at, header);
            long next = jump ? target(at, header) : at;
            if (head(lane) - at > 0) return null;
            if (header == 0) return new Log(head, at, items, lent, first + records - items, bytes);
            if (length < 0) throw file.corrupted(lane, at, NO_RECORD);
            if (jump) {
                if (next == NOWHERE) throw file.corrupted(lane, at, NO_CHUNK);
                int chain = Layout.jumps(next) - Layout.jumps(head(lane));
                if (chain >= geometry.chunks()) throw file.corrupted(lane, next, NO_END);
                // with concurrent puts the tail may outrun the walk, but not for ever
                patience.runAfter(lane, next, NO_END);
            } else {
                next = at + geometry.recordBytes(length);
                records++;
                bytes += next - at;
                int state = geometry.leased() ? state(lane, at) : Layout.FREE;
                if (state != Layout.DONE) items++;
                if (state == Layout.LEASED) {
                    lent++;
                    if (holders != null) holders.set(Layout.consumerId(leaseWord(lane, at)));
                }
            }
            at = next;
        }
    }

    /// Whether the queue was empty at some moment during this call.
    ///
    /// Finding each lane empty in turn proves nothing: a lane already read may get a message before a later one is
    /// drained. Proof is two consecutive looks that find nothing and end each lane at the same position. Positions are
    /// monotonic, so comparing their sums suffices.
    boolean isEmpty() {
        Patience patience = new Patience(file);
        long before = -1; // not a sum of positions, which are multiples of 8
        for (;; patience.startOver(0, STEPS_A_LANE * lanesInUse(), NEVER_STILL)) {
            long ends = 0;
            int lanes = lanesInUse(); // part of the look; a lane new in the second look counts with position 0
            for (int lane = 0; lane < lanes; lane++) {
                long first = first(lane, patience);
                if ((first & FOUND) != 0) return false;
                ends += first;
            }
            if (ends == before) return true;
            before = ends;
        }
    }

    /// The position of the lane's first record that is not done, with FOUND added, or of its end marker.
    long first(int lane, Patience patience) {
        while (true) {
            long head = head(lane);
            try {
                long first = firstFrom(lane, head, patience);
                if (first != NOWHERE) return first;
            } catch (InternalError e) {
                checkPassed(lane, head, e);
            }
            patience.startOver(lane);
        }
    }

    /// Returns NOWHERE if the head has moved.
    private long firstFrom(int lane, long head, Patience patience) {
        for (long at = head;;) {
            long header = header(lane, at);
            boolean jump = Layout.isJump(header);
            boolean done = !jump && header != 0 && geometry.leased() && state(lane, at) == Layout.DONE;
            int length = done ? length(lane, at, header) : 0;
            if (head(lane) != head) return NOWHERE;
            if (!jump && !done) return header == 0 ? at : at | FOUND;
            long next = jump ? target(at, header) : length < 0 ? NOWHERE : at + geometry.recordBytes(length);
            if (next == NOWHERE || Layout.jumps(next) - Layout.jumps(head) >= geometry.chunks()) {
                throw file.corrupted(lane, at, jump ? NO_CHUNK : NO_RECORD);
            }
            patience.runAfter(lane, next, NO_END);
            at = next;
        }
    }

    long size() {
        Patience patience = new Patience(file);
        long items = 0;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) items += walk(lane, null, patience).items();
        // lanes are counted one after the other, so a record that moves on meanwhile may be counted twice
        return geometry.bounded() ? Math.min(items, geometry.maxItems()) : items;
    }

    // ---- leases

    long leaseWord(int lane, long position) {
        // pairs with the CAS that leases, finishes or gives back
        return SharedMemory.getVolatile(file.lanes.mapping(lane), file.lanes.leaseWordAddress(lane, position));
    }

    int state(int lane, long position) {
        return Layout.state(leaseWord(lane, position), position);
    }

    boolean replaceLeaseWord(int lane, long position, long leaseWord, long by) {
        // pairs with the reads of the lease word in every walk; CAS: another consumer may have taken over
        return SharedMemory.compareAndSet(
                file.lanes.mapping(lane), file.lanes.leaseWordAddress(lane, position), leaseWord, by);
    }

    /// Moves the head over records that are done, which frees their space, and over jumps.
    ///
    /// Called after each record made done, or some of them. If two threads finish the record at the head and the one
    /// after it concurrently, at least one of them sees both done. One CAS proves a whole run: what is done stays done,
    /// and is not overwritten while the head has not moved.
    void passDone(int lane, Patience patience) {
        long before = head(lane);
        long after = before;
        // at most once around: the rest is left to later callers
        while (Layout.jumps(after) - Layout.jumps(before) <= geometry.chunks()) {
            long head = head(lane);
            try {
                long at = head;
                long header;
                int length = 0;
                while ((header = header(lane, at)) != 0
                        && !Layout.isJump(header)
                        && state(lane, at) == Layout.DONE
                        && (length = length(lane, at, header)) >= 0)
                    at += geometry.recordBytes(length);
                if (length < 0 && head(lane) == head) throw file.corrupted(lane, at, NO_RECORD);
                if (at != head) {
                    // pairs with LaneSpace.freePassed(); CAS: the head has not moved since it was read, which proves
                    // the headers
                    if (SharedMemory.compareAndSet(memory, base + Layout.headOffset(lane), head, at)) {
                        after = at;
                        continue;
                    }
                } else if (length >= 0) {
                    if (!Layout.isJump(header)) break;
                    passJump(lane, head, header);
                }
            } catch (InternalError e) {
                checkPassed(lane, head, e);
            }
            patience.startOver(lane);
        }
        // a done record gives up its place in the bound, wherever the head is
        if (after != before || geometry.bounded()) signalRoom(before, after);
    }

    /// Wakes producers that wait for room, after a head has moved: only when it has left a chunk, since before that
    /// there is no more room than there was.
    void signalRoom(long before, long after) {
        if (geometry.bounded() || ((before ^ after) & -geometry.chunkBytes()) != 0) signalRoom();
    }

    void signalRoom() {
        // pairs with Doorbell.prepareToSleep(), whose asymmetric fence supplies the missing StoreLoad
        Doorbell.ring(memory, base, Layout.ROOM_WAITING_OFFSET, Layout.ROOM_FUTEX_OFFSET);
    }

    void signalMessages() {
        Doorbell.ring(memory, base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
    }

    /// How long the consumer that watches may sleep, in ns.
    long napBetweenLeases() {
        Patience patience = new Patience(file);
        long nap = WaitStrategy.LONGEST_NANOS;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) {
            long leases = doneItems(lane).leases(patience);
            if (leases < 0) return 0;
            if (leases > 0) nap = LEASE_NAP_NANOS;
        }
        return nap;
    }

    DoneItems doneItems(int lane) {
        if (doneItems.get(lane) == null) doneItems.compareAndSet(lane, null, new DoneItems(this, lane));
        return doneItems.get(lane);
    }

    /// The ids of all consumers that hold leases.
    BitSet holders(Patience patience) {
        BitSet holders = new BitSet();
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) walk(lane, holders, patience);
        return holders;
    }

    long number(int lane, long position) {
        // pairs with the release of the header or jump before it, which comes later in program order
        return SharedMemory.getVolatile(
                file.lanes.mapping(lane), file.lanes.address(lane) + geometry.offset(position) + Long.BYTES);
    }
}
