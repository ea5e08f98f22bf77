package dev.procession.core;

import java.lang.foreign.MemorySegment;

/// Finds the record to be taken next: the look of the package documentation, in this process's memory of the lanes.
///
/// For each lane it remembers the first record's header until that is taken, and reads in a look only lanes that were
/// empty. Arrays by lane rather than objects: a look at many lanes reads a few cache lines.
///
/// Belongs to one thread.
abstract class LaneScan {
    /// No lane has a record to be taken.
    static final int NONE = -1;

    /// How many records ahead of the first one are seen before the other lanes are looked at.
    private static final int WALK = 32;

    /// Looks that it takes if nobody else is faster.
    private static final int USUAL_LOOKS = 3;

    final QueueFile file;
    final Lanes cold; // for what is not read in each look
    final MemorySegment memory;
    final long base;
    final long lanesInUseAddress;
    final long laneBytes;
    final long mask; // makes an offset of a position
    final int headerBytes; // bytes before the payload
    final int alignment; // of records
    final int maxMessage;
    final long[] laneAddress;
    final long[] headAddress;

    final long[] head; // position: the shared head as last read or moved by this consumer
    final long[] position; // of the lane's first record: its head, or behind the padding that is there
    final long[] first; // the header there; 0 if the lane was empty when last read
    final long[] safeBefore; // position: every record before it was published before the last look
    long safeTicket; // a ticket that was drawn before the last look; records with smaller ones may be taken
    int lanes; // in use, as of the last look
    long rivalKey; // key: the smallest ticket that another lane was seen to hold; one with a smaller one is next

    final Patience patience; // of the call that is going on

    LaneScan(Lanes cold) {
        this.cold = cold;
        file = cold.file;
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
            // pairs with the taking steps
            head[lane] = position[lane] = safeBefore[lane] = SharedMemory.getVolatile(memory, headAddress[lane]);
        }
        safeTicket = newestTicket();
        patience = new Patience(file);
    }

    // ---- look

    /// Finds the lane whose first record is to be taken next, or [#NONE]. Sets `rivalKey` for a run of records in that
    /// lane.
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

    /// One lane in use: what was read in it before the number of lanes was, is in order (invariant 8).
    private int selectOnlyLane() {
        if (lanes == 0 && (lanes = cold.lanesInUse()) == 0) return NONE; // and no memory behind any lane yet
        if (first[0] == 0) read(0);
        // pairs with the CAS in raiseLanesInUse(), and comes after the header: invariant 8
        if (SharedMemory.getVolatile(memory, lanesInUseAddress) != 1) {
            first[0] = 0; // what was remembered while it was the only one may have been taken since
            rescan(); // the others were never read
            return NONE;
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
            if (ticket - min < 0) { // a difference: tickets may come round
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

    /// A key that is above those of all later records of the header's lane.
    private static long noOther(long header) {
        return (header & -Layout.key(1)) + Long.MAX_VALUE;
    }

    /// Whether its put is known to have begun before the last look did.
    private boolean isSafeToTake(int lane) {
        return ticket(first[lane]) - safeTicket < 0 || position[lane] - safeBefore[lane] < 0;
    }

    /// Widens a header's ticket from 40 bits: from `safeTicket` if it is near that; else the counter says.
    private long ticket(long header) {
        long distance = Layout.distance(header, safeTicket);
        return Layout.isNear(distance) ? safeTicket + distance : Layout.widen(header, newestTicket());
    }

    private long newestTicket() {
        // pairs with the draw in LaneWriter.ticket(): a put that drew before this read had begun
        return SharedMemory.getVolatile(memory, base + Layout.TICKET_OFFSET) - 1;
    }

    /// Sees some records of the lane, and the largest ticket there, before the next look: all of them may be taken
    /// after it.
    private void scanAhead(int lane) {
        long at = position[lane];
        long last = first[lane];
        for (int i = 0;; i++) {
            if (!isRecord(last, at & mask)) {
                at++; // let it be taken: that finds out whether it is damage
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
        if (!headUnchanged(lane)) { // what was read may be anything (invariant 9)
            read(lane);
            return;
        }
        safeBefore[lane] = at;
        if (ticket - safeTicket > 0) safeTicket = ticket;
    }

    /// Reads the lanes again that were empty. Returns whether one is not any more.
    private boolean rescan() {
        boolean found = false;
        lanes = cold.lanesInUse(); // before the lanes: one that is used later holds only puts that began later
        for (int lane = 0; lane < lanes; lane++) {
            if (first[lane] == 0) found |= read(lane) != 0;
        }
        return found;
    }

    /// Reads the lane's first record into `head`, `position`, `first`; returns `first`.
    abstract long read(int lane);

    /// Whether the lane's head is still where it was read.
    abstract boolean headUnchanged(int lane);

    /// Whether the queue was empty at some moment, given that a look has just found nothing.
    abstract boolean confirmEmpty();

    // ---- records

    final long recordBytes(int length) {
        return QueueGeometry.recordBytes(length, headerBytes, alignment);
    }

    /// Whether a header that is neither zero nor padding can be that of a record at this offset.
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
