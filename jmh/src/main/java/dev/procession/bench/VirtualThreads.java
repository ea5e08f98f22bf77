package dev.procession.bench;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/// What an item costs, in nanoseconds, that one of 10,000 virtual threads waits for in `get`: one thread puts as many
/// items as there are, and the time is over when each has got one.
final class VirtualThreads implements Probe {
    private static final int THREADS = 10_000;
    private static final int WARM_UPS = 5;
    private static final Duration LONGEST = Duration.ofSeconds(30);

    private final SharedQueue<Long> queue = SharedQueue.create(Codec.int64());

    VirtualThreads() throws InterruptedException {
        for (int i = 0; i < WARM_UPS; i++) {
            sample();
        }
    }

    @Override
    public double[] sample() throws InterruptedException {
        var sum = new AtomicLong();
        var threads = new Thread[THREADS];
        var begun = new CountDownLatch(THREADS);
        for (int i = 0; i < THREADS; i++) {
            threads[i] = Thread.ofVirtual().start(() -> {
                begun.countDown();
                get(sum);
            });
        }
        begun.await();
        for (Thread each : threads) {
            while (each.getState() == Thread.State.RUNNABLE) Thread.yield(); // until it waits
        }
        long start = System.nanoTime();
        for (long i = 0; i < THREADS; i++) {
            queue.put(i);
        }
        for (Thread each : threads) {
            each.join();
        }
        long nanos = System.nanoTime() - start;
        if (sum.get() != (THREADS - 1L) * THREADS / 2) {
            throw new IllegalStateException("sum=" + sum + " of all items is wrong");
        }
        return new double[] {(double) nanos / THREADS};
    }

    private void get(AtomicLong sum) {
        try {
            sum.addAndGet(queue.get(LONGEST));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        queue.close();
    }
}
