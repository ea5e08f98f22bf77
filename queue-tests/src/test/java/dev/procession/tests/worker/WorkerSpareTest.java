package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.WorkerExit;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The spare JVMs that [Worker#keepWarm(int)] keeps. That workers made of them are like all others is shown by the
/// tests of workers, which run with and without.
@Tag("long")
class WorkerSpareTest {
    @TempDir
    Path folder;

    @AfterEach
    void endSpares() throws Exception {
        Worker.keepWarm(0);
        Processes.await("no spare is left", () -> Processes.spares().isEmpty());
    }

    // ---- who gets one

    @Test
    void aWorkerIsMadeOfASpareAndAnotherOneTakesItsPlace() throws Exception {
        Processes.keepWarm(1);
        Set<Long> used = new HashSet<>();
        for (int i = 0; i < 3; i++) {
            Set<Long> spares = Processes.spares();
            Worker worker = Worker.of(() -> {}).start();
            assertEquals(Set.of(worker.pid()), spares);
            worker.join();
            assertEquals(new WorkerExit.Finished(), worker.exit());
            assertTrue(used.add(worker.pid()), "a new process each time");
            Processes.await("there is a spare again", () -> Worker.spares() == 1);
        }
    }

    @Test
    void workersThatStartAtOnceEachHaveAProcessOfTheirOwn() throws Exception {
        Processes.keepWarm(2);
        Set<Long> spares = Processes.spares();
        assertEquals(2, spares.size());
        int number = 6;
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64())) {
            CountDownLatch start = new CountDownLatch(1);
            List<FutureTask<Worker>> starting = new ArrayList<>();
            for (int n = 0; n < number; n++) {
                FutureTask<Worker> one = new FutureTask<>(() -> {
                    start.await();
                    return Worker.of(() -> queue.put(ProcessHandle.current().pid())).start();
                });
                starting.add(one);
                Thread.ofPlatform().daemon().start(one);
            }
            start.countDown();
            Set<Long> pids = new HashSet<>();
            for (Future<Worker> each : starting) {
                Worker worker = each.get(1, TimeUnit.MINUTES);
                worker.join();
                assertEquals(new WorkerExit.Finished(), worker.exit());
                assertTrue(pids.add(worker.pid()));
            }
            assertTrue(pids.containsAll(spares), "both spares were used");
            Set<Long> put = new HashSet<>();
            for (int n = 0; n < number; n++) {
                put.add(queue.get(Duration.ZERO));
            }
            assertEquals(pids, put);
            assertTrue(queue.isEmpty());
        }
    }

    @Test
    void aWorkerWhoseJvmIsNotLikeASpareHasItsOwn() throws Exception {
        Processes.keepWarm(1);
        Set<Long> spares = Processes.spares();
        for (Worker.Builder builder : List.of(
                Worker.builder().jvmArguments("-Dtest.key=value"),
                Worker.builder().environment("PROCESSION_TEST", "value"),
                Worker.builder().stdout(Redirect.DISCARD),
                Worker.builder().stderr(Redirect.to(folder.resolve("errors").toFile())))) {
            Worker worker = builder.start(() -> {});
            assertFalse(spares.contains(worker.pid()));
            worker.join();
            assertEquals(new WorkerExit.Finished(), worker.exit());
        }
        assertEquals(spares, Processes.spares());
    }

    static final class Count {
        static int runs;

        private Count() {}
    }

    @Test
    void eachTaskFindsTheStaticStateOfANewProcess() throws Exception {
        Processes.keepWarm(2);
        Count.runs = 100;
        for (int i = 0; i < 4; i++) {
            Worker worker = Worker.of(() -> System.exit(Count.runs++ == 0 ? 42 : 43)).start();
            worker.join();
            assertEquals(new WorkerExit.Exited(42), worker.exit());
        }
    }

    @Test
    void aWorkerMadeOfASpareMayKeepSparesItself() throws Exception {
        Processes.keepWarm(1);
        Worker worker = Worker.of(() -> {
            Processes.keepWarm(1);
            Set<Long> spares = Processes.spares();
            Worker inner = Worker.of(() -> {}).start();
            inner.join();
            if (!spares.equals(Set.of(inner.pid())) || !inner.name().endsWith(":1")) {
                throw new IllegalStateException(inner + " was not made of " + spares);
            }
        }).start();
        worker.join();
        assertEquals(new WorkerExit.Finished(), worker.exit());
    }

    // ---- what may have happened to it

    @ParameterizedTest
    @ValueSource(strings = {"KILL", "TERM", "STOP"})
    void aSpareThatWasKilledOrStoppedIsNotUsed(String signal) throws Exception {
        Processes.keepWarm(2);
        Set<Long> spares = Processes.spares();
        for (long pid : spares) {
            Processes.signal(signal, pid);
        }
        Processes.await("it is seen", () -> Worker.spares() == 0);
        Worker worker = Worker.of(() -> System.exit(7)).start();
        assertFalse(spares.contains(worker.pid()));
        worker.join();
        assertEquals(new WorkerExit.Exited(7), worker.exit());
        Processes.await("two others are ready", () -> Worker.spares() == 2);
        assertTrue(spares.stream().noneMatch(Processes.spares()::contains));
        Processes.await("the old ones are gone", () -> Stream.of(spares.toArray(Long[]::new)).noneMatch(this::runs));
    }

    private boolean runs(long pid) {
        try {
            return Processes.runs(pid);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /// Spares are killed while workers are started: those may be killed too, but each of them ends.
    @Test
    void whoAsksForSparesAgainGetsOthersForThoseThatWereKilled() throws Exception {
        Processes.keepWarm(2);
        Set<Long> killed = Processes.spares();
        for (long pid : killed) ProcessHandle.of(pid).orElseThrow().destroyForcibly();
        Processes.await("they are gone", () -> Worker.spares() == 0);
        Worker.keepWarm(2);
        Processes.await("there are others", () -> Worker.spares() == 2);
    }

    @Test
    void sparesComeBackHoweverSoonTheyAreWantedAgain() throws Exception {
        for (int i = 0; i < 20; i++) {
            Worker.keepWarm(1);
            if (i % 2 == 0) Thread.sleep(i);
            Worker.keepWarm(0);
        }
        Worker.keepWarm(1);
        Processes.await("there is one", () -> Worker.spares() == 1);
    }

    @Test
    void aSpareThatIsKilledAsItIsTakenDoesNoHarm() throws Exception {
        for (int i = 0; i < 10; i++) {
            Processes.keepWarm(1);
            long spare = Processes.spares().iterator().next();
            FutureTask<Boolean> killing = new FutureTask<>(
                    () -> ProcessHandle.of(spare).map(ProcessHandle::destroyForcibly).orElse(false));
            Thread.ofPlatform().daemon().start(killing);
            Worker worker = Worker.of(() -> {}).start();
            assertTrue(worker.join(Duration.ofMinutes(1)));
            killing.get(1, TimeUnit.MINUTES);
            WorkerExit expected =
                    worker.exit().code() == -9 && worker.pid() == spare
                            ? new WorkerExit.Killed(9)
                            : new WorkerExit.Finished();
            assertEquals(expected, worker.exit());
        }
    }

    // ---- how many there are

    @Test
    void asManySparesAreKeptAsWereAskedForLast() throws Exception {
        assertEquals(0, Worker.spares());
        assertThrows(IllegalArgumentException.class, () -> Worker.keepWarm(-1));
        Processes.keepWarm(3);
        Set<Long> three = Processes.spares();
        assertEquals(3, three.size());
        Processes.keepWarm(1);
        Processes.await("two have ended", () -> Processes.spares().size() == 1);
        assertTrue(three.containsAll(Processes.spares()));
        Worker.keepWarm(9);
        Worker.keepWarm(0); // while some are being made
        Processes.await("all have ended", () -> Processes.spares().isEmpty());
        assertEquals(0, Worker.spares());
        assertEquals(List.of(), Worker.active(), "a spare is no worker");
    }

    // ---- the end of the process

    static final class Keeper {
        private Keeper() {}

        /// @param args how many spares; `ready` or `making`; how the process ends
        public static void main(String[] args) throws Exception {
            Worker.keepWarm(Integer.parseInt(args[0]));
            int some = args[1].equals("ready") ? Integer.parseInt(args[0]) : 1;
            Processes.await("spares are ready", () -> Worker.spares() >= some);
            System.out.println(Processes.spares().stream().map(String::valueOf).collect(Collectors.joining(" ")));
            switch (args[2]) {
                case "return" -> {
                    return;
                }
                case "exit" -> System.exit(3);
                case "halt" -> Runtime.getRuntime().halt(4);
                default -> Thread.sleep(Long.MAX_VALUE);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"return", "exit", "TERM"})
    void noSpareIsLeftWhenTheProcessHasEnded(String how) throws Exception {
        for (String state : List.of("ready", "making")) {
            List<Long> spares;
            try (Processes.Jvm parent = Processes.Jvm.start(folder, Keeper.class, "3", state, how)) {
                spares = awaitSpares(parent);
                if (how.equals("TERM")) {
                    Processes.signal(how, parent.process.pid());
                }
                parent.awaitEnd();
            }
            for (long pid : spares) {
                assertFalse(Processes.runs(pid));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"halt", "KILL"})
    void sparesEndWhenTheProcessIsStoppedDead(String how) throws Exception {
        for (String state : List.of("ready", "making")) {
            List<Long> spares;
            try (Processes.Jvm parent = Processes.Jvm.start(folder, Keeper.class, "3", state, how)) {
                spares = awaitSpares(parent);
                if (how.equals("KILL")) {
                    Processes.signal(how, parent.process.pid());
                }
                parent.awaitEnd();
            }
            Processes.await("the spares have ended", () -> spares.stream().noneMatch(this::runs));
        }
    }

    private static List<Long> awaitSpares(Processes.Jvm parent) throws Exception {
        Processes.await("the parent has printed its spares", () -> !parent.output().isEmpty());
        return Stream.of(parent.output().split(" ")).map(Long::valueOf).toList();
    }
}
