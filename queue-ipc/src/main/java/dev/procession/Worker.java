package dev.procession;

import dev.procession.core.Cpus;
import dev.procession.worker.ChildMain;
import dev.procession.worker.WarmPool;
import dev.procession.worker.WorkerOutput;
import dev.procession.worker.WorkerProcess;
import dev.procession.worker.WorkerSettings;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/// A process that runs a [Task] in a JVM of its own, to be used like a [Thread]: create it, [start][#start()] it,
/// [join][#join()] it, and ask [how it ended][#exit()].
///
/// {@snippet file="ExamplesTest.java" region="worker"}
///
/// *What the worker gets.* The task with what it captures (see [Task]); the same Java installation, class path and
/// module path; of the options that this process was started with, those that tell what code may do: system properties
/// (`-D`), assertions (`-ea`), and all that begin with two hyphens (`--add-opens` and its kin), but not heap sizes,
/// collectors, logs, agents, or ports of debuggers and JMX, which are each process's own; the environment, without
/// `JAVA_TOOL_OPTIONS`, `JDK_JAVA_OPTIONS` and `_JAVA_OPTIONS`, whose options are treated like those of the command
/// line; the working directory; an empty standard input. It may use native access, unless that is denied here.
/// [Builder#jvmArguments] and [Builder#environment] give it more.
///
/// *Its classes* are those of this process, also where these are not on the class path: in a Spring Boot jar,
/// `java Hello.java`, JShell, `mvn exec:java`, or any other class loader. A worker that meets such a class asks this
/// process for it, and for resources, as long as both run. The loader has to give the bytes of its classes as
/// resources, as all known ones do; a task whose own classes it does not give is refused by [#start()].
///
/// *What it writes* to its standard output and error appears on [System#out] and [System#err] of this process, in whole
/// lines and byte for byte; all of it when `join` has returned. [Builder] has other places for it.
///
/// *When it ends.* A worker ends like any JVM: when the task has returned and no non-daemon thread is left. An
/// exception that the task throws is printed like a thread's; the worker then fails with exit code 1. At its exit a
/// process waits for its workers, except for [daemon][Builder#daemon(boolean)] ones: those end with it. If SIGTERM,
/// SIGINT or SIGHUP makes it end, or comes while it waits, it [terminates][#terminate()] its workers, and
/// [kills][#kill()] those that have not ended after a *grace time*, or when a second signal comes. That is 10 seconds,
/// or what the system property `dev.procession.grace` says, in seconds or as a [Duration]; for the workers of a worker
/// it is a fifth less. In both processes queues work until the very end: shutdown hooks may put, get, and be done with
/// leases. When a process is killed in a way that it cannot notice (SIGKILL), its daemons end nevertheless; the others
/// go on. (Those that are killed here take their own workers along.)
///
/// *How fast it starts.* A JVM needs some 50 ms to come up. [#keepWarm(int)] has some come up before they are needed.
///
/// A worker that runs has three threads in this process, which wait for its output and its end, and another one if it
/// asks for classes. It may start workers of its own. All methods may be called by any thread.
public final class Worker {
    private static final AtomicInteger nextNumber = new AtomicInteger(1);

    private volatile @Nullable Task task; // null: this process, or handed over
    private final WorkerProcess<WorkerExit> process;

    private Worker(WorkerSettings settings, @Nullable Task task) {
        this.task = task;
        process = new WorkerProcess<>(this, settings, task == null, WorkerEnds.ALL);
    }

    private static String nextName() {
        String prefix = ChildMain.name == null ? "worker-" : ChildMain.name + ":";
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
    /// [Builder#cpu(int)] does, if this process may use those cores as a whole. Where it has a share of them only (a
    /// container with half of a core, `-XX:ActiveProcessorCount`), or where processes cannot be pinned, the system
    /// places the workers.
    ///
    /// {@snippet file="ExamplesTest.java" region="every-core"}
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
        return WorkerProcess.owners(Worker.class);
    }

    /// Made when it is first asked for: most tasks never do.
    private static final class Current {
        static final @Nullable WorkerSettings settings = WorkerSettings.current();
        static final @Nullable Worker worker = settings == null ? null : new Worker(settings, null);
    }

    // ---- starting

    /// Keeps spare JVMs ready, so that workers start several times faster: for programs that start workers again and
    /// again, or must not be late when they do. By default there are none.
    ///
    /// {@snippet file="ExamplesTest.java" region="keep-warm"}
    ///
    /// A spare is a process that has come up, has used a queue of its own once, and sleeps. [#start()] makes the worker
    /// of a spare if one is ready, and starts a JVM otherwise; whatever else is said here of workers holds for both.
    /// Spares are made in the background, one after the other, and so is a new one for each that was used, a moment
    /// after the start; one that does not come up is tried again after the next start. They end with this process, in
    /// whatever way that ends.
    ///
    /// A spare can only be a worker whose JVM would be started just like it: one with [Builder#jvmArguments],
    /// [Builder#environment], output that goes to a [Redirect] or has another encoding than [System#out], or, unless it
    /// is pinned, one that is started by a thread on other cores than the one that called this does not come from a
    /// spare.
    ///
    /// A task that runs in a JVM that was a spare finds it as new: no class of the application has been initialized. It
    /// may notice the age of the process; that tools that list processes show `spare` in place of the worker's name;
    /// and, if it is pinned, that its JVM has chosen its collector and the number of its threads before that, for all
    /// cores.
    ///
    /// Each spare takes 30 to 60 MB of memory and a thread of this process, and no CPU to speak of.
    ///
    /// In a worker, a static initializer that calls this has no effect: it was meant for the program's first process.
    ///
    /// @param spares how many; those that are more end
    /// @throws IllegalArgumentException if the number is negative
    /// @throws IllegalStateException if this process is about to end and has started no worker before; if it has, there
    ///     will be no spares
    public static void keepWarm(int spares) {
        if (spares < 0) throw new IllegalArgumentException("spares=" + spares + " is negative; 0 keeps none.");
        if (ChildMain.isInitializing()) return;
        WarmPool.keep(spares);
    }

    /// The number of spare JVMs that are ready at this moment: see [#keepWarm(int)].
    ///
    /// @return 0 to what is to be kept
    public static int spares() {
        return WarmPool.count();
    }

    /// Starts the process and returns at once: the worker's JVM comes up in the meantime.
    ///
    /// What can be known beforehand is checked here. A worker may fail later all the same, before or in its task: so
    /// who waits for what it will send waits with a time-out, or [joins][#join()] it.
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
        if (task == null || process.isStarted()) {
            throw new IllegalThreadStateException("Worker \"" + name() + "\" was started before; make a new one.");
        }
        ChildMain.refuseIfInitializing(name());
        process.start(task, WorkerMain.TASKS);
        this.task = null;
        return this;
    }

    // ---- waiting and ending

    /// Waits until the worker has ended and all its output has been passed on.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself; or in a callback of its own
    ///     output, which would wait for itself
    /// @throws InterruptedException if the calling thread is interrupted; the worker goes on
    public void join() throws InterruptedException {
        process.join(Long.MAX_VALUE);
    }

    /// Waits as [#join()] does, but not for ever.
    ///
    /// @param timeout how long to wait at most; zero or less just looks
    /// @return whether the worker has ended
    /// @throws IllegalStateException if it was not started, or is this process itself; or in a callback of its own
    ///     output, which would wait for itself
    /// @throws InterruptedException if the calling thread is interrupted; the worker goes on
    public boolean join(Duration timeout) throws InterruptedException {
        return process.join(TimeUnit.NANOSECONDS.convert(timeout));
    }

    /// Asks the worker to end: SIGTERM, or what the system has for it. Its shutdown hooks run. A worker that has ended
    /// is left alone.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself
    public void terminate() {
        process.handle().destroy();
    }

    /// Ends the worker at once: SIGKILL. A worker that has ended is left alone. Of its own workers the daemons end with
    /// it.
    ///
    /// @throws IllegalStateException if it was not started, or is this process itself
    public void kill() {
        process.handle().destroyForcibly();
    }

    // ---- asking

    /// Whether the worker was started and has not ended yet; it has not as long as there is output to be passed on.
    ///
    /// @return whether it runs
    public boolean isAlive() {
        return process.isStarted() && !process.ended().isDone();
    }

    /// The exit code, as [WorkerExit#code()] defines it.
    ///
    /// @return empty as long as the worker has not ended
    public OptionalInt exitCode() {
        return process.ended().isDone() ? OptionalInt.of(process.ended().resultNow().code()) : OptionalInt.empty();
    }

    /// How the worker ended.
    ///
    /// @return finished, failed, exited or killed
    /// @throws IllegalStateException if it has not ended
    public WorkerExit exit() {
        return process.end();
    }

    /// How the worker will have ended, as soon as [#join()] would return. It never completes exceptionally by itself.
    /// In a callback of the worker's own output it may be used, but not waited for, as [#join()] may not.
    ///
    /// @return a new future; what the caller does with it has no effect on the worker
    public CompletableFuture<WorkerExit> onExit() {
        return process.ended().copy();
    }

    /// The process id.
    ///
    /// @return the id, as the system shows it
    /// @throws IllegalStateException if it was not started
    public long pid() {
        return process.handle().pid();
    }

    /// The name, which the worker's main thread has too.
    ///
    /// @return as given to the builder; else `worker-1`, `worker-2`, …, in a worker named X `X:1`, `X:2`, …
    public String name() {
        return process.settings().name();
    }

    /// The core that the worker is pinned to.
    ///
    /// @return its number, empty if it is not pinned
    public OptionalInt cpu() {
        int cpu = process.settings().cpu();
        return cpu < 0 ? OptionalInt.empty() : OptionalInt.of(cpu);
    }

    /// Whether the worker ends with its parent.
    ///
    /// @return whether it is a daemon
    public boolean isDaemon() {
        return process.settings().daemon();
    }

    @Override
    public String toString() {
        return process.toString();
    }

    /// Makes workers that are not plain:
    ///
    /// {@snippet file="ExamplesTest.java" region="builder"}
    ///
    /// Each method but the last two returns this builder, which may be used for
    /// several workers, by one thread at a time.
    public static final class Builder {
        private @Nullable String name;
        private int cpu = -1;
        private boolean daemon = ChildMain.daemon;
        private boolean hasGrace;
        private final List<String> jvmArguments = new ArrayList<>();
        private final Map<String, @Nullable String> environment = new LinkedHashMap<>();
        private WorkerOutput stdout = WorkerOutput.STDOUT;
        private WorkerOutput stderr = WorkerOutput.STDERR;

        private Builder() {}

        /// Names the worker: see [Worker#name()]. Names need not be unique.
        ///
        /// @param name the name; tools that list processes show it too
        /// @return this builder
        /// @throws IllegalArgumentException if it has a zero character
        public Builder name(String name) {
            WorkerSettings.refuseZero("name", name);
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
            WorkerSettings.refuseForeignCpu(cpu);
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
            for (String argument : arguments) WorkerSettings.refuseZero("arguments", argument);
            jvmArguments.addAll(List.of(arguments));
            return this;
        }

        /// Sets or removes an environment variable; the others are this process's.
        ///
        /// @param variable the variable's name
        /// @param value its value, or null to remove it
        /// @return this builder
        /// @throws IllegalArgumentException if the system knows no such names or values: an empty name, one with `=`,
        ///     zero characters
        public Builder environment(String variable, @Nullable String value) {
            WorkerSettings.refuseImpossible(variable, value);
            environment.put(variable, value);
            return this;
        }

        /// Sends the standard output to a file, to nowhere ([Redirect#DISCARD]), or directly to the standard output
        /// that this process was started with ([Redirect#INHERIT]), past [System#out] and without care for lines.
        ///
        /// @param to where to; not [Redirect#PIPE]
        /// @return this builder
        public Builder stdout(Redirect to) {
            stdout = stdout.to(to);
            return this;
        }

        /// Calls back with each line of the standard output, decoded as UTF-8. A worker that writes faster than its
        /// lines are taken waits.
        ///
        /// When this process ends, a callback that is itself waiting for that, or in which a line has been for longer
        /// than the grace time (see [Worker]), gets no further lines.
        ///
        /// @param lines called by one thread, never two at a time; what it throws goes to that thread's handler for
        ///              uncaught exceptions, and the next line comes all the same
        /// @return this builder
        public Builder stdout(Consumer<String> lines) {
            stdout = stdout.to(lines);
            return this;
        }

        /// As [#stdout(Redirect)], for the standard error.
        ///
        /// @param to where to; not [Redirect#PIPE]
        /// @return this builder
        public Builder stderr(Redirect to) {
            stderr = stderr.to(to);
            return this;
        }

        /// As [#stdout(Consumer)], for the standard error.
        ///
        /// @param lines called by one thread, never two at a time
        /// @return this builder
        public Builder stderr(Consumer<String> lines) {
            stderr = stderr.to(lines);
            return this;
        }

        /// If a signal makes this process end, it is asked to, as other workers are, and killed after the grace time.
        Builder withGrace() {
            hasGrace = true;
            return this;
        }

        /// Makes a worker.
        ///
        /// @param task what it is to do
        /// @return the worker, not yet started
        public Worker unstarted(Task task) {
            Objects.requireNonNull(task, "task");
            WorkerSettings settings = new WorkerSettings(
                    name != null ? name : nextName(), cpu, daemon, hasGrace, jvmArguments, environment, stdout, stderr);
            return new Worker(settings, task);
        }

        /// Makes a worker and [starts][Worker#start()] it, which throws what that throws.
        ///
        /// @param task what it is to do
        /// @return the started worker
        public Worker start(Task task) {
            return unstarted(task).start();
        }
    }
}
