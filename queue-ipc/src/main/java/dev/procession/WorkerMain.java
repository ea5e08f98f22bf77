package dev.procession;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.nio.file.Path;

/// The main class of a worker's JVM. Its standard input is a pipe from the parent: it brings the task, then stays open
/// for as long as the parent lives. The task itself gets an empty standard input.
///
/// Everything up to [Task#run()] is on the way from [Worker#start()] to the first message, so nothing here is loaded
/// before it is needed.
final class WorkerMain {
    private WorkerMain() {}

    /// @param args name, daemon (`true` or `false`), cpu (-1: not pinned), directory of the exit record. The name comes
    ///             first: tools that list processes show it.
    static void main(String[] args) throws Exception {
        Thread main = Thread.currentThread();
        String name = args[0];
        boolean daemon = Boolean.parseBoolean(args[1]);
        ExitRecord record = new ExitRecord(Path.of(args[3]));
        record.begin();
        Worker.becomeCurrent(name, daemon, Integer.parseInt(args[2]));
        main.setName(name);
        // An exception that leaves main gives exit code 1, but not before all other non-daemon threads have ended,
        // as in any JVM.
        main.setUncaughtExceptionHandler(new Thread.UncaughtExceptionHandler() {
            @Override
            public void uncaughtException(Thread thread, Throwable failure) {
                System.err.print("Exception in worker \"" + name + "\" ");
                failure.printStackTrace();
                record.failed(failure);
            }
        });
        InputStream fromParent = new FileInputStream(FileDescriptor.in);
        System.setIn(InputStream.nullInputStream());
        byte[] task = new byte[new DataInputStream(fromParent).readInt()];
        if (fromParent.readNBytes(task, 0, task.length) < task.length) {
            throw new IOException("The parent process ended before it had sent the task.");
        }
        new ParentWatch(fromParent, daemon, record).start();
        unpack(task).run();
        record.finished();
    }

    /// Java deserialization is safe here and only here: the bytes come from the process that started this one, of the
    /// same user, with the same classes, through a pipe that nobody else can write to.
    private static Task unpack(byte[] task) throws IOException, ClassNotFoundException {
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(task))) {
            return (Task) in.readObject();
        } catch (ClassNotFoundException e) {
            throw new ClassNotFoundException(
                    "The task needs class " + e.getMessage() + ", which is not on the class path or module path of the"
                            + " worker; those are the ones its parent was started with.",
                    e);
        }
    }

    /// Waits for the end of the pipe: the parent is gone, however it went. A daemon goes too; anybody else lives on,
    /// and nobody will read the exit record.
    private static final class ParentWatch extends Thread {
        private final InputStream fromParent;
        private final boolean daemon;
        private final ExitRecord record;

        ParentWatch(InputStream fromParent, boolean daemon, ExitRecord record) {
            super("procession parent watch");
            this.fromParent = fromParent;
            this.daemon = daemon;
            this.record = record;
            setDaemon(true);
        }

        @Override
        public void run() {
            try {
                while (fromParent.read() >= 0) {
                    // Nothing is sent behind the task.
                }
            } catch (IOException e) {
                // Then the parent cannot be watched any more: as if it were gone.
            }
            record.delete();
            if (daemon) {
                Runtime.getRuntime().halt(1);
            }
        }
    }
}
