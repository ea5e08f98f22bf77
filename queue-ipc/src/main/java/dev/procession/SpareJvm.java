package dev.procession;

import dev.procession.core.Cpus;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A JVM that is up before there is a worker for it: see [Worker#keepWarm(int)].
///
/// It is a [WorkerMain] without a worker's arguments. It does once what most tasks do, says by one byte on its standard
/// output that it is ready, and sleeps until its standard input brings the arguments, and then the task as to any other
/// worker. If the standard input ends instead, its parent is gone, however it went, and so it goes too.
///
/// Each serves one worker: whoever takes it out of the set has it alone.
final class SpareJvm {
    /// In place of a worker's arguments; tools that list processes show it.
    private static final String ARGUMENT = "spare";
    /// The ready byte; no text that a JVM might print while it comes up has it.
    private static final int READY = 0;
    /// From the start of a worker to that of the next spare: by then the workers that were started together are up.
    private static final Duration PAUSE = Duration.ofMillis(200);
    /// How long a killed process may take to vanish.
    private static final Duration END = Duration.ofSeconds(2);

    private static final Deque<SpareJvm> ready = new ArrayDeque<>(); // all of these are guarded by the class
    private static int wanted;
    private static @Nullable Thread filler; // null: no spare is being made
    private static @Nullable Process coming; // what it has started that is not ready yet
    private static boolean ending;

    private final Process process;
    private final InputStream stdout;
    private final List<String> options;
    private final int[] cpus; // that it may use: those of the thread that started it

    private SpareJvm(Process process, InputStream stdout, List<String> options, int[] cpus) {
        this.process = process;
        this.stdout = stdout;
        this.options = options;
        this.cpus = cpus;
    }

    // ---- in the parent: the set

    static synchronized void keep(int spares) {
        wanted = ending ? 0 : spares;
        List<String> options = Worker.plainOptions();
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

    static synchronized int count() {
        return (int) ready.stream().filter(SpareJvm::isUsable).count();
    }

    /// Makes a spare into a worker, except for its task.
    ///
    /// @param options that the JVM must have been started with
    /// @param pinned whether it will be pinned; else it must be on the cores of the calling thread, as a new process would
    /// @param arguments of [WorkerMain]
    /// @return null if there is none
    static synchronized @Nullable SpareJvm take(List<String> options, boolean pinned, List<String> arguments) {
        if (wanted == 0) return null;
        SpareJvm taken = null;
        int[] cpus = pinned ? new int[0] : Cpus.available();
        for (Iterator<SpareJvm> each = ready.iterator(); taken == null && each.hasNext();) {
            SpareJvm spare = each.next();
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

    /// Whether it was neither killed nor stopped in the meantime, as far as the system tells.
    private boolean isUsable() {
        if (!process.isAlive()) {
            return false;
        }
        try {
            String status = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
            return "TtZX".indexOf(status.charAt(status.lastIndexOf(')') + 2)) < 0;
        } catch (IOException e) {
            return true; // not Linux
        }
    }

    private boolean assign(List<String> arguments) {
        try {
            DataOutputStream out = new DataOutputStream(process.getOutputStream());
            for (String argument : arguments) {
                byte[] bytes = argument.getBytes(StandardCharsets.UTF_8);
                out.writeInt(bytes.length);
                out.write(bytes);
            }
            out.flush();
            return true;
        } catch (IOException e) {
            return false; // it has just ended
        }
    }

    Process process() {
        return process;
    }

    /// What it writes to its standard output, without the ready byte.
    InputStream stdout() {
        return stdout;
    }

    // ---- in the parent: making them

    /// One after the other, in a thread of its own, which ends when there are enough. A spare that does not come up is
    /// not tried again before the next worker is started.
    private static void fill(Duration pause) {
        if (filler != null || ready.size() >= wanted) {
            return;
        }
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

    /// If not, the filler is done: in one step, so that whoever wants more after that starts another one.
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
        List<String> options = Worker.plainOptions();
        int[] cpus = Cpus.available();
        Process process = WorkerJvm.processBuilder(options, Set.of(), List.of(ARGUMENT)).start();
        synchronized (SpareJvm.class) {
            if (ready.size() >= wanted) {
                process.destroyForcibly();
                return true;
            }
            coming = process;
        }
        InputStream stdout = awaitReady(process);
        synchronized (SpareJvm.class) {
            coming = null;
            if (stdout == null || ready.size() >= wanted) {
                process.destroyForcibly();
            } else {
                ready.add(new SpareJvm(process, stdout, options, cpus));
            }
            return stdout != null;
        }
    }

    /// @return what it writes from then on, after what it has written before; null if it ended
    private static @Nullable InputStream awaitReady(Process process) throws IOException {
        InputStream stdout = process.getInputStream();
        ByteArrayOutputStream before = new ByteArrayOutputStream();
        for (int next; (next = stdout.read()) != READY;) {
            if (next < 0) {
                return null;
            }
            before.write(next);
        }
        return before.size() == 0
                ? stdout
                : new SequenceInputStream(new ByteArrayInputStream(before.toByteArray()), stdout);
    }

    /// When this process ends.
    static void endAll() {
        List<SpareJvm> last;
        Thread filling;
        synchronized (SpareJvm.class) {
            ending = true;
            wanted = 0;
            last = List.copyOf(ready);
            ready.clear();
            filling = filler;
            if (coming != null) {
                coming.destroyForcibly();
            }
        }
        last.forEach(spare -> spare.process.destroyForcibly());
        try {
            if (filling != null) {
                filling.interrupt();
                filling.join(END);
            }
            for (SpareJvm spare : last) {
                spare.process.waitFor(END);
            }
        } catch (InterruptedException e) {
            // Somebody wants all threads of this JVM to end; the spares do so without our waiting.
        }
    }

    // ---- in the spare

    /// Gets ready, and waits to become a worker.
    ///
    /// @return the arguments of [WorkerMain]
    static String[] awaitAssignment(InputStream standardInput) throws IOException {
        try {
            warmUp();
        } catch (Exception e) {
            // Then it is not as warm as it could be. A task that needs what failed here will say so.
        }
        new FileOutputStream(FileDescriptor.out).write(READY);
        DataInputStream in = new DataInputStream(standardInput);
        String[] arguments = new String[WorkerMain.ARGUMENTS];
        try {
            for (int i = 0; i < arguments.length; i++) {
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                arguments[i] = new String(bytes, StandardCharsets.UTF_8);
            }
        } catch (EOFException e) {
            Runtime.getRuntime().halt(0);
        }
        return arguments;
    }

    /// Does once what most tasks do, with our own classes only: those of the application find everything untouched.
    static void warmUp() throws Exception {
        ClassLoader.getSystemResource("no such resource"); // opens all jars
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject((Task) SpareJvm::warmUp);
        }
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            in.readObject();
        }
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64())) {
            PackedTask.unpack(PackedTask.pack(() -> putOne(queue), ARGUMENT)).run();
            queue.tryGet();
        }
    }

    private static void putOne(SharedQueue<Long> queue) throws InterruptedException {
        try (queue) {
            queue.put(1L);
        }
    }
}
