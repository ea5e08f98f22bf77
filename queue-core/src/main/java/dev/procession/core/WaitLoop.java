package dev.procession.core;

import dev.procession.core.os.Os;
import java.util.function.LongSupplier;

/// Waits for messages or for room: spins, then sleeps until woken.
///
/// Producers and consumers have one inside. It is public for code that shares a producer or consumer between threads
/// and must not hold a lock while waiting; it gets one per wait from [LaneQueue]. Confined to one thread.
///
/// {@snippet file="CoreExamples.java" region="wait-loop"}
public final class WaitLoop {
    private static final long WARN_NANOS = 1_000_000_000;
    private static final long WARN_AGAIN_NANOS = 60_000_000_000L;

    private final QueueFile file;
    private final Doorbell doorbell;
    private final WaitStrategy strategy;
    private final LongSupplier longest;
    private final boolean watches;
    private int spins;
    private boolean forEver;
    private long deadline;
    private int looks;
    private long sleepNanos;
    private long warnAt; // when to say that the file system is full

    /// @param longest called before each sleep: how long it may last in ns; 0 if what is waited for is there
    WaitLoop(QueueFile file, Doorbell doorbell, WaitStrategy strategy, LongSupplier longest) {
        this(file, doorbell, strategy, longest, false);
    }

    /// @param watches whether it is enough if one sleeper of all processes looks as often as that
    WaitLoop(QueueFile file, Doorbell doorbell, WaitStrategy strategy, LongSupplier longest, boolean watches) {
        this.file = file;
        this.doorbell = doorbell;
        this.strategy = strategy;
        this.longest = longest;
        this.watches = watches;
    }

    /// Starts a wait.
    ///
    /// @param timeoutNanos the longest wait, in ns; [Long#MAX_VALUE]: no limit
    public void start(long timeoutNanos) {
        // what a virtual thread waits for may need its carrier
        boolean virtual = Thread.currentThread().isVirtual();
        spins = virtual ? Math.min(strategy.spins, WaitStrategy.SHORT_SPINS) : strategy.spins;
        forEver = timeoutNanos == Long.MAX_VALUE;
        long now = System.nanoTime();
        deadline = now + timeoutNanos;
        warnAt = now + WARN_NANOS;
        looks = 0;
        sleepNanos = WaitStrategy.SHORTEST_NANOS;
        if (strategy.idle != null) strategy.idle.reset();
    }

    /// Spins once or sleeps.
    ///
    /// @return false once the time-out has expired; true: try again
    /// @throws InterruptedException if the thread was interrupted
    /// @throws QueueClosedException if the queue's handle was closed
    public boolean pause() throws InterruptedException {
        file.checkOpen();
        if (Thread.interrupted()) throw new InterruptedException("interrupted while waiting at " + file.path);
        long left = forEver ? Long.MAX_VALUE : deadline - System.nanoTime();
        if (left <= 0) return false;
        if (strategy.idle != null) {
            strategy.idle.idle();
        } else if (looks < spins) {
            if (spins != Integer.MAX_VALUE) looks++;
            Thread.onSpinWait();
        } else {
            file.checkNotTruncated();
            if (file.spaceMissing) warn();
            try {
                sleep(left);
            } catch (InternalError e) {
                throw file.translate(e);
            }
            sleepNanos = Math.min(2 * sleepNanos, WaitStrategy.LONGEST_NANOS);
        }
        return true;
    }

    /// A full queue empties as its consumers get; a full file system may not, and nothing else would tell.
    private void warn() {
        long now = System.nanoTime();
        if (!doorbell.isForRoom() || now - warnAt < 0) return;
        warnAt = now + WARN_AGAIN_NANOS;
        Os.warn("a put waits: the file system of " + file.path + " has no space left; free some, or get messages");
    }

    private void sleep(long left) {
        if (!file.tryEnter()) return; // closed meanwhile; the next pause() reports it
        try {
            int word = doorbell.prepareToSleep();
            long most = longest.getAsLong();
            if (most <= 0 || !file.isUsable()) return;
            if (!watches || most == WaitStrategy.LONGEST_NANOS) doorbell.sleep(word, left, Math.min(sleepNanos, most));
            else doorbell.sleepOrWatch(word, left, sleepNanos, most);
        } finally {
            file.exit();
        }
    }
}
