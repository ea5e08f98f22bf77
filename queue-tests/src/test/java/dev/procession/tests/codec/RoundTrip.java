package dev.procession.tests.codec;

import dev.procession.Codec;
import dev.procession.Decoder;
import dev.procession.Encoder;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.Arrays;

/// What a queue does with a codec, without the queue.
final class RoundTrip {
    static final int MAX_BYTES = 1 << 20;

    private RoundTrip() {
    }

    static <E> byte[] encode(Codec<E> codec, E value) throws IOException {
        Encoder encoder = new Encoder(MAX_BYTES);
        codec.encode(value, encoder);
        return Arrays.copyOf(encoder.array(), encoder.length());
    }

    static <E> E decode(Codec<E> codec, byte... bytes) throws IOException {
        return codec.decode(new Decoder(bytes));
    }

    static <E> E through(Codec<E> codec, E value) throws IOException {
        return decode(codec, encode(codec, value));
    }

    /// The codec as another process gets it that runs a task in which it was captured.
    @SuppressWarnings("unchecked")
    static <E> Codec<E> sent(Codec<E> codec) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(codec);
        }
        return (Codec<E>) new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray())).readObject();
    }
}
