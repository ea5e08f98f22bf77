package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A consumer has looked and not yet taken, and meanwhile others take what it saw and write over it.
class DisbeliefTest {
    private static final int LANE = 8192;
    private static final int CHUNK = 2048;
    private static final int SHORT = 24;
    private static final int LONG = 1000;

    @TempDir
    Path folder;

    /// How the slow one goes on.
    enum Way {
        GET {
            @Override
            List<byte[]> take(Consumer consumer) {
                byte[] to = new byte[LANE];
                int length = consumer.tryGet(to);
                return length == Consumer.EMPTY ? List.of() : List.of(Arrays.copyOf(to, length));
            }
        },
        POLL_ONE {
            @Override
            List<byte[]> take(Consumer consumer) {
                return poll(consumer, 1);
            }
        },
        POLL_RUN {
            @Override
            List<byte[]> take(Consumer consumer) {
                return poll(consumer, 100);
            }
        };

        abstract List<byte[]> take(Consumer consumer);

        private static List<byte[]> poll(Consumer consumer, int limit) {
            var all = new ArrayList<byte[]>();
            consumer.poll(message -> all.add(message.toBytes()), limit);
            return all;
        }
    }

    private static void assertTakes(Way way, Consumer consumer, int from, int to, int length) {
        for (int number = from; number < to;) {
            var taken = way.take(consumer);
            assertFalse(taken.isEmpty(), "message " + number + " is missing");
            for (byte[] each : taken) assertArrayEquals(OpenQueue.message(number++, length), each);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatWasTakenAndWrittenOverIsNotBelieved(Way way) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null));
                var producer = opened.queue.newProducer();
                var fast = opened.queue.newConsumer(Delivery.SHARED);
                var slow = opened.queue.newConsumer(Delivery.SHARED)) {
            for (int i = 0; i < 3; i++) assertTrue(producer.tryPut(OpenQueue.message(i, SHORT)));
            assertEquals(0, slow.selectLane()); // it has read the header of message 0
            assertTrue(slow.headUnchanged(0));
            int taken = 0;
            int put = 3;
            for (int lap = 0; lap < 3; lap++) {
                assertTakes(Way.GET, fast, taken, put, lap == 0 ? SHORT : LONG);
                taken = put;
                while (put < taken + 3) assertTrue(producer.tryPut(OpenQueue.message(put++, LONG)));
            }
            assertFalse(slow.headUnchanged(0));
            assertTakes(way, slow, taken, put, LONG);
            assertEquals(List.of(), way.take(slow));
            assertEquals(List.of(), way.take(fast));
        }
    }

    /// Bytes of a payload stand where it saw a header: they are no damage, since the head has moved.
    @ParameterizedTest
    @EnumSource
    void bytesThatAreNoHeaderAreDamageOnlyWhereTheHeadStandsStill(Way way) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null));
                var producer = opened.queue.newProducer();
                var fast = opened.queue.newConsumer(Delivery.SHARED);
                var slow = opened.queue.newConsumer(Delivery.SHARED)) {
            for (int i = 0; i < 2; i++) assertTrue(producer.tryPut(OpenQueue.message(i, SHORT)));
            opened.setWord(opened.offset(0, 0), (1 << 24) - 3); // the code that means nothing
            assertEquals(0, slow.selectLane()); // it has read what is no header
            opened.setWord(opened.offset(0, 0), Layout.header(0, SHORT));
            assertTakes(Way.GET, fast, 0, 1, SHORT);
            assertTakes(way, slow, 1, 2, SHORT);

            assertTrue(producer.tryPut(OpenQueue.message(2, SHORT)));
            opened.setWord(opened.offset(0, 64), (1 << 24) - 3); // the code that means nothing
            var e = assertThrows(QueueCorruptedException.class, () -> way.take(slow));
            assertTrue(e.getMessage().contains("is not that of a record"), e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void anAnswerThatTheQueueIsEmptyNeedsALookAtWhichNothingHasChanged(int lanes) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(2, LANE, CHUNK, 0, null));
                var producer = opened.queue.newProducer();
                var other = lanes == 2 ? opened.queue.newProducer() : null;
                var fast = opened.queue.newConsumer(Delivery.SHARED);
                var slow = opened.queue.newConsumer(Delivery.SHARED)) {
            assertEquals(Consumer.EMPTY, slow.selectLane());
            assertTrue(slow.confirmEmpty());
            assertTrue(producer.tryPut(OpenQueue.message(0, SHORT)));
            assertFalse(slow.confirmEmpty(), "there is a message");
            assertTakes(Way.GET, fast, 0, 1, SHORT);
            assertFalse(slow.confirmEmpty(), "it was taken since the look before");
            assertTrue(slow.confirmEmpty());
            if (other != null) assertTrue(other.tryPut(OpenQueue.message(1, SHORT)));
            if (other != null) assertFalse(slow.confirmEmpty());
        }
    }

    /// While it has a message in hand it has already read the lease word of the next one.
    @Test
    void aMessageThatAnotherConsumerHasTakenALeaseOnIsNotTakenTwice() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, 1 << 16, 0, Leasing.DEFAULT));
                var producer = opened.queue.newProducer();
                var fast = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED);
                var slow = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            for (int n = 0; n < 3000; n += 3) { // some laps; and if it is slow enough, it looks again by itself
                final int i = n;
                for (int j = 0; j < 3; j++) assertTrue(producer.tryPut(OpenQueue.message(i + j, SHORT)));
                Lease[] others = new Lease[1];
                Lease first = lease(slow, i, () -> others[0] = lease(fast, i + 1, () -> {}));
                Lease third = lease(slow, i + 2, () -> {});
                third.done();
                others[0].done();
                first.done();
                assertTrue(opened.queue.isEmpty());
            }
        }
    }

    /// Giving space back zeroes lease words, so one may look as it did before the record was done.
    @Test
    void aLeaseWordThatIsZeroAgainIsNotBelievedOnceTheHeadHasPassedIt() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, 1 << 16, 1 << 12, 0, Leasing.DEFAULT));
                var producer = opened.queue.newProducer();
                var fast = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED);
                var slow = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            for (int n = 0; n < 2000; n += 2) { // if it is slow enough, it looks again by itself
                final int i = n;
                long at = producer.tail;
                assertTrue(producer.tryPut(OpenQueue.message(i, SHORT)));
                if (Layout.jumps(producer.tail) != Layout.jumps(at)) at = producer.tail - Layout.BLOCK;
                long word = opened.leaseWordOffset(0, at);
                opened.setWord(word, 0);
                assertEquals(0, slow.selectLane()); // it has read the word
                lease(fast, i, () -> {}).done();
                assertTrue(producer.tryPut(OpenQueue.message(i + 1, SHORT)));
                opened.setWord(word, 0); // as if it were given back
                lease(slow, i + 1, () -> {}).done();
                assertTrue(opened.queue.isEmpty());
            }
        }
    }

    /// Giving space back zeroes records, too: a zero where a header was is no end of the log.
    @ParameterizedTest
    @EnumSource
    void zerosWhereRecordsWereAreNotBelieved(Way way) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null));
                var producer = opened.queue.newProducer();
                var fast = opened.queue.newConsumer(Delivery.SHARED);
                var slow = opened.queue.newConsumer(Delivery.SHARED)) {
            for (int i = 0; i < 3; i++) assertTrue(producer.tryPut(OpenQueue.message(i, SHORT)));
            assertEquals(0, slow.selectLane());
            assertTakes(Way.GET, fast, 0, 3, SHORT);
            assertTrue(producer.tryPut(OpenQueue.message(3, CHUNK - 16))); // in the next chunk
            assertTakes(Way.GET, fast, 3, 4, CHUNK - 16);
            for (int at = 0; at < CHUNK; at += 8) opened.setWord(opened.offset(0, at), 0);
            assertTrue(producer.tryPut(OpenQueue.message(4, CHUNK - 16))); // in the third, were the first not free
            assertTakes(way, slow, 4, 5, CHUNK - 16);
            assertEquals(List.of(), way.take(slow));
        }
    }

    /// Bytes of another message stand where it saw a jump, or a long record: they lead nowhere.
    @ParameterizedTest
    @EnumSource
    void whatLooksLikeAJumpOrALongRecordIsNotBelievedEither(Way way) {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, null));
                var producer = opened.queue.newProducer();
                var fast = opened.queue.newConsumer(Delivery.SHARED);
                var slow = opened.queue.newConsumer(Delivery.SHARED)) {
            int number = 0;
            for (long header : new long[] {Layout.jumpTo(LANE), Layout.jumpTo(0), Layout.longHeader(3)}) {
                long at = producer.tail;
                assertTrue(producer.tryPut(OpenQueue.message(number, SHORT)));
                assertTrue(producer.tryPut(OpenQueue.message(number + 1, SHORT)));
                long kept = opened.word(opened.offset(0, at));
                slow.first[0] = 0;
                if (Layout.isLong(header)) opened.setWord(opened.offset(0, at), header);
                assertEquals(0, slow.selectLane());
                opened.setWord(opened.offset(0, at), kept);
                assertTakes(Way.GET, fast, number, number + 1, SHORT);
                opened.setWord(opened.offset(0, at), header);
                assertTakes(way, slow, number + 1, number + 2, SHORT);
                number += 2;
            }
        }
    }

    private static Lease lease(LeasingConsumer consumer, int number, Runnable meanwhile) {
        Lease taken = consumer.tryLease((message, lease) -> {
            assertArrayEquals(OpenQueue.message(number, SHORT), message.toBytes());
            assertEquals(1, lease.attempt());
            meanwhile.run();
        });
        assertNotNull(taken, () -> "message " + number + " is missing");
        return taken;
    }
}
