package dev.procession;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.LaneQueue;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Some items at once. More than 64 of them are more than one run.
class DrainTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    private static final class RefusedException extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static QueueOptions options(String delivery) {
        return switch (delivery) {
            case "exclusive" -> QueueOptions.DEFAULT.exclusive();
            case "shared" -> QueueOptions.DEFAULT.shared();
            default -> QueueOptions.DEFAULT.leased();
        };
    }

    private static void putAll(SharedQueue<Long> queue, int count) throws InterruptedException {
        for (long item = 0; item < count; item++) queue.put(item);
    }

    private static List<Long> numbers(long first, long end) {
        return LongStream.range(first, end).boxed().toList();
    }

    /// Refuses one item once.
    private static Consumer<Long> refusing(long item, Collection<Long> to) {
        var refused = new boolean[1];
        return each -> {
            if (each == item && !refused[0]) {
                refused[0] = true;
                throw new RefusedException();
            }
            to.add(each);
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"exclusive", "shared", "leased"})
    void whatIsThereIsTakenInOrderUpToTheLimit(String delivery) throws Exception {
        try (var queue = SharedQueue.create(Codec.int64(), options(delivery))) {
            var got = new ArrayList<Long>();
            assertEquals(0, queue.drainTo(got, 10));
            putAll(queue, 300);
            assertEquals(1, queue.drainTo(got, 1));
            assertEquals(199, queue.drainTo(got, 199));
            assertEquals(100, queue.size());
            assertEquals(100, queue.drain(got::add, Integer.MAX_VALUE));
            assertEquals(numbers(0, 300), got);
            assertTrue(queue.isEmpty());
            assertEquals(0, queue.drainTo(got, 10));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"exclusive", "shared", "leased"})
    void itemsOfTwoProducersComeInTheirOrder(String delivery) throws Exception {
        Path file = directory.resolve("queue");
        try (var queue = SharedQueue.create(file, Codec.int64(), options(delivery));
                var other = SharedQueue.open(file, Codec.int64())) {
            for (long item = 0; item < 300; item++) (item % 7 < 3 ? queue : other).put(item);
            var got = new ArrayList<Long>();
            assertEquals(300, queue.drainTo(got, 1_000));
            assertEquals(numbers(0, 300), got);
        }
    }

    @Test
    void misuseIsToldAtOnceAndNothingIsTaken() throws Exception {
        try (var queue = SharedQueue.create(Codec.int64())) {
            putAll(queue, 2);
            for (int limit : new int[] {0, -1}) {
                var e = assertThrows(IllegalArgumentException.class, () -> queue.drainTo(new ArrayList<>(), limit));
                assertTrue(e.getMessage().contains("limit=" + limit), e.getMessage());
            }
            assertThrows(NullPointerException.class, () -> queue.drain(null, 1));
            assertThrows(NullPointerException.class, () -> queue.drainTo(null, 1));
            assertEquals(2, queue.size());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"exclusive", "shared", "leased"})
    void whatAnActionRefusesIsKeptWithAllThatWasTakenAfterIt(String delivery) throws Exception {
        for (long refused : new long[] {0, 1, 63, 64, 70, 199}) {
            try (var queue = SharedQueue.create(Codec.int64(), options(delivery))) {
                putAll(queue, 200);
                var got = new ArrayList<Long>();
                Consumer<Long> action = refusing(refused, got);
                assertThrows(RefusedException.class, () -> queue.drain(action, 1_000));
                assertEquals(numbers(0, refused), got);
                assertFalse(queue.isEmpty());
                assertEquals(200 - refused, queue.size());
                assertEquals(refused, queue.get()); // the same one again
                got.add(refused);
                queue.put(200L);
                assertEquals(200 - refused, queue.drain(action, 1_000));
                assertEquals(numbers(0, 201), got);
                assertTrue(queue.isEmpty());
                assertEquals(0, queue.size());
                assertNull(queue.tryGet());
            }
        }
    }

    @Test
    void aCollectionThatIsFullLosesNothing() throws Exception {
        try (var queue = SharedQueue.create(Codec.int64())) {
            putAll(queue, 150);
            var small = new ArrayBlockingQueue<Long>(40);
            var got = new ArrayList<Long>();
            for (int full = 0; full < 3; full++) {
                assertThrows(IllegalStateException.class, () -> queue.drainTo(small, 1_000));
                assertEquals(40, small.size());
                small.drainTo(got);
            }
            assertEquals(30, queue.drainTo(small, 1_000));
            small.drainTo(got);
            assertEquals(numbers(0, 150), got);
        }
    }

    @Test
    void anActionThatUsesTheQueueItselfKeepsTheOrderOfWhatItLeaves() throws Exception {
        try (var queue = SharedQueue.create(Codec.int64(), QueueOptions.DEFAULT.exclusive())) {
            putAll(queue, 200);
            assertThrows(RefusedException.class, () -> queue.drain(item -> queue.drain(inner -> {
                throw new RefusedException(); // 64 to 127
            }, 1_000), 1_000));
            var got = new ArrayList<Long>();
            assertEquals(200, queue.drain(item -> {
                got.add(item);
                if (item < 10) queue.tryPut(200 + item);
            }, 200));
            assertEquals(10, queue.drainTo(got, 1_000));
            assertEquals(numbers(0, 210), got);
        }
    }

    /// Of text, which these bytes are not.
    private SharedQueue<String> queueWithBadItem(QueueOptions options, int goodBefore, int goodAfter)
            throws InterruptedException {
        Path file = directory.resolve("queue");
        var queue = SharedQueue.create(file, Codec.utf8(), options);
        try (var raw = LaneQueue.open(file); var producer = raw.newProducer()) {
            for (int i = 0; i < goodBefore + 1 + goodAfter; i++) {
                byte[] bytes = i == goodBefore ? new byte[] {-1} : Integer.toString(i).getBytes(StandardCharsets.UTF_8);
                assertTrue(producer.tryPut(bytes));
            }
        }
        return queue;
    }

    @ParameterizedTest
    @ValueSource(strings = {"exclusive", "shared", "leased"})
    void anItemThatCannotBeDecodedIsToldAndAllOthersAreHandedOut(String delivery) throws Exception {
        boolean leased = delivery.equals("leased");
        try (var queue = queueWithBadItem(leased ? options(delivery).withMaxAttempts(1) : options(delivery), 20, 100)) {
            var got = new ArrayList<String>();
            var e = assertThrows(UncheckedIOException.class, () -> queue.drainTo(got, 1_000));
            assertTrue(e.getMessage().contains("utf8") && e.getMessage().contains("1 bytes"), e.getMessage());
            assertTrue(got.size() >= 20, got::toString);
            assertEquals(120 - got.size(), queue.drainTo(got, 1_000));
            assertEquals(LongStream.range(0, 121).filter(i -> i != 20).mapToObj(Long::toString).toList(), got);
            assertTrue(queue.isEmpty());
            if (leased) assertEquals(1, queue.deadLetters().size());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"exclusive", "shared"})
    void anActionThatThrowsWhenAnItemCannotBeDecodedEitherIsToldToo(String delivery) throws Exception {
        try (var queue = queueWithBadItem(options(delivery), 20, 100)) {
            var got = new ArrayList<String>();
            var e = assertThrows(UncheckedIOException.class, () -> queue.drain(item -> {
                if (item.equals("5")) throw new RefusedException();
                got.add(item);
            }, 1_000));
            assertTrue(e.getSuppressed()[0] instanceof RefusedException, () -> List.of(e.getSuppressed()).toString());
            assertEquals(115, queue.drainTo(got, 1_000));
            assertEquals(LongStream.range(0, 121).filter(i -> i != 20).mapToObj(Long::toString).toList(), got);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"exclusive", "shared", "leased"})
    void aClosedQueueGivesNothingThatWasKept(String delivery) throws Exception {
        var queue = SharedQueue.create(Codec.int64(), options(delivery));
        putAll(queue, 3);
        assertThrows(RefusedException.class, () -> queue.drain(refusing(1, new ArrayList<>()), 9));
        queue.close();
        assertThrows(QueueClosedException.class, queue::tryGet);
        assertThrows(QueueClosedException.class, () -> queue.drainTo(new ArrayList<>(), 9));
        assertThrows(QueueClosedException.class, queue::isEmpty);
    }

    @Test
    void anotherThreadThatWaitsGetsWhatWasKept() throws Exception {
        try (var queue = SharedQueue.create(Codec.int64())) {
            putAll(queue, 1);
            var waiting = new CountDownLatch(1);
            var got = new CompletableFuture<Long>();
            assertThrows(RefusedException.class, () -> queue.drain(item -> {
                Thread.ofPlatform().daemon().start(() -> {
                    waiting.countDown();
                    try {
                        got.complete(queue.get(LONG));
                    } catch (Exception e) {
                        got.completeExceptionally(e);
                    }
                });
                try {
                    waiting.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                throw new RefusedException();
            }, 1));
            assertEquals(0, got.get(LONG.toSeconds() + 5, TimeUnit.SECONDS));
        }
    }

    /// A codec that closes its queue, or drains it.
    private static final class Meddling implements Codec<Long> {
        private static final long serialVersionUID = 1;

        private transient Runnable inDecode = () -> {};

        @Override
        public String name() {
            return "meddling";
        }

        @Override
        public void encode(Long value, Encoder to) {
            to.putLong(value);
        }

        @Override
        public Long decode(Decoder from) {
            inDecode.run();
            return from.getLong(0);
        }
    }

    @Test
    void aCodecThatDrainsItsQueueIsToldSoAndTheQueueGoesOn() throws Exception {
        var codec = new Meddling();
        try (SharedQueue<Long> queue = SharedQueue.create(codec)) {
            putAll(queue, 3);
            var got = new ArrayList<Long>();
            codec.inDecode = () -> queue.drainTo(got, 1);
            var e = assertThrows(IllegalStateException.class, () -> queue.drainTo(got, 1));
            assertEquals("a codec cannot use or close the queue that it encodes or decodes for", e.getMessage());
            codec.inDecode = () -> {};
            assertEquals(2, queue.drainTo(got, 9));
            assertEquals(numbers(1, 3), got);
        }
    }
}
