package dev.procession;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The examples in the Javadoc of [WorkerPool] and what belongs to it, as in [ExamplesTest].
@Timeout(value = 50, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PoolExamplesTest {
    private static long sumOfSquares(int below) {
        long sum = 0;
        for (int i = 0; i < below; i++) sum += (long) i * i;
        return sum;
    }

    @Test
    void aPoolIsAnExecutorService() throws Exception {
        List<Long> sums = new ArrayList<>();
        // @start region="pool"
        try (WorkerPool pool = WorkerPool.onEveryCore()) {
            List<Future<Long>> futures = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                int below = i;
                futures.add(pool.submit(() -> sumOfSquares(below))); // runs in another process
            }
            for (Future<Long> each : futures) sums.add(each.get());
        } // waits for all, and for the processes
         // @end
        assertEquals(List.of(0L, 0L, 1L, 5L, 14L, 30L, 55L, 91L, 140L, 204L), sums);
    }

    @Test
    void aPoolMaps() {
        List<Integer> numbers = List.of(1, 2, 3, 4);
        // @start region="map"
        List<Long> sums;
        try (WorkerPool pool = WorkerPool.of(2)) {
            sums = pool.map(numbers, n -> sumOfSquares(n)).toList(); // in order
        }
        // @end
        assertEquals(List.of(0L, 1L, 5L, 14L), sums);
    }

    @Test
    void tasksShareAValue() throws Exception {
        int[] numbers = {1, 2, 3, 4};
        List<Integer> products;
        // @start region="broadcast"
        try (WorkerPool pool = WorkerPool.of(2)) {
            Shared<int[]> table = pool.broadcast(numbers); // may be large: it is read once in each worker
            products = pool.map(List.of(0, 1, 2, 3), i -> 10 * table.get()[i]).toList();
        }
        // @end
        assertEquals(List.of(10, 20, 30, 40), products);
    }

    @Test
    void aPoolIsBuilt() throws Exception {
        // @start region="builder"
        try (WorkerPool pool = WorkerPool.builder()
                .name("images")
                .size(2)
                .jvmArguments("-Xmx256m")
                .initializer(() -> System.setProperty("java.awt.headless", "true"))
                .build()) {
            Future<Boolean> headless = pool.submit(() -> Boolean.getBoolean("java.awt.headless"));
            assert headless.get();
        }
        // @end
    }

    private static int parse(String text) throws IOException {
        Object reader = new Object();
        throw new IOException("no number: " + text) {
            private static final long serialVersionUID = 1;

            @Override
            public String toString() {
                return getMessage() + " by " + reader.getClass();
            }
        };
    }

    @Test
    void aStandInTellsOfAnExceptionThatCannotTravel() throws Exception {
        String className = "";
        try (WorkerPool pool = WorkerPool.of(1)) {
            // @start region="remote"
            Future<Integer> number = pool.submit(() -> parse("seven"));
            try {
                number.get();
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof RemoteException remote)) throw e;
                className = remote.className();
                System.out.println("in a worker: " + remote.getMessage());
            }
            // @end
        }
        assertTrue(className.startsWith(PoolExamplesTest.class.getName()), className);
    }

    @Test
    void aLossSaysHowTheWorkerHasEnded() throws Exception {
        WorkerExit exit = null;
        try (WorkerPool pool = WorkerPool.builder().size(1).attempts(1).build()) {
            // @start region="lost"
            Future<?> future = pool.submit(() -> System.exit(3));
            try {
                future.get();
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof WorkerLostException lost)) throw e;
                exit = lost.exit().orElseThrow(); // here: exited with code 3
                lost.lastLines().forEach(System.out::println);
            }
            // @end
        }
        assertEquals(new WorkerExit.Exited(3), exit);
    }
}
