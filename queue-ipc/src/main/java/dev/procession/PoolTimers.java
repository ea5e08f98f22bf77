package dev.procession;

import java.util.PriorityQueue;

/// What a [WorkerPool] does later: its thread does it, which waits for results in between. Guarded by the pool's lock.
final class PoolTimers {
    private record Timer(long at, Runnable action) implements Comparable<Timer> {
        @Override
        public int compareTo(Timer other) {
            return Long.signum(at - other.at);
        }
    }

    private final PriorityQueue<Timer> timers = new PriorityQueue<>();
    private final Runnable wake;

    /// @param wake has the thread call [#run] again: it waits for a later time, or for none
    PoolTimers(Runnable wake) {
        this.wake = wake;
    }

    void after(long nanos, Runnable action) {
        Timer timer = new Timer(System.nanoTime() + Math.min(nanos, Long.MAX_VALUE / 2), action);
        timers.add(timer);
        if (timers.peek() == timer) wake.run();
    }

    /// Does what is due.
    ///
    /// @return when the next is, from now on, in nanoseconds; [Long#MAX_VALUE]: there is none
    long run() {
        for (Timer first; (first = timers.peek()) != null;) {
            long nanos = first.at - System.nanoTime();
            if (nanos > 0) return nanos;
            timers.remove().action.run();
        }
        return Long.MAX_VALUE;
    }
}
