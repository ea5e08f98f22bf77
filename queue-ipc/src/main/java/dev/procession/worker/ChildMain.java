package dev.procession.worker;

import dev.procession.core.Cpus;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// What a worker's JVM does, from its arguments to the end of its task. Its standard input is a pipe that brings the
/// task, and then ends.
///
/// Everything up to [Tasks#run] is on the way from the parent's start to the first message: so nothing here is loaded
/// before it is needed, and there are no lambdas or string concatenations, whose first use is slow.
public final class ChildMain {
    /// As many as [#arguments] makes.
    static final int ARGUMENTS = 5;

    /// The worker's name, null in any other process. Like the others here it is set once, before the task is unpacked.
    public static @Nullable String name;

    /// Whether the worker is a daemon.
    public static boolean daemon;
    /// The core that the worker is pinned to, -1 for none.
    public static int cpu;

    /// Whether the task's first statement is about to run, or has. Until then its classes are being initialized, if
    /// they are, for the first time.
    private static volatile boolean hasBegun;

    private ChildMain() {}

    /// Whether whatever the calling thread does happens again in each worker of this one, and in each worker of those:
    /// it does if it happens while a class is being initialized.
    ///
    /// @return whether it does
    public static boolean isInitializing() {
        return name != null && (!hasBegun
                || StackWalker.getInstance()
                        .walk(frames -> frames.anyMatch(frame -> frame.getMethodName().equals("<clinit>"))));
    }

    /// Refuses to start a worker where each worker would start the next one.
    ///
    /// @param worker its name
    /// @throws IllegalStateException if the calling thread initializes a class, in a worker
    public static void refuseIfInitializing(String worker) {
        if (!isInitializing()) return;
        throw new IllegalStateException(
                "Worker \"" + worker + "\" is not started: a static initializer is about to do that, in worker \""
                        + name + "\". Each worker initializes its own classes, so each would start the"
                        + " next one, without end. Start workers in main or in a task, or let the initializer do it"
                        + " only if Worker.current().isEmpty().");
    }

    /// What [#main] gets. The name comes first: tools that list processes show it.
    static List<String> arguments(String name, boolean daemon, int cpu, ExitRecord record) {
        String parent = Long.toString(ProcessHandle.current().pid());
        String directory = record.directory().toString();
        return List.of(name, Boolean.toString(daemon), Integer.toString(cpu), parent, directory);
    }

    /// Runs the worker.
    ///
    /// @param args as [#arguments] makes them; or those of a spare, which gets them later
    /// @param tasks what is known of tasks
    /// @throws Exception what the task throws
    public static void main(String[] args, Tasks tasks) throws Exception {
        InputStream input = new FileInputStream(FileDescriptor.in);
        boolean isSpare = args.length < ARGUMENTS;
        if (isSpare) {
            args = SpareMain.awaitAssignment(ARGUMENTS, input, tasks);
        }
        name = args[0];
        daemon = Boolean.parseBoolean(args[1]);
        cpu = Integer.parseInt(args[2]);
        if (isSpare && cpu >= 0) {
            Cpus.pinProcess(cpu);
        }
        ExitRecord record = new ExitRecord(Path.of(args[4]));
        long parent = Long.parseLong(args[3]);
        record.begin(parent);
        new ParentWatch(parent, record).start();
        Thread.currentThread().setName(args[0]);
        // An exception that leaves main gives exit code 1, but not before all other non-daemon threads have ended,
        // as in any JVM.
        Thread.currentThread().setUncaughtExceptionHandler(new FailureReport(args[0], record));
        Object task = receive(input, tasks);
        hasBegun = true;
        tasks.run(task);
        record.finished();
    }

    /// What a static initializer throws is what went wrong; what the JVM makes of it does not say.
    private static Object receive(InputStream input, Tasks tasks) throws Exception {
        try {
            return TaskCodec.receive(input, tasks);
        } catch (ExceptionInInitializerError e) {
            if (e.getCause() instanceof Exception cause) throw cause;
            throw e;
        }
    }

    /// Puts it on record, and prints what a thread would.
    private record FailureReport(String name, ExitRecord record) implements Thread.UncaughtExceptionHandler {
        @Override
        public void uncaughtException(Thread thread, Throwable thrown) {
            try {
                Failure failure = Failure.whole(thrown);
                record.failed(thrown, failure);
                System.err.print("Exception in worker \"" + name + "\" " + failure.stackTrace());
            } catch (OutOfMemoryError e) {
                record.failedWithoutMemory();
            }
        }
    }

    /// Waits for the parent to be gone. A daemon goes too; any other worker lives on, with no reader for its exit
    /// record.
    ///
    /// It asks five times a second. To wait for the end of a pipe would be prompt and free, but a JVM whose thread is
    /// in a system call when it ends gives that thread another 300 ms, so that each worker would end so much later.
    private static final class ParentWatch extends Thread {
        private static final long LOOK_NANOS = 200_000_000;

        private final long parent;
        private final ExitRecord record;

        ParentWatch(long parent, ExitRecord record) {
            super("procession parent watch");
            setDaemon(true);
            this.parent = parent;
            this.record = record;
        }

        /// This thread has to outlive whatever a task does: one that interrupts all threads, or takes all memory.
        private boolean isOrphan() {
            boolean unused = interrupted();
            try {
                return ExitRecord.isOrphanOf(parent);
            } catch (OutOfMemoryError e) {
                return false; // not known now
            }
        }

        @Override
        public void run() {
            while (!isOrphan()) LockSupport.parkNanos(LOOK_NANOS);
            try {
                record.delete();
            } finally {
                if (daemon) Runtime.getRuntime().halt(1);
            }
        }
    }
}
