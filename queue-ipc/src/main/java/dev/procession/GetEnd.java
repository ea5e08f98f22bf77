package dev.procession;

import dev.procession.codec.Format;
import dev.procession.core.Browser;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Message;
import dev.procession.core.MessageHandler;
import dev.procession.core.WaitStrategy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What the threads of this process get with that use the same handle: one consumer, made when it is first needed,
/// under a lock that is not held while a thread waits for items. It does not refer to the handle: see [Ends].
final class GetEnd<E> {
    /// The most items that a drain takes at once.
    private static final int RUN_ITEMS = 64;

    private final LaneQueue queue;
    private final Codec<E> codec;
    private final @Nullable Format<E> format; // as in PutEnd
    private final Delivery delivery;
    private final int maxAttempts;
    private final @Nullable PutEnd<E> deadLetters; // null if there is no limit of attempts

    private final ShortLock lock = new ShortLock();
    private final Turn turn = new Turn();
    private @Nullable Consumer consumer; // guarded by the lock, as are the next
    private @Nullable Decoder decoder; // of the consumer's message, which is always the same object
    private @Nullable E decoded;
    private @Nullable Lease<E> lent;
    private final MessageHandler handler = this::decode;

    private @Nullable ArrayDeque<E> run; // of the drain that takes right now; guarded by the lock, as is the next
    private final ArrayDeque<E> kept = new ArrayDeque<>(); // what drains took whose actions threw
    private volatile int keptCount;
    private final MessageHandler runHandler = this::decodeToRun;

    GetEnd(LaneQueue queue, Codec<E> codec, Delivery delivery, int maxAttempts, @Nullable PutEnd<E> deadLetters) {
        this.queue = queue;
        this.codec = codec;
        format = codec instanceof FormatCodec<E> own ? own.format : null;
        this.delivery = delivery;
        this.maxAttempts = maxAttempts;
        this.deadLetters = deadLetters;
    }

    /// Of a leased queue, an item is lent, and done. The handle is for [Lease].
    ///
    /// @return null if there is none now
    @Nullable
    E tryGet(Object handle) {
        if (keptCount > 0) {
            E item = takeKept();
            if (item != null) return item;
        }
        return delivery == Delivery.LEASED && deadLetters != null ? takeLent(handle) : take();
    }

    private @Nullable E take() {
        lock.lock();
        try {
            while (true) {
                try {
                    consumer().poll(handler, 1);
                    return decoded;
                } catch (dev.procession.core.LeaseLostException e) {
                    decoded = null; // this process was stopped for so long that another one has the item
                }
            }
        } finally {
            decoded = null;
            lock.unlock();
        }
    }

    /// The same, where it depends on the lease whether an item is to be got.
    private @Nullable E takeLent(Object handle) {
        for (Lease<E> lease; (lease = tryLease(handle)) != null;) {
            try (Lease<E> taken = lease) { // closed: given back, if there is no memory to finish it
                taken.done();
                return taken.value();
            } catch (LeaseLostException e) {
                // as in take()
            }
        }
        return null;
    }

    /// Hands out what is there, up to `limit` items. The action runs without the lock: it may take its time, and use
    /// the queue. So what was taken, and not handed out because it threw, is kept.
    int drain(Object handle, java.util.function.Consumer<? super E> action, int limit) {
        var taken = new ArrayDeque<E>();
        int count = 0;
        for (int most; (most = Math.min(limit - count, RUN_ITEMS)) > 0;) {
            try {
                takeRun(handle, taken, most);
            } catch (Throwable e) { // one of them could not be decoded; the others go out first
                try {
                    handOut(taken, action);
                } catch (Throwable also) {
                    if (also != e) e.addSuppressed(also);
                }
                throw e;
            }
            if (taken.isEmpty()) break;
            count += handOut(taken, action);
        }
        return count;
    }

    private int handOut(ArrayDeque<E> taken, java.util.function.Consumer<? super E> action) {
        int count = 0;
        try {
            for (E item; (item = taken.peek()) != null; count++) {
                action.accept(item);
                taken.remove();
            }
            return count;
        } finally {
            if (!taken.isEmpty()) keep(taken);
        }
    }

    private void takeRun(Object handle, ArrayDeque<E> to, int most) {
        for (E item; keptCount > 0 && to.size() < most && (item = takeKept()) != null;) to.add(item);
        if (!to.isEmpty()) return;
        if (delivery == Delivery.LEASED) {
            E item = tryGet(handle);
            if (item != null) to.add(item);
            return;
        }
        lock.lock();
        try {
            run = to;
            consumer().poll(runHandler, most);
        } finally {
            run = null;
            decoded = null;
            lock.unlock();
        }
    }

    private void decodeToRun(Message message) {
        decode(message);
        Objects.requireNonNull(run).add(Objects.requireNonNull(decoded));
    }

    /// Before what is kept already: that was taken later, by an action of this drain.
    private void keep(ArrayDeque<E> taken) {
        lock.lock();
        try {
            for (E item; (item = taken.pollLast()) != null;) kept.addFirst(item);
            keptCount = kept.size();
        } finally {
            lock.unlock();
        }
    }

    private @Nullable E takeKept() {
        boolean unused = queue.isEmpty(); // says so if the queue was closed
        lock.lock();
        try {
            E item = kept.poll();
            keptCount = kept.size();
            return item;
        } finally {
            lock.unlock();
        }
    }

    int keptCount() {
        return keptCount;
    }

    /// The next item, which stays; null if there is none now.
    @Nullable
    E peek() {
        Browser browser = queue.newBrowser(false); // says so if the queue was closed
        Iterator<E> kept = keptItems().iterator();
        return kept.hasNext() ? kept.next() : next(browser);
    }

    /// A snapshot of what drains have left.
    List<E> keptItems() {
        lock.lock();
        try {
            return List.copyOf(kept);
        } finally {
            lock.unlock();
        }
    }

    /// The next item that a browser shows; null if there is none now.
    @Nullable
    E next(Browser browser) {
        lock.lock();
        try {
            return browser.next(handler) ? decoded : null;
        } finally {
            decoded = null;
            lock.unlock();
        }
    }

    <T> @Nullable T await(Supplier<@Nullable T> attempt, long timeoutNanos) throws InterruptedException {
        T result = attempt.get();
        if (result != null || timeoutNanos <= 0) return result;
        return turn.await(queue.waitingForMessages(WaitStrategy.spinThenSleep()), attempt, timeoutNanos);
    }

    private Consumer consumer() {
        Consumer consumer = this.consumer;
        if (consumer == null) this.consumer = consumer = queue.newConsumer(delivery); // says so if the queue was closed
        return consumer;
    }

    private void decode(Message message) {
        try {
            decoded = format != null ? format.decode(message) : decodeByCodec(message);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "codec " + codec.name() + " cannot decode a message of " + message.length() + " bytes from "
                            + queue.path(),
                    e);
        }
    }

    private E decodeByCodec(Message message) throws IOException {
        Decoder from = decoder;
        if (from == null || from.message != message) decoder = from = new Decoder(message);
        return Objects.requireNonNull(codec.decode(from), "the codec decoded null");
    }

    /// @return null if every item is lent or done
    @Nullable
    Lease<E> tryLease(Object handle) {
        if (delivery != Delivery.LEASED) {
            throw new IllegalStateException(
                    queue.path() + " is not leased; make it with QueueOptions.DEFAULT.leased()");
        }
        lock.lock();
        try {
            var consumer = (LeasingConsumer) consumer();
            while (consumer.tryLease((message, lease) -> receive(handle, message, lease)) != null) {
                if (lent != null) return lent;
            }
            return null;
        } finally {
            decoded = null;
            lent = null;
            lock.unlock();
        }
    }

    /// Decodes an item, or sets it aside if it has had its attempts. If this process is killed right in between,
    /// another one sets it aside once more.
    private void receive(Object handle, Message message, dev.procession.core.Lease lease) {
        if (deadLetters == null || lease.attempt() <= maxAttempts) {
            decode(message);
            // in here: if that fails, it is given back
            lent = new Lease<>(handle, lease, Objects.requireNonNull(decoded));
            return;
        }
        if (!deadLetters.tryPutBytes(message.toBytes())) {
            throw new QueueFullException("an item of " + queue.path() + " was lent " + maxAttempts
                    + " times and never done, but " + deadLetters.path() + " is full; get its items first");
        }
        lease.done();
    }

    void close() {
        lock.lock();
        try {
            if (consumer != null) consumer.close();
        } finally {
            lock.unlock();
        }
    }
}
