package dev.procession;

import dev.procession.core.Delivery;
import dev.procession.core.QueueException;
import java.io.InvalidObjectException;
import java.io.Serializable;
import java.net.URI;
import java.nio.file.Path;

/// What a handle is outside of its process.
record QueueAddress<E>(String path, Codec<E> codec, Delivery delivery) implements Serializable {
    private Object readResolve() throws InvalidObjectException {
        try {
            return SharedQueue.open(pathOf(path), codec, delivery);
        } catch (QueueException | IllegalArgumentException e) {
            var failure =
                    new InvalidObjectException("cannot attach to the queue that this task uses: " + e.getMessage());
            failure.initCause(e);
            throw failure;
        }
    }

    /// The path as text that leads back to it: in some locales not every name has one, but it has a URI.
    static String textOf(Path path) {
        String text = path.toString();
        return text.chars().allMatch(each -> each < 0x80) ? text : path.toUri().toString();
    }

    static Path pathOf(String text) {
        return text.startsWith("file:") ? Path.of(URI.create(text)) : Path.of(text);
    }
}
