package dev.procession.bench;

import dev.procession.cli.CommandErrors;
import dev.procession.cli.Progress;
import dev.procession.core.Cpus;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `procession bench`.
@Command(name = "procession bench", sortOptions = false, subcommands = Main.Micro.class,
        description = "Measures Procession against its peers: real processes, pinned, in turns.", footer = {
            "", "Exit code: 0 measured; 1 a process failed or a check found wrong messages; 2 wrong usage, or a "
                    + "machine that cannot be measured on.",
            ""})
public final class Main implements Callable<Integer> {
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");
    /// Files of all systems at once, at the work that needs most.
    private static final long SPACE = 1L << 30;
    /// What differs from a queue in its way to move a message, or in its speed, by so much that a few works show it.
    private static final Set<String> AT_FEW_WORKS = Set.of("agrona-many-to-one-checked", "agrona-one-to-one-checked",
            "array-blocking-queue", "jctools-mpsc", "jctools-mpmc", "disruptor", "unix-socket", "pipe", "python-queue",
            "python-simple-queue");
    /// Our own ways that cost more.
    private static final Set<String> AT_SOME_WORKS =
            Set.of("procession-shared-each", "procession-leased", "procession-batch");

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(names = "--quick", description = "What README shows, and one pass through it at least: in some four "
            + "minutes. The default is all works, two passes at least, in at most 20 minutes.")
    private boolean quick;

    @Option(names = "--minutes", paramLabel = "N", description = "Time for all of it (default: 20; 4 if quick). It "
            + "ends earlier if all figures agree.")
    private @Nullable Integer minutes;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write all figures to this file.")
    private @Nullable Path json;

    @Option(names = "--html", paramLabel = "FILE", description = "Also write a page with all tables and the chart.")
    private @Nullable Path html;

    @Option(names = "--publish", paramLabel = "FOLDER", description = "Also write what this repository shows into a "
            + "clone of it: the tables of README.md and jmh/RESULTS.md, between <!-- bench:begin --> and "
            + "<!-- bench:end -->, and docs/throughput.svg.")
    private @Nullable Path publish;

    @Option(names = "--from", paramLabel = "FILE", description = "Measure nothing: show what an earlier run has "
            + "written with --json.")
    private @Nullable Path from;

    @Option(names = "--work", paramLabel = "PATTERN", description = "Only works in whose name this regular expression "
            + "is found. May be repeated. See --list.")
    private List<Pattern> works = List.of();

    @Option(names = "--system", paramLabel = "PATTERN", description = "Only such systems, wherever they serve; the "
            + "default leaves out some at some works. May be repeated.")
    private List<Pattern> systems =
            List.of();

    @Option(names = "--cpus", paramLabel = "A,B", split = ",", description = "Cores of producers and of consumers "
            + "(default: the first available one, and the next that does not share a core with it).")
    private int[] cpus =
            {};

    @Option(names = "--list", description = "List works and their systems, and measure nothing.")
    private boolean list;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /// The JVM is being ended from outside; that our processes die is then no news.
    private volatile boolean stopping;

    public static void main(String[] args) {
        var command = CommandErrors.explainedBy(new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true));
        command.getSubcommands().get("micro").setUnmatchedOptionsArePositionalParams(true);
        System.exit(command.execute(args));
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        mustHaveFolder("--json", json);
        mustHaveFolder("--html", html);
        Run earlier = checkedFiles();
        if (earlier != null) {
            show(earlier);
            return CommandLine.ExitCode.OK;
        }
        List<Work> chosenWorks = Work.ALL.stream().filter(w -> !quick || Readme.shows(w))
                .filter(w -> isChosen(w.toString(), works)).toList();
        List<Contender> chosenSystems = Contender.all().stream().filter(s -> isChosen(s.name(), systems)).toList();
        if (list) {
            for (Bench.Task task : tasks(chosenWorks, chosenSystems)) {
                System.out.println(task.work() + ": "
                        + task.systems().stream().map(Contender::name).collect(Collectors.joining(" ")));
            }
            return CommandLine.ExitCode.OK;
        }
        List<Bench.Task> tasks = tasks(chosenWorks, chosenSystems);
        if (tasks.isEmpty()) {
            throw new ParameterException(spec.commandLine(),
                    "--work and --system leave nothing to measure, see --list");
        }
        int[] available = Cpus.available();
        int[] chosen = cpus.length > 0 ? cpus : apart(available);
        if (chosen.length != 2 || chosen[0] == chosen[1]) {
            throw new ParameterException(spec.commandLine(),
                    "measuring needs two cores, cores=" + Arrays.toString(chosen)
                            + " available=" + Arrays.toString(available)
                            + ": two processes that take turns on one would say nothing about a queue");
        }
        var settings = new Bench.Settings(Duration.ofMinutes(minutes()), quick ? 1 : 2, chosen[0], chosen[1]);
        return measure(settings, tasks, available);
    }

    private int minutes() {
        if (minutes == null) return quick ? 4 : 20;
        if (minutes < 1) {
            throw new ParameterException(spec.commandLine(), "--minutes=" + minutes + " must be at least 1");
        }
        return minutes;
    }

    private List<Bench.Task> tasks(List<Work> works, List<Contender> chosen) {
        var tasks = new ArrayList<Bench.Task>();
        for (Work work : works) {
            List<Contender> those = chosen.stream().filter(s -> s.serves(work))
                    .filter(s -> !systems.isEmpty() || isUsual(work, s.name())).toList();
            if (!those.isEmpty()) {
                tasks.add(new Bench.Task(work, those));
            }
        }
        return tasks;
    }

    /// Whether a system is measured at a work if nobody has named any systems. There is no time for all of them
    /// everywhere.
    private boolean isUsual(Work work, String system) {
        if (quick) return Readme.shows(work, system);
        boolean stream = work.kind() == Work.Kind.THROUGHPUT && work.content() == Work.Content.BYTES;
        boolean one = work.producers() == 1 && work.consumers() == 1;
        boolean four = (work.producers() == 4 || work.consumers() == 4) && work.bytes() == 16;
        if (AT_FEW_WORKS.contains(system)) {
            return switch (work.kind()) {
                case THROUGHPUT -> !stream || one && work.bytes() == 16 || four && !system.startsWith("python");
                case ROUND_TRIP, PUT_LATENCY -> false;
                case LATENCY -> system.equals("pipe");
                default -> true;
            };
        }
        if (AT_SOME_WORKS.contains(system)) {
            return one ? work.bytes() == 16 || work.bytes() == 1024 : four;
        }
        return true;
    }

    private int measure(Bench.Settings settings, List<Bench.Task> tasks, int[] available)
            throws IOException, InterruptedException {
        Path home = Files.createTempDirectory(folder(), "procession-bench-");
        var environment = Environment.of(spec.commandLine().getParseResult().originalArgs(), settings, available, home);
        Run run;
        try (var progress = Progress.drawnByNext("bench", (long) settings.leastPasses() * tasks.size());
                var bench = new Bench(settings, home, progress)) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(bench)));
            run = bench.run(tasks, environment);
        } catch (Subject.FailedException e) {
            if (!stopping) {
                System.err.println("bench: " + e.getMessage());
            }
            return CommandLine.ExitCode.SOFTWARE;
        }
        show(run);
        return CommandLine.ExitCode.OK;
    }

    /// JSON first: from it everything else can be made again.
    private void show(Run run) throws IOException {
        if (json != null) {
            run.write(json);
        }
        for (Run state : run.byState()) {
            Report.print(state, System.out);
            System.out.println();
        }
        if (html != null) {
            Html.write(run, html);
        }
        if (publish != null) {
            Readme.publish(run, publish);
        }
    }

    /// What can be wrong with files is known before a quarter of an hour of measuring. Returns what --from says.
    private @Nullable Run checkedFiles() {
        try {
            if (publish != null) {
                Readme.check(publish);
            }
            return from == null ? null : Run.read(from);
        } catch (FileNotFoundException | NoSuchFileException e) {
            throw new ParameterException(spec.commandLine(), "there is no such file: " + e.getMessage());
        } catch (IOException e) {
            throw new ParameterException(spec.commandLine(), Objects.requireNonNullElse(e.getMessage(), e.toString()));
        }
    }

    private void mustHaveFolder(String option, @Nullable Path file) {
        if (file != null && !Files.isDirectory(file.toAbsolutePath().getParent())) {
            throw new ParameterException(spec.commandLine(), option + "=" + file + ": there is no such folder");
        }
    }

    private void stop(Bench bench) {
        stopping = true;
        bench.close();
    }

    private static boolean isChosen(String name, List<Pattern> patterns) {
        return patterns.isEmpty() || patterns.stream().anyMatch(p -> p.matcher(name).find());
    }

    /// The first core and the next one that is not another thread of the same core; fewer than two if there are none.
    private static int[] apart(int[] available) throws IOException {
        var chosen = new ArrayList<Integer>();
        var siblings = new ArrayList<String>();
        for (int cpu : available) {
            Path file = Path.of("/sys/devices/system/cpu/cpu" + cpu + "/topology/thread_siblings_list");
            String threads = Files.isReadable(file) ? Files.readString(file).strip() : "cpu " + cpu;
            if (chosen.size() < 2 && !siblings.contains(threads)) {
                chosen.add(cpu);
                siblings.add(threads);
            }
        }
        return chosen.stream().mapToInt(Integer::intValue).toArray();
    }

    /// Where queues live: in memory if there is a place for that.
    private static Path folder() throws IOException {
        if (Files.isWritable(SHARED_MEMORY) && Files.getFileStore(SHARED_MEMORY).getUsableSpace() >= SPACE) {
            return SHARED_MEMORY;
        }
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        System.err.println("bench: " + SHARED_MEMORY + " is missing or has less than " + (SPACE >> 20)
                + " MiB free: the files go to " + temporary + ", and what its disk does is part of the figures");
        return temporary;
    }

    /// `procession bench micro`: JMH with its own options, in a JVM with the flags that it needs.
    @Command(name = "micro", description = "Runs the JMH benchmarks of single calls; all arguments go to JMH, "
            + "e.g. -prof gc, or -h for its help.")
    static final class Micro implements Callable<Integer> {
        @Parameters(arity = "0..*", paramLabel = "JMH-ARGUMENT")
        private List<String> arguments = List.of();

        @Override
        public Integer call() throws IOException, InterruptedException {
            var command = new ArrayList<String>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(List.of("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED", "-cp",
                    System.getProperty("java.class.path"), "org.openjdk.jmh.Main"));
            command.addAll(arguments);
            return new ProcessBuilder(command).inheritIO().start().waitFor();
        }
    }
}
