package dev.procession;

import dev.procession.PoolMessage.Kind;
import dev.procession.worker.Failure;
import dev.procession.worker.TaskCodec;
import java.io.IOException;
import java.io.Serial;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/// A large value that many tasks use, from [WorkerPool#broadcast]: it is serialized once, lies in memory that processes
/// share, and is read at most once in each worker. What a task captures of it, and sends, is where that is.
///
/// {@snippet file="PoolExamplesTest.java" region="broadcast"}
///
/// All tasks of a worker get the same object, so none may change it. A worker that has read it keeps it, until a task
/// brings another one after this one was closed.
///
/// Thread-safe.
///
/// @param <T> the class of the value
public final class Shared<T> implements Serializable, AutoCloseable {
    @Serial
    private static final long serialVersionUID = 1;

    /// One item, at which workers look, and which none takes. So it has what queues have: it is the user's own, no
    /// worker waits for another, no process has to be alive, and no file stays.
    private static final QueueOptions ONE_ITEM = QueueOptions.DEFAULT.withLanes(1);

    /// Those that this process has made, or was sent, by address.
    private static final Map<String, Shared<?>> here = new ConcurrentHashMap<>();

    private final String address;
    private final transient @Nullable SharedQueue<PoolMessage> queue; // in the process that has made it
    private final transient SharedValues owner;
    private transient @Nullable T value; // guarded by this

    private Shared(String address, @Nullable SharedQueue<PoolMessage> queue, @Nullable T value,
            SharedValues owner) {
        this.address = address;
        this.queue = queue;
        this.value = value;
        this.owner = owner;
    }

    // ---- in the process that has made it

    /// @param packed the value, by [TaskCodec#pack]
    static <T> Shared<T> of(T value, byte[] packed, SharedValues owner) {
        SharedQueue<PoolMessage> queue = SharedQueue.create(PoolMessage.CODEC, ONE_ITEM);
        boolean isPut = false;
        try {
            isPut = queue.tryPut(new PoolMessage(Kind.TASK, 0, 0, packed));
        } catch (MessageTooLargeException e) {
            throw new IllegalArgumentException("The value has " + packed.length
                    + " bytes in serialized form, which is too much to be shared: pass larger data in files.", e);
        } finally {
            if (!isPut) queue.close();
        }
        if (!isPut) {
            throw new RejectedExecutionException("There is no room in memory for the " + packed.length
                    + " bytes of the value: the file system of " + queue.path() + " is full.");
        }
        Shared<T> made = new Shared<>(QueueAddress.textOf(queue.path()), queue, value, owner);
        here.put(made.address, made);
        boolean isOwned = false;
        try {
            owner.add(made);
            isOwned = true;
        } finally {
            if (!isOwned) made.close();
        }
        return made;
    }

    /// In the process that has made it: gives back the memory. Workers that have read the value keep it; others cannot
    /// get it any more. In any other process this does nothing. To close it again has no effect.
    @Override
    public void close() {
        SharedQueue<PoolMessage> queue = this.queue;
        if (queue == null) return;
        queue.close();
        here.remove(address);
        synchronized (this) {
            value = null;
        }
        owner.remove(this);
    }

    // ---- in any process

    /// Returns the value. In a worker the first call reads it, which takes as long as to read a task of that size.
    ///
    /// @return in the process that has made it the value itself, in any other one a copy, always the same
    /// @throws IllegalStateException if it was closed, or the pool that has made it
    /// @throws UncheckedIOException if it cannot be read here; the message says why
    public synchronized T get() {
        T known = value;
        if (known != null) return known;
        if (queue != null) throw gone(null);
        T read = read();
        value = read;
        return read;
    }

    private static IllegalStateException gone(@Nullable Throwable why) {
        return new IllegalStateException("The shared value is gone: it was closed, or the pool that has made it.", why);
    }

    @SuppressWarnings("unchecked")
    private T read() {
        Thread thread = Thread.currentThread();
        ClassLoader context = thread.getContextClassLoader();
        try {
            return (T) TaskCodec.unpack(bytes(), WorkerMain.TASKS);
        } catch (QueueUnavailableException e) {
            throw gone(e);
        } catch (Throwable e) { // of the application's methods, or no memory
            throw new UncheckedIOException("The shared value could not be read: " + Failure.text(e),
                    e instanceof IOException io ? io : new IOException(Failure.text(e), e));
        } finally {
            thread.setContextClassLoader(context);
        }
    }

    private byte[] bytes() throws IOException {
        try (SharedQueue<PoolMessage> queue = SharedQueue.open(QueueAddress.pathOf(address), PoolMessage.CODEC)) {
            PoolMessage message = queue.peek();
            if (message == null) throw new IOException("its memory is empty");
            byte[] body = message.body();
            if (body == null) throw new IOException("there is no memory for its " + message.length() + " bytes");
            return body;
        }
    }

    @Serial
    private Object readResolve() {
        Shared<?> known = here.get(address);
        if (known != null) return known;
        here.keySet().removeIf(each -> !Files.exists(QueueAddress.pathOf(each))); // those that were closed
        return Objects.requireNonNull(
                here.computeIfAbsent(address, at -> new Shared<>(at, null, null, new SharedValues())));
    }

    /// Returns where it is, for messages and logs.
    @Override
    public String toString() {
        return "Shared[" + address + "]";
    }
}
