package dev.procession.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleBinaryOperator;
import java.util.function.Predicate;

/// What one system reached in one figure of one work; or the ratio of two such results, round by round.
///
/// @param figure   e.g. "throughput 1P1C"
/// @param samples  in the order in which they were taken
record Result(Work work, String figure, String system, List<Sample> samples) {
    /// Rounds that a figure needs to be shown.
    static final int ENOUGH = 5;
    /// Upper quartile by lower quartile of rounds that agree.
    static final double AGREEMENT = 1.25;
    /// The same of rounds that are shown as a range, if they do not agree.
    static final double RANGE = 2;

    /// @param round       of its work, counted through the whole run; all systems have one sample in a round
    /// @param pass        from 0; another pass had fresh processes and files
    /// @param policy      what its loops did after they found nothing
    /// @param value       in the figure's unit
    /// @param lineBefore  round trip of one cache line, right before it, in nanoseconds
    /// @param lineAfter   the same right after it
    /// @param leftOut     why it does not count: what other load was seen, even after repeating it; empty if it does
    record Sample(int round, int pass, Waiting.Policy policy, double value, double lineBefore, double lineAfter,
            String leftOut) {
        boolean counts() {
            return leftOut.isEmpty();
        }

        private Sample with(double newValue) {
            return new Sample(round, pass, policy, newValue, lineBefore, lineAfter, leftOut);
        }
    }

    /// How it may be quoted.
    enum Quote {
        /// Its rounds agree: the median.
        NUMBER,
        /// They do not: from the lower quartile to the upper one.
        RANGE,
        /// They do not at all: it is left out.
        DISAGREES,
        /// It has too few rounds, and is left out.
        TOO_FEW
    }

    Result(Work work, String figure, String system) {
        this(work, figure, system, new ArrayList<>());
    }

    Quote quote() {
        if (rounds().length < ENOUGH) return Quote.TOO_FEW;
        double low = quantile(0.25);
        double high = quantile(0.75);
        if (high == low || low > 0 && high <= AGREEMENT * low) return Quote.NUMBER;
        // What may be 0 has no factor; its range says how little it is.
        if (work.mayBeZero(figure) || low > 0 && high <= RANGE * low) return Quote.RANGE;
        return Quote.DISAGREES;
    }

    boolean isShown() {
        return quote() == Quote.NUMBER || quote() == Quote.RANGE;
    }

    /// The median, or a range; a dash if it is left out.
    String text() {
        return switch (quote()) {
            case NUMBER -> Report.number(median());
            case RANGE -> Report.number(quantile(0.25)) + "\u2013" + Report.number(quantile(0.75));
            case DISAGREES, TOO_FEW -> "\u2014";
        };
    }

    /// The same, and behind a median its quartiles.
    String textWithQuartiles() {
        return quote() != Quote.NUMBER ? text()
                : text() + " [" + Report.number(quantile(0.25)) + "\u2013" + Report.number(quantile(0.75)) + "]";
    }

    /// Only the samples that are meant.
    Result only(Predicate<Sample> meant) {
        return new Result(work, figure, system, samples.stream().filter(meant).toList());
    }

    /// The values that count.
    double[] rounds() {
        return samples.stream().filter(Sample::counts).mapToDouble(Sample::value).toArray();
    }

    double median() {
        return quantile(0.5);
    }

    double quantile(double q) {
        return quantile(rounds(), q);
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

    /// How many times as good this figure is as another one, round by round: of times, theirs divided by ours.
    Result advantageOver(Result peer) {
        return work.moreIsBetter(figure) ? ratioTo(peer) : with(peer, (mine, its) -> its / mine);
    }

    /// This figure divided by the round trip of the bare cache line right before it.
    Result ratioToLine() {
        return new Result(work, figure, system, samples.stream().map(s -> s.with(s.value / s.lineBefore)).toList());
    }

    /// The rounds in which both count. Of figures of two works these are rounds of the same number, not of the same
    /// time.
    private Result with(Result peer, DoubleBinaryOperator function) {
        var rounds = new ArrayList<Sample>();
        for (Sample mine : samples) {
            peer.samples.stream().filter(s -> s.round == mine.round && s.counts() && mine.counts()).findFirst()
                    .ifPresent(its -> rounds.add(mine.with(function.applyAsDouble(mine.value, its.value))));
        }
        return new Result(work, figure, system, rounds);
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

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s, %d B, %s: %s", figure, work.bytes(), system, text());
    }
}
