package dev.procession;

import dev.procession.core.WaitLoop;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Which thread waits: of all those of this process that wait for the same, one, so that one message does not wake all
/// of them. The others come after it, in the order in which they came.
final class Turn {
    private final ReentrantLock lock = new ReentrantLock(true);

    /// Tries again and again, when it is this thread's turn, until there is a result or the time-out is over.
    <T> @Nullable T await(WaitLoop waiting, Supplier<@Nullable T> attempt, long timeoutNanos)
            throws InterruptedException {
        long start = System.nanoTime();
        if (timeoutNanos == Long.MAX_VALUE) {
            lock.lockInterruptibly();
        } else if (!lock.tryLock(timeoutNanos, TimeUnit.NANOSECONDS)) {
            return attempt.get();
        }
        try {
            waiting.start(timeoutNanos == Long.MAX_VALUE ? timeoutNanos : timeoutNanos - (System.nanoTime() - start));
            T result;
            do result = attempt.get();
            while (result == null && waiting.pause());
            return result;
        } finally {
            lock.unlock();
        }
    }

    /// How long it was waited for, for an error message.
    static String text(Duration timeout) {
        return timeout.isPositive() ? " for " + timeout : "";
    }

    /// A time-out in ns, `Long.MAX_VALUE` for one that does not end.
    static long nanos(Duration timeout) {
        try {
            return timeout.toNanos();
        } catch (ArithmeticException e) { // 292 years or more
            return timeout.isNegative() ? 0 : Long.MAX_VALUE;
        }
    }
}
