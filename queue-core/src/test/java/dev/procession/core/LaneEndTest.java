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

/// What a producer writes at the end of a chunk, and how far it goes: lanes of two chunks.
class LaneEndTest {
    private static final int LANE = 4096;
    private static final int CHUNK = LANE / 2;
    private static final int EIGHTH = CHUNK / 8 - 8; // the length of a record of an eighth of a chunk

    @TempDir
    Path folder;

    @Test
    void aRecordThatWouldCrossTheEndOfItsChunkGoesToTheOtherOneByAJump() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0));
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            byte[] got = new byte[LANE];
            for (int i = 0; i < 7; i++) assertTrue(producer.tryPut(new byte[EIGHTH]));
            for (int i = 0; i < 7; i++) assertEquals(EIGHTH, consumer.tryGet(got));
            long end = 7 * CHUNK / 8;
            opened.setWord(opened.offset(0, CHUNK + CHUNK / 8 + 8), -1); // of an earlier use
            assertTrue(producer.tryPut(new byte[EIGHTH + 8]));
            assertEquals(Layout.jumpTo(1), opened.word(opened.offset(0, end)));
            assertEquals(EIGHTH + 8, Layout.length(opened.word(opened.offset(0, CHUNK))));
            assertEquals(0, opened.word(opened.offset(0, CHUNK + CHUNK / 8 + 8)), "no zero header ends the log");
            assertEquals(EIGHTH + 8, consumer.tryGet(got));
            assertEquals(Layout.position(1, CHUNK + CHUNK / 8 + 8), opened.head(0));
            assertTrue(opened.queue.isEmpty());
        }
    }

    /// The zero header after the last record has to be in the same chunk.
    @Test
    void aRecordThatLeavesRoomForAHeaderIsTheLastOfItsChunk() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0));
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
            byte[] got = new byte[LANE];
            opened.setWord(opened.offset(0, CHUNK), 0x1234); // what follows is another chunk's
            for (int i = 0; i < 7; i++) assertTrue(producer.tryPut(new byte[EIGHTH]));
            assertTrue(producer.tryPut(new byte[EIGHTH - 8]));
            assertEquals(EIGHTH - 8, Layout.length(opened.word(opened.offset(0, 7 * CHUNK / 8))));
            assertEquals(0, opened.word(opened.offset(0, CHUNK - 8)), "no zero header ends the log");
            assertEquals(0x1234, opened.word(opened.offset(0, CHUNK)));
            assertTrue(producer.tryPut(new byte[0]));
            assertEquals(Layout.jumpTo(1), opened.word(opened.offset(0, CHUNK - 8)));
            for (int i = 0; i < 7; i++) assertEquals(EIGHTH, consumer.tryGet(got));
            assertEquals(EIGHTH - 8, consumer.tryGet(got));
            assertEquals(0, consumer.tryGet(got));
        }
    }

    /// The room for the zero header after the last record, in both chunks: else it would be written over the first one.
    @ParameterizedTest
    @CsvSource({"0, 0, 0", "0, 5, 0", "0, 5, 1", "1000, 0, 0", "1000, 5, 1", "0, -1, 1", "1000, 2147483647, 0"})
    void aFullLaneIsFullUntilItsHeadHasLeftAChunk(long maxItems, int jumps, int chunk) {
        var geometry = new QueueGeometry(1, LANE, maxItems);
        try (var opened = new OpenQueue(folder, geometry)) {
            opened.queue.newProducer().close();
            opened.startLaneAt(0, Layout.position(jumps, chunk * CHUNK));
            try (var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
                byte[] got = new byte[LANE];
                int length = CHUNK / 8 - geometry.headerBytes();
                int shorter = length - geometry.alignment();
                for (int i = 0; i < 14; i++) assertTrue(producer.tryPut(OpenQueue.message(i, length)));
                assertFalse(producer.tryPut(new byte[length]), "no room is left for the zero header");
                assertTrue(producer.tryPut(OpenQueue.message(14, shorter)));
                assertFalse(producer.hasRoom(0));
                for (int i = 0; i < 15; i++) {
                    byte[] put = OpenQueue.message(i, i < 14 ? length : shorter);
                    assertArrayEquals(put, Arrays.copyOf(got, consumer.tryGet(got)));
                    assertEquals(i >= 6, producer.hasRoom(length), "after " + i);
                }
                assertTrue(producer.hasRoom(geometry.maxMessageBytes()));
            }
        }
    }

    /// Too far, too early, and in a chunk that no run of the log is in.
    @ParameterizedTest
    @CsvSource({"5, 0", "-1, 0", "2147483647, 0", "0, 2048", "1, 0"})
    void aHeadThatIsOutsideOfTheLogIsDamage(int jumps, long offset) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, 0));
                var producer = opened.queue.newProducer()) {
            while (producer.tryPut(new byte[EIGHTH])) {}
            opened.setWord(Layout.headOffset(0), Layout.position(jumps, offset));
            var e = assertThrows(QueueCorruptedException.class, () -> producer.tryPut(new byte[EIGHTH]));
            assertTrue(e.getMessage().contains("head is outside of the log"), e.getMessage());
        }
    }

    /// The next owner of a lane finds its end by the zero header, also if earlier records follow it.
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
