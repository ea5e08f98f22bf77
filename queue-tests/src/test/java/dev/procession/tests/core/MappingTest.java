package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeaseLostException;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Producer;
import dev.procession.core.QueueClosedException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A queue's file is mapped for as long as somebody can use it, and no longer; no garbage collection is needed for
/// that.
class MappingTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";
    private static final int CYCLES = Effort.of(500, 2_000);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    /// A JVM in which nothing is ever collected.
    private static Child withoutCollector(String flag) {
        return Child.start(flag, "-XX:-UseSerialGC", "-XX:+UnlockExperimentalVMOptions", "-XX:+UseEpsilonGC", "-Xmx1g");
    }

    private interface Cycle extends Serializable {
        void run(int number) throws Throwable;
    }

    /// How many mappings and descriptors the child's JVM has more after many cycles than after a few.
    private static void assertNothingPilesUp(String flag, Cycle cycle) {
        try (var child = withoutCollector(flag); var peer = child.peer()) {
            long more = peer.count(scope -> {
                for (int i = 0; i < 50; i++) cycle.run(i);
                long before = mappingsAndDescriptors();
                for (int i = 50; i < CYCLES; i++) cycle.run(i);
                return mappingsAndDescriptors() - before;
            });
            // the JVM itself maps some: stacks, code, heap
            assertTrue(more < CYCLES / 5, more + " mappings and descriptors more");
        }
    }

    private static long mappingsAndDescriptors() throws IOException {
        try (var maps = Files.lines(Path.of("/proc/self/maps")); var files = Files.list(Path.of("/proc/self/fd"))) {
            return maps.count() + files.count();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void mappingsEndWhenTheHandleIsClosed(String flag) {
        var file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(2, 4096, 0), "").close();
        assertNothingPilesUp(flag, number -> LaneQueue.open(Path.of(file)).close());
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void mappingsEndWithTheLastOfProducersConsumersAndHandle(String flag) {
        var file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(2, 4096, 0), "").close();
        assertNothingPilesUp(flag, number -> {
            var queue = LaneQueue.open(Path.of(file));
            var producer = queue.newProducer();
            var consumer = queue.newConsumer(number % 3 == 0 ? Delivery.EXCLUSIVE : Delivery.SHARED);
            producer.tryPut(new byte[8]);
            if (consumer.tryGet(new byte[8]) != 8) throw new AssertionError("the consumer got nothing");
            if (number % 2 == 0) queue.close();
            producer.close();
            if (number % 4 == 1) queue.close();
            consumer.close();
            queue.close();
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void mappingsEndWhenQueuesAreMadeUsedAndDeletedHoweverLargeTheyAre(String flag) {
        var name = directory.resolve("queue").toString();
        boolean portable = flag.equals(PORTABLE); // makes no sparse files, or slowly
        assertNothingPilesUp(flag, number -> {
            var file = Path.of(name + number);
            var geometry = new QueueGeometry(portable ? 2 : 1024, portable ? 4096 : 1 << 30, 0);
            try (var queue = LaneQueue.create(file, geometry, ""); var producer = queue.newProducer()) {
                producer.tryPut(new byte[8]);
                if (queue.size() != 1 || queue.isEmpty()) throw new AssertionError("size");
            }
            LaneQueue.delete(file);
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void mappingsEndWithSharedQueuesAlsoWithThoseThatThreadsWaitIn(String flag) {
        assertNothingPilesUp(flag, number -> {
            if (number > 300) return;
            var queue = SharedQueue.create(Codec.int64());
            queue.put(1L);
            queue.get();
            var waiting = new Thread(() -> assertThrows(QueueClosedException.class, queue::get));
            if (number % 50 == 0) waiting.start();
            queue.close();
            waiting.join();
        });
    }

    /// The kernel lets a process have some 65,000 mappings, and the JVM itself needs more of them from time to time.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void whoMapsTooMuchIsToldSoAndTheJvmLives(String flag) throws IOException {
        long limit = Long.parseLong(Files.readAllLines(Path.of("/proc/sys/vm/max_map_count")).getFirst());
        assumeTrue(limit > 50_000 && limit < 100_000, "the kernel's default is 65,530, and here it is " + limit);
        var file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(1024, 4096, 0), "").close();
        try (var child = Child.start(flag); var peer = child.peer()) {
            peer.run(scope -> {
                var queue = LaneQueue.open(Path.of(file));
                var producers = new ArrayList<Producer>();
                for (int i = 0; i < 1024; i++) producers.add(queue.newProducer());
                for (var producer : producers) assertTrue(producer.tryPut(new byte[8]));
                var handles = new ArrayList<LaneQueue>();
                var thrown = assertThrows(QueueUnavailableException.class, () -> {
                    while (handles.size() < 1000) {
                        handles.add(LaneQueue.open(Path.of(file)));
                        handles.getLast().size();
                    }
                });
                assertTrue(thrown.getMessage().contains("vm.max_map_count"), thrown.getMessage());
                assertTrue(handles.size() > 25, () -> handles.size() + " handles with 1024 mapped lanes each");
                for (var thread : List.of(new Thread(() -> {}), new Thread(() -> {}))) thread.start();
                handles.forEach(LaneQueue::close);
                try (var another = LaneQueue.open(Path.of(file))) {
                    assertEquals(1024, another.size());
                }
                producers.forEach(Producer::close);
                queue.close();
            });
        }
    }

    /// Whoever asks while somebody else closes gets an answer or a QueueClosedException; the JVM lives.
    @Test
    void nobodyTouchesTheMappingAfterItsEnd() throws Exception {
        var file = directory.resolve("queue");
        LaneQueue.create(file, new QueueGeometry(8, 4096, 4), "").close();
        try (var child = Child.start(); var peer = child.peer()) {
            var path = file.toString();
            peer.run(scope -> {
                for (int round = 0; round < 50; round++) closeUnderQuestions(Path.of(path));
            });
        }
    }

    private static void closeUnderQuestions(Path file) throws Exception {
        var queue = LaneQueue.open(file);
        var asking = new AtomicBoolean();
        var failed = new AtomicReference<Throwable>();
        var threads = new ArrayList<Thread>();
        List<Runnable> questions =
                List.of(queue::isEmpty, queue::size, queue::isFull, queue::stats, () -> newAndClosed(queue));
        for (var question : questions) {
            threads.add(Thread.ofPlatform().start(() -> {
                try {
                    while (true) {
                        question.run();
                        asking.set(true);
                    }
                } catch (QueueClosedException e) {
                    // as it should be
                } catch (Throwable e) {
                    failed.set(e);
                }
            }));
        }
        while (!asking.get() && failed.get() == null) Thread.onSpinWait();
        queue.close();
        for (var thread : threads) thread.join(TimeUnit.SECONDS.toMillis(Peer.DEADLINE_SECONDS));
        if (failed.get() != null) throw new AssertionError(failed.get());
    }

    private static void newAndClosed(LaneQueue queue) {
        Producer producer = queue.newProducer();
        producer.close();
        assertThrows(QueueClosedException.class, () -> producer.tryPut(new byte[8]));
    }

    @Test
    void whatIsUsedAfterAllWasClosedSaysSoAndTheJvmLives() {
        var file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(2, 1 << 16, 3, Leasing.DEFAULT), "").close();
        try (var child = Child.start(); var peer = child.peer()) {
            peer.run(scope -> {
                var queue = LaneQueue.open(Path.of(file));
                var producer = queue.newProducer();
                var consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED);
                var leases = new ArrayDeque<Lease>();
                for (int i = 0; i < 3; i++) {
                    producer.tryPut(new byte[8]);
                    leases.add(consumer.tryLease((message, lease) -> {}));
                }
                producer.close();
                consumer.close();
                queue.close();
                assertThrows(LeaseLostException.class, leases.remove()::done);
                assertThrows(LeaseLostException.class, leases.getFirst()::giveBack);
                assertThrows(IllegalStateException.class, leases.remove()::giveBack);
                leases.remove().close();
                assertThrows(QueueClosedException.class, () -> producer.tryPut(new byte[8]));
                assertThrows(QueueClosedException.class, () -> producer.put(new byte[0]));
                assertThrows(QueueClosedException.class, () -> producer.tryClaim(8));
                assertThrows(QueueClosedException.class, () -> producer.hasRoom(8));
                assertThrows(QueueClosedException.class, () -> consumer.tryGet(new byte[8]));
                assertThrows(QueueClosedException.class, () -> consumer.poll(message -> {}, 1));
                assertThrows(QueueClosedException.class, () -> consumer.lease((message, lease) -> {}, 1));
                assertThrows(QueueClosedException.class, queue::isEmpty);
                assertThrows(QueueClosedException.class, queue::isFull);
                assertThrows(QueueClosedException.class, queue::size);
                assertThrows(QueueClosedException.class, queue::stats);
                assertThrows(QueueClosedException.class, queue::newProducer);
                assertThrows(QueueClosedException.class, () -> queue.newConsumer(Delivery.LEASED));
                queue.close();
            });
            // the leases were given back with their consumer
            peer.run(scope -> {
                try (var queue = LaneQueue.open(Path.of(file));
                        var consumer = queue.newConsumer(Delivery.LEASED)) {
                    assertEquals(3, consumer.poll(message -> {}, 10));
                }
            });
        }
    }
}
