package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// The small table for a reader who chooses a queue: Procession, and each peer with the ratio to it. Put between two
/// comments of a Markdown file.
final class Readme {
    private static final String BEGIN = "<!-- bench:begin -->";
    private static final String END = "<!-- bench:end -->";

    /// The peers that people know, by the names that people know.
    private static final Map<String, String> PEERS = peers();

    private static Map<String, String> peers() {
        var peers = new LinkedHashMap<String, String>();
        peers.put("agrona-many-to-one", "Agrona many-to-one");
        peers.put("agrona-one-to-one", "Agrona one-to-one");
        peers.put("aeron-ipc", "Aeron IPC");
        peers.put("chronicle-queue", "Chronicle Queue");
        peers.put("python-queue", "Python Queue");
        return peers;
    }

    private final Run run;
    private final List<String> peers;

    private Readme(Run run) {
        this.run = run;
        peers = PEERS.keySet().stream().filter(run.systems()::contains).toList();
    }

    /// Throws IOException if [#update] would find no place for the table.
    static void check(Path file) throws IOException {
        String text = Files.readString(file);
        int begin = text.indexOf(BEGIN);
        if (begin < 0 || text.indexOf(END, begin) < 0) {
            throw new IOException(
                    file + ": a line " + BEGIN + " and a line " + END + " behind it must say where the table "
                            + "belongs");
        }
    }

    static void update(Path file, Run run) throws IOException {
        check(file);
        String text = Files.readString(file);
        int begin = text.indexOf(BEGIN) + BEGIN.length();
        Files.writeString(file, text.substring(0, begin) + "\n" + new Readme(run).markdown()
                + text.substring(text.indexOf(END, begin)));
    }

    /// The table's rows, the first one being its head.
    static List<List<String>> table(Run run) {
        return new Readme(run).table();
    }

    private List<List<String>> table() {
        var rows = new ArrayList<List<String>>();
        rows.add(Stream.concat(Stream.of("", "Procession"), peers.stream().map(PEERS::get)).toList());
        for (int bytes : new int[] {16, 64, 256, 1 << 10, 16 << 10, 1 << 20}) {
            row("1 producer, 1 consumer, " + Report.size(bytes), "procession", "throughput 1P1C", bytes)
                    .ifPresent(rows::add);
            row("the same in the first second of new processes", "procession", "throughput 1P1C, cold", bytes)
                    .ifPresent(rows::add);
        }
        row("4 producers, 1 consumer, 16 B", "procession", "throughput 4P1C", 16).ifPresent(rows::add);
        row("the same in the first second of new processes", "procession", "throughput 4P1C, cold", 16)
                .ifPresent(rows::add);
        row("4 producers, 4 consumers, 16 B", "procession-shared", "throughput 4P4C", 16).ifPresent(rows::add);
        row("1 producer, 1 consumer, 64 longs a message", "procession-typed", "throughput 1P1C packed longs",
                Payload.LEAST_BYTES).ifPresent(rows::add);
        row("2 producers on 2 cores, put only, 16 B", "procession", "put only 2P", 16).ifPresent(rows::add);
        row("round trip, spinning, p50", "procession", "round trip p50", 16).ifPresent(rows::add);
        row("round trip, sleeping, p50", "procession", "wake-up p50", 16).ifPresent(rows::add);
        return rows;
    }

    private Optional<List<String>> row(String name, String system, String figure, int bytes) {
        return figure(system, figure, bytes).map(ours -> {
            var cells = new ArrayList<String>();
            cells.add(name);
            cells.add(value(ours) + " " + ours.unit());
            for (String peer : peers) {
                cells.add(figure(peer, figure, bytes).map(its -> {
                    Result ratio = ours.ratioTo(its);
                    return value(its) + (ratio.isKnown()
                            ? " (" + Report.number(ratio.median()) + "x" + Report.marks(ratio) + ")" : "");
                }).orElse(""));
            }
            return cells;
        });
    }

    private Optional<Result> figure(String system, String figure, int bytes) {
        return run.better(
                r -> r.system().equals(system) && r.figure().equals(figure) && r.work().bytes() == bytes);
    }

    private static String value(Result result) {
        return Report.number(result.median()) + Report.marks(result);
    }

    /// What the table's reader has to know.
    static String legend(Run run) {
        var text = new StringBuilder("In brackets: Procession's figure divided by the peer's; above 1 is good for "
                + "throughput, below 1 for times. Medians of " + new Report(run).extent() + ".");
        if (run.results().stream().anyMatch(Result::isUnsteady)) {
            text.append(" ~: rounds or forks disagree by more than a quarter.");
        }
        if (run.results().stream().anyMatch(Result::isRestless)) {
            text.append(" ^: before its samples the rate had not stood still.");
        }
        Object state = run.environment().get(Run.STATE);
        if (state != null) {
            text.append(" The cores are ").append(state).append('.');
        }
        Object samples = run.environment().get(Run.SAMPLES);
        if (samples != null) {
            text.append(" Samples: ").append(samples).append('.');
        }
        return text.toString();
    }

    private String markdown() {
        List<List<String>> rows = table();
        var text = new StringBuilder();
        for (List<String> row : rows) {
            text.append("| ").append(String.join(" | ", row)).append(" |\n");
            if (row == rows.getFirst()) {
                text.append("|---".repeat(row.size())).append("|\n");
            }
        }
        Map<String, Object> environment = run.environment();
        text.append('\n').append(wrapped(legend(run))).append(wrapped("Measured with `" + environment.get("command")
                + "` on " + environment.get("machine") + ", " + environment.get("kernel") + ", "
                + environment.get("jdk")
                + ", commit " + environment.get("commit") + "."));
        return text.toString();
    }

    private static String wrapped(String text) {
        return text.replaceAll("(.{1,118})(?: |$)", "$1\n");
    }
}
