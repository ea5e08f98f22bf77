package dev.procession.codec;

import dev.procession.core.MessageTooLargeException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

/// The buffer into which a [Format] writes the bytes of one message. It grows as needed and is used again for the next
/// one, so encoding a number allocates nothing. `dev.procession.Encoder` is this to users, and documents it.
public abstract class GrowingBuffer {
    private static final VarHandle INT = view(int[].class);
    private static final VarHandle LONG = view(long[].class);
    private static final VarHandle DOUBLE = view(double[].class);

    private static final int FIRST_CAPACITY = 64;

    private byte[] bytes;
    private int length; // 0..maxLength, the bytes written so far
    private final int maxLength;
    private final OutputStream stream = new Stream();

    protected GrowingBuffer(int maxLength) {
        if (maxLength < 0) throw new IllegalArgumentException("maxLength=" + maxLength + " bytes: must be 0 or more");
        this.maxLength = maxLength;
        this.bytes = new byte[Math.min(FIRST_CAPACITY, maxLength)];
    }

    public void putByte(byte value) {
        int start = extend(1);
        bytes[start] = value;
    }

    public void putInt(int value) {
        int start = extend(Integer.BYTES);
        INT.set(bytes, start, value);
    }

    public void putLong(long value) {
        int start = extend(Long.BYTES);
        LONG.set(bytes, start, value);
    }

    public void putDouble(double value) {
        int start = extend(Double.BYTES);
        DOUBLE.set(bytes, start, value);
    }

    public void putBytes(byte[] from) {
        putBytes(from, 0, from.length);
    }

    public void putBytes(byte[] from, int start, int length) {
        Objects.checkFromIndexSize(start, length, from.length);
        int end = extend(length);
        System.arraycopy(from, start, bytes, end, length);
    }

    public void putInts(int[] from, int start, int count) {
        Objects.checkFromIndexSize(start, count, from.length);
        putArray(MemorySegment.ofArray(from), start, count, Integer.BYTES);
    }

    public void putLongs(long[] from, int start, int count) {
        Objects.checkFromIndexSize(start, count, from.length);
        putArray(MemorySegment.ofArray(from), start, count, Long.BYTES);
    }

    public void putFloats(float[] from, int start, int count) {
        Objects.checkFromIndexSize(start, count, from.length);
        putArray(MemorySegment.ofArray(from), start, count, Float.BYTES);
    }

    public void putDoubles(double[] from, int start, int count) {
        Objects.checkFromIndexSize(start, count, from.length);
        putArray(MemorySegment.ofArray(from), start, count, Double.BYTES);
    }

    void putArray(MemorySegment from, int start, int count, int elementBytes) {
        long size = (long) count * elementBytes;
        int end = extend(size);
        MemorySegment.copy(from, (long) start * elementBytes, MemorySegment.ofArray(bytes), end, size);
    }

    public void putUtf8(String value) {
        putBytes(utf8(value));
    }

    public OutputStream asOutputStream() {
        return stream;
    }

    public byte[] array() {
        return bytes;
    }

    public int length() {
        return length;
    }

    public void reset() {
        length = 0;
    }

    @Override
    public String toString() {
        return "Encoder(length=" + length + ", maxLength=" + maxLength + ")";
    }

    /// The string as UTF-8. `getBytes` is by far the fastest way, but turns a lone surrogate into a question mark
    /// without telling; so where there is a question mark, the string is looked at.
    static byte[] utf8(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        if (hasQuestionMark(utf8)) requirePairedSurrogates(value);
        return utf8;
    }

    /// Eight bytes at a time: the usual search for a zero byte in a word, after an exclusive or.
    private static boolean hasQuestionMark(byte[] utf8) {
        int i = 0;
        for (; i <= utf8.length - Long.BYTES; i += Long.BYTES) {
            long word = (long) LONG.get(utf8, i) ^ 0x3f3f_3f3f_3f3f_3f3fL;
            if ((word - 0x0101_0101_0101_0101L & ~word & 0x8080_8080_8080_8080L) != 0) return true;
        }
        for (; i < utf8.length; i++) {
            if (utf8[i] == '?') return true;
        }
        return false;
    }

    private static void requirePairedSurrogates(String value) {
        for (int i = 0; i < value.length(); i++) {
            if (Character.isSurrogate(value.charAt(i))) {
                if (i + 1 == value.length() || !Character.isSurrogatePair(value.charAt(i), value.charAt(i + 1))) {
                    throw new IllegalArgumentException("the char " + Integer.toHexString(value.charAt(i))
                            + " at index=" + i + " of a string of length=" + value.length()
                            + " is half of a surrogate pair: UTF-8 has no code for it");
                }
                i++;
            }
        }
    }

    /// Makes room and returns the index at which the new bytes start.
    private int extend(long more) {
        int start = length;
        if (more > bytes.length - start) grow(more);
        length = start + (int) more;
        return start;
    }

    private void grow(long more) {
        long needed = length + more;
        if (needed > maxLength) {
            throw tooLarge("length=" + needed + " bytes or more, maxLength=" + maxLength, needed);
        }
        bytes = Arrays.copyOf(bytes, (int) Math.min(maxLength, Math.max(needed, 2L * bytes.length)));
    }

    /// What is thrown if a message is too large, whose length is this or more.
    protected abstract MessageTooLargeException tooLarge(String message, long length);

    private static VarHandle view(Class<?> arrayType) {
        return MethodHandles.byteArrayViewVarHandle(arrayType, ByteOrder.nativeOrder()).withInvokeExactBehavior();
    }

    private final class Stream extends OutputStream {
        @Override
        public void write(int value) {
            putByte((byte) value);
        }

        @Override
        public void write(byte[] from, int start, int length) {
            putBytes(from, start, length);
        }
    }
}
