package dev.procession;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShortLockTest {
    private static final int THREADS = 4;
    private static final int EACH = 50_000;

    private long count; // guarded by the lock of the test

    @Test
    void onlyOneThreadAtATimeHoldsIt() throws InterruptedException, ExecutionException {
        var lock = new ShortLock();
        try (var threads = Executors.newFixedThreadPool(THREADS)) {
            List<Future<?>> done = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                done.add(threads.submit(() -> {
                    for (int n = 0; n < EACH; n++) {
                        lock.lock();
                        count++;
                        lock.unlock();
                    }
                }));
            }
            for (Future<?> each : done) each.get();
        }
        assertEquals((long) THREADS * EACH, count);
    }

    @Test
    void whoFindsItHeldSleepsAndHasItWhenItIsGivenBack() throws InterruptedException {
        var lock = new ShortLock();
        var held = new AtomicBoolean();
        lock.lock();
        Thread other = Thread.ofPlatform().start(() -> {
            lock.lock();
            held.set(true);
            lock.unlock();
        });
        while (other.getState() != Thread.State.TIMED_WAITING) Thread.onSpinWait();
        assertFalse(held.get());
        lock.unlock();
        other.join();
        assertTrue(held.get());
    }

    @Test
    void anInterruptedThreadWaitsForItLikeAnyOther() throws InterruptedException {
        var lock = new ShortLock();
        var interrupted = new AtomicBoolean();
        lock.lock();
        Thread other = Thread.ofPlatform().start(() -> {
            lock.lock();
            interrupted.set(Thread.currentThread().isInterrupted());
            lock.unlock();
        });
        other.interrupt();
        lock.unlock();
        other.join();
        assertTrue(interrupted.get());
    }

    /// One that does not sleep keeps its carrier, and there are as many as there are cores.
    @Test
    @Timeout(60)
    void interruptedVirtualThreadsThatWaitLetItsHolderGoOn() throws InterruptedException {
        var lock = new ShortLock();
        var held = new CountDownLatch(1);
        var waiting = new CountDownLatch(1);
        Thread holder = Thread.ofVirtual().start(() -> {
            lock.lock();
            held.countDown();
            try {
                waiting.await(); // without its carrier
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            } finally {
                lock.unlock();
            }
        });
        held.await();
        var others = new ArrayList<Thread>();
        for (int i = 0; i < 2 * Runtime.getRuntime().availableProcessors(); i++) {
            others.add(Thread.ofVirtual().start(() -> {
                Thread.currentThread().interrupt();
                lock.lock();
                lock.unlock();
            }));
        }
        Thread.sleep(20); // they have come to wait, or the test shows less
        waiting.countDown();
        holder.join();
        for (Thread each : others) each.join();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void threadsThatShareAHandleLoseAndDoubleNothing(boolean exclusive)
            throws InterruptedException, ExecutionException {
        var options = exclusive ? QueueOptions.DEFAULT.exclusive() : QueueOptions.DEFAULT.shared();
        try (var queue = SharedQueue.create(Codec.int64(), options);
                var threads = Executors.newFixedThreadPool(2 * THREADS)) {
            List<Future<?>> putters = new ArrayList<>();
            List<Future<List<Long>>> getters = new ArrayList<>();
            for (long i = 0; i < THREADS; i++) {
                long first = i * EACH;
                putters.add(threads.submit(() -> {
                    for (long item = first; item < first + EACH; item++) queue.put(item);
                    return null; // a Callable, because put throws
                }));
                getters.add(threads.submit(() -> {
                    var got = new ArrayList<Long>();
                    while (got.size() < EACH) got.add(queue.get());
                    return got;
                }));
            }
            for (Future<?> each : putters) each.get();
            var all = new BitSet();
            for (Future<List<Long>> each : getters) {
                each.get().forEach(item -> all.set(Math.toIntExact(item)));
            }
            assertEquals(THREADS * EACH, all.cardinality());
            assertTrue(queue.isEmpty());
        }
    }

    /// A codec that puts into the queue that it encodes for.
    private static final class Meddling implements Codec<Long> {
        private static final long serialVersionUID = 1;

        private transient @Nullable SharedQueue<Long> queue;

        @Override
        public String name() {
            return "meddling";
        }

        @Override
        public void encode(Long value, Encoder to) {
            if (value < 0 && queue != null) queue.tryPut(-value);
            to.putLong(value);
        }

        @Override
        public Long decode(Decoder from) throws IOException {
            return from.getLong(0);
        }
    }

    @Test
    void aCodecThatUsesItsQueueIsToldSoAndTheQueueGoesOn() {
        var codec = new Meddling();
        try (SharedQueue<Long> queue = SharedQueue.create(codec)) {
            codec.queue = queue;
            var e = assertThrows(IllegalStateException.class, () -> queue.tryPut(-1L));
            assertEquals("a codec cannot use or close the queue that it encodes or decodes for", e.getMessage());
            assertTrue(queue.tryPut(2L));
            assertEquals(2L, queue.tryGet());
        }
    }
}
