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
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What the bench found, and where. Kept in a JSON file, from which every table and picture can be made again.
///
/// @param environment  see [Environment]
/// @param lineNanos    round trip of the bare cache line in each round
/// @param results      in the order of the works; the systems of one work in the order in which they were measured
record Run(Map<String, Object> environment, List<Double> lineNanos, List<Result> results) {
    private static final MathContext DIGITS = new MathContext(5);
    private static final int ENOUGH = 3;

    /// Names of facts in the environment of [#byState].
    static final String STATE = "cores are";
    static final String SAMPLES = "samples";

    /// The results of each figure at each work, one for each system and wait policy.
    Collection<List<Result>> byFigure() {
        var figures = new LinkedHashMap<List<Object>, List<Result>>();
        results.forEach(r -> figures.computeIfAbsent(List.of(r.work(), r.figure()), key -> new ArrayList<>()).add(r));
        return figures.values();
    }

    /// The known results of each figure, without the percentiles above the first one: there are too many.
    List<List<Result>> byMainFigure() {
        return byFigure().stream().filter(f -> !isHigherPercentile(f.getFirst()))
                .map(f -> f.stream().filter(Result::isKnown).toList()).filter(f -> !f.isEmpty()).toList();
    }

    /// This run in each state of its cores that occurred, those with the most samples first. In each, samples of other
    /// states are left out, and the environment says which state it is and how many samples there were.
    List<Run> byState() {
        Cores cores = Cores.of(lineNanos);
        var counts = new EnumMap<Cores.State, Integer>(Cores.State.class);
        int all = 0;
        int disturbed = 0;
        for (Result result : results) {
            if (isHigherPercentile(result)) continue;
            for (Result.Sample sample : result.samples()) {
                all++;
                if (sample.counts()) {
                    counts.merge(state(cores, sample), 1, Integer::sum);
                } else {
                    disturbed++;
                }
            }
        }
        String taken = "%d taken; left out: %d disturbed by other load, %d while the cores moved; ".formatted(
                all, disturbed, counts.getOrDefault(Cores.State.MOVED, 0));
        counts.remove(Cores.State.MOVED);
        if (counts.isEmpty()) {
            counts.put(Cores.State.ALIKE, 0); // nothing to show, but how many were left out
        }
        return counts.entrySet().stream().sorted(Comparator.comparing(e -> -e.getValue()))
                .map(e -> in(e.getKey(), cores, taken + e.getValue()
                        + (e.getKey() == Cores.State.ALIKE ? " count"
                                : " count, with " + lower(e.getKey()) + " cores")))
                .toList();
    }

    private static Cores.State state(Cores cores, Result.Sample sample) {
        return cores.state(sample.lineBefore(), sample.lineAfter());
    }

    private Run in(Cores.State state, Cores cores, String samples) {
        var facts = new LinkedHashMap<>(environment);
        cores.nearBelow().ifPresent(nanos -> facts.put(STATE, String.format(Locale.ROOT,
                "%s: a bare line's round trip takes %s than %.0f ns", lower(state),
                state == Cores.State.NEAR ? "less" : "more", nanos)));
        facts.put(SAMPLES, samples);
        List<Result> those = results.stream().map(r -> new Result(r.work(), r.figure(), r.system(), r.policy(),
                r.samples().stream().map(s -> state(cores, s) == state ? s
                        : s.withoutCounting("the cores were " + lower(state(cores, s)))).toList()))
                .toList();
        List<Result> main = those.stream().filter(r -> !isHigherPercentile(r)).toList();
        long unknown = main.stream().filter(r -> !r.isKnown()).count();
        long few = main.stream().filter(r -> r.isKnown() && r.rounds().length < Math.min(ENOUGH, r.samples().size()))
                .count();
        facts.put("figures", unknown + " of " + main.size() + " not shown, because no sample is left; " + few
                + " stand on fewer than " + ENOUGH);
        return new Run(facts, lineNanos, those);
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
        return results.stream().filter(meant).filter(Result::isKnown).reduce((a, b) -> a.isBetterThan(b) ? a : b);
    }

    /// "+" for the better one of a system's two policies, if both were measured.
    String plusIfBetter(Result result) {
        boolean both = results.stream().anyMatch(r -> r.work().equals(result.work())
                && r.figure().equals(result.figure()) && r.system().equals(result.system()) && r.isKnown()
                && r != result);
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
        List<Result.Sample> samples = result.samples();
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
        json.put("unit", result.unit());
        json.put("rounds", rounded(samples.stream().mapToDouble(Result.Sample::value).toArray()));
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
        json.put("roundsNotWarm",
                IntStream.range(0, samples.size()).filter(i -> !samples.get(i).isWarm()).boxed().toList());
        json.put("lineRoundTripNanos", rounded(samples.stream().mapToDouble(Result.Sample::lineBefore).toArray()));
        json.put("lineRoundTripNanosAfter", rounded(samples.stream().mapToDouble(Result.Sample::lineAfter).toArray()));
        Cores cores = Cores.of(lineNanos);
        json.put("cores", samples.stream().map(s -> lower(state(cores, s))).toList());
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
            String disturbance = result.samples().get(i).leftOut();
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
        List<Double> after = numbers(json, "lineRoundTripNanosAfter");
        if (rounds.isEmpty() || forks.size() != rounds.size() || line.size() != rounds.size()
                || after.size() != rounds.size()) {
            throw new IllegalArgumentException("rounds, forks and lineRoundTripNanos of " + work + " differ in length");
        }
        var disturbances = new LinkedHashMap<Integer, String>();
        for (Object each : list(json, "disturbedRounds")) {
            Map<String, Object> round = map(each);
            disturbances.put(whole(round, "round"), (String) field(round, "disturbance"));
        }
        List<Integer> notWarm = list(json, "roundsNotWarm").stream().map(each -> ((Number) each).intValue()).toList();
        var samples = new ArrayList<Result.Sample>();
        for (int i = 0; i < rounds.size(); i++) {
            samples.add(new Result.Sample(forks.get(i).intValue(), rounds.get(i), line.get(i), after.get(i),
                    disturbances.getOrDefault(i, ""), !notWarm.contains(i)));
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
