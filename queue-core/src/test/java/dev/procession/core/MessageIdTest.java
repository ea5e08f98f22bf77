package dev.procession.core;

import static dev.procession.core.OpenQueue.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What names a message for good.
class MessageIdTest {
    private static final UUID QUEUE = UUID.fromString("0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11");

    @TempDir
    Path folder;

    @Test
    void whatToStringHasWrittenIsRead() {
        for (long position : new long[] {0, 64, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE, -64}) {
            for (int lane : new int[] {0, 1, 4095}) {
                var id = new MessageId(QUEUE, lane, position);
                assertEquals(id, MessageId.parse(id.toString()));
            }
        }
        assertEquals(QUEUE + ":3:100000040", new MessageId(QUEUE, 3, Layout.position(1, 64)).toString());
        assertEquals(QUEUE + ":3:ffffffffffffffc0", new MessageId(QUEUE, 3, -64).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", ":", "::", "a:0:0", "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11", "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11:0",
        "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11:0:", "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11::0",
        "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11:x:0", "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11:0:g",
        "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11:0:0:0", "0e7a2c52-6f0c-4a3d-9d6e-3f1f0b6f2b11:0:10000000000000000"
    })
    void whatIsNoIdIsNamed(String text) {
        var e = assertThrows(IllegalArgumentException.class, () -> MessageId.parse(text));
        assertTrue(e.getMessage().startsWith("\"" + text + "\" is no message id"), e.getMessage());
    }

    @Test
    void aMessageOfNoQueueHasNone() {
        var e = assertThrows(IllegalStateException.class, () -> Message.copyOf(new byte[3]).id());
        assertTrue(e.getMessage().contains("comes from no queue"), e.getMessage());
    }

    /// Where its producer has put it, in short and long runs, after jumps, by each way to take it.
    @ParameterizedTest
    @EnumSource
    void itIsTheQueueTheLaneAndThePosition(Delivery delivery) {
        var leasing = delivery == Delivery.LEASED ? Leasing.DEFAULT : null;
        for (int lanes = 1; lanes <= 2; lanes++) {
            for (long maxItems : new long[] {0, 100}) {
                for (int limit : new int[] {1, 3, 100}) {
                    var geometry = new QueueGeometry(2, 1 << 16, 1 << 12, maxItems, leasing);
                    try (var opened = new OpenQueue(folder, geometry);
                            var producer = opened.queue.newProducer();
                            var other = lanes == 2 ? opened.queue.newProducer() : producer;
                            var consumer = opened.queue.newConsumer(delivery)) {
                        var ids = new HashSet<MessageId>();
                        for (int round = 0; round < 60; round++) {
                            var expected = new ArrayList<MessageId>();
                            for (int i = 0; i < 4; i++) {
                                var by = i % 3 == 0 ? other : producer;
                                int length = i == 2 ? 6000 : 100 + 50 * round;
                                assertTrue(by.tryPut(message(i, length)));
                                long at = by.tail - geometry.recordBytes(length);
                                expected.add(new MessageId(opened.queue.file.uuid, by.lane(), at));
                            }
                            var got = new ArrayList<MessageId>();
                            while (got.size() < expected.size()) consumer.poll(message -> got.add(message.id()), limit);
                            assertEquals(expected, got);
                            for (MessageId each : got) assertTrue(ids.add(each), each + " twice");
                        }
                    }
                    LaneQueue.delete(folder.resolve("queue"));
                }
            }
        }
    }

    @Test
    void aLongRecordHasItToo() {
        for (Delivery delivery : Delivery.values()) {
            var leasing = delivery == Delivery.LEASED ? Leasing.DEFAULT : null;
            try (var opened = new OpenQueue(folder, new QueueGeometry(1, 1 << 26, 5, leasing));
                    var producer = opened.queue.newProducer();
                    var consumer = opened.queue.newConsumer(delivery)) {
                assertTrue(producer.tryPut(message(1, 8)) && producer.tryPut(new byte[Layout.MAX_SHORT + 1]));
                long last = producer.tail;
                assertTrue(producer.tryPut(message(3, 8)));
                var got = new ArrayList<MessageId>();
                while (got.size() < 3) consumer.poll(message -> got.add(message.id()), 10);
                assertEquals(0, got.get(0).position());
                assertEquals(Layout.position(1, opened.geometry.chunkBytes()), got.get(1).position());
                assertEquals(last, got.get(2).position());
            }
            LaneQueue.delete(folder.resolve("queue"));
        }
    }

    @Test
    void aMessageThatIsLeasedAgainKeepsItAndItsLeaseHasTheSame() {
        var geometry = new QueueGeometry(1, 1 << 16, 1 << 12, 0, new Leasing(0, 0));
        try (var opened = new OpenQueue(folder, geometry);
                var producer = opened.queue.newProducer();
                var consumer = (LeasingConsumer) opened.queue.newConsumer(Delivery.LEASED)) {
            MessageId before = null;
            for (int i = 0; i < 30; i++) {
                assertTrue(producer.tryPut(message(i, 3000)));
                MessageId[] ids = new MessageId[2];
                for (int attempt = 0; attempt < 2; attempt++) {
                    int now = attempt;
                    Lease lease = consumer.tryLease((message, held) -> {
                        ids[now] = message.id();
                        assertEquals(held.id(), message.id());
                    });
                    assertNotNull(lease);
                    assertEquals(attempt + 1, lease.attempt());
                    assertEquals(ids[attempt], lease.id());
                    if (attempt == 0) lease.giveBack();
                    else lease.done();
                }
                assertEquals(ids[0], ids[1]);
                assertNotEquals(before, ids[0]);
                before = ids[0];
            }
        }
    }
}
