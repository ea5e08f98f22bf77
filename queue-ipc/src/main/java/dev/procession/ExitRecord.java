package dev.procession;

import dev.procession.WorkerExit.Exited;
import dev.procession.WorkerExit.Failed;
import dev.procession.WorkerExit.Finished;
import dev.procession.WorkerExit.Killed;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a worker leaves on record about its end, for its parent: an exit status alone cannot say it. `System.exit(143)`
/// and SIGTERM, which the JVM turns into an orderly shutdown, both leave the status 143, and so does a real death by
/// that signal. The worker knows which it is, so it says so in a directory of its own:
///
/// | file | meaning |
/// |---|---|
/// | `running` | deleted by the JVM when its shutdown is complete (`deleteOnExit`). Still there: something stopped the JVM dead |
/// | `end` | what happened, one record after the other: the task finished; it failed; a signal asked the JVM to end |
///
/// The parent creates the directory, reads it when the process is gone, and removes it; an orphan removes it itself.
final class ExitRecord {
    private static final byte FINISHED = 1;
    private static final byte FAILED = 2;
    private static final byte SIGNALLED = 3;
    /// Linux has signals 1 to 64; a JVM's status for signal n is 128 + n.
    private static final int LAST_SIGNAL = 64;

    private final Path directory;
    private final Path running;
    private final Path end;

    ExitRecord(Path directory) {
        this.directory = directory;
        running = directory.resolve("running");
        end = directory.resolve("end");
    }

    Path directory() {
        return directory;
    }

    // ---- the parent, before it starts the worker

    static ExitRecord create() throws IOException {
        Path home = Path.of(System.getProperty("java.io.tmpdir"));
        FileAttribute<?>[] mine = home.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
                }
                : new FileAttribute<?>[0];
        String prefix = "procession-worker-" + ProcessHandle.current().pid() + "-";
        for (long tag = System.nanoTime();; tag++) {
            try {
                // Creating is exclusive, so the name need not be a secret; createTempDirectory would first have to
                // initialize SecureRandom, which takes longer than starting the process.
                ExitRecord record = new ExitRecord(Files.createDirectory(home.resolve(prefix + tag), mine));
                Files.createFile(record.running);
                return record;
            } catch (FileAlreadyExistsException e) {
                continue;
            }
        }
    }

    // ---- the worker

    /// To be called before the task runs: an end before that is either a signal's doing or a code up to 128.
    void begin() {
        Runtime.getRuntime().addShutdownHook(new Thread("procession exit record") {
            @Override
            public void run() {
                int signal = endingSignal();
                if (signal > 0) {
                    append(new byte[] {SIGNALLED, (byte) signal});
                }
            }
        });
        running.toFile().deleteOnExit(); // after that: a signal in between is either on record, or seems to stop us dead
    }

    void finished() {
        append(new byte[] {FINISHED});
    }

    void failed(Throwable failure) {
        StringWriter stack = new StringWriter();
        failure.printStackTrace(new PrintWriter(stack, true));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(FAILED);
            writeText(out, failure.getClass().getName());
            writeText(out, failure.getMessage());
            writeText(out, stack.toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e); // not from an array
        }
        append(bytes.toByteArray());
    }

    /// The number of the signal that makes this JVM shut down, or 0 if none does: for use in a shutdown hook. No API
    /// tells, but the thread does that runs the hooks: for a signal it is the JDK's own "SIGTERM handler", inside of
    /// `java.lang.Terminator`. (Handling the signals ourselves would take them from the application.)
    static int endingSignal() {
        for (Map.Entry<Thread, StackTraceElement[]> thread : Thread.getAllStackTraces().entrySet()) {
            boolean runsHooks = false;
            boolean forSignal = false;
            for (StackTraceElement frame : thread.getValue()) {
                runsHooks |= frame.getClassName().equals("java.lang.ApplicationShutdownHooks");
                forSignal |= frame.getClassName().startsWith("java.lang.Terminator");
            }
            if (runsHooks && forSignal) {
                return switch (thread.getKey().getName()) {
                    case "SIGHUP handler" -> 1;
                    case "SIGINT handler" -> 2;
                    case "SIGTERM handler" -> 15;
                    default -> 0;
                };
            }
        }
        return 0;
    }

    /// In one write to a file in append mode: the hook and the main thread may come at the same time.
    private void append(byte[] entry) {
        try (FileOutputStream file = new FileOutputStream(end.toFile(), true)) {
            file.write(entry);
        } catch (IOException e) {
            // The directory is gone with the parent, or its disk is full: the exit status has to do.
        }
    }

    private static void writeText(DataOutputStream out, @Nullable String text) throws IOException {
        byte[] bytes = text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(text == null ? -1 : bytes.length);
        out.write(bytes);
    }

    // ---- the parent, when the process is gone

    /// @param status what the process left, as [Process#exitValue()] gives it: 128 + n for signal n, or for `exit(128+n)`
    WorkerExit read(int status) {
        boolean finished = false;
        Failed failed = null;
        int signal = 0;
        try (DataInputStream in = new DataInputStream(Files.newInputStream(end))) {
            for (int kind; (kind = in.read()) > 0;) {
                switch (kind) {
                    case FINISHED -> finished = true;
                    case FAILED -> failed = new Failed(
                            String.valueOf(readText(in)), readText(in), String.valueOf(readText(in)));
                    case SIGNALLED -> signal = in.readByte();
                    default -> throw new IOException("kind=" + kind);
                }
            }
        } catch (IOException e) {
            // No record at all, or one cut short by the worker's death: what could be read counts.
        }
        if (status > 128 && status <= 128 + LAST_SIGNAL) {
            boolean stoppedDead = Files.exists(running);
            return stoppedDead || signal == status - 128 ? new Killed(status - 128) : new Exited(status);
        }
        if (status == 1 && failed != null) {
            return failed;
        }
        return status == 0 && finished ? new Finished() : new Exited(status);
    }

    private static @Nullable String readText(DataInputStream in) throws IOException {
        int length = in.readInt();
        return length < 0 ? null : new String(in.readNBytes(length), StandardCharsets.UTF_8);
    }

    void delete() {
        for (Path path : List.of(running, end, directory)) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                // An empty directory in the temporary folder is no reason to trouble anybody.
            }
        }
    }
}
