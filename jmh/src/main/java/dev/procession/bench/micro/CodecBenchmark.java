package dev.procession.bench.micro;

import dev.procession.Codec;
import dev.procession.Encoder;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// One item in and out of a [SharedQueue], codec by codec, beside its bytes in and out of the queue below. The
/// difference is what the types cost: encoding, decoding, the two locks.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class CodecBenchmark {
    /// A codec, and an item for it.
    public enum Kind {
        BYTES(Codec.bytes(), new byte[100]), UTF8(Codec.utf8(),
                "a hundred characters, ".repeat(5).substring(0, 100)), INT32(Codec.int32(), 1 << 30), INT64(
                        Codec.int64(), 1L << 62), FLOAT64(Codec.float64(), Math.PI), RECORD(Codec.record(Trade.class),
                                new Trade(1L << 40, "ACME", Side.BUY, 12.5, 100)), OBJECT(Codec.object(Order.class),
                                        new Order("ACME", List.of(12.5, 13.0), 100));

        private final Codec<?> codec;
        private final Object item;

        <E> Kind(Codec<E> codec, E item) {
            this.codec = codec;
            this.item = item;
        }
    }

    enum Side { BUY, SELL }

    record Trade(long id, String symbol, Side side, double price, int quantity) {}

    /// A plain object with references.
    static final class Order {
        private final String symbol;
        private final List<Double> prices;
        private final int quantity;

        Order(String symbol, List<Double> prices, int quantity) {
            this.symbol = symbol;
            this.prices = prices;
            this.quantity = quantity;
        }

        @Override
        public String toString() {
            return quantity + " " + symbol + " at " + prices;
        }
    }

    @Param
    public Kind codec;

    @Param({"SHARED", "EXCLUSIVE"})
    public Delivery delivery;

    private Object item;
    private SharedQueue<Object> typed;

    private byte[] message;
    private byte[] target;
    private LaneQueue queue;
    private Producer producer;
    private Consumer consumer;

    private long last;
    private final MessageHandler handler = m -> last = m.length();

    @Setup
    @SuppressWarnings("unchecked") // each kind's item is one that its codec takes
    public void open() throws IOException {
        var codec = (Codec<Object>) this.codec.codec;
        item = this.codec.item;
        var options = delivery == Delivery.EXCLUSIVE ? QueueOptions.DEFAULT.exclusive() : QueueOptions.DEFAULT.shared();
        typed = SharedQueue.create(codec, options);
        typed.tryPut(item);
        String got = text(typed.tryGet());
        if (!got.equals(text(item))) {
            throw new IllegalStateException("put " + text(item) + ", got " + got);
        }
        var encoder = new Encoder(1 << 20);
        codec.encode(item, encoder);
        message = Arrays.copyOf(encoder.array(), encoder.length());
        target = new byte[message.length];
        queue = LaneQueue.createAnonymous(QueueGeometry.DEFAULT, "");
        producer = queue.newProducer();
        consumer = queue.newConsumer(delivery);
    }

    private static String text(Object item) {
        return item instanceof byte[] bytes ? Arrays.toString(bytes) : item.toString();
    }

    @TearDown
    public void close() {
        typed.close();
        queue.close();
    }

    @Benchmark
    public Object typedPutAndGet() {
        typed.tryPut(item);
        return typed.tryGet();
    }

    @Benchmark
    public int rawPutAndGet() {
        producer.tryPut(message);
        return consumer.tryGet(target);
    }

    @Benchmark
    public long rawPutAndPoll() {
        producer.tryPut(message);
        consumer.poll(handler, 1);
        return last;
    }
}
