package dev.procession;

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

/// The queues that this process got inside of items, where they are addresses. An address leads to the same handle as long
/// as anybody has that, be it in a thousand items. One that nobody has any more is closed when the next address is read:
/// whoever gets an item does not know whether others have the handle, too, and so need not close it.
final class AttachedQueues {
    private static final Delivery[] DELIVERIES = Delivery.values();

    /// The file counts, not only its path: one that was deleted and made again is another queue.
    private record Address(Path path, @Nullable Object file, Object codec, Delivery consumers) {
    }

    private static final class Handle extends WeakReference<SharedQueue<?>> {
        final @Nullable Address address; // null for a queue of dead letters
        final SharedQueue.Ends ends;

        Handle(SharedQueue<?> queue, @Nullable Address address) {
            super(queue, unused);
            this.address = address;
            ends = queue.ends;
        }
    }

    private static final ReferenceQueue<SharedQueue<?>> unused = new ReferenceQueue<>();
    private static final Map<Address, Handle> handles = new HashMap<>(); // guarded by the class, as is the next
    private static final Set<Handle> open = new HashSet<>();

    private AttachedQueues() {
    }

    static byte encoded(Delivery consumers) {
        return (byte) consumers.ordinal();
    }

    /// `codecKey` is equal for equal codecs; the codec itself is made only for a new handle.
    ///
    /// @throws IOException if there is no such queue, or no such address can be
    static synchronized SharedQueue<?> attach(String path, byte consumers, Object codecKey, Supplier<Codec<?>> codec)
            throws IOException {
        closeUnused();
        try {
            if (consumers < 0 || consumers >= DELIVERIES.length) {
                throw new IOException("it has the delivery " + consumers + " for a queue");
            }
            Path file = SharedQueue.ofAddress(path);
            if (!file.isAbsolute()) throw new IOException("it has a relative path for a queue");
            Object key = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).fileKey();
            var address = new Address(file, key, codecKey, DELIVERIES[consumers]);
            Handle handle = handles.get(address);
            SharedQueue<?> queue = handle == null ? null : handle.get();
            if (queue != null && !queue.ends.isClosed()) return queue;
            queue = SharedQueue.open(file, codec.get(), DELIVERIES[consumers]);
            handle = new Handle(queue, address);
            handles.put(address, handle);
            open.add(handle);
            if (queue.hasDeadLetters()) open.add(new Handle(queue.deadLetters(), null));
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
            if (handle.address != null) handles.remove(handle.address, handle);
            handle.ends.close();
        }
    }
}
