package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueClosedException;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.Keeping;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.jvm.Points;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The bound on the number of messages: whoever is killed or stopped at whatever step, all who ask for the number of
/// messages or for room are told the same, and that is what is in the queue.
class BoundTest extends Keeping {
    private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final int LANES = 4;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    /// Makes a queue.
    private String create(long maxItems, Delivery delivery) {
        Path file = directory.resolve("queue");
        Leasing leasing = delivery == Delivery.LEASED ? new Leasing(0, 0) : null;
        LaneQueue.create(file, new QueueGeometry(LANES, 1 << 16, maxItems, leasing), "bound").close();
        return file.toString();
    }

    /// Somebody with a producer, whose lane nobody inherits, and a consumer.
    private Peer user(String file, String platform, Delivery delivery) {
        var peer = keep(platform.equals("linux") ? Peer.here()
                : Child.kept("bound", "-Ddev.procession.platform=portable").peer());
        peer.run(scope -> {
            scope.open(file).producer();
            scope.consumer(delivery);
        });
        return peer;
    }

    /// A process that stops or kills itself before a step.
    private Child victim(String point) {
        return keep(Child.start(Points.OPTION + point));
    }

    /// What is asked in whatever way has this answer: so many are in the queue, and there is no room or there is some.
    private static void assertItems(Peer peer, long items, boolean full) {
        peer.run(scope -> {
            assertEquals(items, scope.queue.size(), "size");
            assertEquals(items, scope.queue.stats().items(), "items of the snapshot");
            assertEquals(items == 0, scope.queue.isEmpty(), "empty");
            assertEquals(full, scope.queue.isFull(), "full");
            assertEquals(!full, scope.producer.hasRoom(8), "room");
            if (full) assertFalse(scope.producer.tryPut(new byte[8]));
            assertEquals(full, scope.queue.isFull(), "full");
            assertEquals(items, scope.queue.size(), "size");
        });
    }

    /// Fills the queue up: so many go in and no more; then gets them all.
    private static void assertRoomFor(Peer peer, long messages) {
        peer.run(scope -> {
            long items = scope.queue.size();
            for (long i = 0; i < messages; i++) {
                assertFalse(scope.queue.isFull());
                assertTrue(scope.producer.tryPut(new byte[8]), "room for another one");
            }
            assertFalse(scope.producer.tryPut(new byte[8]));
            assertTrue(scope.queue.isFull());
            assertEquals(items + messages, scope.queue.size());
        });
    }

    private static long takeAll(Peer peer) {
        return peer.count(scope -> {
            long n = 0;
            while (scope.take() != null) n++;
            return n;
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void aProducerThatIsKilledBetweenAnnouncingAndPuttingLeavesNoTrace(String platform) {
        var file = create(2, Delivery.SHARED);
        var user = user(file, platform, Delivery.SHARED);
        user.run(scope -> scope.producer.put(new byte[8]));
        var victim = victim("LaneWriter.publish/setRelease:2:kill");
        victim.peer().start(scope -> {
            scope.open(file).producer();
            scope.other = scope.queue.newProducer(); // its lane is left with a message
            scope.consumer(Delivery.SHARED);
            scope.other.put(new byte[8]);
            scope.take();
            scope.producer.put(new byte[8]);
            return null;
        });
        victim.awaitDeath();
        assertItems(user, 1, false);
        assertRoomFor(user, 1);
        assertEquals(2, takeAll(user));
        assertItems(user, 0, false);
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void theMessagesOfAKilledProducerCountButNotTheOneItWasPutting(String platform) {
        var file = create(4, Delivery.SHARED);
        var user = user(file, platform, Delivery.SHARED);
        var victim = victim("LaneWriter.publish/setRelease:3:kill");
        victim.peer().start(scope -> {
            scope.open(file).producer();
            for (int i = 0; i < 3; i++) scope.producer.put(new byte[8]);
            return null;
        });
        victim.awaitDeath();
        assertItems(user, 2, false);
        assertRoomFor(user, 2);
        user.run(scope -> scope.other = scope.queue.newProducer()); // inherits the lane
        assertItems(user, 4, true);
        assertEquals(4, takeAll(user));
        user.run(scope -> {
            for (int i = 0; i < 4; i++) assertTrue(scope.other.tryPut(new byte[8]));
        });
        assertItems(user, 4, true);
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void aProducerThatIsStoppedInBetweenHoldsItsPlaceUntilItGoesOnOrIsKilled(String platform) {
        var file = create(1, Delivery.SHARED);
        var user = user(file, platform, Delivery.SHARED);
        for (boolean goesOn : new boolean[] {true, false}) {
            var victim = victim("LaneWriter.publish/setRelease:1:stop");
            var putting = victim.peer().start(scope -> scope.open(file).queue.newProducer().tryPut(new byte[8]));
            victim.awaitStopped();
            assertItems(user, 0, true);
            if (goesOn) {
                victim.resume();
                assertTrue(Peer.join(putting));
                assertItems(user, 1, true);
                assertEquals(1, takeAll(user));
            } else {
                victim.kill();
            }
            assertItems(user, 0, false);
            assertRoomFor(user, 1);
            assertEquals(1, takeAll(user));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void whoIsStoppedWhileItCountsIsInNobodysWay(String platform) {
        var file = create(2, Delivery.SHARED);
        var user = user(file, platform, Delivery.SHARED);
        user.run(scope -> scope.other = scope.queue.newProducer());
        var dead = victim("LaneWriter.publish/setRelease:2:kill"); // it leaves a message, and an announcement
        dead.peer().start(scope -> {
            scope.open(file).producer();
            for (int i = 0; i < 2; i++) scope.producer.put(new byte[8]);
            return null;
        });
        dead.awaitDeath();
        user.run(scope -> {
            if (scope.other != null) scope.other.close();
            scope.other = null;
            scope.producer.put(new byte[8]);
        });
        // three lanes are in use: three reads for the short count, after which it takes back what it announced
        for (int hit : new int[] {4, 8}) {
            var victim = victim("Bound.announced/getVolatile:" + hit + ":stop");
            victim.peer().start(scope -> scope.open(file).queue.newProducer().tryPut(new byte[8]));
            victim.awaitStopped();
            assertItems(user, 2, true);
            assertEquals(8, user.count(scope -> scope.take().length));
            assertItems(user, 1, false);
            assertRoomFor(user, 1);
            if (hit == 8) user.run(scope -> {
                scope.other = scope.queue.newProducer();
                assertEquals(2, scope.other.lane(), "the lane of the dead one");
            });
            assertItems(user, 2, true);
            victim.kill();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void aConsumerThatIsKilledBeforeItMovesTheHeadHasFreedThePlace(String platform) {
        var file = create(1, Delivery.LEASED);
        var user = user(file, platform, Delivery.LEASED);
        user.run(scope -> scope.producer.put(new byte[8]));
        var victim = victim("Lanes.passDone/compareAndSet:1:kill");
        victim.peer().start(scope -> {
            scope.open(file).consumer(Delivery.LEASED);
            return scope.take();
        });
        victim.awaitDeath();
        assertItems(user, 0, false);
        assertTrue(user.test(scope -> scope.producer.tryPut(new byte[8])));
        assertItems(user, 1, true);
        assertEquals(1, takeAll(user));
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void whatIsDoneBehindALentMessageTakesNoPlace(String platform) {
        var file = create(4, Delivery.LEASED);
        var user = user(file, platform, Delivery.LEASED);
        user.run(scope -> {
            var consumer = (LeasingConsumer) scope.consumer;
            scope.producer.put(new byte[8]);
            var slow = consumer.tryLease((message, lease) -> {});
            assertNotNull(slow);
            for (int round = 0; round < 100; round++) {
                for (int i = 0; i < 3; i++) assertTrue(scope.producer.tryPut(new byte[8]), "round " + round);
                assertFalse(scope.producer.tryPut(new byte[8]));
                assertTrue(scope.queue.isFull());
                assertEquals(4, scope.queue.size());
                for (int i = 3; i > 0; i--) {
                    var lease = consumer.tryLease((message, unused) -> {});
                    assertNotNull(lease);
                    lease.done();
                    assertEquals(i, scope.queue.size());
                    assertFalse(scope.queue.isFull());
                    assertTrue(scope.producer.hasRoom(8));
                }
            }
            slow.giveBack();
        });
        assertItems(user, 1, false);
        assertEquals(1, takeAll(user));
        assertItems(user, 0, false);
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void aProducerThatWaitsForRoomGoesOnWhenAMessageBehindALentOneIsDone(String platform) throws Exception {
        var file = create(2, Delivery.LEASED);
        var user = user(file, platform, Delivery.LEASED);
        var waiter = user(file, platform, Delivery.LEASED);
        for (int round = 0; round < 20; round++) {
            user.run(scope -> {
                while (scope.producer.tryPut(new byte[8])) {}
            });
            var putting = waiter.start(scope -> scope.producer.put(new byte[8], 0, 8, WAIT_NANOS));
            user.run(scope -> {
                var consumer = (LeasingConsumer) scope.consumer;
                var slow = consumer.tryLease((message, lease) -> {});
                var quick = consumer.tryLease((message, lease) -> {});
                assertNotNull(slow);
                assertNotNull(quick);
                quick.done();
                slow.giveBack();
            });
            assertTrue(Peer.join(putting));
            assertItems(user, 2, true);
            assertEquals(2, takeAll(user));
        }
    }

    @Test
    void whatCannotBePutTakesNoPlace() throws Exception {
        var file = create(1, Delivery.SHARED);
        try (var queue = LaneQueue.open(Path.of(file))) {
            var producer = queue.newProducer();
            MemorySegment closed;
            try (var arena = Arena.ofConfined()) {
                closed = arena.allocate(8);
            }
            var foreign = new AtomicReference<MemorySegment>();
            var thread = new Thread(() -> foreign.set(Arena.ofConfined().allocate(8)));
            thread.start();
            thread.join();
            for (int i = 0; i < 100; i++) {
                assertThrows(IllegalStateException.class, () -> producer.tryPut(closed, 0, 8));
                assertThrows(WrongThreadException.class, () -> producer.tryPut(foreign.get(), 0, 8));
                assertThrows(RuntimeException.class, () -> producer.tryPut(new byte[1 << 16]));
                assertFalse(queue.isFull());
                var claim = producer.tryClaim(8);
                assertNotNull(claim);
                assertTrue(queue.isFull());
                assertEquals(0, queue.size());
                assertThrows(IllegalStateException.class, () -> producer.tryPut(new byte[8]));
                assertTrue(queue.isFull());
                claim.abort();
                assertFalse(queue.isFull());
            }
            producer.close();
            try (var heir = queue.newProducer()) {
                assertEquals(producer.lane(), heir.lane());
                assertTrue(heir.tryPut(new byte[8]));
                assertThrows(RuntimeException.class, () -> producer.tryPut(new byte[8]));
                assertThrows(RuntimeException.class, () -> producer.tryPut(new byte[1 << 16]));
                assertTrue(queue.isFull(), "a closed producer has no say in its old lane");
                assertNull(heir.tryClaim(8));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 3})
    void whetherAClosedQueueIsFullCannotBeAsked(long maxItems) {
        var options = QueueOptions.DEFAULT.withMaxItems(maxItems);
        for (boolean used : new boolean[] {false, true}) {
            var queue = SharedQueue.create(directory.resolve("typed-" + used), Codec.int32(), options);
            if (used) assertTrue(queue.tryPut(1));
            assertFalse(queue.isFull());
            queue.close();
            assertThrows(QueueClosedException.class, queue::isFull);
            assertThrows(QueueClosedException.class, queue::size);
        }
    }
}
