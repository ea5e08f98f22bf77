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
import org.jspecify.annotations.Nullable;

/// What the bench found, and where. Kept in a JSON file, from which every table and picture can be made again.
///
/// @param environment  see [Environment]
/// @param lineNanos    round trip of the bare cache line before and after each sample
/// @param results      in the order of the works; the systems of one work in the order in which they were measured
record Run(Map<String, Object> environment, List<Double> lineNanos, List<Result> results) {
    /// Of the file. Another number: what the fields mean has changed.
    private static final int VERSION = 2;
    private static final MathContext DIGITS = new MathContext(5);

    /// Names of facts in the environment of [#byState].
    static final String STATE = "cores are";
    static final String SAMPLES = "samples";
    static final String FIGURES = "figures";

    /// The results of each figure at each work, one for each system.
    Collection<List<Result>> byFigure() {
        var figures = new LinkedHashMap<List<Object>, List<Result>>();
        results.forEach(r -> figures.computeIfAbsent(List.of(r.work(), r.figure()), key -> new ArrayList<>()).add(r));
        return figures.values();
    }

    /// A system's figure, with whatever content its messages have.
    Optional<Result> find(String system, String figure, int bytes) {
        return results.stream().filter(r -> r.system().equals(system) && r.figure().equals(figure)
                && r.work().bytes() == bytes).findFirst();
    }

    /// Percentiles above the first one do not decide whether a run goes on: the last ones never agree.
    List<Result> mainResults() {
        return results.stream().filter(r -> !r.work().isPercentiles()
                || r.figure().equals(r.work().figures().getFirst())).toList();
    }

    /// Whether all figures of a work, in each state of the cores that has occurred, have enough rounds that agree.
    boolean isSettled(Work work) {
        return byState().stream().flatMap(state -> state.mainResults().stream()).filter(r -> r.work().equals(work))
                .allMatch(r -> r.quote() == Result.Quote.NUMBER);
    }

    /// This run in each state of its cores that occurred, those with the most samples first. In each, samples of other
    /// states are missing, and the environment says which state it is, and what was left out.
    List<Run> byState() {
        Cores cores = Cores.of(lineNanos);
        var counts = new EnumMap<Cores.State, Integer>(Cores.State.class);
        int all = 0;
        int disturbed = 0;
        for (Result result : mainResults()) {
            for (Result.Sample sample : result.samples()) {
                all++;
                if (sample.counts()) {
                    counts.merge(cores.state(sample.lineBefore(), sample.lineAfter()), 1, Integer::sum);
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

    private Run in(Cores.State state, Cores cores, String samples) {
        var facts = new LinkedHashMap<>(environment);
        cores.nearBelow().ifPresent(nanos -> facts.put(STATE, String.format(Locale.ROOT,
                "%s: a bare line's round trip takes %s than %.0f ns", lower(state),
                state == Cores.State.NEAR ? "less" : "more", nanos)));
        facts.put(SAMPLES, samples);
        List<Result> those = results.stream()
                .map(r -> r.only(s -> s.counts() && cores.state(s.lineBefore(), s.lineAfter()) == state)).toList();
        var run = new Run(facts, lineNanos, those);
        List<Result.Quote> quotes = run.mainResults().stream().map(Result::quote).toList();
        long few = quotes.stream().filter(q -> q == Result.Quote.TOO_FEW).count();
        long disagreeing = quotes.stream().filter(q -> q == Result.Quote.DISAGREES).count();
        facts.put(FIGURES, "%d of %d shown; left out: %d with fewer than %d rounds, %d whose rounds disagree by more "
                .formatted(quotes.size() - few - disagreeing, quotes.size(), few, Result.ENOUGH, disagreeing)
                + "than a factor of " + Report.plain(Result.RANGE));
        return run;
    }

    /// "near" or "far"; empty if the run has not seen both.
    String state() {
        return String.valueOf(environment.getOrDefault(STATE, "")).replaceFirst(":.*", "");
    }

    /// Systems of which there are results.
    List<String> systems() {
        return results.stream().map(Result::system).distinct().toList();
    }

    void write(Path file) throws IOException {
        List<Run> states = byState();
        var root = new LinkedHashMap<String, Object>();
        root.put("version", VERSION);
        root.put("environment", environment);
        root.put("lineRoundTripNanos", rounded(lineNanos.stream().mapToDouble(Double::doubleValue).toArray()));
        root.put("results", results.stream().map(r -> json(r, states)).toList());
        JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).write(root, file.toFile());
    }

    private static Map<String, @Nullable Object> json(Result result, List<Run> states) {
        List<Result.Sample> samples = result.samples();
        Work work = result.work();
        var json = new LinkedHashMap<String, @Nullable Object>();
        json.put("figure", result.figure());
        json.put("kind", lower(work.kind()));
        json.put("producers", work.producers());
        json.put("consumers", work.consumers());
        json.put("bytes", work.bytes());
        json.put("content", lower(work.content()));
        json.put("rate", work.rate());
        json.put("system", result.system());
        json.put("unit", result.unit());
        var byState = new LinkedHashMap<String, Object>();
        for (Run state : states) {
            Result its = state.same(result).orElseThrow();
            Map<String, @Nullable Object> summary = summary(its);
            Result first = state.results.stream().filter(r -> r.work().equals(work)).findFirst().orElseThrow();
            if (!first.system().equals(result.system())) {
                state.find(first.system(), result.figure(), work.bytes())
                        .ifPresent(ours -> summary.put(first.system() + " / it", summary(ours.ratioTo(its))));
            }
            byState.put(state.state().isEmpty() ? "alike" : state.state(), summary);
        }
        json.put("cores", byState);
        json.put("samples", rounded(samples.stream().mapToDouble(Result.Sample::value).toArray()));
        json.put("rounds", samples.stream().map(Result.Sample::round).toList());
        json.put("passes", samples.stream().map(Result.Sample::pass).toList());
        json.put("policies", samples.stream().map(s -> lower(s.policy())).toList());
        json.put("lineNanosBefore", rounded(samples.stream().mapToDouble(Result.Sample::lineBefore).toArray()));
        json.put("lineNanosAfter", rounded(samples.stream().mapToDouble(Result.Sample::lineAfter).toArray()));
        json.put("leftOut", samples.stream().map(Result.Sample::leftOut).toList());
        return json;
    }

    private Optional<Result> same(Result other) {
        return results.stream().filter(r -> r.work().equals(other.work()) && r.figure().equals(other.figure())
                && r.system().equals(other.system())).findFirst();
    }

    private static Map<String, @Nullable Object> summary(Result result) {
        var json = new LinkedHashMap<String, @Nullable Object>();
        json.put("rounds", result.rounds().length);
        json.put("shownAs", lower(result.quote()));
        json.put("lowerQuartile", rounded(result.quantile(0.25)));
        json.put("median", rounded(result.median()));
        json.put("upperQuartile", rounded(result.quantile(0.75)));
        return json;
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
            checkVersion(file, root);
            var results = new ArrayList<Result>();
            for (Object each : list(root, "results")) {
                results.add(result(map(each)));
            }
            return new Run(map(field(root, "environment")), numbers(root, "lineRoundTripNanos"), List.copyOf(results));
        } catch (JsonProcessingException e) {
            throw notARun(file, e.getOriginalMessage(), e);
        } catch (IllegalArgumentException | ClassCastException | IndexOutOfBoundsException e) {
            throw notARun(file, e.getMessage(), e);
        }
    }

    /// Files of the first version have no number.
    private static void checkVersion(Path file, Map<String, Object> root) throws IOException {
        Object version = root.getOrDefault("version", 1);
        if (version.equals(VERSION) || !root.containsKey("results")) return;
        Object commit = map(field(root, "environment")).getOrDefault("commit", "unknown");
        throw new IOException(file + " has version " + version + " of the bench's files, and this bench reads version "
                + VERSION + ": measure again, or show it with the bench that wrote it, of commit " + commit);
    }

    private static IOException notARun(Path file, @Nullable String why, Exception cause) {
        return new IOException(file + " is not a file of `procession bench --json`: " + why, cause);
    }

    private static Result result(Map<String, Object> json) {
        var work = new Work(constant(Work.Kind.class, field(json, "kind")), whole(json, "producers"),
                whole(json, "consumers"), whole(json, "bytes"), constant(Work.Content.class, field(json, "content")),
                whole(json, "rate"));
        List<Double> values = numbers(json, "samples");
        List<Double> rounds = numbers(json, "rounds");
        List<Double> passes = numbers(json, "passes");
        List<?> policies = list(json, "policies");
        List<Double> before = numbers(json, "lineNanosBefore");
        List<Double> after = numbers(json, "lineNanosAfter");
        List<?> leftOut = list(json, "leftOut");
        var samples = new ArrayList<Result.Sample>();
        for (int i = 0; i < values.size(); i++) {
            samples.add(new Result.Sample(rounds.get(i).intValue(), passes.get(i).intValue(),
                    constant(Waiting.Policy.class, policies.get(i)), values.get(i), before.get(i), after.get(i),
                    (String) leftOut.get(i)));
        }
        return new Result(work, (String) field(json, "figure"), (String) field(json, "system"), samples);
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

    private static <E extends Enum<E>> E constant(Class<E> type, Object name) {
        return Enum.valueOf(type, ((String) name).toUpperCase(Locale.ROOT));
    }
}
