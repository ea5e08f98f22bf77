package dev.procession;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.LeaseLostException;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Message;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueClosedException;
import dev.procession.core.QueueException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.core.WaitLoop;
import dev.procession.core.WaitStrategy;
import java.io.IOException;
import java.io.InvalidObjectException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.ref.Reference;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A queue of objects between processes: what one puts, another gets, in order, each item once.
///
///     SharedQueue<String> queue = SharedQueue.create(Codec.utf8());
///     Worker worker = Worker.of(() -> queue.put("hello from " + ProcessHandle.current().pid()));
///     worker.start();
///     System.out.println(queue.get());
///
/// It is serializable in this sense: a [Task] may capture it, and in the worker it is attached to the same queue. So is a
/// queue in an item of [Codec#object(Class...)] that lists `SharedQueue.class`, or of [Codec#record(Class)]: see there.
///
/// - *Order*: if a put returned before another one began, in whatever process, its item comes first.
/// - *Truth*: when a put has returned, [#isEmpty()] is false until somebody gets the item, and a get finds it.
/// - *Kills*: a process that is killed or stopped at any moment, in a put or a get, loses, doubles and delays nothing of
///   others. A consumer that is killed right after it took an item takes that item along; in a leased queue
///   ([QueueOptions#withConsumers(Delivery)]) the item is lent again, until somebody says that it is [done][Lease#done()].
///
/// Thread-safe. In each process the threads that use one handle share a producer and a consumer, made when they are first
/// needed, under two locks that are not held while waiting for room or items. Of the threads that wait for the same, one sleeps
/// in the kernel and the others, in the order in which they came, for their turn. A virtual thread that waits gives its
/// carrier back. An interrupt may be noticed 50 ms late by a platform thread.
///
/// @param <E> what is put and got, as the [Codec] knows it; never null
public final class SharedQueue<E> implements AutoCloseable, Serializable {
    private static final long serialVersionUID = 1;

    /// What the path of the queue of dead letters has behind that of its queue.
    private static final String DEAD_LETTERS = ".dead";

    private final transient LaneQueue queue;
    final transient Codec<E> codec;
    final transient Delivery consumers;

    private final transient ShortLock putLock = new ShortLock();
    private final transient Encoder encoder; // guarded by putLock, as is the producer
    final transient Ends ends;
    private transient @Nullable Producer producer;

    // whose turn it is to wait: of all threads of this process one, so that one message does not wake all of them
    private final transient ReentrantLock putTurn = new ReentrantLock(true);
    private final transient ReentrantLock getTurn = new ReentrantLock(true);

    private final transient ShortLock getLock = new ShortLock();
    private transient @Nullable Consumer consumer; // guarded by getLock, as is what it decoded
    private transient @Nullable E decoded;
    private transient @Nullable Lease<E> lent;
    private final transient MessageHandler decoder = this::decode;

    private final transient int maxAttempts;
    private final transient @Nullable SharedQueue<E> deadLetters;

    private SharedQueue(LaneQueue queue, Codec<E> codec, Delivery consumers) {
        this.queue = queue;
        this.codec = codec;
        this.consumers = consumers;
        encoder = new Encoder(queue.maxMessageBytes());
        ends = new Ends(queue, putLock, getLock);
        if (queue.isAnonymous()) AnonymousQueues.add(queue);
        Leasing leasing = queue.geometry().leasing();
        maxAttempts = leasing == null ? 0 : leasing.maxAttempts();
        deadLetters = maxAttempts == 0 ? null : new SharedQueue<>(openDeadLetters(queue), codec, Delivery.SHARED);
    }

    private static LaneQueue openDeadLetters(LaneQueue queue) {
        QueueGeometry same = queue.geometry();
        LaneQueue opened = null;
        try {
            opened = queue.openBeside(
                    DEAD_LETTERS, new QueueGeometry(same.lanes(), same.laneBytes(), 0), queue.label());
            return opened;
        } finally {
            if (opened == null) queue.close();
        }
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

    /// Opens a queue for shared consumers, or leased ones if the queue was made for them.
    ///
    /// @param <E> what is put and got
    /// @param file the queue's file
    /// @param codec how items become bytes; the same as in the process that made the queue
    /// @return the queue
    /// @throws QueueUnavailableException if there is no such queue, or it may not be used
    /// @throws IllegalArgumentException if it was made with another codec
    public static <E> SharedQueue<E> open(Path file, Codec<E> codec) {
        return open(file, codec, null);
    }

    /// Opens a queue.
    ///
    /// @param <E> what is put and got
    /// @param file the queue's file
    /// @param codec how items become bytes; the same as in the process that made the queue
    /// @param consumers how this process gets, if it does; the same in all that get at the same time; null: as the queue was
    ///     made for, else shared
    /// @return the queue
    /// @throws QueueUnavailableException if there is no such queue, or it may not be used
    /// @throws IllegalArgumentException if it was made with another codec
    public static <E> SharedQueue<E> open(Path file, Codec<E> codec, @Nullable Delivery consumers) {
        Objects.requireNonNull(codec, "codec");
        LaneQueue queue = LaneQueue.open(file);
        if (!queue.label().equals(codec.name())) {
            queue.close();
            throw new IllegalArgumentException(file + " was made with codec \"" + queue.label() + "\", not \""
                    + codec.name() + "\"; use the same one in all processes");
        }
        Delivery made = queue.geometry().leasing() == null ? Delivery.SHARED : Delivery.LEASED;
        return new SharedQueue<>(queue, codec, consumers == null ? made : consumers);
    }

    /// Removes a queue's file, and the items in it, its dead letters too.
    ///
    /// @param file the queue's file
    /// @throws QueueUnavailableException if there is none, it is no queue, or some process has it open
    public static void delete(Path file) {
        Path deadLetters = null;
        boolean anonymous = false;
        try (LaneQueue queue = LaneQueue.open(file)) {
            Leasing leasing = queue.geometry().leasing();
            // of a queue that has none, what only has such a name is somebody else's
            if (leasing != null && leasing.maxAttempts() > 0) deadLetters = queue.pathBeside(DEAD_LETTERS);
            anonymous = queue.isAnonymous();
        } catch (QueueException damaged) {
            deadLetters = null; // it can be removed all the same, or that says why not
        }
        if (!anonymous || Files.exists(file)) LaneQueue.delete(file); // if nobody else had it, it went when it was closed
        if (deadLetters != null && Files.exists(deadLetters)) LaneQueue.delete(deadLetters);
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
        WaitLoop waiting = queue.waitingForRoom(WaitStrategy.spinThenSleep(), () -> hasRoom(bytes.length));
        return await(putTurn, waiting, () -> tryPutBytes(bytes) ? Boolean.TRUE : null, timeoutNanos) != null;
    }

    private boolean tryPutBytes(byte[] bytes) {
        putLock.lock();
        try {
            return producer().tryPut(bytes);
        } finally {
            putLock.unlock();
        }
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
        if (producer == null) {
            producer = queue.newProducer(); // says so if the queue was closed
            this.producer = ends.producer = producer;
        }
        return producer;
    }

    // ---- get

    /// Takes the next item, and waits for it as long as it takes.
    ///
    /// @return the item
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueClosedException if this handle was closed, also while it waits
    /// @throws UncheckedIOException or what else the codec throws (an OutOfMemoryError, too), if the bytes cannot be decoded; the
    ///     item was taken then
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
    /// @throws UncheckedIOException or what else the codec throws (an OutOfMemoryError, too), if the bytes cannot be decoded; the
    ///     item was taken then
    public E get(Duration timeout) throws InterruptedException {
        E item = get(nanos(timeout));
        if (item == null) throw new QueueEmptyException(path() + " was empty for " + timeout);
        return item;
    }

    /// Takes the next item if there is one.
    ///
    /// @return the item, or null if the queue is empty
    /// @throws QueueClosedException if this handle was closed
    /// @throws UncheckedIOException or what else the codec throws (an OutOfMemoryError, too), if the bytes cannot be decoded; the
    ///     item was taken then
    public @Nullable E tryGet() {
        if (consumers == Delivery.LEASED) {
            for (Lease<E> lease; (lease = tryLease()) != null;) {
                try (Lease<E> taken = lease) { // closed: given back, if there is no memory to finish it
                    taken.done();
                    return taken.value();
                } catch (LeaseLostException e) {
                    // this process was stopped for so long that somebody else has the item
                }
            }
            return null;
        }
        getLock.lock();
        try {
            consumer().poll(decoder, 1);
            return decoded;
        } finally {
            decoded = null;
            getLock.unlock();
        }
    }

    private @Nullable E get(long timeoutNanos) throws InterruptedException {
        return await(this::tryGet, timeoutNanos);
    }

    private <T> @Nullable T await(Supplier<@Nullable T> attempt, long timeoutNanos) throws InterruptedException {
        T result = attempt.get();
        if (result != null || timeoutNanos <= 0) return result;
        return await(getTurn, queue.waitingForMessages(WaitStrategy.spinThenSleep()), attempt, timeoutNanos);
    }

    /// Tries again and again, when it is this thread's turn, until there is a result or the time-out is over.
    private static <T> @Nullable T await(
            ReentrantLock turn, WaitLoop waiting, Supplier<@Nullable T> attempt, long timeoutNanos)
            throws InterruptedException {
        long start = System.nanoTime();
        if (timeoutNanos == Long.MAX_VALUE) turn.lockInterruptibly();
        else if (!turn.tryLock(timeoutNanos, TimeUnit.NANOSECONDS)) return attempt.get();
        try {
            waiting.start(timeoutNanos == Long.MAX_VALUE ? timeoutNanos : timeoutNanos - (System.nanoTime() - start));
            T result;
            do result = attempt.get();
            while (result == null && waiting.pause());
            return result;
        } finally {
            turn.unlock();
        }
    }

    private Consumer consumer() {
        Consumer consumer = this.consumer;
        if (consumer == null) {
            consumer = queue.newConsumer(consumers);
            this.consumer = ends.consumer = consumer;
        }
        return consumer;
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

    static long nanos(Duration timeout) {
        try {
            return timeout.toNanos();
        } catch (ArithmeticException e) { // 292 years or more
            return timeout.isNegative() ? 0 : Long.MAX_VALUE;
        }
    }

    // ---- lease

    /// Takes a lease on the next item, and waits for it as long as it takes.
    ///
    /// @return the lease
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws IllegalStateException if the queue is not leased
    /// @throws QueueClosedException if this handle was closed, also while it waits
    /// @throws QueueFullException if an item has had its attempts, but the queue of dead letters is full
    /// @throws UncheckedIOException or what else the codec throws, if the bytes cannot be decoded; that was an attempt
    public Lease<E> lease() throws InterruptedException {
        return Objects.requireNonNull(await(this::tryLease, Long.MAX_VALUE));
    }

    /// Takes a lease on the next item, and waits for it.
    ///
    /// @param timeout the longest wait; zero or less does not wait
    /// @return the lease
    /// @throws QueueEmptyException if every item was lent or done until the time-out was over
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws IllegalStateException if the queue is not leased
    /// @throws QueueClosedException if this handle was closed, also while it waits
    /// @throws QueueFullException if an item has had its attempts, but the queue of dead letters is full
    /// @throws UncheckedIOException or what else the codec throws, if the bytes cannot be decoded; that was an attempt
    public Lease<E> lease(Duration timeout) throws InterruptedException {
        Lease<E> lease = await(this::tryLease, nanos(timeout));
        if (lease == null) throw new QueueEmptyException(path() + " had nothing to lend for " + timeout);
        return lease;
    }

    /// Takes a lease on the next item if there is one that is not lent.
    ///
    /// @return the lease, or null if every item is lent or done
    /// @throws IllegalStateException if the queue is not leased
    /// @throws QueueClosedException if this handle was closed
    /// @throws QueueFullException if an item has had its attempts, but the queue of dead letters is full
    /// @throws UncheckedIOException or what else the codec throws, if the bytes cannot be decoded; that was an attempt
    public @Nullable Lease<E> tryLease() {
        if (consumers != Delivery.LEASED) {
            throw new IllegalStateException(
                    path() + " is not leased; make it with QueueOptions.withConsumers(Delivery.LEASED)");
        }
        getLock.lock();
        try {
            while (((LeasingConsumer) consumer()).tryLease(this::receive) != null) {
                if (lent != null) return lent;
            }
            return null;
        } finally {
            decoded = null;
            lent = null;
            getLock.unlock();
        }
    }

    /// Decodes an item, or sets it aside if it has had its attempts. If this process is killed right in between, somebody
    /// else sets it aside once more.
    private void receive(Message message, dev.procession.core.Lease lease) {
        if (deadLetters == null || lease.attempt() <= maxAttempts) {
            decode(message);
            lent = new Lease<>(this, lease, Objects.requireNonNull(decoded)); // in here: if that fails, it is given back
            return;
        }
        deadLetters.putLock.lock();
        try {
            if (!deadLetters.producer().tryPut(message.toBytes())) {
                throw new QueueFullException("an item of " + path() + " was lent " + maxAttempts
                        + " times and never done, but " + deadLetters.path() + " is full; get its items first");
            }
        } finally {
            deadLetters.putLock.unlock();
        }
        lease.done();
    }

    /// Returns the queue of the items that were lent [QueueOptions#maxAttempts()] times and never done. An item may be there
    /// twice if a process was killed while it put it there. It is closed with this handle.
    ///
    /// @return the queue; others may open it as `PATH.dead`
    /// @throws IllegalStateException if the queue has no limit of attempts
    public SharedQueue<E> deadLetters() {
        if (deadLetters == null) {
            throw new IllegalStateException(path()
                    + " has no dead letters; make it with QueueOptions.withMaxAttempts, and open it as a leased one");
        }
        return deadLetters;
    }

    // ---- ask

    /// Whether there was a moment during this call at which the queue was empty. An item that is lent is in the queue until it
    /// is done.
    ///
    /// @return whether it was
    /// @throws QueueClosedException if this handle was closed
    public boolean isEmpty() {
        try {
            return queue.isEmpty();
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
    }

    /// Whether a put would find the queue full: its bound on the items is reached, or this process's lane has no room for
    /// the shortest item. A put of another process that is under way, or was stopped there, takes a place of the bound already.
    ///
    /// @return whether it is full
    /// @throws QueueClosedException if this handle was closed
    public boolean isFull() {
        try {
            if (queue.isFull()) return true; // says so if this handle was closed
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
        putLock.lock();
        try {
            return producer != null && !producer.hasRoom(0);
        } finally {
            putLock.unlock();
        }
    }

    /// Counts the items that are in the queue, lent ones too, in some nanoseconds for each.
    ///
    /// @return how many; while others put and get, a number that was nearly right lately
    /// @throws QueueClosedException if this handle was closed
    public long size() {
        try {
            return queue.size();
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
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
        ends.closed = true;
        queue.close(); // first: whoever waits stops waiting
        if (deadLetters != null) deadLetters.close();
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
        AnonymousQueues.remove(queue); // last: what a codec made fail that closes its own queue is closed then
    }

    /// @throws IllegalArgumentException if it was closed: whoever reads its address would find it gone
    void requireOpen() {
        if (ends.closed) throw new IllegalArgumentException(path() + " was closed, so its address leads nowhere");
    }

    boolean hasDeadLetters() {
        return deadLetters != null;
    }

    /// What there is to close of a handle, and not the handle itself: so it can be closed when nobody has that any more.
    static final class Ends {
        private final LaneQueue queue;
        private final ShortLock putLock;
        private final ShortLock getLock;
        private @Nullable Producer producer; // guarded by putLock
        private @Nullable Consumer consumer; // guarded by getLock
        private volatile boolean closed;

        private Ends(LaneQueue queue, ShortLock putLock, ShortLock getLock) {
            this.queue = queue;
            this.putLock = putLock;
            this.getLock = getLock;
        }

        boolean isClosed() {
            return closed;
        }

        /// The last call of all may have let go of the handle and not have returned yet: it has a lock then.
        void close() {
            putLock.lock();
            try {
                getLock.lock();
                try {
                    queue.close();
                    if (producer != null) producer.close();
                    if (consumer != null) consumer.close();
                } finally {
                    getLock.unlock();
                }
            } finally {
                putLock.unlock();
            }
            AnonymousQueues.remove(queue);
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
                return SharedQueue.open(ofAddress(path), codec, consumers);
            } catch (QueueException | IllegalArgumentException e) {
                var failure =
                        new InvalidObjectException("cannot attach to the queue that this task uses: " + e.getMessage());
                failure.initCause(e);
                throw failure;
            }
        }
    }

    /// The path as text that leads back to it: in some locales not every name has one, but it has a URI.
    String address() {
        String text = path().toString();
        return text.chars().allMatch(each -> each < 0x80) ? text : path().toUri().toString();
    }

    static Path ofAddress(String address) {
        return address.startsWith("file:") ? Path.of(URI.create(address)) : Path.of(address);
    }

    private Object writeReplace() {
        return new Address<>(address(), codec, consumers);
    }

    private void readObject(ObjectInputStream in) throws InvalidObjectException {
        throw new InvalidObjectException("a queue travels as its address");
    }
}
