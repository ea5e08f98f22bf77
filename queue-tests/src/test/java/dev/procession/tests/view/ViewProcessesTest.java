package dev.procession.tests.view;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.QueueOptions;
import dev.procession.QueueShutDownException;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.tests.kit.Peer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A queue as a `BlockingQueue`, and looks at its items, while other processes use it.
class ViewProcessesTest {
    private static final Duration LONG = Duration.ofSeconds(Peer.DEADLINE_SECONDS);
    private static final int TASKS = 300;

    /// A task that travels: it says where it ran.
    record Square(int number, SharedQueue<Long> results) implements Runnable {
        @Override
        public void run() {
            results.tryPut((long) number * number);
        }
    }

    private static ThreadPoolExecutor pool(int threads, BlockingQueue<Runnable> tasks) {
        return new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, tasks,
                Thread.ofPlatform().daemon().factory());
    }

    private static List<Long> squares() {
        return LongStream.range(0, TASKS).map(i -> i * i).boxed().toList();
    }

    // ---- ThreadPoolExecutor

    @ParameterizedTest
    @EnumSource
    void aThreadPoolRunsItsTasks(Kind kind) throws Exception {
        try (SharedQueue<Runnable> tasks = SharedQueue.create(Codec.object(Square.class, SharedQueue.class),
                kind.options(QueueOptions.DEFAULT));
                var results = SharedQueue.create(Codec.int64())) {
            var pool = pool(3, tasks.asBlockingQueue());
            pool.prestartAllCoreThreads();
            for (int i = 0; i < TASKS; i++) pool.execute(new Square(i, results));
            pool.shutdown();
            assertTrue(pool.awaitTermination(30, TimeUnit.SECONDS));
            assertThrows(RejectedExecutionException.class, () -> pool.execute(new Square(0, results)));
            List<Long> all = new ArrayList<>();
            results.drainTo(all, Integer.MAX_VALUE);
            assertEquals(squares(), all.stream().sorted().toList());
            assertTrue(tasks.isEmpty());
        }
    }

    @Test
    void theThreadPoolsOfAllProcessesTakeFromOneQueue() throws Exception {
        try (SharedQueue<Runnable> tasks = SharedQueue.create(Codec.object(Square.class, SharedQueue.class));
                var results = SharedQueue.create(Codec.int64());
                var ready = SharedQueue.create(Codec.int64());
                var allAreDone = SharedQueue.create(Codec.int64())) {
            List<Worker> workers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                workers.add(Worker.of(() -> {
                    var pool = pool(2, tasks.asBlockingQueue());
                    pool.prestartAllCoreThreads();
                    ready.put(ProcessHandle.current().pid());
                    allAreDone.get(LONG);
                    pool.shutdownNow();
                    assertTrue(pool.awaitTermination(30, TimeUnit.SECONDS));
                    ready.put(pool.getCompletedTaskCount());
                }).start());
            }
            for (int i = 0; i < TASKS; i++) tasks.put(new Square(i, results));
            for (Worker unused : workers) ready.get(LONG);
            List<Long> all = new ArrayList<>();
            while (all.size() < TASKS) all.add(results.get(LONG));
            assertEquals(squares(), all.stream().sorted().toList());
            for (Worker unused : workers) allAreDone.put(0L);
            long completed = 0;
            for (Worker unused : workers) completed += ready.get(LONG);
            assertEquals(TASKS, completed);
            for (Worker worker : workers) assertTrue(worker.join(LONG));
        }
    }

    @Test
    void aThreadPoolRejectsWhatHasNoRoomAndReturnsWhatHasNotBegun() throws Exception {
        try (SharedQueue<Runnable> tasks = SharedQueue.create(Codec.object(Square.class, SharedQueue.class),
                QueueOptions.DEFAULT.withMaxItems(5));
                var results = SharedQueue.create(Codec.int64())) {
            var pool = pool(1, tasks.asBlockingQueue());
            pool.execute(() -> { // the first of a thread does not go through the queue
                while (!Thread.interrupted()) LockSupport.park();
            });
            for (int i = 0; i < 5; i++) pool.execute(new Square(i, results));
            assertThrows(RejectedExecutionException.class, () -> pool.execute(new Square(5, results)));
            List<Runnable> left = pool.shutdownNow();
            assertEquals(5, left.size());
            for (int i = 0; i < 5; i++) assertEquals(i, ((Square) left.get(i)).number());
            assertTrue(pool.awaitTermination(30, TimeUnit.SECONDS));
        }
    }

    @Test
    void aTaskThatDoesNotTravelIsRefused() throws Exception {
        try (SharedQueue<Runnable> tasks = SharedQueue.create(Codec.object(Square.class, SharedQueue.class))) {
            var pool = pool(1, tasks.asBlockingQueue());
            pool.prestartAllCoreThreads();
            var lambda = assertThrows(RuntimeException.class, () -> pool.execute(() -> {}));
            assertTrue(lambda.getMessage().contains("lambda") || lambda.getMessage().contains("Lambda"),
                    lambda.toString());
            var future = assertThrows(RuntimeException.class, () -> pool.submit(new Square(1, null)));
            assertTrue(future.getMessage().contains("java.util.concurrent.FutureTask"), future.toString());
            assertTrue(tasks.isEmpty());
            pool.shutdownNow();
            assertTrue(pool.awaitTermination(30, TimeUnit.SECONDS));
        }
    }

    // ---- looks

    @ParameterizedTest
    @EnumSource
    void whatAnotherProcessPutIsSeenAndTaken(Kind kind) throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), kind.options(QueueOptions.DEFAULT))) {
            BlockingQueue<String> view = queue.asBlockingQueue();
            assertNull(view.peek());
            Worker worker = Worker.of(() -> {
                BlockingQueue<String> there = queue.asBlockingQueue();
                there.addAll(List.of("a", "b", "c"));
                assertEquals("a", there.peek()); // whose process does not get
                assertTrue(there.contains("c"));
            }).start();
            assertTrue(worker.join(LONG));
            assertTrue(worker.exit().isSuccess(), worker.exit().toString());
            assertEquals(List.of("a", "b", "c"), List.copyOf(view));
            assertEquals("a", view.take());
            assertEquals("b", view.peek());
        }
    }

    @Test
    void aLookTakesNoPartInGetting() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), QueueOptions.DEFAULT.exclusive());
                var go = SharedQueue.create(Codec.utf8())) {
            queue.put("a");
            queue.put("b");
            assertEquals("a", queue.peek());
            Worker worker = Worker.of(() -> {
                go.put(queue.get()); // it is the only one that gets
                go.put(queue.get());
            }).start();
            assertEquals("a", go.get(LONG));
            assertEquals("b", go.get(LONG));
            assertTrue(worker.join(LONG));
            assertNull(queue.peek());
        }
    }

    @Test
    void whatADeadProcessHadOnLeaseIsNextAgain() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), QueueOptions.DEFAULT.leased());
                var lent = SharedQueue.create(Codec.utf8())) {
            queue.put("a");
            Worker worker = Worker.of(() -> {
                lent.put(queue.lease().value());
                Thread.sleep(Long.MAX_VALUE);
            }).start();
            assertEquals("a", lent.get(LONG));
            assertNull(queue.peek());
            worker.kill();
            assertTrue(worker.join(LONG));
            assertEquals("a", queue.peek());
            assertEquals("a", queue.tryGet());
        }
    }

    /// In lanes so small that the space of what is looked at is soon used again.
    @ParameterizedTest
    @EnumSource
    void aLookSeesEachProducersItemsInOrderAndWhole(Kind kind) throws Exception {
        int items = 5_000;
        var options = kind.options(QueueOptions.DEFAULT.withLanes(4).withLaneBytes(1 << 16));
        try (var queue = SharedQueue.create(Codec.int64s(), options)) {
            List<Worker> workers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                int producer = i;
                workers.add(Worker.of(() -> {
                    for (int item = 0; item < items; item++) {
                        long[] numbers = new long[item % 97 == 0 ? 700 : 1 + item % 13];
                        Arrays.fill(numbers, 2L * item + producer);
                        queue.put(numbers);
                    }
                }).start());
            }
            long start = System.nanoTime();
            while (queue.size() < 20) {
                assertTrue(System.nanoTime() - start < LONG.toNanos());
                Thread.sleep(1);
            }
            assertTrue(queue.asBlockingQueue().toArray().length >= 20);
            Thread gets = Thread.ofPlatform().daemon().start(() -> {
                try {
                    for (int i = 0; i < 2 * items; i++) queue.get();
                    queue.shutDown();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            while (!queue.isShutDown() && gets.isAlive()) {
                long[] last = {-1, -1};
                for (long[] each : queue.asBlockingQueue()) {
                    long number = each[0];
                    int producer = (int) (number & 1);
                    assertTrue(number > last[producer], () -> number + " after " + last[producer]);
                    last[producer] = number;
                    long item = number >> 1;
                    assertEquals(item % 97 == 0 ? 700 : 1 + item % 13, each.length);
                    assertTrue(Arrays.stream(each).allMatch(one -> one == number), () -> Arrays.toString(each));
                }
                long[] next = queue.peek();
                if (next != null) assertEquals(next[0], next[next.length - 1]);
            }
            gets.join(30_000);
            assertFalse(gets.isAlive());
            assertThrows(QueueShutDownException.class, queue::tryGet);
            for (Worker worker : workers) assertTrue(worker.join(LONG));
        }
    }
}
