package dev.procession.bench;

import java.util.List;
import java.util.OptionalDouble;

/// How far the two cores are from each other, told by the round trip of a bare cache line between them. A virtual
/// machine's cores move: minutes later the same line may take three times as long, and so does what is measured then.
///
/// @param nearBelow  nanoseconds, if the run has seen the cores near and far
record Cores(OptionalDouble nearBelow) {
    enum State {
        /// The line is quick.
        NEAR,
        /// The line is slow.
        FAR,
        /// In this run all lines were alike; whether that is near or far is not known.
        ALIKE,
        /// Before the sample and after it they were not the same.
        MOVED
    }

    /// How many times as long a far line takes at least; one that has changed by less has not moved.
    private static final double APART = 1.5;
    /// Lines on either side that make a state. Fewer are accidents.
    private static final int LEAST_LINES = 3;
    private static final double LEAST_SHARE = 0.03;

    /// Splits the lines in two groups so that the logarithms in each differ as little as they can. Only if the groups,
    /// but for a tenth of each that is on the other's side, are well apart there are two states; the threshold is half
    /// way between them.
    static Cores of(List<Double> lineNanos) {
        double[] sorted = lineNanos.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        int n = sorted.length;
        int least = Math.max(LEAST_LINES, (int) Math.ceil(LEAST_SHARE * n));
        double all = 0;
        for (double nanos : sorted) {
            all += Math.log(nanos);
        }
        // The sum of squares within both groups is least where that between them is most.
        double most = -1;
        int split = 0;
        double below = 0;
        for (int i = 1; i <= n - least; i++) {
            below += Math.log(sorted[i - 1]);
            double between = below * below / i + (all - below) * (all - below) / (n - i);
            if (i >= least && (split == 0 || between > most)) {
                most = between;
                split = i;
            }
        }
        if (split == 0) return new Cores(OptionalDouble.empty());
        double near = sorted[split - 1 - split / 10];
        double far = sorted[split + (n - split) / 10];
        return new Cores(far < APART * near ? OptionalDouble.empty() : OptionalDouble.of(Math.sqrt(near * far)));
    }

    /// The state during a sample, by the lines right before it and right after it.
    State state(double before, double after) {
        if (Math.max(before, after) >= APART * Math.min(before, after)) return State.MOVED;
        if (nearBelow.isEmpty()) return State.ALIKE;
        double threshold = nearBelow.getAsDouble();
        if (before < threshold != after < threshold) return State.MOVED;
        return before < threshold ? State.NEAR : State.FAR;
    }
}
