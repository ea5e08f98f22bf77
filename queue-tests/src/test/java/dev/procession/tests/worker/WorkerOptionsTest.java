package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.core.LaneQueue;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a worker's JVM is started with, and what must not start again in each worker.
class WorkerOptionsTest {
    @TempDir
    Path folder;

    // ---- options

    static final class Options {
        private Options() {}

        public static void main(String[] args) throws Exception {
            Processes.keepWarm();
            Worker.of(Options::print).start().join();
            Worker onPurpose = Worker.builder()
                    .environment("JAVA_TOOL_OPTIONS", "-Dtest.tool=on-purpose")
                    .start(Options::print);
            onPurpose.join();
            System.out.println(onPurpose.exit());
        }

        private static void print() {
            boolean asserts = false;
            assert asserts = true;
            List<String> own = ManagementFactory.getRuntimeMXBean()
                    .getInputArguments()
                    .stream()
                    .filter(option -> Stream.of("jdwp", "Xlog:gc", "management", "Flight", "SerialGC", "Xmx", "Flags")
                            .anyMatch(option::contains))
                    .toList();
            System.out.println(
                    own + " " + asserts + " " + System.getProperty("test.tool") + ", " + System.getProperty("test.jdk")
                            + ", " + System.getProperty("test.last") + ", "
                            + Object.class.getModule().isOpen("java.util", Options.class.getModule()));
        }
    }

    @Test
    void whatIsEachProcesssOwnIsNotInheritedByWayOfTheEnvironmentEither() throws Exception {
        Path log = folder.resolve("gc-%p.log");
        Path flags = Files.writeString(folder.resolve("flags"), "+UseSerialGC\n");
        Path arguments = Files.writeString(
                folder.resolve("arguments"), "-Dtest.jdk='a @file' --add-opens java.base/java.util=ALL-UNNAMED");
        Map<String, String> environment = Map.of(
                "JAVA_TOOL_OPTIONS",
                "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:" + freePort()
                        + " '-Dtest.tool=a \"b\" c' -Dcom.sun.management.jmxremote.port=" + freePort()
                        + " -Dcom.sun.management.jmxremote.authenticate=false -Dcom.sun.management.jmxremote.ssl=false",
                "JDK_JAVA_OPTIONS", "-Xlog:gc:file=" + log + " -Xmx99m -ea @" + arguments,
                "_JAVA_OPTIONS", "-Dtest.last=1 -XX:Flags=" + flags);
        for (int spares : new int[] {0, 1}) {
            List<String> lines = run(environment, "-Dtest.spares=" + spares, Options.class.getName());
            lines.removeIf(line -> line.startsWith("NOTE: ") || line.startsWith("Listening for transport"));
            lines.removeIf(line -> line.startsWith("Picked up ") && !line.contains("on-purpose"));
            assertEquals(
                    List.of(
                            "[] true a \"b\" c, a @file, 1, true",
                            "Picked up JAVA_TOOL_OPTIONS: -Dtest.tool=on-purpose",
                            "[] true a \"b\" c, a @file, 1, true",
                            "finished"),
                    lines);
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(2, files.filter(file -> file.getFileName().toString().startsWith("gc-")).count(), "parents");
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    // ---- static initializers

    static final class Denied {
        private Denied() {}

        public static void main(String[] args) throws Exception {
            try (var queue = SharedQueue.create(Codec.utf8())) {
                Worker.of(() -> queue.put("worker: " + LaneQueue.platform())).start().join();
                System.out.println("parent: " + LaneQueue.platform() + ", " + queue.get());
            }
        }
    }

    @Test
    void aWorkerHasNoNativeAccessThatItsParentWasDenied() throws Exception {
        var command = List.of(Processes.java(), "--illegal-native-access=deny", "-cp",
                System.getProperty("java.class.path"), Denied.class.getName());
        var process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertEquals("parent: portable, worker: portable", output);
    }

    static final class Pool {
        private static final Path log = Path.of(System.getProperty("test.log"));

        static {
            log();
        }

        private static final Worker worker = Worker.of(() -> System.out.println("never")).start();

        private Pool() {}

        private static void log() {
            try {
                Files.createFile(Path.of(log + "-" + ProcessHandle.current().pid()));
                try (Stream<Path> all = Files.list(log.getParent())) {
                    if (all.filter(file -> file.getFileName().toString().startsWith("process-")).count() > 8) {
                        Runtime.getRuntime().halt(77); // the chain that there must not be
                    }
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }

        public static void main(String[] args) throws Exception {
            worker.join();
            System.out.println(worker.exit());
        }
    }

    @Test
    void aWorkerThatIsStartedInAStaticInitializerStartsNoOther() throws Exception {
        List<String> lines = run(Map.of(), "-Dtest.log=" + folder.resolve("process"), Pool.class.getName());
        assertTrue(
                lines.getLast().startsWith(
                        "failed with java.lang.IllegalStateException: Worker \"worker-1:1\" is not started: a static"
                                + " initializer")
                        && lines.getLast().contains("Start workers in main or in a task"),
                String.join("\n", lines));
        assertFalse(lines.contains("never"));
        assertEquals(2, processes());
    }

    static final class Lazy {
        private Lazy() {}

        static final class Pools {
            static {
                Pool.log();
                Worker.keepWarm(1);
                Worker.onEveryCore(n -> () -> System.out.println(Pools.class)).forEach(Worker::start);
            }

            private Pools() {}

            static int size() {
                return 1;
            }
        }

        public static void main(String[] args) throws Exception {
            Worker worker = Worker.of(() -> {
                try {
                    System.out.println(Pools.size());
                } catch (ExceptionInInitializerError e) {
                    System.out.println(e.getCause().getMessage() + " " + Worker.active() + " " + Worker.spares());
                }
                Worker inner = Worker.of(() -> System.out.println("a task may")).start();
                inner.join();
            }).start();
            worker.join();
            System.out.println(worker.exit());
        }
    }

    @Test
    void aTaskThatInitializesAClassWhichStartsWorkersStartsNone() throws Exception {
        List<String> lines = run(Map.of(), "-Dtest.log=" + folder.resolve("process"), Lazy.class.getName());
        assertEquals(3, lines.size(), String.join("\n", lines));
        assertTrue(lines.getFirst().contains("a static initializer") && lines.getFirst().endsWith("[] 0"),
                lines.getFirst());
        assertEquals(List.of("a task may", "finished"), lines.subList(1, 3));
    }

    private long processes() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith("process-")).count();
        }
    }

    // ----

    private List<String> run(Map<String, String> environment, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Processes.java(), "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile(folder, "output-", ".txt");
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            Processes.await("the program ends", () -> !process.isAlive());
            assertEquals(0, process.exitValue(), Files.readString(output));
            return new ArrayList<>(Files.readAllLines(output).stream()
                    .filter(line -> !line.startsWith("\t") && !line.startsWith("Exception in worker"))
                    .toList());
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }
}
