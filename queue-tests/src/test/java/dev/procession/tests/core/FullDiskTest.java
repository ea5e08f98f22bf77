package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeaseLostException;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A small file system that fills up: full queues and clear errors, never a process that dies of SIGBUS.
class FullDiskTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";
    private static final QueueGeometry GEOMETRY = new QueueGeometry(3, 1 << 20, 0);

    private static final long LANE_0_LOCK = 16;

    @TempDir
    Path directory;

    private boolean mounted;

    private void mount(int kibibytes) throws Exception {
        var mount =
                new ProcessBuilder("mount", "-t", "tmpfs", "-o", "mode=700,size=" + kibibytes + "k", "procession-test",
                        directory.toString()).redirectErrorStream(true).start();
        String said = new String(mount.getInputStream().readAllBytes());
        mounted = mount.waitFor() == 0;
        assumeTrue(mounted, "needs a file system of its own, and may not mount one: " + said.strip());
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) assertEquals(0, new ProcessBuilder("umount", "-l", directory.toString()).start().waitFor());
    }

    private Peer peer(String flag) {
        return Child.kept("fills the disk", flag).peer();
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aQueueWhoseHeaderDoesNotFitIsNotMade(String flag) throws Exception {
        mount(16);
        Path file = directory.resolve("queue");
        Files.write(directory.resolve("ballast"), new byte[3 * 4096]);
        String where = file.toString();
        try (var peer = peer(flag)) {
            var thrown = assertThrows(QueueUnavailableException.class,
                    () -> peer.run(scope -> LaneQueue.create(Path.of(where), GEOMETRY, "")));
            assertTrue(thrown.getMessage().contains("no space"), thrown.getMessage());
        }
        try (var left = Files.list(directory)) {
            assertEquals(1, left.count());
        }
        Files.delete(directory.resolve("ballast"));
        try (var peer = peer(flag)) {
            peer.run(scope -> LaneQueue.create(Path.of(where), GEOMETRY, "").close());
        }
    }

    /// Space is allocated in larger steps while there is much of it.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void theLastPagesAreUsed(String flag) throws Exception {
        mount(512);
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), GEOMETRY, "").close();
        try (var puts = peer(flag)) {
            puts.run(scope -> scope.open(where).producer());
            while (puts.test(scope -> scope.producer.tryPut(new byte[3000]))) {}
            assertEquals(0, Files.getFileStore(directory).getUsableSpace());
            long messages = puts.count(scope -> scope.queue.size());
            assertTrue(messages > 150, messages + " messages");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aLaneWithoutSpaceIsFullUntilThereIsSome(String flag) throws Exception {
        mount(512);
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), GEOMETRY, "").close();
        Path ballast = directory.resolve("ballast");
        Files.write(ballast, new byte[300 << 10]);
        try (var puts = peer(flag);
                var gets = peer(flag)) {
            puts.run(scope -> scope.open(where).producer());
            gets.run(scope -> scope.open(where).consumer(Delivery.SHARED));
            long accepted = puts.count(scope -> {
                int n = 0;
                while (scope.producer.tryPut(new byte[1000])) n++;
                return n;
            });
            assertTrue(accepted > 60 && accepted < 212, "accepted=" + accepted);
            assertFalse(puts.test(scope -> scope.producer.put(new byte[1000], 0, 1000, 3_000_000)));
            long taken = gets.count(scope -> {
                int n = 0;
                while (scope.take() != null) n++;
                return n;
            });
            assertEquals(accepted, taken);

            // the lane is empty, but what it would need next is not there
            assertFalse(puts.test(scope -> scope.producer.tryPut(new byte[1000])));
            var waiting = puts.start(scope -> {
                scope.producer.put(new byte[1000]);
                return true;
            });
            Files.delete(ballast);
            assertTrue(Peer.join(waiting));
            assertEquals(1000, gets.call(scope -> scope.take()).length);
            assertTrue(puts.test(scope -> {
                for (int i = 0; i < 60; i++) if (!scope.producer.tryPut(new byte[1000])) return false;
                return true;
            }));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aProducerWithoutSpaceForItsLaneIsToldSoAndLeavesTheLaneFree(String flag) throws Exception {
        mount(128);
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), GEOMETRY, "").close();
        Path ballast = directory.resolve("ballast");
        try {
            Files.write(ballast, new byte[128 << 10]);
        } catch (IOException full) {}
        try (var puts = peer(flag)) {
            for (int i = 0; i < 5; i++) {
                var thrown = assertThrows(QueueUnavailableException.class,
                        () -> puts.run(scope -> scope.open(where).producer()));
                assertTrue(thrown.getMessage().contains("space"), thrown.getMessage());
            }
            Files.delete(ballast);
            puts.run(scope -> {
                scope.open(where).producer();
                scope.producer.put(new byte[100]);
                assertEquals(1, scope.queue.size());
            });
        }
    }

    /// The owner of the first lane has its lock, but has not come to reserve any space yet; the second lane is in use.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aLaneThatConsumersReadHasItsFirstPage(String flag) throws Exception {
        mount(512);
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), GEOMETRY, "").close();
        try (var channel = FileChannel.open(Path.of(where), StandardOpenOption.WRITE);
                var puts = peer(flag);
                var gets = peer(flag)) {
            channel.lock(LANE_0_LOCK, 1, false);
            puts.run(scope -> scope.open(where).producer());
            assertEquals(1, puts.count(scope -> scope.producer.lane()));
            try {
                Files.write(directory.resolve("ballast"), new byte[512 << 10]);
            } catch (IOException full) {}
            gets.run(scope -> scope.open(where).consumer(Delivery.SHARED));
            puts.run(scope -> assertTrue(scope.producer.tryPut(new byte[100])));
            assertEquals(100, gets.call(scope -> scope.take()).length);
            assertTrue(gets.test(scope -> scope.take() == null && scope.queue.isEmpty()));
        }
    }

    /// Others finish what one consumer holds for too long; the space of it is given back, and a reader or a writer of
    /// its lease words would have to get it again.
    @Test
    void whoHeldALeaseForTooLongIsToldSoAlsoWhereItsMemoryIsGoneAndThereIsNoMore() throws Exception {
        mount(8 << 10);
        String where = directory.resolve("queue").toString();
        var geometry = new QueueGeometry(2, 1 << 25, 1 << 17, 0, new Leasing(100_000_000, 0));
        LaneQueue.create(Path.of(where), geometry, "").close();
        try (var peer = peer(NATIVE)) {
            peer.run(scope -> {
                var queue = scope.open(where).queue;
                var slow = (LeasingConsumer) queue.newConsumer(Delivery.LEASED);
                var quick = (LeasingConsumer) queue.newConsumer(Delivery.LEASED);
                var third = (LeasingConsumer) queue.newConsumer(Delivery.LEASED);
                List<Lease> held = new ArrayList<>();
                try (var producer = queue.newProducer()) {
                    while (held.size() < 400) {
                        assertTrue(producer.tryPut(new byte[8000]));
                        held.add(slow.tryLease((message, lease) -> {}));
                    }
                    assertNull(third.tryLease((message, lease) -> {})); // from now on it times all of them
                    for (int done = 0; done < held.size();) {
                        done += quick.poll(message -> {}, 400); // once they are late
                    }
                }
                try {
                    Files.write(Path.of(where).resolveSibling("ballast"), new byte[8 << 20]);
                } catch (IOException full) {}
                for (Lease lease : held) assertThrows(LeaseLostException.class, lease::done);
                Thread.sleep(10); // longer than a cursor is kept: the next look begins at the heads
                assertNull(third.tryLease((message, lease) -> {}));
                assertTrue(queue.isEmpty());
            });
        }
    }
}
