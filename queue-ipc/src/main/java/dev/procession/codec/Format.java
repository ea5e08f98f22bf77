package dev.procession.codec;

import dev.procession.core.Message;
import java.io.IOException;
import java.io.Serializable;

/// A byte format of items: what a codec of the library is inside. It is equal to every other of the same bytes, may be
/// used by any number of threads at once, and is serializable, because a codec that a task captures takes it along.
///
/// @param <E> the class of the items
public interface Format<E> extends Serializable {
    /// The codec's name.
    String name();

    /// @throws IllegalArgumentException if the item cannot be encoded
    void encode(E value, GrowingBuffer to);

    /// @throws IOException if these bytes are not an item in this format
    E decode(Message from) throws IOException;
}
