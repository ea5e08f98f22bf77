package dev.procession.codec;

import java.io.IOException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The two classes of `dev.procession` that have a form of their own in items: queues, which travel as their addresses,
/// and what stands in for an exception. That package stands above this one, which therefore knows them only so.
public abstract class ItemTypes {
    private static final String IMPLEMENTATION = "dev.procession.AttachedQueues";

    /// What leads to a queue in another process.
    ///
    /// @param path as text
    /// @param delivery how it is got from
    public record Address(String path, byte delivery) {}

    /// Made by name where a format first asks: a codec may be used without a queue anywhere near.
    private static final class Only {
        static final ItemTypes INSTANCE = make();

        private static ItemTypes make() {
            try {
                var constructor = Class.forName(IMPLEMENTATION).getDeclaredConstructor();
                constructor.setAccessible(true); // of this module
                return (ItemTypes) constructor.newInstance();
            } catch (ReflectiveOperationException e) {
                throw new AssertionError(e);
            }
        }
    }

    static ItemTypes get() {
        return Only.INSTANCE;
    }

    /// The class of queues.
    protected abstract Class<?> queue();

    /// The format of a queue's items; null if its codec is one that the library does not have.
    protected abstract @Nullable Format<?> formatOf(Object queue);

    protected abstract String codecNameOf(Object queue);

    /// @throws IllegalArgumentException if the queue was closed: its address leads nowhere then
    protected abstract Address addressOf(Object queue);

    /// The handle that all have in this process that read the same address, with an equal `key` of the codec.
    /// `format` is asked for only if there is none yet.
    ///
    /// @throws IOException if there is no such queue, or no such address can be
    protected abstract Object attach(Address address, Object key, Supplier<Format<?>> format) throws IOException;

    /// The class of what stands in for exceptions.
    protected abstract Class<? extends Throwable> standIn();

    protected abstract Throwable standInFor(Throwable other);
}
