package dev.procession;

import dev.procession.core.MessageTooLargeException;
import java.io.OutputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

/// The buffer into which a [Codec] writes the bytes of one message. It grows as needed and is used again for the
/// next message, so encoding a number allocates nothing.
///
/// Values are in the machine's own byte order, as [dev.procession.core.Message] reads them; they need no alignment.
/// When a value does not fit below the maximum length, nothing of it is appended.
///
/// An encoder is for one thread at a time.
public final class Encoder {
    private static final VarHandle INT = view(int[].class);
    private static final VarHandle LONG = view(long[].class);
    private static final VarHandle DOUBLE = view(double[].class);

    private static final int FIRST_CAPACITY = 64;

    private byte[] bytes;
    private int length; // 0..maxLength, the bytes written so far
    private final int maxLength;
    private final OutputStream stream = new Stream();

    /// Makes an empty encoder.
    ///
    /// @param maxLength the longest message that this encoder takes, in bytes, 0 or more
    /// @throws IllegalArgumentException if `maxLength` is negative
    public Encoder(int maxLength) {
        if (maxLength < 0) {
            throw new IllegalArgumentException("maxLength=" + maxLength + " bytes: must be 0 or more");
        }
        this.maxLength = maxLength;
        this.bytes = new byte[Math.min(FIRST_CAPACITY, maxLength)];
    }

    /// Appends one byte.
    ///
    /// @param value the byte
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putByte(byte value) {
        int start = extend(1);
        bytes[start] = value;
    }

    /// Appends an int, 4 bytes.
    ///
    /// @param value the int
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putInt(int value) {
        int start = extend(Integer.BYTES);
        INT.set(bytes, start, value);
    }

    /// Appends a long, 8 bytes.
    ///
    /// @param value the long
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putLong(long value) {
        int start = extend(Long.BYTES);
        LONG.set(bytes, start, value);
    }

    /// Appends a double, 8 bytes; every bit pattern of a NaN is kept.
    ///
    /// @param value the double
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putDouble(double value) {
        int start = extend(Double.BYTES);
        DOUBLE.set(bytes, start, value);
    }

    /// Appends an array, without its length.
    ///
    /// @param from all of it is appended
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putBytes(byte[] from) {
        putBytes(from, 0, from.length);
    }

    /// Appends a part of an array.
    ///
    /// @param from   the array
    /// @param start  the index of the first byte
    /// @param length how many bytes
    /// @throws IndexOutOfBoundsException if the part is not inside the array
    /// @throws MessageTooLargeException  if the message would be longer than this encoder takes
    public void putBytes(byte[] from, int start, int length) {
        Objects.checkFromIndexSize(start, length, from.length);
        int end = extend(length);
        System.arraycopy(from, start, bytes, end, length);
    }

    /// Appends a string as UTF-8, without its length.
    ///
    /// @param value the string
    /// @throws IllegalArgumentException if the string has half of a surrogate pair, which UTF-8 cannot express
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putUtf8(String value) {
        putBytes(utf8(value));
    }

    /// A view of this encoder for whoever writes to streams. It is the same object at every call; writing to it
    /// appends here, flushing and closing it do nothing.
    ///
    /// @return the view
    public OutputStream asOutputStream() {
        return stream;
    }

    /// The buffer itself, not a copy: valid until the next value is appended. The message is at index 0 to
    /// [#length()].
    ///
    /// @return the buffer
    public byte[] array() {
        return bytes;
    }

    /// Returns the length of the message so far.
    ///
    /// @return the length in bytes
    public int length() {
        return length;
    }

    /// Forgets what was written; the buffer stays as large as it is.
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
        if (hasQuestionMark(utf8)) {
            requirePairedSurrogates(value);
        }
        return utf8;
    }

    /// Eight bytes at a time: the usual search for a zero byte in a word, after an exclusive or.
    private static boolean hasQuestionMark(byte[] utf8) {
        int i = 0;
        for (; i <= utf8.length - Long.BYTES; i += Long.BYTES) {
            long word = (long) LONG.get(utf8, i) ^ 0x3f3f_3f3f_3f3f_3f3fL;
            if ((word - 0x0101_0101_0101_0101L & ~word & 0x8080_8080_8080_8080L) != 0) {
                return true;
            }
        }
        for (; i < utf8.length; i++) {
            if (utf8[i] == '?') {
                return true;
            }
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
    private int extend(int more) {
        int start = length;
        if (more > bytes.length - start) {
            grow(more);
        }
        length = start + more;
        return start;
    }

    private void grow(int more) {
        long needed = (long) length + more;
        if (needed > maxLength) {
            throw new MessageTooLargeException("the message is too large: length=" + needed
                    + " bytes or more, maxLength=" + maxLength, needed);
        }
        bytes = Arrays.copyOf(bytes, (int) Math.min(maxLength, Math.max(needed, 2L * bytes.length)));
    }

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
