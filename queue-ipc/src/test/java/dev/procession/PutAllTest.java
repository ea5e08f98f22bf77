package dev.procession;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.procession.core.MessageId;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/// Many items at once: all or none; and what names an item.
class PutAllTest {
    private static final QueueOptions SMALL = QueueOptions.DEFAULT.withLanes(2).withLaneBytes(4096);

    private static List<Long> numbers(long from, long to) {
        return LongStream.range(from, to).boxed().toList();
    }

    private static <E> List<E> all(SharedQueue<E> queue) {
        List<E> all = new ArrayList<>();
        queue.drainTo(all, Integer.MAX_VALUE);
        return all;
    }

    @Test
    void theyComeInTheirOrderBetweenWhatIsPutBeforeAndAfter() throws Exception {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64())) {
            queue.put(-1L);
            queue.putAll(numbers(0, 10_000));
            assertTrue(queue.tryPutAll(numbers(10_000, 10_001)));
            queue.putAll(List.of());
            queue.put(10_001L);
            assertEquals(10_003, queue.size());
            assertEquals(numbers(-1, 10_002), all(queue));
        }
    }

    @Test
    void whenThereIsNoRoomForAllNoneIsPut() throws Exception {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64(), SMALL)) { // two chunks of 127 numbers
            queue.putAll(numbers(0, 100));
            queue.putAll(numbers(100, 200));
            assertFalse(queue.tryPutAll(numbers(200, 300)));
            assertThrows(QueueFullException.class, () -> queue.putAll(numbers(200, 300), Duration.ofMillis(1)));
            assertEquals(numbers(0, 200), all(queue));
            assertTrue(queue.tryPutAll(numbers(200, 300)));
            assertEquals(numbers(200, 300), all(queue));
        }
    }

    @Test
    void itWaitsUntilThereIsRoomForAll() throws Exception {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64(), SMALL.withMaxItems(10))) {
            queue.putAll(numbers(0, 8));
            var waiting = CompletableFuture.runAsync(() -> {
                try {
                    queue.putAll(numbers(8, 13));
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            for (long i = 0; i < 3; i++) {
                assertEquals(8 - i, queue.size(), "some are there before all have room");
                assertEquals(i, queue.get());
            }
            waiting.get(30, TimeUnit.SECONDS);
            assertEquals(numbers(3, 13), all(queue));
        }
    }

    @Test
    void whatCanNeverBePutSaysSoAndNothingIsPut() throws Exception {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64(), SMALL.withMaxItems(10))) {
            var most = assertThrows(IllegalArgumentException.class, () -> queue.putAll(numbers(0, 11)));
            assertTrue(most.getMessage().contains("maxItems=10"), most.getMessage());
            assertThrows(NullPointerException.class, () -> queue.putAll(Arrays.asList(1L, null)));
            assertTrue(queue.isEmpty());
            queue.putAll(numbers(0, 10));
            assertEquals(10, queue.size());
        }
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64(), SMALL)) {
            var large = assertThrows(MessageTooLargeException.class, () -> queue.tryPutAll(numbers(0, 128)));
            assertTrue(large.getMessage().contains("put them in parts"), large.getMessage());
            assertTrue(queue.tryPutAll(numbers(0, 127)));
        }
        try (SharedQueue<String> queue = SharedQueue.create(Codec.utf8(), SMALL)) {
            assertThrows(IllegalArgumentException.class, () -> queue.putAll(List.of("whole", "half \ud800")));
            assertNull(queue.tryGet());
        }
    }

    /// The second queue has the only lane until it is closed.
    @Test
    void aPutWaitsForALaneAsForRoom() throws Exception {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64(), QueueOptions.DEFAULT.withLanes(1))) {
            SharedQueue<Long> other = SharedQueue.open(queue.path(), Codec.int64());
            other.put(1L);
            var none = assertThrows(QueueUnavailableException.class, () -> queue.tryPut(2L));
            assertTrue(none.getMessage().contains("has a living producer"), none.getMessage());
            assertThrows(QueueUnavailableException.class, () -> queue.put(2L, Duration.ofMillis(1)));
            var waiting = CompletableFuture.runAsync(() -> {
                try {
                    queue.put(2L);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            assertFalse(waiting.isDone());
            other.close();
            waiting.get(30, TimeUnit.SECONDS);
            assertEquals(List.of(1L, 2L), all(queue));
        }
    }

    @Test
    void anItemKeepsItsIdHoweverOftenItIsLent() throws Exception {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64(), QueueOptions.DEFAULT.leased());
                SharedQueue<Long> second = SharedQueue.create(Codec.int64(), QueueOptions.DEFAULT.leased())) {
            queue.putAll(numbers(0, 2));
            second.put(0L);
            MessageId first;
            try (Lease<Long> lease = queue.lease()) {
                first = lease.id();
            }
            Lease<Long> again = queue.lease();
            assertEquals(2, again.attempt());
            assertEquals(first, again.id());
            assertEquals(first, MessageId.parse(again.id().toString()));
            assertNotEquals(first, queue.lease().id());
            assertNotEquals(first, second.lease().id());
        }
    }

    @Test
    void longItemsGoTogetherToo() throws Exception {
        try (SharedQueue<byte[]> queue = SharedQueue.create(Codec.bytes())) {
            List<byte[]> items = IntStream.range(0, 4).mapToObj(i -> new byte[(1 << 24) - 7 + i]).toList();
            for (byte[] item : items) item[item.length - 1] = (byte) item.length;
            queue.putAll(items);
            for (byte[] item : items) assertTrue(Arrays.equals(item, queue.get()), item.length + " bytes differ");
        }
    }

    @Test
    void aLongFirstItemDoesNotMakeTheOthersTakeAsMuchMemory() throws Exception {
        try (SharedQueue<byte[]> queue = SharedQueue.create(Codec.bytes())) {
            List<byte[]> items = new ArrayList<>(Collections.nCopies(400, new byte[1]));
            items.set(0, new byte[4 << 20]); // 400 of these would be 1.6 GiB
            var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadAllocatedBytes();
            queue.putAll(items);
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertTrue(allocated < 64 << 20, allocated + " bytes");
            assertEquals(400, queue.size());
            assertEquals(4 << 20, queue.get().length);
        }
    }
}
