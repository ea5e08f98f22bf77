package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Positions and tickets come round: everything goes on across the sign and across zero.
class PositionsTest {
    private static final int LANE = 1 << 16;
    private static final int CHUNK = 1 << 12;
    private static final int LANES = 2;

    @TempDir
    Path folder;

    /// A jump count and a ticket.
    static Stream<Arguments> edges() {
        return Stream.of(Delivery.values()).flatMap(delivery -> Stream.of(
                Arguments.of(delivery, 1 << 16, 1L << 38),
                Arguments.of(delivery, Integer.MIN_VALUE, 1L << 39),
                Arguments.of(delivery, 0, 1L << 40),
                Arguments.of(delivery, 0, Long.MIN_VALUE),
                Arguments.of(delivery, 0, 0)));
    }

    /// Two jumps before the edge of its positions, and some tickets before the edge of those.
    private OpenQueue openAt(Delivery delivery, int jumps, long ticket, long maxItems) {
        var leasing = delivery == Delivery.LEASED ? Leasing.DEFAULT : null;
        var opened = new OpenQueue(folder, new QueueGeometry(LANES, LANE, CHUNK, maxItems, leasing));
        for (var each : Stream.generate(opened.queue::newProducer).limit(LANES).toList()) each.close();
        long start = Layout.position(jumps - 2, LANE - 2 * CHUNK + 64);
        for (int lane = 0; lane < LANES; lane++) opened.startLaneAt(lane, start);
        opened.setWord(Layout.TICKET_OFFSET, ticket - 100);
        return opened;
    }

    private static void assertBeyond(OpenQueue opened, int jumps) {
        for (int lane = 0; lane < LANES; lane++) {
            assertTrue(Layout.jumps(opened.head(lane)) - jumps > 0, "lane " + lane + " never came to the edge");
        }
    }

    @ParameterizedTest
    @MethodSource("edges")
    void messagesStayInOrderAcrossTheEdge(Delivery delivery, int jumps, long ticket) {
        for (long maxItems : new long[] {0, 50}) {
            try (var opened = openAt(delivery, jumps, ticket, maxItems);
                    var one = opened.queue.newProducer();
                    var two = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(delivery)) {
                byte[] got = new byte[LANE];
                int taken = 0;
                for (int put = 0; put < 600;) {
                    int burst = 1 + put % 20;
                    for (int end = put + burst; put < end; put++) {
                        var producer = put % 3 == 0 ? two : one;
                        assertTrue(producer.tryPut(OpenQueue.message(put, 100 + put % 500)), "no room for " + put);
                    }
                    assertEquals(put - taken, opened.queue.size());
                    assertFalse(opened.queue.isEmpty());
                    for (; taken < put; taken++) {
                        int length = consumer.tryGet(got);
                        assertArrayEquals(OpenQueue.message(taken, 100 + taken % 500), Arrays.copyOf(got, length));
                    }
                    assertEquals(Consumer.EMPTY, consumer.tryGet(got));
                    assertTrue(opened.queue.isEmpty() && !opened.queue.isFull());
                }
                assertBeyond(opened, jumps);
                assertTrue(opened.word(Layout.TICKET_OFFSET) - ticket > 0, "tickets never came to the edge");
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @ParameterizedTest
    @MethodSource("edges")
    void aLaneIsFullAndItsNextOwnerGoesOnAcrossTheEdge(Delivery delivery, int jumps, long ticket) {
        try (var opened = openAt(delivery, jumps, ticket, 0);
                var consumer = opened.queue.newConsumer(delivery)) {
            byte[] got = new byte[LANE];
            int put = 0;
            int taken = 0;
            for (int i = 0; i < 4; i++) {
                for (int lane = 0; lane < LANES; lane++) {
                    try (var first = opened.queue.newProducer();
                            var second = lane == 1 ? opened.queue.newProducer() : null) {
                        var producer = second == null ? first : second;
                        int before = put;
                        while (producer.tryPut(OpenQueue.message(put, 1000))) put++;
                        assertTrue(put - before >= 3 * (LANE / CHUNK - 1), "full with " + (put - before));
                        assertEquals(put - taken, opened.queue.size());
                    }
                }
                for (; taken < put; taken++) {
                    int length = consumer.tryGet(got);
                    assertArrayEquals(OpenQueue.message(taken, 1000), Arrays.copyOf(got, length));
                }
                assertEquals(Consumer.EMPTY, consumer.tryGet(got));
            }
            assertBeyond(opened, jumps);
        }
    }

    /// What any thread may ask walks along jumps, too.
    @ParameterizedTest
    @MethodSource("edges")
    void messagesAreCountedAcrossTheEdge(Delivery delivery, int jumps, long ticket) {
        try (var opened = openAt(delivery, jumps, ticket, 0);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(delivery)) {
            for (int put = 1; put <= 20; put++) {
                assertTrue(producer.tryPut(new byte[1000]));
                assertEquals(put, opened.queue.size());
                assertFalse(opened.queue.isEmpty());
            }
            var stats = opened.queue.stats().lanes().getFirst();
            assertEquals(20 * opened.geometry.recordBytes(1000), stats.bytes());
            assertTrue(stats.runs() > 2, stats + " has not jumped far enough");
            for (int left = 20; left > 0; left--) {
                assertEquals(1, consumer.poll(message -> {}, 1));
                assertEquals(left - 1, opened.queue.size());
            }
            assertTrue(opened.queue.isEmpty());
        }
    }
}
