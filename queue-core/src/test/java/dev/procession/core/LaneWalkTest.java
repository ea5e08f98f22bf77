package dev.procession.core;

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

/// The walk along a lane that answers what is in the queue, over records that are written by hand.
class LaneWalkTest {
    private static final int LANE = 1 << 16;

    @TempDir
    Path folder;

    private OpenQueue opened(long maxItems, Leasing leasing) {
        var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, maxItems, leasing));
        opened.queue.newProducer().close();
        return opened;
    }

    private static QueueStats.Lane lane(OpenQueue opened) {
        return opened.queue.stats().lanes().getFirst();
    }

    @Test
    void recordsAreCountedAlongTheJumpsToTheZeroHeader() {
        try (var opened = opened(0, null)) {
            long head = Layout.position(3, LANE - 80);
            opened.startLaneAt(0, head);
            opened.setWord(opened.offset(0, head), Layout.header(1, 16)); // 24 bytes
            opened.setWord(opened.offset(0, head + 24), Layout.header(1, 0)); // 8 bytes
            opened.setWord(opened.offset(0, head + 32), Layout.jumpTo(0));
            opened.setWord(opened.offset(0, 0), Layout.header(2, 9)); // 24 bytes
            opened.setWord(opened.offset(0, 24), 0);
            opened.setWord(opened.offset(0, 32), Layout.header(3, 8)); // of an earlier use
            assertEquals(3, opened.queue.size());
            assertEquals(new QueueStats.Lane(head, 3, 56, 2, lane(opened).ownerPid(), false), lane(opened));
            assertFalse(opened.queue.isEmpty());
        }
    }

    @Test
    void jumpsAloneAreNoMessages() {
        try (var opened = opened(0, null)) {
            long head = Layout.position(1, 80);
            opened.startLaneAt(0, head);
            opened.setWord(opened.offset(0, head), Layout.jumpTo(1));
            opened.setWord(opened.offset(0, LANE / 2), 0);
            assertTrue(opened.queue.isEmpty());
            assertEquals(0, opened.queue.size());
            assertEquals(head, opened.head(0), "who only asks moves nothing");
        }
    }

    @Test
    void aHeaderThatIsNoRecordsIsDamage() {
        try (var opened = opened(0, null)) {
            long head = LANE - 80;
            opened.startLaneAt(0, head);
            long reserved = 5L << 24 | (1 << 24) - 3;
            for (long header : new long[] {1L << 24, Layout.header(1, 72), Layout.header(1, 80),
                Layout.header(1, LANE), Layout.longHeader(1), reserved}) {
                opened.setWord(opened.offset(0, head), header);
                var e = assertThrows(QueueCorruptedException.class, opened.queue::size, Long.toHexString(header));
                assertTrue(e.getMessage().contains("there is no record"), e.getMessage());
            }
        }
    }

    @Test
    void aLogWithoutAnEndIsDamage() {
        try (var opened = opened(0, null)) {
            for (int at = 0; at < LANE; at += 64) opened.setWord(opened.offset(0, at), Layout.header(1, 56));
            var e = assertThrows(QueueCorruptedException.class, opened.queue::size);
            assertTrue(e.getMessage().contains("there is no record"), e.getMessage());
            opened.setWord(opened.offset(0, LANE - 64), Layout.jumpTo(0)); // round and round
            e = assertThrows(QueueCorruptedException.class, opened.queue::size);
            assertTrue(e.getMessage().contains("no zero header ends its log"), e.getMessage());
            assertFalse(opened.queue.isEmpty()); // it asks for the first record only
        }
    }

    @Test
    void aNumberOfLanesThatTheQueueDoesNotHaveIsDamage() {
        try (var opened = opened(0, null)) {
            for (long lanes : new long[] {2, -1, Long.MAX_VALUE}) {
                opened.setWord(Layout.LANES_IN_USE_OFFSET, lanes);
                assertThrows(QueueCorruptedException.class, opened.queue::isEmpty);
                assertThrows(QueueCorruptedException.class, opened.queue::size);
            }
        }
    }

    /// In whatever order messages are done: the head passes those at the front, and no other.
    @Test
    void theHeadPassesWhatIsDoneAndStopsAtWhatIsNot() {
        try (var opened = opened(0, Leasing.DEFAULT);
                var producer = opened.queue.newProducer();
                var consumer = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            var leases = new ArrayList<Lease>();
            for (int i = 0; i < 6; i++) assertTrue(producer.tryPut(new byte[100])); // two blocks of 64 bytes
            for (int i = 0; i < 5; i++) leases.add(given(consumer.tryLease((message, lease) -> {})));
            var order = List.of(1, 3, 0, 4, 2);
            var heads = List.of(0, 0, 2, 2, 5); // records
            for (int i = 0; i < order.size(); i++) {
                leases.get(order.get(i)).done();
                assertEquals(heads.get(i) * 128L, lane(opened).head(), "after " + order.subList(0, i + 1));
                assertEquals(5 - i, opened.queue.size());
            }
            assertFalse(opened.queue.isEmpty());
        }
    }

    @Test
    void aMessageThatIsLentIsInTheQueueAndOneThatIsDoneIsNotWhereverTheHeadIs() {
        try (var opened = opened(10, Leasing.DEFAULT);
                var producer = opened.queue.newProducer();
                var consumer = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            for (int i = 0; i < 10; i++) assertTrue(producer.tryPut(new byte[8]));
            assertTrue(opened.queue.isFull() && !producer.tryPut(new byte[8]));
            var first = given(consumer.tryLease((message, lease) -> {}));
            var second = given(consumer.tryLease((message, lease) -> {}));
            assertEquals(10, opened.queue.size());
            assertTrue(opened.queue.isFull());
            second.done(); // behind one that is not
            assertEquals(0, lane(opened).head());
            assertEquals(9, opened.queue.size());
            assertFalse(opened.queue.isFull());
            assertTrue(producer.tryPut(new byte[8]), "the place of what is done is free, wherever the head is");
            first.done();
            assertEquals(9, opened.queue.size());
        }
    }

    private static Lease given(Lease lease) {
        assertNotNull(lease);
        return lease;
    }
}
