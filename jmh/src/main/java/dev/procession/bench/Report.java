package dev.procession.bench;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/// Prints what the bench found: a table for people, JSON for programs.
final class Report {
    private static final MathContext DIGITS = new MathContext(5);

    private final Map<String, Object> environment;
    private final List<Double> lineNanos;
    private final List<Result> results;

    Report(Map<String, Object> environment, List<Double> lineNanos, List<Result> results) {
        this.environment = environment;
        this.lineNanos = lineNanos;
        this.results = results;
    }

    /// One line for each figure: the first system's value, then every other's with the ratio of the first to it.
    void print(PrintStream out) {
        List<String> systems = results.stream().map(Result::system).distinct().toList();
        environment.forEach((name, value) -> out.printf("%-14s %s%n", name, value));
        out.println();
        out.printf("%-15s %5s  %-7s  ", "", "bytes", "");
        systems.forEach(system -> out.printf("%-28s", system));
        out.println("line ns");
        for (List<Result> line : lines()) {
            Result first = line.getFirst();
            out.printf("%-15s %5d  %-7s  ", first.figure(), first.work().bytes(), first.work().unit());
            for (String system : systems) {
                out.printf("%-28s", line.stream().filter(r -> r.system().equals(system)).findAny()
                        .map(r -> cell(r, first)).orElse("-"));
            }
            out.println(lineNanos(first));
        }
        out.println();
        out.println(
                """
                Median of all rounds [quartiles], and how many times that the first system's figure is, as the median of
                the ratios of each round: above 1 is better for throughput, below 1 for a round trip (which includes one
                System.nanoTime). line ns: round trip of one bare cache line between the two cores in the same rounds,
                median [least..most]; where it jumps, a virtual machine's cores have moved.""");
        if (results.stream().anyMatch(Result::isUnsteady)) {
            out.println("~ rounds or forks disagree by more than a quarter: do not quote this figure.");
        }
        if (results.stream().anyMatch(Result::isDisturbed)) {
            out.println("! other load was seen in a round, even after repeating it: do not quote this figure.");
        }
    }

    /// The results of one figure stand together, one for each system.
    private List<List<Result>> lines() {
        var lines = new LinkedHashMap<String, List<Result>>();
        results.forEach(r -> lines.computeIfAbsent(r.figure() + r.work().bytes() + r.policy(), key -> new ArrayList<>())
                .add(r));
        return List.copyOf(lines.values());
    }

    private static String cell(Result result, Result first) {
        double[] rounds = result.rounds();
        String value = number(result.median()) + " [" + number(Result.quantile(rounds, 0.25)) + ".."
                + number(Result.quantile(rounds, 0.75)) + "]"
                + (result.isUnsteady() ? "~" : "") + (result.isDisturbed() ? "!" : "");
        return result == first ? value
                : value + String.format(Locale.ROOT, " %.2fx", Result.quantile(first.ratiosTo(result), 0.5));
    }

    private static String lineNanos(Result result) {
        double[] rounds = result.lineNanos();
        return String.format(Locale.ROOT, "%.0f [%.0f..%.0f]", Result.quantile(rounds, 0.5), Result.quantile(rounds, 0),
                Result.quantile(rounds, 1));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
    }

    void writeJson(Path file) throws IOException {
        var root = new LinkedHashMap<String, Object>();
        root.put("environment", environment);
        root.put("lineRoundTripNanos", lineNanos);
        root.put("results", lines().stream().flatMap(List::stream).map(this::json).toList());
        JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).write(root, file.toFile());
    }

    private Map<String, Object> json(Result result) {
        double[] rounds = result.rounds();
        var json = new LinkedHashMap<String, Object>();
        json.put("work", result.figure());
        json.put("bytes", result.work().bytes());
        json.put("system", result.system());
        json.put("policy", result.policy().name().toLowerCase(Locale.ROOT));
        json.put("unit", result.work().unit());
        json.put("rounds", rounded(rounds));
        json.put("median", rounded(result.median()));
        var spread = new LinkedHashMap<String, Object>();
        spread.put("min", rounded(Result.quantile(rounds, 0)));
        spread.put("lowerQuartile", rounded(Result.quantile(rounds, 0.25)));
        spread.put("upperQuartile", rounded(Result.quantile(rounds, 0.75)));
        spread.put("max", rounded(Result.quantile(rounds, 1)));
        json.put("spread", spread);
        json.put("forkMedians", rounded(result.forkMedians()));
        json.put("unsteady", result.isUnsteady());
        json.put("disturbedRounds", disturbed(result));
        json.put("lineRoundTripNanos", rounded(result.lineNanos()));
        var ratios = new LinkedHashMap<String, Object>();
        for (Result peer : results) {
            if (peer != result && peer.work().equals(result.work()) && peer.policy() == result.policy()
                    && peer.figure().equals(result.figure())) {
                ratios.put(peer.system(), ratios(result.ratiosTo(peer)));
            }
        }
        if (result.work().kind() == Work.Kind.ROUND_TRIP) {
            double[] line = result.lineNanos();
            ratios.put("line", ratios(IntStream.range(0, line.length).mapToDouble(i -> rounds[i] / line[i]).toArray()));
        }
        json.put("ratios", ratios);
        return json;
    }

    private static Map<String, Object> ratios(double[] rounds) {
        var json = new LinkedHashMap<String, Object>();
        json.put("median", rounded(Result.quantile(rounds, 0.5)));
        json.put("rounds", rounded(rounds));
        return json;
    }

    private static List<Map<String, Object>> disturbed(Result result) {
        var rounds = new ArrayList<Map<String, Object>>();
        for (int i = 0; i < result.samples().size(); i++) {
            String disturbance = result.samples().get(i).disturbance();
            if (!disturbance.isEmpty()) {
                rounds.add(Map.of("round", i, "disturbance", disturbance));
            }
        }
        return rounds;
    }

    private static List<BigDecimal> rounded(double[] values) {
        return Arrays.stream(values).mapToObj(Report::rounded).toList();
    }

    private static BigDecimal rounded(double value) {
        BigDecimal rounded = new BigDecimal(value, DIGITS).stripTrailingZeros();
        return rounded.scale() < 0 ? rounded.setScale(0) : rounded;
    }
}
