package dev.procession;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Message;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueClosedException;
import dev.procession.core.QueueException;
import dev.procession.core.QueueUnavailableException;
import dev.procession.core.WaitStrategy;
import dev.procession.core.Waiting;
import java.io.IOException;
import java.io.InvalidObjectException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A queue of objects between processes: what one puts, another gets, in order, each item once.
///
///     SharedQueue<String> queue = SharedQueue.create(Codec.utf8());
///     Worker worker = Worker.of(() -> queue.put("hello from " + ProcessHandle.current().pid()));
///     worker.start();
///     System.out.println(queue.get());
///
/// It is serializable in this sense: a [Task] may capture it, and in the worker it is attached to the same queue.
///
/// - *Order*: if a put returned before another one began, in whatever process, its item comes first.
/// - *Truth*: when a put has returned, [#isEmpty()] is false until somebody gets the item, and a get finds it.
/// - *Kills*: a process that is killed or stopped at any moment, in a put or a get, loses, doubles and delays nothing of
///   others. A consumer that is killed right after it took an item takes that item along.
///
/// Thread-safe. In each process the threads that use one handle share a producer and a consumer, made when they are first
/// needed, under two locks that are never held while waiting. A wait blocks the carrier of a virtual thread for up to 50 ms
/// at a time, which is also how late an interrupt may be noticed.
///
/// @param <E> what is put and got, as the [Codec] knows it; never null
public final class SharedQueue<E> implements AutoCloseable, Serializable {
    private static final long serialVersionUID = 1;

    private final transient LaneQueue queue;
    final transient Codec<E> codec;
    final transient Delivery consumers;

    private final transient ReentrantLock putLock = new ReentrantLock();
    private final transient Encoder encoder; // guarded by putLock, as is the producer
    private transient @Nullable Producer producer;

    private final transient ReentrantLock getLock = new ReentrantLock();
    private transient @Nullable Consumer consumer; // guarded by getLock, as is what it decoded
    private transient @Nullable E decoded;
    private final transient MessageHandler decoder = this::decode;

    private SharedQueue(LaneQueue queue, Codec<E> codec, Delivery consumers) {
        this.queue = queue;
        this.codec = codec;
        this.consumers = consumers;
        encoder = new Encoder(queue.maxMessageBytes());
        if (queue.isAnonymous()) AtExit.remove(this);
    }

    // ---- make and open

    /// Makes a queue without a name of its own, with the default options. Workers get it by capturing it. It is removed when
    /// the last process that has it ends or closes it.
    ///
    /// @param <E> what is put and got
    /// @param codec how items become bytes
    /// @return the queue
    /// @throws QueueUnavailableException if it cannot be made
    public static <E> SharedQueue<E> create(Codec<E> codec) {
        return create(codec, QueueOptions.DEFAULT);
    }

    /// Makes a queue without a name of its own. Workers get it by capturing it. It is removed when the last process that has
    /// it ends or closes it.
    ///
    /// @param <E> what is put and got
    /// @param codec how items become bytes
    /// @param options its shape
    /// @return the queue
    /// @throws QueueUnavailableException if it cannot be made
    public static <E> SharedQueue<E> create(Codec<E> codec, QueueOptions options) {
        return new SharedQueue<>(
                LaneQueue.createAnonymous(options.geometry(), codec.name()), codec, options.consumers());
    }

    /// Makes a queue in a file that any process of this user can [open][#open(Path, Codec)]. It stays, with its items, until
    /// it is [deleted][#delete(Path)] or the machine is restarted.
    ///
    /// @param <E> what is put and got
    /// @param file where; `/dev/shm` is the fastest place
    /// @param codec how items become bytes
    /// @param options its shape
    /// @return the queue
    /// @throws QueueUnavailableException if the file exists or cannot be made
    public static <E> SharedQueue<E> create(Path file, Codec<E> codec, QueueOptions options) {
        return new SharedQueue<>(LaneQueue.create(file, options.geometry(), codec.name()), codec, options.consumers());
    }

    /// Opens a queue for shared consumers.
    ///
    /// @param <E> what is put and got
    /// @param file the queue's file
    /// @param codec how items become bytes; the same as in the process that made the queue
    /// @return the queue
    /// @throws QueueUnavailableException if there is no such queue, or it was made with another codec
    public static <E> SharedQueue<E> open(Path file, Codec<E> codec) {
        return open(file, codec, Delivery.SHARED);
    }

    /// Opens a queue.
    ///
    /// @param <E> what is put and got
    /// @param file the queue's file
    /// @param codec how items become bytes; the same as in the process that made the queue
    /// @param consumers how this process gets, if it does; the same in all that get at the same time
    /// @return the queue
    /// @throws QueueUnavailableException if there is no such queue, or it was made with another codec
    public static <E> SharedQueue<E> open(Path file, Codec<E> codec, Delivery consumers) {
        Objects.requireNonNull(codec, "codec");
        LaneQueue queue = LaneQueue.open(file);
        if (!queue.label().equals(codec.name())) {
            queue.close();
            throw new IllegalArgumentException(file + " was made with codec \"" + queue.label() + "\", not \""
                    + codec.name() + "\"; use the same one in all processes");
        }
        return new SharedQueue<>(queue, codec, consumers);
    }

    /// Removes a queue's file, and the items in it.
    ///
    /// @param file the queue's file
    /// @throws QueueUnavailableException if there is none, it is no queue, or some process has it open
    public static void delete(Path file) {
        LaneQueue.delete(file);
    }

    // ---- put

    /// Puts an item, and waits for room as long as it takes.
    ///
    /// @param item not null
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    /// @throws dev.procession.core.MessageTooLargeException if its bytes are more than half a lane
    /// @throws QueueClosedException if this handle was closed, also while it waits
    public void put(E item) throws InterruptedException {
        put(item, Long.MAX_VALUE);
    }

    /// Puts an item, and waits for room.
    ///
    /// @param item not null
    /// @param timeout the longest wait; zero or less does not wait
    /// @throws QueueFullException if the queue was full until the time-out was over; nothing was put
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    /// @throws dev.procession.core.MessageTooLargeException if its bytes are more than half a lane
    /// @throws QueueClosedException if this handle was closed, also while it waits
    public void put(E item, Duration timeout) throws InterruptedException {
        if (!put(item, nanos(timeout))) {
            throw new QueueFullException(path() + " was full for " + timeout + ", with " + queue.size() + " items");
        }
    }

    /// Puts an item if there is room now.
    ///
    /// @param item not null
    /// @return false if the queue is full; with a bound on the items also if another put is after the last free place
    /// @throws dev.procession.core.MessageTooLargeException if its bytes are more than half a lane
    /// @throws QueueClosedException if this handle was closed
    public boolean tryPut(E item) {
        Objects.requireNonNull(item, "item");
        putLock.lock();
        try {
            Producer producer = producer();
            encode(item);
            return producer.tryPut(encoder.array(), 0, encoder.length());
        } finally {
            putLock.unlock();
        }
    }

    private boolean put(E item, long timeoutNanos) throws InterruptedException {
        Objects.requireNonNull(item, "item");
        byte[] bytes;
        putLock.lock();
        try {
            Producer producer = producer();
            encode(item);
            if (producer.tryPut(encoder.array(), 0, encoder.length())) return true;
            if (timeoutNanos <= 0) return false;
            bytes = Arrays.copyOf(encoder.array(), encoder.length());
        } finally {
            putLock.unlock();
        }
        Waiting waiting = queue.waitingForRoom(WaitStrategy.spinThenSleep(), () -> hasRoom(bytes.length));
        waiting.begin(timeoutNanos);
        while (waiting.again()) {
            putLock.lock();
            try {
                if (producer().tryPut(bytes)) return true;
            } finally {
                putLock.unlock();
            }
        }
        return false;
    }

    private void encode(E item) {
        encoder.reset();
        try {
            codec.encode(item, encoder);
        } catch (IOException e) {
            throw new UncheckedIOException("codec " + codec.name() + " cannot encode a " + item.getClass().getName(),
                    e);
        }
    }

    private boolean hasRoom(int length) {
        putLock.lock();
        try {
            return producer().hasRoom(length);
        } finally {
            putLock.unlock();
        }
    }

    private Producer producer() {
        Producer producer = this.producer;
        if (producer == null) this.producer = producer = queue.newProducer(); // says so if the queue was closed
        return producer;
    }

    // ---- get

    /// Takes the next item, and waits for it as long as it takes.
    ///
    /// @return the item
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueClosedException if this handle was closed, also while it waits
    /// @throws UncheckedIOException or what else the codec throws, if the bytes cannot be decoded; the item was taken then
    public E get() throws InterruptedException {
        return Objects.requireNonNull(get(Long.MAX_VALUE));
    }

    /// Takes the next item, and waits for it.
    ///
    /// @param timeout the longest wait; zero or less does not wait
    /// @return the item
    /// @throws QueueEmptyException if the queue was empty until the time-out was over
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueClosedException if this handle was closed, also while it waits
    /// @throws UncheckedIOException or what else the codec throws, if the bytes cannot be decoded; the item was taken then
    public E get(Duration timeout) throws InterruptedException {
        E item = get(nanos(timeout));
        if (item == null) throw new QueueEmptyException(path() + " was empty for " + timeout);
        return item;
    }

    /// Takes the next item if there is one.
    ///
    /// @return the item, or null if the queue is empty
    /// @throws QueueClosedException if this handle was closed
    /// @throws UncheckedIOException or what else the codec throws, if the bytes cannot be decoded; the item was taken then
    public @Nullable E tryGet() {
        getLock.lock();
        try {
            Consumer consumer = this.consumer;
            if (consumer == null) this.consumer = consumer = queue.newConsumer(consumers);
            consumer.poll(decoder, 1);
            return decoded;
        } finally {
            decoded = null;
            getLock.unlock();
        }
    }

    private @Nullable E get(long timeoutNanos) throws InterruptedException {
        E item = tryGet();
        if (item != null || timeoutNanos <= 0) return item;
        Waiting waiting = queue.waitingForMessages(WaitStrategy.spinThenSleep());
        waiting.begin(timeoutNanos);
        while (item == null && waiting.again()) item = tryGet();
        return item;
    }

    private void decode(Message message) {
        try {
            decoded = Objects.requireNonNull(codec.decode(message), "the codec decoded null");
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "codec " + codec.name() + " cannot decode a message of " + message.length() + " bytes from "
                            + path(),
                    e);
        }
    }

    private static long nanos(Duration timeout) {
        try {
            return timeout.toNanos();
        } catch (ArithmeticException e) { // 292 years or more
            return timeout.isNegative() ? 0 : Long.MAX_VALUE;
        }
    }

    // ---- ask

    /// Whether there was a moment during this call at which the queue was empty.
    ///
    /// @return whether it was
    /// @throws QueueClosedException if this handle was closed
    public boolean isEmpty() {
        return queue.isEmpty();
    }

    /// Whether a put would find the queue full: its bound on the items is reached, or this process's lane has no room for
    /// the shortest item.
    ///
    /// @return whether it is full
    /// @throws QueueClosedException if this handle was closed
    public boolean isFull() {
        if (queue.geometry().maxItems() > 0) return queue.isFull();
        putLock.lock();
        try {
            return producer != null && !producer.hasRoom(0);
        } finally {
            putLock.unlock();
        }
    }

    /// Counts the items. Without a bound on them that takes some nanoseconds for each item in the queue.
    ///
    /// @return how many; while others put and get, a number that was nearly right lately
    /// @throws QueueClosedException if this handle was closed
    public long size() {
        return queue.size();
    }

    /// Returns the queue's file, which others can open.
    ///
    /// @return its absolute path
    public Path path() {
        return queue.path();
    }

    /// Closes this handle: its waiting threads get a [QueueClosedException], other processes are not affected, and items stay.
    /// The file of a queue that was made without a name is removed when no process has it open any more.
    @Override
    public void close() {
        AtExit.forget(this);
        queue.close(); // first: whoever waits stops waiting
        putLock.lock();
        try {
            if (producer != null) producer.close();
        } finally {
            putLock.unlock();
        }
        getLock.lock();
        try {
            if (consumer != null) consumer.close();
        } finally {
            getLock.unlock();
        }
    }

    /// Returns the path and the codec's name, for messages and logs.
    @Override
    public String toString() {
        return "SharedQueue[" + path() + ", " + codec.name() + "]";
    }

    // ---- how it travels

    /// What a handle is outside of its process.
    private record Address<E>(String path, Codec<E> codec, Delivery consumers) implements Serializable {
        private Object readResolve() throws InvalidObjectException {
            try {
                return SharedQueue.open(Path.of(path), codec, consumers);
            } catch (QueueException | IllegalArgumentException e) {
                var failure =
                        new InvalidObjectException("cannot attach to the queue that this task uses: " + e.getMessage());
                failure.initCause(e);
                throw failure;
            }
        }
    }

    private Object writeReplace() {
        return new Address<>(path().toString(), codec, consumers);
    }

    private void readObject(ObjectInputStream in) throws InvalidObjectException {
        throw new InvalidObjectException("a queue travels as its address");
    }
}
