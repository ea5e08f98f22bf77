package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.WorkerExit;
import dev.procession.WorkerExit.Exited;
import dev.procession.WorkerExit.Failed;
import dev.procession.WorkerExit.Finished;
import dev.procession.WorkerExit.Killed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// All of this holds for workers that are made of spare JVMs too, which the long run shows.
@ParameterizedClass(name = "with {0} spares")
@MethodSource("dev.procession.tests.Effort#spares")
class WorkerExitTest {
    @Parameter
    int spares;

    @BeforeEach
    void keepSpares() throws Exception {
        Processes.keepWarm(spares);
    }

    @AfterAll
    static void endSpares() {
        Worker.keepWarm(0);
    }

    @TempDir
    Path folder;

    private final List<String> errors = Collections.synchronizedList(new ArrayList<>());

    // ---- by itself

    @Test
    void aTaskThatReturnsHasFinished() throws Exception {
        Worker worker = run(() -> {});
        assertEquals(new Finished(), worker.exit());
        assertEquals(OptionalInt.of(0), worker.exitCode());
    }

    @Test
    void anExceptionFailsTheWorkerAndPrintsAsAThreadsWould() throws Exception {
        Worker worker = Worker.builder().name("unlucky").stderr(errors::add).start(() -> {
            throw new IllegalStateException("größer than\nlife", new java.io.IOException("the cause"));
        });
        worker.join();
        Failed failed = assertInstanceOf(Failed.class, worker.exit());
        assertEquals("java.lang.IllegalStateException", failed.exceptionClass());
        assertEquals("größer than\nlife", failed.message());
        assertTrue(failed.stackTrace().contains("at " + WorkerExitTest.class.getName()), failed.stackTrace());
        assertTrue(failed.stackTrace().contains("Caused by: java.io.IOException: the cause"), failed.stackTrace());
        assertEquals(OptionalInt.of(1), worker.exitCode());
        assertEquals("Exception in worker \"unlucky\" java.lang.IllegalStateException: größer than", errors.getFirst());
        assertEquals("Exception in worker \"unlucky\" " + failed.stackTrace().strip(), String.join("\n", errors));
    }

    @Test
    void anErrorWithoutAMessageFailsTheWorkerToo() throws Exception {
        Worker worker = run(() -> {
            throw new StackOverflowError();
        });
        Failed failed = assertInstanceOf(Failed.class, worker.exit());
        assertEquals("java.lang.StackOverflowError", failed.exceptionClass());
        assertNull(failed.message());
    }

    @Test
    void aVeryLongMessageArrivesWhole() throws Exception {
        Worker worker = run(() -> {
            throw new RuntimeException("ü".repeat(300_000));
        });
        assertEquals("ü".repeat(300_000), assertInstanceOf(Failed.class, worker.exit()).message());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 77, 128, 129, 130, 137, 143, 200, 255})
    void systemExitIsToldFromASignalWhateverTheCode(int code) throws Exception {
        Worker worker = run(() -> System.exit(code));
        assertEquals(new Exited(code), worker.exit());
        assertEquals(OptionalInt.of(code), worker.exitCode());
    }

    @Test
    void haltIsAnExit() throws Exception {
        assertEquals(new Exited(3), run(() -> Runtime.getRuntime().halt(3)).exit());
    }

    @Test
    void anOptionThatTheJvmDoesNotKnowIsAnExit() throws Exception {
        List<String> output = Collections.synchronizedList(new ArrayList<>());
        Worker worker = Worker.builder()
                .jvmArguments("-XX:+NoSuchOption")
                .stdout(output::add)
                .stderr(output::add)
                .start(() -> {});
        worker.join();
        assertEquals(new Exited(1), worker.exit());
        assertTrue(output.toString().contains("NoSuchOption"), output.toString());
    }

    @Test
    void aWorkerEndsWhenItsLastNonDaemonThreadDoes() throws Exception {
        String file = folder.resolve("late").toString();
        assertEquals(new Finished(), run(() -> leaveAThread(file)).exit());
        assertTrue(Files.exists(Path.of(file)));
    }

    @Test
    void aFailedWorkerEndsWhenItsLastNonDaemonThreadDoes() throws Exception {
        String file = folder.resolve("late").toString();
        Worker worker = run(() -> {
            leaveAThread(file);
            throw new IllegalStateException("early");
        });
        assertEquals("early", assertInstanceOf(Failed.class, worker.exit()).message());
        assertTrue(Files.exists(Path.of(file)));
    }

    private static void leaveAThread(String file) {
        new Thread(() -> {
            try {
                Thread.sleep(300);
                Files.createFile(Path.of(file));
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }).start();
    }

    @Test
    void anExitByAnotherThreadAfterTheTaskHasReturnedCounts() throws Exception {
        assertEquals(
                new Exited(5),
                run(() -> new Thread(() -> System.exit(5)).start()).exit());
    }

    // ---- by a signal

    @ParameterizedTest
    @CsvSource({"HUP, 1", "INT, 2", "TERM, 15"})
    void aSignalThatEndsTheJvmInAnOrderlyWayIsTold(String name, int number) throws Exception {
        assumeFalse(Processes.isIgnored(number), "SIG" + name + " is ignored by whoever started the tests");
        String up = folder.resolve("up").toString();
        String hook = folder.resolve("hook").toString();
        Worker worker = Worker.of(() -> {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> write(hook, "ran")));
            write(up, "up");
            Thread.sleep(Long.MAX_VALUE);
        }).start();
        Processes.awaitContent(Path.of(up));
        Processes.signal(name, worker.pid());
        worker.join();
        assertEquals(new Killed(number), worker.exit());
        assertEquals(OptionalInt.of(-number), worker.exitCode());
        assertEquals("ran", Files.readString(Path.of(hook)));
    }

    @Test
    void terminateIsSigtermAndRunsShutdownHooks() throws Exception {
        String up = folder.resolve("up").toString();
        String hook = folder.resolve("hook").toString();
        Worker worker = Worker.of(() -> {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> write(hook, "ran")));
            write(up, "up");
            Thread.sleep(Long.MAX_VALUE);
        }).start();
        Processes.awaitContent(Path.of(up));
        worker.terminate();
        worker.join();
        assertEquals(new Killed(15), worker.exit());
        assertEquals("ran", Files.readString(Path.of(hook)));
    }

    @Test
    void killIsSigkill() throws Exception {
        String up = folder.resolve("up").toString();
        Worker worker = Worker.of(() -> {
            write(up, "up");
            Thread.sleep(Long.MAX_VALUE);
        }).start();
        Processes.awaitContent(Path.of(up));
        worker.kill();
        worker.join();
        assertEquals(new Killed(9), worker.exit());
    }

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "KILL", "ABRT", "USR1"})
    void aSignalIsToldEvenIfTheJvmIsNotUpYet(String name) throws Exception {
        Worker worker = Worker.of(() -> Thread.sleep(Long.MAX_VALUE)).start();
        Processes.signal(name, worker.pid());
        worker.join();
        assertInstanceOf(Killed.class, worker.exit());
    }

    @Test
    void aKillDuringTheShutdownHooksIsTold() throws Exception {
        String up = folder.resolve("up").toString();
        Worker worker = Worker.of(() -> {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                write(up, "in the hook");
                while (true) {
                    Thread.onSpinWait();
                }
            }));
            System.exit(0);
        }).start();
        Processes.awaitContent(Path.of(up));
        Processes.signal("KILL", worker.pid());
        worker.join();
        assertEquals(new Killed(9), worker.exit());
    }

    @Test
    void anExitThatIsFollowedByASignalIsStillAnExit() throws Exception {
        String up = folder.resolve("up").toString();
        String go = folder.resolve("go").toString();
        Worker worker = Worker.of(() -> {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                write(up, "in the hook");
                while (!Files.exists(Path.of(go))) {
                    Thread.onSpinWait();
                }
            }));
            System.exit(143);
        }).start();
        Processes.awaitContent(Path.of(up));
        worker.terminate();
        Thread.sleep(50);
        write(go, "go");
        worker.join();
        assertEquals(new Exited(143), worker.exit());
    }

    @Test
    void exitsReadWell() {
        assertEquals("finished", new Finished().toString());
        assertEquals("failed with a.B: c", new Failed("a.B", "c", "").toString());
        assertEquals("exited with code 143", new Exited(143).toString());
        assertEquals("killed by signal 15 (SIGTERM)", new Killed(15).toString());
        WorkerExit exit = new Killed(9);
        String how =
                switch (exit) {
                    case Finished() -> "finished";
                    case Failed(String type, String message, String stack) -> type;
                    case Exited(int code) -> "exit " + code;
                    case Killed(int signal) -> "signal " + signal;
                };
        assertEquals("signal 9", how);
    }

    // ----

    private static void write(String file, String text) {
        try {
            Path made = Files.writeString(Path.of(file + ".made"), text);
            Files.move(made, Path.of(file));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private Worker run(Task task) throws InterruptedException {
        Worker worker = Worker.builder().stderr(errors::add).start(task);
        worker.join();
        return worker;
    }
}
