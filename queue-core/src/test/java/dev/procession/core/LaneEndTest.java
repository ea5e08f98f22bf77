package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a producer writes at the end of its lane, and how far it goes.
class LaneEndTest {
    private static final int LANE = 4096;
    private static final int EIGHTH = LANE / 8 - 8; // the length of a record of an eighth of the lane

    @TempDir
    Path folder;

    @Test
    void aRecordThatWouldCrossTheEndGoesToTheStartBehindPadding() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0));
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            byte[] got = new byte[LANE];
            for (int i = 0; i < 7; i++) assertTrue(producer.tryPut(new byte[EIGHTH]));
            for (int i = 0; i < 7; i++) assertEquals(EIGHTH, consumer.tryGet(got));
            long end = 7 * LANE / 8;
            opened.setWord(opened.offset(0, 0), -1); // of the lap before
            assertTrue(producer.tryPut(new byte[EIGHTH + 8]));
            assertEquals(Layout.PADDING, opened.word(opened.offset(0, end)));
            assertEquals(EIGHTH + 8, Layout.length(opened.word(opened.offset(0, LANE))));
            assertEquals(0, opened.word(opened.offset(0, LANE + LANE / 8 + 8)), "no zero header ends the log");
            assertEquals(EIGHTH + 8, consumer.tryGet(got));
            assertTrue(opened.queue.isEmpty());
        }
    }

    @Test
    void aRecordThatEndsWhereTheLaneDoesNeedsNoPadding() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0));
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
            byte[] got = new byte[LANE];
            for (int i = 0; i < 7; i++) assertTrue(producer.tryPut(new byte[EIGHTH]));
            for (int i = 0; i < 7; i++) assertEquals(EIGHTH, consumer.tryGet(got));
            assertTrue(producer.tryPut(new byte[EIGHTH]));
            assertEquals(EIGHTH, Layout.length(opened.word(opened.offset(0, 7 * LANE / 8))));
            assertEquals(0, opened.word(opened.offset(0, LANE)), "no zero header ends the log");
        }
    }

    /// The zero header behind the last record has to have room too: else it would be written over the first record.
    @ParameterizedTest
    @CsvSource({"0, 0", "0, 5", "1000, 0", "1000, 5"})
    void aFullLaneIsFullUntilItsHeadHasMoved(long maxItems, int lap) {
        var geometry = new QueueGeometry(1, LANE, maxItems);
        try (var opened = new OpenQueue(folder, geometry)) {
            opened.queue.newProducer().close();
            opened.startLaneAt(0, (long) lap * LANE);
            try (var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
                byte[] got = new byte[LANE];
                int length = LANE / 8 - geometry.headerBytes();
                int shorter = length - geometry.alignment();
                for (int i = 0; i < 7; i++) assertTrue(producer.tryPut(OpenQueue.message(i, length)));
                assertFalse(producer.tryPut(new byte[length]), "no room is left for the zero header");
                assertTrue(producer.tryPut(OpenQueue.message(7, shorter)));
                assertFalse(producer.hasRoom(0));
                for (int i = 0; i < 8; i++) {
                    byte[] put = OpenQueue.message(i, i < 7 ? length : shorter);
                    assertArrayEquals(put, Arrays.copyOf(got, consumer.tryGet(got)));
                    if (i == 0) assertTrue(producer.hasRoom(shorter) && !producer.hasRoom(length));
                }
                assertTrue(producer.hasRoom(geometry.maxMessageBytes()));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"4096000", "-4096", "9223372036854775800"})
    void aHeadThatIsOutsideOfTheLogIsDamage(long head) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0));
                var producer = opened.queue.newProducer()) {
            while (producer.tryPut(new byte[EIGHTH])) {}
            opened.setWord(Layout.headOffset(0), head);
            var e = assertThrows(QueueCorruptedException.class, () -> producer.tryPut(new byte[EIGHTH]));
            assertTrue(e.getMessage().contains("head is outside of the log"), e.getMessage());
        }
    }

    /// The next owner of a lane finds its end by the zero header, also if records of an earlier lap are behind it.
    @Test
    void anHeirGoesOnWhereTheLastOwnerEnded() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 100));
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            byte[] got = new byte[LANE];
            for (int i = 0; i < 100; i++) {
                try (var producer = opened.queue.newProducer()) {
                    assertTrue(producer.tryPut(OpenQueue.message(2 * i, 100 + i)));
                    assertTrue(producer.tryPut(OpenQueue.message(2 * i + 1, 100)));
                }
                assertEquals(2, opened.queue.size());
                assertEquals(100 + i, consumer.tryGet(got));
                assertEquals(100, consumer.tryGet(got));
            }
        }
    }
}
