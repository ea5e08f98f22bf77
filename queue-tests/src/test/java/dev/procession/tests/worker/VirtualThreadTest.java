package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.procession.Codec;
import dev.procession.Lease;
import dev.procession.QueueEmptyException;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueClosedException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.WaitStrategy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Virtual threads that wait give their carrier back. Each case runs in a JVM that has one carrier: a wait that kept it
/// would stop everything.
class VirtualThreadTest {
    private static final List<String> ONE_CARRIER = List.of(
            "-Djdk.virtualThreadScheduler.parallelism=1",
            "-Djdk.virtualThreadScheduler.maxPoolSize=1",
            "-XX:+UseSerialGC");
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Dtest.platform=native";
    private static final int SECONDS = 30; // for what takes none

    @TempDir
    Path folder;

    private void assertPasses(String name, String... options) throws Exception {
        List<String> all = new ArrayList<>(ONE_CARRIER);
        all.addAll(Arrays.asList(options));
        try (var jvm = Processes.Jvm.start(folder, all, Main.class, name)) {
            int status = jvm.awaitEnd();
            assertEquals("passed", jvm.output(), () -> name + " ended with status " + status);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void inGet(String platform) throws Exception {
        assertPasses("get", platform);
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void inPutWhileTheQueueIsFull(String platform) throws Exception {
        assertPasses("put", platform);
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void inLease(String platform) throws Exception {
        assertPasses("lease", platform);
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void withAProducerOrConsumerOfTheirOwn(String platform) throws Exception {
        assertPasses("own", platform);
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void tenThousandOfThemAndEachGetsItsItem(String platform) throws Exception {
        assertPasses("many", platform, "-Xmx1g");
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void andAreEndedByInterruptsTimeoutsAndClose(String platform) throws Exception {
        assertPasses("ends", platform);
    }

    /// If each looked by a timer of its own, the carrier would find one that looks in vain after the other, and come to
    /// no other thread for minutes.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void thousandsWithAConsumerOfTheirOwnAndWhoClosesTheQueueGetsToIt(String platform) throws Exception {
        assertPasses("crowd", platform, "-Xmx1g");
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE})
    void forAWorker(String platform) throws Exception {
        assertPasses("worker", platform);
    }

    /// One case in a JVM of its own.
    static final class Main {
        private static final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();

        private Main() {}

        private interface Work {
            void run() throws Exception;
        }

        private static Thread virtual(Work work) {
            return Thread.startVirtualThread(() -> {
                try {
                    work.run();
                } catch (Throwable e) {
                    failures.add(e);
                }
            });
        }

        private static void join(Thread thread) throws InterruptedException {
            if (!thread.join(Duration.ofSeconds(SECONDS))) throw new AssertionError("still waiting: " + thread);
        }

        /// Whether a virtual thread that has nothing to do with queues gets to run.
        private static void assertCarrierIsFree() throws InterruptedException {
            var ran = new CountDownLatch(1);
            virtual(ran::countDown);
            if (!ran.await(SECONDS, TimeUnit.SECONDS)) throw new AssertionError("no carrier is free");
        }

        /// Until each waits, be it in a sleep of the queue's or for its turn.
        private static List<Thread> waiting(int count, Work work) throws InterruptedException {
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < count; i++) threads.add(virtual(work));
            for (Thread thread : threads) {
                while (thread.getState() != Thread.State.WAITING && thread.getState() != Thread.State.TIMED_WAITING) {
                    if (!failures.isEmpty()) throw new AssertionError(failures.peek());
                    Thread.sleep(1);
                }
            }
            return threads;
        }

        public static void main(String[] args) throws Exception {
            Thread watch = Thread.ofPlatform().daemon().start(() -> {
                try {
                    Thread.sleep(Duration.ofSeconds(SECONDS + 15));
                } catch (InterruptedException e) {
                    return;
                }
                System.out.println("hangs");
                Runtime.getRuntime().halt(9);
            });
            switch (args[0]) {
                case "get" -> get();
                case "put" -> put();
                case "lease" -> lease();
                case "own" -> own();
                case "many" -> many();
                case "ends" -> ends();
                case "crowd" -> crowd();
                case "worker" -> worker();
                default -> throw new IllegalArgumentException(args[0]);
            }
            watch.interrupt();
            failures.forEach(Throwable::printStackTrace);
            System.out.println(failures.isEmpty() ? "passed" : "failed");
        }

        private static void get() throws Exception {
            try (var queue = SharedQueue.create(Codec.int64())) {
                List<Thread> threads = waiting(20, queue::get);
                assertCarrierIsFree();
                join(virtual(() -> {
                    for (long i = 0; i < 20; i++) queue.put(i);
                }));
                for (Thread thread : threads) join(thread);
            }
        }

        private static void put() throws Exception {
            var small = QueueOptions.DEFAULT.withMaxItems(1);
            try (var queue = SharedQueue.create(Codec.int64(), small)) {
                queue.put(0L);
                List<Thread> threads = waiting(20, () -> queue.put(1L));
                assertCarrierIsFree();
                join(virtual(() -> {
                    for (long i = 0; i < 21; i++) queue.get(Duration.ofSeconds(SECONDS));
                }));
                for (Thread thread : threads) join(thread);
            }
        }

        private static void lease() throws Exception {
            var leased = QueueOptions.DEFAULT.leased();
            try (var queue = SharedQueue.create(Codec.int64(), leased)) {
                List<Thread> threads = waiting(20, () -> {
                    try (Lease<Long> lease = queue.lease()) {
                        lease.done();
                    }
                });
                assertCarrierIsFree();
                join(virtual(() -> {
                    for (long i = 0; i < 20; i++) queue.put(i);
                }));
                for (Thread thread : threads) join(thread);
                if (!queue.isEmpty()) throw new AssertionError("left: " + queue.size());
            }
        }

        /// Each with a consumer or producer of its own, by each way to wait.
        private static void own() throws Exception {
            var file = Path.of("/dev/shm/procession-test-virtual-" + ProcessHandle.current().pid());
            for (var strategy : List.of(WaitStrategy.spinning(), WaitStrategy.sleeping(),
                    WaitStrategy.spinThenSleep())) {
                try (var queue = LaneQueue.create(file, new QueueGeometry(16, 4096, 0), "")) {
                    var all = new CountDownLatch(8);
                    List<Thread> threads = new ArrayList<>();
                    for (int i = 0; i < 8; i++) {
                        threads.add(virtual(() -> {
                            try (var consumer = queue.newConsumer(Delivery.SHARED, strategy)) {
                                all.countDown();
                                consumer.get(new byte[8]);
                            }
                        }));
                    }
                    if (!all.await(SECONDS, TimeUnit.SECONDS)) throw new AssertionError("not all came to wait");
                    assertCarrierIsFree();
                    join(virtual(() -> {
                        try (var producer = queue.newProducer(strategy)) {
                            for (int i = 0; i < 8; i++) producer.put(new byte[8]);
                        }
                    }));
                    for (Thread thread : threads) join(thread);

                    Thread full = virtual(() -> {
                        try (var producer = queue.newProducer(strategy)) {
                            for (int i = 0; i < 1000; i++) producer.put(new byte[8]);
                        }
                    });
                    assertCarrierIsFree();
                    join(virtual(() -> {
                        try (var consumer = queue.newConsumer(Delivery.EXCLUSIVE, strategy)) {
                            for (int i = 0; i < 1000; i++) consumer.get(new byte[8]);
                        }
                    }));
                    join(full);
                }
                LaneQueue.delete(file);
            }
        }

        private static void many() throws Exception {
            int count = 10_000;
            try (var queue = SharedQueue.create(Codec.int64())) {
                var got = new ConcurrentLinkedQueue<Long>();
                List<Thread> threads = waiting(count, () -> got.add(queue.get()));
                assertCarrierIsFree();
                for (long i = 0; i < count; i++) queue.put(i);
                for (Thread thread : threads) join(thread);
                if (got.stream().distinct().count() != count) throw new AssertionError("got " + got.size());
            }
        }

        private static void ends() throws Exception {
            var queue = SharedQueue.create(Codec.int64());
            for (Thread thread : waiting(10, () -> expect(InterruptedException.class, queue::get))) {
                thread.interrupt();
                join(thread);
            }
            for (int i = 0; i < 10; i++) {
                join(virtual(() -> expect(QueueEmptyException.class, () -> queue.get(Duration.ofMillis(20)))));
            }
            List<Thread> threads = waiting(10, () -> expect(QueueClosedException.class, queue::get));
            queue.close();
            for (Thread thread : threads) join(thread);
        }

        private static void crowd() throws Exception {
            int count = 8_000;
            var geometry = new QueueGeometry(2, 1 << 16, 0, Leasing.DEFAULT);
            try (var queue = LaneQueue.createAnonymous(geometry, ""); var producer = queue.newProducer()) {
                producer.put(new byte[1]);
                var holder = (LeasingConsumer) queue.newConsumer(Delivery.LEASED);
                var held = Objects.requireNonNull(holder.tryLease((message, lease) -> {}));
                var all = new CountDownLatch(count);
                List<Thread> threads = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    threads.add(virtual(() -> expect(QueueClosedException.class, () -> {
                        try (var consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
                            all.countDown();
                            consumer.lease((message, lease) -> {}, Long.MAX_VALUE);
                        }
                    })));
                }
                if (!all.await(SECONDS, TimeUnit.SECONDS)) throw new AssertionError("not all came to wait");
                for (int i = 0; i < 200; i++) assertCarrierIsFree();
                join(virtual(queue::close));
                for (Thread thread : threads) join(thread);
                held.done();
                holder.close();
            }
        }

        private static void expect(Class<? extends Throwable> type, Work work) {
            try {
                work.run();
            } catch (Throwable e) {
                if (type.isInstance(e)) return;
                throw new AssertionError("not " + type, e);
            }
            throw new AssertionError("no " + type);
        }

        private static void worker() throws Exception {
            try (var queue = SharedQueue.create(Codec.int64()); var go = SharedQueue.create(Codec.int64())) {
                var started = new CountDownLatch(1);
                Thread waits = virtual(() -> {
                    Worker worker = Worker.of(() -> {
                        queue.put(1L);
                        go.get();
                    }).start();
                    started.countDown();
                    worker.join();
                });
                if (!started.await(SECONDS, TimeUnit.SECONDS)) throw new AssertionError("no worker");
                join(virtual(queue::get));
                assertCarrierIsFree();
                go.put(1L);
                join(waits);
            }
        }
    }
}
