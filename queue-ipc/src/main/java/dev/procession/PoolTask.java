package dev.procession;

import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A task of a [WorkerPool], and the future of its result: what the pool knows of it from its submission to its end.
///
/// Whichever comes first of outcome, loss, time limit and cancellation completes it, and the others have no effect. An
/// outcome is read later, by the first thread that asks for it: it may run code of the application, which may do
/// whatever it likes, even wait for other tasks of the pool.
final class PoolTask<R> implements PoolFuture<R>, RunnableFuture<R> {
    /// What is to be known of the end: a callable that throws an [ExecutionException] fails with its cause.
    private static final class End<R> extends FutureTask<R> {
        End(Callable<R> callable) {
            super(callable);
        }

        @Override
        protected void setException(Throwable e) {
            super.setException(e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e);
        }
    }

    private final CompletableFuture<End<R>> end = new CompletableFuture<>();
    private final BiConsumer<PoolTask<?>, Boolean> cancelled;
    private final Consumer<? super PoolTask<R>> whenDone;
    private final @Nullable R result; // of a Runnable
    private final boolean hasResult;
    private volatile @Nullable Callable<R> local; // null: it is done
    private volatile @Nullable End<R> here; // if the pool has given it back
    private volatile @Nullable Worker worker;
    private volatile boolean hasReturned;
    /// Counts how it ends, once it was submitted.
    volatile @Nullable PoolProgress progress;

    /// These are guarded by the pool's lock. The number is given when the task is submitted; numbers grow in the order
    /// of the queue.
    long id;
    volatile int starts;
    /// In serialized form, as long as it is not in the queue.
    byte @Nullable [] packed;
    int length;
    /// Whether it counts as one that waits for its first start.
    boolean waits;
    /// Whether the pool must not end before it.
    boolean isOpen;
    /// The worker that has said that it starts it, and has not said any more.
    @Nullable
    PoolWorker runsOn;
    /// If it runs although it is done: its thread is to be interrupted.
    boolean isToEnd;
    /// What `shutdownNow` returns for it; null: nothing, as the pool itself has submitted it. Then it is cancelled.
    @Nullable
    Runnable givenBack;

    /// @param local     runs it in this process
    /// @param result    in place of that of the task, if it has none
    /// @param cancelled is told of it, and whether it is to be interrupted, before [#cancel] returns
    /// @param whenDone  is called once, whatever the end
    PoolTask(Callable<R> local, boolean hasResult, @Nullable R result, BiConsumer<PoolTask<?>, Boolean> cancelled,
            Consumer<? super PoolTask<R>> whenDone) {
        this.local = local;
        this.hasResult = hasResult;
        this.result = result;
        this.cancelled = cancelled;
        this.whenDone = whenDone;
        givenBack = this;
    }

    // ---- to the pool

    /// It starts once more.
    void starts(PoolWorker on) {
        runsOn = on;
        worker = on.worker();
        starts++;
    }

    /// The pool will not do it. Its caller may.
    void giveBack() {
        Callable<R> local = this.local;
        if (local != null) here = new End<>(local);
    }

    void complete(PoolMessage outcome) {
        if (isDone()) return;
        hasReturned = Outcome.hasReturned(outcome.body());
        complete(new End<>(() -> {
            @SuppressWarnings("unchecked")
            R value = (R) Outcome.get(outcome.body(), outcome.length());
            return hasResult ? value : result;
        }));
    }

    void fail(Throwable why) {
        if (isDone()) return;
        complete(new End<>(() -> {
            throw new ExecutionException(why);
        }));
    }

    /// Of one that is done: whether the worker has said that it has returned.
    boolean hasReturned() {
        return hasReturned;
    }

    private boolean complete(End<R> end) {
        PoolProgress progress = this.progress;
        LongAdder count = progress == null || end.isCancelled() ? null : hasReturned ? progress.done : progress.failed;
        if (count != null) count.increment(); // first: the thread that is woken may look
        if (!this.end.complete(end)) {
            if (count != null) count.decrement();
            return false;
        }
        local = null;
        whenDone.accept(this);
        return true;
    }

    // ---- to the application

    /// Runs it in this process, if the pool has given it back.
    @Override
    public void run() {
        End<R> here = this.here;
        if (here == null || isDone()) return;
        here.run(); // once
        if (here.isDone()) complete(here);
    }

    @Override
    public boolean cancel(boolean interrupt) {
        if (isDone()) return false;
        End<R> none = new End<>(() -> result);
        none.cancel(false);
        if (!complete(none)) return false;
        cancelled.accept(this, interrupt);
        return true;
    }

    @Override
    public boolean isDone() {
        return end.isDone();
    }

    @Override
    public boolean isCancelled() {
        return end.isDone() && end.join().isCancelled();
    }

    @Override
    public R get() throws InterruptedException, ExecutionException {
        End<R> end = this.end.get();
        end.run();
        return end.get();
    }

    @Override
    public R get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        long start = System.nanoTime();
        long nanos = unit.toNanos(timeout);
        End<R> end = this.end.get(nanos, TimeUnit.NANOSECONDS);
        end.run();
        return end.get(nanos - (System.nanoTime() - start), TimeUnit.NANOSECONDS);
    }

    @Override
    public CompletableFuture<R> toCompletableFuture() {
        CompletableFuture<R> copy = new CompletableFuture<>();
        end.thenAcceptAsync(end -> {
            end.run();
            try {
                copy.complete(end.get());
            } catch (ExecutionException e) {
                copy.completeExceptionally(e.getCause());
            } catch (CancellationException | InterruptedException e) {
                copy.cancel(false);
            }
        }, each -> Thread.ofVirtual().start(each));
        return copy;
    }

    @Override
    public Optional<Worker> worker() {
        return Optional.ofNullable(worker);
    }

    @Override
    public int attempt() {
        return starts;
    }

    @Override
    public String toString() {
        return "task " + id + (isCancelled() ? " (cancelled)" : isDone() ? " (done)" : "");
    }
}
