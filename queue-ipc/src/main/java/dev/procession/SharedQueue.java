package dev.procession;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueException;
import dev.procession.core.QueueGeometry;
import java.io.InvalidObjectException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A queue of objects between processes: what one puts, another gets, in order, each item once.
///
/// {@snippet file="ExamplesTest.java" region="hello"}
///
/// A queue in a file has a name by which processes find it that no task has given it to:
///
/// {@snippet file="ExamplesTest.java" region="file"}
///
/// It is serializable in this sense: a [Task] may capture it, and in the worker it is attached to the same queue. So is
/// a queue in an item of [Codec#object(Class...)] that lists `SharedQueue.class`, or of [Codec#record(Class)]: see
/// there.
///
/// - *Order*: if a put returned before another one began, in whatever process, its item comes first.
/// - *Truth*: when a put has returned, [#isEmpty()] is false until the item is got, and a get finds it.
/// - *Kills*: a process that is killed or stopped at any moment, in a put or a get, loses, doubles and delays nothing
///   of others. A consumer that is killed right after it took an item takes that item along, or those that a [#drain]
///   took at once; in a leased queue ([QueueOptions#leased()]) one that has a [#lease()] does not: the item is lent
///   again, until [done][Lease#done()].
///
/// Thread-safe. In each process the threads that use one handle share a producer and a consumer, made when they are
/// first needed, under two locks that are not held while waiting for room or items. Of the threads that wait for the
/// same, one sleeps in the kernel and the others, in the order in which they came, for their turn. A virtual thread
/// that waits gives its carrier back. An interrupt may be noticed 50 ms late by a platform thread.
///
/// For code that takes a `java.util.concurrent.BlockingQueue`, with its names, `offer`, `poll`, `take` and so on, there
/// is [#asBlockingQueue()].
///
/// All that put, get, lend or ask also throw: [QueueClosedException] if this handle was closed, also while they wait;
/// [QueueUnavailableException] if they are the first of this process to put or get, and no lane or place is free
/// (a put that may wait for room waits for a lane, too);
/// [QueueCorruptedException] if the file is damaged.
///
/// - *A put*: [MessageTooLargeException] if the item's bytes are more than half a lane, and what the codec throws.
///   Nothing was put then.
/// - *A get*: [UncheckedIOException], or what else the codec throws, if it cannot decode the item. The item was taken
///   then. Of a leased queue, an item that [#get()] returns is done.
/// - *A lease*: the same if it cannot decode the item, but that was only an attempt. [IllegalStateException] if the
///   queue is not leased; [QueueFullException] if an item has had its attempts, but the queue of dead letters is full.
///
/// @param <E> what is put and got, as the [Codec] knows it; never null
public final class SharedQueue<E> extends SharedQueueState<E> implements AutoCloseable, Serializable {
    private static final long serialVersionUID = 1;

    final transient Delivery delivery;
    final transient @Nullable SharedQueue<E> deadLetters;

    private SharedQueue(LaneQueue queue, Codec<E> codec, Delivery delivery, boolean isNew) {
        this(queue, codec, delivery, deadLettersOf(queue, codec, isNew));
    }

    private SharedQueue(LaneQueue queue, Codec<E> codec, Delivery delivery, @Nullable SharedQueue<E> deadLetters) {
        super(queue, codec, delivery, deadLetters == null ? null : deadLetters.puts);
        this.delivery = delivery;
        this.deadLetters = deadLetters;
    }

    private static <E> @Nullable SharedQueue<E> deadLettersOf(LaneQueue queue, Codec<E> codec, boolean isNew) {
        Leasing leasing = queue.geometry().leasing();
        return leasing == null || leasing.maxAttempts() == 0 ? null
                : new SharedQueue<>(DeadLetters.openBeside(queue, isNew), codec, Delivery.SHARED, false);
    }

    // ---- make and open

    /// Makes a queue without a name of its own, with the default options. Workers get it by capturing it. It is removed
    /// when the last process that has it ends or closes it.
    ///
    /// @param <E> what is put and got
    /// @param codec how items become bytes
    /// @return the queue
    /// @throws QueueUnavailableException if it cannot be made
    public static <E> SharedQueue<E> create(Codec<E> codec) {
        return create(codec, QueueOptions.DEFAULT);
    }

    /// Makes a queue without a name of its own. Workers get it by capturing it. It is removed when the last process
    /// that has it ends or closes it.
    ///
    /// @param <E> what is put and got
    /// @param codec how items become bytes
    /// @param options its shape
    /// @return the queue
    /// @throws QueueUnavailableException if it cannot be made
    public static <E> SharedQueue<E> create(Codec<E> codec, QueueOptions options) {
        return OwnException.translate(() -> new SharedQueue<>(
                LaneQueue.createAnonymous(options.geometry(), codec.name()), codec, options.delivery(), true));
    }

    /// The same with chunks of another size: a lane that was used keeps two of them, whatever waits in it.
    static <E> SharedQueue<E> create(Codec<E> codec, QueueOptions options, long chunkBytes) {
        QueueGeometry usual = options.geometry();
        QueueGeometry geometry = new QueueGeometry(usual.lanes(), usual.laneBytes(), chunkBytes, usual.maxItems(),
                usual.leasing(), usual.minProducers());
        return OwnException.translate(() -> new SharedQueue<>(
                LaneQueue.createAnonymous(geometry, codec.name()), codec, options.delivery(), true));
    }

    /// Makes a queue in a file that any process of this user can [open][#open(Path, Codec)]. It stays, with its items,
    /// until it is [deleted][#delete(Path)] or the machine is restarted.
    ///
    /// @param <E> what is put and got
    /// @param file where; `/dev/shm` is the fastest place
    /// @param codec how items become bytes
    /// @param options its shape
    /// @return the queue
    /// @throws QueueUnavailableException if the file exists or cannot be made
    public static <E> SharedQueue<E> create(Path file, Codec<E> codec, QueueOptions options) {
        return OwnException.translate(() -> new SharedQueue<>(
                LaneQueue.create(file, options.geometry(), codec.name()), codec, options.delivery(), true));
    }

    /// Opens a queue: a leased one if it was made so, else one of which any number of processes get.
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

    /// Opens a queue of which no other process gets at the same time. If another one does, or if the queue is leased,
    /// the first get throws a [QueueUnavailableException].
    ///
    /// @param <E> what is put and got
    /// @param file the queue's file
    /// @param codec how items become bytes; the same as in the process that made the queue
    /// @return the queue
    /// @throws QueueUnavailableException if there is no such queue, or it may not be used
    /// @throws IllegalArgumentException if it was made with another codec
    public static <E> SharedQueue<E> openExclusive(Path file, Codec<E> codec) {
        return open(file, codec, Delivery.EXCLUSIVE);
    }

    /// `delivery` is how this process gets, if it does: the same in all that get at the same time; null: leased if the
    /// queue was made so, else shared.
    static <E> SharedQueue<E> open(Path file, Codec<E> codec, @Nullable Delivery delivery) {
        String label = codec.name(); // before anything is open
        try {
            LaneQueue queue = LaneQueue.open(file);
            if (!queue.label().equals(label)) {
                queue.close();
                throw new IllegalArgumentException(file + " was made with codec \"" + queue.label() + "\", not \""
                        + label + "\"; use the same one in all processes");
            }
            Delivery made = queue.geometry().leasing() == null ? Delivery.SHARED : Delivery.LEASED;
            return new SharedQueue<>(queue, codec, delivery == null ? made : delivery, false);
        } catch (QueueException e) {
            throw OwnException.of(e);
        }
    }

    /// Removes a queue's file, and the items in it, its dead letters too.
    ///
    /// @param file the queue's file
    /// @throws QueueUnavailableException if there is none, it is no queue, or some process has it open
    public static void delete(Path file) {
        OwnException.translate(() -> {
            DeadLetters.deleteWith(file);
            return file;
        });
    }

    // ---- put

    /// Puts an item, and waits for room as long as it takes.
    ///
    /// @param item not null
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    public void put(E item) throws InterruptedException {
        put(item, Long.MAX_VALUE);
    }

    /// Puts an item, and waits for room.
    ///
    /// @param item not null
    /// @param timeout the longest wait; zero or less does not wait
    /// @throws QueueFullException if the queue was full until the time-out was over; nothing was put
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    public void put(E item, Duration timeout) throws InterruptedException {
        if (!put(item, Turn.nanos(timeout))) {
            throw new QueueFullException(path() + " was full" + Turn.text(timeout) + ", with " + size() + " items"
                    + PutEnd.why(queue));
        }
    }

    /// Puts an item if there is room now.
    ///
    /// @param item not null
    /// @return false if the queue is full; with a bound on the items also if another put is after the last free place
    public boolean tryPut(E item) {
        Objects.requireNonNull(item, "item");
        try {
            return puts.tryPut(item);
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
    }

    /// Puts all of the items or none, in their order, and waits for room for all of them as long as it
    /// takes. A kill at any moment leaves all or none. Faster than as many puts.
    ///
    /// @param items not null, nor any of them; together at most half a lane, else [MessageTooLargeException]
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    /// @throws IllegalArgumentException if they are more than the queue's bound; nothing was put
    public void putAll(Collection<? extends E> items) throws InterruptedException {
        putAll(items, Duration.ofNanos(Long.MAX_VALUE));
    }

    /// The same, and waits for room up to the time-out.
    ///
    /// @param items as for [#putAll(Collection)]
    /// @param timeout the longest wait; zero or less does not wait
    /// @throws QueueFullException if there was no room for all until the time-out was over; nothing was put
    /// @throws InterruptedException if the thread is interrupted while it waits; nothing was put
    public void putAll(Collection<? extends E> items, Duration timeout) throws InterruptedException {
        try {
            if (puts.putAll(items, Turn.nanos(timeout))) return;
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
        throw new QueueFullException(
                path() + " had no room for " + items.size() + " items" + Turn.text(timeout) + PutEnd.why(queue));
    }

    /// Puts all of the items or none, if there is room for all of them now.
    ///
    /// @param items as for [#putAll(Collection)]
    /// @return false if the queue is too full; nothing was put
    public boolean tryPutAll(Collection<? extends E> items) {
        return ask(() -> puts.tryPutAll(items));
    }

    // ---- get

    /// Takes the next item, and waits for it as long as it takes.
    ///
    /// @return the item
    /// @throws InterruptedException if the thread is interrupted while it waits
    public E get() throws InterruptedException {
        return Objects.requireNonNull(await(this::tryGet, Long.MAX_VALUE));
    }

    /// Takes the next item, and waits for it.
    ///
    /// @param timeout the longest wait; zero or less does not wait
    /// @return the item
    /// @throws QueueEmptyException if the queue was empty until the time-out was over
    /// @throws InterruptedException if the thread is interrupted while it waits
    public E get(Duration timeout) throws InterruptedException {
        E item = await(this::tryGet, Turn.nanos(timeout));
        if (item == null) throw new QueueEmptyException(path() + " was empty" + Turn.text(timeout));
        return item;
    }

    /// Takes the next item if there is one.
    ///
    /// @return the item, or null if the queue is empty
    public @Nullable E tryGet() {
        try {
            return gets.tryGet(this);
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
    }

    /// Takes the items that are there, up to a number, and hands each to an action. Does not wait. Cheaper than as many
    /// gets: some are taken at once, 64 at the most (of a leased queue, one). A process that is killed in here takes
    /// along those that were taken, and not handed out yet. The action may take its time, and use the queue.
    ///
    /// If the action throws, its item and those taken at once with it are kept: they are what this handle gets or
    /// drains next, but not what it lends. They count in [#size()] here, not elsewhere, and are gone when the handle is
    /// closed. If an item cannot be decoded, those taken at once with it are handed out before this throws.
    ///
    /// @param action gets each item
    /// @param limit the most items, 1 or more
    /// @return how many there were; 0 if the queue is empty
    public int drain(Consumer<? super E> action, int limit) {
        Objects.requireNonNull(action, "action");
        if (limit < 1) throw new IllegalArgumentException("limit=" + limit + ", must be 1 or more");
        return ask(() -> gets.drain(this, action, limit));
    }

    /// Takes the items that are there, up to a number, and adds them to a collection: [#drain], also if adding fails.
    ///
    /// {@snippet file="ExamplesTest.java" region="drain"}
    ///
    /// @param to gets the items
    /// @param limit the most items, 1 or more
    /// @return how many there were; 0 if the queue is empty
    public int drainTo(Collection<? super E> to, int limit) {
        return drain(to::add, limit);
    }

    // ---- lease

    /// Takes a lease on the next item, and waits for it as long as it takes.
    ///
    /// @return the lease
    /// @throws InterruptedException if the thread is interrupted while it waits
    public Lease<E> lease() throws InterruptedException {
        return Objects.requireNonNull(await(this::tryLease, Long.MAX_VALUE));
    }

    /// Takes a lease on the next item, and waits for it.
    ///
    /// @param timeout the longest wait; zero or less does not wait
    /// @return the lease
    /// @throws QueueEmptyException if every item was lent or done until the time-out was over
    /// @throws InterruptedException if the thread is interrupted while it waits
    public Lease<E> lease(Duration timeout) throws InterruptedException {
        Lease<E> lease = await(this::tryLease, Turn.nanos(timeout));
        if (lease == null) throw new QueueEmptyException(path() + " had nothing to lend" + Turn.text(timeout));
        return lease;
    }

    /// Takes a lease on the next item if there is one that is not lent.
    ///
    /// @return the lease, or null if every item is lent or done
    public @Nullable Lease<E> tryLease() {
        return ask(() -> gets.tryLease(this));
    }

    /// Returns the queue of the items that were lent [QueueOptions#maxAttempts()] times and never done. An item may be
    /// there twice if a process was killed while it put it there. It is closed with this handle.
    ///
    /// {@snippet file="ExamplesTest.java" region="dead-letters"}
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

    /// Closes this handle: its waiting threads get a [QueueClosedException], other processes are not affected, and
    /// items stay. The file of a queue that was made without a name is removed when no process has it open any more.
    @Override
    public void close() {
        try {
            ends.close();
        } finally {
            if (deadLetters != null) deadLetters.close();
        }
    }

    // ---- how it travels

    private Object writeReplace() {
        requireOpen();
        return new QueueAddress<>(QueueAddress.textOf(path()), codec, delivery);
    }

    private void readObject(ObjectInputStream in) throws InvalidObjectException {
        throw new InvalidObjectException("a queue travels as its address");
    }
}
