package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Lease;
import dev.procession.LeaseLostException;
import dev.procession.QueueEmptyException;
import dev.procession.QueueFullException;
import dev.procession.QueueOptions;
import dev.procession.QueueUnavailableException;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.core.LaneQueue;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Peer;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Items that are lent to workers until they are done.
class LeasedQueueTest {
    private static final QueueOptions LEASED = QueueOptions.DEFAULT.leased();
    private static final Duration LONG = Duration.ofSeconds(Peer.DEADLINE_SECONDS);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    @Test
    void whatAKilledWorkerHeldIsLentToTheNext() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), LEASED);
                var held = SharedQueue.create(Codec.utf8())) {
            queue.put("a");
            queue.put("b");
            var worker = Worker.of(() -> {
                held.put(queue.lease().value());
                Thread.sleep(Long.MAX_VALUE);
            });
            worker.start();
            assertEquals("a", held.get(LONG));
            try (Lease<String> lease = queue.lease(LONG)) {
                assertEquals("b", lease.value());
                assertEquals(1, lease.attempt());
                assertNull(queue.tryLease());
                assertThrows(QueueEmptyException.class, () -> queue.lease(Duration.ofMillis(5)));
                worker.kill();
                worker.join();
                Lease<String> again = queue.lease();
                assertEquals("a", again.value());
                assertEquals(2, again.attempt());
                again.done();
                lease.done();
            }
            assertTrue(queue.isEmpty());
        }
    }

    /// Whoever has the queue open may be about to open what is beside it.
    @Test
    void deadLettersStayForWhoeverStillHasTheirQueue() throws Exception {
        var queue = SharedQueue.create(Codec.utf8(), LEASED.withMaxAttempts(1));
        Path dead = queue.deadLetters().path();
        queue.put("a");
        queue.lease().close(); // given back, so that was its only attempt
        assertNull(queue.tryLease());
        assertEquals(1, queue.deadLetters().size());
        try (var opened = LaneQueue.open(queue.path())) {
            queue.close();
            assertTrue(Files.exists(opened.path()) && Files.exists(dead));
            try (var again = SharedQueue.open(opened.path(), Codec.utf8())) {
                assertEquals("a", again.deadLetters().get(LONG));
            }
        }
        try (var next = SharedQueue.create(Codec.utf8())) { // who was last left them; the next one sweeps
            assertTrue(next.isEmpty() && Files.notExists(queue.path()) && Files.notExists(dead));
        }
    }

    @Test
    void aGetOfALeasedQueueIsALeaseThatIsDone() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), LEASED)) {
            queue.put("a");
            queue.put("b");
            assertEquals("a", queue.get());
            assertEquals("b", queue.tryGet());
            assertNull(queue.tryGet());
            assertTrue(queue.isEmpty());
        }
    }

    @Test
    void theOptionsAreInTheFile() throws Exception {
        Path file = directory.resolve("orders");
        var options = LEASED.withVisibility(Duration.ofMillis(30)).withMaxAttempts(2);
        try (var queue = SharedQueue.create(file, Codec.utf8(), options);
                var other = SharedQueue.open(file, Codec.utf8())) {
            queue.put("slow");
            Lease<String> slow = other.lease();
            Lease<String> again = queue.lease(LONG); // after 30 ms
            assertEquals("slow", again.value());
            assertThrows(LeaseLostException.class, slow::done);
            again.close();
            assertNull(queue.tryLease());
            assertEquals("slow", other.deadLetters().get(LONG));
            assertTrue(queue.isEmpty());
        }
        try (var exclusive = SharedQueue.openExclusive(file, Codec.utf8())) {
            var thrown = assertThrows(QueueUnavailableException.class, exclusive::tryGet);
            assertTrue(thrown.getMessage().contains("leased"), thrown.getMessage());
        }
        SharedQueue.delete(file);
        try (var left = Files.list(directory)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void anItemThatIsNeverDoneBecomesADeadLetter() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), LEASED.withMaxAttempts(3));
                var finished = SharedQueue.create(Codec.utf8())) {
            queue.put("poison");
            queue.put("good");
            var attempts = 0;
            while (true) { // every worker that gets the poison dies of it
                var worker = Worker.of(() -> {
                    try (Lease<String> lease = queue.lease()) {
                        if (lease.value().equals("poison")) Runtime.getRuntime().halt(3);
                        finished.put(lease.value());
                        lease.done();
                    }
                });
                worker.start();
                worker.join();
                if (!finished.isEmpty()) break;
                assertTrue(++attempts < 10);
            }
            assertEquals(3, attempts);
            assertEquals("good", finished.get());
            assertTrue(queue.isEmpty());
            assertEquals("poison", queue.deadLetters().get(LONG));
            assertTrue(queue.deadLetters().isEmpty());
        }
    }

    @Test
    void anItemThatCannotBeDecodedHasItsAttemptsToo() throws Exception {
        Path file = directory.resolve("orders");
        try (var queue = SharedQueue.create(file, Codec.utf8(), LEASED.withMaxAttempts(2));
                var raw = dev.procession.core.LaneQueue.open(file);
                var producer = raw.newProducer()) {
            assertTrue(producer.tryPut(new byte[] {(byte) 0xff, 0, (byte) 0xff}));
            queue.put("good");
            assertThrows(UncheckedIOException.class, queue::tryLease);
            assertThrows(UncheckedIOException.class, queue::tryGet);
            assertEquals("good", queue.get(LONG));
            assertEquals(1, queue.deadLetters().size());
            assertThrows(UncheckedIOException.class, () -> queue.deadLetters().get());
        }
    }

    @Test
    void whenTheDeadLettersAreFullTheirItemsStayWhereTheyAre() throws Exception {
        var small = LEASED.withLaneBytes(1 << 16).withMaxAttempts(1);
        try (var queue = SharedQueue.create(Codec.bytes(), small)) {
            byte[] large = new byte[14_000]; // two in each of the two chunks of a lane
            for (int i = 0; i < 4; i++) queue.deadLetters().put(large);
            queue.put(large);
            queue.lease().giveBack();
            var thrown = assertThrows(QueueFullException.class, queue::tryLease);
            assertTrue(thrown.getMessage().contains(".dead"), thrown.getMessage());
            assertFalse(queue.isEmpty());
            for (int i = 0; i < 3; i++) assertNotNull(queue.deadLetters().get()); // so that a chunk is free
            assertNull(queue.tryLease());
            assertEquals(2, queue.deadLetters().size());
            assertTrue(queue.isEmpty());
        }
    }

    @Test
    void onlyALeasedQueueLends() {
        try (var queue = SharedQueue.create(Codec.utf8())) {
            assertThrows(IllegalStateException.class, queue::tryLease);
            assertThrows(IllegalStateException.class, queue::deadLetters);
        }
        try (var queue = SharedQueue.create(Codec.utf8(), LEASED)) {
            assertThrows(IllegalStateException.class, queue::deadLetters);
        }
        assertThrows(IllegalArgumentException.class, () -> QueueOptions.DEFAULT.withMaxAttempts(1));
        assertThrows(IllegalArgumentException.class, () -> LEASED.withVisibility(Duration.ofNanos(-1)));
        assertThrows(IllegalArgumentException.class, () -> LEASED.withLaneBytes(4096));
    }
}
