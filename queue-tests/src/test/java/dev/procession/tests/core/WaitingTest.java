package dev.procession.tests.core;

import static dev.procession.core.Consumer.EMPTY;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueClosedException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.WaitStrategy;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Waiting for messages and for room: it sleeps, it is woken, and it can be ended.
class WaitingTest {
    private static final long LANE_BYTES = 4096;
    /// When so many items of 24 bytes are taken, the head has left a chunk, half of a lane: this wakes a producer.
    private static final long CHUNK_ITEMS = LANE_BYTES / 2 / 32;
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private String file;

    @BeforeEach
    void makeQueue() {
        file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(4, LANE_BYTES, 0), "waiting").close();
    }

    private Peer consumer(String flag, Delivery delivery) {
        var peer = Child.kept("waits", flag).peer();
        var where = file;
        peer.run(scope -> scope.open(where).consumer(delivery));
        return peer;
    }

    private Peer producer(String flag) {
        var peer = Child.kept("wakes", flag).peer();
        var where = file;
        peer.run(scope -> scope.open(where).producer());
        return peer;
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aSleepingConsumerOfAnotherProcessIsWokenByAPut(String flag) {
        try (var sleeper = consumer(flag, Delivery.SHARED);
                var waker = producer(flag)) {
            for (int round = 0; round < 40; round++) {
                byte[] message = {(byte) round};
                var sleeping = sleeper.start(scope -> scope.await());
                pause(round);
                waker.run(scope -> scope.producer.put(message));
                assertArrayEquals(message, Peer.join(sleeping));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aSleepingProducerOfAnotherProcessIsWokenByAGet(String flag) {
        try (var waker = consumer(flag, Delivery.EXCLUSIVE);
                var sleeper = producer(flag)) {
            for (int round = 0; round < 40; round++) {
                sleeper.run(scope -> {
                    while (scope.producer.tryPut(new byte[24])) {}
                });
                var sleeping = sleeper.start(scope -> {
                    scope.producer.put(new byte[24]);
                    return true;
                });
                pause(round);
                waker.run(scope -> {
                    for (int i = 0; i < CHUNK_ITEMS; i++) assertEquals(24, scope.take().length);
                });
                assertTrue(Peer.join(sleeping));
            }
        }
    }

    /// A sleep that nobody ends takes up to 50 ms by then, so it would end within 3 ms of what ends it in one of
    /// sixteen cases; here it does in at least one of four. Only those rounds count in which the sleeper's process also
    /// began to answer a question within 3 ms: on a busy machine it does so late, and then this would say nothing.
    private static void assertWoken(Child sleeper, LongSupplier round) {
        int told = 0;
        int prompt = 0;
        try (var control = sleeper.peer()) {
            for (int i = 0; i < 40 && told < 16; i++) {
                long nanos = round.getAsLong();
                long asked = System.nanoTime();
                if (control.count(scope -> System.nanoTime()) - asked > 3_000_000) continue;
                told++;
                if (nanos < 3_000_000) prompt++;
            }
        }
        assumeTrue(told == 16, "this machine is too busy to tell");
        assertTrue(prompt >= told / 4, prompt + " of " + told + " were woken promptly");
    }

    /// Until it sleeps for as long as it ever does.
    private static void untilDeepSleep(Random64 random) {
        try {
            Thread.sleep(120 + random.below(50));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aConsumerIsWokenAndDoesNotJustLookNowAndThen() {
        var random = new Random64(Random64.seed());
        try (var sleeper = consumer(NATIVE, Delivery.SHARED);
                var waker = producer(NATIVE)) {
            assertWoken(Child.kept("waits", NATIVE), () -> {
                var sleeping = sleeper.start(scope -> {
                    scope.await();
                    return System.nanoTime(); // the machine's clock
                });
                untilDeepSleep(random);
                long put = waker.count(scope -> {
                    long now = System.nanoTime();
                    scope.producer.put(new byte[1]);
                    return now;
                });
                return Peer.join(sleeping) - put;
            });
        }
    }

    @Test
    void aProducerIsWokenAndDoesNotJustLookNowAndThen() {
        var random = new Random64(Random64.seed());
        try (var waker = consumer(NATIVE, Delivery.SHARED);
                var sleeper = producer(NATIVE)) {
            assertWoken(Child.kept("wakes", NATIVE), () -> {
                sleeper.run(scope -> {
                    while (scope.producer.tryPut(new byte[24])) {}
                });
                var sleeping = sleeper.start(scope -> {
                    scope.producer.put(new byte[24]);
                    return System.nanoTime();
                });
                untilDeepSleep(random);
                long taken = waker.count(scope -> {
                    long now = System.nanoTime();
                    for (int i = 0; i < CHUNK_ITEMS; i++) scope.take();
                    return now;
                });
                return Peer.join(sleeping) - taken;
            });
        }
    }

    /// Long enough, now and then, for the other side to have fallen asleep deeply.
    private static void pause(int round) {
        try {
            Thread.sleep(round % 8 * 8L);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void allSleepingConsumersGetTheirMessages() {
        var peers = List.of(consumer(NATIVE, Delivery.SHARED), consumer(NATIVE, Delivery.SHARED),
                consumer(NATIVE, Delivery.SHARED));
        try (var waker = producer(NATIVE)) {
            for (int round = 0; round < 20; round++) {
                var sleeping = peers.stream().map(peer -> peer.start(scope -> scope.await())).toList();
                pause(round);
                waker.run(scope -> {
                    for (byte i = 0; i < 3; i++) scope.producer.put(new byte[] {i});
                });
                byte[] got = new byte[3];
                for (CompletableFuture<byte[]> future : sleeping) got[Peer.join(future)[0]]++;
                assertArrayEquals(new byte[] {1, 1, 1}, got);
            }
        } finally {
            peers.forEach(Peer::close);
        }
    }

    @Test
    void aWaitingGetPassesAnInterruptOn() throws Exception {
        try (var queue = LaneQueue.open(Path.of(file));
                var consumer = queue.newConsumer(Delivery.SHARED)) {
            assertInterruptible(() -> consumer.get(new byte[8], Long.MAX_VALUE));
            assertInterruptible(() -> consumer.poll(message -> {}, 1, Long.MAX_VALUE));
            // and is as good as before
            queue.newProducer().put(new byte[3]);
            assertEquals(3, consumer.get(new byte[8], Long.MAX_VALUE));
        }
    }

    @Test
    void aWaitingPutPassesAnInterruptOnAndHasPutNothing() throws Exception {
        try (var queue = LaneQueue.open(Path.of(file));
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(Delivery.SHARED)) {
            int full = 0;
            while (producer.tryPut(new byte[24])) full++;
            assertInterruptible(() -> producer.put(new byte[24]));
            assertInterruptible(() -> producer.put(new byte[24], 0, 24, Long.MAX_VALUE));
            int got = 0;
            while (consumer.tryGet(new byte[24]) != EMPTY) got++;
            assertEquals(full, got);
            producer.put(new byte[24]);
        }
    }

    private interface Waiting {
        void run() throws Exception;
    }

    private static Thread waitingThread(Waiting waiting, AtomicReference<Throwable> end) {
        var thread = Thread.ofPlatform().daemon().start(() -> {
            try {
                waiting.run();
                end.set(new AssertionError("returned"));
            } catch (Throwable thrown) {
                end.set(thrown);
            }
        });
        Await.until("the thread waits", () -> thread.getState() == Thread.State.RUNNABLE
                || thread.getState() == Thread.State.TIMED_WAITING);
        pause(5);
        return thread;
    }

    private static void assertInterruptible(Waiting waiting) throws Exception {
        var end = new AtomicReference<Throwable>();
        var thread = waitingThread(waiting, end);
        thread.interrupt();
        assertTrue(thread.join(Duration.ofSeconds(Peer.DEADLINE_SECONDS)), "still waiting");
        assertTrue(end.get() instanceof InterruptedException, () -> String.valueOf(end.get()));
    }

    private static void assertEndedBy(Runnable close, Waiting waiting) throws Exception {
        var end = new AtomicReference<Throwable>();
        var thread = waitingThread(waiting, end);
        close.run();
        assertTrue(thread.join(Duration.ofSeconds(Peer.DEADLINE_SECONDS)), "still waiting");
        assertTrue(end.get() instanceof QueueClosedException, () -> String.valueOf(end.get()));
    }

    @Test
    void aWaitingGetIsEndedWhenItsQueueIsClosed() throws Exception {
        for (int round = 0; round < 20; round++) {
            var queue = LaneQueue.open(Path.of(file));
            try (var consumer = queue.newConsumer(round % 2 == 0 ? Delivery.SHARED : Delivery.EXCLUSIVE)) {
                boolean polls = round % 4 < 2;
                assertEndedBy(queue::close, () -> {
                    if (polls) consumer.poll(message -> {}, 1, Long.MAX_VALUE);
                    else consumer.get(new byte[8], Long.MAX_VALUE);
                });
            }
        }
    }

    @Test
    void aWaitingPutIsEndedWhenItsQueueIsClosed() throws Exception {
        for (int round = 0; round < 20; round++) {
            var queue = LaneQueue.open(Path.of(file));
            try (var producer = queue.newProducer()) {
                while (producer.tryPut(new byte[24])) {}
                assertEndedBy(queue::close, () -> producer.put(new byte[24]));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aWaitingConsumerUsesHardlyAnyProcessor(String flag) {
        try (var waits = consumer(flag, Delivery.SHARED)) {
            assertIdle(waits, Child.kept("waits", flag), waits.start(scope -> scope.await()));
            try (var waker = producer(flag)) {
                waker.run(scope -> scope.producer.put(new byte[1]));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aWaitingProducerUsesHardlyAnyProcessor(String flag) {
        try (var waits = producer(flag)) {
            waits.run(scope -> {
                while (scope.producer.tryPut(new byte[24])) {}
            });
            assertIdle(waits, Child.kept("wakes", flag), waits.start(scope -> {
                scope.producer.put(new byte[24]);
                return true;
            }));
            try (var waker = consumer(flag, Delivery.SHARED)) {
                waker.run(scope -> {
                    for (int i = 0; i < CHUNK_ITEMS; i++) scope.take();
                });
            }
        }
    }

    private static void assertIdle(Peer peer, Child child, CompletableFuture<?> waiting) {
        pause(7);
        long start = System.nanoTime();
        var before = child.process().info().totalCpuDuration().orElseThrow();
        do pause(7);
        while (System.nanoTime() - start < Duration.ofMillis(1_200).toNanos());
        var used = child.process().info().totalCpuDuration().orElseThrow().minus(before);
        long elapsed = System.nanoTime() - start;
        assertTrue(!waiting.isDone(), "did not wait");
        assertTrue(used.toNanos() * 10 < elapsed, "used " + used.toMillis() + " ms of " + elapsed / 1_000_000);
    }

    @Test
    void everyWaitStrategyDeliversBothWays() throws Exception {
        var strategies = List.of(WaitStrategy.spinning(), WaitStrategy.spinThenSleep(),
                WaitStrategy.of(new org.agrona.concurrent.SleepingMillisIdleStrategy(1)),
                WaitStrategy.of(new org.agrona.concurrent.YieldingIdleStrategy()));
        try (var queue = LaneQueue.open(Path.of(file))) {
            for (var strategy : strategies) {
                try (var producer = queue.newProducer(strategy);
                        var consumer = queue.newConsumer(Delivery.SHARED, strategy)) {
                    var putting = CompletableFuture.runAsync(() -> {
                        try {
                            for (int i = 0; i < 1_000; i++) producer.put(new byte[i % 50]);
                        } catch (InterruptedException e) {
                            throw new AssertionError(e);
                        }
                    });
                    for (int i = 0; i < 1_000; i++) assertEquals(i % 50, consumer.get(new byte[50], Long.MAX_VALUE));
                    Peer.join(putting);
                    assertEquals(EMPTY, consumer.get(new byte[50], 5_000_000));
                }
            }
        }
    }
}
