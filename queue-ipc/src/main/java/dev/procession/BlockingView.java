package dev.procession;

import dev.procession.core.Browser;
import java.util.AbstractQueue;
import java.util.Collection;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A queue as one of `java.util.concurrent`: see [SharedQueue#asBlockingQueue()].
final class BlockingView<E> extends AbstractQueue<E> implements BlockingQueue<E> {
    private final SharedQueueState<E> queue;

    BlockingView(SharedQueueState<E> queue) {
        this.queue = queue;
    }

    // ---- put

    @Override
    public boolean offer(E item) {
        Objects.requireNonNull(item, "item");
        return queue.ask(() -> queue.puts.tryPut(item));
    }

    @Override
    public boolean offer(E item, long timeout, TimeUnit unit) throws InterruptedException {
        Objects.requireNonNull(item, "item");
        checkNotInterrupted();
        return queue.put(item, unit.toNanos(timeout));
    }

    @Override
    public void put(E item) throws InterruptedException {
        boolean unused = offer(item, Long.MAX_VALUE, TimeUnit.NANOSECONDS);
    }

    @Override
    public int remainingCapacity() {
        long most = queue.queue.geometry().maxItems();
        return most == 0 ? Integer.MAX_VALUE : Math.clamp(most - queue.size(), 0, Integer.MAX_VALUE);
    }

    // ---- take

    @Override
    public @Nullable E poll() {
        return queue.ask(this::tryGet);
    }

    @Override
    public @Nullable E poll(long timeout, TimeUnit unit) throws InterruptedException {
        checkNotInterrupted();
        return queue.await(this::tryGet, unit.toNanos(timeout));
    }

    @Override
    public E take() throws InterruptedException {
        return Objects.requireNonNull(poll(Long.MAX_VALUE, TimeUnit.NANOSECONDS));
    }

    private @Nullable E tryGet() {
        return queue.gets.tryGet(queue);
    }

    @Override
    public int drainTo(Collection<? super E> to) {
        return drainTo(to, Integer.MAX_VALUE);
    }

    @Override
    public int drainTo(Collection<? super E> to, int most) {
        Objects.requireNonNull(to, "to");
        if (to instanceof BlockingView<?> view && view.queue == queue) {
            throw new IllegalArgumentException("a queue cannot be drained to itself");
        }
        return drain(to::add, most);
    }

    @Override
    public void clear() {
        int unused = drain(item -> {}, Integer.MAX_VALUE);
    }

    private int drain(Consumer<E> action, int most) {
        // no more than are there: others may put for ever
        int limit = (int) Math.min(most, queue.size());
        if (limit <= 0) return 0;
        int[] count = new int[1];
        try {
            return queue.ask(() -> queue.gets.drain(queue, item -> {
                action.accept(item);
                count[0]++;
            }, limit));
        } catch (QueueShutDownException | QueueEndedException e) {
            if (queue.isEmpty()) return count[0]; // others were faster, and there will be no more
            throw e;
        }
    }

    private static void checkNotInterrupted() throws InterruptedException {
        if (Thread.interrupted()) throw new InterruptedException();
    }

    // ---- look

    @Override
    public @Nullable E peek() {
        return queue.peek();
    }

    @Override
    public boolean isEmpty() {
        return queue.isEmpty();
    }

    @Override
    public int size() {
        return (int) Math.min(queue.size(), Integer.MAX_VALUE);
    }

    @Override
    public Iterator<E> iterator() {
        return new Look();
    }

    @Override
    public boolean remove(@Nullable Object item) {
        throw new UnsupportedOperationException("items of " + queue.path()
                + " can be removed from the head only, by poll() and the like: others may get them");
    }

    /// Sees no more items than there were at its beginning: others may put for ever.
    private final class Look implements Iterator<E> {
        private final Iterator<E> kept;
        private final Browser browser;
        private long left;
        private @Nullable E next;

        Look() {
            left = queue.size();
            kept = queue.gets.keptItems().iterator();
            browser = queue.ask(() -> queue.queue.newBrowser(true));
        }

        private @Nullable E look() {
            if (left-- <= 0) return null;
            return kept.hasNext() ? kept.next() : queue.ask(() -> queue.gets.next(browser));
        }

        @Override
        public boolean hasNext() {
            if (next == null) next = look();
            return next != null;
        }

        @Override
        public E next() {
            if (!hasNext()) throw new NoSuchElementException();
            E item = Objects.requireNonNull(next);
            next = null;
            return item;
        }
    }
}
