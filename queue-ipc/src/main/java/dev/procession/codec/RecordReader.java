package dev.procession.codec;

import dev.procession.core.Message;
import java.io.IOException;
import java.io.StreamCorruptedException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Reads a message from front to back and checks that there are as many bytes as are asked for.
final class RecordReader {
    private final Message message;
    private final Class<?> type;
    private int next; // the index of the first byte not yet read, 0..message.length()

    RecordReader(Message message, Class<?> type) {
        this.message = message;
        this.type = type;
    }

    int remaining() {
        return message.length() - next;
    }

    boolean bool() throws IOException {
        return int8() != 0;
    }

    byte int8() throws IOException {
        return message.getByte(take(1));
    }

    short int16() throws IOException {
        int start = take(2);
        return (short) (message.getByte(start) & 0xff | message.getByte(start + 1) << 8);
    }

    int int32() throws IOException {
        return message.getInt(take(4));
    }

    long int64() throws IOException {
        return message.getLong(take(8));
    }

    float float32() throws IOException {
        return Float.intBitsToFloat(int32());
    }

    double float64() throws IOException {
        return message.getDouble(take(8));
    }

    byte @Nullable [] bytes() throws IOException {
        int n = count(1);
        if (n < 0) return null;
        byte[] bytes = new byte[n];
        message.getBytes(take(n), bytes, 0, n);
        return bytes;
    }

    void copyTo(MemorySegment array, int count, int elementBytes) throws IOException {
        message.getBytes(take(count * elementBytes), array, 0, (long) count * elementBytes);
    }

    /// How many elements follow, -1 for null. Not more than there can be bytes for, so that a forged count
    /// allocates nothing.
    int count(int elementBytes) throws IOException {
        int n = varint() - 1;
        if (n > remaining() / elementBytes) {
            throw corrupted("announces " + n + " elements where " + remaining() + " bytes are left");
        }
        return n;
    }

    /// 0..Integer.MAX_VALUE
    int varint() throws IOException {
        int value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            byte b = int8();
            value |= (b & 0x7f) << shift;
            if (b >= 0) {
                if (value < 0 || shift == 28 && b > 7) break;
                return value;
            }
        }
        throw corrupted("has a count that is out of range");
    }

    StreamCorruptedException corrupted(String what) {
        return new StreamCorruptedException("the message is no " + type.getName() + ": length=" + message.length()
                + " bytes, at index=" + next + " it " + what);
    }

    private int take(int bytes) throws IOException {
        int start = next;
        if (bytes > message.length() - start) throw corrupted("ends where " + bytes + " bytes more are needed");
        next = start + bytes;
        return start;
    }
}
