package dev.procession.bench.micro;

import dev.procession.Codec;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
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

/// One item into a [SharedQueue] and the same one out, by one thread, codec by codec; and as many bytes by the calls
/// below it, `tryPut` and `tryGet` with an array. The difference is what types cost: two locks and the codec.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class TypedBenchmark {
    @Param({"EXCLUSIVE", "SHARED"})
    public Delivery delivery;

    private SharedQueue<Long> int64;
    private SharedQueue<String> utf8;
    private SharedQueue<Trade> record;
    private SharedQueue<Order> object;

    private LaneQueue raw;
    private Producer producer;
    private Consumer consumer;
    private final byte[] word = new byte[Long.BYTES];
    private final byte[] text = new byte[100];
    private final byte[] target = new byte[100];

    private final String string = "0123456789".repeat(10);
    private final Order order =
            new Order(1, "customer", List.of(new Item("first", 1), new Item("second", 2)));
    private long next;

    public record Trade(long id, double price, int quantity, boolean buys, String symbol) {}

    public record Item(String name, int count) {}

    public record Order(long id, String customer, List<Item> items) {}

    @Setup
    public void open() {
        int64 = queue(Codec.int64());
        utf8 = queue(Codec.utf8());
        record = queue(Codec.record(Trade.class));
        object = queue(Codec.object(Order.class, Item.class));
        raw = LaneQueue.createAnonymous(new QueueGeometry(1, 4 << 20, 0), "");
        producer = raw.newProducer();
        consumer = raw.newConsumer(delivery);
    }

    private <E> SharedQueue<E> queue(Codec<E> codec) {
        return SharedQueue.create(codec, QueueOptions.DEFAULT.withConsumers(delivery));
    }

    @TearDown
    public void close() {
        List.of(int64, utf8, record, object).forEach(SharedQueue::close);
        raw.close();
    }

    @Benchmark
    public Long int64() {
        int64.tryPut(next++);
        return int64.tryGet();
    }

    @Benchmark
    public String utf8() {
        utf8.tryPut(string);
        return utf8.tryGet();
    }

    @Benchmark
    public Trade record() {
        record.tryPut(new Trade(next++, 12.5, 300, true, "PROC"));
        return record.tryGet();
    }

    @Benchmark
    public Order object() {
        object.tryPut(order);
        return object.tryGet();
    }

    @Benchmark
    public int raw8() {
        producer.tryPut(word);
        return consumer.tryGet(target);
    }

    @Benchmark
    public int raw100() {
        producer.tryPut(text);
        return consumer.tryGet(target);
    }
}
