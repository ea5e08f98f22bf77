package dev.procession.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/// What one system reached in one figure of one work.
///
/// @param figure   e.g. "throughput 1P1C"
/// @param policy   what its loops did after they found nothing
/// @param samples  in the order in which they were taken; sample i of every system of a work belongs to the same round
record Result(Work work, String figure, String system, Waiting.Policy policy, List<Sample> samples) {
    /// @param fork        from 0; another fork had fresh processes and files
    /// @param value       in the work's unit
    /// @param lineBefore  round trip of one cache line, right before it, in nanoseconds
    /// @param lineAfter   the same right after it
    /// @param leftOut     why it does not count: what other load was seen, even after repeating it; empty if it does
    /// @param isWarm      false if the rate had not stood still before, in all the time that there is for it
    record Sample(int fork, double value, double lineBefore, double lineAfter, String leftOut, boolean isWarm) {
        boolean counts() {
            return leftOut.isEmpty();
        }

        private Sample with(double newValue) {
            return new Sample(fork, newValue, lineBefore, lineAfter, leftOut, isWarm);
        }

        Sample withoutCounting(String why) {
            return new Sample(fork, value, lineBefore, lineAfter, counts() ? why : leftOut, isWarm);
        }
    }

    Result(Work work, String figure, String system, Waiting.Policy policy) {
        this(work, figure, system, policy, new ArrayList<>());
    }

    /// The values that count.
    double[] rounds() {
        return values(Sample::value);
    }

    double[] lineNanos() {
        return values(Sample::lineBefore);
    }

    private double[] values(ToDoubleFunction<Sample> of) {
        return counting().mapToDouble(of).toArray();
    }

    private Stream<Sample> counting() {
        return samples.stream().filter(Sample::counts);
    }

    /// Whether there is a sample that counts; if not, there is nothing to show, and its median is no number.
    boolean isKnown() {
        return counting().findAny().isPresent();
    }

    double median() {
        return quantile(rounds(), 0.5);
    }

    /// The median of each fork that has samples which count.
    double[] forkMedians() {
        return counting().mapToInt(Sample::fork).distinct().mapToDouble(fork -> quantile(
                counting().filter(s -> s.fork == fork).mapToDouble(Sample::value).toArray(), 0.5)).toArray();
    }

    /// Whether samples were taken though the rate had not stood still.
    boolean isRestless() {
        return counting().anyMatch(s -> !s.isWarm);
    }

    /// Whether rounds, or forks, disagree so much that the median says little.
    boolean isUnsteady() {
        double[] rounds = rounds();
        double[] forks = forkMedians();
        return quantile(rounds, 0.75) > 1.25 * quantile(rounds, 0.25) || quantile(forks, 1) > 1.25 * quantile(forks, 0);
    }

    String unit() {
        return work.unit(figure);
    }

    boolean isBetterThan(Result other) {
        return work.moreIsBetter(figure) ? median() > other.median() : median() < other.median();
    }

    /// This figure divided by another one, round by round: what changes between rounds does not count.
    Result ratioTo(Result peer) {
        return with(peer, (mine, its) -> mine / its);
    }

    /// This figure divided by the round trip of the bare cache line in the same round.
    Result ratioToLine() {
        return new Result(work, figure, system, policy,
                samples.stream().map(s -> s.with(s.value / s.lineBefore)).toList());
    }

    /// How many nanoseconds more a message takes than the peer's. Both are throughputs, in millions a second.
    Result extraNanosOver(Result peer) {
        return with(peer, (mine, its) -> 1000 / mine - 1000 / its);
    }

    private Result with(Result peer, DoubleBinaryOperator function) {
        var rounds = new ArrayList<Sample>();
        for (int i = 0; i < samples.size(); i++) {
            Sample mine = samples.get(i);
            Sample its = peer.samples.get(i);
            rounds.add(new Sample(mine.fork, function.applyAsDouble(mine.value, its.value), mine.lineBefore,
                    mine.lineAfter, mine.counts() ? its.leftOut : mine.leftOut, mine.isWarm && its.isWarm));
        }
        return new Result(work, figure, system, policy, rounds);
    }

    double quantile(double q) {
        return quantile(rounds(), q);
    }

    /// The value below which a share `q` of the values lies, interpolated; no number if there are none.
    static double quantile(double[] values, double q) {
        if (values.length == 0) return Double.NaN;
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        double at = q * (sorted.length - 1);
        int below = (int) at;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
    }
}
