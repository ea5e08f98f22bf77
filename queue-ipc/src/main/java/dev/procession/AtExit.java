package dev.procession;

import dev.procession.core.LaneQueue;
import dev.procession.core.QueueException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// What happens when this JVM ends: spare JVMs end; non-daemon workers are waited for, or terminated if a signal makes this
/// JVM end; then anonymous queues that nobody closed lose their names, unless another process has them open.
///
/// The hooks and threads of the application go on meanwhile, and after this. So nothing that they may use is closed here: the
/// kernel does that when the JVM is gone.
final class AtExit {
    /// A system property: how long workers may take to end when a signal makes this process end.
    static final String GRACE = "dev.procession.grace";
    private static final Duration DEFAULT_GRACE = Duration.ofSeconds(10);

    /// How often we look for signals, and at output that nobody takes.
    private static final Duration LOOK = Duration.ofMillis(100);
    /// What a signal is followed by within this time belongs to it: a terminal that is closed sends SIGHUP twice.
    private static final long SAME_SIGNAL_NANOS = LOOK.toNanos();
    /// How long a killed process may take to vanish, and its last output to be passed on.
    private static final long KILLED_NANOS = 2_000_000_000;

    private static boolean hooked; // these three are guarded by the class
    private static final WeakHashMap<LaneQueue, Path> open = new WeakHashMap<>();
    private static final Set<Path> paths = new HashSet<>(); // also of queues that were collected without being closed

    private static boolean ending; // these three are guarded by the class
    private static boolean over; // no workers are waited for any more
    private static @Nullable Process helper; // reachable, or its standard input would be closed
    private static boolean killed; // anything; only used by run()

    private AtExit() {}

    /// Called before the first worker or spare JVM is started or the first anonymous queue is made.
    ///
    /// @throws IllegalStateException if this JVM is ending already
    static synchronized void hook() {
        if (over) throw new IllegalStateException("this process is about to end");
        if (hooked) return;
        Runtime.getRuntime().addShutdownHook(new Thread(AtExit::run, "procession exit"));
        hooked = true;
    }

    private static void run() {
        endHelper();
        SpareJvm.endAll();
        awaitWorkers();
        leaveNames();
        if (killed) ExitRecord.removeAbandoned(); // those whose parents we have killed
    }

    // ---- a process of our own

    /// Starts a process that does something in the background, and ends, with all that it has started, when this one does.
    /// It finds out by its standard input if we cannot end it.
    static synchronized void startHelper(ProcessBuilder builder) throws IOException {
        if (!ending) helper = builder.start();
    }

    private static void endHelper() {
        Process last;
        synchronized (AtExit.class) {
            ending = true;
            last = helper;
        }
        if (last == null || !last.isAlive()) return;
        endDescendants(last.toHandle());
        last.destroyForcibly();
        killed = true;
        awaitEnd(List.of(last.toHandle()), System.nanoTime());
        StartupCache.deleteUnfinished();
    }

    static void endDescendants(ProcessHandle process) {
        process.descendants().toList().reversed().forEach(ProcessHandle::destroyForcibly);
    }

    // ---- queues

    static synchronized void remove(LaneQueue queue) {
        if (!over) hook();
        open.put(queue, queue.path());
        paths.add(queue.path());
    }

    static synchronized void forget(LaneQueue queue) {
        open.remove(queue);
        if (!open.containsValue(queue.path())) paths.remove(queue.path());
    }

    private static void leaveNames() {
        List<LaneQueue> last;
        Set<Path> collected;
        synchronized (AtExit.class) {
            last = List.copyOf(open.keySet());
            collected = new HashSet<>(paths);
        }
        for (LaneQueue queue : last) {
            collected.remove(queue.path());
            try {
                queue.leaveName();
            } catch (QueueException e) {
                // it stays until another anonymous queue is made
            }
        }
        for (Path path : collected) {
            try {
                LaneQueue.delete(path);
            } catch (QueueException e) {
                // removed already, or another process still has it and will remove it
            }
        }
    }

    // ---- workers

    /// @throws IllegalArgumentException if the property makes no sense
    static Duration grace() {
        String text = System.getProperty(GRACE, "").strip();
        if (text.isEmpty()) return DEFAULT_GRACE;
        try {
            Duration grace = Duration.parse(Character.isLetter(text.charAt(0)) ? text : "PT" + text + "S");
            if (!grace.isNegative()) return grace;
        } catch (DateTimeParseException e) {
            // as if it were negative
        }
        throw new IllegalArgumentException("-D" + GRACE + "=" + text
                + " is not how long workers may take to end; give seconds, such as 2.5, or a duration, such as PT1M");
    }

    private static long graceNanos() {
        try {
            return SharedQueue.nanos(grace());
        } catch (IllegalArgumentException e) { // it was right when the last worker was started
            return DEFAULT_GRACE.toNanos();
        }
    }

    /// Waits for all workers but the daemons, as long as it takes; from when a signal asks this process to end on, only for
    /// the grace time, or until a second signal. What is left then is killed, with the workers that it has started itself.
    private static void awaitWorkers() {
        long graceNanos = graceNanos();
        Set<Worker> asked = new HashSet<>();
        int[] signals = null; // null: none yet
        long askedNanos = 0;
        for (List<Worker> rest; !(rest = waitedForOrOver()).isEmpty();) {
            long now = System.nanoTime();
            int[] seen = EndSignals.seen();
            if (signals == null && EndSignals.any(seen)) {
                signals = seen;
                askedNanos = now;
            } else if (signals != null) {
                if (now - askedNanos >= graceNanos) break;
                if (now - askedNanos < SAME_SIGNAL_NANOS) signals = seen;
                else if (EndSignals.isRepeated(signals, seen)) break;
            }
            for (Worker worker : Worker.active()) {
                if (signals != null && asked.add(worker)) worker.terminate();
                worker.dropStuckOutput(graceNanos);
            }
            rest.getFirst().awaitEnd(LOOK);
        }
        synchronized (AtExit.class) {
            over = true; // also if they have had their time
        }
        List<Worker> left = Worker.active();
        List<ProcessHandle> below = left.stream().flatMap(worker -> worker.killWithItsWorkers().stream()).toList();
        killed |= !left.isEmpty();
        long killedNanos = System.nanoTime();
        for (Worker worker : left) {
            while (!worker.awaitEnd(LOOK) && System.nanoTime() - killedNanos < KILLED_NANOS) {
                worker.dropStuckOutput(KILLED_NANOS / 2);
            }
        }
        awaitEnd(below, killedNanos);
    }

    private static void awaitEnd(List<ProcessHandle> those, long killedNanos) {
        for (ProcessHandle each : those) {
            while (each.isAlive() && System.nanoTime() - killedNanos < KILLED_NANOS) {
                LockSupport.parkNanos(1_000_000);
            }
        }
    }

    /// Those that are waited for; if there is none, there will not be any later.
    private static synchronized List<Worker> waitedForOrOver() {
        List<Worker> rest = waitedFor();
        over = rest.isEmpty();
        return rest;
    }

    /// Has the end of this JVM wait for a worker. Returns false if it is too late for that.
    static synchronized boolean admit(Set<Worker> active, Worker worker) {
        return !over && active.add(worker);
    }

    private static List<Worker> waitedFor() {
        return Worker.active().stream().filter(worker -> !worker.isDaemon()).toList();
    }
}
