package dev.procession.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/// What a system reached in the first slices of time that it worked, so that its samples begin when it is warm, and not
/// after a time that is enough for one system and too short for another.
final class WarmUp {
    /// Several of them take less than a second, and each is far longer than it takes to start it.
    static final Duration SLICE = Duration.ofMillis(50);

    private static final int COMPARED = 4;
    private static final double AGREEMENT = 0.05;
    private static final long COLD_NANOS = Duration.ofSeconds(1).toNanos();

    private final List<Double> rates = new ArrayList<>();
    private long messages;
    private double cold = Double.NaN;

    /// The system has worked for one more slice.
    ///
    /// @param moved         messages in it
    /// @param nanosSoFar    since it was told to move its first message
    /// @param sliceNanos    how long the slice took
    /// @param isWhole       false if it was much shorter than [#SLICE], because it was not known yet how many messages
    ///                      such a time needs; it tells nothing of the rate
    void add(long moved, long nanosSoFar, long sliceNanos, boolean isWhole) {
        messages += moved;
        if (isWhole) {
            rates.add(1e3 * moved / sliceNanos);
        }
        if (Double.isNaN(cold) && nanosSoFar >= COLD_NANOS) {
            cold = 1e3 * messages / nanosSoFar;
        }
    }

    /// Whether the rate stands still: the median of the last four slices is within 5 % of that of the four before. A
    /// slice that something held up changes neither, and a rate that still grows, as code is compiled, changes both.
    boolean standsStill() {
        int n = rates.size();
        if (n < 2 * COMPARED) return false;
        double earlier = median(rates.subList(n - 2 * COMPARED, n - COMPARED));
        double later = median(rates.subList(n - COMPARED, n));
        return Math.abs(later - earlier) <= AGREEMENT * earlier;
    }

    /// Million messages a second in the first second; empty if it is not over.
    OptionalDouble cold() {
        return Double.isNaN(cold) ? OptionalDouble.empty() : OptionalDouble.of(cold);
    }

    private static double median(List<Double> values) {
        return Result.quantile(values.stream().mapToDouble(Double::doubleValue).toArray(), 0.5);
    }
}
