package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Worker;
import dev.procession.tests.Keeping;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// What becomes of workers when the process that started them ends: it is another JVM here, so that it can end.
///
/// All of this holds for workers that are made of spare JVMs too, which the long run shows.
@ParameterizedClass(name = "with {0} spares")
@MethodSource("dev.procession.tests.Effort#spares")
class WorkerLifetimeTest extends Keeping {
    @Parameter
    int spares;

    @TempDir
    Path folder;

    private Path temporary;
    @BeforeEach
    void ownTemporaryFolder() throws IOException {
        temporary = Files.createDirectory(folder.resolve("tmp"));
    }

    private Processes.Jvm start(Class<?> main, String... arguments) throws IOException {
        List<String> options = List.of(
                "-Djava.io.tmpdir=" + temporary, "-Ddev.procession.startupCache=off", "-Dtest.spares=" + spares);
        Map<String, String> environment = Map.of("XDG_RUNTIME_DIR", temporary.toString());
        return keep(Processes.Jvm.start(folder, environment, options, main, arguments));
    }

    private long awaitWorker(String name) throws Exception {
        return keepProcess(Long.parseLong(Processes.awaitContent(folder.resolve(name))));
    }

    /// Workers that say that they are up, then wait until a file tells them to go on, and say that they are done.
    static final class Starter {
        private Starter() {}

        /// @param args the folder; how the main thread ends; for each worker `daemon` or `normal`
        public static void main(String[] args) throws Exception {
            String folder = args[0];
            Processes.keepWarm();
            for (int n = 0; n + 2 < args.length; n++) {
                int id = n;
                Worker.builder().daemon(args[n + 2].equals("daemon")).start(() -> work(folder, id));
            }
            for (int n = 0; n + 2 < args.length; n++) {
                Processes.awaitContent(Path.of(folder, "up-" + n));
            }
            switch (args[1]) {
                case "return" -> {
                    return;
                }
                case "exit" -> System.exit(3);
                case "throw" -> throw new IllegalStateException("main fails");
                default -> Thread.sleep(Long.MAX_VALUE);
            }
        }

        private static void work(String folder, int id) throws Exception {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> write(Path.of(folder, "hook-" + id), "ran")));
            write(Path.of(folder, "up-" + id), "" + ProcessHandle.current().pid());
            Processes.await("go", () -> Files.exists(Path.of(folder, "go")));
            System.out.println("worker " + id + " is done");
            write(Path.of(folder, "done-" + id), "done");
        }
    }

    private static void write(Path file, String text) {
        try {
            Path made = Files.writeString(file.resolveSibling(file.getFileName() + ".made"), text);
            Files.move(made, file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void nothingIsLeftInTheTemporaryFolder() throws Exception {
        Processes.await("what queues and workers kept there is gone", () -> {
            try (Stream<Path> files = Files.walk(temporary)) {
                return files.noneMatch(file -> file.getFileName().toString().matches("(queue|worker)-.*"));
            }
        });
    }

    /// The end of main is not yet the end of the process, so its status is not yet 0.
    @RepeatedTest(4) // on the old code half of them failed
    void aSignalWhileAWorkerIsWaitedForAfterMainIsTheStatus() throws Exception {
        Processes.Jvm parent = start(Starter.class, folder.toString(), "return", "normal");
        awaitWorker("up-0");
        Processes.await("main has returned", () -> hasReturned(parent));
        Processes.signal("TERM", parent.process.pid());
        assertEquals(143, parent.awaitEnd());
    }

    private static boolean hasReturned(Processes.Jvm parent) throws Exception {
        Process stacks = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(parent.process.pid()),
                "Thread.print").start();
        String text = new String(stacks.getInputStream().readAllBytes());
        return text.contains("\"DestroyJavaVM\"");
    }

    // ---- the parent is killed

    @Test
    void aDaemonEndsWhenItsParentIsKilled() throws Exception {
        Processes.Jvm parent = start(Starter.class, folder.toString(), "sleep", "daemon", "daemon");
        long one = awaitWorker("up-0");
        long two = awaitWorker("up-1");
        assertTrue(Processes.runs(one) && Processes.runs(two));
        Processes.signal("KILL", parent.process.pid());
        Processes.await("the daemons have ended", () -> !Processes.runs(one) && !Processes.runs(two));
        assertFalse(Files.exists(folder.resolve("hook-0")), "a daemon ends at once");
        nothingIsLeftInTheTemporaryFolder();
    }

    @Test
    void anyOtherWorkerOutlivesAParentThatIsKilled() throws Exception {
        Processes.Jvm parent = start(Starter.class, folder.toString(), "sleep", "normal", "daemon");
        long normal = awaitWorker("up-0");
        long daemon = awaitWorker("up-1");
        Processes.signal("KILL", parent.process.pid());
        Processes.await("the daemon has ended", () -> !Processes.runs(daemon));
        assertTrue(Processes.runs(normal));
        Files.createFile(folder.resolve("go"));
        assertEquals("done", Processes.awaitContent(folder.resolve("done-0"))); // although nobody reads its output
        Processes.await("the worker has ended", () -> !Processes.runs(normal));
        nothingIsLeftInTheTemporaryFolder();
    }

    static final class DaemonOfADaemon {
        private DaemonOfADaemon() {}

        public static void main(String[] args) throws Exception {
            String folder = args[0];
            Processes.keepWarm();
            Worker.builder()
                    .daemon(true)
                    .start(() -> {
                        Processes.keepWarm();
                        Worker.builder()
                                .daemon(true)
                                .start(() -> {
                                    write(Path.of(folder, "up-inner"), "" + ProcessHandle.current().pid());
                                    Thread.sleep(Long.MAX_VALUE);
                                });
                        Thread.sleep(Long.MAX_VALUE);
                    })
                    .join();
        }
    }

    @Test
    void theDaemonsOfADaemonEndToo() throws Exception {
        Processes.Jvm parent = start(DaemonOfADaemon.class, folder.toString());
        long inner = awaitWorker("up-inner");
        Processes.signal("KILL", parent.process.pid());
        Processes.await("the inner daemon has ended", () -> !Processes.runs(inner));
    }

    // ---- the parent ends in an orderly way

    private void theWorkerIsWaitedFor(String how, int status) throws Exception {
        Processes.Jvm parent = start(Starter.class, folder.toString(), how, "normal", "daemon");
        long normal = awaitWorker("up-0");
        long daemon = awaitWorker("up-1");
        Thread.sleep(200); // for a parent that would not wait to end
        assertTrue(parent.process.isAlive());
        assertTrue(Processes.runs(normal) && Processes.runs(daemon));
        Files.createFile(folder.resolve("go"));
        assertEquals(status, parent.awaitEnd());
        assertFalse(Processes.runs(normal) || Processes.runs(daemon), "no worker outlives the parent");
        assertTrue(parent.output().contains("worker 0 is done"), parent.output());
        nothingIsLeftInTheTemporaryFolder();
    }

    @Test
    void aWorkerIsWaitedForWhenMainReturns() throws Exception {
        theWorkerIsWaitedFor("return", 0);
    }

    @Test
    void aWorkerIsWaitedForAtSystemExit() throws Exception {
        theWorkerIsWaitedFor("exit", 3);
    }

    @Test
    void aWorkerIsWaitedForWhenMainThrows() throws Exception {
        theWorkerIsWaitedFor("throw", 1);
    }

    @Test
    void daemonsAreNotWaitedFor() throws Exception {
        Processes.Jvm parent = start(Starter.class, folder.toString(), "return", "daemon");
        long daemon = awaitWorker("up-0");
        assertEquals(0, parent.awaitEnd());
        assertFalse(Processes.runs(daemon));
        assertFalse(Files.exists(folder.resolve("done-0")));
        nothingIsLeftInTheTemporaryFolder();
    }

    @Test
    void aSignalThatEndsTheParentEndsItsWorkers() throws Exception {
        Processes.Jvm parent = start(Starter.class, folder.toString(), "sleep", "normal", "normal");
        long one = awaitWorker("up-0");
        long two = awaitWorker("up-1");
        Processes.signal("TERM", parent.process.pid());
        assertEquals(143, parent.awaitEnd());
        assertFalse(Processes.runs(one) || Processes.runs(two));
        assertEquals("ran", Processes.awaitContent(folder.resolve("hook-0")));
        assertEquals("ran", Processes.awaitContent(folder.resolve("hook-1")));
        nothingIsLeftInTheTemporaryFolder();
    }

    static final class JoinAndHalt {
        private JoinAndHalt() {}

        public static void main(String[] args) throws Exception {
            Processes.keepWarm();
            Worker worker = Worker.of(() -> {
                for (int i = 0; i < 20_000; i++) {
                    System.out.println("line " + i);
                }
                System.out.print("last");
            }).start();
            worker.join();
            Runtime.getRuntime().halt(0);
        }
    }

    @Test
    void afterJoinAllOutputHasLeftTheParentToo() throws Exception {
        Processes.Jvm parent = start(JoinAndHalt.class);
        assertEquals(0, parent.awaitEnd());
        String output = parent.output();
        assertTrue(output.endsWith("line 19999\nlast"), output.substring(Math.max(0, output.length() - 100)));
        assertEquals(20_001, output.lines().count());
    }

    static final class StarterInAHook {
        private StarterInAHook() {}

        public static void main(String[] args) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                try {
                    Worker.of(() -> {}).start();
                    System.out.println("started");
                } catch (IllegalStateException e) {
                    System.out.println("refused");
                }
            }));
        }
    }

    @Test
    void aProcessThatEndsStartsItsFirstWorkerNoMore() throws Exception {
        Processes.Jvm parent = start(StarterInAHook.class);
        assertEquals(0, parent.awaitEnd());
        assertEquals("refused", parent.output());
        nothingIsLeftInTheTemporaryFolder();
    }
}
