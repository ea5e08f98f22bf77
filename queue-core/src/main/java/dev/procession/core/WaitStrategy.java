package dev.procession.core;

import org.agrona.concurrent.IdleStrategy;
import org.jspecify.annotations.Nullable;

/// How a blocking put or get passes the time until it can go on.
///
/// Thread-safe, except that one made from an [IdleStrategy] is as safe as that strategy is: most of them belong to one
/// producer or consumer.
public final class WaitStrategy {
    /// Some microseconds.
    static final int SHORT_SPINS = 200;
    /// The first sleep after activity, and the longest when it is quiet.
    static final long SHORTEST_NANOS = 1_000_000, LONGEST_NANOS = 50_000_000;

    private static final WaitStrategy SPINNING = new WaitStrategy(Integer.MAX_VALUE, null);
    private static final WaitStrategy SPIN_THEN_SLEEP = new WaitStrategy(SHORT_SPINS, null);
    private static final WaitStrategy SLEEPING = new WaitStrategy(0, null);

    /// Looks before the first sleep, with one pause before each.
    final int spins;

    final @Nullable IdleStrategy idle;

    private WaitStrategy(int spins, @Nullable IdleStrategy idle) {
        this.spins = spins;
        this.idle = idle;
    }

    /// Never sleeps: lowest latency, and a whole core for as long as it waits. A virtual thread does sleep after some
    /// microseconds, since it would keep others from its carrier.
    ///
    /// @return the strategy
    public static WaitStrategy spinning() {
        return SPINNING;
    }

    /// Spins for some microseconds, then sleeps in the kernel until it is woken. The default.
    ///
    /// @return the strategy
    public static WaitStrategy spinThenSleep() {
        return SPIN_THEN_SLEEP;
    }

    /// Sleeps in the kernel at once: for those who wait for long, or share their core with whom they wait for.
    ///
    /// @return the strategy
    public static WaitStrategy sleeping() {
        return SLEEPING;
    }

    /// Calls the strategy's `idle()` after each look that found nothing, and `reset()` before the first. Needs Agrona
    /// on the class path or module path.
    ///
    /// @param strategy what to call
    /// @return a wait strategy for one producer or consumer
    @SuppressWarnings("exports") // Agrona is optional
    public static WaitStrategy of(IdleStrategy strategy) {
        return new WaitStrategy(0, strategy);
    }
}
