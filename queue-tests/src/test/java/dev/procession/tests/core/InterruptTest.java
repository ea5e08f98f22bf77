package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Threads that are interrupted all the time, at whatever they do with a queue.
class InterruptTest {
    private static final int ROUNDS = 300;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    /// Without native access an interrupt can close the channel in which the thread is, and all locks of the JVM go
    /// with it.
    @ParameterizedTest
    @ValueSource(strings = {"-Ddev.procession.tests=native", "-Ddev.procession.platform=portable"})
    void neitherBreakTheirOwnHandlesNorThoseOfOthers(String flag) throws Exception {
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), new QueueGeometry(2, 4096, 0), "").close();
        try (var one = Child.start(flag);
                var two = Child.start(flag)) {
            var holder = one.peer();
            holder.run(scope -> {
                scope.open(where).producer();
                scope.consumer(Delivery.SHARED);
            });
            var restless = one.peer();
            assertEquals(ROUNDS, restless.count(scope -> {
                Thread me = Thread.currentThread();
                Thread interrupts = Thread.ofPlatform().daemon().start(() -> {
                    while (!Thread.interrupted()) me.interrupt();
                });
                int taken = 0;
                try {
                    for (int i = 0; i < ROUNDS; i++) {
                        try (var queue = LaneQueue.open(Path.of(where));
                                var producer = queue.newProducer();
                                var consumer = queue.newConsumer(Delivery.SHARED)) {
                            assertTrue(producer.tryPut(new byte[] {1}));
                            taken += consumer.tryGet(new byte[1]);
                        }
                    }
                } finally {
                    interrupts.interrupt();
                    while (interrupts.isAlive()) Thread.onSpinWait(); // a join would be interrupted
                    Thread.interrupted();
                }
                return taken;
            }));
            holder.run(scope -> {
                scope.producer.put(new byte[] {2});
                assertEquals(2, scope.take()[0]);
                assertTrue(scope.queue.isEmpty());
            });
            var other = two.peer();
            other.run(scope -> scope.open(where).producer()); // the lane that the holder has not
            var refused = assertThrows(QueueUnavailableException.class,
                    () -> other.run(scope -> scope.queue.newProducer()));
            assertTrue(refused.getMessage().contains("living producer"), refused.getMessage());
            assertThrows(QueueUnavailableException.class, () -> other.run(scope -> LaneQueue.delete(Path.of(where))));
        }
    }

    /// What they ask for comes, and they are interrupted still.
    @ParameterizedTest
    @ValueSource(strings = {"-Ddev.procession.tests=native", "-Ddev.procession.platform=portable"})
    void keepTheirInterruptStatus(String flag) throws Exception {
        String where = directory.resolve("queue").toString();
        try (var peer = Child.kept("is interrupted", flag).peer()) {
            peer.run(scope -> {
                Thread.currentThread().interrupt();
                try (var made = LaneQueue.create(Path.of(where), new QueueGeometry(1, 4096, 0), "");
                        var queue = LaneQueue.open(Path.of(where));
                        var producer = queue.newProducer();
                        var beside = made.openBeside(".dead", new QueueGeometry(1, 4096, 0), "");
                        var consumer = queue.newConsumer(Delivery.SHARED)) {
                    // it waits a moment before it says so
                    assertThrows(QueueUnavailableException.class, made::newProducer);
                    assertTrue(producer.tryPut(new byte[1]));
                    assertEquals(1, consumer.tryGet(new byte[1]));
                    assertTrue(made.stats().lanes().getFirst().owned() && beside.isEmpty());
                }
                LaneQueue.delete(Path.of(where));
                LaneQueue.delete(Path.of(where + ".dead"));
                assertTrue(Thread.interrupted());
            });
        }
    }
}
