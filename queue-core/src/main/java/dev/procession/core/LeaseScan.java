package dev.procession.core;

import java.util.Arrays;

/// Finds the next record to lease: the look of a queue that is leased.
///
/// It walks a lane from its head over the records that are leased or done. It reads a header first and its lease word
/// second: a word other than "done" proves the header, because the head, before which memory is reused, cannot pass a
/// record that is not done. The lengths of done records are proven at the end of the walk, by rereading the head.
///
/// The next walk goes on from there. What was done stays done; what was leased is remembered, and looked at again now
/// and then, and whenever there is nothing after it: it may have been given back or abandoned.
///
/// Confined to one thread, but for `lookAgain`.
abstract class LeaseScan extends Consumer {
    /// The leased records are looked at again after this time, in ns, longer if they are many, but at most that.
    private static final long LEAST_ROUND_NANOS = 2_000_000;
    private static final long MOST_ROUND_NANOS = 50_000_000;
    private static final long NANOS_A_LEASE = 100;

    private final LeaseHolders holders;
    final long[] cursor; // position: every record before it is done, or in the list
    private final LeasedList[] leased;
    private final long[] ended; // position at which the last walk of the lane ended
    final long[] word; // the lease word of the lane's first record, as it was seen

    long now; // when the clock was last read
    private long roundNanos; // when to begin the next round
    private volatile boolean hurry; // begin it at once
    // for a lease given back by any thread
    final Runnable lookAgain = () -> hurry = true;

    LeaseScan(Participants participants, WaitLoop waiting, Leasing leasing) {
        super(participants, waiting);
        holders = new LeaseHolders(participants, leasing.visibilityNanos());
        cursor = head.clone();
        leased = new LeasedList[head.length];
        Arrays.setAll(leased, lane -> new LeasedList());
        ended = head.clone();
        word = new long[head.length];
        roundNanos = System.nanoTime() + LEAST_ROUND_NANOS;
    }

    final long leaseWordAddress(int lane, long at) {
        return laneAddress[lane] + laneBytes + (at & mask) / (Layout.BLOCK / Long.BYTES);
    }

    // ---- look

    final boolean isRoundDue() {
        return hurry || now - roundNanos > 0;
    }

    /// Begins a round of all lanes if it is due: the next look goes through all that was leased.
    final void beginRounds() {
        if (!isRoundDue()) return;
        if (lanes == 0) readLanesInUse(); // what was known of them was void
        hurry = false; // before the round: a lease given back from now on sets it again
        long leases = 0;
        for (int lane = 0; lane < lanes; lane++) {
            beginRound(lane);
            first[lane] = 0; // unread
            leases += leased[lane].count();
        }
        holders.forgetEnded();
        roundNanos = now + Math.clamp(leases * NANOS_A_LEASE, LEAST_ROUND_NANOS, MOST_ROUND_NANOS);
    }

    private void beginRound(int lane) {
        leased[lane].begin();
        readHead(lane);
        passHead(lane);
    }

    /// A record at the head that is not in the list is done, by a process that was killed before it moved the head.
    private void passHead(int lane) {
        if (cursor[lane] - head[lane] <= 0) return;
        long at = leased[lane].first();
        if (at == Lanes.NOWHERE || at - head[lane] > 0) shared.passDone(lane, patience);
    }

    private long readHead(int lane) {
        // pairs with the CAS in Lanes.passDone()
        long at = SharedMemory.getVolatile(memory, headAddress[lane]);
        if (Layout.jumps(at) != Layout.jumps(head[lane])) left.set(lane);
        return head[lane] = at;
    }

    /// Finds the lane's first record that can be leased: one that was leased, or else one after the cursor.
    @Override
    long read(int lane) {
        if (readOn(lane) != 0 || cursor[lane] == head[lane]) return first[lane];
        leased[lane].begin();
        if (readLeased(lane) == 0) passHead(lane);
        return first[lane];
    }

    /// The same after a record was taken: if nothing follows, that is for the next look to find out.
    final long readOn(int lane) {
        return readLeased(lane) != 0 ? first[lane] : walk(lane);
    }

    /// Goes on with the round: finds the next record that was leased and can be leased again.
    private long readLeased(int lane) {
        LeasedList list = leased[lane];
        for (long at; (at = list.current()) != Lanes.NOWHERE;) {
            if (readHead(lane) - at > 0) { // first: what the head has passed may have no memory any more
                list.drop();
                continue;
            }
            // pairs with the CAS of every change of a lease word
            long leaseWord = SharedMemory.getVolatile(laneMemory[lane], leaseWordAddress(lane, at));
            int state = Layout.state(leaseWord, at);
            if (state == Layout.LEASED && !holders.isAbandoned(lane, at, leaseWord, now)) {
                list.pass();
                continue;
            }
            // pairs with the release in publish()
            long header = SharedMemory.getVolatile(laneMemory[lane], laneAddress[lane] + (at & mask));
            if (state == Layout.DONE || hasPassed(lane, at)) {
                list.drop();
                continue;
            }
            if (header == 0 || Layout.isJump(header) || state != Layout.FREE && state != Layout.LEASED) {
                throw file.corrupted(lane, at, "a record was leased there, and now it has the header "
                        + Long.toHexString(header) + " and the lease word " + Long.toHexString(leaseWord));
            }
            word[lane] = leaseWord;
            position[lane] = at;
            return first[lane] = header;
        }
        return first[lane] = 0;
    }

    /// Before another record is leased: forgets the last ones if they are done, as they usually are.
    final void forgetDone(int lane) {
        LeasedList list = leased[lane];
        for (long at; (at = list.last()) != Lanes.NOWHERE; list.removeLast()) {
            if (head[lane] - at > 0) continue;
            // pairs with the CAS of every change of a lease word
            long leaseWord = SharedMemory.getVolatile(laneMemory[lane], leaseWordAddress(lane, at));
            if (Layout.state(leaseWord, at) != Layout.DONE) return;
        }
    }

    /// The record is leased: to this consumer, or, if that was slow, to another one by now.
    final void passLeased(int lane, long at, long next) {
        if (at == cursor[lane]) {
            leased[lane].add(at);
            cursor[lane] = next;
        }
    }

    /// The same for one that has been passed.
    final void addLeased(int lane, long at) {
        if (leased[lane].last() != at) leased[lane].add(at);
    }

    /// One walk from the cursor, or from the head if that has passed the cursor.
    private long walk(int lane) {
        LeasedList list = leased[lane];
        int before = list.count();
        try {
            return walk(lane, list, before);
        } catch (InternalError e) {
            list.truncate(before);
            throw e;
        }
    }

    private long walk(int lane, LeasedList list, int before) {
        long start = 0;
        long at = 0;
        again:
        for (;; patience.startOver(lane, (at - start) / Layout.BLOCK)) {
            list.truncate(before);
            start = readHead(lane);
            if (cursor[lane] - start > 0) start = cursor[lane];
            at = start;
            long leaseWord = 0;
            long header;
            // pairs with the release in publish() and jump()
            while ((header = SharedMemory.getVolatile(laneMemory[lane], laneAddress[lane] + (at & mask))) != 0) {
                if (Layout.isJump(header)) {
                    if (at == head[lane]) {
                        shared.passJump(lane, at, header);
                        continue again;
                    }
                    long target = shared.target(at, header);
                    if (target == Lanes.NOWHERE || Layout.jumps(target) - Layout.jumps(start) >= geometry.chunks()) {
                        if (hasPassed(lane, start)) continue again;
                        throw file.corrupted(lane, at, Lanes.NO_CHUNK);
                    }
                    at = target;
                    continue;
                }
                int length = Layout.length(header);
                long size = recordBytes(length);
                if (!isShort(length, at & mask)) {
                    length = shared.length(lane, at, header);
                    if (length < 0) {
                        if (hasPassed(lane, start)) continue again;
                        throw file.corrupted(lane, at,
                                "its header " + Long.toHexString(header) + " is not that of a record");
                    }
                    size = geometry.recordBytes(length);
                }
                // pairs with the CAS of every change of a lease word; after the header, which it proves
                leaseWord = SharedMemory.getVolatile(laneMemory[lane], leaseWordAddress(lane, at));
                int state = Layout.state(leaseWord, at);
                if (state == Layout.FREE || state == Layout.LEASED && holders.isAbandoned(lane, at, leaseWord, now))
                    break;
                if (state == Layout.DONE && at == head[lane]) {
                    shared.passDone(lane, patience);
                    continue again;
                }
                if (state != Layout.DONE && state != Layout.LEASED) {
                    if (hasPassed(lane, start)) continue again;
                    throw file.corrupted(lane, at, "its lease word " + Long.toHexString(leaseWord) + " is none");
                }
                if (state == Layout.LEASED) list.add(at);
                at += size;
            }
            if (hasPassed(lane, start)) continue;
            word[lane] = leaseWord;
            position[lane] = ended[lane] = cursor[lane] = at;
            return first[lane] = header;
        }
    }

    /// Whether the head has passed the position, so that memory there may be reused and what was read means nothing.
    final boolean hasPassed(int lane, long start) {
        // pairs with the CAS in Lanes.passDone(); the fence keeps the reads that this head proves before it
        SharedMemory.acquireFence();
        return SharedMemory.getVolatile(memory, headAddress[lane]) - start > 0; // pairs with the same
    }

    /// A record that can be leased keeps its place: the head cannot pass it.
    @Override
    boolean headUnchanged(int lane) {
        return !hasPassed(lane, position[lane]);
    }

    /// Two consecutive looks that end each lane at the same position.
    @Override
    boolean confirmEmpty() {
        int before = lanes;
        readLanesInUse();
        boolean empty = true;
        for (int lane = 0; lane < lanes; lane++) {
            long old = lane < before ? ended[lane] : 0;
            empty &= read(lane) == 0 & ended[lane] == old;
        }
        return empty;
    }
}
