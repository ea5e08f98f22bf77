package dev.procession.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// What the bench found, and where. Kept in a JSON file, from which every table and picture can be made again.
///
/// @param environment  see [Environment]
/// @param lineNanos    round trip of the bare cache line in each round
/// @param results      in the order of the works; the systems of one work in the order in which they were measured
record Run(Map<String, Object> environment, List<Double> lineNanos, List<Result> results) {
    private static final MathContext DIGITS = new MathContext(5);

    /// The results of each figure at each work, one for each system and wait policy.
    Collection<List<Result>> byFigure() {
        var figures = new LinkedHashMap<List<Object>, List<Result>>();
        results.forEach(r -> figures.computeIfAbsent(List.of(r.work(), r.figure()), key -> new ArrayList<>()).add(r));
        return figures.values();
    }

    /// The results of each figure, without the percentiles above the first one: there are too many.
    List<List<Result>> byMainFigure() {
        return byFigure().stream().filter(f -> !isHigherPercentile(f.getFirst())).toList();
    }

    private static boolean isHigherPercentile(Result result) {
        Work work = result.work();
        return work.isPercentiles() && !result.figure().equals(work.figures().getFirst());
    }

    /// A system's percentiles at a work, in order; empty if the work has none.
    List<Result> percentiles(Work work, String system) {
        if (!work.isPercentiles()) return List.of();
        return work.figures().stream().flatMap(f -> better(work, f, system).stream()).toList();
    }

    /// Works of which there are results.
    List<Work> works() {
        return results.stream().map(Result::work).distinct().toList();
    }

    /// Systems of which there are results.
    List<String> systems() {
        return results.stream().map(Result::system).distinct().toList();
    }

    /// A system's figure with the wait policy under which its own median is better. A user of a queue chooses the
    /// policy that suits it; so wherever two systems are compared, each side counts with its own better policy.
    Optional<Result> better(Work work, String figure, String system) {
        return better(r -> r.work().equals(work) && r.figure().equals(figure) && r.system().equals(system));
    }

    /// The same, of all results that are meant. They have to be of one figure.
    Optional<Result> better(Predicate<Result> meant) {
        return results.stream().filter(meant).reduce((a, b) -> a.isBetterThan(b) ? a : b);
    }

    /// "+" for the better one of a system's two policies, if both were measured.
    String plusIfBetter(Result result) {
        boolean both = results.stream().anyMatch(r -> r.work().equals(result.work())
                && r.figure().equals(result.figure()) && r.system().equals(result.system()) && r != result);
        return both && better(result.work(), result.figure(), result.system()).orElseThrow() == result ? "+" : "";
    }

    void write(Path file) throws IOException {
        var root = new LinkedHashMap<String, Object>();
        root.put("environment", environment);
        root.put("lineRoundTripNanos", rounded(lineNanos.stream().mapToDouble(Double::doubleValue).toArray()));
        root.put("results", byFigure().stream().flatMap(List::stream).map(this::json).toList());
        JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).write(root, file.toFile());
    }

    private Map<String, @Nullable Object> json(Result result) {
        double[] rounds = result.rounds();
        Work work = result.work();
        var json = new LinkedHashMap<String, @Nullable Object>();
        json.put("work", result.figure());
        json.put("kind", lower(work.kind()));
        json.put("producers", work.producers());
        json.put("consumers", work.consumers());
        json.put("bytes", work.bytes());
        json.put("content", lower(work.content()));
        json.put("rate", work.rate());
        json.put("system", result.system());
        json.put("policy", lower(result.policy()));
        json.put("unit", work.unit());
        json.put("rounds", rounded(rounds));
        json.put("median", rounded(result.median()));
        var spread = new LinkedHashMap<String, @Nullable Object>();
        spread.put("min", rounded(result.quantile(0)));
        spread.put("lowerQuartile", rounded(result.quantile(0.25)));
        spread.put("upperQuartile", rounded(result.quantile(0.75)));
        spread.put("max", rounded(result.quantile(1)));
        json.put("spread", spread);
        json.put("forks", result.samples().stream().map(Result.Sample::fork).toList());
        json.put("forkMedians", rounded(result.forkMedians()));
        json.put("unsteady", result.isUnsteady());
        json.put("disturbedRounds", disturbed(result));
        json.put("lineRoundTripNanos", rounded(result.lineNanos()));
        json.put("ratios", ratios(result));
        return json;
    }

    /// Of this figure to every other system's, and to the bare cache line's if it is a round trip.
    private Map<String, Object> ratios(Result result) {
        var ratios = new LinkedHashMap<String, Object>();
        for (String system : systems()) {
            if (!system.equals(result.system())) {
                better(result.work(), result.figure(), system)
                        .ifPresent(peer -> ratios.put(system, ratio(result.ratioTo(peer), peer)));
            }
        }
        if (result.work().kind() == Work.Kind.ROUND_TRIP) {
            ratios.put("line", ratio(result.ratioToLine(), result));
        }
        return ratios;
    }

    private static Map<String, @Nullable Object> ratio(Result ratio, Result peer) {
        var json = new LinkedHashMap<String, @Nullable Object>();
        json.put("policy", lower(peer.policy()));
        json.put("median", rounded(ratio.median()));
        json.put("rounds", rounded(ratio.rounds()));
        return json;
    }

    private static List<Map<String, Object>> disturbed(Result result) {
        var rounds = new ArrayList<Map<String, Object>>();
        for (int i = 0; i < result.samples().size(); i++) {
            String disturbance = result.samples().get(i).disturbance();
            if (!disturbance.isEmpty()) {
                var round = new LinkedHashMap<String, Object>();
                round.put("round", i);
                round.put("disturbance", disturbance);
                rounds.add(round);
            }
        }
        return rounds;
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static List<@Nullable BigDecimal> rounded(double[] values) {
        return Arrays.stream(values).<@Nullable BigDecimal>mapToObj(Run::rounded).toList();
    }

    /// Null is JSON's word for what is no number, like the ratio to 0.
    private static @Nullable BigDecimal rounded(double value) {
        if (!Double.isFinite(value)) return null;
        BigDecimal rounded = new BigDecimal(value, DIGITS).stripTrailingZeros();
        return rounded.scale() < 0 ? rounded.setScale(0) : rounded;
    }

    /// Throws IOException if the file is not what [#write] writes.
    static Run read(Path file) throws IOException {
        try {
            Map<String, Object> root = JSON.std.mapFrom(file.toFile());
            var results = new ArrayList<Result>();
            for (Object each : list(root, "results")) {
                results.add(result(map(each)));
            }
            return new Run(map(field(root, "environment")), numbers(root, "lineRoundTripNanos"), List.copyOf(results));
        } catch (JsonProcessingException e) {
            throw notARun(file, e.getOriginalMessage(), e);
        } catch (IllegalArgumentException | ClassCastException e) {
            throw notARun(file, e.getMessage(), e);
        }
    }

    private static IOException notARun(Path file, String why, Exception cause) {
        return new IOException(file + " is not a file of `procession bench --json`: " + why, cause);
    }

    private static Result result(Map<String, Object> json) {
        var work = new Work(constant(Work.Kind.class, json, "kind"), whole(json, "producers"), whole(json, "consumers"),
                whole(json, "bytes"), constant(Work.Content.class, json, "content"),
                whole(json, "rate"));
        List<Double> rounds = numbers(json, "rounds");
        List<Double> forks = numbers(json, "forks");
        List<Double> line = numbers(json, "lineRoundTripNanos");
        if (rounds.isEmpty() || forks.size() != rounds.size() || line.size() != rounds.size()) {
            throw new IllegalArgumentException("rounds, forks and lineRoundTripNanos of " + work + " differ in length");
        }
        var disturbances = new LinkedHashMap<Integer, String>();
        for (Object each : list(json, "disturbedRounds")) {
            Map<String, Object> round = map(each);
            disturbances.put(whole(round, "round"), (String) field(round, "disturbance"));
        }
        var samples = new ArrayList<Result.Sample>();
        for (int i = 0; i < rounds.size(); i++) {
            samples.add(new Result.Sample(forks.get(i).intValue(), rounds.get(i), line.get(i),
                    disturbances.getOrDefault(i, "")));
        }
        return new Result(work, (String) field(json, "work"), (String) field(json, "system"),
                constant(Waiting.Policy.class, json, "policy"), samples);
    }

    private static Object field(Map<String, Object> json, String name) {
        Object value = json.get(name);
        if (value == null) throw new IllegalArgumentException(name + " is missing");
        return value;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Object json) {
        return (Map<String, Object>) json;
    }

    private static List<?> list(Map<String, Object> json, String name) {
        return (List<?>) field(json, name);
    }

    private static int whole(Map<String, Object> json, String name) {
        return ((Number) field(json, name)).intValue();
    }

    private static List<Double> numbers(Map<String, Object> json, String name) {
        return list(json, name).stream().map(each -> ((Number) each).doubleValue()).toList();
    }

    private static <E extends Enum<E>> E constant(Class<E> type, Map<String, Object> json, String name) {
        return Enum.valueOf(type, ((String) field(json, name)).toUpperCase(Locale.ROOT));
    }
}
