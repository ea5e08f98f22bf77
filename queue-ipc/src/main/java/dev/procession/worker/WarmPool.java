package dev.procession.worker;

import dev.procession.core.Cpus;
import dev.procession.shutdown.ShutdownSequence;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// JVMs that are up before there are workers for them: see `Worker.keepWarm(int)`, and [SpareMain] for what they do.
///
/// Each serves one worker: the thread that takes it out of the set has it alone.
public final class WarmPool {
    /// From the start of a worker to that of the next spare: by then the workers that were started together are up.
    private static final Duration PAUSE = Duration.ofMillis(200);
    /// How long a killed process may take to vanish.
    private static final Duration END = Duration.ofSeconds(2);

    private static final Deque<Spare> ready = new ArrayDeque<>(); // these are guarded by the class
    private static int wanted;
    private static @Nullable Thread filler; // null: no spare is being made
    private static @Nullable Process coming; // what it has started that is not ready yet
    private static boolean registered;
    private static boolean ending;

    private WarmPool() {}

    /// One of them.
    ///
    /// @param stdout what it writes to its standard output, without the ready byte
    /// @param options that it was started with
    /// @param cpus that it may use: those of the thread that started it
    record Spare(Process process, InputStream stdout, List<String> options, int[] cpus) {

        /// Whether it was neither killed nor stopped in the meantime, as far as the system tells.
        boolean isUsable() {
            if (!process.isAlive()) return false;
            try {
                String status = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
                return "TtZX".indexOf(status.charAt(status.lastIndexOf(')') + 2)) < 0;
            } catch (IOException e) {
                return true; // not Linux
            }
        }

        private boolean assign(List<String> arguments) {
            try {
                SpareMain.assign(arguments, process.getOutputStream());
                return true;
            } catch (IOException e) {
                return false; // it has just ended
            }
        }
    }

    // ---- the set

    /// Has so many spares come up; those that are more end.
    ///
    /// @param spares how many
    /// @throws IllegalStateException if this process is about to end
    public static void keep(int spares) {
        Children.register();
        synchronized (WarmPool.class) {
            if (!registered) ending = !ShutdownSequence.add(ShutdownSequence.Stage.HELPERS, WarmPool::endAll);
            registered = true;
            keepExactly(spares);
        }
    }

    private static void keepExactly(int spares) {
        wanted = ending ? 0 : spares;
        List<String> options = WorkerSettings.plain().options();
        ready.removeIf(spare -> {
            if (spare.isUsable() && spare.options.equals(options)) return false;
            spare.process.destroyForcibly();
            return true;
        });
        while (ready.size() > wanted) {
            ready.removeLast().process.destroyForcibly();
        }
        fill(Duration.ZERO);
    }

    /// How many are ready at this moment.
    ///
    /// @return the count
    public static synchronized int count() {
        return (int) ready.stream().filter(Spare::isUsable).count();
    }

    /// Makes a spare into a worker, except for its task.
    ///
    /// @param options that the JVM must have been started with
    /// @param pinned whether it will be pinned; else it must be on the cores of the calling thread, as a new process
    ///     would
    /// @param arguments of [ChildMain]
    /// @return null if there is none
    static synchronized @Nullable Spare take(List<String> options, boolean pinned, List<String> arguments) {
        if (wanted == 0) return null;
        Spare taken = null;
        int[] cpus = pinned ? new int[0] : Cpus.available();
        for (Iterator<Spare> each = ready.iterator(); taken == null && each.hasNext();) {
            Spare spare = each.next();
            if (!spare.isUsable()) {
                each.remove();
                spare.process.destroyForcibly();
            } else if (spare.options.equals(options) && (pinned || Arrays.equals(spare.cpus, cpus))) {
                each.remove();
                if (spare.assign(arguments)) {
                    taken = spare;
                } else {
                    spare.process.destroyForcibly();
                }
            }
        }
        fill(PAUSE);
        return taken;
    }

    // ---- making them

    /// One after the other, in a thread of its own, which ends when there are enough. A spare that does not come up is
    /// not tried again before the next worker is started.
    private static void fill(Duration pause) {
        if (filler != null || ready.size() >= wanted) return;
        try {
            filler = Thread.ofPlatform().daemon().name("procession spares").start(() -> {
                try {
                    Thread.sleep(pause);
                    while (isOneMissing() && makeOne()) {}
                } catch (InterruptedException | IOException e) {
                    // Then there are fewer: the next start tries again.
                } finally {
                    stopFilling();
                }
            });
        } catch (OutOfMemoryError e) { // the system has no more threads: workers come before spares
            filler = null;
        }
    }

    /// If not, the filler is done: in one step, so that a caller that wants more after that starts another one.
    private static synchronized boolean isOneMissing() {
        if (ready.size() < wanted) return true;
        filler = null;
        return false;
    }

    private static synchronized void stopFilling() {
        if (filler != Thread.currentThread()) return; // done already, and there may be another one by now
        filler = null;
        if (coming != null) {
            coming.destroyForcibly();
        }
        coming = null;
    }

    /// @return whether it came up, or was not wanted any more; else there is no use in going on
    private static boolean makeOne() throws IOException {
        List<String> options = WorkerSettings.plain().options();
        int[] cpus = Cpus.available();
        Process process = WorkerCommand.processBuilder(options, Set.of(), List.of(SpareMain.ARGUMENT)).start();
        synchronized (WarmPool.class) {
            if (ready.size() >= wanted) {
                process.destroyForcibly();
                return true;
            }
            coming = process;
        }
        InputStream stdout = awaitReady(process);
        synchronized (WarmPool.class) {
            coming = null;
            if (stdout == null || ready.size() >= wanted) {
                process.destroyForcibly();
            } else {
                ready.add(new Spare(process, stdout, options, cpus));
            }
            return stdout != null;
        }
    }

    /// @return what it writes from then on, after what it has written before; null if it ended
    private static @Nullable InputStream awaitReady(Process process) throws IOException {
        InputStream stdout = process.getInputStream();
        ByteArrayOutputStream before = new ByteArrayOutputStream();
        for (int next; (next = stdout.read()) != SpareMain.READY;) {
            if (next < 0) return null;
            before.write(next);
        }
        return before.size() == 0
                ? stdout
                : new SequenceInputStream(new ByteArrayInputStream(before.toByteArray()), stdout);
    }

    /// When this process ends.
    static void endAll() {
        List<Process> last = new ArrayList<>();
        Thread filling;
        synchronized (WarmPool.class) {
            ending = true;
            wanted = 0;
            ready.forEach(spare -> last.add(spare.process));
            ready.clear();
            filling = filler;
            if (coming != null) last.add(coming);
        }
        last.forEach(Process::destroyForcibly);
        // one that is coming up may have the queue that it practises on
        if (!last.isEmpty()) ExitRecord.removeAbandonedAtEnd();
        try {
            if (filling != null) {
                filling.interrupt();
                filling.join(END);
            }
            for (Process process : last) process.waitFor(END);
        } catch (InterruptedException e) {
            // All threads of this JVM are to end; the spares do so without our waiting.
        }
    }
}
