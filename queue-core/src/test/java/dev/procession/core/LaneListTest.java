package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A queue is a list: whatever is put, claimed, put in batches, given up and taken, in whatever order and by whichever
/// owner of a lane and its heirs.
class LaneListTest {
    private static final int LANE = 1 << 16;
    private static final int STEPS = 1500;

    @TempDir
    Path folder;

    private OpenQueue opened;
    private Producer producer;
    private Consumer consumer;
    private Random random;
    private Taking taking;
    private final Deque<byte[]> list = new ArrayDeque<>();

    static Stream<Arguments> cases() {
        return Stream.of(Taking.values()).flatMap(taking -> Stream.of(2, 4, 64)
                .flatMap(chunks -> Stream.of(0L, 40L).map(maxItems -> Arguments.of(taking, chunks, maxItems))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void whatComesOutIsWhatWasPutIn(Taking taking, int chunks, long maxItems) {
        this.taking = taking;
        var geometry = new QueueGeometry(1, LANE, LANE / chunks, maxItems, taking.leasing());
        long seed = chunks * 31 + maxItems * 7 + taking.ordinal();
        random = new Random(seed);
        try (var queue = new OpenQueue(folder, geometry)) {
            opened = queue;
            producer = opened.queue.newProducer();
            consumer = opened.queue.newConsumer(taking.delivery);
            boolean filling = true;
            for (int step = 0; step < STEPS; step++) {
                if (step % 100 == 0) filling = random.nextBoolean();
                step(filling ? random.nextInt(24) : random.nextInt(12, 36));
                if (maxItems > 0) assertTrue(list.size() <= maxItems, "more than the bound");
                if (step % 16 != 0) continue;
                assertEquals(list.size(), opened.queue.size());
                assertEquals(list.isEmpty(), opened.queue.isEmpty());
                if (maxItems > 0) assertEquals(list.size() == maxItems, opened.queue.isFull());
            }
            while (!list.isEmpty()) take();
            assertEquals(Consumer.EMPTY, consumer.tryGet(new byte[0]));
            assertTrue(Layout.jumps(producer.tail) > 25, "it has jumped only to " + Layout.jumps(producer.tail));
        } finally {
            if (producer != null) producer.close();
            if (consumer != null) consumer.close();
        }
    }

    private void step(int what) {
        switch (what) {
            case 0, 1, 2, 3, 4, 5 -> put(next());
            case 6, 7 -> claim(next(), false);
            case 8, 9, 10 -> batch(1 + random.nextInt(6));
            case 11 -> claim(next(), true);
            case 12 -> {
                producer.close();
                producer = opened.queue.newProducer();
            }
            case 13 -> {
                consumer.close();
                consumer = opened.queue.newConsumer(taking.delivery);
            }
            default -> take();
        }
    }

    private byte[] next() {
        int most = opened.geometry.maxMessageBytes();
        int chunk = (int) opened.geometry.chunkBytes();
        int length = switch (random.nextInt(10)) {
            case 0 -> most;
            case 1 -> random.nextInt(most);
            case 2 -> Math.min(most, chunk - random.nextInt(80));
            case 3 -> Math.min(most, random.nextInt(2 * chunk));
            default -> random.nextInt(200);
        };
        byte[] message = new byte[length];
        random.nextBytes(message);
        return message;
    }

    private boolean bounded() {
        return opened.geometry.bounded();
    }

    /// Whether a refusal of some messages is as it should be: never where the queue is empty, once that was looked at.
    private boolean mayBeFull(int messages) {
        if (bounded() && list.size() + messages > opened.geometry.maxItems()) return true;
        if (!list.isEmpty()) return true;
        take();
        return false;
    }

    private void put(byte[] message) {
        boolean room = producer.hasRoom(message.length);
        boolean put = random.nextBoolean()
                ? producer.tryPut(message)
                : producer.tryPut(MemorySegment.ofArray(message), 0, message.length);
        assertEquals(room, put);
        if (!put && !mayBeFull(1)) assertTrue(put = producer.tryPut(message), "full, but empty");
        if (put) list.add(message);
    }

    private void claim(byte[] message, boolean abort) {
        var claim = producer.tryClaim(message.length);
        if (claim == null && !mayBeFull(1)) claim = producer.tryClaim(message.length);
        if (claim == null) {
            assertFalse(list.isEmpty(), "full, but empty");
            return;
        }
        claim.putBytes(0, message, 0, message.length);
        if (random.nextInt(4) == 0) assertEquals(list.size(), opened.queue.size());
        if (abort) {
            claim.abort();
        } else {
            claim.commit();
            list.add(message);
        }
    }

    private void batch(int messages) {
        byte[][] all = new byte[messages][];
        long bytes = 0;
        for (int i = 0; i < messages; i++) bytes += producer.batchBytes((all[i] = next()).length);
        if (bytes > opened.geometry.maxBatchBytes()) return;
        var batch = producer.tryBatch(messages, bytes);
        if (batch == null && !mayBeFull(messages)) batch = producer.tryBatch(messages, bytes);
        if (batch == null) {
            assertFalse(list.isEmpty() && messages <= 6, "full, but empty");
            return;
        }
        int added = random.nextInt(4) == 0 ? random.nextInt(messages + 1) : messages;
        for (int i = 0; i < added; i++) {
            byte[] each = all[i];
            switch (random.nextInt(3)) {
                case 0 -> batch.add(each, 0, each.length);
                case 1 -> batch.add(MemorySegment.ofArray(each), 0, each.length);
                default -> {
                    var claim = batch.claim(each.length);
                    claim.putBytes(0, each, 0, each.length);
                    claim.commit();
                }
            }
        }
        assertEquals(list.size(), opened.queue.size(), "a part of a batch is there");
        if (random.nextInt(5) == 0) {
            batch.abort();
            return;
        }
        batch.commit();
        for (int i = 0; i < added; i++) list.add(all[i]);
    }

    private void take() {
        var taken = taking.take(consumer);
        assertEquals(list.isEmpty(), taken.isEmpty());
        for (byte[] each : taken) Taking.assertSame(list.remove(), each);
    }
}
