package dev.procession.bench;

import dev.procession.Codec;
import dev.procession.Encoder;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.stream.LongStream;

/// [SharedQueue]: items through a codec, one a call. Its counterpart, the raw one, moves as many bytes by the calls
/// below it, also one message a call; the difference is what types cost.
final class TypedTransport implements Transport {
    private final String name;
    private final Delivery delivery;
    private final boolean raw;

    private TypedTransport(String name, Delivery delivery, boolean raw) {
        this.name = name;
        this.delivery = delivery;
        this.raw = raw;
    }

    static List<Transport> all() {
        return List.of(
                new TypedTransport("procession-typed", Delivery.EXCLUSIVE, false),
                new TypedTransport("procession-raw", Delivery.EXCLUSIVE, true),
                new TypedTransport("procession-typed-shared", Delivery.SHARED, false));
    }

    /// What travels, as in `peer.py`: how an item is made of its number, and whether one that arrived is the one
    /// expected.
    private record Items<E>(Codec<E> codec, LongFunction<E> make, Comparison<E> comparison) {
        private static final int STRINGS = 1024;

        static Items<?> of(Work.Content content) {
            return switch (content) {
                case BYTES -> throw new IllegalArgumentException("content=" + content);
                case INT64 -> new Items<>(Codec.int64(), Long::valueOf, (item, number) -> item == number);
                case UTF8 -> strings();
                case RECORD -> new Items<>(Codec.record(Trade.class),
                        number -> new Trade(number, 12.5, 300, true, "PROC"),
                        (trade, number) -> trade.id == number && trade.symbol.equals("PROC"));
                case OBJECT -> orders();
                case PACKED_LONGS -> packedLongs();
            };
        }

        private static Items<String> strings() {
            String[] strings = LongStream.range(0, STRINGS).mapToObj("%0100d"::formatted).toArray(String[]::new);
            return new Items<>(Codec.utf8(), number -> strings[(int) number % STRINGS],
                    (string, number) -> string.equals(strings[(int) number % STRINGS]));
        }

        private static Items<Order> orders() {
            List<Item> items = List.of(new Item("first", 1), new Item("second", 2));
            Map<String, String> notes = Map.of("left", "here", "right", "there");
            return new Items<>(Codec.object(Order.class, Item.class),
                    number -> new Order(number, "customer", items, notes),
                    (order, number) -> order.id == number && order.items.get(1).count == 2);
        }

        private static Items<long[]> packedLongs() {
            long[] longs = new long[PackedLongs.COUNT]; // put copies it
            return new Items<>(Codec.int64s(), number -> PackedLongs.fill(longs, number), PackedLongs::isExpected);
        }

        int bytesOf(long number) {
            var encoder = new Encoder(1 << 16);
            try {
                codec.encode(make.apply(number), encoder);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return encoder.length();
        }
    }

    private interface Comparison<E> {
        boolean isExpected(E item, long number);
    }

    record Trade(long id, double price, int quantity, boolean buys, String symbol) {}

    private static final class Item {
        private final String name;
        private final int count;

        Item(String name, int count) {
            this.name = name;
            this.count = count;
        }

        @Override
        public String toString() {
            return name + " x " + count;
        }
    }

    private static final class Order {
        private final long id;
        private final String customer;
        private final List<Item> items;
        private final Map<String, String> notes;

        Order(long id, String customer, List<Item> items, Map<String, String> notes) {
            this.id = id;
            this.customer = customer;
            this.items = items;
            this.notes = notes;
        }

        @Override
        public String toString() {
            return "order " + id + " of " + customer + ": " + items + " " + notes;
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean serves(Work work) {
        return work.content() != Work.Content.BYTES && !(raw && work.content() == Work.Content.PACKED_LONGS);
    }

    /// Items are objects: room for some million between two collections.
    @Override
    public List<String> jvmArguments() {
        return List.of("-Xms256m", "-Xmn128m");
    }

    @Override
    public void create(Path file, Work work) {
        if (raw) {
            LaneQueue.create(file, new QueueGeometry(work.producers(), work.laneBytes(), 0), "").close();
        } else {
            QueueOptions options = QueueOptions.DEFAULT.withLanes(work.producers()).withLaneBytes(work.laneBytes());
            SharedQueue.create(file, Items.of(work.content()).codec, options).close();
        }
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) {
        Items<?> items = Items.of(work.content());
        return raw ? rawSender(file, items, payload) : typedSender(file, items, payload);
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) {
        Items<?> items = Items.of(work.content());
        return raw ? rawReceiver(file, items, check) : typedReceiver(file, items, check);
    }

    private <E> SharedQueue<E> open(Path file, Codec<E> codec) {
        return delivery == Delivery.EXCLUSIVE ? SharedQueue.openExclusive(file, codec) : SharedQueue.open(file, codec);
    }

    private <E> Sender typedSender(Path file, Items<E> items, Payload payload) {
        SharedQueue<E> queue = open(file, items.codec);
        LongFunction<E> make = items.make;
        return () -> queue.tryPut(make.apply(payload.first()));
    }

    private <E> Receiver typedReceiver(Path file, Items<E> items, Payload.Check check) {
        SharedQueue<E> queue = open(file, items.codec);
        Comparison<E> comparison = items.comparison;
        return new Receiver() {
            private long next;

            @Override
            public int poll(int limit) {
                for (int taken = 0; taken < limit; taken++) {
                    E item = queue.tryGet();
                    if (item == null) return taken;
                    if (!comparison.isExpected(item, next)) {
                        throw new Payload.CheckFailedException("wrong item: " + item + ", expected number=" + next);
                    }
                    check.number(next++);
                }
                return limit;
            }
        };
    }

    private Sender rawSender(Path file, Items<?> items, Payload payload) {
        Producer producer = LaneQueue.open(file).newProducer();
        byte[] message = new byte[items.bytesOf(0)];
        return () -> {
            Payload.setFirst(message, payload.first());
            return producer.tryPut(message);
        };
    }

    private Receiver rawReceiver(Path file, Items<?> items, Payload.Check check) {
        Consumer consumer = LaneQueue.open(file).newConsumer(delivery);
        byte[] message = new byte[items.bytesOf(0)];
        return limit -> {
            for (int taken = 0; taken < limit; taken++) {
                if (consumer.tryGet(message) == Consumer.EMPTY) return taken;
                check.number(Payload.first(message));
            }
            return limit;
        };
    }
}
