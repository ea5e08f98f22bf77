package dev.procession.worker;

import dev.procession.core.Cpus;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// A worker as its parent sees it: started once, fed with its task, watched, and asked how it ended. Thread-safe.
///
/// @param <E> what the API calls the ways in which it can end
public final class WorkerProcess<E> implements Children.Child {
    private final Object owner;
    private final WorkerSettings settings;
    private final String name;
    private final ExitRecord.Ends<E> ends;
    private final CompletableFuture<E> ended = new End<>();
    private final TaskClasses classes; // the worker may ask for more of them as long as it runs
    private final boolean isThisProcess;
    private volatile @Nullable ProcessHandle handle; // null: not started
    private volatile List<OutputPump> pumps = List.of();

    /// A worker that is not started.
    ///
    /// @param owner the API's handle of it: see [#owners()]
    /// @param settings how it is to be
    /// @param isThisProcess whether it is this process, started by another one
    /// @param ends the ways in which it can end
    public WorkerProcess(Object owner, WorkerSettings settings, boolean isThisProcess, ExitRecord.Ends<E> ends) {
        this.owner = owner;
        this.settings = settings;
        this.isThisProcess = isThisProcess;
        handle = isThisProcess ? ProcessHandle.current() : null;
        this.ends = ends;
        name = settings.name();
        classes = new TaskClasses(name);
        ended.thenRun(classes::release);
    }

    /// The owners of those that have been started and have not ended yet.
    ///
    /// @param <T> their class
    /// @param type their class
    /// @return a snapshot, in the order in which they were started
    public static <T> List<T> owners(Class<T> type) {
        List<T> owners = new ArrayList<>();
        for (Children.Child each : Children.running()) {
            if (each instanceof WorkerProcess<?> worker) owners.add(type.cast(worker.owner));
        }
        return List.copyOf(owners);
    }

    /// How it is to be.
    ///
    /// @return as given
    public WorkerSettings settings() {
        return settings;
    }

    /// Whether it has a process, or had one.
    ///
    /// @return whether it was started
    public boolean isStarted() {
        return handle != null;
    }

    /// Its process.
    ///
    /// @return the handle
    /// @throws IllegalStateException if it was not started
    public ProcessHandle handle() {
        ProcessHandle process = handle;
        if (process == null) {
            throw new IllegalStateException("Worker \"" + name + "\" was not started; start() it first.");
        }
        return process;
    }

    /// How it has ended.
    ///
    /// @return one of the ends
    /// @throws IllegalStateException if it has not ended
    public E end() {
        handle();
        if (!ended.isDone()) throw new IllegalStateException("Worker \"" + name + "\" has not ended; join() it first.");
        return ended.resultNow();
    }

    @Override
    public String toString() {
        if (!isStarted()) return "Worker[" + name + ", not started]";
        return "Worker[" + name + ", pid " + handle().pid() + ", " + (ended.isDone() ? end() : "running") + "]";
    }

    /// How it will have ended, when all its output has been passed on. It never completes exceptionally. A thread that
    /// passes on its output cannot wait for it, nor for what depends on it, and is told so.
    ///
    /// @return always the same one
    public CompletableFuture<E> ended() {
        return ended;
    }

    /// Waits until it has ended.
    ///
    /// @param nanos how long at most
    /// @return whether it has
    /// @throws IllegalStateException if it was not started, or is this process
    /// @throws InterruptedException if the thread is interrupted
    public boolean join(long nanos) throws InterruptedException {
        if (isThisProcess) throw new IllegalStateException("Worker \"" + name + "\" would wait for itself.");
        handle();
        return awaitEnd(nanos);
    }

    private boolean awaitEnd(long nanos) throws InterruptedException {
        try {
            ended.get(nanos, TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public boolean isDaemon() {
        return settings.daemon();
    }

    @Override
    public boolean hasGrace() {
        return settings.hasGrace();
    }

    // ---- starting

    /// Starts it; to be called once, and again only if it has thrown an [UncheckedIOException].
    ///
    /// @param task its task
    /// @param tasks what is known of it
    /// @throws IllegalArgumentException if the worker cannot take the task along, or the grace time makes no sense
    /// @throws IllegalStateException if this process is about to end, or there is no `java` for workers
    /// @throws UncheckedIOException if the system cannot start the process
    public void start(Object task, Tasks tasks) {
        WorkerCommand.check(name);
        byte[] packed = TaskCodec.pack(task, name, classes, tasks);
        Children.register();
        ExitRecord record;
        Process process;
        InputStream output;
        boolean started = false;
        try {
            record = ExitRecord.create();
        } catch (IOException e) {
            throw notStarted(e);
        }
        try {
            List<String> arguments = ChildMain.arguments(name, isDaemon(), settings.cpu(), record);
            WarmPool.Spare spare = settings.isPlain()
                    ? WarmPool.take(settings.options(), settings.cpu() >= 0, arguments)
                    : null;
            process = spare != null ? spare.process() : launch(processBuilder(arguments));
            output = spare != null ? spare.stdout() : process.getInputStream();
            started = true;
        } catch (IOException e) {
            throw notStarted(e);
        } finally {
            if (!started) record.delete();
        }
        handle = process.toHandle();
        if (!Children.admit(this)) {
            giveUp(process, record);
            throw new IllegalStateException("Worker \"" + name + "\" is not started: this process is about to end.");
        }
        try {
            attend(process, output, packed, record);
        } catch (OutOfMemoryError e) { // the system has no more threads
            Children.remove(this);
            giveUp(process, record);
            throw e;
        }
    }

    /// As if it had not been started.
    private void giveUp(Process process, ExitRecord record) {
        process.destroyForcibly();
        record.delete();
        pumps = List.of();
        handle = null;
    }

    private UncheckedIOException notStarted(IOException e) {
        String brief = name.length() <= 100 ? name : name.substring(0, 100) + "...";
        return new UncheckedIOException("Worker \"" + brief + "\" could not be started: " + e.getMessage(), e);
    }

    private ProcessBuilder processBuilder(List<String> arguments) throws IOException {
        ProcessBuilder builder =
                WorkerCommand.processBuilder(settings.options(), settings.environment().keySet(), arguments);
        builder.redirectOutput(settings.stdout().redirect());
        builder.redirectError(settings.stderr().redirect());
        settings.environment().forEach((variable, value) -> {
            if (value == null) {
                builder.environment().remove(variable);
            } else {
                builder.environment().put(variable, value);
            }
        });
        return builder;
    }

    /// A process inherits the cores of the thread that starts it, so that thread pins itself, and is used for nothing
    /// else. The JVM then is on its core from its first instruction, and sizes itself for one.
    private Process launch(ProcessBuilder builder) throws IOException {
        if (settings.cpu() < 0) return WorkerCommand.launch(builder);
        FutureTask<Process> start = new FutureTask<>(() -> {
            Cpus.pin(settings.cpu());
            return WorkerCommand.launch(builder);
        });
        Thread.ofPlatform().daemon().name(name + " start").start(start);
        try {
            return uninterruptibly(start);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
        }
    }

    private static <T> T uninterruptibly(FutureTask<T> task) throws ExecutionException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return task.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    // ---- while it runs

    /// Three threads: one for each stream that is piped here; and one that hands over the task, which may take as long
    /// as the worker's JVM takes to start, and then waits for the end.
    private void attend(Process process, InputStream output, byte[] packed, ExitRecord record) {
        List<OutputPump> pumps = new ArrayList<>();
        WorkerOutput stdout = settings.stdout();
        WorkerOutput stderr = settings.stderr();
        if (stdout.isPiped()) {
            pumps.add(new OutputPump(name + " stdout", output, stdout::ourStream, stdout.lines()));
        }
        if (stderr.isPiped()) {
            pumps.add(new OutputPump(name + " stderr", process.getErrorStream(), stderr::ourStream, stderr.lines()));
        }
        this.pumps = List.copyOf(pumps);
        pumps.forEach(Thread::start);
        AtomicReference<byte[]> toBeSent = new AtomicReference<>(packed); // and then dropped: it may be large
        // a daemon only if the worker is one: this process waits for the others as for a thread, and a signal that
        // comes meanwhile finds it up, not ending already with a status of its own
        Thread.ofPlatform().daemon(isDaemon()).name(name + " watch").start(() -> {
            TaskCodec.send(toBeSent.getAndSet(null), process.getOutputStream());
            watch(process, record);
        });
    }

    private void watch(Process process, ExitRecord record) {
        E end = ends.exited(1);
        try {
            if (!await(() -> process.waitFor(3, TimeUnit.SECONDS))) { // rather not while others may still be starting
                AotCache.makeIfMissing();
            }
            int status = await(process::waitFor);
            end = ends.exited(status);
            for (OutputPump pump : pumps) {
                await(() -> {
                    pump.awaitWorkersLast();
                    return true;
                });
            }
            end = record.read(status, ends);
        } finally { // no thread may wait for ever, even if this JVM is out of memory
            record.delete();
            Children.remove(this);
            ended.complete(end);
        }
        AotCache.makeIfMissing();
    }

    /// An interrupt is not for the watch: all threads of this JVM may be told to end, but then it would end with them.
    private static <T> T await(Callable<T> result) {
        while (true) {
            try {
                return result.call();
            } catch (InterruptedException e) {
                continue;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        }
    }

    // ---- when this process ends

    @Override
    public void terminate() {
        handle().destroy();
    }

    @Override
    public boolean awaitEnd(Duration timeout) {
        try {
            return awaitEnd(timeout.toNanos());
        } catch (InterruptedException e) {
            return false; // all threads of this JVM are told to end, as it does
        }
    }

    @Override
    public List<ProcessHandle> killWithItsWorkers() {
        ProcessHandle process = handle();
        // before it is gone: then nothing leads to them
        List<ProcessHandle> below = process.descendants().filter(WorkerCommand::isWorker).toList();
        process.destroyForcibly();
        below.forEach(ProcessHandle::destroyForcibly);
        return below;
    }

    @Override
    public void dropStuckOutput(long patienceNanos) {
        pumps.forEach(pump -> pump.dropIfStuck(patienceNanos));
    }

    /// Of this worker. Its output is to have been passed on by then, so the threads that pass it on cannot wait for it:
    /// nor can what they call back.
    private final class End<T> extends CompletableFuture<T> {
        @Override
        public <U> CompletableFuture<U> newIncompleteFuture() {
            return new End<>();
        }

        @Override
        public T get() throws InterruptedException, ExecutionException {
            refuseInCallback();
            return super.get();
        }

        @Override
        public T get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
            refuseInCallback();
            return super.get(timeout, unit);
        }

        @Override
        public T join() {
            refuseInCallback();
            return super.join();
        }

        private void refuseInCallback() {
            if (!isDone() && Thread.currentThread() instanceof OutputPump pump && pumps.contains(pump)) {
                throw new IllegalStateException(
                        "Worker \"" + name
                                + "\" cannot be waited for in a callback of its own output: it has ended only"
                                + " when all its output has been passed on, by the thread that would wait here."
                                + " Wait in another thread, or use onExit().thenAccept(...).");
            }
        }
    }
}
