package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// What a reader sees who chooses a queue: a small table of Procession and its peers, and a chart of the ratios; and
/// with these all that the repository shows of a run.
final class Readme {
    private static final String BEGIN = "<!-- bench:begin -->";
    private static final String END = "<!-- bench:end -->";
    private static final Path README = Path.of("README.md");
    private static final Path RESULTS = Path.of("jmh", "RESULTS.md");
    private static final Path CHART = Path.of("docs", "throughput.svg");

    /// The peers that people know, by the names that people know.
    private static final Map<String, String> PEERS = peers();

    private static Map<String, String> peers() {
        var peers = new LinkedHashMap<String, String>();
        peers.put("agrona-many-to-one", "Agrona many-to-one");
        peers.put("agrona-one-to-one", "Agrona one-to-one");
        peers.put("aeron-ipc", "Aeron IPC");
        peers.put("chronicle-queue", "Chronicle Queue");
        peers.put("pipe", "Linux pipe");
        peers.put("python-queue", "Python Queue");
        return peers;
    }

    /// @param showsSlow  whether also those are measured that are slower by a factor of a hundred
    private record Row(String name, String shortName, String system, String figure, int bytes, boolean showsSlow) {
        Row(String name, String shortName, String figure, int bytes) {
            this(name, shortName, "procession", figure, bytes, false);
        }

        boolean isOf(Work work) {
            return bytes == work.bytes() && work.figures().getFirst().equals(figure);
        }
    }

    private static final List<Row> ROWS = List.of(
            new Row("1 producer, 1 consumer, 16 B", "1P1C 16 B", "procession", "throughput 1P1C", 16, true),
            new Row("1 producer, 1 consumer, 256 B", "1P1C 256 B", "throughput 1P1C", 256),
            new Row("1 producer, 1 consumer, 1 KiB", "1P1C 1 KiB", "throughput 1P1C", 1 << 10),
            new Row("4 producers, 1 consumer, 16 B", "4P1C 16 B", "throughput 4P1C", 16),
            new Row("4 new producers, first second", "first second", "first second 4P1C", 16),
            new Row("64 longs in a message", "64 longs", "procession-typed", "throughput 1P1C packed longs",
                    Payload.LEAST_BYTES, false),
            new Row("round trip, spinning, p50", "round trip", "round trip p50", 16),
            new Row("round trip, sleeping, p50", "wake-up", "procession", "wake-up p50", 16, true));

    /// The pool has peers of its own, so it has a table of its own.
    private static final Map<String, String> POOLS = pools();

    private static Map<String, String> pools() {
        var pools = new LinkedHashMap<String, String>();
        pools.put("python-executor", "Python ProcessPoolExecutor");
        pools.put("python-pool", "Python Pool, chunks of 1");
        pools.put("thread-pool", "threads of a JVM");
        return pools;
    }

    private static final List<Row> POOL_ROWS = List.of(
            pool("a task and its result, one at a time", "pool round trip"),
            pool("empty tasks, 1,000 in flight", "pool tasks, empty"),
            pool("tasks of 5 ms", "pool tasks, 5 ms"),
            pool("an argument of 100 MiB", "pool argument, 100 MiB"));

    private static Row pool(String name, String figure) {
        return new Row(name, name, figure, 16);
    }

    private final Run run;

    private Readme(Run run) {
        this.run = run;
    }

    /// Whether it shows a work. These, and the systems that it shows there, are what a quick run measures.
    static boolean shows(Work work) {
        return work.kind() == Work.Kind.POOL || ROWS.stream().anyMatch(row -> row.isOf(work));
    }

    static boolean shows(Work work, String system) {
        if (work.kind() == Work.Kind.POOL) return system.equals("procession") || POOLS.containsKey(system);
        boolean isSlow = system.equals("pipe") || system.equals("python-queue");
        return ROWS.stream().anyMatch(row -> row.isOf(work)
                && (row.system.equals(system) || PEERS.containsKey(system) && (!isSlow || row.showsSlow)));
    }

    /// Throws IOException if [#publish] would find no place for what it writes.
    static void check(Path root) throws IOException {
        for (Path file : List.of(README, RESULTS)) {
            String text = Files.readString(root.resolve(file));
            int begin = text.indexOf(BEGIN);
            if (begin < 0 || text.indexOf(END, begin) < 0) {
                throw new IOException(root.resolve(file) + ": a line " + BEGIN + " and a line " + END
                        + " after it must say where the tables belong");
            }
        }
        if (!Chart.canDraw()) throw new IOException("Java finds no fonts; install fontconfig and a font");
        if (!Files.isDirectory(root.resolve(CHART).getParent())) {
            throw new IOException("there is no folder " + root.resolve(CHART).getParent());
        }
    }

    /// Writes table and chart of README, and the tables of RESULTS.md, into a clone of the repository.
    static void publish(Run run, Path root) throws IOException {
        check(root);
        List<Run> states = run.byState();
        replace(root.resolve(README), new Readme(states.getFirst()).markdown());
        replace(root.resolve(RESULTS), results(states));
        Files.writeString(root.resolve(CHART), chart(states.getFirst()));
    }

    private static void replace(Path file, String between) throws IOException {
        String text = Files.readString(file);
        int begin = text.indexOf(BEGIN) + BEGIN.length();
        Files.writeString(file,
                text.substring(0, begin) + "\n" + between + text.substring(text.indexOf(END, begin)));
    }

    /// The table's rows, the first one being its head.
    static List<List<String>> table(Run run) {
        return new Readme(run).table("Procession", ROWS, PEERS);
    }

    /// The same of the pool.
    static List<List<String>> poolTable(Run run) {
        return new Readme(run).table("WorkerPool", POOL_ROWS, POOLS);
    }

    private List<List<String>> table(String we, List<Row> shown, Map<String, String> names) {
        List<String> peers = names.keySet().stream().filter(run.systems()::contains).toList();
        var rows = new ArrayList<List<String>>();
        rows.add(Stream.concat(Stream.of("", we), peers.stream().map(names::get)).toList());
        for (Row row : shown) {
            ours(row).ifPresent(ours -> {
                var cells = new ArrayList<>(List.of(row.name, ours.text() + (ours.isShown() ? " " + ours.unit() : "")));
                for (String peer : peers) {
                    cells.add(run.find(peer, row.figure, row.bytes).map(its -> {
                        Result ratio = ours.advantageOver(its);
                        return its.text() + (ratio.isShown() ? " (" + ratio.text() + "x)" : "");
                    }).orElse(""));
                }
                rows.add(List.copyOf(cells));
            });
        }
        return rows;
    }

    private Optional<Result> ours(Row row) {
        return run.find(row.system, row.figure, row.bytes);
    }

    /// How many times as fast Procession is as the best peer of each row.
    static List<Chart.Bar> bars(Run run) {
        var readme = new Readme(run);
        return ROWS.stream()
                .flatMap(row -> readme.ours(row).flatMap(ours -> readme.bar(row, ours)).stream()).toList();
    }

    /// The same as a picture; empty if there is nothing to show, or no font to show it in.
    static String chart(Run run) {
        return bars(run).isEmpty() || !Chart.canDraw() ? ""
                : Chart.svg("Procession against the best of its peers", "times as fast as the best peer" + (run.state()
                        .isEmpty() ? "" : ", " + run.state() + " cores"), bars(run));
    }

    /// The best peer is the one over which the advantage is least. Empty if that cannot be told.
    private Optional<Chart.Bar> bar(Row row, Result ours) {
        Optional<Map.Entry<String, Result>> best = PEERS.entrySet().stream()
                .flatMap(peer -> run.find(peer.getKey(), row.figure, row.bytes)
                        .map(its -> Map.entry(peer.getValue(), ours.advantageOver(its))).stream())
                .filter(ratio -> ratio.getValue().rounds().length > 0)
                .min(Comparator.comparing(ratio -> ratio.getValue().median()));
        return best.filter(ratio -> ratio.getValue().isShown()).map(ratio -> new Chart.Bar(row.shortName,
                ratio.getValue().quantile(0.25), ratio.getValue().quantile(0.75),
                ratio.getValue().text() + "x " + ratio.getKey()));
    }

    /// What the table's reader has to know.
    static String legend(Run run) {
        List<String> cells =
                Stream.of(table(run), poolTable(run)).flatMap(List::stream).flatMap(List::stream).toList();
        boolean isRange = cells.stream().anyMatch(cell -> cell.contains("\u2013"));
        boolean isLeftOut = cells.stream().anyMatch(cell -> cell.contains("\u2014"));
        String state = run.state();
        return "In brackets: how many times as fast Procession is. Medians of " + rounds(run) + " rounds"
                + (isRange ? "; where rounds differ by more than a quarter, the range of their middle half" : "")
                + (isLeftOut ? "; \u2014: they differ by more than a factor of two, or are too few" : "") + "."
                + (state.isEmpty() ? ""
                        : " Of the two states that the cores were in, this is the more frequent one, " + state
                                + ": " + String.valueOf(run.environment().get(Run.STATE)).replaceFirst(".*?: ", "")
                                + ".");
    }

    private static String rounds(Run run) {
        int[] rounds = run.mainResults().stream().mapToInt(r -> r.rounds().length).filter(n -> n >= Result.ENOUGH)
                .sorted().toArray();
        if (rounds.length == 0) return "no";
        int most = rounds[rounds.length - 1];
        return rounds[0] == most ? "" + most : rounds[0] + " to " + most;
    }

    private static String source(Run run) {
        Map<String, Object> environment = run.environment();
        return "Measured with `" + environment.get("command") + "` on " + environment.get("machine") + ", "
                + environment.get("kernel") + ", " + environment.get("jdk") + ", commit " + environment.get("commit")
                + ".";
    }

    private String markdown() {
        List<List<String>> pool = poolTable(run);
        return Tables.markdown(table(run)) + "\n" + (pool.size() > 1 ? Tables.markdown(pool) + "\n" : "")
                + wrapped(legend(run)) + wrapped(source(run));
    }

    private static String results(List<Run> states) {
        var text = new StringBuilder("\n").append(wrapped(source(states.getFirst()) + " Measured: "
                + states.getFirst().environment().get("measured") + "."));
        for (Run run : states) {
            String state = String.valueOf(run.environment().getOrDefault(Run.STATE, "all alike"));
            text.append("\n## Cores ").append(state).append("\n\n").append(wrapped("Samples: "
                    + run.environment().get(Run.SAMPLES) + ". Figures: " + run.environment().get(Run.FIGURES) + "."));
            if (run.results().stream().noneMatch(Result::isShown)) continue;
            text.append("\n### Goals\n\n").append(Tables.markdown(Goals.table(run)));
            for (Tables table : Tables.of(run, true)) {
                if (table.hasFigures()) {
                    text.append("\n### ").append(table.title()).append("\n\n").append(table.markdown());
                }
            }
        }
        return text.append('\n').toString();
    }

    private static String wrapped(String text) {
        return text.replaceAll("(.{1,118})(?: |$)", "$1\n");
    }
}
