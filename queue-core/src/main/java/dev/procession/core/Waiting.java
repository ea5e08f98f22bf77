package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Waiting for messages or for room: spin, then sleep on a futex.
///
///     sleeper                                      waker
///     w = futex word                               publish (or move the head)
///     waiting bit := 1                             if the waiting bit is set:
///     barrier in every attached process                waiting bit := 0
///     look again; anything there: do not sleep         futex word += 1
///     futex wait while the word is w                   wake
///
/// The word is read before the bit is set, the bit is cleared before the word is raised, and the word is raised before
/// the wake: each of these swapped loses a wake-up. The waker has no fence between publishing and reading the bit, so its
/// store may still be on its way; the sleeper's barrier makes up for that. Where a process cannot have that barrier, it
/// sets the fence bit when it attaches, and then wakers fence.
///
/// A kill or a stop between publishing and waking loses a wake-up all the same. So every sleep is timed, and the bit is
/// never a count, which a kill would leave too high for ever.
///
/// Room is signalled not at each move of a head but when it passes an eighth of its lane, and when the lane is empty: for a
/// producer of a full lane a wake-up for each message would cost more than the message.
///
/// Producers and consumers have one inside. It is public for those who share a producer or a consumer between threads and
/// must not hold a lock while they wait; they get one for each wait from [LaneQueue]. One object belongs to one thread.
public final class Waiting {
    private static final long WAITING = 1;
    private static final long FENCE = 2;

    /// The first sleep after activity, and the longest when it is quiet.
    private static final long SHORTEST_NANOS = 1_000_000;

    static final long LONGEST_NANOS = 50_000_000;

    private final LaneQueue queue;
    private final MemorySegment memory;
    private final long waitingAt;
    private final long futexOffset;
    private final WaitStrategy strategy;
    private final LongSupplier longest;
    private @Nullable FutexProxy proxy; // of a virtual thread
    private int spins;
    private boolean forEver;
    private long deadline;
    private int looks;
    private long sleepNanos;

    /// @param waiting offset in the file of the waiting bit
    /// @param futex offset in the file of the futex word
    /// @param longest how many nanoseconds a sleep may last, 0 if there is what is waited for; asked right before each
    Waiting(LaneQueue queue, long waiting, long futex, WaitStrategy strategy, LongSupplier longest) {
        this.queue = queue;
        memory = queue.file.memory;
        waitingAt = Memory.base(memory) + waiting;
        futexOffset = futex;
        this.strategy = strategy;
        this.longest = longest;
    }

    /// Called once by each process for each handle, before anybody waits or wakes through it.
    static void attach(MemorySegment memory) {
        if (!Platform.CURRENT.canWake() || Platform.CURRENT.barrierEverywhere()) return;
        long base = Memory.base(memory);
        Memory.getAndBitwiseOr(memory, base + Layout.MESSAGES_WAITING_AT, FENCE);
        Memory.getAndBitwiseOr(memory, base + Layout.ROOM_WAITING_AT, FENCE);
    }

    /// Starts a wait.
    ///
    /// @param timeoutNanos the longest wait; [Long#MAX_VALUE] has no end
    public void begin(long timeoutNanos) {
        boolean virtual = Thread.currentThread().isVirtual();
        proxy = virtual ? queue.proxy(futexOffset) : null;
        // what a virtual thread waits for may be waiting for its carrier
        spins = virtual ? Math.min(strategy.spins, WaitStrategy.SHORT_SPINS) : strategy.spins;
        forEver = timeoutNanos == Long.MAX_VALUE;
        deadline = System.nanoTime() + timeoutNanos;
        looks = 0;
        sleepNanos = SHORTEST_NANOS;
        if (strategy.idle != null) strategy.idle.reset();
    }

    /// Passes a little time.
    ///
    /// @return false when the time-out is over; otherwise it is time to try again
    /// @throws InterruptedException if the thread was interrupted
    /// @throws QueueClosedException if the queue's handle was closed
    public boolean again() throws InterruptedException {
        queue.file.checkOpen();
        if (Thread.interrupted()) throw new InterruptedException("interrupted while waiting at " + queue.path());
        long left = forEver ? Long.MAX_VALUE : deadline - System.nanoTime();
        if (left <= 0) return false;
        if (strategy.idle != null) {
            strategy.idle.idle();
        } else if (looks < spins) {
            if (spins != Integer.MAX_VALUE) looks++;
            Thread.onSpinWait();
        } else {
            queue.file.checkNotCutOff();
            try {
                sleep(left);
            } catch (InternalError e) {
                throw queue.file.fault(e);
            }
            sleepNanos = Math.min(2 * sleepNanos, LONGEST_NANOS);
        }
        return true;
    }

    private void sleep(long left) {
        if (!queue.file.tryEnter()) return; // closed in the meantime, as whoever sleeps finds out
        try {
            sleepInside(left);
        } finally {
            queue.file.exit();
        }
    }

    private void sleepInside(long left) {
        long futexAt = Memory.base(memory) + futexOffset;
        int word = Memory.getIntVolatile(memory, futexAt); // before the bit: a waker that saw the bit raises it after this
        Memory.getAndBitwiseOr(memory, waitingAt, WAITING);
        Platform.CURRENT.barrierEverywhere(); // a waker's publish is visible to what looks now, or it will see the bit
        long most = longest.getAsLong();
        if (most <= 0 || !queue.file.isUsable()) return;
        long nanos = Math.min(sleepNanos, most);
        if (proxy != null) proxy.sleep(word, left, nanos);
        else Platform.CURRENT.sleep(memory, futexOffset, word, Math.min(left, nanos));
    }

    /// Called after each publish, or each move of a head: wakes the sleepers if there are any.
    static void wake(MemorySegment memory, long base, long waiting, long futex) {
        // opaque: the compiler may not move it up before the publish; that the processor may, is the sleeper's to mend
        if (Memory.getOpaque(memory, base + waiting) != 0) wakeSleepers(memory, base, waiting, futex);
    }

    private static void wakeSleepers(MemorySegment memory, long base, long waiting, long futex) {
        if ((Memory.getOpaque(memory, base + waiting) & FENCE) != 0) Memory.fullFence();
        if ((Memory.getVolatile(memory, base + waiting) & WAITING) != 0) wakeAll(memory, base, waiting, futex);
    }

    static void wakeAll(MemorySegment memory, long base, long waiting, long futex) {
        Memory.getAndBitwiseAnd(memory, base + waiting, ~WAITING);
        Memory.getAndAddInt(memory, base + futex, 1);
        Platform.CURRENT.wake(memory, futex);
    }
}
