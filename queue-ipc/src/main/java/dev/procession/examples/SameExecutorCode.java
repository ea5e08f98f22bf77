package dev.procession.examples;

import dev.procession.Call;
import dev.procession.WorkerPool;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// The same code with a pool of threads and with a pool of processes.
public class SameExecutorCode {
    private static final long OWN = ProcessHandle.current().pid();

    static long sumOfSquares(int below) {
        long sum = 0;
        for (int i = 0; i < below; i++) sum += (long) i * i;
        return sum;
    }

    static void run(String name, ExecutorService executor) throws Exception {
        List<Call<Long>> tasks = new ArrayList<>(); // a Callable that can be sent
        for (int i = 1; i <= 5; i++) {
            int below = 1000 * i;
            tasks.add(() -> sumOfSquares(below));
        }
        List<Long> sums = new ArrayList<>();
        for (Future<Long> each : executor.invokeAll(tasks)) sums.add(each.get());
        System.out.println(name + ": " + sums);

        Future<Long> pid = executor.submit((Call<Long>) () -> ProcessHandle.current().pid());
        System.out.println(name + (pid.get() == OWN ? ": in this process" : ": in another process"));
    }

    public static void main() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            run("threads", threads);
        }
        try (ExecutorService processes = WorkerPool.of(2)) {
            run("processes", processes);
        }
    }
}
