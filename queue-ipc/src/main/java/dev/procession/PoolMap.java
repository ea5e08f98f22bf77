package dev.procession;

import java.io.Serializable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.Spliterator;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/// The results of a function that a [WorkerPool] applies to some items: for one thread, but for [#close].
///
/// Items are taken, and submitted in chunks, when a result is asked for; so many chunks are ahead that each worker has
/// another one when it is done with its own.
final class PoolMap<T, R> implements Spliterator<R> {
    /// Of a chunk ahead, for each worker.
    private static final int CHUNKS_AHEAD = 2;
    private static final int MOST_SUPPRESSED = 100;
    /// What a chunk takes if its size is ours to choose: much longer than its way.
    private static final long ENOUGH_NANOS = 2_000_000;
    private static final int MOST_ITEMS = 1000;

    /// What has become of a chunk, and how long it took.
    private record Outcomes(byte[][] each, long nanos) implements Serializable {
        private static final long serialVersionUID = 1;
    }

    /// Items that travel together. The outcome of each one is encoded for itself, so none spoils that of another.
    private record Chunk<T, R>(Fn<? super T, ? extends R> fn, ArrayList<T> items) implements Call<Outcomes> {
        private static final long serialVersionUID = 1;

        @Override
        public Outcomes call() throws InterruptedException {
            long start = System.nanoTime();
            byte[][] outcomes = new byte[items.size()][];
            boolean[] isInterrupted = {false};
            for (int i = 0; i < outcomes.length; i++) {
                T item = items.get(i);
                outcomes[i] = Outcome.of(() -> {
                    try {
                        return fn.apply(item);
                    } catch (InterruptedException e) {
                        isInterrupted[0] = true;
                        throw e;
                    }
                });
                // the chunk was cancelled, or has had its time: the rest is not wanted
                if (isInterrupted[0] || Thread.currentThread().isInterrupted()) {
                    if (outcomes.length > 1) throw new InterruptedException();
                }
            }
            return new Outcomes(outcomes, System.nanoTime() - start);
        }
    }

    /// A chunk that was submitted.
    private record Part(Future<Outcomes> future, int count) {
    }

    private final PoolService pool;
    private final boolean isMeasured;
    private int chunk; // how many items of it the next one has
    private final int mostAhead;
    private final boolean isOrdered;
    private final Supplier<? extends Iterator<? extends T>> items;
    private final Fn<? super T, ? extends R> fn;

    private @Nullable Iterator<? extends T> source; // null: not begun
    private @Nullable Throwable sourceFailure; // after it there is nothing more
    private boolean isExhausted;
    private final ArrayDeque<Part> inOrder = new ArrayDeque<>();
    private final LinkedBlockingQueue<Part> done = new LinkedBlockingQueue<>();
    /// What comes next: the outcomes of items, or what their chunk has failed with.
    private final Queue<Object> ready = new ArrayDeque<>();
    private final Set<Future<?>> ahead = new HashSet<>(); // these are guarded by it
    private boolean isClosed;

    private PoolMap(PoolService pool, PoolSettings settings, boolean isOrdered,
            Supplier<? extends Iterator<? extends T>> items, Fn<? super T, ? extends R> fn) {
        this.pool = pool;
        isMeasured = settings.chunk() == 0;
        chunk = isMeasured ? 1 : settings.chunk();
        mostAhead = (1 + CHUNKS_AHEAD) * settings.size();
        this.isOrdered = isOrdered;
        this.items = items;
        this.fn = Objects.requireNonNull(fn, "fn");
        byte[] unused = pool.pack(fn); // says at once if it cannot be sent
    }

    static <T, R> Stream<R> stream(PoolService pool, PoolSettings settings, boolean isOrdered,
            Supplier<? extends Iterator<? extends T>> items, Fn<? super T, ? extends R> fn) {
        PoolMap<T, R> map = new PoolMap<>(pool, settings, isOrdered, items, fn);
        return StreamSupport.<R>stream(map, false).onClose(map::close);
    }

    static <T> void forEach(PoolService pool, PoolSettings settings, Supplier<? extends Iterator<? extends T>> items,
            Each<? super T> action) {
        Objects.requireNonNull(action, "action");
        PoolMap<T, Void> map = new PoolMap<>(pool, settings, false, items, item -> {
            action.accept(item);
            return null;
        });
        CompletionException first = null;
        try {
            while (true) {
                try {
                    if (!map.tryAdvance(nothing -> {})) break;
                } catch (CompletionException e) {
                    if (first == null) first = e;
                    else if (first.getSuppressed().length < MOST_SUPPRESSED) first.addSuppressed(e.getCause());
                }
            }
        } finally {
            map.close();
        }
        if (first != null) throw first;
    }

    /// Throws at the place of an item what went wrong with it; the next call goes on with the next item.
    @Override
    public boolean tryAdvance(Consumer<? super R> action) {
        while (ready.isEmpty()) {
            submitAhead();
            if (!awaitPart()) {
                Throwable failure = sourceFailure;
                sourceFailure = null;
                if (failure instanceof Error error) throw error;
                if (failure != null) throw (RuntimeException) failure;
                return false;
            }
        }
        action.accept(read(ready.remove()));
        return true;
    }

    private R read(Object outcome) {
        if (outcome instanceof Throwable failure) throw new CompletionException(failure);
        byte[] bytes = (byte[]) outcome;
        try {
            @SuppressWarnings("unchecked")
            R result = (R) Outcome.get(bytes, bytes.length);
            return result;
        } catch (ExecutionException e) {
            throw new CompletionException(e.getCause());
        } catch (RuntimeException e) {
            throw new CompletionException(e);
        }
    }

    private void submitAhead() {
        while (!isExhausted && ahead() < mostAhead) {
            ArrayList<T> next = new ArrayList<>();
            try {
                Iterator<? extends T> source = this.source;
                if (source == null) {
                    this.source = source = Objects.requireNonNull(items.get(), "the items' iterator() is null");
                }
                while (next.size() < chunk && source.hasNext()) next.add(source.next());
                isExhausted = next.isEmpty();
            } catch (RuntimeException | Error e) { // at its place, too
                isExhausted = true;
                sourceFailure = e;
            }
            if (!next.isEmpty()) submit(next);
        }
    }

    private void submit(ArrayList<T> items) {
        int count = items.size();
        try {
            Future<Outcomes> future = pool.submitPart(new Chunk<T, R>(fn, items),
                    isOrdered ? end -> {} : end -> done.add(new Part(end, count)));
            add(future);
            if (isOrdered) inOrder.add(new Part(future, count));
        } catch (IllegalArgumentException e) {
            if (count == 1) {
                failed(e);
                return;
            }
            for (T each : items) submit(new ArrayList<>(Collections.singletonList(each))); // one cannot be sent
        } catch (RejectedExecutionException e) {
            isExhausted = true;
            sourceFailure = e.getCause() instanceof InterruptedException
                    ? new CancellationException("The thread was interrupted while it waited for room.") : e;
        }
    }

    private void failed(Throwable why) {
        Part part = new Part(CompletableFuture.failedFuture(why), 1);
        add(part.future);
        if (isOrdered) inOrder.add(part);
        else done.add(part);
    }

    private int ahead() {
        synchronized (ahead) {
            return ahead.size();
        }
    }

    private void add(Future<?> future) {
        synchronized (ahead) {
            ahead.add(future);
            if (!isClosed) return;
        }
        future.cancel(true);
    }

    /// Waits for the next one that is to be read.
    ///
    /// @return false if there is none
    private boolean awaitPart() {
        if (ahead() == 0) return false;
        Part part;
        try {
            part = isOrdered ? awaitFirst() : done.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("The thread was interrupted while it waited for a result.");
        }
        synchronized (ahead) {
            ahead.remove(part.future);
        }
        switch (part.future.state()) {
            case SUCCESS -> {
                Outcomes outcomes = part.future.resultNow();
                Collections.addAll(ready, outcomes.each);
                if (isMeasured) measure(outcomes.nanos, part.count);
            }
            case FAILED -> ready.addAll(Collections.nCopies(part.count, part.future.exceptionNow()));
            default -> throw new CancellationException("The stream was closed, or the pool was shut down.");
        }
        return true;
    }

    /// The next chunks take some milliseconds, if items go on as these.
    private void measure(long nanos, int count) {
        long wanted = ENOUGH_NANOS * count / Math.max(nanos, 1);
        chunk = (int) Math.clamp(wanted, 1, Math.min(2L * chunk, MOST_ITEMS)); // not all at once: the first may be easy
    }

    private Part awaitFirst() throws InterruptedException {
        try {
            inOrder.element().future.get();
        } catch (ExecutionException | CancellationException e) {
            // its state says so
        }
        return inOrder.remove();
    }

    /// Cancels what was submitted. May be called by any thread.
    private void close() {
        List<Future<?>> rest;
        synchronized (ahead) {
            isClosed = true;
            rest = new ArrayList<>(ahead);
        }
        PoolBatch.cancelAll(rest);
    }

    @Override
    public @Nullable Spliterator<R> trySplit() {
        return null; // the workers work in parallel
    }

    @Override
    public long estimateSize() {
        return Long.MAX_VALUE;
    }

    @Override
    public int characteristics() {
        return isOrdered ? ORDERED : 0;
    }
}
