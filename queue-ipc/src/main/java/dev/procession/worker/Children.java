package dev.procession.worker;

import dev.procession.shutdown.ShutdownSequence;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/// The workers of this process that run, and what its end means for them: non-daemon workers are waited for, or
/// terminated if a signal makes this JVM end, as are daemons that have the grace time; what is left then is killed.
final class Children {
    /// A system property: how long workers may take to end when a signal makes this process end.
    static final String GRACE = "dev.procession.grace";
    private static final Duration DEFAULT_GRACE = Duration.ofSeconds(10);

    /// How often we look for signals, and at output that is not taken.
    private static final Duration LOOK = Duration.ofMillis(100);
    /// What a signal is followed by within this time belongs to it: a terminal that is closed sends SIGHUP twice.
    private static final long SAME_SIGNAL_NANOS = LOOK.toNanos();
    /// How long a killed process may take to vanish, and its last output to be passed on.
    private static final long KILLED_NANOS = 2_000_000_000;

    /// A worker that runs.
    interface Child {
        boolean isDaemon();

        /// Whether it has the grace time after a signal, though it is a daemon.
        boolean hasGrace();

        /// Asks it to end.
        void terminate();

        /// Waits a moment, and returns whether it has ended, with all its output.
        boolean awaitEnd(Duration timeout);

        /// Kills it and its workers, at each depth: at the end of this process, after which none could end those.
        ///
        /// @return those below it
        List<ProcessHandle> killWithItsWorkers();

        /// Stops to pass on its output if the code that is to take that does not return.
        ///
        /// @param patienceNanos how long it may take
        void dropStuckOutput(long patienceNanos);
    }

    private static final Set<Child> running = new LinkedHashSet<>(); // these are guarded by the class
    private static boolean registered;
    private static boolean over; // no workers are waited for any more

    private Children() {}

    /// Called before the first worker or spare JVM is started.
    ///
    /// @throws IllegalStateException if this JVM is ending already
    static synchronized void register() {
        if (!registered) {
            over = !ShutdownSequence.add(ShutdownSequence.Stage.WORKERS, Children::awaitOrEnd);
            registered = true;
        }
        if (over) throw new IllegalStateException("this process is about to end");
    }

    /// Has the end of this JVM wait for a worker. Returns false if it is too late for that.
    static synchronized boolean admit(Child worker) {
        return !over && running.add(worker);
    }

    static synchronized void remove(Child worker) {
        running.remove(worker);
    }

    static synchronized List<Child> running() {
        return List.copyOf(running);
    }

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
            return TimeUnit.NANOSECONDS.convert(grace());
        } catch (IllegalArgumentException e) { // it was right when the last worker was started
            return DEFAULT_GRACE.toNanos();
        }
    }

    /// Waits for all workers but the daemons, as long as it takes; from when a signal asks this process to end on, only
    /// for the grace time, or until a second signal. What is left then is killed, with the workers that it has started
    /// itself.
    private static void awaitOrEnd() {
        long graceNanos = graceNanos();
        Set<Child> asked = new HashSet<>();
        int[] signals = null; // null: none yet
        long askedNanos = 0;
        while (true) {
            long now = System.nanoTime();
            int[] seen = EndSignals.seen();
            if (signals == null && EndSignals.any(seen)) {
                signals = seen;
                askedNanos = now;
            } else if (signals != null) {
                if (now - askedNanos >= graceNanos) break;
                if (now - askedNanos < SAME_SIGNAL_NANOS) {
                    signals = seen;
                } else if (EndSignals.isRepeated(signals, seen, ChildMain.name != null)) {
                    break;
                }
            }
            List<Child> rest = waitedForOrOver(signals != null);
            if (rest.isEmpty()) break;
            for (Child worker : running()) {
                if (signals != null && asked.add(worker)) worker.terminate();
                worker.dropStuckOutput(graceNanos);
            }
            rest.getFirst().awaitEnd(LOOK);
        }
        synchronized (Children.class) {
            over = true; // also if they have had their time
        }
        List<Child> left = running();
        List<ProcessHandle> below = left.stream().flatMap(worker -> worker.killWithItsWorkers().stream()).toList();
        if (!left.isEmpty()) ExitRecord.removeAbandonedAtEnd(); // those whose parents we have killed
        long killedNanos = System.nanoTime();
        for (Child worker : left) {
            while (!worker.awaitEnd(LOOK) && System.nanoTime() - killedNanos < KILLED_NANOS) {
                worker.dropStuckOutput(KILLED_NANOS / 2);
            }
        }
        awaitEnd(below, killedNanos);
    }

    /// Waits until killed processes have vanished.
    static void awaitEnd(List<ProcessHandle> those, long killedNanos) {
        for (ProcessHandle each : those) {
            while (each.isAlive() && System.nanoTime() - killedNanos < KILLED_NANOS) {
                LockSupport.parkNanos(1_000_000);
            }
        }
    }

    /// Those that are waited for; if there is none, there will not be any later.
    private static synchronized List<Child> waitedForOrOver(boolean hasSignal) {
        List<Child> rest = running.stream()
                .filter(worker -> !worker.isDaemon() || hasSignal && worker.hasGrace()).toList();
        over = rest.isEmpty();
        return rest;
    }
}
