package dev.procession.core;

import java.util.function.LongSupplier;

/// Waiting for messages or for room: spin, then sleep until the [Doorbell] rings.
///
/// Producers and consumers have one inside. It is public for those who share a producer or a consumer between threads
/// and must not hold a lock while they wait; they get one for each wait from [LaneQueue]. One object belongs to one
/// thread.
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

    /// @param longest how many nanoseconds a sleep may last, 0 if there is what is waited for; asked right before each
    WaitLoop(QueueFile file, Doorbell doorbell, WaitStrategy strategy, LongSupplier longest) {
        this.file = file;
        this.doorbell = doorbell;
        this.strategy = strategy;
        this.longest = longest;
    }

    /// Starts a wait.
    ///
    /// @param timeoutNanos the longest wait; [Long#MAX_VALUE] has no end
    public void start(long timeoutNanos) {
        // what a virtual thread waits for may be waiting for its carrier
        boolean virtual = Thread.currentThread().isVirtual();
        spins = virtual ? Math.min(strategy.spins, WaitStrategy.SHORT_SPINS) : strategy.spins;
        forEver = timeoutNanos == Long.MAX_VALUE;
        deadline = System.nanoTime() + timeoutNanos;
        looks = 0;
        sleepNanos = WaitStrategy.SHORTEST_NANOS;
        if (strategy.idle != null) strategy.idle.reset();
    }

    /// Passes a little time.
    ///
    /// @return false when the time-out is over; otherwise it is time to try again
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
        if (!file.tryEnter()) return; // closed in the meantime, which the next look finds out
        try {
            int word = doorbell.announce();
            long most = longest.getAsLong();
            if (most > 0 && file.isUsable()) doorbell.sleep(word, left, Math.min(sleepNanos, most));
        } finally {
            file.exit();
        }
    }
}
