package dev.procession.core;

import static dev.procession.core.OpenQueue.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.core.os.Os;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The space that a lane has of the file system follows what waits in it.
class GivenBackTest {
    private static final int CHUNK = 1 << 16;
    private static final int CHUNKS = 32;
    private static final int LANE = CHUNKS * CHUNK;
    /// What comes before the lanes, and pages that are begun.
    private static final long MORE = 16 << 10;

    @TempDir
    Path folder;

    private OpenQueue opened;

    /// Bytes that the file has of the disk.
    private static long space(Path file) {
        try {
            var stat = new ProcessBuilder("stat", "-c", "%b %B", file.toString()).start();
            String[] blocks = new String(stat.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip()
                    .split(" ");
            return Long.parseLong(blocks[0]) * Long.parseLong(blocks[1]);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private long space() {
        return space(opened.queue.path());
    }

    /// It is given back by a thread of its own, some tenths of a second later.
    private void awaitSpace(long most) {
        for (long end = System.nanoTime() + 20_000_000_000L; space() > most;) {
            assertTrue(System.nanoTime() < end, () -> space() + " bytes are left, of " + most);
            LockSupport.parkNanos(10_000_000);
        }
    }

    @BeforeEach
    void needsAFileSystemWithHoles() throws IOException {
        assumeTrue(Os.CURRENT.name().equals("linux"));
        Path probe = folder.resolve("probe");
        var file = Os.CURRENT.create(probe, LANE, LANE, 0, memory -> {});
        long before = space(probe);
        file.giveBack(0, LANE);
        file.close();
        assumeTrue(before >= LANE && space(probe) < LANE / 8, "this file system keeps the space of holes");
        Files.delete(probe);
    }

    private OpenQueue open(Taking taking) {
        return opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, taking.leasing()));
    }

    /// With the lease words.
    private long chunks(int count) {
        return count * (CHUNK + opened.geometry.leaseWordBytes(CHUNK)) + MORE;
    }

    @Test
    void anIdleQueueOfTheUsualShapeHasAtMost128KiB() {
        Path file = folder.resolve("queue");
        try (var queue = LaneQueue.create(file, QueueGeometry.DEFAULT, "");
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(Delivery.SHARED)) {
            assertTrue(producer.tryPut(message(0, 1000)));
            assertEquals(1, consumer.poll(message -> {}, 10));
            assertTrue(space(file) <= 128 << 10, () -> space(file) + " bytes");
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStreamHasTwoChunks(Taking taking) {
        try (var opened = open(taking);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(taking.delivery)) {
            for (int i = 0; i < 400; i++) {
                for (int j = 0; j < 5; j++) assertTrue(producer.tryPut(message(5 * i + j, 1000)));
                for (int j = 0; j < 5; j++) assertEquals(1, consumer.poll(message -> {}, 1));
            }
            assertTrue(Layout.jumps(producer.tail) > 25);
            assertTrue(space() <= chunks(2), () -> space() + " bytes");
        }
    }

    /// Neither puts nor closes, and leases are done by another thread's consumer.
    @ParameterizedTest
    @ValueSource(ints = {1000, 40_000, 200_000})
    void whatAProducerThatIsQuietHasLeftIsGivenBackSoon(int length) {
        for (Taking taking : new Taking[] {Taking.EXCLUSIVE_POLL, Taking.LEASED_POLL}) {
            try (var opened = open(taking);
                    var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(taking.delivery)) {
                int put = 0;
                while (producer.tryPut(message(put, length))) put++;
                assertTrue(space() > chunks(CHUNKS / 2));
                for (int got = 0; got < put;) got += consumer.poll(message -> {}, 100);
                awaitSpace(chunks(2));
                int again = 0;
                while (producer.tryPut(message(again, length))) again++;
                assertTrue(again >= put - CHUNK / length - 1, again + " of " + put + " have room");
                int[] next = {0};
                while (next[0] < again) {
                    assertTrue(consumer.poll(
                            m -> assertEquals(next[0]++, ByteBuffer.wrap(m.toBytes()).getInt()), 100) > 0);
                }
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    /// After messages of which many fill a chunk to its end, of which few leave a part of it, and of several chunks.
    @ParameterizedTest
    @ValueSource(ints = {1000, 20_000, 40_000, 70_000, 200_000})
    void afterABacklogTheSpaceIsGivenBack(int length) {
        for (Taking taking : new Taking[] {Taking.SHARED_POLL_RUN, Taking.LEASED_POLL}) {
            try (var opened = open(taking);
                    var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(taking.delivery)) {
                for (int backlog = 0; backlog < 2; backlog++) {
                    int put = 0;
                    while (producer.tryPut(message(put, length))) put++;
                    assertTrue(space() > LANE / 2, () -> "a backlog of " + space() + " bytes");
                    for (int taken = 0; taken < put;) {
                        for (byte[] each : taking.take(consumer)) Taking.assertSame(message(taken++, length), each);
                    }
                    assertTrue(opened.queue.isEmpty());
                    int usual = Math.max(2, 2 * ((length + CHUNK + 16) / CHUNK));
                    for (int i = 0; i < 10; i++) {
                        assertTrue(producer.tryPut(message(i, length)));
                        taking.assertTakes(consumer, message(i, length));
                    }
                    for (int i = 0; i < 200; i++) {
                        assertTrue(producer.tryPut(message(i, 1000)));
                        taking.assertTakes(consumer, message(i, 1000));
                    }
                    awaitSpace(chunks(usual));
                }
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1000, 40_000, 200_000})
    void theEndOfAProducerGivesBackWhatItsBacklogHasLeft(int length) {
        try (var opened = open(Taking.SHARED_GET);
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            try (var producer = opened.queue.newProducer()) {
                while (producer.tryPut(new byte[length])) {}
                while (consumer.poll(message -> {}, 100) > 0) {}
            }
            // the two lowest, and the run that its tail is in
            int usual = 2 + Math.max(1, 2 * (length / CHUNK));
            assertTrue(space() <= chunks(usual), () -> space() + " bytes, of " + chunks(usual));
        }
    }

    /// The consumer that took the backlog of a producer that is gone never finds the queue empty.
    @ParameterizedTest
    @EnumSource
    void theEndOfAConsumerGivesBackWhatNobodyOwns(Taking taking) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(2, LANE, CHUNK, 0, taking.leasing()))) {
            this.opened = opened;
            int put = 0;
            try (var producer = opened.queue.newProducer()) {
                while (producer.tryPut(message(put, 1000))) put++;
            }
            assertTrue(space() > LANE / 2);
            try (var consumer = opened.queue.newConsumer(taking.delivery)) {
                for (int taken = 0; taken < put;) taken += consumer.poll(message -> {}, Math.min(100, put - taken));
            }
            assertTrue(space() <= chunks(3), () -> space() + " bytes, of " + chunks(3));
        }
    }

    /// The backlog is another's: taken before the heir comes, and after it.
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anHeirGivesBackWhatItsPredecessorHasLeft(boolean before) {
        try (var opened = open(Taking.SHARED_GET);
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            try (var producer = opened.queue.newProducer()) {
                while (producer.tryPut(new byte[1000])) {}
            }
            assertTrue(space() > LANE / 2);
            if (before) {
                while (consumer.poll(message -> {}, 100) > 0) {}
            }
            try (var heir = opened.queue.newProducer()) {
                while (consumer.poll(message -> {}, 100) > 0) {}
                for (int i = 0; i < 200; i++) {
                    assertTrue(heir.tryPut(message(i, 1000)));
                    Taking.SHARED_GET.assertTakes(consumer, message(i, 1000));
                }
                // of a chunk that is in use the heir keeps the rest, whatever its number
                awaitSpace(chunks(3));
            }
        }
    }

    /// Nothing that waits, or may be leased still, is punched: also what lies between holes.
    @ParameterizedTest
    @EnumSource
    void whatWaitsIsKept(Taking taking) {
        try (var opened = open(taking); var consumer = opened.queue.newConsumer(taking.delivery)) {
            var waiting = new ArrayDeque<byte[]>();
            int number = 0;
            for (int round = 0; round < 4; round++) {
                try (var heir = opened.queue.newProducer()) {
                    while (true) {
                        byte[] next = message(number, number % 9 == 0 ? 100_000 : 1000 + number % 3000);
                        if (!heir.tryPut(next)) break;
                        waiting.add(next);
                        number++;
                    }
                    int left = waiting.size() / (round + 2);
                    while (waiting.size() > left) {
                        for (byte[] each : taking.take(consumer)) Taking.assertSame(waiting.remove(), each);
                    }
                }
                if (round == 2) assertTrue(space() < LANE * 3L / 4, "nothing was given back, so nothing is tested");
            }
            taking.assertTakesAll(consumer, waiting.toArray(new byte[0][]));
        }
    }

    /// Its chunks are used in turn: what was punched would be zero.
    @ParameterizedTest
    @ValueSource(ints = {1000, 40_000, 70_000, 200_000})
    void aStreamOfMessagesOfOneLengthKeepsItsSpace(int length) {
        try (var opened = open(Taking.SHARED_GET);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            byte[] ones = new byte[length];
            Arrays.fill(ones, (byte) 1);
            long before = 0;
            for (int i = 0; i < 150; i++) {
                long start = producer.tail;
                assertTrue(producer.tryPut(ones));
                boolean jumped = Layout.jumps(producer.tail) != Layout.jumps(start);
                // halfway in the record that was taken before
                if (i > 8 && jumped) assertNotEquals(0, opened.word(before), "put " + i);
                before = opened.offset(0, producer.tail - length / 2 & -8);
                assertEquals(length, consumer.tryGet(ones));
            }
            assertTrue(Layout.jumps(producer.tail) >= 2);
        }
    }

    /// The words of a leased queue go with their chunk, and only those.
    @Test
    void leaseWordsAreGivenBackWithTheirChunks() {
        try (var opened = open(Taking.LEASE);
                var producer = opened.queue.newProducer();
                var consumer = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            int put = 0;
            while (producer.tryPut(message(put, 1000))) put++;
            int kept = put * 7 / 8;
            Lease[] held = new Lease[1];
            for (int i = 0; i < put; i++) {
                Lease lease = consumer.tryLease((message, its) -> {});
                if (i == kept) held[0] = lease;
                else lease.done();
            }
            // the head stands at the lease, which has all that follows it
            long position = opened.head(0);
            long word = opened.word(opened.leaseWordOffset(0, position));
            assertEquals(Layout.LEASED, Layout.state(word, position));
            assertEquals(1, opened.queue.size());
            assertTrue(producer.tryPut(message(put, 1000))); // jumps
            awaitSpace(LANE / 2);
            assertEquals(word, opened.word(opened.leaseWordOffset(0, position)));
            held[0].done();
            Taking.LEASE.assertTakesAll(consumer, message(put, 1000));
        }
    }
}
