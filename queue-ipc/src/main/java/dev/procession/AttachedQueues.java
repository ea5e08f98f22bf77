package dev.procession;

import dev.procession.codec.Format;
import dev.procession.codec.ItemTypes;
import dev.procession.core.Delivery;
import dev.procession.core.QueueException;
import java.io.IOException;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The queues that this process got inside of items, where they are addresses. An address leads to the same handle as
/// long as that is reachable, be it from a thousand items. One that is not is closed when the next address is read:
/// code that gets an item does not know whether other items have the handle, too, and so need not close it.
final class AttachedQueues extends ItemTypes {
    private static final Delivery[] DELIVERIES = Delivery.values();

    /// The file counts, not only its path: one that was deleted and made again is another queue.
    private record Key(Path path, @Nullable Object file, Object codec, Delivery delivery) {
    }

    private static final class Handle extends WeakReference<SharedQueue<?>> {
        final @Nullable Key key; // null for a queue of dead letters
        final Ends ends;

        Handle(SharedQueue<?> queue, @Nullable Key key) {
            super(queue, unused);
            this.key = key;
            ends = queue.ends;
        }
    }

    private static final ReferenceQueue<SharedQueue<?>> unused = new ReferenceQueue<>();
    private static final Map<Key, Handle> handles = new HashMap<>(); // guarded by the class, as is the next
    private static final Set<Handle> open = new HashSet<>();

    /// Made by [ItemTypes], once.
    AttachedQueues() {}

    @Override
    protected Class<?> queue() {
        return SharedQueue.class;
    }

    @Override
    protected @Nullable Format<?> formatOf(Object queue) {
        return ((SharedQueue<?>) queue).codec instanceof FormatCodec<?> codec ? codec.format : null;
    }

    @Override
    protected String codecNameOf(Object queue) {
        return ((SharedQueue<?>) queue).codec.name();
    }

    @Override
    protected Address addressOf(Object queue) {
        var shared = (SharedQueue<?>) queue;
        shared.requireOpen();
        return new Address(QueueAddress.textOf(shared.path()), (byte) shared.delivery.ordinal());
    }

    @Override
    protected Object attach(Address address, Object key, Supplier<Format<?>> format) throws IOException {
        return attach(address.path(), address.delivery(), key, format);
    }

    @Override
    protected Class<? extends Throwable> standIn() {
        return StandInException.class;
    }

    @Override
    protected Throwable standInFor(Throwable other) {
        return new StandInException(other);
    }

    private static synchronized SharedQueue<?> attach(String path, byte delivery, Object codec,
            Supplier<Format<?>> format) throws IOException {
        closeUnused();
        try {
            if (delivery < 0 || delivery >= DELIVERIES.length) {
                throw new IOException("it has the delivery " + delivery + " for a queue");
            }
            Path file = QueueAddress.pathOf(path);
            if (!file.isAbsolute()) throw new IOException("it has a relative path for a queue");
            Object fileKey = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).fileKey();
            var key = new Key(file, fileKey, codec, DELIVERIES[delivery]);
            Handle handle = handles.get(key);
            SharedQueue<?> queue = handle == null ? null : handle.get();
            if (queue != null && !queue.ends.isClosed()) return queue;
            queue = SharedQueue.open(file, new FormatCodec<>(format.get()), DELIVERIES[delivery]);
            handle = new Handle(queue, key);
            handles.put(key, handle);
            open.add(handle);
            if (queue.deadLetters != null) open.add(new Handle(queue.deadLetters, null));
            return queue;
        } catch (QueueException | IllegalArgumentException | IOException e) {
            String what = e instanceof InvalidPathException ? "no path" : e.toString();
            throw new IOException("cannot attach to the queue " + path + " in the message: " + what
                    + "; keep a queue open until its address has arrived", e);
        }
    }

    private static void closeUnused() {
        for (Reference<?> each; (each = unused.poll()) != null;) {
            var handle = (Handle) each;
            open.remove(handle);
            if (handle.key != null) handles.remove(handle.key, handle);
            handle.ends.close();
        }
    }
}
