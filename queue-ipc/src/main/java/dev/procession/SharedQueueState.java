package dev.procession;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueException;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What a handle consists of; what may be asked of a queue, and how its stream ends. Its methods are those of
/// [SharedQueue].
abstract class SharedQueueState<E> {
    final transient LaneQueue queue;
    final transient Codec<E> codec;
    final transient PutEnd<E> puts;
    final transient GetEnd<E> gets;
    final transient Ends ends;

    SharedQueueState(LaneQueue queue, Codec<E> codec, Delivery delivery, @Nullable PutEnd<E> deadLetters) {
        this.queue = queue;
        this.codec = codec;
        puts = new PutEnd<>(queue, codec);
        Leasing leasing = queue.geometry().leasing();
        gets = new GetEnd<>(queue, codec, delivery, leasing == null ? 0 : leasing.maxAttempts(), deadLetters);
        ends = new Ends(queue, puts, gets);
    }

    // ---- ask

    /// Returns the queue's file, which others can open.
    ///
    /// @return its absolute path
    public Path path() {
        return queue.path();
    }

    /// Whether there was a moment during this call at which the queue was empty. An item that is lent is in the queue
    /// until it is done.
    ///
    /// @return whether it was
    public boolean isEmpty() {
        return ask(() -> queue.isEmpty() && gets.keptCount() == 0);
    }

    /// Whether a put would find the queue full: its bound on the items is reached, or this process's lane has no room
    /// for the shortest item. A put of another process that is under way, or was stopped there, takes a place of the
    /// bound already.
    ///
    /// @return whether it is full
    public boolean isFull() {
        return ask(() -> queue.isFull() || puts.isLaneFull()); // the first says so if this handle was closed
    }

    /// Counts the items that are in the queue, lent ones too, in some nanoseconds for each.
    ///
    /// @return how many; while others put and get, a number that was nearly right lately
    public long size() {
        return ask(() -> queue.size() + gets.keptCount());
    }

    /// Looks at the next item, and leaves it there: a get may find it, if no other process or thread takes it before.
    /// Takes no part in getting: also a process that only puts may look, and one beside an exclusive one that gets.
    ///
    /// Of a leased queue, the next item that is not lent; one that is lent for longer than [QueueOptions#visibility()]
    /// is seen again when it has been got again, and one that has had its attempts until it is set aside.
    ///
    /// @return the item, or null if the queue is empty, also after its end
    public @Nullable E peek() {
        return ask(gets::peek);
    }

    /// Returns this queue as a [BlockingQueue], for code that takes one, a [ThreadPoolExecutor] for instance:
    ///
    /// {@snippet file="ExamplesTest.java" region="blocking-queue"}
    ///
    /// It is a view: what is done to it is done to the queue. Any number of processes may have one. A pool whose tasks
    /// those of other processes take, too, is ended by `shutdownNow`: `shutdown` may wait for one that another has got.
    ///
    /// It does what `java.util.concurrent` says, and this where that leaves a choice, or asks what cannot be given:
    ///
    /// - *Order*: first in, first out, whichever thread has waited for how long. No null, as usual.
    /// - *Interrupts*: methods that may wait throw [InterruptedException] if the thread is interrupted before, even if
    ///   they would not wait.
    /// - *The end*: what puts or takes, [BlockingQueue#poll()] too, throws the exceptions of this class. After a
    ///   [shut-down][#shutDown()], or when the queue has ended, that is a [QueueShutDownException] or a
    ///   [QueueEndedException]. `peek` returns null then, `drainTo` 0, and an iterator has no next.
    /// - *Room*: `remainingCapacity` is `Integer.MAX_VALUE` without a [bound on the items][QueueOptions#maxItems()],
    ///   although the memory has one: `offer` returns false at either.
    /// - *Looks*: the iterator, and with it `contains`, `toArray` and so on, sees each item at most once; what is put
    ///   or taken meanwhile, or not; and no more items than there were at its beginning. Each is decoded anew, so
    ///   `contains` finds an item only if its class has an `equals`.
    /// - *Removal* is from the head only: `remove(Object)` and the iterator's `remove` throw
    ///   [UnsupportedOperationException], and so do `removeAll`, `retainAll` and `removeIf` when they find something.
    /// - *Bulk*: `addAll` puts one after the other; [SharedQueue#putAll(java.util.Collection)] all or none. `drainTo`
    ///   and `clear` take what was there when they began.
    /// - *Leased*: an item that is taken is done. `size`, `isEmpty` and the iterator count what is lent; `poll` and
    ///   `peek` do not find it.
    ///
    /// @return the view
    public BlockingQueue<E> asBlockingQueue() {
        return new BlockingView<>(this);
    }

    final <T extends @Nullable Object> T ask(Supplier<T> question) {
        try {
            return OwnException.translate(question);
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
    }

    // ---- wait

    /// @return false if there was no room until the time-out was over
    final boolean put(E item, long timeoutNanos) throws InterruptedException {
        Objects.requireNonNull(item, "item");
        try {
            return puts.put(item, timeoutNanos);
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
    }

    final <T> @Nullable T await(Supplier<@Nullable T> attempt, long timeoutNanos) throws InterruptedException {
        try {
            return gets.await(attempt, timeoutNanos);
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
    }

    // ---- the end of the stream

    /// Shuts the queue down, in every process, for good: a put that begins after this call throws a
    /// [QueueShutDownException]; gets go on until the queue is empty, and then throw it; threads that wait do, too. It
    /// stays shut down if this process is killed.
    ///
    /// A put that overlaps the call may still arrive, even after gets have thrown: then the next one gets it. If none
    /// may be left, call this after all puts have returned, or get once more after they have.
    public void shutDown() {
        end(queue::shutDown);
    }

    /// The same, but gets that begin after this call throw the exception at once, whatever is left.
    public void shutDownNow() {
        end(queue::shutDownNow);
    }

    private void end(Runnable action) {
        ask(() -> {
            action.run();
            return true;
        });
    }

    /// Whether it was shut down, by this or another process.
    ///
    /// @return whether it was
    public boolean isShutDown() {
        return ask(queue::isShutDown);
    }

    /// Waits until all items that were put before this call are got, or done in a leased queue, whatever dies
    /// meanwhile: then all of the work is done. It may be noticed up to 50 ms late.
    ///
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueShutDownException if something is left for ever, since [#shutDownNow()] was called
    public void join() throws InterruptedException {
        boolean unused = join(Duration.ofNanos(Long.MAX_VALUE));
    }

    /// The same, with a time-out.
    ///
    /// @param timeout the longest wait; zero or less does not wait
    /// @return whether they are
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueShutDownException if something is left for ever, since [#shutDownNow()] was called
    public boolean join(Duration timeout) throws InterruptedException {
        try {
            return queue.join(Turn.nanos(timeout));
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(this); // see Ends
        }
    }

    /// @throws IllegalArgumentException if it was closed: a reader of its address would find it gone
    void requireOpen() {
        if (ends.isClosed()) throw new IllegalArgumentException(path() + " was closed, so its address leads nowhere");
    }

    /// Returns the path and the codec's name, for messages and logs.
    @Override
    public String toString() {
        return "SharedQueue[" + path() + ", " + codec.name() + "]";
    }
}
