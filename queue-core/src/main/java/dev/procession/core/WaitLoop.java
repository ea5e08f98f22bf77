package dev.procession.core;

import java.util.function.LongSupplier;

/// Waits for messages or for room: spins, then sleeps until woken.
///
/// Producers and consumers have one inside. It is public for code that shares a producer or consumer between threads
/// and must not hold a lock while waiting; it gets one per wait from [LaneQueue]. Confined to one thread.
///
/// {@snippet file="CoreExamples.java" region="wait-loop"}
public final class WaitLoop {
    private final QueueFile file;
    private final Doorbell doorbell;
    private final WaitStrategy strategy;
    private final LongSupplier longest;
    private int spins;
    private boolean forEver;
    private long deadline;
    private int looks;
    private long sleepNanos;

    /// @param longest called before each sleep: how long it may last in ns; 0 if what is waited for is there
    WaitLoop(QueueFile file, Doorbell doorbell, WaitStrategy strategy, LongSupplier longest) {
        this.file = file;
        this.doorbell = doorbell;
        this.strategy = strategy;
        this.longest = longest;
    }

    /// Starts a wait.
    ///
    /// @param timeoutNanos the longest wait, in ns; [Long#MAX_VALUE]: no limit
    public void start(long timeoutNanos) {
        // what a virtual thread waits for may need its carrier
        boolean virtual = Thread.currentThread().isVirtual();
        spins = virtual ? Math.min(strategy.spins, WaitStrategy.SHORT_SPINS) : strategy.spins;
        forEver = timeoutNanos == Long.MAX_VALUE;
        deadline = System.nanoTime() + timeoutNanos;
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
            try {
                sleep(left);
            } catch (InternalError e) {
                throw file.translate(e);
            }
            sleepNanos = Math.min(2 * sleepNanos, WaitStrategy.LONGEST_NANOS);
        }
        return true;
    }

    private void sleep(long left) {
        if (!file.tryEnter()) return; // closed meanwhile; the next pause() reports it
        try {
            int word = doorbell.prepareToSleep();
            long most = longest.getAsLong();
            if (most > 0 && file.isUsable()) doorbell.sleep(word, left, Math.min(sleepNanos, most));
        } finally {
            file.exit();
        }
    }
}
