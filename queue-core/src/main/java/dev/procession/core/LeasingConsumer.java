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
/// consumer that is dead or late. There is no recovery: to take over is to lease. A look walks a lane from its head
/// over the records that are leased or done. It reads a header first and its lease word second: a word other than
/// "done" proves the header, because the head, before which memory is reused, cannot pass a record that is not done.
/// The lengths of done records are proven at the end of the walk, by rereading the head. After the CAS the record is
/// known to be the one seen, as lease words do not repeat (10); a reread of the word proves the copy.
///
/// Whatever can fail is done before the CAS. A failure after it, stack overflow included, gives the record back at the
/// end of the call, or failing that at the beginning of the next.
///
/// A holder is identified by a consumer id that no other consumer has, and holds the file lock of that id's byte from
/// before its first lease. The kernel drops the lock when the process is gone.
public final class LeasingConsumer extends Consumer {
    /// Maximum age of a cursor before the scan restarts at the head, in ns: it misses leases given back or abandoned
    /// before it.
    private static final long CURSOR_NANOS = 2_000_000;

    private final int consumerId;
    private final LeaseHolders holders;
    private final long[] cursor; // position: every record before it was taken, leased or done when walked
    private final long[] ended; // position at which the last walk of the lane ended
    private final long[] word; // the lease word of the lane's first record, as the walk saw it

    private long now; // when the current call began
    private long walkedNanos; // when all lanes were last walked from their heads
    private volatile boolean cursorsForgotten;
    // for a lease given back by any thread
    private final Runnable forgetCursors = () -> cursorsForgotten = true;

    private final PrivateCopy copy = new PrivateCopy(file);
    private @Nullable Lease inHand; // from before its CAS until it is handed to the caller or done

    LeasingConsumer(Participants participants, WaitLoop waiting, int consumerId, Leasing leasing) {
        super(participants, waiting);
        this.consumerId = consumerId;
        holders = new LeaseHolders(participants, leasing.visibilityNanos());
        cursor = head.clone();
        ended = head.clone();
        word = new long[head.length];
        walkedNanos = System.nanoTime();
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
            Lease lease = acquire(Integer.MAX_VALUE);
            if (lease == null) return null;
            handler.onLease(copy.message(), lease);
            inHand = null;
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
            for (Lease lease; (lease = acquire(to.length)) != null; patience.startOver(0)) {
                int length = copy.message().length();
                copy.message().getBytes(0, to, 0, length);
                if (lease.finish()) return length; // else it was so slow that another consumer has taken over
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
            int taken = 0;
            for (Lease lease; taken < limit && (lease = acquire(Integer.MAX_VALUE)) != null; taken++) {
                handler.onMessage(copy.message());
                lease.done();
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

    /// Gives back a lease still in hand when a call ends: its handler threw, or something failed.
    private void settle() {
        copy.hide();
        Lease lease = inHand;
        if (lease == null) return;
        lease.close();
        inHand = null;
    }

    /// Leases the next record if its payload is at most `most` bytes long, and copies it into `copy`.
    private @Nullable Lease acquire(int most) {
        settle();
        now = System.nanoTime();
        while (true) {
            try {
                if (cursorsForgotten || now - walkedNanos > CURSOR_NANOS) beginAtHeads();
                return leaseNext(most);
            } catch (InternalError e) {
                if (inHand != null) throw e;
                checkOvertaken(e);
            }
        }
    }

    private @Nullable Lease leaseNext(int most) {
        int length = 0;
        for (int lane = 0;; patience.startOver(lane, length / Long.BYTES)) {
            lane = selectLane();
            if (lane == NONE) {
                empty();
                return null;
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
            Lease lease = new Lease(shared, forgetCursors, lane, at, mine, attempt);
            inHand = lease;
            // the taking step; pairs with the reads of the word in walk(), here and in Lanes. A word that is zero
            // again, since its space was given back, looks as it did before: then the head has passed the record
            if (!SharedMemory.compareAndSet(m, wordAddress, word[lane], mine) || hasPassed(lane, at)) {
                inHand = null;
                read(lane); // another consumer was faster
                continue;
            }
            copy.fill(m, firstPayload(lane, length), length);
            cursor[lane] = afterFirst(lane, length);
            read(lane);
            // pairs with the release in publish() that reuses the space: the copy precedes the read that proves it
            SharedMemory.acquireFence();
            // pairs with the CAS of another consumer, which took over because this one was so slow
            if (SharedMemory.getVolatile(m, wordAddress) != mine) continue;
            copy.show(length, lane, at);
            return lease;
        }
    }

    private long leaseWordAddress(int lane, long at) {
        return laneAddress[lane] + laneBytes + geometry.leaseWordBytes(at & mask);
    }

    // ---- look

    /// Leases given back or abandoned lie before the cursors: restarts at the heads.
    private void beginAtHeads() {
        cursorsForgotten = false; // before the walk: a lease given back from now on sets it again
        walkedNanos = now;
        for (int lane = 0; lane < lanes; lane++) {
            cursor[lane] = head[lane];
            first[lane] = 0; // unread
        }
        holders.forgetEnded();
    }

    /// Finds the lane's first record that can be leased: after the cursor if there is one, else from the head on.
    @Override
    long read(int lane) {
        if (walk(lane) == 0 && cursor[lane] != head[lane]) {
            cursor[lane] = head[lane];
            walk(lane);
        }
        return first[lane];
    }

    /// One walk from the cursor, or from the head if that has passed the cursor.
    private long walk(int lane) {
        long start = 0;
        long at = 0;
        again:
        for (;; patience.startOver(lane, (at - start) / Layout.BLOCK)) {
            // pairs with the CAS in Lanes.passDone()
            start = SharedMemory.getVolatile(memory, headAddress[lane]);
            if (Layout.jumps(start) != Layout.jumps(head[lane])) left.set(lane);
            head[lane] = start;
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
                at += size;
            }
            if (hasPassed(lane, start)) continue;
            word[lane] = leaseWord;
            position[lane] = ended[lane] = cursor[lane] = at;
            return first[lane] = header;
        }
    }

    /// Whether the head has passed the position, so that memory there may be reused and what was read means nothing.
    private boolean hasPassed(int lane, long start) {
        // pairs with the CAS in Lanes.passDone(); the fence keeps the reads that this head proves before it
        SharedMemory.acquireFence();
        return SharedMemory.getVolatile(memory, headAddress[lane]) - start > 0; // pairs with the same
    }

    /// A record that can be leased keeps its place: the head cannot pass it.
    @Override
    boolean headUnchanged(int lane) {
        return !hasPassed(lane, position[lane]);
    }

    /// Two consecutive looks from the heads that end each lane at the same position.
    @Override
    boolean confirmEmpty() {
        int before = lanes;
        readLanesInUse();
        boolean empty = true;
        for (int lane = 0; lane < lanes; lane++) {
            long old = lane < before ? ended[lane] : 0;
            cursor[lane] = head[lane];
            empty &= read(lane) == 0 & ended[lane] == old;
        }
        return empty;
    }

    /// Detaches the consumer. Messages that it has not taken stay; those it holds are leased to others.
    @Override
    public void close() {
        if (markClosed()) participants.releaseConsumerId(consumerId);
    }
}
