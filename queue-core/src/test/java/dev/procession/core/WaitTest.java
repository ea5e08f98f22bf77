package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.agrona.concurrent.IdleStrategy;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What one wait does: its looks, its sleeps, the bit by which it is woken, its end.
class WaitTest {
    private static final long FENCE = 2; // set for good if some process cannot have barriers

    @TempDir
    Path folder;

    private OpenQueue opened;
    private final AtomicInteger asked = new AtomicInteger(); // right before a sleep

    @BeforeEach
    void open() {
        opened = new OpenQueue(folder, new QueueGeometry(1, 4096, 0));
    }

    @AfterEach
    void close() {
        Thread.interrupted();
        opened.close();
    }

    private WaitLoop waiting(WaitStrategy strategy, boolean ready) {
        return opened.queue.waitingForRoom(strategy, () -> {
            asked.incrementAndGet();
            return ready;
        });
    }

    @Test
    void aWaitThatMayTakeNoTimeIsOverAtOnce() throws InterruptedException {
        var waiting = waiting(WaitStrategy.sleeping(), false);
        waiting.start(0);
        assertFalse(waiting.pause());
        waiting.start(-1);
        assertFalse(waiting.pause());
        assertEquals(0, asked.get(), "it slept");
    }

    @Test
    void theDefaultLooksSomeTimesBeforeItSleepsInEachWait() throws InterruptedException {
        var waiting = waiting(WaitStrategy.spinThenSleep(), true);
        for (int wait = 1; wait <= 2; wait++) {
            waiting.start(Long.MAX_VALUE);
            for (int i = 0; i < WaitStrategy.SHORT_SPINS; i++) assertTrue(waiting.pause());
            assertEquals(wait - 1, asked.get());
            assertTrue(waiting.pause());
            assertEquals(wait, asked.get());
        }
    }

    @Test
    void aSpinningWaitNeverSleeps() throws InterruptedException {
        var waiting = waiting(WaitStrategy.spinning(), true);
        waiting.start(TimeUnit.MINUTES.toNanos(1));
        for (int i = 0; i < 100_000; i++) assertTrue(waiting.pause());
        assertEquals(0, asked.get());
    }

    @Test
    void aStrategyOfTheUsersIsIdleAfterEachLookAndResetBeforeTheFirst() throws InterruptedException {
        var calls = new StringBuilder();
        var waiting = waiting(WaitStrategy.of(new IdleStrategy() {
            @Override
            public void idle(int work) {
                calls.append("idle(n) ");
            }

            @Override
            public void idle() {
                calls.append("idle ");
            }

            @Override
            public void reset() {
                calls.append("reset ");
            }
        }), false);
        waiting.start(Long.MAX_VALUE);
        assertTrue(waiting.pause() && waiting.pause());
        waiting.start(Long.MAX_VALUE);
        assertTrue(waiting.pause());
        assertEquals("reset idle idle reset idle ", calls.toString());
        assertEquals(0, asked.get());
    }

    @Test
    void aSleeperSetsTheBitThatAWakerClearsBeforeItRaisesTheWord() throws InterruptedException {
        var waiting = waiting(WaitStrategy.sleeping(), true);
        waiting.start(Long.MAX_VALUE);
        assertTrue(waiting.pause());
        assertEquals(1, opened.word(Layout.ROOM_WAITING_OFFSET) & ~FENCE);
        int word = (int) opened.word(Layout.ROOM_FUTEX_OFFSET);
        try (var producer = opened.queue.newProducer(); var consumer = opened.queue.newConsumer(Delivery.SHARED)) {
            assertTrue(producer.tryPut(new byte[8]));
            assertEquals(1, opened.word(Layout.ROOM_WAITING_OFFSET) & ~FENCE, "only room is waited for");
            assertEquals(8, consumer.tryGet(new byte[8]));
            assertEquals(1, opened.word(Layout.ROOM_WAITING_OFFSET) & ~FENCE, "the head is still in its chunk");
            assertTrue(producer.tryPut(new byte[2030])); // after a jump
            assertEquals(2030, consumer.tryGet(new byte[2030]));
            assertEquals(0, opened.word(Layout.ROOM_WAITING_OFFSET) & ~FENCE);
            assertEquals(word + 1, (int) opened.word(Layout.ROOM_FUTEX_OFFSET));
            assertTrue(producer.tryPut(new byte[2030]));
            assertEquals(2030, consumer.tryGet(new byte[2030]));
            assertEquals(word + 1, (int) opened.word(Layout.ROOM_FUTEX_OFFSET), "nobody waits any more");
        }
    }

    @Test
    void anInterruptEndsAWaitAndSoDoesTheEndOfTheQueue() throws InterruptedException {
        var waiting = waiting(WaitStrategy.sleeping(), false);
        waiting.start(Long.MAX_VALUE);
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, waiting::pause);
        assertFalse(Thread.currentThread().isInterrupted());
        assertTrue(waiting.pause());
        opened.close();
        assertThrows(QueueClosedException.class, waiting::pause);
    }
}
