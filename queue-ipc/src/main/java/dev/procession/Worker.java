package dev.procession;

import dev.procession.core.Cpus;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/// A process that runs a [Task] in a JVM of its own, to be used like a [Thread]: create it, [start][#start()] it,
/// [join][#join()] it, and ask [how it ended][#exit()].
///
/// ```java
/// Worker worker = Worker.of(() -> queue.put(ProcessHandle.current().pid()));
/// worker.start();
/// worker.join();
/// ```
///
/// *What the worker gets.* The task with what it captures (see [Task]); the same Java installation, class path and
/// module path; of the options that this process was started with, those that tell what code may do: system properties
/// (`-D`), assertions (`-ea`), and all that begin with two hyphens (`--add-opens` and its kin), but not heap sizes,
/// collectors, logs, agents, or ports of debuggers and JMX, which are each process's own; the environment, without
/// `JAVA_TOOL_OPTIONS`, `JDK_JAVA_OPTIONS` and `_JAVA_OPTIONS`, whose options are treated like those of the command line;
/// the working directory; an empty standard input. It may use native access. [Builder#jvmArguments] and
/// [Builder#environment] give it more.
///
/// *Its classes* are those of this process, also where these are not on the class path: in a Spring Boot jar,
/// `java Hello.java`, JShell, `mvn exec:java`, or any other class loader. A worker that meets such a class asks this process
/// for it, and for resources, as long as both run. The loader has to give the bytes of its classes as resources, as all
/// known ones do; a task whose own classes it does not give is refused by [#start()].
///
/// *What it writes* to its standard output and error appears on [System#out] and [System#err] of this process, in whole
/// lines and byte for byte; all of it when `join` has returned. [Builder] has other places for it.
///
/// *When it ends.* A worker ends like any JVM: when the task has returned and no non-daemon thread is left. An exception
/// that the task throws is printed like a thread's; the worker then fails with exit code 1. At its exit a process waits
/// for its workers, except for [daemon][Builder#daemon(boolean)] ones: those end with it. If SIGTERM, SIGINT or SIGHUP makes it
/// end, or comes while it waits, it [terminates][#terminate()] its workers, and [kills][#kill()] those that have not ended
/// after a *grace time*, or when a second signal comes. That is 10 seconds, or what the system property `dev.procession.grace` says,
/// in seconds or as a [Duration]; for the workers of a worker it is a fifth less. In both processes queues work until the very
/// end: shutdown hooks may put, get, and be done with leases. When a process is killed in a way that it cannot notice (SIGKILL),
/// its daemons end nevertheless; the others go on. (Those that are killed here take their own workers along.)
///
/// *How fast it starts.* A JVM needs some 50 ms to come up. [#keepWarm(int)] has some come up before they are needed.
///
/// A worker that runs has three threads in this process, all daemons, that wait for its output and its end; and another
/// one if it asks for classes.
/// A worker may start workers of its own. All methods may be called by any thread.
public final class Worker {
    private static final AtomicInteger nextNumber = new AtomicInteger(1);
    private static final Set<Worker> active = Collections.synchronizedSet(new LinkedHashSet<>());

    private final String name;
    private final int cpu; // -1: not pinned
    private final boolean daemon;
    private final boolean isThisProcess;
    private volatile @Nullable Task task; // null: this process, or handed over
    private final List<String> jvmArguments;
    private final Map<String, @Nullable String> environment;
    private final Output stdout;
    private final Output stderr;

    private final CompletableFuture<WorkerExit> ended = new End<>();
    private volatile @Nullable ProcessHandle handle; // null: not started
    private final TaskClasses classes; // the worker may ask for more of them as long as it runs
    private volatile List<LinePump> pumps = List.of();

    private Worker(Builder builder, @Nullable Task task) {
        name = builder.name != null ? builder.name : nextName();
        cpu = builder.cpu;
        daemon = builder.daemon;
        isThisProcess = task == null;
        this.task = task;
        jvmArguments = List.copyOf(builder.jvmArguments);
        environment = new LinkedHashMap<>(builder.environment);
        stdout = builder.stdout;
        stderr = builder.stderr;
        classes = new TaskClasses(name);
        ended.thenRun(classes::release);
    }

    private static String nextName() {
        String prefix = WorkerMain.name == null ? "worker-" : WorkerMain.name + ":";
        return prefix + nextNumber.getAndIncrement();
    }

    // ---- making workers

    /// A worker with nothing special about it.
    ///
    /// @param task what it is to do
    /// @return the worker, not yet started
    public static Worker of(Task task) {
        return builder().unstarted(task);
    }

    /// One worker per core: as many as [Runtime#availableProcessors()] says. Each is pinned to a core of its own, as
    /// [Builder#cpu(int)] does, if this process may use those cores as a whole. Where it has a share of them only (a container
    /// with half of a core, `-XX:ActiveProcessorCount`), or where processes cannot be pinned, the system places the workers.
    ///
    /// ```java
    /// List<Worker> workers = Worker.onEveryCore(n -> () -> hello(n, queue));
    /// workers.forEach(Worker::start);
    /// ```
    ///
    /// @param tasks gives the task of worker n, n = 0, 1, 2, …
    /// @return the workers, not yet started; at least one
    public static List<Worker> onEveryCore(IntFunction<? extends Task> tasks) {
        int[] cpus = Cpus.whole();
        int count = cpus.length > 0 ? cpus.length : Runtime.getRuntime().availableProcessors();
        List<Worker> workers = new ArrayList<>(count);
        for (int n = 0; n < count; n++) {
            Builder builder = builder();
            if (cpus.length > 0) builder.cpu(cpus[n]);
            workers.add(builder.unstarted(tasks.apply(n)));
        }
        return List.copyOf(workers);
    }

    /// A builder, for workers with a name, a core, other output and so on.
    ///
    /// @return a new builder
    public static Builder builder() {
        return new Builder();
    }

    /// The worker that this process is.
    ///
    /// @return empty in a process that no worker started; a worker cannot [join][#join()] or end itself by this handle
    public static Optional<Worker> current() {
        return Optional.ofNullable(Current.worker);
    }

    /// The workers that this process has started and that have not ended yet.
    ///
    /// @return a snapshot, in the order in which they were started
    public static List<Worker> active() {
        synchronized (active) {
            return List.copyOf(active);
        }
    }

    /// Made when it is first asked for: most tasks never do.
    private static final class Current {
        static final @Nullable Worker worker = WorkerMain.name == null ? null : worker(WorkerMain.name);

        private static Worker worker(String name) {
            Builder builder = builder().name(name).daemon(WorkerMain.daemon);
            builder.cpu = WorkerMain.cpu;
            return new Worker(builder, null);
        }
    }

    // ---- starting

    /// Keeps spare JVMs ready, so that workers start several times faster: for programs that start workers again and again,
    /// or must not be late when they do. By default there are none.
    ///
    /// ```java
    /// Worker.keepWarm(4);
    /// ```
    ///
    /// A spare is a process that has come up, has used a queue of its own once, and sleeps. [#start()] makes the worker of a
    /// spare if one is ready, and starts a JVM otherwise; whatever else is said here of workers holds for both. Spares are
    /// made in the background, one after the other, and so is a new one for each that was used, a moment after the start; one
    /// that does not come up is tried again after the next start. They end with this process, in whatever way that ends.
    ///
    /// A spare can only be a worker whose JVM would be started just like it: one with [Builder#jvmArguments],
    /// [Builder#environment], output that goes to a [Redirect] or has another encoding than [System#out], or, unless it is
    /// pinned, one that is started by a thread on other cores than the one that called this does not come from a spare.
    ///
    /// A task that runs in a JVM that was a spare finds it as new: no class of the application has been initialized. It may
    /// notice the age of the process; that tools that list processes show `spare` in place of the worker's name; and, if
    /// it is pinned, that its JVM has chosen its collector and the number of its threads before that, for all cores.
    ///
    /// Each spare takes 30 to 60 MB of memory and a thread of this process, and no CPU to speak of.
    ///
    /// In a worker, a static initializer that calls this has no effect: it was meant for the program's first process.
    ///
    /// @param spares how many; those that are more end
    /// @throws IllegalArgumentException if the number is negative
    /// @throws IllegalStateException if this process is about to end and has started no worker before; if it has, there will
    ///     be no spares
    public static void keepWarm(int spares) {
        if (spares < 0) {
            throw new IllegalArgumentException("spares=" + spares + " is negative; 0 keeps none.");
        }
        if (WorkerMain.isInitializing()) return;
        AtExit.hook();
        SpareJvm.keep(spares);
    }

    /// The number of spare JVMs that are ready at this moment: see [#keepWarm(int)].
    ///
    /// @return 0 to what is to be kept
    public static int spares() {
        return SpareJvm.count();
    }

    /// Starts the process and returns at once: the worker's JVM comes up in the meantime.
    ///
    /// What can be known beforehand is checked here. A worker may fail later all the same, before or in its task: so who
    /// waits for what it will send waits with a time-out, or [joins][#join()] it.
    ///
    /// @return this worker
    /// @throws IllegalThreadStateException if it was started before
    /// @throws IllegalArgumentException if the task captures an object that cannot be serialized, or is of a class that
    ///     the worker cannot get; the message names it; or if the system property `dev.procession.grace` is no duration
    /// @throws IllegalStateException if this process is about to end; in a worker, if a static initializer calls this,
    ///     because each worker would then start the next one; if this Java runtime has no `java` command and
    ///     `-Ddev.procession.java=PATH` names none
    /// @throws UncheckedIOException if the system cannot start the process; this method may then be called again
    public synchronized Worker start() {
        Task task = this.task;
        if (task == null || handle != null) {
            throw new IllegalThreadStateException("Worker \"" + name + "\" was started before; make a new one.");
        }
        if (WorkerMain.isInitializing()) {
            throw new IllegalStateException(
                    "Worker \"" + name + "\" is not started: a static initializer is about to do that, in worker \""
                            + WorkerMain.name + "\". Each worker initializes its own classes, so each would start the"
                            + " next one, without end. Start workers in main or in a task, or let the initializer do it"
                            + " only if Worker.current().isEmpty().");
        }
        WorkerJvm.check(name);
        byte[] packed = PackedTask.pack(task, name, classes);
        AtExit.hook();
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
            List<String> arguments = WorkerMain.arguments(name, daemon, cpu, record);
            SpareJvm spare = isPlain() ? SpareJvm.take(options(), cpu >= 0, arguments) : null;
            process = spare != null ? spare.process() : launch(processBuilder(arguments));
            output = spare != null ? spare.stdout() : process.getInputStream();
            started = true;
        } catch (IOException e) {
            throw notStarted(e);
        } finally {
            if (!started) record.delete();
        }
        handle = process.toHandle();
        if (!AtExit.admit(active, this)) {
            process.destroyForcibly();
            record.delete();
            throw new IllegalStateException("Worker \"" + name + "\" is not started: this process is about to end.");
        }
        try {
            attend(process, output, packed, record);
        } catch (OutOfMemoryError e) { // the system has no more threads
            process.destroyForcibly();
            active.remove(this);
            record.delete();
            throw e;
        }
        return this;
    }

    private UncheckedIOException notStarted(IOException e) {
        String brief = name.length() <= 100 ? name : name.substring(0, 100) + "...";
        return new UncheckedIOException("Worker \"" + brief + "\" could not be started: " + e.getMessage(), e);
    }

    /// Whether a process that was started before, for nobody in particular, can be the worker.
    private boolean isPlain() {
        return jvmArguments.isEmpty() && environment.isEmpty() && stdout.redirect == Redirect.PIPE
                && stderr.redirect == Redirect.PIPE;
    }

    private List<String> options() {
        List<String> options = new ArrayList<>();
        options.add("-Dstdout.encoding=" + stdout.charset());
        options.add("-Dstderr.encoding=" + stderr.charset());
        // less than ours, so that it can end its workers in good order before we kill it with them
        options.add("-D" + AtExit.GRACE + "=" + Duration.ofNanos(SharedQueue.nanos(AtExit.grace()) / 5 * 4));
        options.addAll(jvmArguments);
        return options;
    }

    /// Those of a worker with nothing special about it, if it were started now.
    static List<String> plainOptions() {
        return new Worker(builder().name("plain"), null).options();
    }

    private ProcessBuilder processBuilder(List<String> arguments) throws IOException {
        ProcessBuilder builder = WorkerJvm.processBuilder(options(), environment.keySet(), arguments);
        builder.redirectOutput(stdout.redirect);
        builder.redirectError(stderr.redirect);
        environment.forEach((variable, value) -> {
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
        if (cpu < 0) {
            return WorkerJvm.launch(builder);
        }
        FutureTask<Process> start = new FutureTask<>(() -> {
            Cpus.pin(cpu);
            return WorkerJvm.launch(builder);
        });
        Thread.ofPlatform().daemon().name(name + " start").start(start);
        try {
            return uninterruptibly(start);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
        }
    }

    /// Three threads: one for each stream that is piped here; and one that hands over the task, which may take as long
    /// as the worker's JVM takes to start, and then waits for the end.
    private void attend(Process process, InputStream output, byte[] packed, ExitRecord record) {
        List<LinePump> pumps = new ArrayList<>();
        if (stdout.redirect == Redirect.PIPE) {
            pumps.add(new LinePump(name + " stdout", output, stdout::ourStream, stdout.lines));
        }
        if (stderr.redirect == Redirect.PIPE) {
            pumps.add(new LinePump(name + " stderr", process.getErrorStream(), stderr::ourStream, stderr.lines));
        }
        this.pumps = List.copyOf(pumps);
        pumps.forEach(Thread::start);
        AtomicReference<byte[]> toBeSent = new AtomicReference<>(packed); // and then dropped: it may be large
        // a daemon only if the worker is one: this process waits for the others as for a thread, and a signal that comes
        // meanwhile finds it up, not ending already with a status of its own
        Thread.ofPlatform().daemon(daemon).name(name + " watch").start(() -> {
            PackedTask.send(toBeSent.getAndSet(null), process.getOutputStream());
            watch(process, record);
        });
        task = null;
    }

    private void watch(Process process, ExitRecord record) {
        WorkerExit exit = new WorkerExit.Exited(1);
        try {
            if (!await(() -> process.waitFor(3, TimeUnit.SECONDS))) { // rather not while others may still be starting
                StartupCache.makeIfMissing();
            }
            int status = await(process::waitFor);
            exit = new WorkerExit.Exited(status);
            for (LinePump pump : pumps) {
                await(() -> {
                    pump.awaitWorkersLast();
                    return true;
                });
            }
            exit = record.read(status);
        } finally { // nobody may wait for ever, even if this JVM is out of memory
            record.delete();
            active.remove(this);
            ended.complete(exit);
        }
        StartupCache.makeIfMissing();
    }

    /// An interrupt is not for the watch: somebody may want all threads of this JVM to end, but then it would end with them.
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

    /// Waits a moment, and returns whether the worker has ended, with all its output.
    boolean awaitEnd(Duration timeout) {
        try {
            ended.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            return false; // somebody wants all threads of this JVM to end, as it does
        } catch (ExecutionException e) {
            throw new AssertionError(e);
        }
        return true;
    }

    /// For the end of this process, after which nobody could end those.
    ///
    /// @return its workers, at each depth
    List<ProcessHandle> killWithItsWorkers() {
        // before it is gone: then nobody knows them
        List<ProcessHandle> below = started().descendants().filter(WorkerJvm::isWorker).toList();
        kill();
        below.forEach(ProcessHandle::destroyForcibly);
        return below;
    }

    void dropStuckOutput(long patienceNanos) {
        pumps.forEach(pump -> pump.dropIfStuck(patienceNanos));
    }

    // ---- waiting and ending

    /// Waits until the worker has ended and all its output has been passed on.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself; or in a callback of its own output,
    ///     which would wait for itself
    /// @throws InterruptedException if the calling thread is interrupted; the worker goes on
    public void join() throws InterruptedException {
        refuseToWaitForItself();
        try {
            ended.get();
        } catch (ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    /// Waits as [#join()] does, but not for ever.
    ///
    /// @param timeout how long to wait at most; zero or less just looks
    /// @return whether the worker has ended
    /// @throws IllegalStateException if it was not started, or is this process itself; or in a callback of its own output,
    ///     which would wait for itself
    /// @throws InterruptedException if the calling thread is interrupted; the worker goes on
    public boolean join(Duration timeout) throws InterruptedException {
        refuseToWaitForItself();
        try {
            ended.get(TimeUnit.NANOSECONDS.convert(timeout), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    private void refuseToWaitForItself() {
        if (isThisProcess) {
            throw new IllegalStateException("Worker \"" + name + "\" would wait for itself.");
        }
        started();
    }

    /// Asks the worker to end: SIGTERM, or what the system has for it. Its shutdown hooks run. A worker that has ended
    /// is left alone.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself
    public void terminate() {
        started().destroy();
    }

    /// Ends the worker at once: SIGKILL. A worker that has ended is left alone. Of its own workers the daemons end with it.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself
    public void kill() {
        started().destroyForcibly();
    }

    // ---- asking

    /// Whether the worker was started and has not ended yet; it has not as long as there is output to be passed on.
    ///
    /// @return whether it runs
    public boolean isAlive() {
        return (isThisProcess || handle != null) && !ended.isDone();
    }

    /// The exit code, as [WorkerExit#code()] defines it.
    ///
    /// @return empty as long as the worker has not ended
    public OptionalInt exitCode() {
        return ended.isDone() ? OptionalInt.of(ended.resultNow().code()) : OptionalInt.empty();
    }

    /// How the worker ended.
    ///
    /// @return finished, failed, exited or killed
    /// @throws IllegalStateException if it has not ended
    public WorkerExit exit() {
        started();
        if (!ended.isDone()) {
            throw new IllegalStateException("Worker \"" + name + "\" has not ended; join() it first.");
        }
        return ended.resultNow();
    }

    /// How the worker will have ended, as soon as [#join()] would return. It never completes exceptionally by itself.
    /// In a callback of the worker's own output it may be used, but not waited for, as [#join()] may not.
    ///
    /// @return a new future; what the caller does with it has no effect on the worker
    public CompletableFuture<WorkerExit> onExit() {
        return ended.copy();
    }

    /// The process id.
    ///
    /// @return the id, as the system shows it
    /// @throws IllegalStateException if it was not started
    public long pid() {
        return started().pid();
    }

    /// The name, which the worker's main thread has too.
    ///
    /// @return as given to the builder; else `worker-1`, `worker-2`, …, in a worker named X `X:1`, `X:2`, …
    public String name() {
        return name;
    }

    /// The core that the worker is pinned to.
    ///
    /// @return its number, empty if it is not pinned
    public OptionalInt cpu() {
        return cpu < 0 ? OptionalInt.empty() : OptionalInt.of(cpu);
    }

    /// Whether the worker ends with its parent.
    ///
    /// @return whether it is a daemon
    public boolean isDaemon() {
        return daemon;
    }

    @Override
    public String toString() {
        if (!isThisProcess && handle == null) {
            return "Worker[" + name + ", not started]";
        }
        return "Worker[" + name + ", pid " + pid() + ", " + (ended.isDone() ? exit() : "running") + "]";
    }

    private ProcessHandle started() {
        ProcessHandle process = isThisProcess ? ProcessHandle.current() : handle;
        if (process == null) {
            throw new IllegalStateException("Worker \"" + name + "\" was not started; start() it first.");
        }
        return process;
    }

    /// Of this worker. Its output is to have been passed on by then, so the threads that pass it on cannot wait for it: nor can
    /// what they call back.
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
            if (!isDone() && Thread.currentThread() instanceof LinePump pump && pumps.contains(pump)) {
                throw new IllegalStateException(
                        "Worker \"" + name
                                + "\" cannot be waited for in a callback of its own output: it has ended only"
                                + " when all its output has been passed on, by the thread that would wait here."
                                + " Wait in another thread, or use onExit().thenAccept(...).");
            }
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
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /// Where one of a worker's two output streams goes.
    ///
    /// @param error which one: the standard error or the standard output
    private record Output(boolean error, Redirect redirect, @Nullable Consumer<String> lines) {

        /// What ends up in our own stream has to be encoded like the rest of it.
        Charset charset() {
            boolean isOurs = redirect == Redirect.INHERIT || (redirect == Redirect.PIPE && lines == null);
            return isOurs ? ourStream().charset() : StandardCharsets.UTF_8;
        }

        private PrintStream ourStream() {
            return error ? System.err : System.out;
        }
    }

    /// Makes workers that are not plain. Each method but the last two returns this builder, which may be used for
    /// several workers, by one thread at a time.
    public static final class Builder {
        private @Nullable String name;
        private int cpu = -1;
        private boolean daemon = WorkerMain.daemon;
        private final List<String> jvmArguments = new ArrayList<>();
        private final Map<String, @Nullable String> environment = new LinkedHashMap<>();
        private Output stdout = new Output(false, Redirect.PIPE, null);
        private Output stderr = new Output(true, Redirect.PIPE, null);

        private Builder() {}

        /// Names the worker: see [Worker#name()]. Names need not be unique.
        ///
        /// @param name the name; tools that list processes show it too
        /// @return this builder
        /// @throws IllegalArgumentException if it has a zero character
        public Builder name(String name) {
            refuseZero("name", name);
            this.name = name;
            return this;
        }

        /// Pins the worker to one core: all threads of its JVM, and whatever processes it starts. Where the system
        /// cannot pin processes (only Linux can) this has no effect.
        ///
        /// @param cpu the system's number of the core
        /// @return this builder
        /// @throws IllegalArgumentException if this process may not use that core
        public Builder cpu(int cpu) {
            int[] available = Cpus.available();
            if (Arrays.stream(available).noneMatch(each -> each == cpu)) {
                throw new IllegalArgumentException(
                        "cpu=" + cpu + " is none of the cores that this process may use: "
                                + Arrays.toString(available));
            }
            this.cpu = cpu;
            return this;
        }

        /// Makes the worker a daemon, or not: a daemon ends when this process ends, in whatever way, at once and
        /// without shutdown hooks.
        ///
        /// @param daemon whether it is one; by default what this process is, so no daemon unless it is a daemon worker
        /// @return this builder
        public Builder daemon(boolean daemon) {
            this.daemon = daemon;
            return this;
        }

        /// Adds options for the worker's JVM, such as `-Xmx256m`. They come after those that it inherits.
        ///
        /// @param arguments the options, one argument each: `--add-opens=…=…`, not in two parts
        /// @return this builder
        /// @throws IllegalArgumentException if one has a zero character
        public Builder jvmArguments(String... arguments) {
            for (String argument : arguments) refuseZero("arguments", argument);
            jvmArguments.addAll(List.of(arguments));
            return this;
        }

        /// Sets or removes an environment variable; the others are this process's.
        ///
        /// @param variable the variable's name
        /// @param value its value, or null to remove it
        /// @return this builder
        /// @throws IllegalArgumentException if the system knows no such names or values: an empty name, one with `=`, zero
        ///     characters
        public Builder environment(String variable, @Nullable String value) {
            if (variable.isEmpty() || variable.indexOf('=') >= 0) {
                throw new IllegalArgumentException("variable=\"" + variable
                        + "\" is no name of an environment variable: it may not be empty or contain \"=\"");
            }
            refuseZero("variable", variable);
            if (value != null) refuseZero(variable, value);
            environment.put(variable, value);
            return this;
        }

        /// Sends the standard output to a file, to nowhere ([Redirect#DISCARD]), or directly to the standard output
        /// that this process was started with ([Redirect#INHERIT]), past [System#out] and without care for lines.
        ///
        /// @param to where to; not [Redirect#PIPE]
        /// @return this builder
        public Builder stdout(Redirect to) {
            stdout = new Output(false, refusePipe(to), null);
            return this;
        }

        /// Calls back with each line of the standard output, decoded as UTF-8. A worker that writes faster than its
        /// lines are taken waits.
        ///
        /// When this process ends, a callback that is itself waiting for that, or in which a line has been for longer than the
        /// grace time (see [Worker]), gets no further lines.
        ///
        /// @param lines called by one thread, never two at a time; what it throws goes to that thread's handler for
        ///              uncaught exceptions, and the next line comes all the same
        /// @return this builder
        public Builder stdout(Consumer<String> lines) {
            stdout = new Output(false, Redirect.PIPE, Objects.requireNonNull(lines, "lines"));
            return this;
        }

        /// As [#stdout(Redirect)], for the standard error.
        ///
        /// @param to where to; not [Redirect#PIPE]
        /// @return this builder
        public Builder stderr(Redirect to) {
            stderr = new Output(true, refusePipe(to), null);
            return this;
        }

        /// As [#stdout(Consumer)], for the standard error.
        ///
        /// @param lines called by one thread, never two at a time
        /// @return this builder
        public Builder stderr(Consumer<String> lines) {
            stderr = new Output(true, Redirect.PIPE, Objects.requireNonNull(lines, "lines"));
            return this;
        }

        private static void refuseZero(String what, String text) {
            int at = text.indexOf('\0');
            if (at >= 0) {
                throw new IllegalArgumentException(
                        what + " has a zero character at index " + at + "; the system ends texts there");
            }
        }

        private static Redirect refusePipe(Redirect to) {
            if (to == Redirect.PIPE || to.type() == Redirect.Type.READ) {
                throw new IllegalArgumentException("to=" + to + ": nobody would read what is written there.");
            }
            return to;
        }

        /// Makes a worker.
        ///
        /// @param task what it is to do
        /// @return the worker, not yet started
        public Worker unstarted(Task task) {
            return new Worker(this, Objects.requireNonNull(task, "task"));
        }

        /// Makes a worker and [starts][Worker#start()] it.
        ///
        /// @param task what it is to do
        /// @return the started worker
        public Worker start(Task task) {
            return unstarted(task).start();
        }
    }
}
