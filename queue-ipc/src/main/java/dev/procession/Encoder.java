package dev.procession;

import dev.procession.codec.GrowingBuffer;
import java.io.OutputStream;

/// The buffer into which a [Codec] writes the bytes of one message. It grows as needed and is used again for the
/// next message, so encoding a number allocates nothing.
///
/// {@snippet file="ExamplesTest.java" region="encode"}
///
/// Values are in the machine's own byte order, as a [Decoder] reads them; they need no alignment.
/// When a value does not fit below the maximum length, nothing of it is appended.
///
/// An encoder is for one thread at a time.
public final class Encoder {
    final GrowingBuffer buffer;

    /// Makes an empty encoder, for a codec that is tried out without a queue.
    ///
    /// {@snippet file="ExamplesTest.java" region="try-codec"}
    ///
    /// @param maxLength the longest message that this encoder takes, in bytes, 0 or more
    /// @throws IllegalArgumentException if `maxLength` is negative
    public Encoder(int maxLength) {
        this(maxLength, "the message");
    }

    /// @param what it encodes, for error messages
    Encoder(int maxLength, String what) {
        buffer = new Buffer(maxLength, what);
    }

    /// Appends one byte.
    ///
    /// @param value the byte
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putByte(byte value) {
        buffer.putByte(value);
    }

    /// Appends an int, 4 bytes.
    ///
    /// @param value the int
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putInt(int value) {
        buffer.putInt(value);
    }

    /// Appends a long, 8 bytes.
    ///
    /// @param value the long
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putLong(long value) {
        buffer.putLong(value);
    }

    /// Appends a double, 8 bytes; every bit pattern of a NaN is kept.
    ///
    /// @param value the double
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putDouble(double value) {
        buffer.putDouble(value);
    }

    /// Appends an array, without its length.
    ///
    /// @param from all of it is appended
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putBytes(byte[] from) {
        buffer.putBytes(from);
    }

    /// Appends a part of an array.
    ///
    /// @param from   the array
    /// @param start  the index of the first byte
    /// @param length how many bytes
    /// @throws IndexOutOfBoundsException if the part is not inside the array
    /// @throws MessageTooLargeException  if the message would be longer than this encoder takes
    public void putBytes(byte[] from, int start, int length) {
        buffer.putBytes(from, start, length);
    }

    /// Appends a part of an array, 4 bytes an element, in bulk.
    ///
    /// @param from  the array
    /// @param start the index of the first element
    /// @param count how many elements
    /// @throws IndexOutOfBoundsException if the part is not inside the array
    /// @throws MessageTooLargeException  if the message would be longer than this encoder takes
    public void putInts(int[] from, int start, int count) {
        buffer.putInts(from, start, count);
    }

    /// Appends a part of an array, 8 bytes an element, in bulk.
    ///
    /// @param from  the array
    /// @param start the index of the first element
    /// @param count how many elements
    /// @throws IndexOutOfBoundsException if the part is not inside the array
    /// @throws MessageTooLargeException  if the message would be longer than this encoder takes
    public void putLongs(long[] from, int start, int count) {
        buffer.putLongs(from, start, count);
    }

    /// Appends a part of an array, 4 bytes an element, in bulk; every NaN is kept.
    ///
    /// @param from  the array
    /// @param start the index of the first element
    /// @param count how many elements
    /// @throws IndexOutOfBoundsException if the part is not inside the array
    /// @throws MessageTooLargeException  if the message would be longer than this encoder takes
    public void putFloats(float[] from, int start, int count) {
        buffer.putFloats(from, start, count);
    }

    /// Appends a part of an array, 8 bytes an element, in bulk; every NaN is kept.
    ///
    /// @param from  the array
    /// @param start the index of the first element
    /// @param count how many elements
    /// @throws IndexOutOfBoundsException if the part is not inside the array
    /// @throws MessageTooLargeException  if the message would be longer than this encoder takes
    public void putDoubles(double[] from, int start, int count) {
        buffer.putDoubles(from, start, count);
    }

    /// Appends a string as UTF-8, without its length.
    ///
    /// @param value the string
    /// @throws IllegalArgumentException if the string has half of a surrogate pair, which UTF-8 cannot express
    /// @throws MessageTooLargeException if the message would be longer than this encoder takes
    public void putUtf8(String value) {
        buffer.putUtf8(value);
    }

    /// A view of this encoder for code that writes to streams. It is the same object at every call; writing to it
    /// appends here, flushing and closing it do nothing.
    ///
    /// @return the view
    public OutputStream asOutputStream() {
        return buffer.asOutputStream();
    }

    /// The buffer itself, not a copy: valid until the next value is appended. The message is at index 0 to
    /// [#length()].
    ///
    /// @return the buffer
    public byte[] array() {
        return buffer.array();
    }

    /// Returns the length of the message so far.
    ///
    /// @return the length in bytes
    public int length() {
        return buffer.length();
    }

    /// Forgets what was written; the buffer stays as large as it is.
    public void reset() {
        buffer.reset();
    }

    @Override
    public String toString() {
        return buffer.toString();
    }

    private static final class Buffer extends GrowingBuffer {
        private final String what;

        Buffer(int maxLength, String what) {
            super(maxLength);
            this.what = what;
        }

        @Override
        protected MessageTooLargeException tooLarge(String message, long length) {
            return new MessageTooLargeException(what + " is too large: " + message, length);
        }
    }
}
