package dev.procession.bench.micro;

import dev.procession.core.Claim;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
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

/// One message in and the same one out, by one thread: what a put and a get execute, without any transfer of a cache
/// line. With `-prof gc` this shows that a message allocates nothing, but for leases. With
/// `-jvmArgsAppend -Ddev.procession.bounds=checked` it shows what bounds checks would cost. [AgronaBenchmark] is the
/// same for the peers, [LanesBenchmark] with more lanes and messages at once, [CodecBenchmark] with types.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class ProcessionBenchmark {
    /// Length of a message in bytes, a multiple of 8.
    @Param({"16", "64", "256", "1024"})
    public int bytes;

    private byte[] message;
    private byte[] target;
    private Ends exclusive;
    private Ends shared;
    private Ends leased;

    private long last;
    private final MessageHandler handler = m -> last = m.getLong(m.length() - Long.BYTES);

    /// A queue, and both its ends.
    private record Ends(LaneQueue queue, Producer producer, Consumer consumer) {
        static Ends of(Delivery delivery) {
            Leasing leasing = delivery == Delivery.LEASED ? Leasing.DEFAULT : null;
            LaneQueue queue = LaneQueue.createAnonymous(new QueueGeometry(1, 4 << 20, 0, leasing), "");
            return new Ends(queue, queue.newProducer(), queue.newConsumer(delivery));
        }
    }

    @Setup
    public void open() {
        message = new byte[bytes];
        target = new byte[bytes];
        exclusive = Ends.of(Delivery.EXCLUSIVE);
        shared = Ends.of(Delivery.SHARED);
        leased = Ends.of(Delivery.LEASED);
    }

    @TearDown
    public void close() {
        exclusive.queue.close();
        shared.queue.close();
        leased.queue.close();
    }

    @Benchmark
    public long tryPutAndPoll() {
        exclusive.producer.tryPut(message);
        taken(exclusive.consumer.poll(handler, 1));
        return last;
    }

    @Benchmark
    public long claimAndPoll() {
        Claim claim = exclusive.producer.tryClaim(bytes);
        claim.putLong(0, last);
        claim.putLong(bytes - Long.BYTES, last + 1);
        claim.commit();
        taken(exclusive.consumer.poll(handler, 1));
        return last;
    }

    @Benchmark
    public long tryPutAndTryGet() {
        exclusive.producer.tryPut(message);
        taken(exclusive.consumer.tryGet(target) == bytes ? 1 : 0);
        return target[bytes - 1];
    }

    @Benchmark
    public long sharedTryPutAndPoll() {
        shared.producer.tryPut(message);
        taken(shared.consumer.poll(handler, 1));
        return last;
    }

    @Benchmark
    public long sharedTryPutAndTryGet() {
        shared.producer.tryPut(message);
        taken(shared.consumer.tryGet(target) == bytes ? 1 : 0);
        return target[bytes - 1];
    }

    @Benchmark
    public long tryPutLeaseAndDone() {
        leased.producer.tryPut(message);
        Lease lease = ((LeasingConsumer) leased.consumer)
                .tryLease((m, unused) -> last = m.getLong(m.length() - Long.BYTES));
        lease.done();
        return last;
    }

    private static void taken(int messages) {
        if (messages != 1) {
            throw new IllegalStateException("taken=" + messages + ", but one message was put");
        }
    }
}
