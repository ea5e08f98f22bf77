package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Call;
import dev.procession.PoolFuture;
import dev.procession.WorkerPool;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a pool's builder can say.
class PoolBuilderTest {
    @TempDir
    Path folder;

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    /// Waits until a file says that it may go on.
    private static Call<Integer> gated(String gate, int result) {
        return () -> {
            Patience.note(gate + ".started", "" + result);
            Patience.await("gate", () -> !Patience.notes(gate).isEmpty());
            return result;
        };
    }

    @Test
    void workersHaveWhatTheBuilderGivesThem() throws Exception {
        Queue<String> lines = new ConcurrentLinkedQueue<>();
        try (WorkerPool pool = WorkerPool.builder().name("special").size(1).jvmArguments("-Dspecial=1", "-Xmx77m")
                .environment("SPECIAL", "2").initializer(() -> System.setProperty("initialized", "3"))
                .output((worker, line) -> lines.add(worker + ": " + line)).build()) {
            assertEquals("special-1 1 2 3", Patience.get(pool.submit(() -> Thread.currentThread().getName() + " "
                    + System.getProperty("special") + " " + System.getenv("SPECIAL") + " "
                    + System.getProperty("initialized"))));
            Patience.get(pool.submit(() -> {
                System.out.println("to out");
                System.err.println("to err");
            }));
            assertTrue(pool.toString().contains("special, 1 workers"), pool::toString);
        }
        assertEquals(List.of("special-1: to err", "special-1: to out"), lines.stream().sorted().toList());
    }

    @Test
    void whatMakesNoSenseIsRefused() {
        var builder = WorkerPool.builder();
        assertThrows(IllegalArgumentException.class, () -> builder.size(0));
        assertThrows(IllegalArgumentException.class, () -> builder.attempts(0));
        assertThrows(IllegalArgumentException.class, () -> builder.maxQueued(0));
        assertThrows(IllegalArgumentException.class, () -> builder.recycleAfter(0));
        assertThrows(IllegalArgumentException.class, () -> builder.timeLimit(Duration.ZERO));
        assertThrows(IllegalArgumentException.class, () -> builder.name("\0"));
        assertThrows(IllegalArgumentException.class, () -> builder.environment("=", "x"));
        assertThrows(IllegalArgumentException.class, () -> builder.jvmArguments("\0"));
    }

    @Test
    void aWorkerIsReplacedAfterSoManyTasks() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).recycleAfter(3).build()) {
            List<Future<Long>> all = new ArrayList<>();
            for (int i = 0; i < 10; i++) all.add(pool.submit(PoolBuilderTest::pid));
            List<Long> pids = new ArrayList<>();
            for (Future<Long> each : all) pids.add(Patience.get(each));
            for (int i = 0; i < 10; i++) assertEquals(pids.get(i / 3 * 3), pids.get(i), pids::toString);
            assertEquals(4, pids.stream().distinct().count(), pids::toString);
        }
    }

    @Test
    void aFullPoolTakesNoTaskBeforeOneIsStarted() throws Exception {
        String gate = folder.resolve("gate").toString();
        try (WorkerPool pool = WorkerPool.builder().size(1).maxQueued(2).build()) {
            Future<Integer> first = pool.submit(gated(gate, 1));
            Patience.await("it runs", () -> !Patience.notes(gate + ".started").isEmpty());
            AtomicReference<Future<Integer>> second = new AtomicReference<>();
            Patience.await("it is known to run", () -> { // as long as it is not, it is one of the two
                Optional<PoolFuture<Integer>> taken = pool.trySubmit(() -> 2);
                taken.ifPresent(second::set);
                return taken.isPresent();
            });
            Future<Integer> third = pool.submit(() -> 3);
            assertTrue(pool.trySubmit(() -> 4).isEmpty());
            List<Integer> fourth = new ArrayList<>();
            Thread waits = Thread.ofPlatform().start(() -> {
                try {
                    fourth.add(Patience.get(pool.submit(() -> 4)));
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            Patience.await("submit waits", () -> waits.getState() == Thread.State.TIMED_WAITING
                    || waits.getState() == Thread.State.WAITING);
            assertFalse(first.isDone());
            Patience.note(gate, "open");
            assertEquals(1, Patience.get(first));
            assertEquals(2, Patience.get(second.get()));
            assertEquals(3, Patience.get(third));
            waits.join();
            assertEquals(List.of(4), fourth);
        }
    }

    @Test
    void shutdownWakesThoseThatWaitForRoom() throws Exception {
        String gate = folder.resolve("gate").toString();
        WorkerPool pool = WorkerPool.builder().size(1).maxQueued(1).build();
        Future<Integer> first = pool.submit(gated(gate, 1));
        Patience.await("it runs", () -> !Patience.notes(gate + ".started").isEmpty());
        Future<Integer> second = pool.submit(() -> 2);
        List<Throwable> thrown = new ArrayList<>();
        Thread waits = Thread.ofVirtual().unstarted(() -> {
            try {
                pool.submit(() -> 3);
            } catch (RejectedExecutionException e) {
                thrown.add(e);
            }
        });
        waits.start();
        Patience.await("submit waits", () -> waits.getState() == Thread.State.TIMED_WAITING
                || waits.getState() == Thread.State.WAITING);
        pool.shutdown();
        waits.join();
        assertTrue(thrown.getFirst().getMessage().contains("was shut down"));
        Patience.note(gate, "open");
        assertEquals(1, Patience.get(first));
        assertEquals(2, Patience.get(second));
        pool.close();
    }

    @Test
    void aThreadThatIsInterruptedDoesNotWaitForRoom() throws Exception {
        String gate = folder.resolve("gate").toString();
        try (WorkerPool pool = WorkerPool.builder().size(1).maxQueued(1).build()) {
            pool.submit(gated(gate, 1));
            Patience.await("it runs", () -> !Patience.notes(gate + ".started").isEmpty());
            pool.submit(() -> 2);
            Thread.currentThread().interrupt();
            assertThrows(RejectedExecutionException.class, () -> pool.submit(() -> 3));
            assertTrue(Thread.interrupted());
            Patience.note(gate, "open");
        }
    }
}
