package dev.procession.core;

import static dev.procession.core.OpenQueue.message;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Where a lane goes on when a record does not fit into its chunk: lanes of many chunks.
class ChunksTest {
    private static final int CHUNK = 1024;
    private static final int CHUNKS = 8;
    private static final int LANE = CHUNKS * CHUNK;
    private static final int WHOLE = CHUNK - 16; // the length of a record that fills a chunk, with the next header

    @TempDir
    Path folder;

    private OpenQueue open(long maxItems) {
        return new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, maxItems, null));
    }

    private static void assertJump(OpenQueue opened, long at, int chunk) {
        long word = opened.word(opened.offset(0, at));
        assertTrue(Layout.isJump(word), () -> "at " + at + " is no jump but " + Long.toHexString(word));
        assertEquals(chunk, Layout.chunk(word));
    }

    private static void assertRecord(OpenQueue opened, long at, int length) {
        assertEquals(length, Layout.length(opened.word(opened.offset(0, at))), "at " + at);
    }

    @Test
    void aJumpGoesToTheLowestChunkThatIsFree() {
        try (var opened = open(0);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            byte[] got = new byte[LANE];
            for (int i = 0; i < 5; i++) assertTrue(producer.tryPut(message(i, WHOLE)));
            for (int chunk = 1; chunk < 5; chunk++) assertJump(opened, chunk * CHUNK - 8, chunk);
            for (int i = 0; i < 2; i++) assertEquals(WHOLE, consumer.tryGet(got));
            int[] chunks = {0, 1, 5, 6, 7};
            long end = 5 * CHUNK - 8;
            for (int i = 0; i < chunks.length; i++) {
                assertTrue(producer.tryPut(message(5 + i, WHOLE)));
                assertJump(opened, end, chunks[i]);
                end = chunks[i] * CHUNK + CHUNK - 8;
            }
            assertFalse(producer.tryPut(new byte[0]));
            assertEquals(0, opened.word(opened.offset(0, end)), "a put that was refused has jumped");
            for (int i = 2; i < 10; i++) {
                assertEquals(WHOLE, consumer.tryGet(got));
                assertArrayEquals(message(i, WHOLE), Arrays.copyOf(got, WHOLE));
            }
        }
    }

    @Test
    void aRecordLongerThanAChunkTakesNeighbouringOnesAsOne() {
        try (var opened = open(0);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
            for (int i = 0; i < 5; i++) assertTrue(producer.tryPut(message(i, WHOLE)));
            assertEquals(2, consumer.poll(message -> {}, 2));
            assertEquals(1, consumer.poll(message -> {}, 1)); // the head has passed the jump before this one
            assertTrue(producer.tryPut(message(5, WHOLE + 1))); // 0 and 1, which are free, as 5 to 7 are
            assertJump(opened, 5 * CHUNK - 8, 0);
            assertRecord(opened, 0, WHOLE + 1);
            int end = WHOLE + 16;
            assertTrue(producer.tryPut(message(6, WHOLE))); // fills the second one, without a jump
            assertRecord(opened, end, WHOLE);
            assertTrue(producer.tryPut(message(7, WHOLE + CHUNK)));
            assertJump(opened, 2 * CHUNK - 8, 5);
            assertFalse(producer.tryPut(message(8, WHOLE + 1)), "no two neighbours are free");
            assertTrue(producer.tryPut(message(8, WHOLE)));
            assertJump(opened, 7 * CHUNK - 8, 7);
            byte[][] rest = {message(3, WHOLE), message(4, WHOLE), message(5, WHOLE + 1), message(6, WHOLE),
                message(7, WHOLE + CHUNK), message(8, WHOLE)};
            Taking.EXCLUSIVE_POLL.assertTakesAll(consumer, rest);
        }
    }

    /// As soon as the head is behind a long record, the chunks that it was in are free.
    @Test
    void aLongRecordThatWasTakenFreesItsChunksBeforeTheHeadLeavesItsRun() {
        try (var opened = open(0);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            int three = 3 * CHUNK - 100;
            assertTrue(producer.tryPut(message(0, 8))); // 0
            assertTrue(producer.tryPut(message(1, three))); // 1 to 3
            assertTrue(producer.tryPut(message(2, 8)));
            assertTrue(producer.tryPut(message(3, three))); // 4 to 6
            assertFalse(producer.hasRoom(WHOLE + 1));
            Taking.SHARED_GET.assertTakes(consumer, message(0, 8), message(1, three));
            assertEquals(Layout.position(1, CHUNK + three + 12), opened.head(0));
            assertTrue(producer.tryPut(message(4, three)));
            assertJump(opened, 4 * CHUNK + three + 12, 0);
            Taking.SHARED_GET.assertTakesAll(consumer, message(2, 8), message(3, three), message(4, three));
        }
    }

    @ParameterizedTest
    @EnumSource
    void twoJumpsInARowAreOneWay(Taking taking) {
        int lane = 1 << 16;
        var geometry = new QueueGeometry(2, lane, CHUNK, 0, taking.leasing());
        for (int lanes = 1; lanes <= 2; lanes++) {
            try (var opened = new OpenQueue(folder, geometry);
                    var producer = opened.queue.newProducer();
                    var other = lanes == 2 ? opened.queue.newProducer() : null;
                    var consumer = opened.queue.newConsumer(taking.delivery)) {
                if (other != null) assertTrue(other.hasRoom(0));
                for (int i = 0; i < 100; i++) {
                    do { // until the first chunk is full; then there is room in the second, and the first is free
                        assertTrue(producer.tryPut(message(i, CHUNK - 136)));
                        taking.assertTakesAll(consumer, message(i, CHUNK - 136));
                    } while (Layout.offset(producer.tail) / CHUNK != 0);
                    assertTrue(producer.tryPut(message(i, 150)));
                    taking.assertTakesAll(consumer, message(i, 150));
                    assertTrue(producer.tryPut(message(i, 500)));
                    int jumps = Layout.jumps(producer.tail);
                    var claim = producer.tryClaim(900); // does not fit
                    assertNotNull(claim);
                    claim.abort();
                    assertEquals(jumps + 1, Layout.jumps(producer.tail));
                    assertTrue(producer.tryPut(message(i, 2000))); // neither does this
                    assertEquals(jumps + 2, Layout.jumps(producer.tail));
                    assertTrue(opened.queue.stats().lanes().getFirst().runs() >= 3);
                    assertEquals(2, opened.queue.size());
                    taking.assertTakesAll(consumer, message(i, 500), message(i, 2000));
                    assertTrue(opened.queue.isEmpty());
                }
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @ParameterizedTest
    @EnumSource
    void jumpsWithoutARecordAfterThemAreNoMessage(Taking taking) {
        var geometry = new QueueGeometry(1, 1 << 16, CHUNK, 0, taking.leasing());
        try (var opened = new OpenQueue(folder, geometry);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(taking.delivery)) {
            assertTrue(producer.tryPut(message(0, 8)));
            taking.assertTakesAll(consumer, message(0, 8));
            for (int length : new int[] {CHUNK, 3 * CHUNK}) {
                var claim = producer.tryClaim(length);
                assertNotNull(claim);
                claim.abort();
            }
            assertEquals(1, Layout.jumps(producer.tail), "the second one goes on where the first one was");
            assertTrue(opened.queue.isEmpty());
            assertEquals(0, opened.queue.size());
            taking.assertTakesAll(consumer);
            assertEquals(producer.tail, opened.head(0), "a look passes jumps");
        }
    }

    /// A record has its number within the lane; so has a jump, since a head may stand there.
    @Test
    void aJumpKeepsTheNumberOfTheNextRecord() {
        try (var opened = open(3);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
            int length = CHUNK - 32;
            for (int i = 0; i < 3; i++) assertTrue(producer.tryPut(message(i, length)));
            for (int i = 0; i < 3; i++) {
                assertEquals(i, opened.word(opened.offset(0, i * CHUNK) + 8));
                if (i < 2) assertJump(opened, (i + 1) * CHUNK - 16, i + 1);
                assertEquals(i + 1, opened.word(opened.offset(0, (i + 1) * CHUNK - 8)));
            }
            for (int i = 3; i < 100; i++) {
                assertTrue(opened.queue.isFull() && !producer.tryPut(new byte[0]));
                assertEquals(1, consumer.poll(message -> {}, 1));
                assertEquals(2, opened.queue.size());
                assertTrue(!opened.queue.isFull() && producer.hasRoom(length));
                assertTrue(producer.tryPut(message(i, length)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void messagesOfEachLengthAroundThatOfChunksArriveWhole(Taking taking) {
        for (long maxItems : new long[] {0, 5}) {
            var geometry = new QueueGeometry(1, 1 << 16, CHUNK, maxItems, taking.leasing());
            try (var opened = new OpenQueue(folder, geometry);
                    var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(taking.delivery)) {
                for (int chunks = 1; chunks <= 31; chunks += chunks < 4 ? 1 : 9) {
                    for (int length = chunks * CHUNK - 70; length < chunks * CHUNK + 10; length++) {
                        assertTrue(producer.tryPut(message(length, length)) && producer.tryPut(message(7, 20)));
                        taking.assertTakes(consumer, message(length, length), message(7, 20));
                    }
                }
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "4096, 2048, 0, false", "4096, 1024, 0, false", "8192, 1024, 5, false", "65536, 1024, 0, false",
        "65536, 32768, 5, true", "65536, 16384, 0, true", "65536, 1024, 5, true"
    })
    void theLongestMessageFitsIntoAnEmptyLaneWhereverItsTailIs(
            int laneBytes, int chunkBytes, long maxItems, boolean leased) {
        var geometry = new QueueGeometry(1, laneBytes, chunkBytes, maxItems, leased ? Leasing.DEFAULT : null);
        var taking = leased ? Taking.LEASE : Taking.SHARED_GET;
        int most = geometry.maxMessageBytes();
        try (var opened = new OpenQueue(folder, geometry);
                var consumer = opened.queue.newConsumer(taking.delivery)) {
            opened.queue.newProducer().close();
            int jumps = 0;
            for (int chunk = 0; chunk < laneBytes; chunk += chunkBytes) {
                for (int in : new int[] {0, 64, chunkBytes / 2, chunkBytes - 64}) {
                    opened.startLaneAt(0, Layout.position(jumps += 10, chunk + in));
                    opened.setWord(Layout.announcedOffset(0), 0);
                    if (maxItems > 0) opened.setWord(opened.offset(0, chunk + in) + 8, 0);
                    try (var producer = opened.queue.newProducer()) {
                        for (int i = 0; i < 3; i++) {
                            assertTrue(producer.tryPut(message(i, most)), "put " + i + " from " + (chunk + in));
                            taking.assertTakesAll(consumer, message(i, most));
                        }
                    }
                }
            }
        }
    }

    /// Chunks that were claimed and not filled hold nothing that would have to be taken first.
    @Test
    void whatWasClaimedAndNotFilledIsNotInTheWay() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, 4 * CHUNK, CHUNK, 0, null));
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            opened.queue.newProducer().close();
            opened.startLaneAt(0, Layout.position(5, CHUNK - 64));
            try (var producer = opened.queue.newProducer()) {
                var claim = producer.tryClaim(WHOLE + 1); // 1 and 2
                assertNotNull(claim);
                claim.abort();
                assertTrue(producer.tryPut(message(0, 8)));
                Taking.SHARED_GET.assertTakesAll(consumer, message(0, 8));
                byte[] longest = message(1, opened.queue.maxMessageBytes());
                assertTrue(producer.tryPut(longest), "the queue is empty");
                Taking.SHARED_GET.assertTakesAll(consumer, longest);
            }
        }
    }
}
