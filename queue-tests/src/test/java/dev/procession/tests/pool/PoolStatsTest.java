package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.PoolFuture;
import dev.procession.PoolStats;
import dev.procession.WorkerPool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a pool says of itself.
class PoolStatsTest {
    @TempDir
    Path folder;

    @Test
    void statsSayWhatRunsWhatWaitsAndWhatHasBeen() throws Exception {
        String gate = folder.resolve("gate").toString();
        String started = folder.resolve("started").toString();
        try (WorkerPool pool = WorkerPool.builder().name("counted").size(1).build()) {
            PoolFuture<Integer> first = pool.submit(() -> {
                Patience.note(started, "runs");
                if (Patience.notes(started).size() == 1) Runtime.getRuntime().halt(1);
                Patience.await("gate", () -> Files.exists(Path.of(gate)));
                return 1;
            });
            Future<?> fails = pool.submit(() -> {
                throw new IllegalStateException("as expected");
            });
            Future<Integer> cancelled = pool.submit(() -> 3);
            Future<Integer> last = pool.submit(() -> 4);
            Patience.await("it runs again",
                    () -> first.attempt() == 2 && pool.stats().running().size() == 1 && cancelled.cancel(true));
            PoolStats stats = pool.stats();
            assertEquals(new PoolStats(1, stats.running(), 2, 0, 0, 1, 1), stats);
            PoolStats.Running running = stats.running().getFirst();
            assertEquals(2, running.attempt());
            assertEquals("counted-2", running.worker().name());
            assertEquals(first.worker().orElseThrow(), running.worker());
            Files.createFile(Path.of(gate));
            Patience.get(last);
            Patience.failure(fails);
            assertEquals(new PoolStats(1, List.of(), 0, 2, 1, 1, 1), pool.stats());
        }
    }

    @Test
    void aListenerHearsOfEachChangeAndOfTheLastState() throws Exception {
        List<PoolStats> heard = new CopyOnWriteArrayList<>();
        try (WorkerPool pool = WorkerPool.builder().size(1).onProgress(heard::add).build()) {
            List<Future<Integer>> all = new ArrayList<>();
            for (int i = 0; i < 1000; i++) all.add(pool.submit(() -> 1));
            for (Future<Integer> each : all) Patience.get(each);
        }
        Patience.await("it has heard of the end", () -> {
            PoolStats last = heard.getLast();
            return last.done() == 1000 && last.size() == 0;
        });
        assertTrue(heard.getFirst().done() < 1000);
        long before = 0;
        for (PoolStats each : heard) {
            assertTrue(each.done() >= before);
            before = each.done();
        }
    }

    @Test
    void workersHaveTheirHeapAndTheirCore() throws Exception {
        assertThrows(IllegalArgumentException.class, () -> WorkerPool.builder().maxHeap(1));
        assertThrows(IllegalArgumentException.class, () -> WorkerPool.builder().cpus(100_000));
        int cpu = Integer.parseInt(Files.readString(Path.of("/proc/self/status")).lines()
                .filter(each -> each.startsWith("Cpus_allowed_list:")).findFirst().orElseThrow()
                .replaceAll("[^0-9]+", " ").strip().split(" ")[0]);
        try (WorkerPool pool = WorkerPool.builder().size(1).maxHeap(48 << 20).cpus(cpu).build()) {
            PoolFuture<Long> heap = pool.submit(() -> Runtime.getRuntime().maxMemory());
            assertTrue(Patience.get(heap) <= 48 << 20);
            assertEquals(cpu, heap.worker().orElseThrow().cpu().orElseThrow());
            assertEquals(1, Patience.get(pool.submit(() -> Runtime.getRuntime().availableProcessors())));
        }
    }
}
