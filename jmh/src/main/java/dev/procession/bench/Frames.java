package dev.procession.bench;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;

/// Messages in a stream of bytes, each behind its length, an int: one write for each of them; a read takes as much as
/// is there.
final class Frames {
    static final int HEADER_BYTES = Integer.BYTES;

    private static final int BUFFER_BYTES = 256 << 10;

    private final ReadableByteChannel from;
    private final Payload.Check check;
    private final ByteBuffer buffer; // what was read and not taken yet

    Frames(ReadableByteChannel from, Work work, Payload.Check check) {
        this.from = from;
        this.check = check;
        buffer = direct(Math.max(BUFFER_BYTES, 2 * (HEADER_BYTES + work.bytes()))).flip();
    }

    static Transport.Sender sender(WritableByteChannel to, Payload payload) {
        byte[] message = payload.message();
        ByteBuffer frame = direct(HEADER_BYTES + message.length);
        return () -> {
            frame.clear().putInt(message.length).put(message).flip();
            try {
                while (frame.hasRemaining()) {
                    to.write(frame);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return true;
        };
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    /// Whether a message is here that was read as a whole.
    boolean hasWhole() {
        return buffer.remaining() >= HEADER_BYTES
                && buffer.remaining() - HEADER_BYTES >= buffer.getInt(buffer.position());
    }

    /// One read.
    void read() {
        buffer.compact();
        try {
            if (from.read(buffer) < 0) throw new EOFException("the sender has closed its end");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            buffer.flip();
        }
    }

    /// Shows up to `limit` messages that are here. Returns how many.
    int take(int limit) {
        int taken = 0;
        while (taken < limit && hasWhole()) {
            int length = buffer.getInt();
            show(buffer.position(), length);
            buffer.position(buffer.position() + length);
            taken++;
        }
        return taken;
    }

    private void show(int start, int length) {
        long first = buffer.getLong(start);
        check.first(first, length);
        int last = start + length - Long.BYTES;
        for (int at = start + Payload.LINE; at < last; at += Payload.LINE) {
            check.line(buffer.getLong(at));
        }
        check.last(first, buffer.getLong(last));
    }
}
