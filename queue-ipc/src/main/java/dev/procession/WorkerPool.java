package dev.procession;

import dev.procession.worker.WorkerSettings;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// An [ExecutorService] whose threads are processes.
///
/// {@snippet file="PoolExamplesTest.java" region="pool"}
///
/// *What travels.* A task, with what it captures, goes to a worker as a [Task] does: by Java serialization, also where
/// its class is not on the class path. One that cannot be sent fails at once, with an [IllegalArgumentException] that
/// names the field. [Call] and [Action] are what lambdas in place become; any other [Callable] or [Runnable] has to be
/// serializable, too. The result comes back by Java serialization. Each task has copies of its own of what it captures;
/// static fields are those of the worker, and stay from task to task. (The JDK's classes that wrap tasks are not
/// serializable: `CompletableFuture.supplyAsync(task, pool)` and `ExecutorCompletionService` cannot use a pool.)
///
/// *Order.* Tasks are started in the order in which they were submitted. Each worker runs one at a time, on its main
/// thread.
///
/// *What goes wrong* is the cause of the [ExecutionException] that [Future#get()] throws:
///
/// - What the task throws: the exception itself; or a [RemoteException], if it cannot be sent, or this process does not
///   have its class.
/// - An [UncheckedIOException], if the task cannot be read in the worker, or its result cannot be sent or read. The
///   worker goes on. The same if there is no room for the task in the file system of the queues, although there is
///   no other task in it.
/// - A [WorkerLostException], if the worker that ran the task has ended: it was killed, has called `System.exit`, or
///   has run out of memory. Before that the task is started again, on another worker, before all that wait: twice in
///   all, or [as often as you say][Builder#attempts].
/// - The same for all that wait, if no worker comes up, three times in a row. The next task is a new try.
///
/// A worker that has ended is replaced. A task whose result has arrived is not run again; so each future is completed
/// once. But a task that is started again may have had effects before: limit it to one attempt if it must not.
///
/// *The end.* Workers are daemons: they end with this process, however that ends. If SIGTERM, SIGINT or SIGHUP ends it,
/// tasks that run have the grace time (see [Worker]); else workers end at once. [#close()] waits for all tasks. A
/// worker that does not end within the grace time, since tasks have left threads, is killed.
///
/// All methods may be called by any thread, virtual ones too; but not in a task of the pool itself, which cannot
/// capture it. A task may have a pool of its own. A pool has a thread here, and [three for each worker][Worker].
public final class WorkerPool extends PoolService {
    private static final AtomicInteger nextNumber = new AtomicInteger(1);

    private WorkerPool(PoolSettings settings) {
        super(settings);
    }

    // ---- making pools

    /// A pool with as many workers as [Runtime#availableProcessors()] says.
    ///
    /// @return the pool; its workers are coming up
    /// @throws UncheckedIOException if the system cannot start a process
    /// @throws IllegalStateException as [Worker#start()]
    public static WorkerPool onEveryCore() {
        return builder().build();
    }

    /// A pool with a number of workers.
    ///
    /// @param size how many, 1 or more
    /// @return the pool; its workers are coming up
    /// @throws UncheckedIOException if the system cannot start a process
    /// @throws IllegalStateException as [Worker#start()]
    public static WorkerPool of(int size) {
        return builder().size(size).build();
    }

    /// A builder, for pools with other workers.
    ///
    /// @return a new builder
    public static Builder builder() {
        return new Builder();
    }

    // ---- submitting

    /// Has a worker call something. Waits while there is [no room][Builder#maxQueued].
    ///
    /// @param <R> the class of the result
    /// @param task what to call
    /// @return the future of the result; to cancel it interrupts the task, if that is wanted; if the task has not ended
    ///     after the grace time (see [Worker]), its worker is killed and replaced
    /// @throws IllegalArgumentException if the task cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down, or the thread is interrupted while it waits
    public <R> PoolFuture<R> submit(Call<R> task) {
        return submit((Callable<R>) task);
    }

    /// Has a worker call something, if there is room: see [Builder#maxQueued]. Does not wait.
    ///
    /// @param <R> the class of the result
    /// @param task what to call
    /// @return the future of the result, as [#submit(Call)] says; empty if there is no room
    /// @throws IllegalArgumentException if the task cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down
    public <R> Optional<PoolFuture<R>> trySubmit(Call<R> task) {
        PoolTask<R> future = future(task, done -> {});
        return tryPut(future, task) ? Optional.of(future) : Optional.empty();
    }

    /// Has a worker run something. Waits while there is [no room][Builder#maxQueued].
    ///
    /// @param task what to run
    /// @return a future with the result null, as [#submit(Call)] says
    /// @throws IllegalArgumentException if the task cannot be sent; the message says why
    /// @throws RejectedExecutionException as [#submit(Call)]
    public PoolFuture<?> submit(Action task) {
        return submit(task, (Void) null);
    }

    /// Has a worker run something, as [#execute(Runnable)].
    ///
    /// @param task what to run
    /// @throws IllegalArgumentException if the task cannot be sent; the message says why
    /// @throws RejectedExecutionException as [#submit(Call)]
    public void execute(Action task) {
        execute((Runnable) task);
    }

    // ---- what tasks share

    /// Serializes a large value once for many tasks, which capture what is returned. It takes memory until it is
    /// closed, or the pool has ended. Tasks of other pools may use it, too.
    ///
    /// @param <T> the class of the value
    /// @param value what tasks are to have; it is sent as a task is
    /// @return what leads to it in any process
    /// @throws IllegalArgumentException if it cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down, or there is no room in memory
    public <T> Shared<T> broadcast(T value) {
        return Shared.of(value, pack(value), keeper.shared);
    }

    // ---- mapping

    /// Has the workers apply a function to each item, and gives the results in the order of the items.
    ///
    /// {@snippet file="PoolExamplesTest.java" region="map"}
    ///
    /// The stream takes items as it is read, and some ahead, so that all workers have something to do; so there may be
    /// any number of items. [Builder#chunk] says how many travel together. Where an item fails, the stream throws a
    /// [CompletionException] with what else would be the cause of an [ExecutionException]; who reads it by its
    /// [iterator][Stream#iterator()], whose `hasNext()` throws it then, may go on with the next. To close the stream
    /// cancels what it has submitted.
    ///
    /// If the thread that reads is interrupted while it waits, it gets a [CancellationException], and remains
    /// interrupted.
    ///
    /// @param <T> the class of the items
    /// @param <R> the class of the results
    /// @param items what to apply it to; each is serializable
    /// @param fn the function
    /// @return a stream that is not parallel: the workers are
    /// @throws IllegalArgumentException if the function cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down
    public <T, R> Stream<R> map(Iterable<? extends T> items, Fn<? super T, ? extends R> fn) {
        return PoolMap.stream(this, settings, true, items::iterator, fn);
    }

    /// The same for the items of a stream, which is closed with the one that is returned.
    ///
    /// @param <T> the class of the items
    /// @param <R> the class of the results
    /// @param items what to apply it to; each is serializable
    /// @param fn the function
    /// @return a stream, as [#map(Iterable, Fn)] says
    /// @throws IllegalArgumentException if the function cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down
    public <T, R> Stream<R> map(Stream<? extends T> items, Fn<? super T, ? extends R> fn) {
        return PoolMap.<T, R>stream(this, settings, true, items::iterator, fn).onClose(items::close);
    }

    /// As [#map(Iterable, Fn)], but gives each result as soon as it is there.
    ///
    /// @param <T> the class of the items
    /// @param <R> the class of the results
    /// @param items what to apply it to; each is serializable
    /// @param fn the function
    /// @return a stream, as [#map(Iterable, Fn)] says
    /// @throws IllegalArgumentException if the function cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down
    public <T, R> Stream<R> mapUnordered(Iterable<? extends T> items, Fn<? super T, ? extends R> fn) {
        return PoolMap.stream(this, settings, false, items::iterator, fn);
    }

    /// As [#map(Stream, Fn)], but gives each result as soon as it is there.
    ///
    /// @param <T> the class of the items
    /// @param <R> the class of the results
    /// @param items what to apply it to; each is serializable
    /// @param fn the function
    /// @return a stream, as [#map(Iterable, Fn)] says
    /// @throws IllegalArgumentException if the function cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down
    public <T, R> Stream<R> mapUnordered(Stream<? extends T> items, Fn<? super T, ? extends R> fn) {
        return PoolMap.<T, R>stream(this, settings, false, items::iterator, fn).onClose(items::close);
    }

    /// Has the workers do something with each item, and waits until all is done.
    ///
    /// @param <T> the class of the items
    /// @param items what to do it with; each is serializable
    /// @param action what to do
    /// @throws IllegalArgumentException if the action cannot be sent; the message says why
    /// @throws RejectedExecutionException if the pool was shut down
    /// @throws CompletionException if it failed for some items, after all others are done; what went wrong first is its
    ///     cause, and what else is suppressed, up to some number
    /// @throws CancellationException if the thread is interrupted while it waits, and remains so; the rest is cancelled
    public <T> void forEach(Iterable<? extends T> items, Each<? super T> action) {
        PoolMap.forEach(this, settings, items::iterator, action);
    }

    /// Makes pools.
    ///
    /// {@snippet file="PoolExamplesTest.java" region="builder"}
    ///
    /// Each method but the last returns this builder, which may be used for several pools, by one thread at a time.
    public static final class Builder {
        private @Nullable String name;
        private int size = Runtime.getRuntime().availableProcessors();
        private final List<String> jvmArguments = new ArrayList<>();
        private final Map<String, @Nullable String> environment = new LinkedHashMap<>();
        private @Nullable Task initializer;
        private int attempts = 2;
        private @Nullable BiConsumer<String, String> output;
        private long timeLimitNanos = Long.MAX_VALUE;
        private int maxQueued = Integer.MAX_VALUE;
        private int recycleAfter;
        private int chunk;
        private List<Integer> cpus = List.of();
        private @Nullable Consumer<? super PoolStats> listener;

        private Builder() {}

        /// Names the pool, and with it its workers: NAME-1, NAME-2, …
        ///
        /// @param name the name; by default `pool-1`, `pool-2`, …
        /// @return this builder
        /// @throws IllegalArgumentException if it has a zero character
        public Builder name(String name) {
            WorkerSettings.refuseZero("name", name);
            this.name = name;
            return this;
        }

        /// Sets the number of workers.
        ///
        /// @param size 1 or more; by default [Runtime#availableProcessors()]
        /// @return this builder
        /// @throws IllegalArgumentException if it is less
        public Builder size(int size) {
            if (size < 1) throw new IllegalArgumentException("size=" + size + ", must be 1 or more");
            this.size = size;
            return this;
        }

        /// Adds options for the workers' JVMs, such as `-Xmx256m`.
        ///
        /// @param arguments as [Worker.Builder#jvmArguments] takes them
        /// @return this builder
        /// @throws IllegalArgumentException if one has a zero character
        public Builder jvmArguments(String... arguments) {
            for (String argument : arguments) WorkerSettings.refuseZero("arguments", argument);
            jvmArguments.addAll(List.of(arguments));
            return this;
        }

        /// Bounds the heap of each worker's JVM: `-Xmx`. By default each may take a quarter of the machine's memory.
        ///
        /// @param bytes 4 MiB or more
        /// @return this builder
        /// @throws IllegalArgumentException if it is less
        public Builder maxHeap(long bytes) {
            if (bytes < 4 << 20) throw new IllegalArgumentException("bytes=" + bytes + ", must be 4 MiB or more");
            return jvmArguments("-Xmx" + bytes);
        }

        /// Pins each worker to one core, as [Worker.Builder#cpu] does; its successor gets the same. If there are more
        /// workers than cores, they share them evenly.
        ///
        /// @param cpus the system's numbers of the cores; none: the workers are not pinned, as by default
        /// @return this builder
        /// @throws IllegalArgumentException if this process may not use one of them
        public Builder cpus(int... cpus) {
            for (int cpu : cpus) WorkerSettings.refuseForeignCpu(cpu);
            this.cpus = Arrays.stream(cpus).boxed().toList();
            return this;
        }

        /// Sets or removes an environment variable of the workers; the others are this process's.
        ///
        /// @param variable the variable's name
        /// @param value its value, or null to remove it
        /// @return this builder
        /// @throws IllegalArgumentException if the system knows no such names or values
        public Builder environment(String variable, @Nullable String value) {
            WorkerSettings.refuseImpossible(variable, value);
            environment.put(variable, value);
            return this;
        }

        /// Has each worker do something before its first task. If that throws, the worker ends.
        ///
        /// @param initializer what to do
        /// @return this builder
        public Builder initializer(Task initializer) {
            this.initializer = Objects.requireNonNull(initializer, "initializer");
            return this;
        }

        /// Sets how often a task may be started: again after its worker has ended while it ran it.
        ///
        /// @param attempts 1: never again; 2 by default
        /// @return this builder
        /// @throws IllegalArgumentException if it is less than 1
        public Builder attempts(int attempts) {
            if (attempts < 1) throw new IllegalArgumentException("attempts=" + attempts + ", must be 1 or more");
            this.attempts = attempts;
            return this;
        }

        /// Limits the time of each attempt of a task, from its start. When it is over, the task fails with a
        /// [TimeoutException], and is interrupted. If it has not ended after the grace time (see [Worker]), its worker
        /// is killed and replaced.
        ///
        /// @param limit more than zero; by default there is none
        /// @return this builder
        /// @throws IllegalArgumentException if it is not more than zero
        public Builder timeLimit(Duration limit) {
            if (!limit.isPositive()) throw new IllegalArgumentException("limit=" + limit + ", must be more than zero");
            timeLimitNanos = TimeUnit.NANOSECONDS.convert(limit);
            return this;
        }

        /// Bounds the tasks that wait for their start: with so many, [WorkerPool#submit(Call)] waits for
        /// room, and [WorkerPool#trySubmit(Call)] submits nothing.
        ///
        /// @param tasks 1 or more; by default memory is the bound
        /// @return this builder
        /// @throws IllegalArgumentException if it is less
        public Builder maxQueued(int tasks) {
            if (tasks < 1) throw new IllegalArgumentException("tasks=" + tasks + ", must be 1 or more");
            maxQueued = tasks;
            return this;
        }

        /// Sets how many items of [WorkerPool#map(Iterable, Fn)] and its kin travel together, as one task. A chunk is
        /// started again as a whole, and so is its time limited: with 1, an item that ends its worker takes no other
        /// along.
        ///
        /// @param items 1 or more; by default as many, up to 1,000, as those before have done within 2 milliseconds
        /// @return this builder
        /// @throws IllegalArgumentException if it is less
        public Builder chunk(int items) {
            if (items < 1) throw new IllegalArgumentException("items=" + items + ", must be 1 or more");
            chunk = items;
            return this;
        }

        /// Replaces each worker after a number of tasks: for code that leaks.
        ///
        /// @param tasks 1 or more; by default a worker stays
        /// @return this builder
        /// @throws IllegalArgumentException if it is less
        public Builder recycleAfter(int tasks) {
            if (tasks < 1) throw new IllegalArgumentException("tasks=" + tasks + ", must be 1 or more");
            recycleAfter = tasks;
            return this;
        }

        /// Calls back with each line that a worker writes, to its standard output or error, decoded as UTF-8. By
        /// default they appear on [System#out] and [System#err] of this process. What a task has written may come after
        /// its result. A worker that writes faster than its lines are taken waits, and so does the pool for the end of
        /// a worker whose lines are not taken.
        ///
        /// @param lines gets the worker's name and the line; called by two threads for each worker
        /// @return this builder
        public Builder output(BiConsumer<String, String> lines) {
            output = Objects.requireNonNull(lines, "lines");
            return this;
        }

        /// Calls back when something has changed: at most some times a second, never twice at a time, and once more
        /// after the last change, which may be after the pool has ended.
        ///
        /// @param listener gets what [WorkerPool#stats()] says; called by virtual threads
        /// @return this builder
        public Builder onProgress(Consumer<? super PoolStats> listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /// Makes the pool, and starts its workers.
        ///
        /// @return the pool; its workers are coming up
        /// @throws UncheckedIOException if the system cannot start a process
        /// @throws IllegalArgumentException if the initializer cannot be sent; the message says why
        /// @throws IllegalStateException as [Worker#start()]
        public WorkerPool build() {
            String name = this.name != null ? this.name : "pool-" + nextNumber.getAndIncrement();
            return new WorkerPool(new PoolSettings(name, size, jvmArguments, environment, output, initializer,
                    attempts, timeLimitNanos, maxQueued, recycleAfter, chunk,
                    WorkerSettings.grace(), cpus, listener));
        }
    }
}
