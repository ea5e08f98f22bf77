package dev.procession.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// What a system reached in the first slices of time that it worked, so that its samples begin when it is warm, and not
/// after a time that is enough for one system and too short for another.
final class WarmUp {
    /// Several of them take less than a second, and each is far longer than it takes to start it.
    static final Duration SLICE = Duration.ofMillis(50);

    private static final int COMPARED = 4;
    private static final double AGREEMENT = 0.05;

    private final List<Double> rates = new ArrayList<>();

    /// The system has worked for one more slice, in which it moved so many messages.
    void add(long moved, long nanos) {
        rates.add(1e3 * moved / nanos);
    }

    /// Whether the rate stands still: the median of the last four slices is within 5 % of that of the four before. A
    /// slice that something held up changes neither, and a rate that still grows, as code is compiled, changes both.
    boolean standsStill() {
        int n = rates.size();
        if (n < 2 * COMPARED) return false;
        double earlier = median(rates.subList(n - 2 * COMPARED, n - COMPARED));
        return Math.abs(rate() - earlier) <= AGREEMENT * earlier;
    }

    /// The median of the last four slices, in million messages a second; 0 if there is none.
    double rate() {
        int n = rates.size();
        return n == 0 ? 0 : median(rates.subList(Math.max(0, n - COMPARED), n));
    }

    private static double median(List<Double> values) {
        return Result.quantile(values.stream().mapToDouble(Double::doubleValue).toArray(), 0.5);
    }
}
