package dev.procession.core;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
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
    /// Maximum age of a check that a consumer is alive, in ns: a check costs half a microsecond.
    private static final long ALIVE_NANOS = 1_000_000;

    /// Size of the cache of live consumers, a power of two.
    private static final int ALIVE = 256;
    /// Maximum number of leases timed at once; further ones are timed once these have ended.
    private static final int MOST_HELD = 1 << 14;

    private final int consumerId;
    private final long visibilityNanos;
    private final long[] cursor; // position: every record before it was taken, leased or done when walked
    private final long[] ended; // position at which the last walk of the lane ended
    private final long[] word; // the lease word of the lane's first record, as the walk saw it

    private long now; // when the current call began
    private long walkedNanos; // when all lanes were last walked from their heads
    private volatile boolean cursorsForgotten;
    // for a lease given back by any thread
    private final Runnable forgetCursors = () -> cursorsForgotten = true;
    private final int[] alive = new int[ALIVE]; // direct-mapped cache: consumer ids by their low bits
    private final long[] aliveNanos = new long[ALIVE]; // when each was found alive
    // by address of the lease word, if there is a visibility time-out
    private final Map<Long, Held> held = new HashMap<>();

    private final PrivateCopy copy = new PrivateCopy(file);
    private @Nullable Lease inHand; // from before its CAS until it is handed to the caller or done

    /// @param word the lease word
    /// @param since when this consumer first saw it
    private record Held(long word, long since) {}

    LeasingConsumer(Participants participants, WaitLoop waiting, int consumerId, Leasing leasing) {
        super(participants, waiting);
        this.consumerId = consumerId;
        visibilityNanos = leasing.visibilityNanos();
        cursor = head.clone();
        ended = head.clone();
        word = new long[head.length];
        walkedNanos = System.nanoTime();
        Arrays.fill(alive, -1);
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

    /// The taking step: leases the next record if its payload is at most `most` bytes long, and copies it into `copy`.
    private @Nullable Lease acquire(int most) {
        settle();
        now = System.nanoTime();
        if (cursorsForgotten || now - walkedNanos > CURSOR_NANOS) beginAtHeads();
        int length = 0;
        for (int lane = 0;; patience.startOver(lane, length / Long.BYTES)) {
            lane = selectLane();
            if (lane == NONE) {
                empty();
                return null;
            }
            long at = position[lane];
            length = Layout.length(first[lane]);
            if (length > Math.min(most, copy.byteSize())) {
                // pairs with the CAS of other consumers below
                if (SharedMemory.getVolatile(memory, leaseWordAddress(lane, at)) != word[lane]) {
                    read(lane); // another consumer has it by now
                    continue;
                }
                if (length > most) throw tooLarge(length, most);
                copy.grow(length);
            }
            long lap = file.geometry.lap(at);
            int attempt = Layout.nextAttempt(Layout.attempts(word[lane], lap));
            long mine = Layout.leaseWord(lap, consumerId, attempt, Layout.LEASED);
            assert mine != word[lane]; // invariant 10
            Lease lease = new Lease(shared, forgetCursors, lane, at, mine, attempt);
            inHand = lease;
            // the taking step; pairs with the reads of the word in walk(), here and in Lanes
            if (!SharedMemory.compareAndSet(memory, leaseWordAddress(lane, at), word[lane], mine)) {
                inHand = null;
                read(lane); // another consumer was faster
                continue;
            }
            copy.fill(laneAddress[lane] + (at & mask) + headerBytes, length);
            cursor[lane] = at + recordBytes(length);
            read(lane);
            // pairs with the release in publish() that reuses the space: the copy precedes the read that proves it
            SharedMemory.acquireFence();
            // pairs with the CAS of another consumer, which took over because this one was so slow
            if (SharedMemory.getVolatile(memory, leaseWordAddress(lane, at)) != mine) continue;
            copy.show(0, length);
            return lease;
        }
    }

    private long leaseWordAddress(int lane, long at) {
        return base + shared.leaseWordOffset(lane, at);
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
        // pairs with the CAS of every change of a lease word
        held.entrySet().removeIf(e -> SharedMemory.getVolatile(memory, e.getKey()) != e.getValue().word);
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
            start = head[lane] = SharedMemory.getVolatile(memory, headAddress[lane]);
            if (cursor[lane] - start > 0) start = cursor[lane];
            long from = start; // where the record's space begins: at the padding before it, or at itself
            at = start;
            long leaseWord = 0;
            long header;
            // pairs with the release in publish()
            while ((header = SharedMemory.getVolatile(memory, laneAddress[lane] + (at & mask))) != 0) {
                if (header == Layout.PADDING && (at & mask) != 0) {
                    at = nextLap(at);
                    continue;
                }
                if (at - start >= laneBytes || !isRecord(header, at & mask)) {
                    if (hasPassed(lane, start)) continue again;
                    throw file.corrupted(lane, at,
                            "its header " + Long.toHexString(header) + " is not that of a record");
                }
                // pairs with the CAS of every change of a lease word; after the header, which it proves
                leaseWord = SharedMemory.getVolatile(memory, leaseWordAddress(lane, at));
                int state = Layout.state(leaseWord, file.geometry.lap(at));
                if (state == Layout.FREE
                        || state == Layout.LEASED && isAbandoned(leaseWordAddress(lane, at), leaseWord))
                    break;
                if (state == Layout.DONE && from == head[lane]) {
                    shared.passDone(lane, patience);
                    continue again;
                }
                if (state != Layout.DONE && state != Layout.LEASED) {
                    if (hasPassed(lane, start)) continue again;
                    throw file.corrupted(lane, at, "its lease word " + Long.toHexString(leaseWord) + " is none");
                }
                from = at += recordBytes(Layout.length(header));
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

    /// Whether this lease's holder is dead, or has exceeded the visibility time-out.
    private boolean isAbandoned(long leaseWordAddress, long leaseWord) {
        int holder = Layout.consumerId(leaseWord);
        int place = holder & ALIVE - 1;
        if (alive[place] != holder || now - aliveNanos[place] > ALIVE_NANOS) {
            if (!participants.isConsumerAlive(holder)) return true;
            alive[place] = holder;
            aliveNanos[place] = now;
        }
        if (visibilityNanos == 0) return false;
        Held before = held.get(leaseWordAddress);
        if (before != null && before.word == leaseWord) return now - before.since > visibilityNanos;
        if (held.size() < MOST_HELD || before != null) held.put(leaseWordAddress, new Held(leaseWord, now));
        return false;
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
        lanes = shared.lanesInUse();
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
