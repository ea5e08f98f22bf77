package dev.procession.core;

import org.jspecify.annotations.Nullable;

/// Makes a queue a leased one: each message is leased to one consumer, and is removed only when that consumer says that
/// it is done. Immutable.
///
/// {@snippet file="CoreExamples.java" region="leasing"}
///
/// @param visibilityNanos how long a consumer may hold a lease before others take it over although its process is
///     alive, in ns, measured by each of them from when it first saw the lease; 0: as long as its process is alive
/// @param maxAttempts how often a message should be leased at most, 1 to 16,382, or 0 for no limit. Only stored in the
///     file, for code that sets such messages aside; the queue itself goes on leasing, with a higher [Lease#attempt()]
public record Leasing(long visibilityNanos, int maxAttempts) {
    /// No visibility time-out, no limit on attempts.
    public static final Leasing DEFAULT = new Leasing(0, 0);

    /// Checks the ranges.
    ///
    /// @throws IllegalArgumentException if a value is out of its range
    public Leasing {
        String wrong = wrong(visibilityNanos, maxAttempts);
        if (wrong != null) throw new IllegalArgumentException(wrong);
    }

    static @Nullable String wrong(long visibilityNanos, long maxAttempts) {
        if (visibilityNanos < 0) return "visibilityNanos=" + visibilityNanos + ", must be 0 (no time-out) or more";
        if (maxAttempts < 0 || maxAttempts >= Layout.MAX_ATTEMPT) {
            return "maxAttempts=" + maxAttempts + ", must be 0 (no limit) or 1 to " + (Layout.MAX_ATTEMPT - 1);
        }
        return null;
    }
}
