package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The ways to take messages: each has code of its own.
enum Taking {
    EXCLUSIVE_GET(Delivery.EXCLUSIVE) {
        @Override
        List<byte[]> take(Consumer consumer) {
            return get(consumer);
        }
    },
    EXCLUSIVE_POLL(Delivery.EXCLUSIVE) {
        @Override
        List<byte[]> take(Consumer consumer) {
            return poll(consumer, 3);
        }
    },
    SHARED_GET(Delivery.SHARED) {
        @Override
        List<byte[]> take(Consumer consumer) {
            return get(consumer);
        }
    },
    SHARED_POLL_ONE(Delivery.SHARED) {
        @Override
        List<byte[]> take(Consumer consumer) {
            return poll(consumer, 1);
        }
    },
    SHARED_POLL_RUN(Delivery.SHARED) {
        @Override
        List<byte[]> take(Consumer consumer) {
            return poll(consumer, 100);
        }
    },
    LEASED_GET(Delivery.LEASED) {
        @Override
        List<byte[]> take(Consumer consumer) {
            return get(consumer);
        }
    },
    LEASED_POLL(Delivery.LEASED) {
        @Override
        List<byte[]> take(Consumer consumer) {
            return poll(consumer, 3);
        }
    },
    LEASE(Delivery.LEASED) {
        @Override
        List<byte[]> take(Consumer consumer) {
            var taken = new ArrayList<byte[]>();
            Lease lease = ((LeasingConsumer) consumer).tryLease((message, held) -> taken.add(message.toBytes()));
            assertEquals(lease == null ? 0 : 1, taken.size());
            if (lease != null) lease.done();
            return taken;
        }
    };

    final Delivery delivery;

    Taking(Delivery delivery) {
        this.delivery = delivery;
    }

    /// Null if not leased.
    Leasing leasing() {
        return delivery == Delivery.LEASED ? Leasing.DEFAULT : null;
    }

    /// One message or some; none if the queue is empty.
    abstract List<byte[]> take(Consumer consumer);

    private static List<byte[]> poll(Consumer consumer, int limit) {
        var all = new ArrayList<byte[]>();
        assertEquals(consumer.poll(message -> all.add(message.toBytes()), limit), all.size());
        return all;
    }

    private static List<byte[]> get(Consumer consumer) {
        byte[] to = new byte[consumer.geometry.maxMessageBytes()];
        int length = consumer.tryGet(to);
        return length == Consumer.EMPTY ? List.of() : List.of(Arrays.copyOf(to, length));
    }

    /// Takes these messages, and no other.
    void assertTakes(Consumer consumer, byte[]... messages) {
        for (int next = 0; next < messages.length;) {
            var taken = take(consumer);
            assertFalse(taken.isEmpty(), "message " + next + " is missing");
            for (byte[] each : taken) assertSame(messages[next++], each);
        }
    }

    /// Faster than assertArrayEquals().
    static void assertSame(byte[] message, byte[] taken) {
        assertEquals(-1, Arrays.mismatch(message, taken), "the first byte that differs");
    }

    /// The same, and then there are no more.
    void assertTakesAll(Consumer consumer, byte[]... messages) {
        assertTakes(consumer, messages);
        assertEquals(List.of(), take(consumer));
    }
}
