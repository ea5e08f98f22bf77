package dev.procession.bench.micro;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// What idle lanes cost, and what it saves to put and get several messages at once: time for one message of 16 bytes,
/// put and got by one thread.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class LanesBenchmark {
    /// Lanes in use beside the one that is put into: their producers put one message, and nothing since.
    @Param({"0", "3", "15", "63"})
    public int idleLanes;

    @Param({"EXCLUSIVE", "SHARED"})
    public Delivery delivery;

    private final byte[] message = new byte[16];
    private final byte[] target = new byte[16];
    private LaneQueue queue;
    private Producer producer;
    private Consumer consumer;

    private long last;
    private final MessageHandler handler = m -> last = m.getLong(m.length() - Long.BYTES);

    @Setup
    public void open() {
        queue = LaneQueue.createAnonymous(new QueueGeometry(1 + idleLanes, 4 << 20, 0), "");
        consumer = queue.newConsumer(delivery);
        for (int i = 0; i < idleLanes; i++) {
            queue.newProducer().tryPut(message);
            consumer.tryGet(target);
        }
        producer = queue.newProducer();
    }

    @TearDown
    public void close() {
        queue.close();
    }

    /// Each get looks at every lane, because the one before it left the queue empty.
    @Benchmark
    public int putOneAndTryGet() {
        producer.tryPut(message);
        return consumer.tryGet(target);
    }

    @Benchmark
    @OperationsPerInvocation(64)
    public long put64AndTryGetEach() {
        put(64);
        for (int i = 0; i < 64; i++) {
            consumer.tryGet(target);
        }
        return target[0];
    }

    @Benchmark
    public long put1AndPoll() {
        put(1);
        return poll(1);
    }

    @Benchmark
    @OperationsPerInvocation(8)
    public long put8AndPoll() {
        put(8);
        return poll(8);
    }

    @Benchmark
    @OperationsPerInvocation(64)
    public long put64AndPoll() {
        put(64);
        return poll(64);
    }

    @Benchmark
    @OperationsPerInvocation(512)
    public long put512AndPoll() {
        put(512);
        return poll(512);
    }

    private void put(int messages) {
        for (int i = 0; i < messages; i++) {
            producer.tryPut(message);
        }
    }

    private long poll(int messages) {
        for (int left = messages; left > 0;) {
            left -= consumer.poll(handler, left);
        }
        return last;
    }
}
