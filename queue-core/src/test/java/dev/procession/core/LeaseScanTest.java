package dev.procession.core;

import static dev.procession.core.OpenQueue.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A leasing consumer goes on where it was, and yet finds what was given back before.
class LeaseScanTest {
    private static final int LANE = 1 << 16;
    private static final int CHUNK = 1 << 12;

    @TempDir
    Path folder;

    /// One consumer leases, finishes and gives back at random, by poll too, and handlers throw: it always gets the
    /// oldest message that is not leased, in full and in empty lanes, across jumps.
    @ParameterizedTest
    @CsvSource({"1, 0, 1", "1, 0, 2", "2, 0, 3", "1, 30, 4", "2, 30, 5"})
    void theOldestMessageIsNextWhateverWasGivenBack(int lanes, int maxItems, long seed) {
        var random = new Random(seed);
        var geometry = new QueueGeometry(lanes, LANE, CHUNK, maxItems, Leasing.DEFAULT);
        try (var opened = new OpenQueue(folder, geometry);
                var consumer = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            var producers = new ArrayList<Producer>();
            for (int i = 0; i < lanes; i++) producers.add(opened.queue.newProducer());
            var free = new TreeSet<Integer>();
            var held = new TreeMap<Integer, Lease>();
            int puts = 0;
            for (int step = 0; step < 20_000; step++) {
                int kind = random.nextInt(step / 1000 % 2 == 0 ? 8 : 12); // to and fro between full and empty
                switch (kind) {
                    case 0, 1 -> puts = put(producers.get(random.nextInt(lanes)), puts, free, random);
                    case 2, 3 -> {
                        int[] got = {-1};
                        Lease lease = consumer.tryLease((message, its) -> got[0] = number(message));
                        assertEquals(free.isEmpty(), lease == null);
                        if (lease == null) break;
                        assertEquals(free.pollFirst(), got[0]);
                        held.put(got[0], lease);
                    }
                    case 4, 5 -> {
                        if (held.isEmpty()) break;
                        any(held, random).getValue().done();
                    }
                    case 6 -> {
                        if (held.isEmpty()) break;
                        var back = any(held, random);
                        back.getValue().giveBack();
                        free.add(back.getKey());
                    }
                    case 7 -> {
                        if (free.isEmpty()) break;
                        int bad = random.nextInt(4);
                        int[] count = {0};
                        assertThrows(ArithmeticException.class, () -> {
                            for (int got; (got = consumer.poll(message -> {
                                assertEquals(free.getFirst(), number(message));
                                if (count[0]++ == bad) throw new ArithmeticException();
                                free.removeFirst();
                            }, 3)) > 0;) assertTrue(got <= 3);
                            throw new ArithmeticException(); // there were fewer
                        });
                    }
                    default -> {
                        int limit = 1 + random.nextInt(5);
                        int due = Math.min(limit, free.size());
                        assertEquals(due, consumer.poll(
                                message -> assertEquals(free.pollFirst(), number(message)), limit));
                    }
                }
                if (maxItems > 0) assertTrue(free.size() + held.size() <= maxItems);
            }
            assertTrue(puts > 2_000);
            held.values().forEach(Lease::done);
            while (!free.isEmpty()) consumer.poll(m -> assertEquals(free.pollFirst(), number(m)), 100);
            assertNull(consumer.tryLease((message, its) -> {}));
            assertTrue(opened.queue.isEmpty());
            producers.forEach(Producer::close);
        }
    }

    private static int put(Producer producer, int number, TreeSet<Integer> free, Random random) {
        int length = random.nextInt(20) == 0 ? random.nextInt(6_000) + 4 : random.nextInt(200) + 4;
        if (!producer.tryPut(message(number, length))) return number;
        free.add(number);
        return number + 1;
    }

    private static int number(Message message) {
        return ByteBuffer.wrap(message.toBytes()).getInt();
    }

    private static Map.Entry<Integer, Lease> any(TreeMap<Integer, Lease> held, Random random) {
        List<Integer> numbers = new ArrayList<>(held.keySet());
        int number = numbers.get(random.nextInt(numbers.size()));
        return Map.entry(number, held.remove(number));
    }

    /// What one consumer held and gave back, another one finds: at the latest when there is nothing else.
    @Test
    void whatAnotherConsumerGivesBackIsFound() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, Leasing.DEFAULT));
                var producer = opened.queue.newProducer();
                var one = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED);
                var two = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            for (int round = 0; round < 100; round++) {
                for (int i = 0; i < 10; i++) assertTrue(producer.tryPut(message(i, 8)));
                var leases = new ArrayList<Lease>();
                for (int i = 0; i < 5; i++) leases.add(lease(one));
                assertEquals(5, two.poll(message -> {}, 100)); // it has passed the others
                leases.get(4).done();
                for (int i = 3; i >= 0; i--) leases.get(i).giveBack();
                int[] next = {0};
                assertEquals(4, two.poll(message -> assertEquals(next[0]++, number(message)), 100));
                assertEquals(0, two.poll(message -> {}, 100));
                assertTrue(opened.queue.isEmpty());
            }
        }
    }

    private static Lease lease(LeasingConsumer consumer) {
        Lease lease = consumer.tryLease((message, its) -> {});
        assertNotNull(lease);
        return lease;
    }

    /// A look may use a clock that was read before a long handler ran, and before another consumer took its lease.
    @Test
    void aLeaseIsTimedFromWhenItWasSeen() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, Leasing.DEFAULT));
                var producer = opened.queue.newProducer();
                var holder = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            assertTrue(producer.tryPut(message(0, 8)));
            lease(holder);
            long word = opened.word(opened.leaseWordOffset(0, 0));
            var holders = new LeaseHolders(holder.participants, TimeUnit.MINUTES.toNanos(10));
            long before = System.nanoTime() - TimeUnit.HOURS.toNanos(1);
            assertFalse(holders.isAbandoned(0, 0, word, before));
            assertFalse(holders.isAbandoned(0, 0, word, System.nanoTime()));
            assertTrue(holders.isAbandoned(0, 0, word, System.nanoTime() + TimeUnit.HOURS.toNanos(1)));
        }
    }

    /// While a handler runs, all of the chunks before its message are free.
    @Test
    void aPollPassesWhatIsDoneBeforeItEntersAnotherChunk() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, LANE / 2, 0, Leasing.DEFAULT));
                var producer = opened.queue.newProducer();
                var consumer = opened.queue.newConsumer(Delivery.LEASED)) {
            int inFirst = 0;
            while (Layout.jumps(producer.tail) == 0) assertTrue(producer.tryPut(message(inFirst++, 8)));
            int all = inFirst;
            while (producer.tryPut(message(all, 8))) all++;
            int next = inFirst - 1; // whose put jumped
            int count = all;
            boolean[] room = {false};
            assertEquals(count, consumer.poll(message -> {
                if (number(message) == next) room[0] = producer.tryPut(message(count, 8));
            }, count));
            assertTrue(room[0]);
        }
    }

    /// The head is moved by a look, too: who finished the record there may have died before it moved it.
    @Test
    void aLookMovesTheHeadOverWhatIsDone() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, LANE, CHUNK, 0, Leasing.DEFAULT));
                var producer = opened.queue.newProducer();
                var consumer = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            for (int i = 0; i < 3; i++) assertTrue(producer.tryPut(message(i, 8)));
            var leases = new ArrayList<Lease>();
            for (int i = 0; i < 3; i++) leases.add(lease(consumer));
            assertNull(consumer.tryLease((message, its) -> {}));
            for (int i = 0; i < 3; i++) { // done, without more
                long position = (long) i * Layout.BLOCK;
                long word = opened.leaseWordOffset(0, position);
                opened.setWord(word, Layout.done(opened.word(word)));
            }
            assertEquals(0, opened.head(0));
            assertNull(consumer.tryLease((message, its) -> {}));
            assertEquals(3L * Layout.BLOCK, opened.head(0));
            leases.forEach(lease -> assertThrows(LeaseLostException.class, lease::done));
        }
    }
}
