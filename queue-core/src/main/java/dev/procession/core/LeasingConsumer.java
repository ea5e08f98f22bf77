package dev.procession.core;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// One of any number of consumers of a leased queue: messages are leased to it, and each stays in the queue until
/// [Lease#done()].
///
/// What a closed or killed consumer has not finished is leased again, at its old place in the order, as soon as the
/// kernel reports the holder gone; likewise what it holds beyond the queue's visibility time-out.
///
/// {@snippet file="CoreExamples.java" region="leasing-consumer"}
///
/// To lease a record is one CAS of its lease word from the value seen by a look: never leased, given back, or held by a
/// consumer that is dead or late. There is no recovery: to take over is to lease. After the CAS the record is known to
/// be the one seen, as lease words do not repeat (10); a reread of the word proves the copy.
///
/// Whatever can fail is done before the CAS. A failure after it, stack overflow included, gives the record back at the
/// end of the call, or failing that at the beginning of the next.
///
/// A holder is identified by a consumer id that no other consumer has, and holds the file lock of that id's byte from
/// before its first lease. The kernel drops the lock when the process is gone.
public final class LeasingConsumer extends LeaseScan {
    /// The clock is read once for so many records, unless they take longer than this, in ns.
    private static final int RECORDS_A_CLOCK = 8;
    private static final long SLOW_NANOS = 100_000;

    private final int consumerId;
    private final PrivateCopy copy = new PrivateCopy(file);

    private final long passBytes = geometry.bounded() ? 0 : geometry.chunkBytes() / 8;

    // the record in hand: from before its CAS until it is done, or its lease is handed to the caller
    private long heldWord; // its lease word; 0: none
    private int heldLane;
    private long heldAt;
    private @Nullable Lease lent; // its lease, while a handler has it
    private boolean inRun; // the cursor has passed it, and it is in no list

    private int doneLane = NONE; // the lane whose head has yet to pass records that this call has made done
    private long passFrom; // position of the first of them
    private int untilClock; // number of records until the clock is read again

    LeasingConsumer(Participants participants, WaitLoop waiting, int consumerId, Leasing leasing) {
        super(participants, waiting, leasing);
        this.consumerId = consumerId;
    }

    // ---- leases

    /// Takes a lease on the next message.
    ///
    /// @param handler gets the message; if it throws, the lease is given back
    /// @return the lease that the handler got, or null if every message is leased or done
    /// @throws QueueClosedException if this consumer or its queue was closed
    /// @throws QueueCorruptedException if the file is damaged
    public @Nullable Lease tryLease(LeaseHandler handler) {
        begin(1);
        try {
            end.checkGet();
            if (!acquire(Integer.MAX_VALUE)) return null;
            Lease lease = lent = held();
            handler.onLease(copy.message(), lease);
            lent = null;
            heldWord = 0;
            return lease;
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            busy = false;
            end();
            settle();
        }
    }

    /// Takes a lease on the next message; waits for one, up to the time-out.
    ///
    /// @param handler gets the message; if it throws, the lease is given back
    /// @param timeoutNanos the longest wait, in ns; zero or less: no wait; [Long#MAX_VALUE]: no limit
    /// @return the lease that the handler got, or null if every message was leased or done throughout
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueClosedException if this consumer or its queue was closed, also while it waits
    /// @throws QueueCorruptedException if the file is damaged
    public @Nullable Lease lease(LeaseHandler handler, long timeoutNanos) throws InterruptedException {
        Lease lease = tryLease(handler);
        if (lease != null || timeoutNanos <= 0) return lease;
        waiting.start(timeoutNanos);
        while (lease == null && waiting.pause()) lease = tryLease(handler);
        return lease;
    }

    /// Takes one message: its lease is done as soon as the message is copied.
    @Override
    public int tryGet(byte[] to) {
        begin(1);
        try {
            end.checkGet();
            for (; acquire(to.length); patience.startOver(0)) {
                int length = copy.message().length();
                copy.message().getBytes(0, to, 0, length);
                if (finish()) return length; // else it was so slow that another consumer has taken over
            }
            return EMPTY;
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            busy = false;
            end();
            settle();
        }
    }

    /// Hands messages to a handler, each under a lease: done when the handler returns, given back if the handler
    /// throws, which ends the call.
    ///
    /// @throws LeaseLostException if the handler took longer than the visibility time-out and another consumer has the
    ///     message
    @Override
    public int poll(MessageHandler handler, int limit) {
        begin(limit);
        try {
            end.checkGet();
            int taken = 0;
            while (taken < limit && acquire(Integer.MAX_VALUE)) {
                handler.onMessage(copy.message());
                if (!finish()) throw held().lost();
                taken++;
                if (taken < limit) taken += run(handler, limit - taken);
                passDone(); // the next handler may run long, and its record may be in another chunk
                patience.renew();
            }
            return taken;
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            busy = false;
            end();
            settle();
        }
    }

    /// At the end of a call: gives back a record still in hand, since its handler threw or something failed, and has
    /// heads pass what is done.
    private void settle() {
        copy.hide();
        if (heldWord != 0) {
            (lent != null ? lent : held()).close();
            if (inRun) addLeased(heldLane, heldAt);
            lent = null;
            heldWord = 0;
        }
        inRun = false;
        try {
            passDone();
        } catch (InternalError e) {
            throw file.translate(e);
        }
        untilClock = 0;
    }

    private Lease held() {
        return new Lease(shared, lookAgain, heldLane, heldAt, heldWord);
    }

    private boolean finish() {
        return finish(heldLane, laneMemory[heldLane], leaseWordAddress(heldLane, heldAt), heldAt, heldWord);
    }

    /// Makes the record in hand done. Returns false if its lease was lost.
    private boolean finish(int lane, MemorySegment m, long wordAddress, long at, long leased) {
        boolean mine = false;
        try {
            // pairs with the reads of the word in walk() and in Lanes; CAS: another consumer may have taken over
            mine = SharedMemory.compareAndSet(m, wordAddress, leased, Layout.done(leased));
        } catch (InternalError e) {
            if (file.isTruncated()) throw e;
            shared.checkPassed(lane, at, e);
        }
        if (!mine) return false;
        heldWord = 0;
        if (lane != doneLane) {
            passDone();
            doneLane = lane;
            passFrom = at;
        }
        if (at - passFrom >= passBytes) passDone();
        return true;
    }

    private void passDone() {
        if (doneLane == NONE) return;
        int lane = doneLane;
        doneLane = NONE;
        shared.passDone(lane, patience);
    }

    /// Leases the next record if its payload is at most `most` bytes long, and copies it into `copy`: it is in hand
    /// then. Returns false if every message is leased or done.
    private boolean acquire(int most) {
        if (heldWord != 0) settle();
        if (--untilClock < 0) readClock();
        while (true) {
            try {
                beginRounds();
                return leaseNext(most);
            } catch (InternalError e) {
                overtaken(e);
            }
        }
    }

    /// After a fault, returns if the record that was to be in hand, or another one, has been passed meanwhile.
    private void overtaken(InternalError e) {
        if (heldWord != 0 && file.head(heldLane) - heldAt <= 0) throw e;
        heldWord = 0;
        checkOvertaken(e);
    }

    /// Hands out records that follow the one that was in hand in its lane, while they are next, free, and nothing is
    /// unusual: as leaseNext() does it, without a look for each. Returns their number.
    private int run(MessageHandler handler, int limit) {
        final int lane = heldLane;
        final MemorySegment m = laneMemory[lane];
        final long data = laneAddress[lane];
        final long words = data + laneBytes;
        final long headAddress = this.headAddress[lane];
        final boolean only = lanes == 1;
        final long rivalKey = this.rivalKey;
        final long safeKey = Layout.key(safeTicket);
        final long safeBefore = this.safeBefore[lane];
        final int most = (int) Math.min(maxShort, copy.byteSize());
        long at = cursor[lane];
        int taken = 0;
        if (position[lane] != at) return 0; // one that was leased comes first
        inRun = true;
        try {
            for (; taken < limit && !isRoundDue(); taken++) {
                long offset = at & mask;
                long header = SharedMemory.getVolatile(m, data + offset); // pairs with the release in publish()
                int length = Layout.length(header);
                if (length > most || !isShort(length, offset)) break; // also if there is none, or a jump
                boolean isNext = only
                        // pairs with the CAS in raiseLanesInUse(), and comes after the header: invariant 8
                        ? SharedMemory.getVolatile(memory, lanesInUseAddress) == 1
                        : Layout.before(header, rivalKey)
                                && (Layout.before(header, safeKey) || at - safeBefore < 0);
                if (!isNext) break;
                long wordAddress = words + offset / (Layout.BLOCK / Long.BYTES);
                long seen = SharedMemory.getVolatile(m, wordAddress); // pairs with the CAS of other consumers
                if (Layout.state(seen, at) != Layout.FREE) break;
                long mine = Layout.leaseWord(
                        at, consumerId, Layout.nextAttempt(Layout.attempts(seen, at)), Layout.LEASED);
                heldAt = at;
                heldWord = mine;
                // the taking step, as in leaseNext(); the read of the head pairs with the CAS in Lanes.passDone()
                if (!SharedMemory.compareAndSet(m, wordAddress, seen, mine)
                        || SharedMemory.getVolatile(memory, headAddress) - at > 0) {
                    heldWord = 0;
                    break;
                }
                copy.fill(m, data + offset + headerBytes, length);
                // pairs with the release in publish() that reuses the space: the copy precedes the read that proves it
                SharedMemory.acquireFence();
                // pairs with the CAS of another consumer, which took over because this one was so slow
                if (SharedMemory.getVolatile(m, wordAddress) != mine) {
                    heldWord = 0;
                    break;
                }
                copy.show(length, lane, at);
                cursor[lane] = at += recordBytes(length);
                handler.onMessage(copy.message());
                if (!finish(lane, m, wordAddress, heldAt, mine)) throw held().lost();
                if (--untilClock < 0) readClock();
            }
        } catch (InternalError e) {
            overtaken(e);
            inRun = false;
            return taken;
        }
        inRun = false;
        readOn(lane);
        return taken;
    }

    private void readClock() {
        long last = now;
        now = System.nanoTime();
        untilClock = now - last < SLOW_NANOS ? RECORDS_A_CLOCK - 1 : 0;
    }

    private boolean leaseNext(int most) {
        int length = 0;
        for (int lane = 0;; patience.startOver(lane, length / Long.BYTES)) {
            lane = selectLane();
            if (lane == NONE) {
                empty();
                return false;
            }
            long at = position[lane];
            length = firstLength(lane);
            if (length < 0) { // a long record that is not there any more
                read(lane);
                continue;
            }
            MemorySegment m = laneMemory[lane];
            long wordAddress = leaseWordAddress(lane, at);
            if (length > Math.min(most, copy.byteSize())) {
                // pairs with the CAS of other consumers below
                if (SharedMemory.getVolatile(m, wordAddress) != word[lane] || hasPassed(lane, at)) {
                    read(lane); // another consumer has it by now
                    continue;
                }
                if (length > most) throw tooLarge(length, most);
                copy.grow(length);
            }
            int attempt = Layout.nextAttempt(Layout.attempts(word[lane], at));
            long mine = Layout.leaseWord(at, consumerId, attempt, Layout.LEASED);
            assert mine != word[lane]; // invariant 10
            forgetDone(lane);
            heldLane = lane;
            heldAt = at;
            heldWord = mine;
            // the taking step; pairs with the reads of the word in walk(), here and in Lanes. A word that is zero
            // again, since its space was given back, looks as it did before: then the head has passed the record
            if (!SharedMemory.compareAndSet(m, wordAddress, word[lane], mine) || hasPassed(lane, at)) {
                heldWord = 0;
                read(lane); // another consumer was faster
                continue;
            }
            copy.fill(m, firstPayload(lane, length), length);
            passLeased(lane, at, afterFirst(lane, length));
            readOn(lane);
            // pairs with the release in publish() that reuses the space: the copy precedes the read that proves it
            SharedMemory.acquireFence();
            // pairs with the CAS of another consumer, which took over because this one was so slow
            if (SharedMemory.getVolatile(m, wordAddress) != mine) {
                heldWord = 0;
                continue;
            }
            copy.show(length, lane, at);
            return true;
        }
    }

    /// Detaches the consumer. Messages that it has not taken stay; those it holds are leased to others.
    @Override
    public void close() {
        if (markClosed()) participants.releaseConsumerId(consumerId);
    }
}
