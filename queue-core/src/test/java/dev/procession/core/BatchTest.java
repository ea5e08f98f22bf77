package dev.procession.core;

import static dev.procession.core.OpenQueue.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Messages that are put all at once.
class BatchTest {
    private static final int LANE = 1 << 16;
    private static final int CHUNK = 1024;

    @TempDir
    Path folder;

    private OpenQueue open(int lanes, long maxItems) {
        return new OpenQueue(folder, new QueueGeometry(lanes, LANE, CHUNK, maxItems, null));
    }

    private static Batch batch(Producer producer, int messages, int length) {
        var batch = producer.tryBatch(messages, messages * producer.batchBytes(length));
        assertNotNull(batch);
        return batch;
    }

    @ParameterizedTest
    @EnumSource
    void noneOfItIsThereBeforeTheCommitAndAllOfItAfterIt(Taking taking) {
        for (long maxItems : new long[] {0, 20}) {
            var geometry = new QueueGeometry(2, LANE, CHUNK, maxItems, taking.leasing());
            for (int lanes = 1; lanes <= 2; lanes++) {
                try (var opened = new OpenQueue(folder, geometry);
                        var producer = opened.queue.newProducer();
                        var other = lanes == 2 ? opened.queue.newProducer() : producer;
                        var consumer = opened.queue.newConsumer(taking.delivery)) {
                    for (int round = 0; round < 100; round++) { // most of them after a jump
                        int length = 10 + round;
                        assertTrue(other.tryPut(message(0, 30)));
                        taking.assertTakesAll(consumer, message(0, 30));
                        var batch = batch(producer, 5, length);
                        long start = opened.offset(0, producer.tail);
                        byte[][] messages = new byte[5][];
                        for (int i = 0; i < messages.length; i++) {
                            byte[] each = messages[i] = message(i, length);
                            assertEquals(i, batch.size());
                            switch ((i + round) % 3) {
                                case 0 -> batch.add(each, 0, length);
                                case 1 -> batch.add(MemorySegment.ofArray(each), 0, length);
                                default -> {
                                    var claim = batch.claim(length);
                                    claim.putBytes(0, each, 0, length);
                                    claim.commit();
                                }
                            }
                            assertEquals(0, opened.word(start), "the log goes on after " + i);
                            taking.assertTakesAll(consumer);
                            assertTrue(opened.queue.isEmpty() && opened.queue.size() == 0);
                        }
                        batch.commit();
                        assertEquals(5, opened.queue.size());
                        taking.assertTakesAll(consumer, messages);
                    }
                }
                LaneQueue.delete(folder.resolve("queue"));
            }
        }
    }

    @Test
    void allOfItHasOneTicketAndIsNextToEachOther() {
        try (var opened = open(2, 0);
                var producer = opened.queue.newProducer();
                var other = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            assertTrue(producer.tryPut(message(0, 8)) && other.tryPut(message(1, 8)));
            long ticket = opened.word(Layout.TICKET_OFFSET);
            long at = producer.tail;
            var batch = batch(producer, 3, 16);
            assertEquals(ticket + 1, opened.word(Layout.TICKET_OFFSET), "its ticket is not drawn when it is opened");
            assertTrue(other.tryPut(message(5, 8))); // later, although it is there first
            for (int i = 2; i < 5; i++) batch.add(message(i, 16), 0, 16);
            batch.commit();
            for (int i = 0; i < 3; i++)
                assertEquals(Layout.header(ticket, 16), opened.word(opened.offset(0, at + 24 * i)));
            Taking.SHARED_GET.assertTakesAll(consumer, message(0, 8), message(1, 8), message(2, 16), message(3, 16),
                    message(4, 16), message(5, 8));
        }
    }

    @Test
    void oneThatIsAbortedClosedOrEmptyPutsNothing() {
        try (var opened = open(1, 10);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
            for (int i = 0; i < 100; i++) {
                try (var batch = batch(producer, 3, 100)) {
                    if (i % 2 == 0) batch.add(message(1, 100), 0, 100);
                    if (i % 2 == 0) batch.add(message(2, 100), 0, 100);
                    assertEquals(3, opened.word(Layout.announcedOffset(0)) - producer.published);
                    switch (i % 4) {
                        case 0 -> batch.abort();
                        case 1 -> batch.commit();
                        default -> assertTrue(batch.isOpen()); // closed
                    }
                }
                assertEquals(producer.published, opened.word(Layout.announcedOffset(0)));
                assertTrue(opened.queue.isEmpty());
                assertTrue(producer.tryPut(message(i, 200)));
                Taking.EXCLUSIVE_POLL.assertTakesAll(consumer, message(i, 200));
            }
        }
    }

    @Test
    void fewerMessagesOrBytesThanItWasOpenedForAreAllThatIsPut() {
        try (var opened = open(1, 10);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            for (int i = 0; i < 100; i++) {
                var batch = batch(producer, 10, 90);
                assertTrue(opened.queue.isFull(), "its places are not taken");
                batch.add(message(i, 33), 0, 33);
                batch.add(message(i + 1, 90), 0, 90);
                batch.commit();
                assertEquals(2, opened.queue.size());
                assertFalse(opened.queue.isFull());
                assertEquals(2L * i + 2 + i, opened.word(Layout.announcedOffset(0)));
                assertTrue(producer.tryPut(message(i + 2, 10)));
                Taking.SHARED_POLL_RUN.assertTakesAll(consumer, message(i, 33), message(i + 1, 90), message(i + 2, 10));
            }
        }
    }

    @Test
    void theBoundHasAPlaceForAllOfItOrItIsRefused() {
        try (var opened = open(2, 5);
                var producer = opened.queue.newProducer();
                var other = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            for (int i = 0; i < 50; i++) {
                assertTrue(other.tryPut(message(1, 8)) && other.tryPut(message(2, 8)));
                assertNull(producer.tryBatch(4, 4 * producer.batchBytes(8)));
                assertTrue(other.tryPut(message(3, 8)), "the one that was refused keeps places");
                assertNull(producer.tryBatch(3, 3 * producer.batchBytes(8)));
                var batch = batch(producer, 2, 8);
                assertFalse(other.tryPut(message(9, 8)));
                batch.add(message(4, 8), 0, 8);
                batch.add(message(5, 8), 0, 8);
                batch.commit();
                assertTrue(opened.queue.isFull() && !other.tryPut(message(9, 8)));
                Taking.SHARED_GET.assertTakesAll(consumer, message(1, 8), message(2, 8), message(3, 8), message(4, 8),
                        message(5, 8));
            }
            var e = assertThrows(IllegalArgumentException.class,
                    () -> producer.tryBatch(6, 6 * producer.batchBytes(8)));
            assertTrue(e.getMessage().contains("maxItems=5"), e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 100_000})
    void theLargestOneFitsAnEmptyLaneAndALargerOneIsTooLarge(long maxItems) {
        try (var opened = open(1, maxItems);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            long most = opened.queue.maxBatchBytes();
            int size = (int) producer.batchBytes(0);
            int messages = (int) (most / size);
            for (int round = 0; round < 5; round++) {
                var batch = producer.tryBatch(messages, most);
                assertNotNull(batch);
                for (int i = 0; i < messages; i++) batch.add(new byte[0], 0, 0);
                batch.commit();
                assertEquals(messages, opened.queue.size());
                int[] taken = {0};
                while (consumer.poll(message -> taken[0]++, 1000) > 0) {}
                assertEquals(messages, taken[0]);
            }
            var e = assertThrows(MessageTooLargeException.class, () -> producer.tryBatch(1, most + 1));
            assertTrue(e.getMessage().contains("laneBytes=" + LANE), e.getMessage());
        }
    }

    @Test
    void itsMessagesMayBeLongOnes() {
        int lane = 1 << 26;
        byte[] long1 = message(7, Layout.MAX_SHORT + 1);
        byte[] short1 = message(8, 100);
        for (long maxItems : new long[] {0, 3}) {
            try (var opened = new OpenQueue(folder, new QueueGeometry(1, lane, maxItems));
                    var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
                for (int round = 0; round < 3; round++) {
                    boolean first = round % 2 == 0;
                    long bytes = producer.batchBytes(long1.length) + 2 * producer.batchBytes(short1.length);
                    var batch = producer.tryBatch(3, bytes);
                    assertNotNull(batch);
                    if (first) batch.add(long1, 0, long1.length);
                    batch.add(short1, 0, short1.length);
                    if (!first) {
                        var claim = batch.claim(long1.length);
                        claim.putBytes(0, MemorySegment.ofArray(long1), 0, long1.length);
                        claim.commit();
                    }
                    batch.add(short1, 0, short1.length);
                    assertTrue(opened.queue.isEmpty());
                    batch.commit();
                    assertEquals(3, opened.queue.size());
                    if (first) Taking.SHARED_POLL_RUN.assertTakesAll(consumer, long1, short1, short1);
                    else Taking.SHARED_GET.assertTakesAll(consumer, short1, long1, short1);
                }
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @Test
    void sizesThatCannotBeAreNamed() {
        try (var opened = open(1, 0); var producer = opened.queue.newProducer()) {
            for (int messages : new int[] {0, -1}) {
                var e = assertThrows(IllegalArgumentException.class, () -> producer.tryBatch(messages, 100));
                assertTrue(e.getMessage().startsWith("messages=" + messages + ", must be"), e.getMessage());
            }
            for (long bytes : new long[] {0, -8, 15}) {
                var e = assertThrows(IllegalArgumentException.class, () -> producer.tryBatch(2, bytes));
                assertTrue(e.getMessage().startsWith("bytes=" + bytes + " are too few"), e.getMessage());
            }
            assertThrows(MessageTooLargeException.class, () -> producer.batchBytes(opened.queue.maxMessageBytes() + 1));
            assertTrue(producer.tryPut(new byte[8]), "a batch that was refused is open");
        }
    }

    @Test
    void moreThanItWasOpenedForIsRefusedAndTheRestStays() {
        try (var opened = open(1, 0);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            var batch = producer.tryBatch(2, 64);
            assertNotNull(batch);
            batch.add(message(0, 16), 0, 16);
            var e = assertThrows(IndexOutOfBoundsException.class, () -> batch.add(new byte[33], 0, 33));
            assertTrue(e.getMessage().contains("2 messages in 64 bytes, has 1 in 24"), e.getMessage());
            assertThrows(IndexOutOfBoundsException.class, () -> batch.claim(33));
            assertThrows(IndexOutOfBoundsException.class, () -> batch.claim(LANE));
            assertThrows(IndexOutOfBoundsException.class, () -> batch.add(new byte[8], 4, 8));
            assertThrows(IllegalArgumentException.class, () -> batch.claim(-1));
            batch.add(message(1, 8), 0, 8);
            assertThrows(IndexOutOfBoundsException.class, () -> batch.add(new byte[0], 0, 0)); // a third one
            batch.commit();
            Taking.SHARED_GET.assertTakesAll(consumer, message(0, 16), message(1, 8));
        }
    }

    @Test
    void whileItIsOpenItsProducerPutsNothingElse() {
        try (var opened = open(1, 0);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            var claimed = producer.tryClaim(8);
            assertNotNull(claimed);
            assertThrows(IllegalStateException.class, () -> producer.tryBatch(1, 16));
            claimed.abort();
            var batch = batch(producer, 2, 8);
            assertThrows(IllegalStateException.class, () -> producer.tryPut(new byte[8]));
            assertThrows(IllegalStateException.class, () -> producer.tryClaim(8));
            assertThrows(IllegalStateException.class, () -> producer.tryBatch(1, 16));
            assertThrows(IllegalStateException.class, () -> producer.hasRoom(8));
            var claim = batch.claim(8);
            assertThrows(IllegalStateException.class, () -> batch.add(new byte[8], 0, 8));
            assertThrows(IllegalStateException.class, batch::commit);
            claim.abort();
            assertEquals(0, batch.size());
            batch.add(message(1, 8), 0, 8);
            batch.commit();
            assertThrows(IllegalStateException.class, batch::commit);
            assertThrows(IllegalStateException.class, batch::abort);
            assertThrows(IllegalStateException.class, () -> batch.add(new byte[8], 0, 8));
            batch.close();
            assertTrue(producer.tryPut(message(2, 8)));
            var next = batch(producer, 1, 8);
            assertSame(batch, next);
            next.claim(8); // aborted with it
            next.abort();
            assertTrue(producer.tryPut(message(3, 8)));
            Taking.SHARED_GET.assertTakesAll(consumer, message(1, 8), message(2, 8), message(3, 8));
        }
    }

    @Test
    void aSourceThatFailsAddsNothing() {
        try (var opened = open(1, 3);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            var batch = batch(producer, 2, 8);
            Arena closed = Arena.ofConfined();
            MemorySegment gone = closed.allocate(8);
            closed.close();
            assertThrows(IllegalStateException.class, () -> batch.add(gone, 0, 8));
            assertEquals(0, batch.size());
            batch.add(message(1, 8), 0, 8);
            batch.commit();
            Taking.SHARED_GET.assertTakesAll(consumer, message(1, 8));
        }
    }

    /// The end of its producer, and that of the handle.
    @Test
    void oneThatIsOpenWhenItsProducerIsClosedIsAborted() {
        try (var opened = open(1, 4); var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            var producer = opened.queue.newProducer();
            var batch = batch(producer, 3, 8);
            batch.add(message(1, 8), 0, 8);
            batch.claim(8);
            producer.close();
            assertThrows(IllegalStateException.class, batch::commit);
            assertEquals(0, opened.word(Layout.announcedOffset(0)));
            Taking.SHARED_GET.assertTakesAll(consumer);
            try (var heir = opened.queue.newProducer()) {
                assertEquals(0, heir.published);
                assertTrue(heir.tryPut(message(2, 8)));
                Taking.SHARED_GET.assertTakesAll(consumer, message(2, 8));
            }
            assertThrows(QueueClosedException.class, () -> producer.tryBatch(1, 32));
        }
    }

    @Test
    void oneThatWaitsForRoomGetsItOrNot() throws InterruptedException {
        try (var opened = open(1, 3);
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            assertTrue(producer.tryPut(message(1, 8)) && producer.tryPut(message(2, 8)));
            assertNull(producer.batch(2, 2 * producer.batchBytes(8), 1_000_000));
            var taker = Thread.startVirtualThread(() -> consumer.poll(message -> {}, 1));
            var batch = producer.batch(2, 2 * producer.batchBytes(8), 20_000_000_000L);
            taker.join();
            assertNotNull(batch);
            batch.add(message(3, 8), 0, 8);
            batch.add(message(4, 8), 0, 8);
            batch.commit();
            Taking.SHARED_GET.assertTakesAll(consumer, message(2, 8), message(3, 8), message(4, 8));
        }
    }
}
