package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Call;
import dev.procession.PoolFuture;
import dev.procession.Worker;
import dev.procession.WorkerLostException;
import dev.procession.WorkerPool;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the futures of a pool do, and what may happen to them without harm to others.
class PoolFutureTest {
    private static volatile WorkerPool used;
    private static volatile CountDownLatch latch = new CountDownLatch(0);

    @TempDir
    Path folder;

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    /// Its reader waits for another task of the pool.
    private record Asks(int n) implements Serializable {
        private static final long serialVersionUID = 1;

        private Object readResolve() {
            try {
                return new Asks(Patience.get(used.submit(() -> 7)));
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /// Its reader waits for something that is never there, but for the test.
    private static final class Blocks implements Serializable {
        private static final long serialVersionUID = 1;

        private void readObject(ObjectInputStream in) throws IOException {
            try {
                latch.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
    }

    @Test
    void aResultWhoseReaderUsesThePoolOrBlocksHarmsNoOther() throws Exception {
        latch = new CountDownLatch(1);
        try (WorkerPool pool = WorkerPool.of(1)) {
            used = pool;
            Future<Blocks> blocks = pool.submit(Blocks::new);
            Future<Asks> asks = pool.submit(() -> new Asks(1));
            CompletableFuture<Blocks> coming = pool.submit(Blocks::new).toCompletableFuture();
            assertEquals(7, Patience.get(asks).n());
            Patience.await("it has come", blocks::isDone);
            assertEquals(2, Patience.get(pool.submit(() -> 2)));
            assertFalse(coming.isDone());
            latch.countDown();
            assertSame(Patience.get(blocks), blocks.get());
            Patience.get(coming);
        } finally {
            latch.countDown();
            used = null;
        }
    }

    @Test
    void aFutureKnowsItsWorkerAndItsAttempt() throws Exception {
        String started = folder.resolve("started").toString();
        try (WorkerPool pool = WorkerPool.builder().name("known").size(1).build()) {
            PoolFuture<Long> future = pool.submit(() -> {
                Patience.note(started, "" + pid());
                if (Patience.notes(started).size() == 1) Runtime.getRuntime().halt(1);
                return pid();
            });
            PoolFuture<Integer> next = pool.submit(() -> 2);
            long pid = Patience.get(future);
            Worker worker = future.worker().orElseThrow();
            assertEquals(pid, worker.pid());
            assertEquals("known-2", worker.name());
            assertEquals(2, future.attempt());
            assertEquals(2, Patience.get(next));
            assertEquals(1, next.attempt());
        }
    }

    @Test
    void aCompletableFutureHasTheSameEnd() throws Exception {
        try (WorkerPool pool = WorkerPool.of(1)) {
            var result = pool.submit(() -> 20).toCompletableFuture().thenApply(n -> n + 1);
            var failure = pool.submit(() -> {
                if (true) throw new IllegalStateException("as expected");
                return 1;
            }).toCompletableFuture();
            PoolFuture<?> sleeps = pool.submit(() -> {
                Thread.sleep(600_000);
                return null;
            });
            var cancelled = sleeps.toCompletableFuture();
            assertEquals(21, Patience.get(result));
            assertEquals("as expected",
                    assertInstanceOf(IllegalStateException.class, Patience.failure(failure)).getMessage());
            sleeps.cancel(true);
            assertThrows(CancellationException.class, () -> Patience.get(cancelled));
        }
    }

    @Test
    void theTimeOfALostAttemptIsNotThatOfTheNext() throws Exception {
        String started = folder.resolve("started").toString();
        try (WorkerPool pool = WorkerPool.builder().size(1).timeLimit(Duration.ofSeconds(4)).build()) {
            Future<Integer> retried = pool.submit(() -> {
                Patience.note(started, "" + pid());
                Thread.sleep(2500);
                if (Patience.notes(started).size() == 1) Runtime.getRuntime().halt(1);
                return 1;
            });
            List<Future<Integer>> rest = new ArrayList<>();
            for (int i = 0; i < 20; i++) rest.add(pool.submit(() -> 2));
            assertEquals(1, Patience.get(retried));
            for (Future<Integer> each : rest) assertEquals(2, Patience.get(each));
            assertEquals(3, Patience.get(pool.submit(() -> 3)));
        }
    }

    @Test
    void aPoolEndsIfItsTasksWereCancelledAndItsWorkersDoNotComeUp() throws Exception {
        String before = System.setProperty("dev.procession.grace", "0.3");
        try {
            WorkerPool pool = WorkerPool.builder().size(1).initializer(() -> Thread.sleep(600_000)).build();
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 2000; i++) all.add(pool.submit(() -> 1));
            for (Future<?> each : all) assertTrue(each.cancel(true));
            pool.shutdown();
            boolean isOver = pool.awaitTermination(20, TimeUnit.SECONDS);
            if (!isOver) pool.shutdownNow();
            assertTrue(isOver);
        } finally {
            if (before == null) System.clearProperty("dev.procession.grace");
            else System.setProperty("dev.procession.grace", before);
        }
    }

    @Test
    void aJvmThatDoesNotStartSaysWhy() throws Exception {
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        try (WorkerPool pool = WorkerPool.builder().size(1).jvmArguments("-Xmx1k")
                .output((worker, line) -> lines.add(line)).build()) {
            WorkerLostException lost =
                    assertInstanceOf(WorkerLostException.class, Patience.failure(pool.submit(() -> 1)));
            assertTrue(lost.getMessage().contains("Too small maximum heap"), lost::getMessage);
        }
    }

    @Test
    void whatIsTooDeepToBeSentIsRefused() throws Exception {
        try (WorkerPool pool = WorkerPool.of(1)) {
            Object[] deep = {};
            for (int i = 0; i < 200_000; i++) deep = new Object[] {deep};
            Object[] captured = deep;
            var why = assertThrows(IllegalArgumentException.class, () -> pool.submit(() -> captured.length));
            assertTrue(why.getMessage().contains("too deep"), why::getMessage);
        }
    }

    @Test
    void shutdownNowEndsABatchThatWaits() throws Exception {
        String started = folder.resolve("started").toString();
        WorkerPool pool = WorkerPool.of(1);
        pool.execute(() -> {
            Patience.note(started, "runs");
            try {
                Thread.sleep(600_000);
            } catch (InterruptedException e) {
                // shutdownNow
            }
        });
        Patience.await("it runs", () -> Files.exists(Path.of(started)));
        List<Throwable> thrown = new ArrayList<>();
        Thread waits = Thread.ofPlatform().start(() -> {
            Callable<Integer> task = (Call<Integer>) () -> 1;
            try {
                pool.invokeAny(List.of(task, task));
            } catch (ExecutionException | InterruptedException e) {
                thrown.add(e);
            }
        });
        Patience.await("it waits", () -> waits.getState() == Thread.State.TIMED_WAITING
                || waits.getState() == Thread.State.WAITING);
        assertEquals(List.of(), pool.shutdownNow());
        waits.join();
        assertInstanceOf(ExecutionException.class, thrown.getFirst());
        assertTrue(pool.awaitTermination(45, TimeUnit.SECONDS));
    }
}
