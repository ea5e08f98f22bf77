package dev.procession.bench;

import dev.procession.Call;
import dev.procession.WorkerPool;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/// What tasks cost in a pool with as many workers as there are cores. The workers are up and warm before the first
/// sample. The same in Python is `Pools` of `probes.py`; what is here and there is alike, line by line.
///
/// Each task returns a number, and all of them are checked. What a pool does not have is NaN: threads pass references,
/// so they have no speed of arguments.
final class Pools implements Probe {
    static final int IN_FLIGHT = 1000;

    private static final int WARM_UPS = 1;
    private static final long LONGEST_WARM_UP_NANOS = 3_000_000_000L;
    private static final int ROUND_TRIPS = 200;
    private static final long LEAST_NANOS = 60_000_000;
    private static final int KIB = 1 << 10;
    private static final int MIB = 1 << 20;
    private static final int LARGE = 32; // arguments of 1 MiB in flight
    private static final int HUGE_MIB = 100;
    private static final long SPIN_NANOS = 5_000_000;
    private static final int SPINS = 20; // for each worker
    /// What Python's Pool.map chooses: four chunks for each worker.
    private static final int CHUNKS = 4;

    private final int size = Runtime.getRuntime().availableProcessors();
    private final ExecutorService pool;
    private final boolean isChunked;

    private Pools(ExecutorService pool, boolean isChunked) throws Exception {
        this.pool = pool;
        this.isChunked = isChunked;
        var warmUp = new WarmUp();
        for (long start = System.nanoTime(); !warmUp.standsStill()
                && System.nanoTime() - start < LONGEST_WARM_UP_NANOS;) {
            warmUp.add((long) perSecond(this::nothings), 1_000_000_000);
        }
        for (int i = 0; i < WARM_UPS; i++) {
            double[] unused = sample();
        }
    }

    static Probe of(String system) throws Exception {
        int size = Runtime.getRuntime().availableProcessors();
        return switch (system) {
            case "procession" -> new Pools(WorkerPool.of(size), false);
            case "procession-chunked" -> new Pools(
                    WorkerPool.builder().size(size).chunk(Math.ceilDiv(IN_FLIGHT, CHUNKS * size)).build(), true);
            case "thread-pool" -> new Pools(Executors.newFixedThreadPool(size), false);
            case "memcpy" -> new Copies();
            default -> throw new IllegalArgumentException("system=" + system);
        };
    }

    @Override
    public double[] sample() throws Exception {
        if (isChunked) {
            double perSecond = perSecond(this::nothings);
            return new double[] {Double.NaN, perSecond, Double.NaN, Double.NaN, Double.NaN, Double.NaN};
        }
        boolean isShared = !(pool instanceof WorkerPool);
        return new double[] {roundTrip(), perSecond(this::nothings), spins(),
            isShared ? Double.NaN : perSecond(() -> inFlight(IN_FLIGHT, KIB)),
            isShared ? Double.NaN : perSecond(() -> inFlight(LARGE, MIB)),
            isShared ? Double.NaN : HUGE_MIB * perSecond(() -> inFlight(1, HUGE_MIB * MIB))};
    }

    private static Callable<Integer> task(int number, int bytes) {
        if (bytes == 0) return number(number);
        byte[] argument = new byte[bytes];
        argument[bytes - 1] = (byte) number;
        return number(argument);
    }

    // These are lambdas that a user would write in place, and capture what they are given and nothing else.

    private static Call<Integer> number(int number) {
        return () -> number;
    }

    private static Call<Integer> number(byte[] argument) {
        return () -> argument[argument.length - 1] & 0xff;
    }

    /// Microseconds, the median.
    private double roundTrip() throws Exception {
        double[] nanos = new double[ROUND_TRIPS];
        for (int i = 0; i < nanos.length; i++) {
            long start = System.nanoTime();
            mustBe(i, pool.submit(task(i, 0)).get());
            nanos[i] = System.nanoTime() - start;
        }
        return Result.quantile(nanos, 0.5) / 1e3;
    }

    private int inFlight(int count, int bytes) throws Exception {
        List<Future<Integer>> futures = new ArrayList<>();
        for (int i = 0; i < count; i++) futures.add(pool.submit(task(i, bytes)));
        for (int i = 0; i < count; i++) mustBe(bytes == 0 ? i : i & 0xff, futures.get(i).get());
        return count;
    }

    private int nothings() throws Exception {
        if (!isChunked) return inFlight(IN_FLIGHT, 0);
        List<Integer> items = IntStream.range(0, IN_FLIGHT).boxed().toList();
        if (!((WorkerPool) pool).map(items, item -> item).toList().equals(items)) {
            throw new IllegalStateException("the results are wrong");
        }
        return IN_FLIGHT;
    }

    private double spins() throws Exception {
        int count = SPINS * size;
        List<Integer> items = IntStream.range(0, count).boxed().toList();
        long start = System.nanoTime();
        if (pool instanceof WorkerPool workers) {
            workers.map(items, Pools::spin).forEachOrdered(unused -> {});
        } else {
            List<Future<Integer>> futures = new ArrayList<>();
            for (Integer each : items) futures.add(pool.submit(() -> spin(each)));
            for (Future<Integer> each : futures) each.get();
        }
        return count * 1e9 / (System.nanoTime() - start);
    }

    /// Uses a core for 5 ms: time in which another one has it does not count.
    private static int spin(int number) {
        var clock = ManagementFactory.getThreadMXBean();
        for (long start = clock.getCurrentThreadCpuTime(); clock.getCurrentThreadCpuTime() - start < SPIN_NANOS;) {}
        return number;
    }

    /// How many of something `some` does at once.
    private interface Some {
        int count() throws Exception;
    }

    /// Again and again, for some time.
    private static double perSecond(Some some) throws Exception {
        long start = System.nanoTime();
        long count = 0;
        long nanos;
        do {
            count += some.count();
            nanos = System.nanoTime() - start;
        } while (nanos < LEAST_NANOS);
        return count * 1e9 / nanos;
    }

    private static void mustBe(int expected, int result) {
        if (result != expected) throw new IllegalStateException("result=" + result + " expected=" + expected);
    }

    @Override
    public void close() {
        pool.close();
    }

    /// What an argument costs at least: one copy, by one core, from memory to memory.
    private static final class Copies implements Probe {
        private final byte[] from = new byte[HUGE_MIB * MIB];
        private final byte[] to = new byte[HUGE_MIB * MIB];

        @Override
        public double[] sample() throws Exception {
            double perSecond = perSecond(() -> {
                System.arraycopy(from, 0, to, 0, to.length);
                return HUGE_MIB;
            });
            return new double[] {Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, perSecond};
        }

        @Override
        public void close() {}
    }
}
