package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Positions and tickets of 64 bits come round: everything goes on across the sign and across zero.
class PositionsTest {
    private static final int LANE = 1 << 16;
    private static final int LANES = 2;

    @TempDir
    Path folder;

    static Stream<Arguments> edges() {
        return Stream.of(Delivery.values()).flatMap(delivery -> LongStream
                .of(0, 1L << 38, 1L << 39, 1L << 40, Long.MIN_VALUE).boxed()
                .map(edge -> Arguments.of(delivery, edge)));
    }

    /// An eighth of a lane before the edge of its positions, and some tickets before the edge of those.
    private OpenQueue openAt(Delivery delivery, long edge, long maxItems) {
        var leasing = delivery == Delivery.LEASED ? Leasing.DEFAULT : null;
        var opened = new OpenQueue(folder, new QueueGeometry(LANES, LANE, maxItems, leasing));
        for (var each : Stream.generate(opened.queue::newProducer).limit(LANES).toList()) each.close();
        for (int lane = 0; lane < LANES; lane++) opened.startLaneAt(lane, edge - LANE / 8);
        opened.setWord(Layout.TICKET_OFFSET, edge - 100);
        return opened;
    }

    @ParameterizedTest
    @MethodSource("edges")
    void messagesStayInOrderAcrossTheEdge(Delivery delivery, long edge) {
        for (long maxItems : new long[] {0, 50}) {
            try (var opened = openAt(delivery, edge, maxItems);
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
                for (int lane = 0; lane < LANES; lane++) {
                    assertTrue(opened.word(Layout.headOffset(lane)) - edge > 0,
                            "lane " + lane + " never came to the edge");
                }
                assertTrue(opened.word(Layout.TICKET_OFFSET) - edge > 0, "tickets never came to the edge");
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @ParameterizedTest
    @MethodSource("edges")
    void aLaneIsFullAndItsNextOwnerGoesOnAcrossTheEdge(Delivery delivery, long edge) {
        try (var opened = openAt(delivery, edge, 0);
                var consumer = opened.queue.newConsumer(delivery)) {
            byte[] got = new byte[LANE];
            int put = 0;
            int taken = 0;
            for (int i = 0; i < 4; i++) {
                try (var producer = opened.queue.newProducer()) {
                    while (producer.tryPut(OpenQueue.message(put, 1000))) put++;
                    assertEquals(put - taken, opened.queue.size());
                    assertTrue(put - taken >= LANE / 1100, "full with " + (put - taken));
                }
                for (; taken < put; taken++) {
                    int length = consumer.tryGet(got);
                    assertArrayEquals(OpenQueue.message(taken, 1000), Arrays.copyOf(got, length));
                }
                assertEquals(Consumer.EMPTY, consumer.tryGet(got));
            }
        }
    }
}
