package dev.procession.bench.micro;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.MessageHandler;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.ManyToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.OneToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.RingBuffer;
import org.agrona.concurrent.ringbuffer.RingBufferDescriptor;
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
import org.openjdk.jmh.annotations.Warmup;

/// The peers of [ProcessionBenchmark], without bounds checks.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsAppend = {
            "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
            "-Dagrona.disable.bounds.checks=true"
        })
public class AgronaBenchmark {
    private static final int CAPACITY = 4 << 20;

    /// Length of a message in bytes, a multiple of 8.
    @Param({"16", "64", "256", "1024"})
    public int bytes;

    private UnsafeBuffer message;
    private RingBuffer oneToOne;
    private RingBuffer manyToOne;

    private long last;
    private final MessageHandler handler =
            (type, buffer, index, length) -> last = buffer.getLong(index + length - Long.BYTES);

    @Setup
    public void open() {
        message = new UnsafeBuffer(new byte[bytes]);
        oneToOne = new OneToOneRingBuffer(memory());
        manyToOne = new ManyToOneRingBuffer(memory());
    }

    private static UnsafeBuffer memory() {
        return new UnsafeBuffer(ByteBuffer.allocateDirect(CAPACITY + RingBufferDescriptor.TRAILER_LENGTH));
    }

    @Benchmark
    public long oneToOneWriteAndRead() {
        return writeAndRead(oneToOne);
    }

    @Benchmark
    public long manyToOneWriteAndRead() {
        return writeAndRead(manyToOne);
    }

    private long writeAndRead(RingBuffer ring) {
        ring.write(1, message, 0, bytes);
        int taken = ring.read(handler, 1);
        if (taken == 0) taken = ring.read(handler, 1); // the first one stopped at the padding in the ring's end
        if (taken != 1) {
            throw new IllegalStateException("taken=" + taken + ", but one message was put");
        }
        return last;
    }
}
