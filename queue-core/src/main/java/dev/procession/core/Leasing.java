package dev.procession.core;

import org.jspecify.annotations.Nullable;

/// What makes a queue a leased one: each message is lent to a consumer, and is gone only when that one says so.
///
/// @param visibilityNanos how long a consumer may hold a lease before others take it over, though its process lives, as
///     each of them measures it from when it first saw that lease; 0: as long as it lives
/// @param maxAttempts how often a message is to be lent at the most, 1 to 254, or 0 for no limit. It is kept in the
///     file for whoever sets such messages aside; the queue itself goes on lending, with a higher [Lease#attempt()]
public record Leasing(long visibilityNanos, int maxAttempts) {
    /// As long as the consumer lives, as often as it takes.
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
