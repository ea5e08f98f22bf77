package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.core.Claim;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.jvm.Points;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A queue with the default shape takes what is put before anything is got, however much, however long and by however
/// many; its memory follows what waits in it.
class BacklogTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";
    private static final int LANES = 256;
    private static final long CHUNK = 2 << 20;
    /// What a queue that is not used has of the memory.
    private static final long IDLE = 128 << 10;
    private static final int KIB = 1 << 10;
    private static final int MIB = 1 << 20;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private String file;
    private boolean mounted;

    @BeforeEach
    void nameFile() {
        file = directory.resolve("queue").toString();
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) assertEquals(0, run("umount", "-l", directory.toString()));
    }

    private static int run(String... command) throws Exception {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getInputStream().readAllBytes();
        return process.waitFor();
    }

    private void create(QueueGeometry geometry) {
        LaneQueue.create(Path.of(file), geometry, "backlog").close();
    }

    /// Skips a test for which this machine has not enough memory for files.
    private void needs(long bytes) throws IOException {
        long space = Files.getFileStore(directory).getUsableSpace();
        assumeTrue(space > bytes, () -> "needs " + bytes + " bytes in " + directory + ", which has " + space);
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            long kibibytes = lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElse(Long.MAX_VALUE >> 10);
            assumeTrue(kibibytes << 10 > bytes, () -> "needs " + bytes + " bytes, and " + kibibytes + " KiB are left");
        }
    }

    private Peer puts(String... flags) {
        var peer = Child.kept("puts a backlog", flags).peer();
        var where = file;
        peer.run(scope -> scope.open(where).producer());
        return peer;
    }

    private Peer gets(Delivery delivery, String... flags) {
        var peer = Child.kept("gets a backlog", flags).peer();
        var where = file;
        peer.run(scope -> scope.open(where).consumer(delivery));
        return peer;
    }

    /// One is stopped while it copies a message of 64 MiB; another takes it, and its space is given back. What the
    /// first reads of it then is allocated again, so it must not be all that it had not read yet.
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whoCopiesWhatAnotherOneHasTakenAllocatesLittleOfIt(boolean poll) throws Exception {
        needs(200L << 20);
        create(QueueGeometry.DEFAULT);
        String where = file;
        String point = poll ? "PrivateCopy.fill/copy:3:stop" : "SharedConsumer.takeOne/copyOut:2:stop";
        try (var puts = puts();
                var gets = gets(Delivery.SHARED);
                var child = Child.start(Points.OPTION + point);
                var slow = child.peer()) {
            slow.run(scope -> scope.open(where).consumer(Delivery.SHARED));
            puts.run(scope -> assertTrue(scope.producer.tryPut(new byte[64 * MIB])));
            var taking = slow.start(scope -> poll
                    ? (long) scope.consumer.poll(message -> {}, 1)
                    : scope.consumer.tryGet(new byte[64 * MIB]));
            child.awaitStopped();
            assertEquals(64 * MIB, gets.count(scope -> scope.consumer.tryGet(new byte[64 * MIB])));
            Await.until("its space is given back", () -> space() <= 2 * CHUNK + IDLE);
            child.resume();
            assertEquals(poll ? 0L : -1L, Peer.join(taking));
            assertTrue(space() <= 2 * CHUNK + IDLE + MIB, () -> space() + " bytes");
        }
    }

    // ---- how much, how long, how many

    @Test
    void aDefaultQueueTakesAHundredThousandItemsBeforeAnyIsGot() throws Exception {
        needs(300L << 20);
        create(QueueGeometry.DEFAULT);
        try (var puts = puts();
                var gets = gets(Delivery.SHARED)) {
            puts.run(scope -> {
                byte[] item = new byte[KIB];
                for (int i = 0; i < 100_000; i++) {
                    ByteBuffer.wrap(item).putInt(0, i).putInt(KIB - 4, ~i);
                    assertTrue(scope.producer.tryPut(item), "full after " + i);
                }
            });
            assertEquals(100_000, gets.count(scope -> scope.queue.size()));
            gets.run(scope -> {
                byte[] item = new byte[KIB];
                for (int i = 0; i < 100_000; i++) {
                    assertEquals(KIB, scope.consumer.tryGet(item));
                    assertEquals(i, ByteBuffer.wrap(item).getInt(0));
                    assertEquals(~i, ByteBuffer.wrap(item).getInt(KIB - 4));
                }
                assertNull(scope.take());
            });
        }
    }

    @Test
    void aDefaultQueueTakesTenMillionNumbersBeforeAnyIsGot() throws Exception {
        needs(400L << 20);
        create(QueueGeometry.DEFAULT);
        int count = 10_000_000;
        try (var puts = puts();
                var gets = gets(Delivery.EXCLUSIVE)) {
            puts.run(scope -> {
                byte[] item = new byte[8];
                for (int i = 0; i < count; i++) {
                    item[0] = (byte) i;
                    item[1] = (byte) (i >> 8);
                    item[2] = (byte) (i >> 16);
                    item[3] = (byte) (i >> 24);
                    if (!scope.producer.tryPut(item)) throw new AssertionError("full after " + i);
                }
            });
            gets.run(scope -> {
                var next = new int[1];
                while (next[0] < count) {
                    int got = scope.consumer.poll(message -> {
                        int number = message.getByte(0) & 0xFF | (message.getByte(1) & 0xFF) << 8
                                | (message.getByte(2) & 0xFF) << 16 | message.getByte(3) << 24;
                        if (number != next[0]) throw new AssertionError(number + " after " + (next[0] - 1));
                        next[0]++;
                    }, 1000);
                    if (got == 0) throw new AssertionError("empty after " + next[0]);
                }
                assertTrue(scope.queue.isEmpty());
            });
        }
    }

    @ParameterizedTest
    @EnumSource(value = Delivery.class, names = {"EXCLUSIVE", "SHARED"})
    void aDefaultQueueTakesAMessageOfHalfAGigabyte(Delivery delivery) throws Exception {
        needs(delivery == Delivery.SHARED ? 1_500_000_000L : 900_000_000L); // a shared consumer copies it
        create(QueueGeometry.DEFAULT);
        int length = 500_000_000;
        try (var puts = puts();
                var gets = gets(delivery, "-XX:MaxDirectMemorySize=1g")) {
            puts.run(scope -> {
                scope.producer.put(new byte[100]); // so that the long one begins with a jump
                Claim claim = scope.producer.tryClaim(length);
                assertNotNull(claim);
                byte[] part = new byte[MIB];
                for (int at = 0; at < length; at += MIB) {
                    Arrays.fill(part, (byte) (at / MIB * 7 + 1));
                    claim.putBytes(at, part, 0, Math.min(MIB, length - at));
                }
                claim.commit();
                scope.producer.put(new byte[100]);
            });
            assertEquals(3, gets.count(scope -> scope.queue.size()));
            assertEquals(100, gets.call(scope -> scope.take()).length);
            gets.run(scope -> assertEquals(1, scope.consumer.poll(message -> {
                assertEquals(length, message.length());
                byte[] part = new byte[MIB];
                byte[] expected = new byte[MIB];
                for (int at = 0; at < length; at += MIB) {
                    int count = Math.min(MIB, length - at);
                    message.getBytes(at, part, 0, count);
                    Arrays.fill(expected, (byte) (at / MIB * 7 + 1));
                    if (Arrays.mismatch(part, 0, count, expected, 0, count) >= 0) throw new AssertionError("at " + at);
                }
            }, 1)));
            assertEquals(100, gets.call(scope -> scope.take()).length);
            // the next jumps give its space back
            puts.run(scope -> {
                for (int i = 0; i < 3; i++) assertTrue(scope.producer.tryPut(new byte[MIB]));
            });
            gets.run(scope -> {
                for (int i = 0; i < 3; i++) assertEquals(MIB, scope.take().length);
            });
            puts.run(scope -> scope.producer.close());
            assertTrue(space() <= IDLE + 2 * CHUNK, () -> "space=" + space());
        }
    }

    @Test
    void twoHundredAndFiftySixProducersPutAtOnce() throws Exception {
        create(QueueGeometry.DEFAULT);
        var peers = new ArrayList<Peer>();
        int each = LANES / 4;
        int count = 50;
        try (var gets = gets(Delivery.SHARED)) {
            for (int i = 0; i < 4; i++) peers.add(Child.kept("one of four " + i).peer());
            var where = file;
            var attached = new ArrayList<CompletableFuture<Boolean>>();
            for (int i = 0; i < 4; i++) {
                int first = i * each;
                attached.add(peers.get(i).start(scope -> {
                    scope.open(where);
                    Crowd.come(scope.queue, first, each, count);
                    return true;
                }));
            }
            attached.forEach(Peer::join);
            var refused = assertThrows(QueueUnavailableException.class, () -> gets.run(scope -> scope.producer()));
            assertTrue(refused.getMessage().contains("256 lanes"), refused.getMessage());
            var putting = new ArrayList<CompletableFuture<Boolean>>();
            for (var peer : peers) putting.add(peer.start(scope -> Crowd.put()));
            gets.run(scope -> {
                int[] next = new int[LANES];
                for (int i = 0; i < LANES * count; i++) {
                    var item = ByteBuffer.wrap(scope.await());
                    assertEquals(next[item.getInt(0)]++, item.getInt(4));
                }
                for (int got : next) assertEquals(count, got);
                assertNull(scope.take());
            });
            putting.forEach(Peer::join);
            gets.run(scope -> scope.producer()); // the lanes are free again
        } finally {
            peers.forEach(Peer::close);
        }
    }

    /// Producers of one process, each with a thread of its own.
    private static final class Crowd {
        private static final CountDownLatch GO = new CountDownLatch(1);
        private static final List<CompletableFuture<Void>> ALL = new ArrayList<>();

        static void come(LaneQueue queue, int first, int each, int count) throws InterruptedException {
            var here = new CountDownLatch(each);
            for (int i = first; i < first + each; i++) {
                int number = i;
                ALL.add(CompletableFuture.runAsync(() -> {
                    try (Producer producer = queue.newProducer()) {
                        here.countDown();
                        GO.await();
                        for (int k = 0; k < count; k++) {
                            producer.put(ByteBuffer.allocate(100).putInt(0, number).putInt(4, k).array());
                        }
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                }, task -> Thread.ofPlatform().daemon().start(task)));
            }
            here.await();
        }

        static boolean put() {
            GO.countDown();
            ALL.forEach(Peer::join);
            return true;
        }
    }

    // ---- a small file system

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aDefaultQueueInASmallFileSystemIsFullUntilRoomIsMade(String flag) throws Exception {
        mounted = run("mount", "-t", "tmpfs", "-o", "mode=700,size=64m", "procession-test", directory.toString()) == 0;
        assumeTrue(mounted, "needs a file system of its own, and may not mount one");
        create(QueueGeometry.DEFAULT);
        int length = 100_000;
        try (var puts = puts(flag);
                var gets = gets(Delivery.SHARED, flag)) {
            long accepted = 0;
            for (int round = 0; round < 3; round++) {
                long more = puts.count(scope -> {
                    int n = 0;
                    while (scope.producer.tryPut(new byte[length])) n++;
                    return n;
                });
                accepted += more;
                long waiting = accepted;
                assertTrue(waiting > 500 && waiting < (64 << 20) / length, () -> "waiting=" + waiting);
                assertFalse(puts.test(scope -> scope.producer.hasRoom(length)));
                assertFalse(puts.test(scope -> scope.producer.put(new byte[length], 0, length, 3_000_000)));
                long taken = accepted / 2;
                gets.run(scope -> {
                    for (long i = 0; i < taken; i++) assertEquals(length, scope.take().length);
                });
                accepted -= taken;
                assertTrue(puts.test(scope -> scope.producer.hasRoom(length)));
            }
            // in a stream through what is left
            long left = accepted;
            var putting = puts.start(scope -> {
                for (int i = 0; i < 2_000; i++) scope.producer.put(new byte[length]);
                return true;
            });
            gets.run(scope -> {
                for (long i = 0; i < left + 2_000; i++) assertEquals(length, scope.await().length);
                assertNull(scope.take());
            });
            assertTrue(Peer.join(putting));
            assertFalse(gets.test(scope -> scope.queue.isFull()));
        }
    }

    @Test
    void whatABacklogHadInASmallFileSystemIsThereForAnother() throws Exception {
        mounted = run("mount", "-t", "tmpfs", "-o", "mode=700,size=64m", "procession-test", directory.toString()) == 0;
        assumeTrue(mounted, "needs a file system of its own, and may not mount one");
        create(QueueGeometry.DEFAULT);
        try (var puts = puts(NATIVE);
                var gets = gets(Delivery.SHARED, NATIVE)) {
            for (int round = 0; round < 3; round++) {
                long accepted = puts.count(scope -> {
                    int n = 0;
                    while (scope.producer.tryPut(new byte[100_000])) n++;
                    scope.producer.close();
                    return n;
                });
                assertTrue(accepted > 500, () -> "accepted=" + accepted);
                // the lane has no owner when its messages are taken
                gets.run(scope -> {
                    for (long i = 0; i < accepted; i++) assertEquals(100_000, scope.take().length);
                    assertNull(scope.take());
                });
                Path other = directory.resolve("other");
                Files.write(other, new byte[40 << 20]);
                Files.delete(other);
                puts.run(scope -> scope.producer());
            }
        }
    }

    // ---- memory

    private long space() {
        try {
            var stat = new ProcessBuilder("stat", "-c", "%b %B", file).start();
            String[] blocks = new String(stat.getInputStream().readAllBytes()).strip().split(" ");
            assertEquals(0, stat.waitFor());
            return Long.parseLong(blocks[0]) * Long.parseLong(blocks[1]);
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void move(Peer puts, Peer gets, int mebibytes) {
        for (int i = 0; i < mebibytes; i++) {
            puts.run(scope -> {
                for (int k = 0; k < KIB; k++) assertTrue(scope.producer.tryPut(new byte[KIB - 8]));
            });
            take(gets, KIB);
        }
    }

    private static void take(Peer gets, int items) {
        gets.run(scope -> {
            byte[] item = new byte[KIB];
            for (int i = 0; i < items; i++) assertEquals(KIB - 8, scope.consumer.tryGet(item));
        });
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void memoryFollowsTheBacklog(Delivery delivery) throws Exception {
        needs(400L << 20);
        boolean leased = delivery == Delivery.LEASED;
        create(new QueueGeometry(LANES, 2L << 30, 0, leased ? Leasing.DEFAULT : null));
        assertTrue(space() <= IDLE, () -> "new: " + space());
        long streaming = leased ? 2 * (CHUNK + CHUNK / 8) : 2 * CHUNK; // each block has a lease word
        try (var one = puts(NATIVE);
                var two = Child.kept("puts too", NATIVE).peer();
                var gets = gets(delivery, NATIVE)) {
            var where = file;
            two.run(scope -> scope.open(where).producer());
            assertTrue(space() <= IDLE, () -> "idle: " + space());
            move(one, gets, 16);
            assertTrue(space() <= IDLE + streaming, () -> "one streams: " + space());
            move(two, gets, 16);
            assertTrue(space() <= IDLE + 2 * streaming, () -> "two stream: " + space());

            one.run(scope -> {
                for (int i = 0; i < 256 * KIB; i++) assertTrue(scope.producer.tryPut(new byte[KIB - 8]));
            });
            long full = space();
            assertTrue(full >= 256L << 20 && full < 310L << 20, () -> "full: " + full);
            take(gets, 256 * KIB);
            move(one, gets, 6); // two jumps at least
            assertTrue(space() <= IDLE + 2 * streaming, () -> "drained: " + space());
        }
    }

    @Test
    void theMemoryOfABacklogWhoseProducerWasKilledIsGivenBackWhenItIsDrained() throws Exception {
        needs(200L << 20);
        create(QueueGeometry.DEFAULT);
        var where = file;
        try (var child = Child.start(NATIVE);
                var gets = gets(Delivery.SHARED, NATIVE)) {
            child.peer().run(scope -> {
                scope.open(where).producer();
                for (int i = 0; i < 64 * KIB; i++) assertTrue(scope.producer.tryPut(new byte[KIB - 8]));
            });
            child.kill();
            child.awaitDeath();
            assertTrue(space() >= 64L << 20, () -> "full: " + space());
            take(gets, 64 * KIB);
            assertNull(gets.call(scope -> scope.take()));
            assertTrue(space() <= IDLE + 3 * CHUNK, () -> "drained: " + space());
        }
    }
}
