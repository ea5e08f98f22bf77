package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What fails half way holds nothing and loses nothing.
class FailureTest {
    private static final int LANE = 4096;

    @TempDir
    Path folder;

    @Test
    void aLeasingConsumerThatCannotBeMadeIsNotTakenForALivingOne() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(1, 1 << 16, 0, new Leasing(0, 0)));
                var other = LaneQueue.open(opened.queue.path())) {
            var ids = new ArrayList<Integer>();
            for (Throwable thrown : List.of(new IllegalStateException("make"), new OutOfMemoryError("make"))) {
                assertThrows(thrown.getClass(), () -> opened.queue.participants.newLeasingConsumer(id -> {
                    ids.add(id);
                    assertTrue(other.participants.isConsumerAlive(id));
                    if (thrown instanceof Error error) throw error;
                    throw (RuntimeException) thrown;
                }));
            }
            for (int id : ids) assertFalse(other.participants.isConsumerAlive(id), "consumer " + id);
            assertEquals(2, ids.size());
            opened.queue.newConsumer(Delivery.LEASED).close();
        }
    }

    @Test
    void whatIsBeforeDamageIsHandedOut() {
        try (var opened = new OpenQueue(folder, new QueueGeometry(2, LANE, 0))) {
            long start = Layout.position(7, LANE - 64);
            opened.queue.newProducer().close(); // the lane is in use
            opened.startLaneAt(0, start);
            try (var producer = opened.queue.newProducer();
                    var second = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(Delivery.EXCLUSIVE)) {
                assertTrue(second.tryPut(OpenQueue.message(9, 8)));
                assertEquals(1, consumer.poll(message -> {}, 1)); // both lanes are in use
                assertTrue(producer.tryPut(OpenQueue.message(1, 8)));
                opened.setWord(opened.offset(0, start + 16), Layout.jumpTo(2)); // of two chunks
                var got = new ArrayList<Integer>();
                assertThrows(QueueCorruptedException.class, () -> {
                    while (true) consumer.poll(message -> got.add(Integer.reverseBytes(message.getInt(0))), 10);
                });
                assertEquals(List.of(1), got);
            }
        }
    }
}
