package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;

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
    private static final int WALK = 64;

    /// Number of looks that suffice without competition; each further one costs patience.
    private static final int USUAL_LOOKS = 3;

    final QueueFile file;
    final Lanes shared; // what is known of all lanes together
    final MemorySegment memory; // the shared words
    final long base;
    final QueueGeometry geometry;
    final long lanesInUseAddress;
    final long laneBytes;
    final long mask; // position & mask is the offset
    final int headerBytes; // bytes before the payload
    final int alignment; // of records, in bytes
    final int maxShort; // the longest payload of a short record
    final MemorySegment[] laneMemory; // those below `mapped`
    final long[] laneAddress;
    final long[] headAddress;
    private int mapped; // number of lanes whose memory is mapped: at least those in use

    final long[] head; // position: the shared head as last read or moved by this consumer
    final long[] position; // position of the lane's first record: its head, or in a leased queue after it
    final long[] first; // the header there; 0 if the lane was empty when last read
    final long[] safeBefore; // position: every record before it was published before the last look began
    long safeTicket; // a ticket drawn before the last look began; records with smaller ones are safe to take
    int lanes; // in use, as of the last look
    final BitSet left = new BitSet(); // lanes of which a head left a chunk since the queue was last found empty
    long rivalKey; // key of the smallest ticket seen in another lane; a record below it is next

    final Patience patience; // of the current call

    LaneScan(Lanes shared) {
        this.shared = shared;
        file = shared.file;
        memory = file.memory;
        base = file.base;
        geometry = file.geometry;
        lanesInUseAddress = base + Layout.LANES_IN_USE_OFFSET;
        laneBytes = geometry.laneBytes();
        mask = geometry.offsetMask();
        headerBytes = geometry.headerBytes();
        alignment = geometry.alignment();
        maxShort = Math.min(geometry.maxMessageBytes(), Layout.MAX_SHORT);
        int max = geometry.lanes();
        laneMemory = new MemorySegment[max];
        laneAddress = new long[max];
        headAddress = new long[max];
        head = new long[max];
        position = new long[max];
        first = new long[max];
        safeBefore = new long[max];
        for (int lane = 0; lane < max; lane++) {
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
        if (lanes == 0 && readLanesInUse() == 0) return NONE; // and no lane has memory yet
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
        final MemorySegment m = laneMemory[lane];
        final long data = laneAddress[lane];
        long at = position[lane];
        long last = first[lane];
        int usual = Integer.MIN_VALUE; // predicted length: the next address need not wait for this header
        long usualBytes = 0;
        for (int i = 0;; i++) {
            int length = Layout.length(last);
            if (length != usual) {
                if (!isShort(length, at & mask)) {
                    at++; // include it: a long record, or taking it finds out whether it is damaged
                    break;
                }
                usual = length;
                usualBytes = recordBytes(length);
            } else if (usualBytes > laneBytes - headerBytes - (at & mask)) {
                at++;
                break;
            }
            at += usualBytes;
            if (i == WALK) break;
            long next = SharedMemory.getVolatile(m, data + (at & mask)); // pairs with the release in publish()
            if (next == 0 || Layout.isJump(next)) break;
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
        readLanesInUse(); // before the lanes: a lane used later holds only puts that began later
        for (int lane = 0; lane < lanes; lane++) {
            if (first[lane] == 0) found |= read(lane) != 0;
        }
        return found;
    }

    /// Reads the number of lanes in use into `lanes`, and maps those that are new.
    final int readLanesInUse() {
        int inUse = shared.lanesInUse();
        for (; mapped < inUse; mapped++) {
            laneMemory[mapped] = file.lanes.mapping(mapped);
            laneAddress[mapped] = file.lanes.address(mapped);
        }
        return lanes = inUse;
    }

    /// What was read of the lanes is void: the next look reads all of them.
    final void forget() {
        Arrays.fill(first, 0);
        lanes = 0; // unknown
    }

    /// Reads the lane's first record into `head`, `position`, `first`; returns `first`, which is no jump to a
    /// chunk.
    abstract long read(int lane);

    /// Whether the lane's head is still where it was read.
    abstract boolean headUnchanged(int lane);

    /// Whether the queue was empty at some moment, given that a look has just found no record.
    abstract boolean confirmEmpty();

    // ---- records

    /// The size of a short record.
    final long recordBytes(int length) {
        return QueueGeometry.recordBytes(length, headerBytes, alignment);
    }

    /// Whether a short record of this length can be at this offset, with the next header after it.
    final boolean isShort(int length, long offset) {
        return length >= 0 && length <= maxShort && recordBytes(length) <= laneBytes - offset - headerBytes;
    }

    /// The length of the lane's first record, short or long; -1 if its header is none.
    final int firstLength(int lane) {
        int length = Layout.length(first[lane]);
        return isShort(length, position[lane] & mask) ? length : shared.length(lane, position[lane], first[lane]);
    }

    /// Where its payload is.
    final long firstPayload(int lane, int length) {
        return laneAddress[lane] + (position[lane] & mask)
                + (length <= maxShort ? headerBytes : geometry.payloadOffset(length));
    }

    /// The position after it.
    final long afterFirst(int lane, int length) {
        return position[lane] + (length <= maxShort ? recordBytes(length) : geometry.recordBytes(length));
    }

    final QueueCorruptedException corrupted(int lane, long header) {
        return file.corrupted(
                lane, position[lane], "its header " + Long.toHexString(header) + " is not that of a record");
    }
}
