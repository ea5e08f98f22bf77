package dev.procession;

import dev.procession.codec.BasicFormats;
import dev.procession.core.Message;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// The bytes of one message, from which a [Codec] makes an item: what its [Encoder] has written. Every access is
/// checked against the message's length.
///
/// {@snippet file="ExamplesTest.java" region="decode"}
///
/// It is used again for the next message, so decoding a number allocates nothing; it is valid during the call of the
/// codec only, and empty afterwards. Values are in the machine's own byte order, as an encoder puts them; they need no
/// alignment. The bytes may be in shared memory: a faulty process could change them while they are read, so parse a
/// [copy][#toBytes()] if those that put are not trusted.
///
/// A decoder is for one thread at a time.
public final class Decoder {
    final Message message;

    /// Makes a decoder of a copy of these bytes, which stays valid: for a codec that is tried out without a queue.
    ///
    /// {@snippet file="ExamplesTest.java" region="try-codec"}
    ///
    /// @param bytes the message
    public Decoder(byte[] bytes) {
        this(Message.copyOf(bytes));
    }

    Decoder(Message message) {
        this.message = message;
    }

    /// Returns the length of the message.
    ///
    /// @return the length in bytes, 0 or more
    public int length() {
        return message.length();
    }

    /// Returns one byte.
    ///
    /// @param index from 0 to `length() - 1`
    /// @return the byte there
    /// @throws IndexOutOfBoundsException if it is not inside the message
    public byte getByte(int index) {
        return message.getByte(index);
    }

    /// Returns an int.
    ///
    /// @param index of its first byte, from 0 to `length() - 4`
    /// @return the int there
    /// @throws IndexOutOfBoundsException if it is not inside the message
    public int getInt(int index) {
        return message.getInt(index);
    }

    /// Returns a long.
    ///
    /// @param index of its first byte, from 0 to `length() - 8`
    /// @return the long there
    /// @throws IndexOutOfBoundsException if it is not inside the message
    public long getLong(int index) {
        return message.getLong(index);
    }

    /// Returns a double.
    ///
    /// @param index of its first byte, from 0 to `length() - 8`
    /// @return the double there
    /// @throws IndexOutOfBoundsException if it is not inside the message
    public double getDouble(int index) {
        return message.getDouble(index);
    }

    /// Copies bytes out.
    ///
    /// @param index of the first byte in the message
    /// @param to where the bytes go
    /// @param start index of the first in `to`
    /// @param count how many
    /// @throws IndexOutOfBoundsException if they are not inside the message or the array
    public void getBytes(int index, byte[] to, int start, int count) {
        message.getBytes(index, to, start, count);
    }

    /// Copies ints out, 4 bytes each, in bulk.
    ///
    /// @param index of the first byte in the message
    /// @param to where the ints go
    /// @param start index of the first in `to`
    /// @param count how many ints
    /// @throws IndexOutOfBoundsException if they are not inside the message or the array; nothing was copied
    public void getInts(int index, int[] to, int start, int count) {
        Objects.checkFromIndexSize(start, count, to.length);
        message.getBytes(index, MemorySegment.ofArray(to), (long) start * Integer.BYTES, (long) count * Integer.BYTES);
    }

    /// Copies longs out, 8 bytes each, in bulk.
    ///
    /// @param index of the first byte in the message
    /// @param to where the longs go
    /// @param start index of the first in `to`
    /// @param count how many longs
    /// @throws IndexOutOfBoundsException if they are not inside the message or the array; nothing was copied
    public void getLongs(int index, long[] to, int start, int count) {
        Objects.checkFromIndexSize(start, count, to.length);
        message.getBytes(index, MemorySegment.ofArray(to), (long) start * Long.BYTES, (long) count * Long.BYTES);
    }

    /// Copies floats out, 4 bytes each, in bulk.
    ///
    /// @param index of the first byte in the message
    /// @param to where the floats go
    /// @param start index of the first in `to`
    /// @param count how many floats
    /// @throws IndexOutOfBoundsException if they are not inside the message or the array; nothing was copied
    public void getFloats(int index, float[] to, int start, int count) {
        Objects.checkFromIndexSize(start, count, to.length);
        message.getBytes(index, MemorySegment.ofArray(to), (long) start * Float.BYTES, (long) count * Float.BYTES);
    }

    /// Copies doubles out, 8 bytes each, in bulk.
    ///
    /// @param index of the first byte in the message
    /// @param to where the doubles go
    /// @param start index of the first in `to`
    /// @param count how many doubles
    /// @throws IndexOutOfBoundsException if they are not inside the message or the array; nothing was copied
    public void getDoubles(int index, double[] to, int start, int count) {
        Objects.checkFromIndexSize(start, count, to.length);
        message.getBytes(index, MemorySegment.ofArray(to), (long) start * Double.BYTES, (long) count * Double.BYTES);
    }

    /// Returns a string that was put as UTF-8.
    ///
    /// @param index of its first byte
    /// @param count how many bytes it has
    /// @return the string
    /// @throws IndexOutOfBoundsException if they are not inside the message
    /// @throws IOException if they are not UTF-8
    public String getUtf8(int index, int count) throws IOException {
        Objects.checkFromIndexSize(index, count, length()); // before there is an array
        byte[] utf8 = new byte[count];
        message.getBytes(index, utf8, 0, count);
        return BasicFormats.stringOf(utf8);
    }

    /// Copies the whole message into a new array.
    ///
    /// @return the bytes
    public byte[] toBytes() {
        return message.toBytes();
    }

    @Override
    public String toString() {
        return "Decoder(length=" + length() + ")";
    }
}
