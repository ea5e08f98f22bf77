package dev.procession.examples;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.Task;
import dev.procession.WorkerPool;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Work on every core, with the results in order, although a worker is killed in the middle.
public class PoolOfPrimes {
    private static final int TASKS = 400;
    private static final int NUMBERS = 10_000; // of each task

    record Count(int primes, long pid) implements Serializable {}

    static Count count(int task) {
        int primes = 0;
        for (int n = task * NUMBERS; n < (task + 1) * NUMBERS; n++) {
            int divisor = 2;
            while (divisor * divisor <= n && n % divisor != 0) divisor++;
            if (n >= 2 && divisor * divisor > n) primes++;
        }
        return new Count(primes, ProcessHandle.current().pid());
    }

    public static void main() {
        int size = Runtime.getRuntime().availableProcessors();
        List<Integer> expected = new ArrayList<>();
        List<Integer> primes = new ArrayList<>();
        double alone;
        double together;
        try (WorkerPool pool = WorkerPool.of(1)) {
            alone = run(pool, expected, false);
        }
        try (SharedQueue<Long> started = SharedQueue.create(Codec.int64())) {
            Task tell = () -> started.put(ProcessHandle.current().pid());
            try (WorkerPool pool = WorkerPool.builder().size(size).initializer(tell).build()) {
                together = run(pool, primes, true);
            }
            int sum = primes.stream().mapToInt(each -> each).sum();
            System.out.printf(Locale.ROOT, "%,d primes below %,d%n", sum, TASKS * NUMBERS);
            System.out.println(primes.equals(expected) ? "as by one worker" : "WRONG");
            System.out.printf(Locale.ROOT,
                    "%d tasks, %.2f s, %.2f times as fast as one worker; %d workers, %d replaced%n",
                    TASKS, together, alone / together, size, started.size() - size);
        }
    }

    /// The clock runs from the first result on.
    private static double run(WorkerPool pool, List<Integer> primes, boolean withKill) {
        try (Stream<Count> results = pool.map(IntStream.range(0, TASKS).boxed(), task -> count(task))) {
            Iterator<Count> each = results.iterator();
            primes.add(each.next().primes());
            long start = System.nanoTime();
            while (each.hasNext()) {
                Count result = each.next();
                primes.add(result.primes());
                show(primes.size());
                boolean isMiddle = withKill && primes.size() == TASKS / 2;
                if (isMiddle) ProcessHandle.of(result.pid()).ifPresent(ProcessHandle::destroyForcibly);
            }
            return (System.nanoTime() - start) / 1e9;
        }
    }

    /// A bar on a terminal, some lines elsewhere.
    private static void show(int done) {
        boolean isTerminal = System.console() != null && System.console().isTerminal();
        if (isTerminal) {
            String bar = "=".repeat(40 * done / TASKS);
            System.out.printf("\r[%-40s] %d of %d%s", bar, done, TASKS, done == TASKS ? "\n" : "");
        } else if (done % (TASKS / 2) == 0) {
            System.out.println(done + " of " + TASKS);
        }
    }
}
