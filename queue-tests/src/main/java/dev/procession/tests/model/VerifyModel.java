package dev.procession.tests.model;

import com.sun.management.OperatingSystemMXBean;
import dev.procession.tests.jvm.Folders;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Lets Spin search all states of the models of the queue (`queue-core/src/model`), and of their mutants, each of which
/// must fail.
@Command(
        name = "verify-model",
        mixinStandardHelpOptions = true,
        description = "Searches all states of the queue's models, and of their mutants, each of which must fail. "
                + "Needs spin and a C compiler.")
public final class VerifyModel implements Callable<Integer> {
    private static final Pattern INCLUDE = Pattern.compile("(?m)^#include \"([^\"]+)\"");
    private static final String LIST = "runs.txt";
    /// What a search gets at the least; the largest of the usual ones needs about this much.
    private static final long MIN_MIB = 1500;

    private static final long MAX_MIB = 16_000;

    @Option(names = "--only", paramLabel = "REGEX", description = "Only runs whose model and options match.")
    private Pattern only = Pattern.compile("");

    @Option(names = "--deep", description = "The long runs too: some minutes and some GiB each.")
    private boolean deep;

    @Option(names = "--list", description = "Print the runs and what is expected of them, and search nothing.")
    private boolean list;

    @Option(
            names = "--models",
            paramLabel = "DIR",
            description = "Take the models, and the list " + LIST
                    + ", from there; by default those that were built in.")
    private @Nullable Path models;

    @Option(
            names = "--jobs",
            paramLabel = "N",
            description = "Search N at a time; by default as many as there are processors and memory for.")
    private int jobs;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "900",
            description = "A search that is not over after this is an error; by default ${DEFAULT-VALUE}.")
    private long timeoutSeconds;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (jobs < 0) throw misuse("--jobs=" + jobs + ", must be 1 or more");
        if (timeoutSeconds < 1) throw misuse("--timeout=" + timeoutSeconds + ", must be 1 or more");
        List<ModelRun> runs = runs();
        if (runs.isEmpty()) throw misuse("--only=" + only + " matches no run; --list shows them");
        if (list) {
            for (ModelRun run : runs) print(run, run.states(), "", run.expected());
            return 0;
        }
        String compiler = tool("cc", "gcc", "clang");
        if (tool("spin") == null || compiler == null) {
            System.err.println("verify-model: " + (tool("spin") == null ? "there is no spin" : "there is no C compiler")
                    + " in PATH; install it (Debian: apt-get install spin gcc libc6-dev)");
            return 1;
        }
        return search(runs, compiler);
    }

    private int search(List<ModelRun> runs, String compiler) throws IOException, InterruptedException {
        long mib = memoryMib();
        int parallel = jobs > 0 ? jobs
                : Math.clamp(mib / MIN_MIB, 1, Runtime.getRuntime().availableProcessors());
        long mibEach = Math.min(mib / parallel, MAX_MIB);
        Path directory = Files.createTempDirectory("procession-verify-model-");
        Thread last = new Thread(() -> ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly));
        Runtime.getRuntime().addShutdownHook(last); // an interrupted command leaves no search behind

        record Searched(ModelRun run, Path directory, ModelRun.Result result) {}
        long states = 0;
        int models = 0;
        int passed = 0;
        int mutants = 0;
        int failed = 0;
        boolean wrong = false;
        ExecutorService threads = Executors.newFixedThreadPool(parallel);
        try {
            var searches = new ExecutorCompletionService<Searched>(threads);
            int number = 0;
            for (ModelRun run : runs) {
                Path own = Files.createDirectory(directory.resolve(String.valueOf(number++)));
                Map<String, byte[]> files = new HashMap<>();
                collect(run.file(), files);
                searches.submit(() -> new Searched(
                        run, own, run.search(own, files, compiler, mibEach, timeoutSeconds)));
            }
            for (int i = 0; i < runs.size(); i++) {
                Searched searched = searches.take().get();
                ModelRun run = searched.run();
                ModelRun.Result result = searched.result();
                print(run, result.states(), String.format(Locale.ROOT, "%.1f s", result.nanos() / 1e9),
                        (result.wrong() ? "NOT AS EXPECTED: " : "") + result.verdict());
                states += result.states();
                if (run.isMutant()) mutants++;
                else models++;
                if (result.wrong()) {
                    wrong = true;
                    System.out.println("  evidence in " + searched.directory());
                    if (Files.exists(searched.directory().resolve(run.file() + ".trail"))) {
                        System.out.println("  the run:  cd " + searched.directory() + " && spin -t -p -g"
                                + run.options().stream().map(" -D"::concat).reduce("", String::concat)
                                + " " + run.file());
                    }
                } else {
                    if (run.isMutant()) failed++;
                    else passed++;
                    Folders.delete(searched.directory());
                }
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException("a search could not be made in " + directory + ": " + e.getCause(), e);
        } finally {
            threads.shutdownNow();
            threads.awaitTermination(10, TimeUnit.SECONDS);
            if (!wrong) Folders.delete(directory);
        }
        System.out.println("models=" + models + " passed=" + passed + " mutants=" + mutants + " failed_as_expected="
                + failed + " states=" + states);
        return wrong ? 1 : 0;
    }

    /// The runs that were asked for, the longest first.
    private List<ModelRun> runs() throws IOException {
        List<ModelRun> runs;
        try (var lines = new BufferedReader(
                new InputStreamReader(new ByteArrayInputStream(content(LIST)), StandardCharsets.UTF_8))) {
            runs = new ArrayList<>(ModelRun.read(lines, LIST));
        } catch (IllegalArgumentException e) {
            throw misuse(e.getMessage());
        }
        runs.removeIf(run -> run.deep() && !deep || !only.matcher(run.toString()).find());
        if (!list) runs.sort(Comparator.comparingLong(ModelRun::states).reversed());
        return runs;
    }

    /// Adds a file, and what it includes.
    private void collect(String name, Map<String, byte[]> files) throws IOException {
        if (files.containsKey(name)) return;
        byte[] bytes = content(name);
        files.put(name, bytes);
        Matcher include = INCLUDE.matcher(new String(bytes, StandardCharsets.UTF_8));
        while (include.find()) collect(include.group(1), files);
    }

    private byte[] content(String name) throws IOException {
        try {
            if (models != null) return Files.readAllBytes(models.resolve(name));
            try (InputStream stream = VerifyModel.class.getResourceAsStream("/model/" + name)) {
                if (stream == null) throw new FileNotFoundException(name);
                return stream.readAllBytes();
            }
        } catch (NoSuchFileException | FileNotFoundException e) {
            throw misuse(
                    "there is no " + name + " in " + (models == null ? "the built-in models" : "--models=" + models));
        }
    }

    /// Half of the machine's memory, or the container's.
    private static long memoryMib() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize() / 2 >> 20;
    }

    private static @Nullable String tool(String... names) {
        String path = System.getenv().getOrDefault("PATH", "");
        for (String name : names) {
            for (String directory : path.split(File.pathSeparator)) {
                if (Files.isExecutable(Path.of(directory, name))) return name;
            }
        }
        return null;
    }

    private static void print(ModelRun run, long states, String time, String verdict) {
        System.out.println(String.format(Locale.ROOT, "%-50s %,12d states %8s  %s", run, states, time, verdict));
    }

    private ParameterException misuse(@Nullable String what) {
        return new ParameterException(spec.commandLine(), String.valueOf(what));
    }
}
