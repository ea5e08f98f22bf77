package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class EndOfStreamTest {
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
    private static final byte[] EIGHT = new byte[8];

    @TempDir
    Path directory;

    private @Nullable LaneQueue open;

    /// Another handle on the same queue, as another process has it.
    private LaneQueue other() {
        return LaneQueue.open(directory.resolve("queue"));
    }

    private LaneQueue make(QueueGeometry geometry) {
        return open = LaneQueue.create(directory.resolve("queue"), geometry, "");
    }

    private static QueueGeometry geometry(Delivery delivery, long maxItems) {
        return new QueueGeometry(4, 1 << 16, maxItems, delivery == Delivery.LEASED ? Leasing.DEFAULT : null);
    }

    @AfterEach
    void close() {
        if (open != null) open.close();
    }

    // ---- shut down

    /// Each way to put, after each state in which puts ask less.
    private static Stream<String> puts() {
        return Stream.of("put", "segment", "claim", "batch", "waiting put", "bounded", "contended", "room");
    }

    @ParameterizedTest
    @MethodSource("puts")
    void aPutThatBeginsAfterItFails(String way) throws Exception {
        try (var queue = make(geometry(Delivery.EXCLUSIVE, way.equals("bounded") ? 100 : 0));
                var other = other();
                var producer = queue.newProducer();
                var rival = other.newProducer();
                var consumer = queue.newConsumer(Delivery.EXCLUSIVE)) {
            for (int i = 0; i < 1000; i++) { // it has been the only one for long
                assertTrue(producer.tryPut(EIGHT));
                if (way.equals("contended")) assertTrue(rival.tryPut(EIGHT));
                while (consumer.tryGet(EIGHT) >= 0);
            }
            other.shutDown();
            Executable put = switch (way) {
                case "segment" -> () -> producer.tryPut(java.lang.foreign.MemorySegment.ofArray(EIGHT), 0, 8);
                case "claim" -> () -> producer.tryClaim(8);
                case "batch" -> () -> producer.tryBatch(1, producer.batchBytes(8));
                case "waiting put" -> () -> producer.put(EIGHT);
                case "room" -> () -> producer.hasRoom(8);
                default -> () -> producer.tryPut(EIGHT);
            };
            for (int i = 0; i < 3; i++) {
                var e = assertThrows(QueueShutDownException.class, put);
                assertEquals(queue.path() + " was shut down", e.getMessage());
            }
            assertTrue(queue.isShutDown());
            assertTrue(queue.isEmpty());
            assertThrows(QueueShutDownException.class, queue::newProducer);
        }
    }

    @ParameterizedTest
    @EnumSource
    void getsGoOnUntilNothingIsLeft(Delivery delivery) {
        try (var queue = make(geometry(delivery, 0));
                var other = other();
                var a = queue.newProducer();
                var b = other.newProducer();
                var consumer = other.newConsumer(delivery)) {
            a.tryPut(EIGHT);
            b.tryPut(EIGHT);
            a.tryPut(EIGHT);
            queue.shutDown();
            queue.shutDown();
            for (int i = 0; i < 3; i++) assertEquals(8, consumer.tryGet(new byte[8]));
            assertThrows(QueueShutDownException.class, () -> consumer.tryGet(EIGHT));
            assertThrows(QueueShutDownException.class, () -> consumer.poll(message -> {}, 10));
            assertThrows(QueueShutDownException.class, () -> consumer.get(EIGHT));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shutDownNowLeavesWhatIsThere(Delivery delivery) {
        try (var queue = make(geometry(delivery, 0));
                var other = other();
                var producer = queue.newProducer();
                var consumer = other.newConsumer(delivery)) {
            for (int i = 0; i < 3; i++) producer.tryPut(EIGHT);
            assertEquals(8, consumer.tryGet(EIGHT));
            queue.shutDownNow();
            queue.shutDown(); // does not take it back
            assertThrows(QueueShutDownException.class, () -> consumer.tryGet(EIGHT));
            assertThrows(QueueShutDownException.class, () -> consumer.poll(message -> {}, 10));
            assertThrows(QueueShutDownException.class, () -> producer.tryPut(EIGHT));
            assertEquals(2, queue.size());
        }
    }

    @Test
    void whatWasClaimedBeforeMayStillBePut() {
        try (var queue = make(geometry(Delivery.EXCLUSIVE, 0));
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(Delivery.EXCLUSIVE)) {
            var claim = producer.tryClaim(8);
            assertNotNull(claim);
            queue.shutDown();
            assertThrows(QueueShutDownException.class, () -> consumer.tryGet(EIGHT));
            claim.commit();
            assertEquals(8, consumer.tryGet(EIGHT));
            assertThrows(QueueShutDownException.class, () -> consumer.tryGet(EIGHT));
            assertThrows(QueueShutDownException.class, () -> producer.tryClaim(8));
        }
    }

    @Test
    void whatIsLentIsNotGone() {
        try (var queue = make(geometry(Delivery.LEASED, 0));
                var producer = queue.newProducer();
                var a = (LeasingConsumer) queue.newConsumer(Delivery.LEASED);
                var b = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
            producer.tryPut(EIGHT);
            Lease lease = a.tryLease((message, lent) -> {});
            assertNotNull(lease);
            queue.shutDown();
            assertNull(b.tryLease((message, lent) -> {}));
            lease.giveBack();
            Lease again = a.tryLease((message, lent) -> {});
            assertNotNull(again);
            again.done();
            assertThrows(QueueShutDownException.class, () -> b.tryLease((message, lent) -> {}));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"get", "lease", "put", "lane"})
    void whoWaitsIsWoken(String what) throws Exception {
        boolean leased = what.equals("lease");
        var delivery = leased ? Delivery.LEASED : Delivery.SHARED;
        var geometry = new QueueGeometry(what.equals("lane") ? 1 : 4, 1 << 16, what.equals("put") ? 1 : 0,
                leased ? Leasing.DEFAULT : null);
        try (var queue = make(geometry); var other = other()) {
            if (what.equals("put")) {
                try (var first = queue.newProducer()) {
                    assertTrue(first.tryPut(EIGHT));
                }
            }
            var held = what.equals("lane") ? other.newProducer() : null;
            var thrown = new AtomicReference<Throwable>();
            var ready = new CountDownLatch(1);
            var thread = Thread.ofPlatform().start(() -> {
                try (Producer producer = what.equals("put") ? queue.newProducer() : null;
                        Consumer consumer = producer == null ? queue.newConsumer(delivery) : null) {
                    ready.countDown();
                    switch (what) {
                        case "put" -> producer.put(EIGHT);
                        case "lane" -> queue.newProducer(WaitStrategy.spinThenSleep(), MINUTE).close();
                        case "lease" -> ((LeasingConsumer) consumer).lease((message, lease) -> {}, MINUTE);
                        default -> consumer.get(EIGHT);
                    }
                } catch (Throwable e) {
                    thrown.set(e);
                }
            });
            assertTrue(ready.await(1, TimeUnit.MINUTES));
            while (thread.getState() != Thread.State.RUNNABLE && thread.isAlive()) Thread.onSpinWait();
            Thread.sleep(5); // it may sleep by now, or not
            other.shutDown();
            thread.join(TimeUnit.MINUTES.toMillis(1));
            assertFalse(thread.isAlive());
            assertInstanceOf(QueueShutDownException.class, thrown.get());
            if (held != null) held.close();
        }
    }

    /// No put that begins after it succeeds, none whose put succeeded is missing after it.
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void itIsExact(int producers) throws Exception {
        for (int round = 0; round < 60; round++) {
            Path file = directory.resolve("exact");
            var down = new AtomicReference<@Nullable Object>();
            var wrong = new AtomicLong();
            var put = new AtomicLong();
            try (var queue = LaneQueue.create(file, geometry(Delivery.SHARED, 0), "")) {
                var ready = new CountDownLatch(producers);
                var threads = Stream.generate(() -> Thread.ofPlatform().start(() -> {
                    try (var producer = queue.newProducer()) {
                        ready.countDown();
                        while (true) {
                            boolean late = down.get() != null;
                            if (producer.tryPut(EIGHT)) {
                                put.incrementAndGet();
                                if (late) wrong.incrementAndGet();
                            }
                        }
                    } catch (QueueShutDownException e) {
                        // as it should
                    }
                })).limit(producers).toList();
                ready.await();
                for (int i = round % 7 * 100; i > 0; i--) Thread.onSpinWait();
                try (var other = LaneQueue.open(file); var consumer = other.newConsumer(Delivery.SHARED)) {
                    other.shutDown();
                    down.set(this);
                    for (Thread each : threads) each.join();
                    assertEquals(0, wrong.get());
                    long got = 0;
                    try {
                        while (true) {
                            consumer.tryGet(EIGHT);
                            got++;
                        }
                    } catch (QueueShutDownException e) {
                        assertEquals(put.get(), got);
                    }
                }
            }
            LaneQueue.delete(file);
        }
    }

    /// A process that is killed after it has set the word, and before it has drawn a ticket.
    @ParameterizedTest
    @ValueSource(strings = {"ask", "get", "lease", "put", "lane"})
    void whatIsToldOfAShutDownHoldsThoughItWasCutShort(String told) {
        var delivery = told.equals("lease") ? Delivery.LEASED : Delivery.EXCLUSIVE;
        try (var queue = make(geometry(delivery, 0));
                var other = other();
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(delivery)) {
            for (int i = 0; i < 10; i++) {
                assertTrue(producer.tryPut(EIGHT));
                assertEquals(8, consumer.tryGet(EIGHT));
            }
            SharedMemory.setRelease(queue.file.memory, queue.file.base + Layout.SHUT_DOWN_OFFSET, 1);
            switch (told) {
                case "ask" -> assertTrue(other.isShutDown());
                case "lane", "put" -> assertThrows(QueueShutDownException.class, other::newProducer);
                case "lease" -> assertThrows(QueueShutDownException.class,
                        () -> ((LeasingConsumer) consumer).tryLease((message, lease) -> {}));
                default -> assertThrows(QueueShutDownException.class, () -> consumer.tryGet(EIGHT));
            }
            assertThrows(QueueShutDownException.class, () -> producer.tryPut(EIGHT));
        }
    }

    // ---- without producers

    @ParameterizedTest
    @EnumSource
    void aQueueEndsWhenItsLastProducerIsGone(Delivery delivery) {
        try (var queue = make(geometry(delivery, 0).withEndOfProducers(1));
                var other = other();
                var consumer = other.newConsumer(delivery)) {
            assertTrue(other.geometry().minProducers() > 0);
            assertEquals(Consumer.EMPTY, consumer.tryGet(EIGHT)); // none has come
            var a = queue.newProducer();
            var b = other.newProducer();
            a.tryPut(EIGHT);
            assertEquals(8, consumer.tryGet(EIGHT));
            a.close();
            assertEquals(Consumer.EMPTY, consumer.tryGet(EIGHT));
            b.tryPut(EIGHT);
            b.close();
            assertEquals(8, consumer.tryGet(EIGHT));
            var e = assertThrows(QueueEndedException.class, () -> consumer.tryGet(EIGHT));
            assertTrue(e.getMessage().startsWith(queue.path() + " has ended"), e.getMessage());
            assertThrows(QueueEndedException.class, () -> consumer.poll(message -> {}, 10));
            try (var late = queue.newProducer()) {
                assertEquals(Consumer.EMPTY, consumer.tryGet(EIGHT));
                late.tryPut(EIGHT);
            }
            assertEquals(8, consumer.tryGet(EIGHT));
            assertThrows(QueueEndedException.class, () -> consumer.get(EIGHT));
        }
    }

    @Test
    void soManyComeBeforeItEnds() {
        try (var queue = make(geometry(Delivery.SHARED, 0).withEndOfProducers(3));
                var other = other();
                var consumer = other.newConsumer(Delivery.SHARED)) {
            assertEquals(3, other.geometry().minProducers());
            queue.newProducer().close();
            assertEquals(Consumer.EMPTY, consumer.tryGet(EIGHT));
            var second = queue.newProducer();
            other.newProducer().close();
            assertEquals(Consumer.EMPTY, consumer.tryGet(EIGHT));
            second.close();
            assertThrows(QueueEndedException.class, () -> consumer.tryGet(EIGHT));
            assertThrows(IllegalArgumentException.class, () -> QueueGeometry.DEFAULT.withEndOfProducers(-1));
        }
    }

    /// Of two producers one is always there: the next one comes to the lane that was asked first, before the last one
    /// leaves the lane that is asked after that.
    @Test
    void itDoesNotEndWhileProducersHandOver() throws Exception {
        try (var queue = make(geometry(Delivery.SHARED, 0).withEndOfProducers(1));
                var other = other();
                var consumer = other.newConsumer(Delivery.SHARED)) {
            var first = queue.newProducer();
            var ended = new CountDownLatch(1);
            var thread = Thread.ofPlatform().start(() -> {
                Producer last = first;
                for (int i = 0; i < 40_000 && ended.getCount() > 0; i++) {
                    Producer next = queue.newProducer();
                    last.close();
                    last = next;
                }
                ended.countDown();
                last.close();
            });
            try {
                while (ended.getCount() > 0) assertEquals(Consumer.EMPTY, consumer.tryGet(EIGHT));
            } catch (QueueEndedException e) {
                assertEquals(0, ended.getCount());
            } finally {
                ended.countDown();
                thread.join();
            }
        }
    }

    @Test
    void itDoesNotEndOtherwise() {
        try (var queue = make(geometry(Delivery.SHARED, 0)); var consumer = queue.newConsumer(Delivery.SHARED)) {
            queue.newProducer().close();
            assertEquals(Consumer.EMPTY, consumer.tryGet(EIGHT));
            assertFalse(queue.isShutDown());
        }
    }

    // ---- join

    @ParameterizedTest
    @EnumSource
    void joinWaitsForWhatWasPutBefore(Delivery delivery) throws Exception {
        try (var queue = make(geometry(delivery, 0));
                var producer = queue.newProducer();
                var rival = queue.newProducer();
                var consumer = queue.newConsumer(delivery)) {
            assertTrue(queue.join(0));
            for (int i = 0; i < 5000; i++) { // around its lanes
                producer.tryPut(EIGHT);
                rival.tryPut(EIGHT);
                assertFalse(queue.join(0));
                consumer.tryGet(EIGHT);
                assertFalse(queue.join(0));
                consumer.tryGet(EIGHT);
                assertTrue(queue.join(0));
            }
        }
    }

    @Test
    void joinWaitsForLeasesAndNotForWhatIsPutMeanwhile() throws Exception {
        try (var queue = make(geometry(Delivery.LEASED, 0));
                var producer = queue.newProducer();
                var consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
            producer.tryPut(EIGHT);
            Lease lease = consumer.tryLease((message, lent) -> {});
            assertNotNull(lease);
            assertFalse(queue.join(1_000_000));
            var joined = new CountDownLatch(1);
            var thread = Thread.ofPlatform().start(() -> {
                try {
                    if (queue.join(MINUTE)) joined.countDown();
                } catch (InterruptedException e) {
                    // it has not joined
                }
            });
            while (thread.getState() != Thread.State.RUNNABLE && thread.isAlive()) Thread.onSpinWait();
            Thread.sleep(20);
            producer.tryPut(EIGHT);
            Thread.sleep(20);
            assertEquals(1, joined.getCount());
            lease.done();
            thread.join(TimeUnit.MINUTES.toMillis(1));
            assertEquals(0, joined.getCount());
            assertFalse(queue.join(0));
        }
    }

    @Test
    void joinDoesNotWaitForWhatNobodyWillGet() throws Exception {
        try (var queue = make(geometry(Delivery.SHARED, 0)); var producer = queue.newProducer()) {
            producer.tryPut(EIGHT);
            var thrown = new AtomicReference<Throwable>();
            var thread = Thread.ofPlatform().start(() -> {
                try {
                    queue.join(MINUTE);
                } catch (QueueShutDownException | InterruptedException e) {
                    thrown.set(e);
                }
            });
            while (thread.getState() != Thread.State.RUNNABLE && thread.isAlive()) Thread.onSpinWait();
            Thread.sleep(20); // it may sleep by now, or not
            queue.shutDownNow();
            thread.join(TimeUnit.MINUTES.toMillis(1));
            assertInstanceOf(QueueShutDownException.class, thrown.get());
        }
    }
}
