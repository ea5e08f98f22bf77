package dev.procession;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Some tasks of a [WorkerPool] that are submitted, and waited for, together.
final class PoolBatch {
    private PoolBatch() {}

    static <R> List<Future<R>> invokeAll(PoolService pool, Collection<? extends Callable<R>> tasks, long nanos)
            throws InterruptedException {
        long start = System.nanoTime();
        List<Callable<R>> all = new ArrayList<>(tasks);
        List<PoolTask<R>> futures = new ArrayList<>();
        boolean isDone = false;
        try {
            for (Callable<R> each : all) futures.add(pool.part(Objects.requireNonNull(each, "task"), done -> {}));
            isDone = putAll(pool, all, futures, start, nanos) && awaitAll(futures, start, nanos);
            return new ArrayList<>(futures);
        } finally {
            if (!isDone) cancelAll(futures);
        }
    }

    /// @return false if the time is over
    private static <R> boolean putAll(PoolService pool, List<Callable<R>> tasks, List<PoolTask<R>> futures, long start,
            long nanos) throws InterruptedException {
        for (int i = 0; i < futures.size(); i++) {
            if (!pool.put(futures.get(i), tasks.get(i), left(start, nanos))) return false;
        }
        return true;
    }

    /// @return false if the time is over
    private static boolean awaitAll(List<? extends Future<?>> futures, long start, long nanos)
            throws InterruptedException {
        for (Future<?> each : futures) {
            try {
                each.get(left(start, nanos), TimeUnit.NANOSECONDS);
            } catch (ExecutionException | CancellationException e) {
                // the caller will see
            } catch (TimeoutException e) {
                return false;
            }
        }
        return true;
    }

    static <R> R invokeAny(PoolService pool, Collection<? extends Callable<R>> tasks, long nanos)
            throws InterruptedException, ExecutionException, TimeoutException {
        if (tasks.isEmpty()) throw new IllegalArgumentException("tasks is empty");
        long start = System.nanoTime();
        LinkedBlockingQueue<Future<R>> done = new LinkedBlockingQueue<>();
        List<Future<R>> futures = new ArrayList<>();
        try {
            for (Callable<R> each : tasks) {
                PoolTask<R> future = pool.part(Objects.requireNonNull(each, "task"), done::add);
                futures.add(future);
                if (!pool.put(future, each, left(start, nanos))) throw new TimeoutException();
            }
            ExecutionException last = null;
            for (int i = 0; i < futures.size(); i++) {
                Future<R> next = done.poll(left(start, nanos), TimeUnit.NANOSECONDS);
                if (next == null) throw new TimeoutException();
                try {
                    return next.get();
                } catch (ExecutionException e) {
                    last = e;
                } catch (CancellationException e) { // by shutdownNow
                    last = new ExecutionException(e);
                }
            }
            throw Objects.requireNonNull(last);
        } finally {
            cancelAll(futures);
        }
    }

    private static long left(long start, long nanos) {
        return nanos == Long.MAX_VALUE ? nanos : nanos - (System.nanoTime() - start);
    }

    static void cancelAll(Collection<? extends Future<?>> futures) {
        for (Future<?> each : futures) each.cancel(true);
    }
}
