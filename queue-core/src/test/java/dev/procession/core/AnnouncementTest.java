package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What each lane's announced number says of the places that are taken, of three.
class AnnouncementTest {
    private static final byte[] MESSAGE = new byte[8];

    @TempDir
    Path folder;

    private OpenQueue opened;

    @BeforeEach
    void open() {
        opened = new OpenQueue(folder, new QueueGeometry(2, 4096, 3));
    }

    @AfterEach
    void close() {
        opened.close();
    }

    private long announced(int lane) {
        return opened.word(Layout.announcedOffset(lane));
    }

    @Test
    void eachPutAnnouncesOneItemAndARefusedOneTakesThatBack() {
        try (var one = opened.queue.newProducer(); var two = opened.queue.newProducer()) {
            assertTrue(one.tryPut(MESSAGE) && two.tryPut(MESSAGE) && one.tryPut(MESSAGE));
            assertFalse(one.tryPut(MESSAGE) || two.tryPut(MESSAGE));
            assertEquals(2, announced(0));
            assertEquals(1, announced(1));
        }
    }

    @Test
    void anOpenClaimKeepsItsPlaceUntilItIsAborted() {
        try (var one = opened.queue.newProducer(); var two = opened.queue.newProducer()) {
            assertTrue(one.tryPut(MESSAGE) && one.tryPut(MESSAGE));
            var claim = two.tryClaim(8);
            assertNotNull(claim);
            assertTrue(opened.queue.isFull() && !one.tryPut(MESSAGE));
            assertEquals(2, opened.queue.size());
            claim.abort();
            assertEquals(0, announced(1));
            assertFalse(opened.queue.isFull());
            assertTrue(one.tryPut(MESSAGE));
            assertNull(two.tryClaim(8));
        }
    }

    @Test
    void aPutThatFailsKeepsNoPlace() {
        try (var one = opened.queue.newProducer()) {
            byte[] long1 = new byte[opened.queue.maxMessageBytes()];
            assertTrue(one.tryPut(long1) && one.tryPut(long1));
            assertFalse(one.tryPut(long1) || one.tryPut(MESSAGE), "the lane has room for three");
            assertThrows(MessageTooLargeException.class, () -> one.tryPut(new byte[4096]));
            assertEquals(2, announced(0));
            try (var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
                assertEquals(1, consumer.poll(message -> {}, 1));
            }
            assertTrue(one.tryPut(MESSAGE) && one.tryPut(MESSAGE));
        }
    }

    /// As if it had been killed between its announcement and its put: the places that are left are bounded by its log.
    @Test
    void whatTheDeadHaveAnnouncedAndNotPutTakesNoPlace() {
        try (var one = opened.queue.newProducer()) {
            try (var dead = opened.queue.newProducer()) {
                assertTrue(dead.tryPut(MESSAGE));
                opened.setWord(Layout.announcedOffset(1), 2);
                assertTrue(one.tryPut(MESSAGE));
                assertTrue(opened.queue.isFull() && !one.tryPut(MESSAGE), "it lives, and may put it yet");
            }
            assertFalse(opened.queue.isFull());
            assertTrue(one.tryPut(MESSAGE));
            assertTrue(opened.queue.isFull() && !one.tryPut(MESSAGE), "one too many");
            assertEquals(3, opened.queue.size());
            try (var heir = opened.queue.newProducer()) {
                assertEquals(1, heir.lane());
                assertEquals(1, announced(1), "its heir does not keep it");
                assertFalse(heir.tryPut(MESSAGE));
            }
        }
    }

    @Test
    void whatIsTakenGivesItsPlaceBackWhicheverLaneItIsIn() {
        try (var one = opened.queue.newProducer();
                var two = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            byte[] got = new byte[8];
            for (int i = 0; i < 1000; i++) { // some laps
                assertTrue((i % 2 == 0 ? one : two).tryPut(MESSAGE));
                assertEquals(i >= 2, opened.queue.isFull());
                if (i >= 2) assertFalse(one.tryPut(MESSAGE) || two.tryPut(MESSAGE));
                if (i >= 2) assertEquals(8, consumer.tryGet(got));
            }
        }
    }
}
