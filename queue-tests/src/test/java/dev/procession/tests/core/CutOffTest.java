package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueCorruptedException;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A process cuts off the file that others have mapped: those are told so and live, and so do their other queues.
class CutOffTest {
    private static final long LANE_BYTES = 1 << 18;

    /// The JVM may tell of a bad access late, in the code behind the call that made it. So many times at the most,
    /// until the queue has found out by itself.
    private static final int MOST_LATE = 100_000;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private enum Cut {
        ALL, HEADER, LANES, MIDDLE_OF_A_LANE;

        long bytes(long size, long lanes) {
            return switch (this) {
                case ALL -> 0;
                case HEADER -> 4096;
                case LANES -> size - lanes;
                case MIDDLE_OF_A_LANE -> size - lanes + LANE_BYTES / 2;
            };
        }
    }

    static List<Arguments> all() {
        var all = new ArrayList<Arguments>();
        for (String way : List.of("-Ddev.procession.tests=native", "-Ddev.procession.bounds=checked",
                "-Ddev.procession.platform=portable")) {
            for (var delivery : Delivery.values()) {
                for (var cut : Cut.values()) all.add(Arguments.of(way, delivery, cut));
            }
        }
        return all;
    }

    private static QueueGeometry geometry(Delivery delivery, long maxItems) {
        return new QueueGeometry(2, LANE_BYTES, maxItems, delivery == Delivery.LEASED ? Leasing.DEFAULT : null);
    }

    private static void cut(String file, Cut cut, Delivery delivery) throws IOException {
        try (var channel = FileChannel.open(Path.of(file), StandardOpenOption.WRITE)) {
            long lanes = 2 * (LANE_BYTES + (delivery == Delivery.LEASED ? LANE_BYTES / 8 : 0));
            channel.truncate(cut.bytes(channel.size(), lanes));
        }
    }

    /// What a thread is told that does this all the time while the file is cut off. What the JVM tells late does not
    /// count.
    private static String untilCutOff(Executable call) throws Throwable {
        int late = 0;
        while (true) {
            try {
                while (true) call.execute();
            } catch (InternalError | NullPointerException e) { // or made a method return nothing
                if (++late > MOST_LATE) throw e;
            } catch (QueueCorruptedException e) {
                return e.getMessage();
            }
        }
    }

    private void assertCutOff(String file, String said) {
        assertTrue(said.contains(file) && said.contains("cut off") && said.contains("close it"), said);
    }

    private static void assertCutOff(Executable call) {
        var thrown = assertThrows(QueueCorruptedException.class, call);
        assertTrue(thrown.getMessage().contains("cut off"), thrown.getMessage());
    }

    @ParameterizedTest
    @MethodSource("all")
    void whoUsesAFileThatIsCutOffIsToldSoAndLives(String way, Delivery delivery, Cut cut) throws Exception {
        String file = directory.resolve("queue").toString();
        String other = directory.resolve("other").toString();
        LaneQueue.create(Path.of(file), geometry(delivery, 0), "").close();
        LaneQueue.create(Path.of(other), geometry(delivery, 0), "").close();
        try (var puts = Child.kept("is cut off", way, "-XX:-BackgroundCompilation").peer();
                var gets = Child.kept("is cut off", way, "-XX:-BackgroundCompilation").peer();
                var unaffected = Child.kept("is cut off", way, "-XX:-BackgroundCompilation").peer()) {
            unaffected.run(scope -> {
                scope.open(other).producer();
                scope.consumer(delivery);
                scope.producer.put(new byte[] {1});
            });
            puts.run(scope -> scope.open(file).producer());
            gets.run(scope -> scope.open(file).consumer(delivery));
            byte[] message = new byte[300];
            var putting = puts.start(scope -> untilCutOff(() -> scope.producer.tryPut(message)));
            int[] turns = {0};
            var getting = gets.start(scope -> untilCutOff(() -> {
                if ((++turns[0] & 64) == 0) scope.take();
                else scope.consumer.poll(seen -> {}, 20);
            }));
            // by then the code is compiled, and at once: in the interpreter a compare-and-set is a call into the JVM,
            // in which the JVM does not survive a bad access
            try (var watched = LaneQueue.open(Path.of(file))) {
                long chunks = 20 * LANE_BYTES / watched.geometry().chunkBytes();
                Await.until("it has been used for a while", () -> watched.stats().lanes().stream()
                        .mapToLong(lane -> lane.head() >>> 32).sum() > chunks); // a head's upper half counts chunks
            }
            cut(file, cut, delivery);
            assertCutOff(file, Peer.join(putting));
            assertCutOff(file, Peer.join(getting));
            puts.run(scope -> {
                assertCutOff(() -> scope.producer.tryPut(message));
                assertCutOff(() -> scope.producer.put(message));
                assertCutOff(() -> scope.producer.tryClaim(10));
                assertCutOff(() -> scope.producer.hasRoom(10));
                assertCutOff(() -> scope.queue.newProducer());
            });
            gets.run(scope -> {
                assertCutOff(() -> scope.consumer.tryGet(new byte[300]));
                assertCutOff(() -> scope.consumer.get(new byte[300]));
                assertCutOff(() -> scope.consumer.poll(seen -> {}, 1));
                assertCutOff(() -> scope.queue.newConsumer(delivery));
            });
            for (var peer : List.of(puts, gets)) {
                peer.run(scope -> {
                    assertCutOff(() -> scope.queue.isEmpty());
                    assertCutOff(() -> scope.queue.isFull());
                    assertCutOff(() -> scope.queue.size());
                    assertCutOff(() -> scope.queue.stats());
                });
            }
            unaffected.run(scope -> {
                assertArrayEquals(new byte[] {1}, scope.take());
                scope.producer.put(new byte[] {2});
                assertArrayEquals(new byte[] {2}, scope.take());
            });
        } // closes all of them
        Files.delete(Path.of(file));
        LaneQueue.create(Path.of(file), geometry(delivery, 0), "").close();
        LaneQueue.delete(Path.of(file));
        LaneQueue.delete(Path.of(other));
    }

    @ParameterizedTest
    @MethodSource("all")
    void whoWaitsAtAFileThatIsCutOffIsToldSoSoon(String way, Delivery delivery, Cut cut) throws Exception {
        String file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), geometry(delivery, 3), "").close();
        String empty = directory.resolve("empty").toString();
        LaneQueue.create(Path.of(empty), geometry(delivery, 0), "").close();
        try (var puts = Child.kept("is cut off", way, "-XX:-BackgroundCompilation").peer();
                var gets = Child.kept("is cut off", way, "-XX:-BackgroundCompilation").peer();
                var claims = Child.kept("is cut off", way, "-XX:-BackgroundCompilation").peer()) {
            gets.run(scope -> scope.open(empty).consumer(delivery));
            puts.run(scope -> scope.open(file).producer());
            claims.run(scope -> scope.open(file).producer());
            claims.run(scope -> scope.producer.tryClaim(8).putLong(0, 1));
            puts.run(scope -> {
                while (scope.producer.tryPut(new byte[8])) {}
            });
            var getting = gets.start(scope -> untilCutOff(() -> scope.await()));
            var putting = puts.start(scope -> untilCutOff(() -> scope.producer.put(new byte[8])));
            Thread.sleep(30);
            cut(file, cut, delivery);
            cut(empty, cut, delivery);
            assertCutOff(file, Peer.join(putting));
            assertCutOff(empty, Peer.join(getting));
        } // one has an open claim
        Files.delete(Path.of(file));
        Files.delete(Path.of(empty));
    }
}
