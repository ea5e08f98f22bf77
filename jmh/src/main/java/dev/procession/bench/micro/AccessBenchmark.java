package dev.procession.bench.micro;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
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

/// What the checks of a bounded segment cost: a record written and read again at the next place of a ring, by the
/// accesses that a queue makes, once through a segment of the ring and once through one segment over the whole address
/// space.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class AccessBenchmark {
    private static final long RING_BYTES = 4 << 20;
    private static final int SHORT_COPY = 32; // as in the queue: longs up to this, MemorySegment.copy from here

    @SuppressWarnings("restricted")
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();
    private static final ValueLayout.OfLong UNALIGNED = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final VarHandle LONG_OF_BYTES = MethodHandles
            .byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder()).withInvokeExactBehavior();

    /// Payload of a record in bytes, a multiple of 8.
    @Param({"16", "64", "256", "1024"})
    public int bytes;

    private Arena arena;
    private MemorySegment ring;
    private byte[] message;
    private byte[] target;
    private long position;

    @Setup
    public void open() {
        arena = Arena.ofShared();
        ring = arena.allocate(RING_BYTES, 4096);
        message = new byte[bytes];
        target = new byte[bytes];
    }

    @TearDown
    public void close() {
        arena.close();
    }

    @Benchmark
    public byte bounded() {
        long at = next();
        write(ring, at);
        read(ring, at);
        return target[0];
    }

    @Benchmark
    public byte wholeAddressSpace() {
        long at = ring.address() + next();
        write(ALL, at);
        read(ALL, at);
        return target[0];
    }

    /// The offset of the next record; no record crosses the ring's end.
    private long next() {
        long record = Long.BYTES + bytes;
        long at = position;
        position = at + 2 * record + Long.BYTES > RING_BYTES ? 0 : at + record;
        return at;
    }

    private void write(MemorySegment m, long at) {
        if (bytes > SHORT_COPY) {
            MemorySegment.copy(message, 0, m, BYTE, at + Long.BYTES, bytes);
        } else {
            for (int i = 0; i < bytes; i += Long.BYTES) {
                m.set(UNALIGNED, at + Long.BYTES + i, (long) LONG_OF_BYTES.get(message, i));
            }
        }
        LONG.set(m, at + Long.BYTES + bytes, 0L);
        LONG.setRelease(m, at, (long) bytes);
    }

    private void read(MemorySegment m, long at) {
        int length = (int) (long) LONG.getVolatile(m, at);
        if (length > SHORT_COPY) {
            MemorySegment.copy(m, BYTE, at + Long.BYTES, target, 0, length);
        } else {
            for (int i = 0; i < length; i += Long.BYTES) {
                LONG_OF_BYTES.set(target, i, m.get(UNALIGNED, at + Long.BYTES + i));
            }
        }
    }
}
