package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.fail;

import dev.procession.Worker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// What these tests need of the system: other JVMs that start workers, signals, and patience.
final class Processes {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private Processes() {}

    static void await(String what, Callable<Boolean> condition) throws Exception {
        Instant deadline = Instant.now().plus(PATIENCE);
        while (!condition.call()) {
            if (Instant.now().isAfter(deadline)) {
                fail("not within " + PATIENCE + ": " + what);
            }
            Thread.sleep(10);
        }
    }

    /// Whether a process runs, be it ours or not. One that is dead and that nobody has asked about yet does not.
    static boolean runs(long pid) throws IOException {
        try {
            String status = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return "ZX".indexOf(status.charAt(status.lastIndexOf(')') + 2)) < 0;
        } catch (IOException e) {
            return false;
        }
    }

    /// Has this process keep so many spare JVMs, and waits until they are ready.
    static void keepWarm(int spares) throws Exception {
        Worker.keepWarm(spares);
        await(spares + " spares are ready", () -> Worker.spares() == spares);
    }

    /// What the parameter of a test that starts workers in another JVM becomes there.
    static void keepWarm() throws Exception {
        keepWarm(Integer.getInteger("test.spares", 0));
    }

    /// The process ids of this process's spares.
    static Set<Long> spares() {
        Set<Long> workers = Worker.active().stream().map(Worker::pid).collect(Collectors.toSet());
        return ProcessHandle.current()
                .children()
                .map(ProcessHandle::pid)
                .filter(pid -> !workers.contains(pid) && isCalledSpare(pid))
                .collect(Collectors.toSet());
    }

    private static boolean isCalledSpare(long pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/cmdline")).endsWith("\0spare\0");
        } catch (IOException e) {
            return false; // it has ended
        }
    }

    static void signal(String name, long pid) throws IOException, InterruptedException {
        int status = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start().waitFor();
        if (status != 0) {
            fail("kill -" + name + " " + pid + ": status " + status);
        }
    }

    static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /// The content of a file that another process writes at once (with a rename) or in one write.
    static String awaitContent(Path file) throws Exception {
        await(file + " is written", () -> Files.exists(file) && Files.size(file) > 0);
        return Files.readString(file).strip();
    }

    /// Another JVM with our class path, or whatever the options say.
    static final class Jvm implements AutoCloseable {
        final Process process;
        private final Path output;

        private Jvm(Process process, Path output) {
            this.process = process;
            this.output = output;
        }

        static Jvm start(Path folder, Class<?> main, String... arguments) throws IOException {
            return start(folder, List.of(), main, arguments);
        }

        static Jvm start(Path folder, List<String> options, Class<?> main, String... arguments) throws IOException {
            return start(folder, Map.of(), options, main, arguments);
        }

        static Jvm start(
                Path folder, Map<String, String> environment, List<String> options, Class<?> main, String... arguments)
                throws IOException {
            List<String> all = new ArrayList<>(List.of("--enable-native-access=ALL-UNNAMED",
                    "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")); // most live for a moment
            all.addAll(options);
            all.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
            all.addAll(List.of(arguments));
            return start(folder, environment, all);
        }

        static Jvm start(Path folder, List<String> arguments) throws IOException {
            return start(folder, Map.of(), arguments);
        }

        private static Jvm start(Path folder, Map<String, String> environment, List<String> arguments)
                throws IOException {
            List<String> command = new ArrayList<>(List.of(java()));
            command.addAll(arguments);
            Path output = Files.createTempFile(folder, "jvm-", ".txt");
            ProcessBuilder builder =
                    new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
            builder.environment().putAll(environment);
            return new Jvm(builder.start(), output);
        }

        String output() throws IOException {
            return Files.readString(output).strip();
        }

        int awaitEnd() throws Exception {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                fail("still running: " + process.info() + "\n" + output());
            }
            return process.exitValue();
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    /// Whether this process was told to ignore a signal, as a shell does with SIGINT for what runs in its background;
    /// so are those that it starts.
    static boolean isIgnored(int signal) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("SigIgn:")) {
                return (Long.parseUnsignedLong(line.substring(7).strip(), 16) >> signal - 1 & 1) != 0;
            }
        }
        throw new IllegalStateException("no SigIgn in /proc/self/status");
    }
}
