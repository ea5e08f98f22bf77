package dev.procession.core;

import dev.procession.core.os.Os;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The only class that accesses shared memory. The memory order of each access is in its name.
///
/// Bounds: bounds checks on every access halve the throughput of small messages. So where the platform allows it,
/// accesses go through one segment that spans the address space, and `at` is an address; each caller derives it from a
/// masked position and a checked length, within a mapping that it keeps reachable. Otherwise `at` is an offset into the
/// mapping. [base] is the difference.
///
/// Order between processes is HotSpot's promise, not the Java memory model's: each access mode compiles to the same
/// instructions whether the other side is a thread of this JVM or of another one.
final class SharedMemory {
    private static final boolean WHOLE =
            Os.CURRENT.mayUseAddresses() && !Os.isSetTo("dev.procession.bounds", "checked", "unchecked");
    @SuppressWarnings("restricted")
    private static final MemorySegment ALL =
            WHOLE ? MemorySegment.NULL.reinterpret(Long.MAX_VALUE) : MemorySegment.NULL;

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle().withInvokeExactBehavior();
    private static final ValueLayout.OfLong UNALIGNED_LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final VarHandle LONG_OF_BYTES = MethodHandles.byteArrayViewVarHandle(
            long[].class, ByteOrder.nativeOrder())
            .withInvokeExactBehavior();

    /// Copies of up to this many bytes are done by longs: cheaper than a call.
    private static final int SHORT_COPY = 64;

    /// Upper bound of every address and offset. Masking each access with it lets the compiler drop the bounds and
    /// alignment checks: a fifth of the instructions of a put and a get.
    private static final long BELOW = (1L << 56) - 1;
    private static final long ALIGNED = BELOW & -Long.BYTES;
    private static final long ALIGNED_INT = BELOW & -Integer.BYTES;

    private SharedMemory() {}

    private static MemorySegment in(MemorySegment mapping) {
        return WHOLE ? ALL : mapping;
    }

    static long base(MemorySegment mapping) {
        return WHOLE ? mapping.address() : 0;
    }

    static long getPlain(MemorySegment m, long at) {
        return (long) LONG.get(in(m), at & ALIGNED);
    }

    static void setPlain(MemorySegment m, long at, long value) {
        LONG.set(in(m), at & ALIGNED, value);
    }

    static long getOpaque(MemorySegment m, long at) {
        return (long) LONG.getOpaque(in(m), at & ALIGNED);
    }

    static long getVolatile(MemorySegment m, long at) {
        return (long) LONG.getVolatile(in(m), at & ALIGNED);
    }

    static void setRelease(MemorySegment m, long at, long value) {
        LONG.setRelease(in(m), at & ALIGNED, value);
    }

    /// Stores back the current value, only for a word that no other thread writes: makes the cache line exclusive to
    /// this core.
    static void rewrite(MemorySegment m, long at) {
        long there = (long) LONG.getOpaque(in(m), at & ALIGNED);
        LONG.setOpaque(in(m), at & ALIGNED, there); // opaque: a plain store would be optimized away
    }

    static long getAndAdd(MemorySegment m, long at, long delta) {
        return (long) LONG.getAndAdd(in(m), at & ALIGNED, delta);
    }

    static long getAndBitwiseOr(MemorySegment m, long at, long bits) {
        return (long) LONG.getAndBitwiseOr(in(m), at & ALIGNED, bits);
    }

    static long getAndBitwiseAnd(MemorySegment m, long at, long bits) {
        return (long) LONG.getAndBitwiseAnd(in(m), at & ALIGNED, bits);
    }

    static boolean compareAndSet(MemorySegment m, long at, long expected, long value) {
        return LONG.compareAndSet(in(m), at & ALIGNED, expected, value);
    }

    /// Orders everything before it against everything after it.
    static void fullFence() {
        VarHandle.fullFence();
    }

    /// Orders reads before it against everything after it.
    static void acquireFence() {
        VarHandle.acquireFence();
    }

    static int getIntVolatile(MemorySegment m, long at) {
        return (int) INT.getVolatile(in(m), at & ALIGNED_INT);
    }

    static void getAndAddInt(MemorySegment m, long at, int delta) {
        int before = (int) INT.getAndAdd(in(m), at & ALIGNED_INT, delta);
    }

    static void copyIn(byte[] from, int start, MemorySegment m, long unmasked, int length) {
        final long at = unmasked & BELOW; // what is added below leaves it in range, as the compiler knows
        if (length > SHORT_COPY) {
            MemorySegment.copy(from, start, in(m), BYTE, at, length);
        } else if (length >= Long.BYTES) { // longs from both ends, which may overlap
            int last = length - Long.BYTES;
            copyLongIn(from, start, m, at, 0);
            if (length > 2 * Long.BYTES) {
                copyLongIn(from, start, m, at, Long.BYTES);
                copyLongIn(from, start, m, at, last - Long.BYTES);
                if (length > 4 * Long.BYTES) {
                    copyLongIn(from, start, m, at, 2 * Long.BYTES);
                    copyLongIn(from, start, m, at, 3 * Long.BYTES);
                    copyLongIn(from, start, m, at, last - 3 * Long.BYTES);
                    copyLongIn(from, start, m, at, last - 2 * Long.BYTES);
                }
            }
            copyLongIn(from, start, m, at, last);
        } else {
            for (int i = 0; i < length; i++) in(m).set(BYTE, at + i, from[start + i]);
        }
    }

    private static void copyLongIn(byte[] from, int start, MemorySegment m, long at, int i) {
        in(m).set(UNALIGNED_LONG, at + i, (long) LONG_OF_BYTES.get(from, start + i));
    }

    static void copyOut(MemorySegment m, long unmasked, byte[] to, int start, int length) {
        final long at = unmasked & BELOW;
        if (length > SHORT_COPY) {
            MemorySegment.copy(in(m), BYTE, at, to, start, length);
        } else if (length >= Long.BYTES) {
            int last = length - Long.BYTES;
            copyLongOut(m, at, to, start, 0);
            if (length > 2 * Long.BYTES) {
                copyLongOut(m, at, to, start, Long.BYTES);
                copyLongOut(m, at, to, start, last - Long.BYTES);
                if (length > 4 * Long.BYTES) {
                    copyLongOut(m, at, to, start, 2 * Long.BYTES);
                    copyLongOut(m, at, to, start, 3 * Long.BYTES);
                    copyLongOut(m, at, to, start, last - 3 * Long.BYTES);
                    copyLongOut(m, at, to, start, last - 2 * Long.BYTES);
                }
            }
            copyLongOut(m, at, to, start, last);
        } else {
            for (int i = 0; i < length; i++) to[start + i] = in(m).get(BYTE, at + i);
        }
    }

    private static void copyLongOut(MemorySegment m, long at, byte[] to, int start, int i) {
        LONG_OF_BYTES.set(to, start + i, in(m).get(UNALIGNED_LONG, at + i));
    }

    /// Copies between mappings, or to and from private memory.
    static void copy(MemorySegment from, long fromAddress, MemorySegment to, long toAddress, long bytes) {
        if (bytes > 4 * Long.BYTES) {
            MemorySegment.copy(in(from), fromAddress, in(to), toAddress, bytes);
        } else if (bytes > 0) { // rounds up to a whole long, into the padding
            copyLong(from, fromAddress, to, toAddress);
            if (bytes > Long.BYTES) copyLong(from, fromAddress + Long.BYTES, to, toAddress + Long.BYTES);
            if (bytes > 2 * Long.BYTES) copyLong(from, fromAddress + 2 * Long.BYTES, to, toAddress + 2 * Long.BYTES);
            if (bytes > 3 * Long.BYTES) copyLong(from, fromAddress + 3 * Long.BYTES, to, toAddress + 3 * Long.BYTES);
        }
    }

    private static void copyLong(MemorySegment from, long fromAddress, MemorySegment to, long toAddress) {
        in(to).set(UNALIGNED_LONG, toAddress & BELOW, in(from).get(UNALIGNED_LONG, fromAddress & BELOW));
    }

    /// Copies from a segment of the caller's, with that segment's own checks.
    static void copyIn(MemorySegment from, long fromOffset, MemorySegment m, long at, long bytes) {
        MemorySegment.copy(from, fromOffset, in(m), at, bytes);
    }

    /// Copies to a segment of the caller's, with that segment's own checks.
    static void copyOut(MemorySegment m, long at, MemorySegment to, long toOffset, long bytes) {
        MemorySegment.copy(in(m), at, to, toOffset, bytes);
    }

    static byte getByte(MemorySegment m, long at) {
        return in(m).get(BYTE, at & BELOW);
    }

    static int getInt(MemorySegment m, long at) {
        return in(m).get(ValueLayout.JAVA_INT_UNALIGNED, at & BELOW);
    }

    static long getLong(MemorySegment m, long at) {
        return in(m).get(UNALIGNED_LONG, at & BELOW);
    }

    static void setByte(MemorySegment m, long at, byte value) {
        in(m).set(BYTE, at & BELOW, value);
    }

    static void setInt(MemorySegment m, long at, int value) {
        in(m).set(ValueLayout.JAVA_INT_UNALIGNED, at & BELOW, value);
    }

    static void setLong(MemorySegment m, long at, long value) {
        in(m).set(UNALIGNED_LONG, at & BELOW, value);
    }
}
