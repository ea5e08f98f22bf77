package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Call;
import dev.procession.WorkerPool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Tasks of a pool that are cancelled, or run for too long.
class PoolCancelTest {
    private static final String GRACE = "dev.procession.grace";

    @TempDir
    Path folder;

    private String file(String name) {
        return folder.resolve(name).toString();
    }

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    /// Stops for an interrupt only.
    private static String sleep(String file) {
        Patience.note(file, "" + pid());
        try {
            Thread.sleep(600_000);
            return "slept";
        } catch (InterruptedException e) {
            return "interrupted";
        }
    }

    /// Stops for nothing.
    private static int spin(String file) {
        Patience.note(file, "" + pid());
        while (true) Thread.onSpinWait();
    }

    private static WorkerPool withShortGrace(WorkerPool.Builder builder) {
        String before = System.getProperty(GRACE);
        System.setProperty(GRACE, "0.3");
        try {
            return builder.build();
        } finally {
            if (before == null) System.clearProperty(GRACE);
            else System.setProperty(GRACE, before);
        }
    }

    @Test
    void aTaskThatWaitsNeverStartsAfterItWasCancelled() throws Exception {
        String started = file("started");
        try (WorkerPool pool = WorkerPool.of(1)) {
            String gate = file("gate");
            Future<?> first = pool.submit(() -> {
                Patience.note(started, "first");
                Patience.await("gate", () -> !Patience.notes(gate).isEmpty());
                return null;
            });
            Patience.await("the first one runs", () -> !Patience.notes(started).isEmpty());
            List<Future<?>> rest = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                int n = i;
                rest.add(pool.submit(() -> Patience.note(started, "" + n)));
            }
            for (int i = 0; i < 50; i += 2) assertTrue(rest.get(i).cancel(i % 4 == 0));
            Patience.note(gate, "open");
            Patience.get(first);
            for (int i = 0; i < 50; i++) {
                Future<?> each = rest.get(i);
                if (i % 2 == 0) assertThrows(CancellationException.class, each::get);
                else Patience.get(each);
                assertFalse(each.cancel(true));
            }
            List<String> expected = new ArrayList<>(List.of("first"));
            for (int i = 1; i < 50; i += 2) expected.add("" + i);
            assertEquals(expected, Patience.notes(started));
        }
    }

    /// The worker has much to hear, and the last of it is about the task that it is lent next.
    @Test
    void aTaskThatIsNextNeverStartsAfterItWasCancelled() throws Exception {
        String started = file("started");
        Path gate = folder.resolve("gate");
        String opened = gate.toString();
        try (WorkerPool pool = WorkerPool.of(1)) {
            Future<?> first = pool.submit(() -> {
                Patience.note(started, "first");
                while (!Files.exists(Path.of(opened))) Thread.onSpinWait();
            });
            Patience.await("the first one runs", () -> !Patience.notes(started).isEmpty());
            List<Future<?>> rest = new ArrayList<>();
            for (int i = 0; i < 10_000; i++) {
                int n = i;
                rest.add(pool.submit(() -> Patience.note(started, "" + n)));
            }
            for (Future<?> each : rest.reversed()) each.cancel(false);
            Files.createFile(gate);
            Patience.get(first);
            Patience.get(pool.submit(() -> Patience.note(started, "last")));
            assertEquals(2, Patience.notes(started).size());
        }
    }

    @Test
    void aTaskThatWasCancelledDoesNotStartOnAWorkerThatComesLater() throws Exception {
        String started = file("started");
        try (WorkerPool pool = WorkerPool.of(1)) {
            Future<?> killed = pool.submit(() -> {
                Patience.note(started, "" + pid());
                if (Patience.notes(started).size() == 1) Thread.sleep(600_000);
                return null;
            });
            Future<?> cancelled = pool.submit(() -> Patience.note(started, "cancelled"));
            Patience.await("it runs", () -> !Patience.notes(started).isEmpty());
            assertTrue(cancelled.cancel(false));
            ProcessHandle.of(Long.parseLong(Patience.notes(started).getFirst())).orElseThrow().destroyForcibly();
            Patience.get(killed);
            assertEquals(3, Patience.get(pool.submit(() -> 3)));
            assertEquals(2, Patience.notes(started).size());
        }
    }

    @Test
    void aTaskThatRunsIsInterruptedIfThatIsWanted() throws Exception {
        String started = file("started");
        String ended = file("ended");
        try (WorkerPool pool = WorkerPool.of(1)) {
            Future<?> running = pool.submit(() -> Patience.note(ended, sleep(started)));
            Patience.await("it runs", () -> !Patience.notes(started).isEmpty());
            assertTrue(running.cancel(true));
            long next = Patience.get(pool.submit(PoolCancelTest::pid));
            assertEquals(List.of("interrupted"), Patience.notes(ended));
            assertEquals(List.of("" + next), Patience.notes(started));
        }
    }

    @Test
    void aTaskThatRunsIsNotInterruptedIfThatIsNotWanted() throws Exception {
        String started = file("started");
        String gate = file("gate");
        String ended = file("ended");
        try (WorkerPool pool = WorkerPool.of(1)) {
            Future<?> running = pool.submit(() -> {
                Patience.note(started, "runs");
                Patience.await("gate", () -> !Patience.notes(gate).isEmpty());
                Patience.note(ended, "" + Thread.currentThread().isInterrupted());
                return null;
            });
            Patience.await("it runs", () -> !Patience.notes(started).isEmpty());
            assertTrue(running.cancel(false));
            assertTrue(running.isCancelled());
            Future<Integer> next = pool.submit(() -> 1);
            Patience.note(gate, "open");
            Patience.get(next);
            assertEquals(List.of("false"), Patience.notes(ended));
        }
    }

    /// However a cancellation and the start of a task fall together, a task that has started is interrupted, and no
    /// other task is.
    @Test
    void eachTaskThatHasStartedIsInterruptedAndNoOther() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String started = file("started");
        try (WorkerPool pool = WorkerPool.of(2)) {
            Set<Long> before = new TreeSet<>();
            while (before.size() < 2) before.add(Patience.get(pool.submit(PoolCancelTest::pid)));
            for (int i = 0; i < 300; i++) {
                Future<String> victim = pool.submit(() -> sleep(started));
                Call<Boolean> wasInterrupted = () -> {
                    Thread.sleep(1);
                    return Thread.interrupted();
                };
                Future<Boolean> next = pool.submit(wasInterrupted);
                long until = System.nanoTime() + random.nextInt(300_000);
                while (System.nanoTime() < until) Thread.onSpinWait();
                assertTrue(victim.cancel(true), "seed " + seed);
                assertFalse(Patience.get(next), "seed " + seed);
            }
            Set<Long> after = new TreeSet<>();
            Patience.await("both are free, seed " + seed, () -> {
                after.add(Patience.get(pool.submit(PoolCancelTest::pid)));
                return after.size() == 2;
            });
            assertEquals(before, after);
            assertFalse(Patience.notes(started).isEmpty());
        }
    }

    @Test
    void aWorkerWhoseTaskDoesNotListenIsKilledAndOthersGoOn() throws Exception {
        String started = file("started");
        try (WorkerPool pool = withShortGrace(WorkerPool.builder().size(2))) {
            Future<Integer> deaf = pool.submit(() -> spin(started));
            Patience.await("it runs", () -> !Patience.notes(started).isEmpty());
            Future<Integer> other = pool.submit(() -> {
                Thread.sleep(600);
                return 2;
            });
            assertTrue(deaf.cancel(true));
            long pid = Long.parseLong(Patience.notes(started).getFirst());
            Patience.await("it is killed", () -> ProcessHandle.of(pid).isEmpty());
            assertEquals(2, Patience.get(other));
            Set<Long> pids = new TreeSet<>();
            Patience.await("there are two again", () -> {
                pids.add(Patience.get(pool.submit(PoolCancelTest::pid)));
                return pids.size() == 2;
            });
            assertFalse(pids.contains(pid));
            assertEquals(1, Patience.notes(started).size());
        }
    }

    @Test
    void aTaskThatRunsForTooLongFailsAndIsInterrupted() throws Exception {
        String started = file("started");
        try (WorkerPool pool = WorkerPool.builder().size(1).timeLimit(Duration.ofMillis(1500)).build()) {
            for (int i = 0; i < 2; i++) {
                TimeoutException over = assertInstanceOf(TimeoutException.class,
                        Patience.failure(pool.submit(() -> sleep(started))));
                assertTrue(over.getMessage().contains("PT1.5S"), over.getMessage());
                assertEquals(2, Patience.get(pool.submit(() -> 2)));
            }
            assertEquals(2, Patience.notes(started).size());
            assertEquals(1, Set.copyOf(Patience.notes(started)).size());
        }
    }

    /// Some of them between the lease of a task and its start.
    @Test
    void workersThatAreStoppedHoldNoTasksForLongerThanTheTimeLimit() throws Exception {
        var builder = WorkerPool.builder().size(2).timeLimit(Duration.ofSeconds(1));
        try (WorkerPool pool = withShortGrace(builder)) {
            for (int round = 0; round < 5; round++) {
                long worker = Patience.get(pool.submit(PoolCancelTest::pid));
                List<Future<Integer>> quick = new ArrayList<>();
                for (int i = 0; i < 3_000; i++) quick.add(pool.submit(() -> 1)); // so both are busy
                Process stop = new ProcessBuilder("kill", "-STOP", "" + worker).start();
                while (stop.isAlive()) quick.add(pool.submit(() -> 1));
                for (Future<Integer> each : quick) {
                    try {
                        assertEquals(1, Patience.get(each));
                    } catch (ExecutionException e) { // it was stopped in this one
                        assertInstanceOf(TimeoutException.class, e.getCause());
                    }
                }
                ProcessHandle.of(worker).ifPresent(ProcessHandle::destroyForcibly);
            }
        }
    }

    @Test
    void theTimeLimitIsAlsoForATaskThatWasCancelledWithoutAnInterrupt() throws Exception {
        String file = file("runs");
        var builder = WorkerPool.builder().size(1).timeLimit(Duration.ofMillis(1500));
        try (WorkerPool pool = withShortGrace(builder)) {
            var spins = pool.submit(() -> spin(file));
            Patience.await("it runs", () -> !Patience.notes(file).isEmpty());
            assertTrue(spins.cancel(false));
            assertEquals(1, Patience.get(pool.submit(() -> 1)));
        }
    }

    @Test
    void aTaskThatDoesNotEndAtItsTimeLimitLosesItsWorker() throws Exception {
        String started = file("started");
        var builder = WorkerPool.builder().size(1).timeLimit(Duration.ofMillis(1500));
        try (WorkerPool pool = withShortGrace(builder)) {
            assertInstanceOf(TimeoutException.class, Patience.failure(pool.submit(() -> spin(started))));
            long next = Patience.get(pool.submit(PoolCancelTest::pid));
            assertNotEquals(List.of("" + next), Patience.notes(started));
            assertEquals(1, Patience.notes(started).size());
        }
    }

    @Test
    void shutdownNowEndsTasksThatDoNotListen() throws Exception {
        String started = file("started");
        WorkerPool pool = withShortGrace(WorkerPool.builder().size(1));
        Future<Integer> deaf = pool.submit(() -> spin(started));
        Patience.await("it runs", () -> !Patience.notes(started).isEmpty());
        assertEquals(List.of(), pool.shutdownNow());
        assertTrue(pool.awaitTermination(45, TimeUnit.SECONDS));
        assertTrue(Patience.failure(deaf).getMessage().contains("SIGKILL"));
    }

    @Test
    void threadsThatATaskHasLeftDoNotKeepThePoolFromEnding() throws Exception {
        String left = file("left");
        try (WorkerPool pool = withShortGrace(WorkerPool.builder().size(1))) {
            Patience.get(pool.submit(() -> {
                Thread.ofPlatform().start(() -> spin(left));
            }));
        }
    }
}
