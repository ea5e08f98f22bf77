package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.WorkerPool;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// How many items travel together if the pool has to find out.
class PoolChunkTest {
    private static List<Integer> numbers(int count) {
        return IntStream.range(0, count).boxed().toList();
    }

    @Test
    void itemsThatTakeNoTimeTravelTogether() {
        List<Integer> items = numbers(20_000);
        try (WorkerPool pool = WorkerPool.of(1); Stream<Integer> results = pool.map(items, n -> n)) {
            assertEquals(items, results.toList());
            long tasks = pool.stats().done();
            assertTrue(tasks < 10_000, () -> tasks + " tasks");
        }
    }

    @Test
    void itemsThatTakeLongTravelAlone() {
        List<Integer> items = numbers(40);
        try (WorkerPool pool = WorkerPool.of(2); Stream<Integer> results = pool.mapUnordered(items, n -> {
            Thread.sleep(5);
            return n;
        })) {
            assertEquals(items, results.sorted().toList());
            assertEquals(40, pool.stats().done());
        }
    }
}
