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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
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
/// collectors or agents, which are each process's own; the environment and the working directory; an empty standard
/// input. It may use native access. [Builder#jvmArguments] adds options.
///
/// *What it writes* to its standard output and error appears on [System#out] and [System#err] of this process, in whole
/// lines and byte for byte; all of it when `join` has returned. [Builder] has other places for it.
///
/// *When it ends.* A worker ends like any JVM: when the task has returned and no non-daemon thread is left. An exception
/// that the task throws is printed like a thread's; the worker then fails with exit code 1. At its exit a process waits
/// for its workers, except for [daemon][Builder#daemon(boolean)] ones: those end with it. If SIGTERM, SIGINT or SIGHUP makes it
/// end, it first [terminates][#terminate()] its workers. When it is killed in a way that it cannot notice (SIGKILL),
/// its daemons end nevertheless; the others go on.
///
/// *How fast it starts.* A JVM needs some 50 ms to come up. [#keepWarm(int)] has some come up before they are needed.
///
/// A worker that runs has three threads in this process, all daemons, that wait for its output and its end.
/// A worker may start workers of its own. All methods may be called by any thread.
public final class Worker {
    private static final AtomicInteger nextNumber = new AtomicInteger(1);
    private static final Set<Worker> active = Collections.synchronizedSet(new LinkedHashSet<>());

    private final String name;
    private final int cpu; // -1: not pinned
    private final boolean daemon;
    private final @Nullable Task task; // null: this process
    private final List<String> jvmArguments;
    private final Map<String, @Nullable String> environment;
    private final Output stdout;
    private final Output stderr;

    private final CompletableFuture<WorkerExit> ended = new CompletableFuture<>();
    private volatile @Nullable ProcessHandle handle; // null: not started

    private Worker(Builder builder, @Nullable Task task) {
        name = builder.name != null ? builder.name : nextName();
        cpu = builder.cpu;
        daemon = builder.daemon;
        this.task = task;
        jvmArguments = List.copyOf(builder.jvmArguments);
        environment = new LinkedHashMap<>(builder.environment);
        stdout = builder.stdout;
        stderr = builder.stderr;
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

    /// One worker per core, each pinned to its own, as [Builder#cpu(int)] does: for every core that this process may
    /// use. Where processes cannot be pinned they are as many, and the system places them.
    ///
    /// ```java
    /// List<Worker> workers = Worker.onEveryCore(n -> () -> hello(n, queue));
    /// workers.forEach(Worker::start);
    /// ```
    ///
    /// @param tasks gives the task of worker n, n = 0, 1, 2, …
    /// @return the workers, not yet started
    public static List<Worker> onEveryCore(IntFunction<? extends Task> tasks) {
        int[] cpus = Cpus.available();
        List<Worker> workers = new ArrayList<>(cpus.length);
        for (int n = 0; n < cpus.length; n++) {
            workers.add(builder().cpu(cpus[n]).unstarted(tasks.apply(n)));
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
    /// @param spares how many; those that are more end
    /// @throws IllegalArgumentException if the number is negative
    /// @throws IllegalStateException if this process is about to end and has started no worker before; if it has, there will
    ///     be no spares
    public static void keepWarm(int spares) {
        if (spares < 0) {
            throw new IllegalArgumentException("spares=" + spares + " is negative; 0 keeps none.");
        }
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
    /// @return this worker
    /// @throws IllegalThreadStateException if it was started before
    /// @throws IllegalArgumentException if the task captures an object that cannot be serialized; the message names it
    /// @throws IllegalStateException if this process is about to end
    /// @throws UncheckedIOException if the system cannot start the process; this method may then be called again
    public synchronized Worker start() {
        if (task == null || handle != null) {
            throw new IllegalThreadStateException("Worker \"" + name + "\" was started before; make a new one.");
        }
        byte[] packed = PackedTask.pack(task, name);
        AtExit.hook();
        ExitRecord record;
        Process process;
        InputStream output;
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
        } catch (IOException e) {
            record.delete();
            throw notStarted(e);
        }
        handle = process.toHandle();
        active.add(this);
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
        return new UncheckedIOException("Worker \"" + name + "\" could not be started: " + e.getMessage(), e);
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
        options.addAll(jvmArguments);
        return options;
    }

    /// Those of a worker with nothing special about it, if it were started now.
    static List<String> plainOptions() {
        return new Worker(builder().name("plain"), null).options();
    }

    private ProcessBuilder processBuilder(List<String> arguments) {
        ProcessBuilder builder = new ProcessBuilder(WorkerJvm.command(options(), arguments));
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
            return builder.start();
        }
        FutureTask<Process> start = new FutureTask<>(() -> {
            Cpus.pin(cpu);
            return builder.start();
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
            pumps.add(new LinePump(name + " stdout", output, stdout));
        }
        if (stderr.redirect == Redirect.PIPE) {
            pumps.add(new LinePump(name + " stderr", process.getErrorStream(), stderr));
        }
        pumps.forEach(Thread::start);
        Thread.ofPlatform().daemon().name(name + " watch").start(() -> {
            PackedTask.send(packed, process.getOutputStream());
            try {
                process.waitFor(3, TimeUnit.SECONDS); // rather not while others may still be starting
                StartupCache.makeIfMissing();
                int status = process.waitFor();
                for (LinePump pump : pumps) {
                    pump.awaitWorkersLast();
                }
                WorkerExit exit = record.read(status);
                record.delete();
                active.remove(this);
                ended.complete(exit);
            } catch (InterruptedException e) {
                throw new AssertionError("nobody knows this thread", e);
            }
        });
    }

    /// When this process ends: waits for all workers but the daemons, and ends those.
    static void awaitAllAtExit() {
        if (ExitRecord.endingSignal() > 0) {
            active().forEach(Worker::terminate);
        }
        awaitActive(false);
        active().forEach(Worker::kill); // what is left are daemons
        awaitActive(true);
    }

    private static void awaitActive(boolean daemonsToo) {
        List<Worker> rest;
        do {
            rest = active().stream().filter(worker -> daemonsToo || !worker.daemon).toList();
            rest.forEach(worker -> worker.ended.join());
        } while (!rest.isEmpty()); // meanwhile somebody may have started another one
    }

    // ---- waiting and ending

    /// Waits until the worker has ended and all its output has been passed on.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself
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
    /// @throws IllegalStateException if it was not started, or is this process itself
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
        if (task == null) {
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

    /// Ends the worker at once: SIGKILL. A worker that has ended is left alone.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself
    public void kill() {
        started().destroyForcibly();
    }

    // ---- asking

    /// Whether the worker was started and has not ended yet; it has not as long as there is output to be passed on.
    ///
    /// @return whether it runs
    /// @throws IllegalStateException if it was not started
    public boolean isAlive() {
        started();
        return !ended.isDone();
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
        if (task != null && handle == null) {
            return "Worker[" + name + ", not started]";
        }
        return "Worker[" + name + ", pid " + pid() + ", " + (ended.isDone() ? exit() : "running") + "]";
    }

    private ProcessHandle started() {
        ProcessHandle process = task == null ? ProcessHandle.current() : handle;
        if (process == null) {
            throw new IllegalStateException("Worker \"" + name + "\" was not started; start() it first.");
        }
        return process;
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
    private record Output(boolean error, Redirect redirect, @Nullable Consumer<String> lines) implements LinePump.Sink {

        /// What ends up in our own stream has to be encoded like the rest of it.
        Charset charset() {
            boolean isOurs = redirect == Redirect.INHERIT || (redirect == Redirect.PIPE && lines == null);
            return isOurs ? ourStream().charset() : StandardCharsets.UTF_8;
        }

        private PrintStream ourStream() {
            return error ? System.err : System.out;
        }

        @Override
        public void accept(byte[] bytes, int length) {
            if (lines == null) {
                PrintStream stream = ourStream();
                stream.write(bytes, 0, length);
                stream.flush();
                return;
            }
            new String(bytes, 0, length, StandardCharsets.UTF_8).lines().forEach(lines);
        }
    }

    /// Makes workers that are not plain. Each method but the last two returns this builder, which may be used for
    /// several workers, by one thread at a time.
    public static final class Builder {
        private @Nullable String name;
        private int cpu = -1;
        private boolean daemon;
        private final List<String> jvmArguments = new ArrayList<>();
        private final Map<String, @Nullable String> environment = new LinkedHashMap<>();
        private Output stdout = new Output(false, Redirect.PIPE, null);
        private Output stderr = new Output(true, Redirect.PIPE, null);

        private Builder() {}

        /// Names the worker: see [Worker#name()]. Names need not be unique.
        ///
        /// @param name the name; tools that list processes show it too
        /// @return this builder
        public Builder name(String name) {
            this.name = Objects.requireNonNull(name, "name");
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
        /// @param daemon whether it is one; by default it is not
        /// @return this builder
        public Builder daemon(boolean daemon) {
            this.daemon = daemon;
            return this;
        }

        /// Adds options for the worker's JVM, such as `-Xmx256m`. They come after those that it inherits.
        ///
        /// @param arguments the options, one argument each: `--add-opens=…=…`, not in two parts
        /// @return this builder
        public Builder jvmArguments(String... arguments) {
            jvmArguments.addAll(List.of(arguments));
            return this;
        }

        /// Sets or removes an environment variable; the others are this process's.
        ///
        /// @param variable the variable's name
        /// @param value its value, or null to remove it
        /// @return this builder
        public Builder environment(String variable, @Nullable String value) {
            environment.put(Objects.requireNonNull(variable, "variable"), value);
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
        /// @param lines called by one thread, never two at a time; what it throws goes to that thread's handler for
        ///              uncaught exceptions
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
