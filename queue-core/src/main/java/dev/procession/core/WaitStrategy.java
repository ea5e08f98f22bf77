package dev.procession.core;

import org.agrona.concurrent.IdleStrategy;
import org.jspecify.annotations.Nullable;

/// How a blocking put or get waits.
///
/// Thread-safe, except that one made from an [IdleStrategy] is only as thread-safe as that strategy: most are confined
/// to one producer or consumer.
///
/// {@snippet file="CoreExamples.java" region="wait-strategy"}
public final class WaitStrategy {
    /// Some microseconds.
    static final int SHORT_SPINS = 200;
    /// In ns: the first sleep after activity, doubled up to the longest when idle.
    static final long SHORTEST_NANOS = 1_000_000, LONGEST_NANOS = 50_000_000;

    private static final WaitStrategy SPINNING = new WaitStrategy(Integer.MAX_VALUE, null);
    private static final WaitStrategy SPIN_THEN_SLEEP = new WaitStrategy(SHORT_SPINS, null);
    private static final WaitStrategy SLEEPING = new WaitStrategy(0, null);

    /// Looks before the first sleep, with a spin-wait hint before each.
    final int spins;

    final @Nullable IdleStrategy idle;

    private WaitStrategy(int spins, @Nullable IdleStrategy idle) {
        this.spins = spins;
        this.idle = idle;
    }

    /// Never sleeps: lowest latency, at the cost of a whole core while waiting. A virtual thread does sleep after some
    /// microseconds, since it would starve others of its carrier.
    ///
    /// @return the strategy
    public static WaitStrategy spinning() {
        return SPINNING;
    }

    /// Spins for some microseconds, then sleeps in the kernel until woken. The default.
    ///
    /// @return the strategy
    public static WaitStrategy spinThenSleep() {
        return SPIN_THEN_SLEEP;
    }

    /// Sleeps in the kernel at once: for long waits, or when the waiting thread shares a core with the thread it waits
    /// for.
    ///
    /// @return the strategy
    public static WaitStrategy sleeping() {
        return SLEEPING;
    }

    /// Calls the strategy's `idle()` after each look that finds nothing, and `reset()` before the first. Needs Agrona
    /// on the class path or module path.
    ///
    /// @param strategy the strategy to call
    /// @return a wait strategy for one producer or consumer
    @SuppressWarnings("exports") // Agrona is optional
    public static WaitStrategy of(IdleStrategy strategy) {
        return new WaitStrategy(0, strategy);
    }
}
