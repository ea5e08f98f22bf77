package dev.procession;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Counts what becomes of the tasks of a [WorkerPool], and tells a listener.
final class PoolProgress {
    private static final Duration PAUSE = Duration.ofMillis(50);

    final LongAdder done = new LongAdder();
    final LongAdder failed = new LongAdder();
    private final @Nullable Consumer<? super PoolStats> listener;
    private final Supplier<PoolStats> stats;
    private final AtomicBoolean isToTell = new AtomicBoolean();
    private final ReentrantLock turn = new ReentrantLock();

    PoolProgress(@Nullable Consumer<? super PoolStats> listener, Supplier<PoolStats> stats) {
        this.listener = listener;
        this.stats = stats;
    }

    /// A call that begins later tells of it: never two at a time, and not too many.
    void changed() {
        Consumer<? super PoolStats> listener = this.listener;
        if (listener == null || isToTell.getAndSet(true)) return;
        Thread.ofVirtual().start(() -> {
            turn.lock();
            try {
                isToTell.set(false);
                listener.accept(stats.get());
                Thread.sleep(PAUSE);
            } catch (InterruptedException e) {
                // the listener has interrupted itself
            } finally {
                turn.unlock();
            }
        });
    }
}
