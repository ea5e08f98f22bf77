package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Lease;
import dev.procession.QueueEndedException;
import dev.procession.QueueOptions;
import dev.procession.QueueShutDownException;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.tests.kit.Peer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// How a stream ends for the workers that it is for: it is shut down, or all who put are gone, or all is done.
class EndOfStreamProcessTest {
    private static final Duration LONG = Duration.ofSeconds(Peer.DEADLINE_SECONDS);

    @Test
    void aShutDownEndsAllWhoGet() throws Exception {
        try (var numbers = SharedQueue.create(Codec.int64());
                var sums = SharedQueue.create(Codec.int64())) {
            var workers = new ArrayList<Worker>();
            for (int i = 0; i < 3; i++) {
                workers.add(Worker.of(() -> {
                    long sum = 0;
                    sums.put(0L); // it is up
                    try {
                        while (true) sum += numbers.get();
                    } catch (QueueShutDownException e) {
                        sums.put(sum);
                    }
                }));
            }
            for (Worker each : workers) each.start();
            for (Worker unused : workers) assertEquals(0, sums.get(LONG));
            long expected = 0;
            for (long i = 1; i <= 10_000; i++) {
                numbers.put(i);
                expected += i;
            }
            numbers.shutDown();
            assertThrows(QueueShutDownException.class, () -> numbers.put(1L));
            long sum = 0;
            for (Worker unused : workers) sum += sums.get(LONG);
            assertEquals(expected, sum);
            for (Worker each : workers) assertTrue(each.join(LONG));
            assertTrue(numbers.isShutDown());
            assertFalse(numbers.isFull());
            assertEquals(0, numbers.size());
        }
    }

    @Test
    void itHoldsAfterWhoeverShutDownWasKilled() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8())) {
            queue.put("left");
            var worker = Worker.of(() -> {
                queue.shutDown();
                Runtime.getRuntime().halt(9);
            });
            worker.start();
            assertTrue(worker.join(LONG));
            var e = assertThrows(QueueShutDownException.class, () -> queue.tryPut("more"));
            assertEquals(queue.path() + " was shut down", e.getMessage());
            assertThrows(QueueShutDownException.class, () -> queue.putAll(List.of("more", "still")));
            assertEquals("left", queue.get());
            assertThrows(QueueShutDownException.class, queue::get);
            assertThrows(QueueShutDownException.class, () -> queue.get(LONG));
            assertThrows(QueueShutDownException.class, queue::tryGet);
            assertThrows(QueueShutDownException.class, () -> queue.drain(item -> {}, 10));
        }
    }

    @Test
    void shutDownNowLeavesWhatIsThere() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8())) {
            queue.put("left");
            queue.shutDownNow();
            assertThrows(QueueShutDownException.class, queue::tryGet);
            assertThrows(QueueShutDownException.class, () -> queue.put("more"));
            assertEquals(1, queue.size());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void noConsumerWaitsForProducersThatAreGone(boolean killed) throws Exception {
        try (var queue = SharedQueue.create(Codec.int64(), QueueOptions.DEFAULT.withEndOfProducers())) {
            assertNull(queue.tryGet()); // none has come
            var worker = Worker.of(() -> {
                for (long i = 1; i <= 3; i++) queue.put(i);
                if (killed) Runtime.getRuntime().halt(9);
            });
            worker.start();
            for (long i = 1; i <= 3; i++) assertEquals(i, queue.get(LONG));
            var e = assertThrows(QueueEndedException.class, queue::get);
            assertTrue(e.getMessage().startsWith(queue.path() + " has ended"), e.getMessage());
            assertTrue(worker.join(LONG));
            assertThrows(QueueEndedException.class, queue::tryGet);
            queue.put(4L); // this process is one now
            assertEquals(4, queue.get());
            assertNull(queue.tryGet());
        }
    }

    /// Of two producers the first is gone long before the second one comes.
    @Test
    void itWaitsForAsManyAsWillCome() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), QueueOptions.DEFAULT.withEndOfProducers(2))) {
            for (String each : List.of("first", "second")) {
                var worker = Worker.of(() -> queue.put(each));
                worker.start();
                assertEquals(each, queue.get(LONG));
                assertTrue(worker.join(LONG));
                if (each.equals("first")) assertNull(queue.tryGet());
            }
            assertThrows(QueueEndedException.class, queue::get);
        }
    }

    @Test
    void aPipelineEndsByItself() throws Exception {
        var ends = QueueOptions.DEFAULT.withEndOfProducers();
        try (var first = SharedQueue.create(Codec.int64(), ends);
                var second = SharedQueue.create(Codec.int64(), ends)) {
            var doubling = Worker.of(() -> {
                try {
                    while (true) second.put(2 * first.get());
                } catch (QueueEndedException e) {
                    // so does this stage
                }
            });
            var counting = Worker.of(() -> {
                for (long i = 1; i <= 1000; i++) first.put(i);
            });
            doubling.start();
            counting.start();
            long sum = 0;
            try {
                while (true) sum += second.get();
            } catch (QueueEndedException e) {
                assertEquals(1001 * 1000, sum);
            }
            assertTrue(doubling.join(LONG));
            assertTrue(counting.join(LONG));
        }
    }

    @Test
    void joinWaitsUntilAllIsDoneWhoeverDies() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8(), QueueOptions.DEFAULT.leased());
                var held = SharedQueue.create(Codec.utf8())) {
            queue.join(); // nothing was put
            queue.put("a");
            queue.put("b");
            assertFalse(queue.join(Duration.ZERO));
            var worker = Worker.of(() -> {
                held.put(queue.lease().value());
                Thread.sleep(Long.MAX_VALUE);
            });
            worker.start();
            assertEquals("a", held.get(LONG));
            assertEquals("b", queue.get());
            assertFalse(queue.join(Duration.ofMillis(20)));
            worker.kill();
            Lease<String> again = queue.lease(LONG);
            assertEquals("a", again.value());
            assertFalse(queue.join(Duration.ofMillis(20)));
            again.done();
            assertTrue(queue.join(LONG));
        }
    }
}
