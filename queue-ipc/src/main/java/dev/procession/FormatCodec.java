package dev.procession;

import dev.procession.codec.Format;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// A format of the library as a codec: equal to every other of the same format, and called as that is.
final class FormatCodec<E> implements Codec<E> {
    private static final long serialVersionUID = 1;

    final Format<E> format;

    FormatCodec(Format<E> format) {
        this.format = format;
    }

    @Override
    public String name() {
        return format.name();
    }

    @Override
    public void encode(E value, Encoder to) {
        format.encode(value, to.buffer);
    }

    @Override
    public E decode(Decoder from) throws IOException {
        return format.decode(from.message);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof FormatCodec<?> codec && codec.format.equals(format);
    }

    @Override
    public int hashCode() {
        return format.hashCode();
    }

    @Override
    public String toString() {
        return format.toString();
    }
}
