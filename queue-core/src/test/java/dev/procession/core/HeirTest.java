package dev.procession.core;

import static dev.procession.core.OpenQueue.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The next owner of a lane: what it finds by walking from the head, and writes over nothing that waits.
class HeirTest {
    private static final int CHUNK = 1024;
    private static final int LANE = 1 << 16;
    private static final int CHUNKS = LANE / CHUNK;

    @TempDir
    Path folder;

    /// Records shorter and longer than a chunk, the owner changing after each: as full as it goes, and from any head.
    @ParameterizedTest
    @EnumSource
    void eachHeirKeepsWhatItsPredecessorsHavePut(Taking taking) {
        for (long maxItems : new long[] {0, 1000}) {
            var geometry = new QueueGeometry(1, LANE, CHUNK, maxItems, taking.leasing());
            try (var opened = new OpenQueue(folder, geometry);
                    var consumer = opened.queue.newConsumer(taking.delivery)) {
                var waiting = new ArrayList<byte[]>();
                int number = 0;
                for (int round = 0; round < 6; round++) {
                    while (true) {
                        byte[] next = message(number, number % 5 == 0 ? 3000 + 10 * number : 10 + 77 * number % 1500);
                        try (var heir = opened.queue.newProducer()) {
                            assertEquals(0, heir.lane());
                            if (!heir.tryPut(next)) break;
                        }
                        waiting.add(next);
                        number++;
                        assertEquals(waiting.size(), opened.queue.size());
                    }
                    assertTrue(waiting.size() > 20, "full with " + waiting.size());
                    for (int i = 0; i < 15 + round; i++) {
                        for (byte[] each : taking.take(consumer))
                            Taking.assertSame(waiting.removeFirst(), each);
                    }
                }
                taking.assertTakesAll(consumer, waiting.toArray(new byte[0][]));
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @Test
    void ofTheRunThatTheHeadIsInTheChunksBeforeItAreFree() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, 8 * CHUNK, CHUNK, 0, null));
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            int three = 3 * CHUNK - 100;
            try (var producer = opened.queue.newProducer()) {
                assertTrue(producer.tryPut(message(0, 8)) && producer.tryPut(message(1, three))); // 0; 1 to 3
                assertTrue(producer.tryPut(message(2, 8)) && producer.tryPut(message(3, three))); // 3; 4 to 6
            }
            Taking.SHARED_GET.assertTakes(consumer, message(0, 8), message(1, three));
            try (var heir = opened.queue.newProducer()) {
                assertTrue(heir.tryPut(message(4, three)));
                assertEquals(Layout.jumpTo(0), opened.word(opened.offset(0, 4 * CHUNK + three + 12)));
                assertFalse(heir.tryPut(message(5, CHUNK)));
            }
            try (var heir = opened.queue.newProducer()) {
                assertFalse(heir.tryPut(message(5, CHUNK)));
                assertTrue(heir.tryPut(message(5, CHUNK - 16)));
            }
            Taking.SHARED_POLL_RUN.assertTakesAll(consumer, message(2, 8), message(3, three), message(4, three),
                    message(5, CHUNK - 16));
        }
    }

    /// The owner used three chunks as one; of that the heir sees as many as have records.
    @ParameterizedTest
    @ValueSource(ints = {0, 100, 1500})
    void aRunThatWasClaimedAndNotFilledIsGoneOnIn(int length) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, 8 * CHUNK, CHUNK, 0, null));
                var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
            try (var producer = opened.queue.newProducer()) {
                assertTrue(producer.tryPut(message(0, 900)));
                var claim = producer.tryClaim(3000);
                assertNotNull(claim);
                claim.abort();
                if (length > 0) assertTrue(producer.tryPut(message(1, length)));
            }
            var expected = new ArrayList<>(List.of(message(0, 900)));
            if (length > 0) expected.add(message(1, length));
            try (var heir = opened.queue.newProducer()) {
                assertEquals(expected.size(), opened.queue.size());
                for (int i = 2; heir.tryPut(message(i, 600)); i++) expected.add(message(i, 600));
            }
            assertTrue(expected.size() >= 6, "full with " + expected.size());
            Taking.EXCLUSIVE_POLL.assertTakesAll(consumer, expected.toArray(new byte[0][]));
        }
    }

    @Test
    void theNumbersOfRecordsGoOnAlsoAfterAJumpAlone() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, 8 * CHUNK, CHUNK, 3, null));
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            for (int i = 0; i < 50; i++) {
                try (var producer = opened.queue.newProducer()) {
                    assertEquals(2 * i, producer.published);
                    assertTrue(producer.tryPut(message(0, 600)));
                    var claim = producer.tryClaim(600); // jumps
                    assertNotNull(claim);
                    claim.abort();
                }
                try (var heir = opened.queue.newProducer()) {
                    assertEquals(2 * i + 1, heir.published);
                    assertTrue(heir.tryPut(message(1, 600)) && heir.hasRoom(8));
                    assertEquals(2, opened.queue.size());
                }
                Taking.SHARED_GET.assertTakesAll(consumer, message(0, 600), message(1, 600));
            }
        }
    }

    /// Where its walk leads: no chunk, a chunk that is in use, and the one that it is in; and what is no record.
    @ParameterizedTest
    @CsvSource({"64, a jump leads", "1, a jump leads", "0, a jump leads", "1099511627775, a jump leads"})
    void aJumpThatLeadsNowhereIsDamage(long chunk, String message) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null))) {
            assertEquals(CHUNKS, opened.geometry.chunks());
            try (var producer = opened.queue.newProducer()) {
                for (int i = 0; i < 3; i++) assertTrue(producer.tryPut(message(i, CHUNK - 16)));
            }
            opened.setWord(opened.offset(0, 2 * CHUNK - 8), Layout.jumpTo(chunk)); // the second one
            var e = assertThrows(QueueCorruptedException.class, opened.queue::newProducer);
            assertTrue(e.getMessage().contains(message), e.getMessage());
            opened.setWord(opened.offset(0, 2 * CHUNK - 8), Layout.jumpTo(2));
            opened.queue.newProducer().close(); // the lane was not kept
        }
    }

    @Test
    void aHeaderThatIsNoRecordsIsDamageToItToo() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null))) {
            try (var producer = opened.queue.newProducer()) {
                for (int i = 0; i < 3; i++) assertTrue(producer.tryPut(message(i, CHUNK - 16)));
            }
            for (long header : new long[] {(1 << 24) - 3, Layout.longHeader(0), Layout.header(0, LANE)}) {
                opened.setWord(opened.offset(0, CHUNK), header);
                var e = assertThrows(QueueCorruptedException.class, opened.queue::newProducer);
                assertTrue(e.getMessage().contains("there is no record"), e.getMessage());
            }
        }
    }
}
