package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.SharedMemory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A program that has nothing but FORMAT.md shares a queue with the library: its locks, its jumps, its order.
class FormatProcessTest {
    private static final int MESSAGES = 3_000;
    private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(30);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    /// Lengths that make for jumps, and for runs of two chunks.
    private static byte[] message(int producer, int number) {
        byte[] message = new byte[8 + number * 37 % 1_500];
        for (int i = 8; i < message.length; i++) message[i] = (byte) (producer + number + i);
        return ByteBuffer.wrap(message).putInt(producer).putInt(number).array();
    }

    private interface Put {
        boolean tryPut(byte[] message);
    }

    private interface Get {
        byte @Nullable [] tryGet();
    }

    private final long deadline = System.nanoTime() + DEADLINE_NANOS;

    private void pause() {
        assertTrue(System.nanoTime() < deadline, "nothing goes on");
        Thread.onSpinWait();
        Thread.yield();
    }

    private Callable<Integer> putting(int producer, Put put) {
        return () -> {
            for (int i = 0; i < MESSAGES; i++) {
                while (!put.tryPut(message(producer, i))) pause();
            }
            return MESSAGES;
        };
    }

    private final ConcurrentHashMap<Integer, byte[]> got = new ConcurrentHashMap<>();
    private final AtomicInteger count = new AtomicInteger();

    private Callable<Integer> getting(Get get) {
        return () -> {
            int mine = 0;
            int[] last = {-1, -1, -1};
            while (count.get() < 2 * MESSAGES) {
                byte[] message = get.tryGet();
                if (message == null) {
                    pause();
                    continue;
                }
                int producer = ByteBuffer.wrap(message).getInt();
                int number = ByteBuffer.wrap(message).getInt(4);
                assertArrayEquals(message(producer, number), message);
                assertTrue(number > last[producer], "out of order");
                last[producer] = number;
                assertNull(got.put(producer << 16 | number, message), "twice");
                count.incrementAndGet();
                mine++;
            }
            return mine;
        };
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 10})
    void itPutsAndGetsTogetherWithTheLibrary(long maxItems) throws Exception {
        var geometry = new QueueGeometry(3, 8_192, 1_024, maxItems, null);
        try (var queue = LaneQueue.create(directory.resolve("queue"), geometry, "shared");
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(Delivery.SHARED);
                var process = new FormatProcess(queue.path());
                var threads = Executors.newFixedThreadPool(4)) {
            process.own();
            byte[] buffer = new byte[2_000];
            var all = threads.invokeAll(List.of(
                    putting(1, producer::tryPut),
                    putting(2, process::tryPut),
                    getting(() -> {
                        int length = consumer.tryGet(buffer);
                        return length < 0 ? null : Arrays.copyOf(buffer, length);
                    }),
                    getting(process::tryGet)));
            for (var each : all) each.get();
            assertEquals(2 * MESSAGES, got.size());
            assertTrue(queue.isEmpty());
            assertNull(process.tryGet());
        }
    }

    @Test
    void theOrderOfTheirPutsIsThatOfTheGets() throws Exception {
        var geometry = new QueueGeometry(2, 8_192, 1_024, 0, null);
        try (var queue = LaneQueue.create(directory.resolve("queue"), geometry, "in order");
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(Delivery.SHARED);
                var process = new FormatProcess(queue.path())) {
            process.own();
            byte[] buffer = new byte[2_000];
            for (int i = 0; i < 300; i++) {
                Put put = i % 5 < 2 || i % 7 == 3 ? producer::tryPut : process::tryPut;
                assertTrue(put.tryPut(message(1, i)), "full");
                if (i < 4) continue;
                byte[] next = i % 3 == 0 ? process.tryGet() : Arrays.copyOf(buffer, consumer.tryGet(buffer));
                assertArrayEquals(message(1, i - 4), next);
            }
        }
    }

    @Test
    void eachInheritsTheLaneOfTheOther() throws Exception {
        var geometry = new QueueGeometry(1, 8_192, 1_024, 100, null);
        try (var queue = LaneQueue.create(directory.resolve("queue"), geometry, "inherited");
                var process = new FormatProcess(queue.path())) {
            for (int i = 0; i < 40; i++) {
                if (i % 2 == 0) {
                    try (var producer = queue.newProducer()) {
                        assertTrue(producer.tryPut(message(1, i)));
                    }
                } else {
                    process.own();
                    assertTrue(process.tryPut(message(1, i)));
                    process.disown();
                }
                if (i >= 2) assertArrayEquals(message(1, i - 2), process.tryGet());
            }
            assertEquals(2, queue.size());
        }
    }
}
