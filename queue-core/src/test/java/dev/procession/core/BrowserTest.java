package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A look at all messages: it shows what is there, and takes nothing.
class BrowserTest {
    private static final int LANE = 1 << 16;
    private static final int CHUNK = 1 << 14;
    private static final int SHORT = 24;

    @TempDir
    Path folder;

    private static List<byte[]> all(Browser browser) {
        var all = new ArrayList<byte[]>();
        while (browser.next(message -> all.add(message.toBytes()))) {}
        return all;
    }

    private static void assertSame(Iterable<byte[]> expected, List<byte[]> shown) {
        int next = 0;
        for (byte[] each : expected) {
            assertTrue(next < shown.size(), "only " + next);
            assertArrayEquals(each, shown.get(next++));
        }
        assertEquals(next, shown.size());
    }

    @ParameterizedTest
    @EnumSource
    void itShowsAllInOrderAndTakesNothing(Taking taking) {
        long seed = System.nanoTime();
        var random = new Random(seed);
        try (var opened = new OpenQueue(folder, new QueueGeometry(3, LANE, CHUNK, 0, taking.leasing()));
                var one = opened.queue.newProducer();
                var two = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(taking.delivery)) {
            var expected = new ArrayDeque<byte[]>();
            var old = opened.queue.newBrowser(true);
            for (int i = 0; i < 500; i++) {
                byte[] message = OpenQueue.message(i, i % 50 == 0 ? 5_000 : SHORT + random.nextInt(800));
                if ((random.nextBoolean() ? one : two).tryPut(message)) expected.add(message);
                if (random.nextInt(3) == 0) {
                    for (byte[] each : taking.take(consumer))
                        assertArrayEquals(expected.remove(), each, "seed " + seed);
                }
                if (i % 7 == 0) assertSame(expected, all(opened.queue.newBrowser(true)));
                byte[][] next = new byte[1][];
                assertEquals(!expected.isEmpty(),
                        opened.queue.newBrowser(false).next(shown -> next[0] = shown.toBytes()));
                if (next[0] != null) assertArrayEquals(expected.peek(), next[0], "seed " + seed);
            }
            assertSame(expected, all(old)); // begun before all of them
            assertSame(List.of(), all(old));
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatWasTakenAndWrittenOverIsNotShown(Taking taking) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, taking.leasing()));
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(taking.delivery)) {
            for (int i = 0; i < 3; i++) assertTrue(producer.tryPut(OpenQueue.message(i, SHORT)));
            var browser = opened.queue.newBrowser(true);
            assertEquals(0, browser.selectLane()); // it has read the header of message 0
            int put = 3;
            int taken = 0;
            while (taken < 3_000) { // round and round
                while (taken < put) taken += taking.take(consumer).size();
                for (int i = 0; i < 30; i++) assertTrue(producer.tryPut(OpenQueue.message(put++, 900 - i)));
            }
            while (taken < put) taken += taking.take(consumer).size();
            byte[] last = OpenQueue.message(put, 700);
            assertTrue(producer.tryPut(last));
            assertSame(List.of(last), all(browser));
        }
    }

    @Test
    void whatIsLentIsShownIfThatIsWanted() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, Leasing.DEFAULT));
                var producer = opened.queue.newProducer();
                var consumer = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            var messages = List.of(OpenQueue.message(0, SHORT), OpenQueue.message(1, SHORT));
            for (byte[] each : messages) assertTrue(producer.tryPut(each));
            Lease first = consumer.tryLease((message, lease) -> {});
            assertSame(messages, all(opened.queue.newBrowser(true)));
            assertSame(messages.subList(1, 2), all(opened.queue.newBrowser(false)));
            var browser = opened.queue.newBrowser(false);
            assertEquals(0, browser.selectLane()); // it has read that the second is free
            Lease second = consumer.tryLease((message, lease) -> {});
            assertSame(List.of(), all(browser));
            second.done();
            assertSame(messages.subList(0, 1), all(opened.queue.newBrowser(true)));
            first.giveBack();
            assertSame(messages.subList(0, 1), all(opened.queue.newBrowser(false)));
        }
    }

    @Test
    void damageIsSaidAndALookEnds() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null));
                var producer = opened.queue.newProducer()) {
            for (int i = 0; i < 40; i++) assertTrue(producer.tryPut(OpenQueue.message(i, 1_000)));
            long at = 0; // of the first jump
            while (!Layout.isJump(opened.word(opened.offset(0, at)))) at += opened.geometry.recordBytes(1_000);
            for (long chunk = 0; chunk <= LANE / CHUNK; chunk++) { // also to the one in which it is, and to none
                opened.setWord(opened.offset(0, at), Layout.jumpTo(chunk));
                try {
                    assertTrue(all(opened.queue.newBrowser(true)).size() <= 40, "chunk " + chunk);
                } catch (QueueCorruptedException e) {
                    assertTrue(e.getMessage().contains(opened.queue.path().toString()), e.getMessage());
                    continue;
                }
                assertTrue(chunk > 0 && chunk < LANE / CHUNK, "chunk " + chunk);
            }
            opened.setWord(opened.offset(0, 0), -1);
            assertThrows(QueueCorruptedException.class, () -> all(opened.queue.newBrowser(true)));
        }
    }

    @Test
    void itEndsWithItsHandle() {
        var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null));
        var browser = opened.queue.newBrowser(true);
        assertFalse(browser.next(message -> {}));
        opened.close();
        assertThrows(QueueClosedException.class, () -> browser.next(message -> {}));
        assertThrows(QueueClosedException.class, () -> opened.queue.newBrowser(true));
    }
}
