package dev.procession;

import dev.procession.core.QueueException;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One worker of a [WorkerPool], as the pool sees it.
final class PoolWorker {
    private static final int LAST_LINES = 20;
    /// Of a line, in characters.
    private static final int LONGEST = 1000;
    /// What waits for it is small. If it takes nothing for so long that this is not enough, it is killed.
    private static final QueueOptions CONTROL = QueueOptions.DEFAULT.withLanes(2).withLaneBytes(1 << 26).leased();

    /// SIGHUP, SIGINT, SIGKILL, SIGTERM.
    private static final Set<Integer> OTHERS_SIGNALS = Set.of(1, 2, 9, 15);

    final int number;
    final int slot;
    private final Worker worker;
    private final SharedQueue<PoolMessage> control;
    private final Deque<String> lastErrors = new ArrayDeque<>(); // these two are guarded by themselves
    private final Deque<String> lastLines = new ArrayDeque<>(); // of the standard output

    /// These are guarded by the pool's lock.
    @Nullable
    PoolTask<?> runs;
    boolean isReady;
    int started;
    int finished;
    private long startedAt; // in milliseconds since the epoch
    long mayRunUntil; // in terms of System.nanoTime
    boolean isWatched;
    private boolean isStarted;
    private boolean isKilled;

    /// @param slot that of the pool's places for workers which it takes
    PoolWorker(int number, int slot, PoolSettings settings, SharedQueue<PoolMessage> tasks,
            SharedQueue<PoolMessage> results) {
        this.number = number;
        this.slot = slot;
        control = PoolSettings.queue(CONTROL);
        boolean made = false;
        try {
            worker = make(settings, tasks, results);
            made = true;
        } finally {
            if (!made) control.close();
        }
    }

    private Worker make(PoolSettings settings, SharedQueue<PoolMessage> tasks, SharedQueue<PoolMessage> results) {
        String name = settings.name() + "-" + number;
        Worker.Builder builder = Worker.builder().name(name).daemon(true).withGrace()
                .jvmArguments(options(settings).toArray(String[]::new));
        settings.environment().forEach(builder::environment);
        List<Integer> cpus = settings.cpus();
        if (!cpus.isEmpty()) builder.cpu(cpus.get(slot % cpus.size()));
        BiConsumer<String, String> output = settings.output();
        Consumer<String> lines = output != null ? line -> output.accept(name, line) : line -> System.out.println(line);
        Consumer<String> errors = output != null ? line -> output.accept(name, line) : line -> System.err.println(line);
        builder.stdout(line -> {
            remember(lastLines, line);
            lines.accept(line);
        });
        builder.stderr(line -> {
            remember(lastErrors, line);
            errors.accept(line);
        });
        String tasksAt = QueueAddress.textOf(tasks.path());
        String resultsAt = QueueAddress.textOf(results.path());
        String controlAt = QueueAddress.textOf(control.path());
        int number = this.number;
        int most = settings.recycleAfter();
        Task initializer = settings.initializer();
        if (initializer == null) { // what it captures is plain, which is faster
            return builder.unstarted(() -> PoolLoop.run(tasksAt, resultsAt, controlAt, number, most, null));
        }
        return builder.unstarted(() -> PoolLoop.run(tasksAt, resultsAt, controlAt, number, most, initializer));
    }

    /// A task is lent as a copy outside of the heap. If the JVM gave that no more memory than a small heap has, a large
    /// one could not even be lent, so no worker could say which one it is. In the heap it fails by itself.
    private static List<String> options(PoolSettings settings) {
        List<String> options = new ArrayList<>(settings.jvmArguments());
        if (!options.isEmpty()) options.addFirst("-XX:MaxDirectMemorySize=4g"); // else it has what this process has
        return options;
    }

    private static void remember(Deque<String> lastLines, String line) {
        synchronized (lastLines) {
            if (lastLines.size() == LAST_LINES) lastLines.removeFirst();
            lastLines.addLast(line.length() <= LONGEST ? line : line.substring(0, LONGEST) + "...");
        }
    }

    /// A JVM that does not start says why on its standard output.
    private List<String> lastLines() {
        synchronized (lastErrors) {
            if (!lastErrors.isEmpty()) return new ArrayList<>(lastErrors);
        }
        synchronized (lastLines) {
            return new ArrayList<>(lastLines);
        }
    }

    Worker worker() {
        return worker;
    }

    /// Without the pool's lock.
    void start() {
        worker.start();
    }

    /// With the lock: it may be killed from now on.
    void started() {
        isStarted = true;
        if (isKilled) worker.kill();
    }

    /// Has the pool hear of its end, after all that it has put itself. No such message may be lost.
    void tellEnd(SharedQueue<PoolMessage> results) {
        worker.onExit().thenRun(() -> {
            while (true) {
                try {
                    results.put(new PoolMessage(PoolMessage.Kind.ENDED, number, 0));
                    return;
                } catch (QueueClosedException e) {
                    return;
                } catch (InterruptedException | OutOfMemoryError e) {
                    Thread.onSpinWait();
                }
            }
        });
    }

    void starts(PoolTask<?> task) {
        started++;
        runs = task;
        startedAt = System.currentTimeMillis();
    }

    /// @return null if it runs nothing
    PoolStats.@Nullable Running running() {
        PoolTask<?> task = runs;
        return task == null ? null
                : new PoolStats.Running(worker, Instant.ofEpochMilli(startedAt), task.starts);
    }

    /// Puts a message for it. Never waits.
    void tell(PoolMessage.Kind kind, long id) {
        if (isKilled) return;
        boolean isTold;
        try {
            isTold = control.tryPut(new PoolMessage(kind, 0, id));
        } catch (QueueException e) { // which it has damaged, say
            isTold = false;
        }
        if (!isTold) kill();
    }

    /// Whether it knows all that it was told.
    boolean hasHeard() {
        return control.isEmpty();
    }

    void kill() {
        isKilled = true;
        if (isStarted) worker.kill();
    }

    /// After its end, as the next: whether another process has ended it, and not an error of its own.
    boolean wasKilled() {
        return worker.exit() instanceof WorkerExit.Killed killed && OTHERS_SIGNALS.contains(killed.signal());
    }

    WorkerLostException lost(String when) {
        return new WorkerLostException("Worker " + this + " " + worker.exit() + " " + when, worker.exit(), lastLines(),
                null);
    }

    void close() {
        control.close();
    }

    @Override
    public String toString() {
        return "\"" + worker.name() + "\"" + (isStarted ? " (pid " + worker.pid() + ")" : "");
    }
}
