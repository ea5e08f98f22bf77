package dev.procession;

import dev.procession.worker.TaskCodec;
import java.io.NotSerializableException;
import java.io.Serializable;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Of a [WorkerPool], what each [ExecutorService] has.
abstract class PoolService implements ExecutorService {
    final PoolSettings settings;
    final PoolKeeper keeper;

    PoolService(PoolSettings settings) {
        this.settings = settings;
        keeper = new PoolKeeper(settings);
        keeper.start();
    }

    // ---- submitting

    @Override
    public <R> PoolFuture<R> submit(Callable<R> task) {
        PoolTask<R> future = future(task, done -> {});
        put(future, task);
        return future;
    }

    @Override
    public PoolFuture<?> submit(Runnable task) {
        return submit(task, (Void) null);
    }

    @Override
    public <R> PoolFuture<R> submit(Runnable task, R result) {
        PoolTask<R> future = future(task, result, done -> {});
        put(future, task);
        return future;
    }

    /// Has a worker run something, which has to be serializable. What goes wrong goes to the handler for uncaught
    /// exceptions of this process, which prints it by default.
    ///
    /// @param task what to run
    /// @throws IllegalArgumentException if the task cannot be sent; the message says why
    /// @throws RejectedExecutionException as [WorkerPool#submit(Call)]
    @Override
    public void execute(Runnable task) {
        PoolTask<Void> future = future(task, null, done -> {
            if (!done.hasReturned()) report(done);
        });
        future.givenBack = task;
        put(future, task);
    }

    /// On a thread of its own: the handler may do what it likes.
    private void report(Future<?> done) {
        Thread.ofVirtual().name(settings.name() + " execute").start(() -> {
            if (done.state() != Future.State.FAILED) return;
            Thread thread = Thread.currentThread();
            thread.getUncaughtExceptionHandler().uncaughtException(thread, done.exceptionNow());
        });
    }

    private void put(PoolTask<?> future, Object task) {
        try {
            boolean unused = keeper.put(future, pack(task), Long.MAX_VALUE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RejectedExecutionException("The thread was interrupted while it waited for room in pool \""
                    + settings.name() + "\".", e);
        }
    }

    /// @return false if there is no room
    final boolean tryPut(PoolTask<?> future, Object task) {
        try {
            return keeper.put(future, pack(task), 0);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    final <R> PoolTask<R> future(Callable<R> task, Consumer<? super PoolTask<R>> whenDone) {
        return new PoolTask<>(task, true, null, keeper::cancelled, whenDone);
    }

    private <R> PoolTask<R> future(Runnable task, @Nullable R result, Consumer<? super PoolTask<R>> whenDone) {
        Callable<R> local = () -> {
            task.run();
            return result;
        };
        return new PoolTask<>(local, false, result, keeper::cancelled, whenDone);
    }

    /// One of a batch, which only the pool knows.
    final <R> PoolTask<R> part(Callable<R> task, Consumer<? super PoolTask<R>> whenDone) {
        PoolTask<R> future = future(task, whenDone);
        future.givenBack = null;
        return future;
    }

    /// Submits one of a batch.
    final <R> PoolTask<R> submitPart(Callable<R> task, Consumer<? super PoolTask<R>> whenDone) {
        PoolTask<R> future = part(task, whenDone);
        put(future, task);
        return future;
    }

    /// @return false if there is no room within that time
    final boolean put(PoolTask<?> future, Object task, long nanos) throws InterruptedException {
        return keeper.put(future, pack(task), nanos);
    }

    final byte[] pack(Object task) {
        Objects.requireNonNull(task, "task");
        keeper.requireRunning();
        if (task.getClass().isHidden() && !(task instanceof Serializable)) {
            throw new IllegalArgumentException("The task is a lambda that is not Serializable. Write it in the call of"
                    + " submit or execute, or declare its variable as Call or Action, a list of them as"
                    + " List.<Call<String>>of(...).");
        }
        try {
            return TaskCodec.pack(task, settings.name(), WorkerMain.TASKS);
        } catch (StackOverflowError e) {
            throw new IllegalArgumentException("The task cannot be sent: what it captures is too deep for Java"
                    + " serialization, a long linked structure, say.", e);
        } catch (IllegalArgumentException e) {
            boolean isPool = e.getCause() instanceof NotSerializableException culprit
                    && getClass().getName().equals(culprit.getMessage());
            if (!isPool) throw e;
            throw new IllegalArgumentException("The task captures a pool, but a pool is used by the process that made"
                    + " it, not by its tasks: submit from here what depends on their results, or have the task make a"
                    + " pool of its own.", e);
        }
    }

    // ---- some at once

    @Override
    public <R> List<Future<R>> invokeAll(Collection<? extends Callable<R>> tasks) throws InterruptedException {
        return PoolBatch.invokeAll(this, tasks, Long.MAX_VALUE);
    }

    @Override
    public <R> List<Future<R>> invokeAll(Collection<? extends Callable<R>> tasks, long timeout, TimeUnit unit)
            throws InterruptedException {
        return PoolBatch.invokeAll(this, tasks, unit.toNanos(timeout));
    }

    @Override
    public <R> R invokeAny(Collection<? extends Callable<R>> tasks) throws InterruptedException, ExecutionException {
        try {
            return PoolBatch.invokeAny(this, tasks, Long.MAX_VALUE);
        } catch (TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public <R> R invokeAny(Collection<? extends Callable<R>> tasks, long timeout, TimeUnit unit)
            throws InterruptedException, ExecutionException, TimeoutException {
        return PoolBatch.invokeAny(this, tasks, unit.toNanos(timeout));
    }

    // ---- the end

    /// Takes no more tasks. Those that were submitted will be done; then the workers end.
    @Override
    public void shutdown() {
        keeper.shutDown();
    }

    /// Takes no more tasks, interrupts those that run, and gives back those that no worker was lent. A worker that runs
    /// its task for longer than the grace time (see [Worker]) is killed.
    ///
    /// As with the JDK's pools, the future of a task that is given back is not cancelled, and nobody else will complete
    /// it: run it, or cancel it. But what maps, and `invokeAll` and `invokeAny`, have submitted is cancelled.
    ///
    /// @return the futures of the tasks that were never started, which run them in this process; for those of `execute`
    ///     the task itself
    @Override
    public List<Runnable> shutdownNow() {
        return keeper.stop();
    }

    @Override
    public boolean isShutdown() {
        return keeper.isShutDown();
    }

    /// Whether the pool was shut down, and all of its workers have ended.
    ///
    /// @return whether it is so
    @Override
    public boolean isTerminated() {
        return keeper.isTerminated();
    }

    /// Waits until the pool was shut down, and all of its workers have ended.
    ///
    /// @param timeout how long to wait at most
    /// @param unit of the time-out
    /// @return whether it is so
    /// @throws InterruptedException if the calling thread is interrupted
    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
        return keeper.awaitTermination(timeout, unit);
    }

    /// Says what the pool is doing, and has done.
    ///
    /// @return how it is now
    public PoolStats stats() {
        return keeper.stats();
    }

    /// Returns the pool's name and size, for messages and logs.
    @Override
    public String toString() {
        return "WorkerPool[" + settings.name() + ", " + settings.size() + " workers"
                + (isTerminated() ? ", terminated]" : isShutdown() ? ", shut down]" : "]");
    }
}
