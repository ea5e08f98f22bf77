package dev.procession.core;

import java.lang.foreign.MemorySegment;

/// Finds the record to take next: the look of the package documentation, on this consumer's cache of the lanes.
///
/// Each lane's first header is cached until its record is taken, so a look reads only lanes that were empty. Arrays
/// indexed by lane rather than objects: a look at many lanes touches few cache lines.
///
/// Confined to one thread.
abstract class LaneScan {
    /// No lane has a record to take.
    static final int NONE = -1;

    /// Maximum number of records scanned ahead in a lane before the other lanes are looked at.
    private static final int WALK = 32;

    /// Number of looks that suffice without competition; each further one costs patience.
    private static final int USUAL_LOOKS = 3;

    final QueueFile file;
    final Lanes shared; // what is known of all lanes together
    final MemorySegment memory;
    final long base;
    final long lanesInUseAddress;
    final long laneBytes;
    final long mask; // position & mask is the offset
    final int headerBytes; // bytes before the payload
    final int alignment; // of records, in bytes
    final int maxMessage;
    final long[] laneAddress;
    final long[] headAddress;

    final long[] head; // position: the shared head as last read or moved by this consumer
    final long[] position; // position of the lane's first record: its head, or after padding there
    final long[] first; // the header there; 0 if the lane was empty when last read
    final long[] safeBefore; // position: every record before it was published before the last look began
    long safeTicket; // a ticket drawn before the last look began; records with smaller ones are safe to take
    int lanes; // in use, as of the last look
    long rivalKey; // key of the smallest ticket seen in another lane; a record below it is next

    final Patience patience; // of the current call

    LaneScan(Lanes shared) {
        this.shared = shared;
        file = shared.file;
        memory = file.memory;
        base = file.base;
        QueueGeometry geometry = file.geometry;
        lanesInUseAddress = base + Layout.LANES_IN_USE_OFFSET;
        laneBytes = geometry.laneBytes();
        mask = geometry.offsetMask();
        headerBytes = geometry.headerBytes();
        alignment = geometry.alignment();
        maxMessage = geometry.maxMessageBytes();
        int max = geometry.lanes();
        laneAddress = new long[max];
        headAddress = new long[max];
        head = new long[max];
        position = new long[max];
        first = new long[max];
        safeBefore = new long[max];
        for (int lane = 0; lane < max; lane++) {
            laneAddress[lane] = base + geometry.laneOffset(lane);
            headAddress[lane] = base + Layout.headOffset(lane);
            // pairs with all that move heads
            head[lane] = position[lane] = safeBefore[lane] = SharedMemory.getVolatile(memory, headAddress[lane]);
        }
        safeTicket = newestTicket();
        patience = new Patience(file);
    }

    // ---- look

    /// Selects the lane whose first record is to be taken next, or [#NONE]. Sets `rivalKey` for a run of records in
    /// that lane.
    final int selectLane() {
        if (lanes <= 1) {
            int only = selectOnlyLane();
            if (lanes <= 1) return only;
        }
        for (int i = 0;; i++) {
            if (i >= USUAL_LOOKS) patience.startOver(0, Lanes.STEPS_A_LANE * lanes, Lanes.NEVER_STILL);
            int best = laneWithSmallestTicket();
            if (best >= 0 && isSafeToTake(best)) return best;
            if (best >= 0) scanAhead(best);
            if (!rescan() && best < 0 && confirmEmpty()) return NONE;
        }
    }

    /// One lane in use: what was read in it before the number of lanes was read is in order (invariant 8).
    private int selectOnlyLane() {
        if (lanes == 0 && (lanes = shared.lanesInUse()) == 0) return NONE; // and no lane has memory yet
        if (first[0] == 0) read(0);
        // pairs with the CAS in raiseLanesInUse(), and comes after the header: invariant 8
        if (SharedMemory.getVolatile(memory, lanesInUseAddress) != 1) {
            first[0] = 0; // while it was the only lane its header was not verified: see SharedConsumer.take()
            rescan(); // the others were never read
            return NONE; // of one lane: selectLane() goes on with all of them
        }
        lanes = 1;
        rivalKey = noOther(first[0]);
        return first[0] == 0 ? NONE : 0;
    }

    /// The lane with the smallest ticket among those seen, or -1.
    private int laneWithSmallestTicket() {
        int best = -1;
        boolean others = false;
        long min = 0;
        long second = 0;
        for (int lane = 0; lane < lanes; lane++) {
            long header = first[lane];
            if (header == 0) continue;
            long ticket = ticket(header);
            if (best < 0) {
                best = lane;
                min = ticket;
                continue;
            }
            if (ticket - min < 0) { // by difference: tickets wrap
                second = min;
                min = ticket;
                best = lane;
            } else if (!others || ticket - second < 0) {
                second = ticket;
            }
            others = true;
        }
        if (best >= 0) rivalKey = others ? Layout.key(second) : noOther(first[best]);
        return best;
    }

    /// A key above those of all later records of the header's lane: the ticket's, and half of the range more.
    private static long noOther(long header) {
        return (header & -Layout.key(1)) + Long.MAX_VALUE;
    }

    /// Whether the record's put is known to have begun before the last look did.
    private boolean isSafeToTake(int lane) {
        return ticket(first[lane]) - safeTicket < 0 || position[lane] - safeBefore[lane] < 0;
    }

    /// Widens a header's ticket from 40 bits: relative to `safeTicket` if near it, else to the counter.
    private long ticket(long header) {
        long distance = Layout.distance(header, safeTicket);
        return Layout.isNear(distance) ? safeTicket + distance : Layout.widen(header, newestTicket());
    }

    private long newestTicket() {
        // pairs with the draw in LaneWriter.ticket(): a put that drew before this read had begun
        return SharedMemory.getVolatile(memory, base + Layout.TICKET_OFFSET) - 1;
    }

    /// Walks up to WALK records of the lane before the next look. Within a lane tickets rise, so the last one read is
    /// the largest: after that look all of them are safe to take, so that one look serves many.
    private void scanAhead(int lane) {
        long at = position[lane];
        long last = first[lane];
        for (int i = 0;; i++) {
            if (!isRecord(last, at & mask)) {
                at++; // include it: taking it finds out whether it is damaged
                break;
            }
            at += recordBytes(Layout.length(last));
            if (i == WALK) break;
            // pairs with the release in publish()
            long next = SharedMemory.getVolatile(memory, laneAddress[lane] + (at & mask));
            if (next == 0 || next == Layout.PADDING) break;
            last = next;
        }
        long ticket = ticket(last);
        if (!headUnchanged(lane)) { // what was read is not to be believed (invariant 9)
            read(lane);
            return;
        }
        safeBefore[lane] = at;
        if (ticket - safeTicket > 0) safeTicket = ticket;
    }

    /// One look: rereads the lanes that were empty. Returns whether one no longer is.
    private boolean rescan() {
        boolean found = false;
        lanes = shared.lanesInUse(); // before the lanes: a lane used later holds only puts that began later
        for (int lane = 0; lane < lanes; lane++) {
            if (first[lane] == 0) found |= read(lane) != 0;
        }
        return found;
    }

    /// Reads the lane's first record into `head`, `position`, `first`; returns `first`.
    abstract long read(int lane);

    /// Whether the lane's head is still where it was read.
    abstract boolean headUnchanged(int lane);

    /// Whether the queue was empty at some moment, given that a look has just found no record.
    abstract boolean confirmEmpty();

    // ---- records

    final long recordBytes(int length) {
        return QueueGeometry.recordBytes(length, headerBytes, alignment);
    }

    /// Whether a header that is neither zero nor padding can be a record's at this offset.
    final boolean isRecord(long header, long offset) {
        int length = Layout.length(header);
        return length >= 0 && length <= maxMessage && recordBytes(length) <= laneBytes - offset;
    }

    final long nextLap(long position) {
        return QueueGeometry.nextLap(position, laneBytes);
    }

    final QueueCorruptedException corrupted(int lane, long header) {
        return file.corrupted(
                lane, position[lane], "its header " + Long.toHexString(header) + " is not that of a record");
    }
}
