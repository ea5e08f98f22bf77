package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/// The lanes as seen by threads that neither put nor take: walks along the records and what derives from them
/// (emptiness, size, the end of a log, lease holders). Also the end of a lease, which any thread may call.
///
/// A walk disbelieves what it reads until the head has confirmed it (invariant 9). Off the hot paths of a queue without
/// leases. Thread-safe.
final class Lanes {
    /// The longest sleep while leases are out, in ns: the death of a holder wakes no sleeper, so consumers poll.
    private static final long LEASE_NAP_NANOS = 5_000_000;

    private static final long FOUND = 1;

    private static final String NO_RECORD = "there is no record";
    private static final String NO_END = "no zero header ends its log";

    static final String NEVER_STILL = "the lanes never stand still";

    /// The cost of a look per lane in steps of [Patience], including the second look that confirms emptiness.
    static final long STEPS_A_LANE = 32;

    final QueueFile file;
    private final MemorySegment memory;
    private final long base;
    private final QueueGeometry geometry;

    Lanes(QueueFile file) {
        this.file = file;
        memory = file.memory;
        base = file.base;
        geometry = file.geometry;
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
                if (!file.reserveStart(lane)) return false;
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
        // pairs with the release in LaneWriter.publish()
        return SharedMemory.getVolatile(memory, base + geometry.laneOffset(lane) + (position & geometry.offsetMask()));
    }

    long nextLap(long position) {
        return QueueGeometry.nextLap(position, geometry.laneBytes());
    }

    private boolean isRecord(long header, long position) {
        int length = Layout.length(header);
        return length >= 0
                && length <= geometry.maxMessageBytes()
                && geometry.recordBytes(length) <= nextLap(position) - position;
    }

    // ---- walks

    /// A lane's records from its head on.
    ///
    /// @param tail position of the zero header
    /// @param items number of records not done
    /// @param lent number of those with a lease
    /// @param passed with bounded items: number of the lane's items before the head or done
    record Log(long head, long tail, long items, long lent, long passed) {}

    /// Walks a lane's headers. Memory before the head may be reused, so a walk that the head overtakes starts over.
    ///
    /// @param holders collects the ids of the consumers that hold leases
    Log walk(int lane, @Nullable BitSet holders, Patience patience) {
        long records = 0;
        again:
        for (;; patience.startOver(lane, records)) {
            long head = head(lane);
            long at = head;
            long items = 0;
            long lent = 0;
            long number = 0;
            records = 0;
            while (true) {
                long header = header(lane, at);
                if (records == 0 && header != Layout.PADDING && geometry.bounded()) number = number(lane, at);
                if (head(lane) - at > 0) continue again;
                if (header == 0) return new Log(head, at, items, lent, number + records - items);
                long next = nextLap(at);
                if (header != Layout.PADDING) {
                    if (!isRecord(header, at)) throw file.corrupted(lane, at, NO_RECORD);
                    next = at + geometry.recordBytes(Layout.length(header));
                    records++;
                    int state = geometry.leased() ? state(lane, at) : Layout.FREE;
                    if (state != Layout.DONE) items++;
                    if (state == Layout.LEASED) {
                        lent++;
                        if (holders != null) holders.set(Layout.consumerId(leaseWord(lane, at)));
                    }
                }
                if (next - head(lane) >= geometry.laneBytes()) throw file.corrupted(lane, next, NO_END);
                // with concurrent puts the tail may outrun the walk, but not for ever
                if (next - head >= geometry.laneBytes()) patience.runAfter(lane, next, NO_END);
                at = next;
            }
        }
    }

    /// The position after the last record of a lane.
    long tail(int lane) {
        return walk(lane, null, new Patience(file)).tail();
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
    private long first(int lane, Patience patience) {
        for (long at = 0, head = 0;; patience.startOver(lane, (at - head) / Long.BYTES)) {
            head = head(lane);
            at = head;
            long header = header(lane, at);
            if (header == Layout.PADDING) header = header(lane, at = nextLap(at));
            boolean sound = true;
            while (geometry.leased() && header != 0 && state(lane, at) == Layout.DONE) {
                sound = isRecord(header, at) && at - head < geometry.laneBytes();
                if (!sound) break;
                at += geometry.recordBytes(Layout.length(header));
                header = header(lane, at);
                if (header == Layout.PADDING) header = header(lane, at = nextLap(at));
            }
            if (head(lane) != head) continue;
            if (!sound) throw file.corrupted(lane, at, NO_RECORD);
            return header == 0 ? at : at | FOUND;
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

    /// The file offset of the lease word of the record at this position.
    long leaseWordOffset(int lane, long position) {
        return geometry.leaseWordsOffset(lane) + geometry.leaseWordBytes(position & geometry.offsetMask());
    }

    private long leaseWord(int lane, long position) {
        // pairs with the CAS that leases, finishes or gives back
        return SharedMemory.getVolatile(memory, base + leaseWordOffset(lane, position));
    }

    private int state(int lane, long position) {
        return Layout.state(leaseWord(lane, position), geometry.lap(position));
    }

    boolean replaceLeaseWord(int lane, long position, long leaseWord, long by) {
        // pairs with the reads of the lease word in every walk; CAS: another consumer may have taken over
        return SharedMemory.compareAndSet(memory, base + leaseWordOffset(lane, position), leaseWord, by);
    }

    /// Moves the head over records that are done, one at a time, which frees their space.
    ///
    /// Called after each record made done. If two threads finish the record at the head and the one after it
    /// concurrently, at least one of them sees both done.
    void passDone(int lane, Patience patience) {
        long before = head(lane);
        long after = before;
        while (after - before < geometry.laneBytes()) { // at most one lap: the rest is left to later callers
            long head = head(lane);
            long at = head;
            long header = header(lane, at);
            if (header == Layout.PADDING) header = header(lane, at = nextLap(at));
            if (header == 0 || state(lane, at) != Layout.DONE) break;
            if (isRecord(header, at)) {
                long next = at + geometry.recordBytes(Layout.length(header));
                // pairs with LaneSpace.extend(); CAS: the head has not moved since it was read, which proves the header
                if (SharedMemory.compareAndSet(memory, base + Layout.headOffset(lane), head, next)) {
                    after = next;
                    continue;
                }
            } else if (head(lane) == head) {
                throw file.corrupted(lane, at, NO_RECORD);
            }
            patience.startOver(lane);
        }
        // a done record gives up its place in the bound, wherever the head is
        if (after != before || geometry.bounded()) signalRoom(lane, before, after);
    }

    /// Wakes producers that wait for room, after a head has moved: only at each eighth of a lane and when the lane is
    /// empty, since one wake-up per message would cost more than the message.
    void signalRoom(int lane, long before, long after) {
        // pairs with Doorbell.prepareToSleep(), whose asymmetric fence supplies the missing StoreLoad
        if (SharedMemory.getOpaque(memory, base + Layout.ROOM_WAITING_OFFSET) == 0) return;
        long eighth = geometry.laneBytes() / 8;
        if (geometry.bounded() || ((before ^ after) & -eighth) != 0 || header(lane, after) == 0) {
            Doorbell.ring(memory, base, Layout.ROOM_WAITING_OFFSET, Layout.ROOM_FUTEX_OFFSET);
        }
    }

    void signalMessages() {
        Doorbell.ring(memory, base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
    }

    /// How long a consumer may sleep, in ns: the death of a lease holder wakes no sleeper.
    long napBetweenLeases() {
        Patience patience = new Patience(file);
        long nap = WaitStrategy.LONGEST_NANOS;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) {
            Log log = walk(lane, null, patience);
            if (log.items() > log.lent() || head(lane) != log.head()) return 0;
            if (log.lent() > 0) nap = LEASE_NAP_NANOS;
        }
        return nap;
    }

    /// The ids of all consumers that hold leases.
    BitSet holders(Patience patience) {
        BitSet holders = new BitSet();
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) walk(lane, holders, patience);
        return holders;
    }

    long number(int lane, long position) {
        // pairs with the release of the header or padding before it, which comes later in program order
        return SharedMemory.getVolatile(
                memory, base + geometry.laneOffset(lane) + (position & geometry.offsetMask()) + Long.BYTES);
    }
}
