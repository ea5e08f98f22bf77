package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.MessageTooLargeException;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Load;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A queue that has been in use for so long that its numbers come to the end of 24, 31, 32, 40, 53 or 63 bits: a test
/// writes them into the file of a new one, just below such an edge, and all goes on as before over many jumps.
class EdgeTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";

    /// Which of the numbers comes to its edge.
    private enum Counter {
        TICKETS, POSITIONS, NUMBERS
    }

    /// Powers of two. A position is a number of jumps above 32 bits of offset, so these are 2^8, 2^14, 2^16, 2^21 ...
    private static List<Integer> edges(Counter counter) {
        return counter == Counter.POSITIONS ? List.of(40, 46, 48, 53, 56, 62, 63, 64)
                : List.of(24, 31, 32, 40, 53, 63, 64);
    }

    static List<Arguments> all() {
        var all = new ArrayList<Arguments>();
        for (var counter : Counter.values()) {
            for (int edge : edges(counter)) {
                for (var delivery : Delivery.values()) all.add(Arguments.of(counter, edge, delivery));
            }
        }
        return all;
    }

    @TempDir(factory = SharedMemory.class)
    Path directory;

    /// How many of a queue's words are at which edge.
    private record Aged(Counter counter, int edge, QueueGeometry geometry) {
        long edgeValue() {
            return edge == 64 ? 0 : 1L << edge;
        }

        long alignment() {
            return geometry.leasing() != null ? 64 : geometry.maxItems() > 0 ? 16 : 8;
        }

        /// From one lane to the next: its records, and in a leased queue its lease words.
        long laneStep() {
            return geometry.laneBytes() + (geometry.leasing() != null ? geometry.laneBytes() / 8 : 0);
        }

        /// Makes the queue, and writes into its file what a long life would have left there.
        void create(Path file, Random64 random) throws IOException {
            LaneQueue.create(file, geometry, "aged").close();
            long lanesAt = Files.size(file) - geometry.lanes() * laneStep();
            try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                if (counter == Counter.TICKETS) {
                    write(channel, at("ticket"), edgeValue() - random.below(geometry.lanes() == 1 ? 10 : 200));
                    return;
                }
                write(channel, at("lanesInUse"), geometry.lanes());
                for (int lane = 0; lane < geometry.lanes(); lane++) {
                    // up to eight jumps below the edge, anywhere in the lane; with many lanes near its end
                    long before = counter == Counter.POSITIONS ? edgeValue() : 1L << 40;
                    int blocks = (int) (geometry.laneBytes() / alignment());
                    boolean many = geometry.lanes() > 10;
                    long jumps = (before >>> 32) - 1 - random.below(many ? 1 : 8);
                    long offset = alignment() * (many ? blocks - 1 - random.below(20) : random.below(blocks));
                    long head = jumps << 32 | offset;
                    write(channel, at("head") + lane * FileTest.EACH_LANE, head);
                    if (geometry.leasing() != null) {
                        writeClaims(channel, lanesAt + lane * laneStep() + geometry.laneBytes(), head, random);
                    }
                    if (geometry.maxItems() == 0) continue;
                    long number = counter == Counter.NUMBERS
                            ? edgeValue() - random.below(geometry.lanes() > 10 ? 3 : 30) : 77;
                    write(channel, at("head") + lane * FileTest.EACH_LANE + FileTest.OWNER, number);
                    write(channel, lanesAt + lane * laneStep() + offset + 8, number);
                }
            }
        }

        /// All that was there before the head is done: each block's lease word has the jump count under which its
        /// chunk was used last.
        private void writeClaims(FileChannel channel, long offset, long head, Random64 random) throws IOException {
            var claims = ByteBuffer.allocate((int) (geometry.laneBytes() / 8)).order(ByteOrder.nativeOrder());
            long headAt = head & 0xFFFF_FFFFL;
            for (int at = 0; at < geometry.laneBytes(); at += 64) {
                boolean passed = at < headAt && at / geometry.chunkBytes() == headAt / geometry.chunkBytes();
                long jumps = (head >>> 32) - (passed ? 0 : 1 + random.below(3));
                claims.putLong(jumps << 32 | (long) (1 + random.below(3)) << 16 | 1 << 2 | 2);
            }
            channel.write(claims.flip(), offset);
        }

        private static long at(String word) {
            return FileTest.LAYOUT.get(word);
        }

        private static void write(FileChannel channel, long offset, long value) throws IOException {
            channel.write(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0, value), offset);
        }

        /// Whether all that was to come over the edge has done so.
        void assertPassed(Path file, LaneQueue queue) throws IOException {
            var stats = queue.stats();
            switch (counter) {
                case TICKETS -> assertTrue(stats.tickets() - edgeValue() > 0, () -> "tickets=" + stats.tickets());
                case POSITIONS -> stats.lanes().forEach(
                        lane -> assertTrue(lane.head() - edgeValue() > 0, () -> "head=" + lane.head()));
                case NUMBERS -> {
                    for (int lane = 0; lane < geometry.lanes(); lane++) {
                        long number = FileTest.read(file, at("head") + lane * FileTest.EACH_LANE + FileTest.OWNER);
                        assertTrue(number - edgeValue() > 0, () -> "announced=" + number);
                    }
                }
            }
        }

        /// As many puts as it takes to come over the edge in every lane, and some jumps more.
        int puts() {
            if (geometry.lanes() > 10) return 30 * geometry.lanes();
            return geometry.lanes() * (int) Math.min(geometry.laneBytes() / 16, 512) + 1_000;
        }
    }

    private static QueueGeometry shape(Delivery delivery, int lanes, long laneBytes, long maxItems) {
        return delivery == Delivery.LEASED
                ? new QueueGeometry(lanes, Math.max(1 << 16, laneBytes), maxItems, Leasing.DEFAULT)
                : new QueueGeometry(lanes, laneBytes, maxItems);
    }

    @ParameterizedTest
    @MethodSource("all")
    void theOrderStaysAsItIsAcrossTheEdge(Counter counter, int edge, Delivery delivery) throws Exception {
        long seed = Random64.seed();
        for (boolean portable : new boolean[] {false, true}) {
            for (int lanes : new int[] {1, 3, 1024}) {
                // slow: each look is at all of them
                if (lanes > 10 && (!Effort.LONG || portable || edge != 40 && edge != 63)) continue;
                if (portable && lanes > 1 && !Effort.LONG) continue;
                for (long maxItems : new long[] {0, 2L * lanes + 3}) {
                    if (counter == Counter.NUMBERS && maxItems == 0) continue;
                    long[] sizes = delivery == Delivery.LEASED ? new long[] {1 << 16} : lanes == 3 && Effort.LONG
                            ? new long[] {4096, 16384} : new long[] {4096};
                    for (long laneBytes : sizes) {
                        assertOrder(counter, edge, delivery, lanes, laneBytes, maxItems, portable, seed);
                    }
                }
            }
        }
    }

    private void assertOrder(Counter counter, int edge, Delivery delivery, int lanes, long laneBytes, long maxItems,
            boolean portable, long seed) throws Exception {
        String where = directory.resolve("queue").toString();
        try {
            if (portable) {
                try (var peer = Child.kept("all", PORTABLE).peer()) {
                    peer.run(scope -> play(counter, edge, delivery, lanes, laneBytes, maxItems, where, seed));
                }
            } else {
                // not as a step of a peer: with many lanes it takes its time
                play(counter, edge, delivery, lanes, laneBytes, maxItems, where, seed);
            }
        } catch (Throwable thrown) {
            throw new AssertionError(counter + " at 2^" + edge + ", " + delivery + ", lanes=" + lanes + ", laneBytes="
                    + laneBytes + ", maxItems=" + maxItems + (portable ? ", portable" : "") + ", seed " + seed, thrown);
        } finally {
            Files.deleteIfExists(Path.of(where));
        }
    }

    private static void play(Counter counter, int edge, Delivery delivery, int lanes, long laneBytes, long maxItems,
            String where, long seed) throws Exception {
        var aged = new Aged(counter, edge, shape(delivery, lanes, laneBytes, maxItems));
        aged.create(Path.of(where), new Random64(seed));
        try (var model = new Model(aged, Path.of(where), delivery, seed)) {
            model.run();
        }
    }

    /// One thread does everything, so it knows exactly what must come next and how many there are.
    private static final class Model implements AutoCloseable {
        private final Aged aged;
        private final Path file;
        private final Delivery delivery;
        private final Random64 random;
        private final LaneQueue puts;
        private final LaneQueue gets;
        private final Producer[] producers;
        private final int[] inLane;
        private Consumer consumer;
        private final int max;
        private final byte[] buffer;
        private long sequence;

        private record Put(int lane, byte[] message) {}

        private final ArrayDeque<Put> expected = new ArrayDeque<>();

        Model(Aged aged, Path file, Delivery delivery, long seed) {
            this.aged = aged;
            this.file = file;
            this.delivery = delivery;
            random = new Random64(seed);
            puts = LaneQueue.open(file);
            gets = LaneQueue.open(file);
            producers = new Producer[aged.geometry.lanes()];
            inLane = new int[producers.length];
            for (int i = 0; i < producers.length; i++) producers[i] = puts.newProducer();
            consumer = gets.newConsumer(delivery);
            max = puts.maxMessageBytes();
            buffer = new byte[max];
        }

        @Override
        public void close() {
            consumer.close();
            for (var producer : producers) producer.close();
            puts.close();
            gets.close();
        }

        void run() throws Exception {
            assertTrue(gets.isEmpty());
            while (sequence < aged.puts()) {
                // now more is put than taken, now less: from empty to full and back
                boolean fills = (sequence / (20L + 4 * producers.length) & 1) == 0;
                if (random.below(10) < (fills ? 7 : 3)) put(random.below(producers.length));
                else get();
                if (random.below(50 * producers.length) == 0) lookAround();
                if (random.below(20 * producers.length) == 0) succeed();
            }
            while (!expected.isEmpty()) get();
            get();
            lookAround();
            aged.assertPassed(file, gets);
        }

        private int length() {
            return switch (random.below(16)) {
                case 0 -> 0;
                case 1 -> 1;
                case 2 -> 7;
                case 3 -> 8;
                case 4 -> 9;
                case 5 -> max - random.below(9);
                case 6, 7 -> random.below(max);
                default -> 8 + random.below(max / 8);
            };
        }

        private byte[] message(int length) {
            var bytes = ByteBuffer.allocate(length + 8).putLong(++sequence).array();
            Arrays.fill(bytes, 8, bytes.length, (byte) sequence);
            // at least the low bytes of it
            return Arrays.copyOfRange(bytes, Math.max(0, 8 - length), Math.max(8, length));
        }

        private void put(int lane) {
            var producer = producers[lane];
            byte[] message = message(length());
            if (random.below(40) == 0) {
                assertThrows(MessageTooLargeException.class, () -> producer.tryPut(new byte[max + 1]));
            }
            boolean room = producer.hasRoom(message.length);
            boolean accepted;
            if (random.below(4) == 0) {
                var claim = producer.tryClaim(message.length);
                accepted = claim != null;
                if (claim != null) {
                    claim.putBytes(0, message, 0, message.length);
                    if (random.below(4) == 0) {
                        claim.abort();
                        return;
                    }
                    claim.commit();
                }
            } else {
                accepted = producer.tryPut(message);
            }
            assertEquals(room, accepted, "room for " + message.length + " bytes, and a put of them");
            long maxItems = aged.geometry.maxItems();
            if (inLane[lane] == 0 && (maxItems == 0 || expected.size() < maxItems)) {
                assertTrue(accepted, () -> "no room for " + message.length + " bytes in an empty lane " + lane);
            }
            if (!accepted) return;
            expected.add(new Put(lane, message));
            inLane[lane]++;
            assertTrue(maxItems == 0 || expected.size() <= maxItems, () -> "too many: " + expected.size());
        }

        private void get() {
            if (random.below(2) == 0) {
                int length = consumer.tryGet(buffer);
                if (expected.isEmpty()) assertEquals(Consumer.EMPTY, length);
                else assertNext(Arrays.copyOf(buffer, Math.max(length, 0)));
            } else {
                boolean empty = expected.isEmpty();
                int taken = consumer.poll(message -> assertNext(message.toBytes()), 1 + random.below(30));
                assertEquals(empty, taken == 0);
            }
        }

        private void assertNext(byte[] got) {
            var put = expected.remove();
            assertArrayEquals(put.message, got);
            inLane[put.lane]--;
        }

        private void lookAround() {
            assertEquals(expected.size(), gets.size());
            assertEquals(expected.isEmpty(), gets.isEmpty());
            assertEquals(expected.isEmpty(), puts.isEmpty());
            var stats = gets.stats();
            assertEquals(expected.size(), stats.items());
            for (var lane : stats.lanes()) {
                assertTrue(lane.bytes() >= 0 && lane.bytes() <= aged.geometry.laneBytes(), lane::toString);
            }
            if (aged.geometry.maxItems() > 0) {
                assertEquals(expected.size() >= aged.geometry.maxItems(), gets.isFull());
            }
        }

        /// A producer goes and another one takes over its lane; the same for the consumer.
        private void succeed() {
            int lane = random.below(producers.length);
            producers[lane].close();
            producers[lane] = puts.newProducer();
            assertEquals(lane, producers[lane].lane());
            consumer.close();
            consumer = gets.newConsumer(delivery);
        }
    }

    static List<Arguments> races() {
        return all().stream().filter(a -> !a.get()[0].equals(Counter.NUMBERS)).toList();
    }

    @ParameterizedTest
    @MethodSource("races")
    void twoProducersAtATimeLoseNothingAcrossTheEdge(Counter counter, int edge, Delivery delivery) throws Exception {
        long seed = Random64.seed();
        Path file = directory.resolve("queue");
        var aged = new Aged(counter, edge, shape(delivery, 2, 4096, 0));
        aged.create(file, new Random64(seed));
        int count = Effort.of(2_000, 10_000);
        try (var queue = LaneQueue.open(file)) {
            var putting = new ArrayList<CompletableFuture<Void>>();
            var attached = new CountDownLatch(2); // each to a lane of its own
            for (int number = 0; number < 2; number++) {
                int producer = number;
                putting.add(CompletableFuture.runAsync(() -> put(queue, producer, attached, count, seed), THREADS));
            }
            var getting = new ArrayList<CompletableFuture<List<Long>>>();
            for (int i = delivery == Delivery.EXCLUSIVE ? 1 : 2; i > 0; i--) {
                getting.add(CompletableFuture.supplyAsync(() -> get(queue, delivery, putting, seed), THREADS));
            }
            for (var put : putting) Peer.join(put);
            var all = new ArrayList<Long>();
            for (var get : getting) {
                var got = Peer.join(get);
                long[] last = {0, 0};
                for (long id : got) {
                    int producer = Load.producer(id);
                    assertTrue(Load.sequence(id) > last[producer], () -> "reordered, seed " + seed + ": " + got);
                    last[producer] = Load.sequence(id);
                }
                all.addAll(got);
            }
            assertEquals(2 * count, all.size());
            assertEquals(2 * count, all.stream().distinct().count());
            assertTrue(queue.isEmpty());
            if (counter == Counter.POSITIONS) aged.assertPassed(file, queue);
        }
    }

    /// A producer or consumer belongs to a thread, so each gets its own.
    private static final Executor THREADS = task -> Thread.ofPlatform().daemon().start(task);

    private static void put(LaneQueue queue, int number, CountDownLatch attached, int count, long seed) {
        var load = new Load(seed, queue.maxMessageBytes());
        byte[] buffer = new byte[queue.maxMessageBytes()];
        try (var producer = queue.newProducer()) {
            attached.countDown();
            attached.await();
            for (int i = 1; i <= count; i++) {
                int length = load.write(Load.id(number, i), buffer);
                if (!producer.put(buffer, 0, length, TimeUnit.SECONDS.toNanos(30))) throw new AssertionError("stalled");
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static List<Long> get(LaneQueue queue, Delivery delivery, List<CompletableFuture<Void>> putting,
            long seed) {
        var load = new Load(seed, queue.maxMessageBytes());
        var random = new Random64(seed);
        byte[] buffer = new byte[queue.maxMessageBytes()];
        var got = new ArrayList<Long>();
        try (var consumer = queue.newConsumer(delivery)) {
            while (true) {
                boolean end = putting.stream().allMatch(CompletableFuture::isDone);
                int before = got.size();
                if (random.below(2) == 0) {
                    int length = consumer.get(buffer, 5_000_000);
                    if (length != Consumer.EMPTY) got.add(load.check(buffer, length));
                } else {
                    consumer.poll(message -> {
                        message.getBytes(0, buffer, 0, message.length());
                        got.add(load.check(buffer, message.length()));
                    }, 1 + random.below(20), 5_000_000);
                }
                if (end && got.size() == before) return got;
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
