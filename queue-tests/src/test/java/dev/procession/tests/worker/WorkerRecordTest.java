package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.WorkerExit;
import dev.procession.WorkerExit.Exited;
import dev.procession.WorkerExit.Failed;
import dev.procession.WorkerExit.Finished;
import dev.procession.WorkerExit.Killed;
import dev.procession.core.LaneQueue;
import dev.procession.tests.Keeping;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a worker leaves about its end: told whatever the exception is like, wherever there is space, and never left
/// behind.
@SuppressWarnings("serial")
class WorkerRecordTest extends Keeping {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    Path folder;

    // ---- exceptions that do not tell

    static class NoMessage extends RuntimeException {
        @Override
        public String getMessage() {
            throw new IllegalStateException("getMessage");
        }
    }

    static class NoText extends RuntimeException {
        NoText() {
            super("said");
        }

        @Override
        public String toString() {
            throw new IllegalStateException("toString");
        }
    }

    static class NoPrint extends RuntimeException {
        NoPrint() {
            super("said");
        }

        @Override
        public void printStackTrace(PrintWriter to) {
            throw new StackOverflowError("printStackTrace");
        }

        @Override
        public void printStackTrace(PrintStream to) {
            throw new StackOverflowError("printStackTrace");
        }
    }

    static final class NoPrintAndNoFrames extends NoPrint {
        @Override
        public StackTraceElement[] getStackTrace() {
            return null;
        }
    }

    static final class NoFrames extends RuntimeException {
        @Override
        public StackTraceElement[] getStackTrace() {
            throw new IllegalStateException("getStackTrace");
        }
    }

    static final class NoCause extends NoPrint {
        @Override
        public synchronized Throwable getCause() {
            throw new IllegalStateException("getCause");
        }
    }

    private static int overflow(int depth) {
        return overflow(depth + 1) + 1;
    }

    private static void fillMemory() {
        List<byte[]> all = new ArrayList<>();
        while (true) all.add(new byte[1 << 20]);
    }

    private static void fail(String how) throws Exception {
        switch (how) {
            case "no message" -> throw new NoMessage();
            case "no text" -> throw new NoText();
            case "no print" -> throw new NoPrint();
            case "no frames" -> throw new NoFrames();
            case "no print, no frames" -> throw new NoPrintAndNoFrames();
            case "no cause" -> throw new NoCause();
            case "a cause without text" -> throw new RuntimeException("outer", new NoText());
            case "cycle" -> {
                NoPrint inner = new NoPrint();
                inner.initCause(new RuntimeException("outer", inner));
                throw inner;
            }
            case "long" -> throw new RuntimeException("x".repeat(50_000_000));
            case "long cause" -> throw new RuntimeException("short", new RuntimeException("x".repeat(20_000_000)));
            case "deep" -> overflow(0);
            case "memory" -> fillMemory();
            case "closed" -> {
                System.err.close();
                throw new IllegalStateException("closed");
            }
            default -> throw new AssertionError(how);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "no message", "no text", "no print", "no frames", "no print, no frames", "no cause", "a cause without text",
        "cycle",
        "long", "long cause", "deep", "memory", "closed"
    })
    void aFailureIsToldWithItsClassAndFramesWhateverTheExceptionIsLike(String how) throws Exception {
        Worker worker = Worker.builder().jvmArguments("-Xmx200m").stderr(line -> {}).start(() -> fail(how));
        assertTrue(worker.join(LONG));
        Failed failed = assertInstanceOf(Failed.class, worker.exit());
        String frame = how.equals("deep") ? ".overflow(" : how.equals("memory") ? ".fillMemory(" : ".fail(";
        assertTrue(failed.stackTrace().contains("\tat dev.procession.tests.worker.WorkerRecordTest" + frame),
                failed.stackTrace());
        assertTrue(failed.stackTrace().contains(failed.exceptionClass()), failed.stackTrace());
        assertTrue(failed.stackTrace().length() <= 2_097_152);
        if (failed.message() != null) assertTrue(failed.message().length() < 1_048_700);
        if (how.equals("long")) assertTrue(failed.message().endsWith("x... (50000000 characters)"));
        if (how.contains("cause") || how.equals("cycle")) {
            assertTrue(how.equals("no cause") || failed.stackTrace().contains("Caused by: java.lang.RuntimeException")
                    || failed.stackTrace().contains("Caused by: " + NoText.class.getName()), failed.stackTrace());
        }
        assertFalse(failed.isSuccess());
    }

    /// Of this user's own, so that anybody can try it: a pipe keeps who opens it waiting.
    @Test
    void whatOnlyLooksLikeARecordKeepsNobodyWaitingAndStays() throws Exception {
        Path home = Files.createDirectory(
                folder.resolve("home"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path like = Files.createDirectory(
                home.resolve("worker-2-1-1"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        assertEquals(0, new ProcessBuilder("mkfifo", like.resolve("end").toString()).start().waitFor());
        Path open = Files.createDirectory(
                home.resolve("worker-2-1-2"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        Processes.Jvm parent = start(Map.of(), List.of("-Ddev.procession.dir=" + home), Fails.class);
        parent.awaitEnd();
        assertTrue(Files.exists(like.resolve("end")) && Files.exists(open));
    }

    @Test
    void oneQuestionTellsWhetherItWentWell() throws Exception {
        assertTrue(exit(() -> {}).isSuccess());
        assertTrue(exit(() -> System.exit(0)).isSuccess());
        assertEquals(new Exited(255), exit(() -> System.exit(-1)));
        assertEquals(new Exited(44), exit(() -> System.exit(300)));
        for (WorkerExit bad : List.of(new Exited(1), new Failed("a.B", null, ""), new Killed(15))) {
            assertFalse(bad.isSuccess());
        }
        assertTrue(new Finished().isSuccess());
    }

    private static WorkerExit exit(Task task) throws InterruptedException {
        Worker worker = Worker.of(task).start();
        assertTrue(worker.join(LONG));
        return worker.exit();
    }

    // ---- where it is

    static final class Fails {
        private Fails() {}

        public static void main(String[] args) throws Exception {
            Worker worker = Worker.builder().stderr(line -> {}).start(() -> {
                throw new IllegalStateException("as expected");
            });
            worker.join();
            System.out.println(worker.exit());
        }
    }

    @Test
    void aFailureIsToldWhereTheTemporaryDirectoryIsMissing() throws Exception {
        Processes.Jvm parent = start(Map.of(), List.of("-Djava.io.tmpdir=" + folder.resolve("missing")), Fails.class);
        assertEquals(0, parent.awaitEnd(), parent.output());
        assertTrue( // the JVM has a warning
                parent.output().endsWith("failed with java.lang.IllegalStateException: as expected"), parent.output());
    }

    /// A file system of its own in which no byte is free, but names are.
    @Test
    void aFailureIsToldWhereTheDirectoryForQueuesIsFull() throws Exception {
        Path full = Files.createDirectory(folder.resolve("full"));
        assumeTrue(run("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", full.toString()), "mounts nothing");
        try {
            run("dd", "if=/dev/zero", "of=" + full.resolve("filler"), "bs=4k", "status=none");
            Processes.Jvm parent = start(
                    Map.of("XDG_RUNTIME_DIR", full.toString()),
                    List.of("-Djava.io.tmpdir=" + Files.createDirectory(folder.resolve("tmp"))),
                    Fails.class);
            assertEquals(0, parent.awaitEnd(), parent.output());
            assertEquals("failed with java.lang.IllegalStateException: as expected", parent.output());
            assertEquals(List.of(), records(folder));
        } finally {
            run("umount", full.toString());
        }
    }

    private static boolean run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor() == 0;
    }

    // ---- nothing is left

    static final class Sleeps {
        private Sleeps() {}

        public static void main(String[] args) throws Exception {
            Worker.of(() -> {
                write(args[0], ProcessHandle.current().pid());
                Thread.sleep(Long.MAX_VALUE);
            }).start();
            Thread.sleep(Long.MAX_VALUE);
        }
    }

    private static void write(String file, Object text) throws IOException {
        Path made = Files.writeString(Path.of(file + ".made"), text.toString());
        Files.move(made, Path.of(file));
    }

    private List<Path> records(Path under) throws IOException {
        try (Stream<Path> files = Files.walk(under)) {
            return files.filter(file -> file.getFileName().toString().startsWith("worker-")).toList();
        }
    }

    private Processes.Jvm start(Map<String, String> environment, List<String> options, Class<?> main,
            String... arguments)
            throws IOException {
        List<String> all = new ArrayList<>(options);
        all.add("-Ddev.procession.startupCache=off");
        return keep(Processes.Jvm.start(folder, environment, all, main, arguments));
    }

    @Test
    void whatAParentAndItsWorkerLeaveThatAreKilledTogetherIsRemovedByTheNextStartAndNothingElse() throws Exception {
        Path runtime = Files.createDirectory(folder.resolve("runtime"));
        Map<String, String> environment = Map.of("XDG_RUNTIME_DIR", runtime.toString());
        Path up = folder.resolve("up");
        Processes.Jvm killed = start(environment, List.of(), Sleeps.class, up.toString());
        long worker = keepProcess(Long.parseLong(Processes.awaitContent(up)));
        Processes.signal("STOP", worker); // so that it cannot notice the end of its parent
        Processes.signal("KILL", killed.process.pid());
        Processes.signal("KILL", worker);
        killed.awaitEnd();
        List<Path> left = records(runtime);
        assertEquals(1, left.size());

        Path also = folder.resolve("also");
        Processes.Jvm living = start(environment, List.of(), Sleeps.class, also.toString());
        keepProcess(Long.parseLong(Processes.awaitContent(also)));
        assertFalse(Files.exists(left.getFirst()));
        List<Path> inUse = records(runtime);
        assertEquals(1, inUse.size());
        Path home = inUse.getFirst().getParent();
        List<Path> foreign = List.of(home.resolve("worker-notes"), home.resolve("worker-1-2-3.txt"));
        for (Path path : foreign) Files.createDirectory(path);
        Path file = Files.createFile(home.resolve("worker-1-2-4"));

        Processes.Jvm third = start(environment, List.of(), Fails.class);
        assertEquals(0, third.awaitEnd(), third.output());
        assertTrue(living.process.isAlive() && Files.exists(inUse.getFirst().resolve("end")), "in use");
        for (Path path : foreign) assertTrue(Files.exists(path), path.toString());
        assertTrue(Files.exists(file));
    }

    static final class OddEnvironment {
        private OddEnvironment() {}

        public static void main(String[] args) {
            String zero = "B\0C";
            for (String[] each : new String[][] {{"A=B", "x"}, {"", "x"}, {"=A", "x"}, {zero, "x"}, {"A", zero}}) {
                try {
                    Worker.builder().environment(each[0], each[1]).start(() -> {});
                    System.out.println("started");
                } catch (IllegalArgumentException e) {
                    System.out.println("refused");
                }
            }
        }
    }

    @Test
    void anEnvironmentThatCannotBeIsRefusedByTheBuilder() throws Exception {
        for (String name : List.of("A=B", "", "=", "A\0")) {
            assertThrows(IllegalArgumentException.class, () -> Worker.builder().environment(name, "x"), name);
        }
        assertThrows(IllegalArgumentException.class, () -> Worker.builder().environment("A", "x\0y"));
        assertThrows(IllegalArgumentException.class, () -> Worker.builder().name("x\0y"));
        assertThrows(IllegalArgumentException.class, () -> Worker.builder().jvmArguments("-Dx=\0"));
        Path runtime = Files.createDirectory(folder.resolve("runtime"));
        Processes.Jvm parent = start(
                Map.of("XDG_RUNTIME_DIR", runtime.toString()),
                List.of("-Djava.io.tmpdir=" + runtime),
                OddEnvironment.class);
        assertEquals(0, parent.awaitEnd());
        assertEquals("refused\n".repeat(5).strip(), parent.output());
        assertEquals(List.of(), records(runtime));
    }

    static final class Hasty {
        private Hasty() {}

        /// Ends as soon as the spare that comes up has made the queue that it practises on.
        public static void main(String[] args) throws Exception {
            Path home = LaneQueue.directory();
            Worker.keepWarm(1);
            while (queuesIn(home).isEmpty() && Worker.spares() == 0) Thread.onSpinWait();
        }
    }

    private static List<Path> queuesIn(Path home) throws IOException {
        try (Stream<Path> all = Files.list(home)) {
            return all.filter(each -> each.getFileName().toString().startsWith("queue-")).toList();
        }
    }

    @Test
    void aSpareThatIsKilledWhileItComesUpLeavesNoQueue() throws Exception {
        Path home = Files.createDirectory(folder.resolve("home"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        for (int i = 0; i < 5; i++) {
            try (Processes.Jvm parent =
                    Processes.Jvm.start(folder, List.of("-Ddev.procession.dir=" + home), Hasty.class)) {
                assertEquals(0, parent.awaitEnd());
            }
            assertEquals(List.of(), queuesIn(home));
        }
    }
}
