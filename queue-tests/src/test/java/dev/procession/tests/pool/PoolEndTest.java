package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Worker;
import dev.procession.WorkerPool;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// How a pool ends.
class PoolEndTest {
    @TempDir
    Path folder;

    private String file() {
        return folder.resolve("notes").toString();
    }

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    private static List<Worker> workersOf(String pool) {
        return Worker.active().stream().filter(each -> each.name().startsWith(pool + "-")).toList();
    }

    @Test
    void closeWaitsForAllTasksAndForTheWorkers() throws Exception {
        List<Future<Long>> all = new ArrayList<>();
        WorkerPool pool = WorkerPool.builder().name("closed").size(2).build();
        for (int i = 0; i < 20; i++) all.add(pool.submit(PoolEndTest::pid));
        assertEquals(2, workersOf("closed").size());
        assertFalse(pool.isShutdown() || pool.isTerminated());
        pool.close();
        assertTrue(pool.isShutdown() && pool.isTerminated());
        for (Future<Long> each : all) assertTrue(each.isDone() && each.get() > 0);
        assertEquals(List.of(), workersOf("closed"));
        assertThrows(RejectedExecutionException.class, () -> pool.submit(() -> 1));
        assertThrows(RejectedExecutionException.class, () -> pool.execute(() -> {}));
        pool.close();
        assertEquals(List.of(), pool.shutdownNow());
    }

    @Test
    void aTaskIsStartedAgainAlsoAfterShutdown() throws Exception {
        String file = file();
        WorkerPool pool = WorkerPool.of(1);
        Future<Integer> result = pool.submit(() -> {
            Patience.note(file, "start");
            if (Patience.notes(file).size() == 1) Runtime.getRuntime().halt(1);
            return 1;
        });
        Future<Integer> next = pool.submit(() -> 2);
        pool.shutdown();
        assertFalse(pool.awaitTermination(0, TimeUnit.SECONDS));
        assertTrue(pool.awaitTermination(45, TimeUnit.SECONDS));
        assertEquals(1, result.get());
        assertEquals(2, next.get());
    }

    @Test
    void shutdownNowInterruptsWhatRunsAndReturnsWhatWasNeverStarted() throws Exception {
        String file = file();
        WorkerPool pool = WorkerPool.of(1);
        Future<String> running = pool.submit(() -> {
            Patience.note(file, "runs");
            try {
                Thread.sleep(60_000);
                return "slept";
            } catch (InterruptedException e) {
                return "interrupted";
            }
        });
        String never = folder.resolve("never").toString();
        List<Future<?>> waiting = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            int n = i;
            waiting.add(pool.submit(() -> Patience.note(never, "" + n)));
        }
        Patience.await("the first one runs", () -> !Patience.notes(file).isEmpty());
        List<Runnable> rest = pool.shutdownNow();
        assertEquals("interrupted", Patience.get(running));
        assertTrue(pool.awaitTermination(45, TimeUnit.SECONDS));
        assertEquals(5, rest.size());
        for (Future<?> each : waiting) assertFalse(each.isDone());
        assertEquals(waiting, rest);
        assertEquals(List.of(), Patience.notes(never));
        rest.forEach(Runnable::run); // here
        for (Future<?> each : waiting) assertEquals(Future.State.SUCCESS, each.state());
        assertEquals(List.of("0", "1", "2", "3", "4"), Patience.notes(never));
    }

    @Test
    void shutdownNowOfAPoolThatIsComingUpReturnsAll() throws Exception {
        WorkerPool pool = WorkerPool.of(2);
        List<Future<Integer>> all = new ArrayList<>();
        for (int i = 0; i < 1000; i++) all.add(pool.submit(() -> 1));
        List<Runnable> rest = pool.shutdownNow();
        assertTrue(pool.awaitTermination(45, TimeUnit.SECONDS));
        rest.forEach(Runnable::run);
        for (Future<Integer> each : all) {
            assertTrue(each.isDone());
            if (!each.isCancelled()) assertEquals(1, each.get());
        }
        int lent = 1000 - rest.size(); // in vain
        assertTrue(lent <= 2, () -> "lent " + lent);
    }

    @Test
    void aProcessThatEndsTakesItsWorkersAlong() throws Exception {
        String file = file();
        Worker program = Worker.of(() -> {
            WorkerPool pool = WorkerPool.of(2);
            for (int i = 0; i < 2; i++) {
                pool.execute(() -> {
                    Patience.note(file, "" + pid());
                    try {
                        Thread.sleep(60_000);
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
            }
            Patience.await("both run", () -> Patience.notes(file).size() == 2);
        });
        program.start();
        program.join();
        assertTrue(program.exit().isSuccess(), program::toString);
        for (String pid : Patience.notes(file)) {
            Patience.await(pid + " ends", () -> ProcessHandle.of(Long.parseLong(pid)).isEmpty());
        }
    }
}
