package dev.procession;

import dev.procession.core.Cpus;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The main class of a worker's JVM. Its standard input is a pipe that brings the task, and then ends.
///
/// Everything up to [Task#run()] is on the way from [Worker#start()] to the first message: so nothing here is loaded
/// before it is needed, and there are no lambdas or string concatenations, whose first use is slow.
final class WorkerMain {
    /// As many as [#arguments] makes.
    static final int ARGUMENTS = 5;

    /// What the worker was built with; the name is null in any other process. Set once, before the task is unpacked.
    static @Nullable String name;

    static boolean daemon;
    static int cpu;

    /// Whether the task's first statement is about to run, or has. Until then its classes are being initialized, if they
    /// are, for the first time.
    private static volatile boolean hasBegun;

    private WorkerMain() {}

    /// Whether whatever the calling thread does happens again in each worker of this one, and in each worker of those:
    /// it does if it happens while a class is being initialized.
    static boolean isInitializing() {
        return name != null && (!hasBegun
                || StackWalker.getInstance()
                        .walk(frames -> frames.anyMatch(frame -> frame.getMethodName().equals("<clinit>"))));
    }

    /// Whether the parent is gone, however it went: the system then gives this process another one.
    static boolean isOrphanOf(long parent) {
        Optional<ProcessHandle> now = ProcessHandle.current().parent();
        return now.isEmpty() || now.get().pid() != parent;
    }

    /// What [#main] gets. The name comes first: tools that list processes show it.
    static List<String> arguments(String name, boolean daemon, int cpu, ExitRecord record) {
        String parent = Long.toString(ProcessHandle.current().pid());
        String directory = record.directory().toString();
        return List.of(name, Boolean.toString(daemon), Integer.toString(cpu), parent, directory);
    }

    /// @param args as [#arguments] makes them; or those of a [SpareJvm], which gets them later
    static void main(String[] args) throws Exception {
        InputStream input = new FileInputStream(FileDescriptor.in);
        boolean isSpare = args.length < ARGUMENTS;
        if (isSpare) {
            args = SpareJvm.awaitAssignment(input);
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
        Task task = receive(input);
        hasBegun = true;
        task.run();
        record.finished();
    }

    /// What a static initializer throws is what went wrong; what the JVM makes of it does not say.
    private static Task receive(InputStream input) throws Exception {
        try {
            return PackedTask.receive(input);
        } catch (ExceptionInInitializerError e) {
            if (e.getCause() instanceof Exception cause) {
                throw cause;
            }
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

    /// Waits for the parent to be gone. A daemon goes too; anybody else lives on, and nobody will read the exit record.
    ///
    /// It asks five times a second. To wait for the end of a pipe would be prompt and free, but a JVM whose thread is in
    /// a system call when it ends gives that thread another 300 ms, so that each worker would end so much later.
    private static final class ParentWatch extends Thread {
        private final long parent;
        private final ExitRecord record;

        ParentWatch(long parent, ExitRecord record) {
            super("procession parent watch");
            setDaemon(true);
            this.parent = parent;
            this.record = record;
        }

        @Override
        public void run() {
            try {
                do sleep(200);
                while (!isOrphanOf(parent));
            } catch (InterruptedException e) {
                // Somebody wants all threads of this JVM to end.
                return;
            }
            record.delete();
            if (daemon) {
                Runtime.getRuntime().halt(1);
            }
        }
    }
}
