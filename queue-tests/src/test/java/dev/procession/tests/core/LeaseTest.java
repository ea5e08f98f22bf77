package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeaseLostException;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Producer;
import dev.procession.core.QueueCorruptedException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.Keeping;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.jvm.Points;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Messages that are lent: to one at a time, in order, again when the holder is gone, and until somebody says "done".
class LeaseTest extends Keeping {
    private static final long LANE_BYTES = 1 << 16;
    private static final Leasing FOR_LIFE = new Leasing(0, 0);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private LaneQueue create(Leasing leasing) {
        return keep(LaneQueue.create(
                directory.resolve("queue"), new QueueGeometry(4, LANE_BYTES, 0, leasing), "lease"));
    }

    private LeasingConsumer consumer(LaneQueue queue) {
        return keep((LeasingConsumer) queue.newConsumer(Delivery.LEASED));
    }

    private static void put(Producer producer, long... numbers) {
        for (long number : numbers) {
            assertTrue(
                    producer.tryPut(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0, number).array()));
        }
    }

    /// A lease and the number that was lent.
    private record Lent(Lease lease, long number) {}

    private static @Nullable Lent tryLease(LeasingConsumer consumer) {
        long[] number = new long[1];
        Lease lease = consumer.tryLease((message, unused) -> number[0] = message.getLong(0));
        return lease == null ? null : new Lent(lease, number[0]);
    }

    private static Lent lease(LeasingConsumer consumer) {
        Lent lent = tryLease(consumer);
        assertNotNull(lent);
        return lent;
    }

    /// What is lent next, though perhaps not at once.
    private static Lent await(LeasingConsumer consumer) throws InterruptedException {
        long[] number = new long[1];
        Lease lease = consumer.lease(
                (message, unused) -> number[0] = message.getLong(0), TimeUnit.SECONDS.toNanos(Peer.DEADLINE_SECONDS));
        assertNotNull(lease, "nothing is lent");
        return new Lent(lease, number[0]);
    }

    private static List<Long> rest(LeasingConsumer consumer) {
        var numbers = new ArrayList<Long>();
        for (Lent lent; (lent = tryLease(consumer)) != null; lent.lease.done()) numbers.add(lent.number);
        return numbers;
    }

    @Test
    void aMessageIsWithOneHolderAtATimeUntilItIsDone() {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var one = consumer(queue);
        var two = consumer(queue);
        put(producer, 1, 2, 3);
        var first = lease(one);
        var second = lease(two);
        var third = lease(one);
        assertEquals(List.of(1L, 2L, 3L), List.of(first.number, second.number, third.number));
        assertEquals(1, first.lease.attempt());
        assertNull(tryLease(one));
        assertNull(tryLease(two));
        assertEquals(3, queue.size());
        assertFalse(queue.isEmpty());
        third.lease.done();
        first.lease.done();
        assertEquals(1, queue.size());
        second.lease.done();
        assertEquals(0, queue.size());
        assertTrue(queue.isEmpty());
        assertNull(tryLease(one));
    }

    @Test
    void whatIsGivenBackComesAgainAtItsOldPlaceAndCountsItsAttempts() {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var producerToo = keep(queue.newProducer());
        var consumer = consumer(queue);
        put(producer, 1);
        put(producerToo, 2);
        put(producer, 3);
        put(producerToo, 4);
        for (int attempt = 1; attempt <= 300; attempt++) {
            var lent = lease(consumer);
            assertEquals(1, lent.number);
            if (attempt <= 255) assertEquals(attempt, lent.lease.attempt());
            else assertTrue(lent.lease.attempt() >= 128);
            if (attempt % 2 == 0) lent.lease.giveBack();
            else lent.lease.close();
        }
        var one = lease(consumer);
        var two = lease(consumer);
        var three = lease(consumer);
        assertEquals(3, three.number);
        two.lease.giveBack();
        assertEquals(List.of(2L, 4L), rest(consumer));
        three.lease.done();
        one.lease.done();
        assertTrue(queue.isEmpty());
    }

    @Test
    void aLeaseEndsOnce() {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var consumer = consumer(queue);
        put(producer, 1, 2);
        var done = lease(consumer);
        done.lease.done();
        assertThrows(IllegalStateException.class, done.lease::done);
        assertThrows(IllegalStateException.class, done.lease::giveBack);
        done.lease.close();
        var released = lease(consumer);
        released.lease.giveBack();
        released.lease.close();
        assertThrows(IllegalStateException.class, released.lease::done);
        assertEquals(List.of(2L), rest(consumer));
    }

    @Test
    void aHandlerMayEndItsLeaseAndOneThatThrowsGivesItBack() {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var consumer = consumer(queue);
        put(producer, 1, 2);
        assertThrows(ArithmeticException.class, () -> consumer.tryLease((message, lease) -> {
            throw new ArithmeticException();
        }));
        var lease = consumer.tryLease((message, given) -> {
            assertEquals(1, message.getLong(0));
            assertEquals(2, given.attempt());
            given.done();
        });
        assertNotNull(lease);
        assertThrows(IllegalStateException.class, lease::done);
        assertEquals(List.of(2L), rest(consumer));
    }

    @Test
    void whatAClosedConsumerHeldIsLentAgainAndItsOwnLeaseIsLost() {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var quits = consumer(queue);
        var stays = consumer(keep(LaneQueue.open(queue.path())));
        put(producer, 1, 2);
        var lost = lease(quits);
        var kept = lease(stays);
        quits.close();
        Await.until("what was lent is lent again", () -> {
            var again = tryLease(stays);
            if (again == null) return false;
            assertEquals(1, again.number);
            assertEquals(2, again.lease.attempt());
            var thrown = assertThrows(LeaseLostException.class, lost.lease::done);
            assertTrue(thrown.getMessage().contains(queue.path().toString()), thrown.getMessage());
            again.lease.done();
            return true;
        });
        kept.lease.done();
        assertTrue(queue.isEmpty());
    }

    @Test
    void whatAKilledProcessHeldIsLentAgainInOrderWhileOthersGoOn() throws Exception {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var consumer = consumer(queue);
        String file = queue.path().toString();
        for (int round = 0; round < 3; round++) {
            var child = keep(Child.start("-XX:TieredStopAtLevel=1"));
            var peer = child.peer();
            peer.run(scope -> scope.open(file).consumer(Delivery.LEASED));
            long from = 10 * round;
            put(producer, from + 1, from + 2, from + 3, from + 4, from + 5);
            var first = lease(consumer);
            assertEquals(from + 1, first.number);
            assertEquals(3, peer.count(scope -> {
                int held = 0;
                for (; held < 3; held++) ((LeasingConsumer) scope.consumer).tryLease((message, lease) -> {});
                return held;
            }));
            var last = lease(consumer);
            assertEquals(from + 5, last.number);
            assertNull(tryLease(consumer));
            child.stop(); // a process that is stopped is alive
            assertNull(consumer.lease((message, lease) -> {}, TimeUnit.MILLISECONDS.toNanos(30)));
            child.kill();
            for (int i = 2; i <= 4; i++) {
                var again = await(consumer);
                assertEquals(from + i, again.number);
                assertEquals(2, again.lease.attempt());
                again.lease.done();
            }
            last.lease.done();
            first.lease.done();
            assertTrue(queue.isEmpty());
        }
    }

    @Test
    void aVisibilityTimeOutTakesTheMessageFromAStoppedProcessWhichIsTold() throws Exception {
        var queue = create(new Leasing(TimeUnit.MILLISECONDS.toNanos(50), 0));
        var producer = keep(queue.newProducer());
        var consumer = consumer(queue);
        String file = queue.path().toString();
        var child = keep(Child.start("-XX:TieredStopAtLevel=1"));
        var peer = child.peer();
        peer.run(scope -> scope.open(file).consumer(Delivery.LEASED));
        put(producer, 1);
        var slow = peer.start(scope -> {
            Lease lease = ((LeasingConsumer) scope.consumer).tryLease((message, given) -> {});
            Files.write(Path.of(file).resolveSibling("holds"), new byte[0]);
            Await.until("the other one is done", () -> Files.exists(Path.of(file).resolveSibling("done")));
            try {
                lease.done();
                return "done";
            } catch (LeaseLostException e) {
                return e.getMessage();
            }
        });
        Await.until("it holds the lease", () -> Files.exists(directory.resolve("holds")));
        child.stop();
        var again = await(consumer);
        assertEquals(1, again.number);
        assertEquals(2, again.lease.attempt());
        again.lease.done();
        Files.write(directory.resolve("done"), new byte[0]);
        child.resume();
        String said = Peer.join(slow);
        assertTrue(said.contains("lost"), said);
        assertTrue(queue.isEmpty());
    }

    @Test
    void whoIsOvertakenWhileItCopiesAMessageDeliversNothingOfIt() throws Exception {
        var queue = create(new Leasing(TimeUnit.MILLISECONDS.toNanos(20), 0));
        var producer = keep(queue.newProducer());
        var consumer = consumer(queue);
        String file = queue.path().toString();
        var child = keep(Child.start("-XX:TieredStopAtLevel=1",
                Points.OPTION + "PrivateCopy.fill/copy:1:stop"));
        var peer = child.peer();
        peer.run(scope -> scope.open(file).consumer(Delivery.LEASED));
        put(producer, 1);
        var slow = peer.start(scope -> {
            long[] number = {0};
            Lease lease = ((LeasingConsumer) scope.consumer)
                    .tryLease((message, unused) -> number[0] = message.getLong(0));
            return lease == null ? "nothing" : "message " + number[0];
        });
        child.awaitStopped(); // it has the claim, and is about to copy
        var again = await(consumer);
        assertEquals(1, again.number);
        again.lease.done();
        for (int i = 0; i < 2 * LANE_BYTES / 64; i++) { // its memory is used again, twice
            put(producer, 1_000 + i);
            var next = lease(consumer);
            assertEquals(1_000 + i, next.number);
            next.lease.done();
        }
        child.resume();
        assertEquals("nothing", Peer.join(slow));
        assertTrue(queue.isEmpty());
    }

    /// Counts steps on shared memory: those of a put and a get do not grow with what is done behind a lease.
    @ParameterizedTest
    @ValueSource(ints = {0, 20})
    void whatIsDoneBehindALeaseIsNotWalkedAgain(int maxItems) {
        String file = directory.resolve("held").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(1, 1 << 20, maxItems, FOR_LIFE), "").close();
        try (var peer = Child.kept("counts steps", Points.OPTION + "::").peer()) {
            peer.run(scope -> {
                scope.open(file).producer();
                scope.consumer(Delivery.LEASED);
                var producer = scope.producer;
                var consumer = (LeasingConsumer) scope.consumer;
                assertTrue(producer.tryPut(new byte[8]));
                assertNotNull(consumer.tryLease((message, lease) -> {}));
                for (int i = 0; i < maxItems - 1; i++) assertTrue(producer.tryPut(new byte[8])); // full
                long[] steps = {0};
                Points.atEach(() -> steps[0]++);
                long few = 0;
                for (int done = 0; done < 3_000; done++) {
                    steps[0] = 0;
                    if (maxItems == 0) assertTrue(producer.tryPut(new byte[8]));
                    assertEquals(1, consumer.poll(message -> {}, 1));
                    if (maxItems == 0) assertEquals(0, consumer.poll(message -> {}, 1));
                    else assertTrue(producer.tryPut(new byte[8]));
                    if (done == 20) few = steps[0];
                }
                long many = steps[0];
                Points.atEach(() -> {});
                assertTrue(many < 2 * few + 100, "steps=" + few + " at first, and " + many);
            });
        }
    }

    @Test
    void withinTheTimeOutALivingHolderKeepsItsLease() throws Exception {
        var queue = create(new Leasing(TimeUnit.SECONDS.toNanos(100), 0));
        var producer = keep(queue.newProducer());
        var one = consumer(queue);
        var two = consumer(queue);
        put(producer, 1);
        var lent = lease(one);
        assertNull(two.lease((message, lease) -> {}, TimeUnit.MILLISECONDS.toNanos(60)));
        lent.lease.done();
        assertTrue(queue.isEmpty());
    }

    @Test
    void aSlowHolderAtTheHeadKeepsTheSpaceAndNothingElse() {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var slow = consumer(queue);
        var consumer = consumer(queue);
        byte[] message = new byte[56];
        var random = new Random64(Random64.seed());
        int chunk = (int) LANE_BYTES / 2 / 64; // in records; its last block is left to a jump
        for (int round = 0; round < 8; round++) {
            for (int i = random.below(2 * chunk); i > 0; i--) { // it may be anywhere in its chunk
                put(producer, i);
                lease(consumer).lease.done();
            }
            put(producer, -1);
            var held = lease(slow);
            int at = (int) (queue.stats().lanes().get(0).head() % (LANE_BYTES / 2)) / 64;
            int puts = 0;
            while (producer.tryPut(message, 0, 8 + random.below(48))) {
                puts++;
                if (random.below(3) == 0) lease(consumer).lease.done();
            }
            assertEquals(chunk - 2 - at + chunk - 1, puts); // the rest of its chunk, and the other one
            int rest = rest(consumer).size();
            assertTrue(rest > 0 && rest <= puts);
            assertFalse(producer.hasRoom(8));
            assertEquals(1, queue.size());
            held.lease.done();
            assertEquals(0, queue.size());
            assertTrue(producer.hasRoom(queue.maxMessageBytes()));
        }
    }

    @Test
    void aWaitingConsumerGetsWhatIsPutAndWhatIsGivenBack() throws Exception {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var consumer = consumer(queue);
        var waits = consumer(queue);
        for (int i = 0; i < 20; i++) {
            long number = i;
            var putting = Thread.startVirtualThread(() -> {
                try {
                    Thread.sleep(number % 7);
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                put(producer, number);
            });
            var lent = await(waits);
            putting.join();
            assertEquals(number, lent.number);
            var releasing = Thread.startVirtualThread(lent.lease::giveBack);
            var again = await(consumer);
            releasing.join();
            assertEquals(number, again.number);
            again.lease.done();
        }
    }

    @Test
    void aQueueIsLeasedOrNot() {
        var leased = create(FOR_LIFE);
        for (var delivery : List.of(Delivery.SHARED, Delivery.EXCLUSIVE)) {
            var thrown = assertThrows(QueueUnavailableException.class, () -> leased.newConsumer(delivery));
            assertTrue(thrown.getMessage().contains("leasing ones"), thrown.getMessage());
        }
        var plain = keep(LaneQueue.create(directory.resolve("plain"), new QueueGeometry(1, 4096, 0), ""));
        var thrown = assertThrows(QueueUnavailableException.class, () -> plain.newConsumer(Delivery.LEASED));
        assertTrue(thrown.getMessage().contains("not a leased queue"), thrown.getMessage());
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(1, 4096, 0, FOR_LIFE));
        assertThrows(IllegalArgumentException.class, () -> new Leasing(-1, 0));
        assertThrows(IllegalArgumentException.class, () -> new Leasing(0, 16_383));
        assertEquals(new Leasing(7, 16_382),
                keep(LaneQueue.open(keep(LaneQueue.create(directory.resolve("options"),
                        new QueueGeometry(1, LANE_BYTES, 0, new Leasing(7, 16_382)), "")).path())).geometry()
                        .leasing());
    }

    /// Numbers of consumers are 16 bits; when they come round, none is given away that somebody has, or a claim still
    /// carries.
    @Test
    void numbersOfConsumersComeRoundWithoutAnybodysLeaseBeingTaken() throws Exception {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var lives = consumer(queue); // number 1
        var dead = consumer(queue); // number 2
        put(producer, 1, 2, 3);
        var held = lease(lives);
        var orphan = lease(dead);
        assertEquals(List.of(1L, 2L), List.of(held.number, orphan.number));
        dead.close();
        try (var file = new RandomAccessFile(queue.path().toFile(), "rw")) { // 65,535 attachments ago
            file.seek(4864);
            file.write(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0, 65_535).array());
        }
        var third = consumer(queue); // number 3: 1 is locked, 2 is in a claim
        assertEquals(2, lease(third).number);
        assertEquals(3, lease(third).number);
        assertThrows(LeaseLostException.class, orphan.lease::done);
        held.lease.done();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void manyHoldersThatFinishInAnyOrderAndGiveBackLoseAndDoubleNothing(int threads) throws Exception {
        var queue = create(FOR_LIFE);
        long seed = Random64.seed();
        int count = 20_000;
        var numbers = new TreeSet<Long>();
        var putting = Thread.ofPlatform().start(() -> {
            try (var producer = queue.newProducer()) {
                for (long i = 0; i < count; i++) {
                    producer.put(ByteBuffer.allocate(8 + (int) (i % 400)).order(ByteOrder.nativeOrder()).putLong(0, i)
                            .array());
                }
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        var getting = new ArrayList<Thread>();
        var wrong = new ArrayList<String>();
        for (int t = 0; t < threads; t++) {
            int number = t;
            getting.add(Thread.ofPlatform().start(() -> {
                var random = new Random64(seed + number);
                var holds = new ArrayDeque<Lent>();
                try (var consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
                    while (true) {
                        Lent lent = tryLease(consumer);
                        if (lent != null) holds.add(lent);
                        if (lent == null || holds.size() > random.below(20)) {
                            synchronized (numbers) {
                                if (lent == null && holds.isEmpty() && numbers.size() == count) return;
                            }
                            while (!holds.isEmpty() && random.below(3) != 0) {
                                var ends = random.below(2) == 0 ? holds.removeFirst() : holds.removeLast();
                                if (random.below(4) == 0) {
                                    ends.lease.giveBack();
                                } else {
                                    synchronized (numbers) {
                                        if (!numbers.add(ends.number)) wrong.add("twice: " + ends.number);
                                    }
                                    ends.lease.done();
                                }
                            }
                        }
                    }
                }
            }));
        }
        putting.join(TimeUnit.SECONDS.toMillis(Peer.DEADLINE_SECONDS));
        for (var thread : getting) thread.join(TimeUnit.SECONDS.toMillis(Peer.DEADLINE_SECONDS));
        assertEquals(List.of(), wrong);
        assertEquals(count, numbers.size());
        assertTrue(queue.isEmpty());
        assertEquals(0, queue.size());
    }

    @Test
    void aClaimWordThatIsNoneIsDamage() throws Exception {
        var queue = create(FOR_LIFE);
        var producer = keep(queue.newProducer());
        var consumer = consumer(queue);
        put(producer, 1);
        // behind the records of the first lane
        long claims = Files.size(queue.path()) - LANE_BYTES / 8 * 4 - LANE_BYTES * 3;
        try (var file = new RandomAccessFile(queue.path().toFile(), "rw")) {
            file.seek(claims);
            file.write(3);
        }
        var thrown = assertThrows(QueueCorruptedException.class, () -> consumer.tryGet(new byte[8]));
        assertTrue(thrown.getMessage().contains("lease word"), thrown.getMessage());
    }
}
