package dev.procession.core;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One of any number of consumers of a leased queue: it is lent messages, and each is gone only when it says
/// [Lease#done()].
///
/// What a consumer that was closed or killed has not done is lent again, at its old place in the order, as soon as the
/// kernel says that the consumer is gone; what it holds for longer than the queue's visibility time-out likewise.
///
/// To claim a record is one compare-and-set of its lease word, from what a look saw there: never claimed, given back,
/// or held by somebody who is gone. There is no recovery: taking over is claiming. A look walks a lane from its head
/// over the records that others hold or have done. It reads a header first and its lease word second: a word that does
/// not say "done" proves the header, because the head, behind which memory is used again, cannot pass a record that is
/// not done. The lengths of those that are done are proven at the end of the walk, by reading the head again. After a
/// claim nothing is left to prove: no lease word is ever the same again, so the record is the one that was seen.
///
/// All that can fail is done before the claim. What fails behind it all the same, and be it for want of stack, gives
/// the claim back: at the end of the call, and if that fails too, at the beginning of the next.
///
/// Who holds a record is a number that nobody else has, and whose holder has a lock on the byte of that number in the
/// file from before its first claim. The kernel drops that lock when the process is gone.
public final class LeasingConsumer extends Consumer {
    /// For so long it is believed that nothing before the cursors has become free again.
    private static final long CURSOR_NANOS = 2_000_000;
    /// For so long it is believed that a consumer lives: to ask costs half a microsecond.
    private static final long ALIVE_NANOS = 1_000_000;

    /// A power of two of owners that are believed to live.
    private static final int ALIVE = 256;
    /// So many leases are timed at once; those behind them are when they are over.
    private static final int MOST_HELD = 1 << 14;

    private final int consumerId;
    private final long visibilityNanos;
    private final long[] cursor; // position: all before it was taken or done when it was walked
    private final long[] ended; // position at which the last walk of the lane ended
    private final long[] word; // the lease word of the lane's first record, as the walk saw it

    private long now; // when this call began
    private long walkedNanos; // when all lanes were walked from their heads
    private volatile boolean cursorsForgotten;
    // for a lease that is given back, by any thread
    private final Runnable forgetCursors = () -> cursorsForgotten = true;
    private final int[] alive = new int[ALIVE]; // owners, each in the place that its last bits say
    private final long[] aliveNanos = new long[ALIVE]; // when it was
    // lease words by their address, if there is a visibility time-out
    private final Map<Long, Held> held = new HashMap<>();

    private final PrivateCopy copy = new PrivateCopy(file);
    private @Nullable Lease inHand; // from before its claim until the caller has it or it is done

    /// @param word what a lease word says
    /// @param since when this consumer saw it first
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
    /// @return the lease that the handler got, or null if every message is lent or done
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

    /// Takes a lease on the next message, and waits for it.
    ///
    /// @param handler gets the message; if it throws, the lease is given back
    /// @param timeoutNanos the longest wait; zero or less does not wait, [Long#MAX_VALUE] has no end
    /// @return the lease that the handler got, or null if every message was lent or done all the time
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

    /// Takes one message: a lease that is done as soon as the message has been copied.
    @Override
    public int tryGet(byte[] to) {
        begin(1);
        try {
            for (Lease lease; (lease = acquire(to.length)) != null; patience.startOver(0)) {
                int length = copy.message().length();
                copy.message().getBytes(0, to, 0, length);
                if (lease.finish()) return length; // else it was so slow that somebody else has it by now
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

    /// Hands messages to a handler, each under a lease: it is done when the handler returns, and given back if the
    /// handler throws, which ends the call.
    ///
    /// @throws LeaseLostException if the handler took longer than the visibility time-out, so that somebody else has
    ///     the message
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

    /// Nobody has what is still in hand when a call ends: its handler threw, or something failed.
    private void settle() {
        copy.hide();
        Lease lease = inHand;
        if (lease == null) return;
        lease.close();
        inHand = null;
    }

    /// The taking step: claims the next record if its payload has at most `most` bytes, and copies it into `copy`.
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
                    read(lane); // somebody else has it by now
                    continue;
                }
                if (length > most) throw tooLarge(length, most);
                copy.grow(length);
            }
            long lap = file.geometry.lap(at);
            int attempt = Layout.nextAttempt(Layout.attempts(word[lane], lap));
            long mine = Layout.leaseWord(lap, consumerId, attempt, Layout.LEASED);
            assert mine != word[lane]; // invariant 10
            Lease lease = new Lease(cold, forgetCursors, lane, at, mine, attempt);
            inHand = lease;
            // the taking step; pairs with the reads of the word in walk(), here and in Lanes
            if (!SharedMemory.compareAndSet(memory, leaseWordAddress(lane, at), word[lane], mine)) {
                inHand = null;
                read(lane); // somebody else was faster
                continue;
            }
            copy.fill(laneAddress[lane] + (at & mask) + headerBytes, length);
            cursor[lane] = at + recordBytes(length);
            read(lane);
            // pairs with the release in publish() of a producer that reuses the space: the copy was made before this
            // look at the lease word, which proves it
            SharedMemory.acquireFence();
            // pairs with the CAS of a consumer that has taken over
            // so slow that it was taken over already
            if (SharedMemory.getVolatile(memory, leaseWordAddress(lane, at)) != mine) continue;
            copy.show(0, length);
            return lease;
        }
    }

    private long leaseWordAddress(int lane, long at) {
        return base + cold.leaseWordOffset(lane, at);
    }

    // ---- look

    /// What was given back, or is held by somebody who is gone by now, lies behind the cursors: begins at the heads
    /// again.
    private void beginAtHeads() {
        cursorsForgotten = false; // before the heads are walked: what is given back from now on is for the next time
        walkedNanos = now;
        for (int lane = 0; lane < lanes; lane++) {
            cursor[lane] = head[lane];
            first[lane] = 0; // not read
        }
        // pairs with the CAS of all that change a lease word
        held.entrySet().removeIf(e -> SharedMemory.getVolatile(memory, e.getKey()) != e.getValue().word);
    }

    /// Finds the lane's first record that can be claimed: behind the cursor if there is one, else from the head on.
    @Override
    long read(int lane) {
        if (walk(lane) == 0 && cursor[lane] != head[lane]) {
            cursor[lane] = head[lane];
            walk(lane);
        }
        return first[lane];
    }

    /// One walk from the cursor, or from the head if that has passed it.
    private long walk(int lane) {
        long start = 0;
        long at = 0;
        again:
        for (;; patience.startOver(lane, (at - start) / Layout.BLOCK)) {
            // pairs with the CAS in Lanes.passDone()
            start = head[lane] = SharedMemory.getVolatile(memory, headAddress[lane]);
            if (cursor[lane] - start > 0) start = cursor[lane];
            long from = start; // where the record's space begins: with the padding before it, or with itself
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
                // pairs with the CAS of all that change a lease word, and comes after the header, which it proves
                leaseWord = SharedMemory.getVolatile(memory, leaseWordAddress(lane, at));
                int state = Layout.state(leaseWord, file.geometry.lap(at));
                if (state == Layout.FREE
                        || state == Layout.LEASED && isAbandoned(leaseWordAddress(lane, at), leaseWord))
                    break;
                if (state == Layout.DONE && from == head[lane]) {
                    cold.passDone(lane, patience);
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

    /// Whether memory behind the position may have been used again, so that what was read there means nothing.
    private boolean hasPassed(int lane, long start) {
        // pairs with the CAS in Lanes.passDone(); the fence: what was read before must stay before this read, which
        // proves it
        SharedMemory.acquireFence();
        return SharedMemory.getVolatile(memory, headAddress[lane]) - start > 0;
    }

    /// Whether the holder of this claim is gone, or has held it for too long.
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

    /// A record that can be claimed keeps its place: the head cannot pass it.
    @Override
    boolean headUnchanged(int lane) {
        return !hasPassed(lane, position[lane]);
    }

    /// Two looks in a row, from the heads, that ended each lane at the same place.
    @Override
    boolean confirmEmpty() {
        int before = lanes;
        lanes = cold.lanesInUse();
        boolean empty = true;
        for (int lane = 0; lane < lanes; lane++) {
            long old = lane < before ? ended[lane] : 0;
            cursor[lane] = head[lane];
            empty &= read(lane) == 0 & ended[lane] == old;
        }
        return empty;
    }

    /// Gives the consumer's place back. Messages that it has not taken stay, and leases that it holds are lent to
    /// others.
    @Override
    public void close() {
        if (markClosed()) participants.releaseConsumerId(consumerId);
    }
}
