package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Messages whose length a header has no room for.
class LongRecordTest {
    private static final int LANE = 1 << 26;
    private static final byte[] RANDOM = new byte[LANE / 2];
    static {
        new Random(1).nextBytes(RANDOM);
    }

    @TempDir
    Path folder;

    static Stream<Arguments> cases() {
        var one = Stream.of(Taking.values())
                .map(taking -> Arguments.of(taking, 1 + taking.ordinal() % 2, taking.ordinal() % 3 * 5L));
        return Stream.concat(one, Stream.of(Arguments.of(Taking.EXCLUSIVE_POLL, 1, 0L)));
    }

    private static byte[] message(int length) {
        byte[] message = new byte[length];
        System.arraycopy(RANDOM, RANDOM.length - length, message, 0, length);
        return message;
    }

    /// Puts by each of the ways in turn.
    private static void put(Producer producer, int way, byte[] message) {
        switch (way % 4) {
            case 0 -> assertTrue(producer.tryPut(message));
            case 1 -> assertTrue(producer.tryPut(MemorySegment.ofArray(message), 0, message.length));
            case 2 -> {
                var claim = producer.tryClaim(message.length);
                assertNotNull(claim);
                assertEquals(message.length, claim.length());
                claim.putBytes(0, message, 0, message.length);
                claim.commit();
            }
            default -> {
                var batch = producer.tryBatch(1, producer.batchBytes(message.length));
                assertNotNull(batch);
                batch.add(message, 0, message.length);
                batch.commit();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void messagesAroundTheLongestOfAShortRecordAndTheLongestOfAllArrive(Taking taking, int lanes, long maxItems) {
        var geometry = new QueueGeometry(lanes, LANE, maxItems, taking.leasing());
        int most = geometry.maxMessageBytes();
        int[] lengths = {Layout.MAX_SHORT, Layout.MAX_SHORT + 1, most};
        try (var opened = new OpenQueue(folder, geometry);
                var producer = opened.queue.newProducer();
                var other = lanes == 2 ? opened.queue.newProducer() : producer;
                var consumer = opened.queue.newConsumer(taking.delivery)) {
            for (int i = 0; i < lengths.length; i++) {
                byte[] message = message(lengths[i]);
                byte[] before = message(10 + i);
                put(other, i, before);
                put(producer, i, message);
                put(other, i, before);
                assertEquals(3, opened.queue.size());
                taking.assertTakesAll(consumer, before, message, before);
                assertTrue(opened.queue.isEmpty());
            }
            assertThrows(MessageTooLargeException.class, () -> producer.tryPut(new byte[most + 1]));
            assertThrows(MessageTooLargeException.class, () -> producer.tryClaim(most + 1));
        }
    }

    @Test
    void theNextOwnerAndTheCountsWalkOverThem() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 100, null));
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            byte[] one = message(1 << 24);
            byte[] other = message(100);
            try (var producer = opened.queue.newProducer()) {
                assertTrue(producer.tryPut(one) && producer.tryPut(other) && producer.tryPut(one));
                assertTrue(Layout.isLong(opened.word(opened.offset(0, 0))));
                assertEquals(0, opened.word(opened.offset(0, 8)), "its number");
                assertEquals(1 << 24, opened.word(opened.offset(0, 16)));
            }
            try (var heir = opened.queue.newProducer()) {
                assertEquals(3, heir.published);
                assertEquals(3, opened.queue.size());
                assertTrue(heir.tryPut(other));
            }
            assertEquals(2 * opened.geometry.recordBytes(1 << 24) + 2 * opened.geometry.recordBytes(100),
                    opened.queue.stats().lanes().getFirst().bytes());
            Taking.SHARED_GET.assertTakesAll(consumer, one, other, one, other);
        }
    }

    @Test
    void aBufferThatIsTooShortLeavesThemInTheQueue() {
        for (Delivery delivery : Delivery.values()) {
            var leasing = delivery == Delivery.LEASED ? Leasing.DEFAULT : null;
            try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0, leasing));
                    var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(delivery)) {
                byte[] message = message(Layout.MAX_SHORT + 1);
                assertTrue(producer.tryPut(message));
                byte[] to = new byte[Layout.MAX_SHORT];
                var e = assertThrows(MessageTooLargeException.class, () -> consumer.tryGet(to));
                assertTrue(e.getMessage().contains("length=" + message.length), e.getMessage());
                byte[] got = new byte[message.length];
                assertEquals(got.length, consumer.tryGet(got));
                assertArrayEquals(message, got);
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @Test
    void oneThatIsAbortedLeavesNothing() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0));
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
            var claim = producer.tryClaim(1 << 24);
            assertNotNull(claim);
            claim.putLong(0, -1);
            assertTrue(opened.queue.isEmpty());
            claim.abort();
            assertTrue(producer.tryPut(message(9)));
            Taking.EXCLUSIVE_GET.assertTakesAll(consumer, message(9));
        }
    }
}
