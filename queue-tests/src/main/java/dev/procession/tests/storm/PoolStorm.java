package dev.procession.tests.storm;

import dev.procession.Worker;
import dev.procession.WorkerLostException;
import dev.procession.WorkerPool;
import dev.procession.tests.jvm.Folders;
import dev.procession.tests.jvm.Signals;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/// Many tasks of a pool, while its workers are killed and stopped at random moments, and tasks take too long, are
/// cancelled, throw, and end their workers. Each future is to be completed once: with the right result, or with a loss
/// that is true.
public final class PoolStorm {
    static final Duration TIME_LIMIT = Duration.ofMillis(300);
    private static final String GRACE_SECONDS = "0.3";
    private static final int ATTEMPTS = 2;
    private static final int SUBMITTERS = 2;
    private static final int AHEAD = 1000; // of each of them
    private static final int ONE_OF = 50; // is cancelled

    private static final double KILLS_PER_SECOND = 10;
    private static final double STOPS_PER_SECOND = 5;
    /// At least: each kill costs the start of a JVM, and some tasks are to get through on a slow machine, too.
    private static final int TASKS_PER_KILL = 100;
    private static final long SHORT_STOP_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long LONG_STOP_NANOS = TimeUnit.MILLISECONDS.toNanos(1000);
    private static final long PATIENCE = Peer.DEADLINE_SECONDS;

    /// What a storm is to be.
    ///
    /// @param seconds how long it lasts
    /// @param leastKills it goes on until it has killed so often
    /// @param leastStops and stopped so often
    public record Plan(int seconds, long seed, int leastKills, int leastStops) implements Serializable {}

    /// How a storm ended.
    ///
    /// @param lost what has ended with its worker, in each of its attempts
    /// @param retried what was started twice
    /// @param wrong results, or reasons, that are not true
    /// @param twice tasks that were started more often than they may be, or again after their result was there
    /// @param hung futures that were not completed, and a pool that was not closed
    /// @param left processes and files
    /// @param findings what is wrong, in words
    public record Outcome(int tasks, long completed, long lost, long retried, int kills, int stops, long cancelled,
            long timedOut, long wrong, long twice, long hung, int left, double seconds, List<String> findings)
            implements Serializable {
        /// Whether the pool kept its promises.
        public boolean isFaultless() {
            return wrong + twice + hung + left == 0 && completed + lost + cancelled + timedOut == tasks;
        }

        @Override
        public String toString() {
            return "tasks=" + tasks + " completed=" + completed + " lost=" + lost + " retried=" + retried + " kills="
                    + kills + " stops=" + stops + " cancelled=" + cancelled + " timedOut=" + timedOut + " wrong="
                    + wrong + " twice=" + twice + " hung=" + hung + " left=" + left;
        }
    }

    private final Plan plan;
    private final String file; // of the starts
    private final Starts starts;
    private final Random64 random;
    private final WorkerPool pool;
    private final AtomicInteger submitted = new AtomicInteger();
    private final LongAdder completed = new LongAdder();
    private final LongAdder lost = new LongAdder();
    private final LongAdder cancelled = new LongAdder();
    private final LongAdder timedOut = new LongAdder();
    private final LongAdder wrong = new LongAdder();
    private final LongAdder twice = new LongAdder();
    private final LongAdder hung = new LongAdder();
    private final List<String> findings = new ArrayList<>(); // guarded by itself
    private final Map<Long, ProcessHandle> seen = new HashMap<>(); // the wind's, as all that follows
    private final Map<ProcessHandle, Long> stopped = new HashMap<>(); // until when
    private int kills;
    private int stops;
    private volatile boolean isOver;

    private PoolStorm(Plan plan, Path folder) {
        this.plan = plan;
        file = folder.resolve("starts").toString();
        starts = Starts.in(file);
        random = new Random64(plan.seed());
        int size = Runtime.getRuntime().availableProcessors() + 1;
        pool = WorkerPool.builder().name("storm").size(size).attempts(ATTEMPTS).timeLimit(TIME_LIMIT).build();
    }

    /// Runs a storm to its end, in a process that has not used any of it before: it sets where queues are, and the
    /// grace time.
    ///
    /// @param parent the folder in which its own is made; that one stays if something was wrong
    /// @param progress is told the milliseconds that have passed
    public static Outcome run(Plan plan, Path parent, LongConsumer progress) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory(parent, "procession-storm-");
        Path home = folder.resolve("home");
        System.setProperty("dev.procession.dir", home.toString());
        System.setProperty("dev.procession.grace", GRACE_SECONDS);
        var storm = new PoolStorm(plan, folder);
        var outcome = storm.run(home, progress);
        if (outcome.isFaultless()) Folders.delete(folder);
        return outcome;
    }

    private Outcome run(Path home, LongConsumer progress) throws IOException, InterruptedException {
        List<Thread> submitters = new ArrayList<>();
        for (int i = 0; i < SUBMITTERS; i++) {
            long seed = random.next();
            submitters.add((i % 2 == 0 ? Thread.ofPlatform().daemon() : Thread.ofVirtual()).start(() -> submit(seed)));
        }
        long start = System.nanoTime();
        rage(start, progress);
        double seconds = (System.nanoTime() - start) / 1e9;
        calm(submitters);
        return outcome(left(home), seconds);
    }

    // ---- the tasks

    private void submit(long seed) {
        Random64 random = new Random64(seed);
        ArrayDeque<StormTask> ahead = new ArrayDeque<>();
        while (!isOver && submitted.get() < Starts.MOST - SUBMITTERS) {
            var task = new StormTask(submitted.getAndIncrement(), plan.seed(), file, pool::submit);
            ahead.add(task);
            if (random.below(ONE_OF) == 0) {
                // one that may run, or one that waits
                (random.below(2) == 0 ? ahead.getFirst() : ahead.getLast()).cancel(random.below(2) == 0);
            }
            if (ahead.size() == AHEAD) check(ahead.remove());
        }
        for (StormTask each : ahead) check(each);
    }

    private void check(StormTask task) {
        if (task.isEndless() && task.number % 2 == 0) task.cancel(false); // its worker has to be free some time, too
        try {
            long[] result = task.future().get(hung.sum() == 0 ? PATIENCE : 0, TimeUnit.SECONDS);
            starts.settle(task.number);
            if (task.isRight(result)) completed.increment();
            else wrong(task, "has a wrong result, of length " + result.length);
        } catch (ExecutionException e) {
            failed(task, e.getCause());
        } catch (CancellationException e) {
            if (task.isCancelled) cancelled.increment();
            else wrong(task, "is cancelled, and nobody did that");
            return;
        } catch (TimeoutException | InterruptedException e) {
            hung.increment();
            find(task + " is not completed within " + PATIENCE + " s");
            return;
        }
        if (task.isCancelled) wrong(task, "was cancelled, and is completed otherwise");
    }

    private void failed(StormTask task, Throwable why) {
        if (why instanceof TimeoutException) {
            timedOut.increment();
            return;
        }
        starts.settle(task.number);
        if (why instanceof WorkerLostException && why.getMessage().contains("in attempt " + ATTEMPTS + " of")) {
            lost.increment();
        } else if (task.isRight(why)) {
            completed.increment();
        } else {
            wrong(task, "has failed: " + why);
        }
    }

    private void wrong(StormTask task, String what) {
        wrong.increment();
        find(task + " " + what);
    }

    private void find(String what) {
        synchronized (findings) {
            findings.add(what);
        }
    }

    // ---- the wind

    private void rage(long start, LongConsumer progress) throws InterruptedException {
        long end = start + TimeUnit.SECONDS.toNanos(plan.seconds());
        long atTheLatest = end + TimeUnit.SECONDS.toNanos(PATIENCE);
        long killAt = start + random(KILLS_PER_SECOND);
        long stopAt = start + random(STOPS_PER_SECOND);
        int killed = 0; // when so many tasks were submitted
        for (long now = start; hung.sum() == 0 && (now < end || isTooCalm() && now < atTheLatest); now =
                System.nanoTime()) {
            List<ProcessHandle> workers = workers();
            if (!workers.isEmpty() && now >= killAt && submitted.get() - killed >= TASKS_PER_KILL) {
                workers.get(random.below(workers.size())).destroyForcibly();
                kills++;
                killed = submitted.get();
                killAt = Math.max(killAt, now - 1_000_000_000) + random(KILLS_PER_SECOND);
            }
            if (!workers.isEmpty() && now >= stopAt) {
                stop(workers.get(random.below(workers.size())), now);
                stopAt = now + random(STOPS_PER_SECOND);
            }
            resume(now);
            progress.accept((now - start) / 1_000_000);
            Thread.sleep(0, 200_000 + random.below(600_000));
        }
        isOver = true;
        resume(Long.MAX_VALUE);
    }

    private boolean isTooCalm() {
        return kills < plan.leastKills() || stops < plan.leastStops();
    }

    /// Any that has not ended, be it coming up, idle or busy.
    private List<ProcessHandle> workers() {
        List<ProcessHandle> workers = new ArrayList<>();
        for (Worker each : Worker.active()) {
            ProcessHandle process = seen.computeIfAbsent(each.pid(), pid -> ProcessHandle.of(pid).orElse(null));
            if (process != null && process.isAlive()) workers.add(process);
        }
        return workers;
    }

    private void stop(ProcessHandle worker, long now) {
        Signals.stop(worker);
        stops++;
        boolean isLong = random.below(8) == 0;
        stopped.put(worker, now + random.below((int) (isLong ? LONG_STOP_NANOS : SHORT_STOP_NANOS)));
    }

    private void resume(long now) {
        stopped.entrySet().removeIf(each -> {
            if (each.getValue() > now) return false;
            Signals.resume(each.getKey());
            return true;
        });
    }

    /// A time around 1/rate seconds, in nanoseconds.
    private long random(double perSecond) {
        return (long) (-Math.log((random.below(1 << 20) + 1) / (double) (1 << 20)) / perSecond * 1e9);
    }

    // ---- its end

    private void calm(List<Thread> submitters) throws InterruptedException {
        long done = 0;
        long since = System.nanoTime(); // so many are
        for (Thread each : submitters) {
            while (!each.join(Duration.ofMillis(100))) {
                long now = System.nanoTime();
                if (done() != done) since = now;
                done = done();
                if (now - since < TimeUnit.SECONDS.toNanos(PATIENCE + 5)) continue;
                hung.increment();
                find("a thread that submits and waits does not end");
                break;
            }
        }
        if (hung.sum() > 0) {
            dumpThreads();
            List<Runnable> unused = pool.shutdownNow();
        }
        pool.shutdown();
        if (pool.awaitTermination(PATIENCE, TimeUnit.SECONDS)) return;
        dumpThreads();
        hung.increment();
        find("the pool does not end");
    }

    private long done() {
        return completed.sum() + lost.sum() + cancelled.sum() + timedOut.sum() + wrong.sum();
    }

    /// What every thread of this process and of the workers does.
    private void dumpThreads() throws InterruptedException {
        Child.printThreads();
        workers().forEach(Signals::dump);
        Thread.sleep(2000); // they print it, and this process what they have printed
    }

    private int left(Path home) throws IOException, InterruptedException {
        Set<String> left = new HashSet<>();
        for (long start = System.nanoTime();; Thread.sleep(10)) {
            left.clear();
            for (ProcessHandle each : seen.values()) if (each.isAlive()) left.add("process " + each.pid());
            if (left.isEmpty() || System.nanoTime() - start > TimeUnit.SECONDS.toNanos(PATIENCE)) break;
        }
        try (Stream<Path> files = Files.list(home)) {
            files.forEach(each -> left.add(each.toString()));
        }
        for (String each : left) find("left: " + each);
        return left.size();
    }

    private Outcome outcome(int left, double seconds) {
        int tasks = submitted.get();
        int retried = 0;
        for (int i = 0; i < tasks; i++) {
            int count = starts.count(i);
            int settled = starts.settled(i);
            if (count > 1) retried++;
            if (count <= ATTEMPTS && (settled == 0 || count == settled)) continue;
            twice.increment();
            find("task " + i + " was started " + count + " times, " + settled + " times before it was done");
        }
        return new Outcome(tasks, completed.sum(), lost.sum(), retried, kills, stops, cancelled.sum(), timedOut.sum(),
                wrong.sum(), twice.sum(), hung.sum(), left, seconds, List.copyOf(findings));
    }
}
