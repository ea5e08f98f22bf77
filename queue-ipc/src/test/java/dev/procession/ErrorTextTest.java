package dev.procession;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ErrorTextTest {
    private static final QueueOptions SMALL = QueueOptions.DEFAULT.withLanes(1).withLaneBytes(4096);

    @Test
    void itIsTheHandleThatWasClosedNotAPartOfIt() throws InterruptedException {
        var queue = SharedQueue.create(Codec.int64(), SMALL);
        queue.put(1L);
        queue.get();
        queue.close();
        String closed = "this handle on " + queue.path() + " was closed";
        assertEquals(closed, assertThrows(QueueClosedException.class, () -> queue.put(2L)).getMessage());
        assertEquals(closed, assertThrows(QueueClosedException.class, () -> queue.tryPut(2L)).getMessage());
        assertEquals(closed, assertThrows(QueueClosedException.class, queue::get).getMessage());
        assertEquals(closed, assertThrows(QueueClosedException.class, queue::tryGet).getMessage());
        assertEquals(closed, assertThrows(QueueClosedException.class, queue::isEmpty).getMessage());
    }

    @Test
    void aTaskWithAClosedQueueIsNotSent() {
        assertNotSent(SharedQueue.create(Codec.int64(), SMALL), 1L);
        assertNotSent(SharedQueue.create(Codec.object(String.class), SMALL), "");
    }

    private static <E> void assertNotSent(SharedQueue<E> queue, E item) {
        queue.close();
        var e = assertThrows(
                IllegalArgumentException.class, () -> Worker.of(() -> queue.put(item)).start());
        assertTrue(e.getMessage().contains(queue.path() + " was closed"), e.getMessage());
    }

    @Test
    void anItemThatIsTooLargeIsSaidToBeForThisQueue() {
        try (var queue = SharedQueue.create(Codec.bytes(), SMALL)) {
            var e = assertThrows(MessageTooLargeException.class, () -> queue.put(new byte[4096]));
            assertTrue(e.getMessage().startsWith("an item for " + queue.path() + " is too large"), e.getMessage());
        }
        var e = assertThrows(MessageTooLargeException.class, () -> new Encoder(3).putInt(1));
        assertTrue(e.getMessage().startsWith("the message is too large"), e.getMessage());
    }

    @Test
    void aNegativeVisibilityIsNamedAsItWasGiven() {
        var leased = QueueOptions.DEFAULT.leased();
        var e = assertThrows(
                IllegalArgumentException.class, () -> leased.withVisibility(Duration.ofSeconds(-5)));
        assertTrue(e.getMessage().startsWith("visibility=PT-5S"), e.getMessage());
    }

    @Test
    void aTimeOutThatIsNoneIsNotCalledATime() throws InterruptedException {
        try (var queue = SharedQueue.create(Codec.int64(), SMALL.withMaxItems(1))) {
            for (Duration none : List.of(Duration.ZERO, Duration.ofMillis(-1))) {
                var empty = assertThrows(QueueEmptyException.class, () -> queue.get(none));
                assertEquals(queue.path() + " was empty", empty.getMessage());
            }
            try (var leased = SharedQueue.create(Codec.int64(), QueueOptions.DEFAULT.leased())) {
                var idle = assertThrows(QueueEmptyException.class, () -> leased.lease(Duration.ofMillis(-1)));
                assertEquals(leased.path() + " had nothing to lend", idle.getMessage());
            }
            queue.put(1L);
            var full = assertThrows(QueueFullException.class, () -> queue.put(2L, Duration.ofMillis(-1)));
            assertEquals(queue.path() + " was full, with 1 items", full.getMessage());
            var late = assertThrows(QueueFullException.class, () -> queue.put(2L, Duration.ofMillis(1)));
            assertEquals(queue.path() + " was full for PT0.001S, with 1 items", late.getMessage());
        }
    }
}
