package dev.procession.bench;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/// Shows a run on a terminal: a block for each figure, a line in it for each system and wait policy.
final class Report {
    private static final String ROW = "  %-28s %-8s %10s %-23s %-2s  %s";

    private final Run run;

    Report(Run run) {
        this.run = run;
    }

    void print(PrintStream out) {
        run.environment().forEach((name, value) -> out.printf("%-14s %s%n", name, value));
        for (List<Result> figure : run.byMainFigure()) {
            print(figure, out);
            printPercentiles(figure, out);
        }
        printGoals(out);
        out.println();
        out.print(
                """
                Median of all rounds [quartiles]. Behind it how many times this figure the first system's is: median
                [quartiles] of the ratios of each round; above 1 is good for throughput, below 1 for times. Where both
                wait policies were measured, + marks the better one; the first system stands with it in every ratio, and
                the ratio to a peer is the one in the peer's line with +. A round trip includes one System.nanoTime.
                line: round trip of one bare cache line between the two cores right before each sample, median
                [least..most]. Samples that other load disturbed, even when they were taken again, or during which a
                virtual machine's cores moved, do not count; see samples above. cold: the first second of fresh
                processes; all other throughputs begin when the rate of their system has stood still.
                """);
        List<Result> results = run.results();
        if (results.stream().anyMatch(Result::isUnsteady)) {
            out.println(UNSTEADY);
        }
        if (results.stream().anyMatch(Result::isRestless)) {
            out.println(RESTLESS);
        }
    }

    static final String UNSTEADY = "~ rounds or forks disagree by more than a quarter: see the quartiles.";
    static final String RESTLESS =
            "^ before its samples the rate had not stood still in all the time that there is for it.";

    private void print(List<Result> figure, PrintStream out) {
        Result first = figure.getFirst();
        Result ours = run.better(first.work(), first.figure(), first.system()).orElseThrow();
        out.printf("%n%s, in %s; line %s ns%n", title(first), first.unit(), line(first));
        String shown = "";
        for (Result result : figure) {
            String row = String.format(ROW, result.system().equals(shown) ? "" : result.system(),
                    policy(result) + run.plusIfBetter(result), number(result.median()), quartiles(result),
                    marks(result),
                    result.system().equals(ours.system()) ? "" : ratio(ours.ratioTo(result)));
            out.println(row.stripTrailing());
            shown = result.system();
        }
    }

    private void printPercentiles(List<Result> figure, PrintStream out) {
        Work work = figure.getFirst().work();
        if (!work.isPercentiles()) return;
        out.printf("  %-28s", "");
        Work.PERCENTILES.forEach(p -> out.printf(" %13s", p));
        out.println();
        for (Result result : figure) {
            out.printf("  %-28s", result.system());
            run.percentiles(work, result.system())
                    .forEach(r -> out.printf(" %13s", number(r.median()) + marks(r)));
            out.println();
        }
    }

    private void printGoals(PrintStream out) {
        List<Goals.Reached> measured = Goals.reached(run).stream().filter(r -> r.value().isPresent()).toList();
        if (measured.isEmpty()) return;
        out.printf("%ngoals that were measured (%s)%n", extent());
        measured.forEach(r -> out.printf("  %-40s  %-43s %8s %7s  %s%n", r.goal().name(), r.goal().systems(),
                r.goal().wantedText(), r.valueText(), r.verdict()));
    }

    /// How much the medians stand on.
    String extent() {
        List<String> policies = run.results().stream().filter(r -> r.work().dependsOnPolicy()).map(Report::policy)
                .distinct().toList();
        int forks = run.results().stream().mapToInt(r -> r.forkMedians().length).max().orElse(0);
        int rounds = run.results().stream().mapToInt(r -> r.rounds().length).max().orElse(0);
        String policy = policies.isEmpty() ? ""
                : policies.size() == 1 ? ", wait policy " + policies.getFirst()
                : ", each system with the better one of two wait policies";
        return rounds + (rounds == 1 ? " round in " : " rounds in ") + forks + (forks == 1 ? " fork" : " forks")
                + policy;
    }

    static String title(Result result) {
        Work work = result.work();
        return result.figure() + (work.content() == Work.Content.BYTES ? ", " + size(work.bytes()) : "");
    }

    static String size(int bytes) {
        return bytes >= 1 << 20 ? (bytes >> 20) + " MiB" : bytes >= 1 << 10 ? (bytes >> 10) + " KiB" : bytes + " B";
    }

    /// Empty if it does not matter.
    static String policy(Result result) {
        return result.work().dependsOnPolicy() ? result.policy().name().toLowerCase(Locale.ROOT) : "";
    }

    static String line(Result result) {
        double[] nanos = result.lineNanos();
        return String.format(Locale.ROOT, "%.0f [%.0f..%.0f]", Result.quantile(nanos, 0.5), Result.quantile(nanos, 0),
                Result.quantile(nanos, 1));
    }

    private static String ratio(Result ratio) {
        if (!ratio.isKnown()) return ""; // no round in which both count
        return number(ratio.median()) + "x " + quartiles(ratio) + " " + marks(ratio);
    }

    static String quartiles(Result result) {
        return "[" + number(result.quantile(0.25)) + ".." + number(result.quantile(0.75)) + "]";
    }

    /// What has to be known about a figure; empty if nothing.
    static String marks(Result result) {
        return (result.isUnsteady() ? "~" : "") + (result.isRestless() ? "^" : "");
    }

    /// Three digits, as far as they are behind the point.
    static String number(double value) {
        double size = Math.abs(value);
        return String.format(Locale.ROOT,
                size >= 1000 ? "%,.0f" : size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.4f",
                value);
    }
}
