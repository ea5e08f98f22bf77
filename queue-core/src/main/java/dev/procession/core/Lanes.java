package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/// The lanes as whoever neither puts nor takes sees them: walks along their records, and what follows from that
/// (whether the queue is empty, how many messages it has, where a log ends, who holds leases). Also the end of a lease,
/// which any thread may call.
///
/// Whoever walks does not believe what it read before the head has proven it (invariant 9). Nothing here is on the way
/// of a put or a get of a queue without leases. Thread-safe.
final class Lanes {
    /// The longest sleep while leases are out.
    private static final long LEASE_NAP_NANOS = 5_000_000;

    private static final long FOUND = 1;

    private static final String NO_RECORD = "there is no record";
    private static final String NO_END = "no zero header ends its log";

    static final String NEVER_STILL = "the lanes never stand still";

    /// What a look costs a lane, with the second look that proves the first.
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

    /// Says that these lanes are in use, so that consumers read them. Returns false if there is no space for that: the
    /// owners of those before the last may not have come to reserve any.
    boolean raiseLanesInUse(int lanes) {
        Patience patience = new Patience(file);
        for (int seen; (seen = lanesInUse()) < lanes; patience.startOver(seen)) {
            for (int lane = seen; lane < lanes; lane++) {
                if (!file.reserveStart(lane)) return false;
            }
            // pairs with lanesInUse(); CAS: it must only grow
            SharedMemory.compareAndSet(memory, base + Layout.LANES_IN_USE_OFFSET, seen, lanes);
        }
        return true;
    }

    long head(int lane) {
        // pairs with the taking steps
        return SharedMemory.getVolatile(memory, base + Layout.headOffset(lane));
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
    /// @param tail where the zero header is
    /// @param items how many are not done
    /// @param lent how many of those are lent
    /// @param passed in a queue that counts its items: how many of the lane's are before the head or done
    record Log(long head, long tail, long items, long lent, long passed) {}

    /// Walks a lane's headers. Memory behind the head may be used again, so a walk that the head overtakes starts over.
    ///
    /// @param holders gets the numbers of those who hold its records
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
                // while others go on, the end may run away from the walk, but not for ever
                if (next - head >= geometry.laneBytes()) patience.runAfter(lane, next, NO_END);
                at = next;
            }
        }
    }

    /// The position behind the last record of a lane.
    long tail(int lane) {
        return walk(lane, null, new Patience(file)).tail();
    }

    /// Whether there was a moment during this call at which the queue was empty.
    ///
    /// Empty lanes one after the other prove nothing: a message may be put into one that was read already, and later
    /// ones be emptied. It is proven by two looks in a row that found nothing and in which each lane ended at the same
    /// position. Those only grow, so their sum tells.
    boolean isEmpty() {
        Patience patience = new Patience(file);
        long before = -1; // no sum of positions, which are multiples of 8
        for (;; patience.startOver(0, STEPS_A_LANE * lanesInUse(), NEVER_STILL)) {
            long ends = 0;
            int lanes = lanesInUse(); // part of the look; a lane that is new in the second one counts with position 0
            for (int lane = 0; lane < lanes; lane++) {
                long first = first(lane, patience);
                if ((first & FOUND) != 0) return false;
                ends += first;
            }
            if (ends == before) return true;
            before = ends;
        }
    }

    /// The position of the lane's first record that is not done, with FOUND added, or of the zero header that ends its
    /// log.
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
        // lanes are counted one after the other, so what moves on meanwhile may be counted twice
        return geometry.bounded() ? Math.min(items, geometry.maxItems()) : items;
    }

    // ---- leases

    /// The offset in the file of the lease word of the record at this position.
    long leaseWordOffset(int lane, long position) {
        return geometry.leaseWordsOffset(lane) + geometry.leaseWordBytes(position & geometry.offsetMask());
    }

    private long leaseWord(int lane, long position) {
        // pairs with the CAS of those who claim, finish or give back
        return SharedMemory.getVolatile(memory, base + leaseWordOffset(lane, position));
    }

    private int state(int lane, long position) {
        return Layout.state(leaseWord(lane, position), geometry.lap(position));
    }

    boolean replaceLeaseWord(int lane, long position, long leaseWord, long by) {
        // pairs with the reads of the lease word in every walk; CAS: it may be another's by now
        return SharedMemory.compareAndSet(memory, base + leaseWordOffset(lane, position), leaseWord, by);
    }

    /// Moves the head over records that are done, one at a time, and so gives their space back.
    ///
    /// Whoever makes a record done calls this after it. Of two at the same time who are done with the record at the
    /// head and the one behind it, one at least sees the other's.
    void passDone(int lane, Patience patience) {
        long before = head(lane);
        long after = before;
        while (after - before < geometry.laneBytes()) { // no more than there was: the rest is somebody else's
            long head = head(lane);
            long at = head;
            long header = header(lane, at);
            if (header == Layout.PADDING) header = header(lane, at = nextLap(at));
            if (header == 0 || state(lane, at) != Layout.DONE) break;
            if (isRecord(header, at)) {
                long next = at + geometry.recordBytes(Layout.length(header));
                // the head has not moved since it was read: that proves the header. Pairs with LaneSpace.extend()
                if (SharedMemory.compareAndSet(memory, base + Layout.headOffset(lane), head, next)) {
                    after = next;
                    continue;
                }
            } else if (head(lane) == head) {
                throw file.corrupted(lane, at, NO_RECORD);
            }
            patience.startOver(lane);
        }
        // what is done has given up its place among the items, wherever the head is
        if (after != before || geometry.bounded()) signalRoom(lane, before, after);
    }

    /// Wakes producers that wait for room, after a head was moved. Those of full lanes are not woken for each message:
    /// it would cost more than the message; but at each eighth of a lane, and when the lane is empty.
    void signalRoom(int lane, long before, long after) {
        // pairs with Doorbell.announce(), which makes up for what the processor may reorder
        if (SharedMemory.getOpaque(memory, base + Layout.ROOM_WAITING_OFFSET) == 0) return;
        long eighth = geometry.laneBytes() / 8;
        if (geometry.bounded() || ((before ^ after) & -eighth) != 0 || header(lane, after) == 0) {
            Doorbell.ring(memory, base, Layout.ROOM_WAITING_OFFSET, Layout.ROOM_FUTEX_OFFSET);
        }
    }

    void signalMessages() {
        Doorbell.ring(memory, base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
    }

    /// How long a consumer may sleep: the death of those who hold leases wakes nobody.
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

    /// The numbers of all who hold leases.
    BitSet holders(Patience patience) {
        BitSet holders = new BitSet();
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) walk(lane, holders, patience);
        return holders;
    }

    long number(int lane, long position) {
        // pairs with the release in LaneWriter.publish() or of the padding, which come after it
        return SharedMemory.getVolatile(
                memory, base + geometry.laneOffset(lane) + (position & geometry.offsetMask()) + Long.BYTES);
    }
}
