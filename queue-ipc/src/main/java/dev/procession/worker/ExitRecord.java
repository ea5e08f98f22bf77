package dev.procession.worker;

import dev.procession.core.LaneQueue;
import dev.procession.core.QueueException;
import dev.procession.shutdown.ShutdownSequence;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What a worker leaves on record about its end, for its parent: an exit status alone cannot say it. `System.exit(143)`
/// and SIGTERM, which the JVM turns into an orderly shutdown, both leave the status 143, and so does a real death by
/// that signal. The worker knows which it is, so it says so in a directory of its own:
///
/// | file | meaning |
/// |---|---|
/// | `running` | deleted by the JVM at the end of its shutdown (`deleteOnExit`). Still there: it was stopped dead |
/// | `end` | record after record: the task finished; it failed; a signal asked the JVM to end. Then zeros |
///
/// The parent creates the directory where anonymous queues are, else in the temporary one, with space in `end` that a
/// disk which is full by then cannot take away. It reads it when the process is gone, and removes it; an orphan removes
/// it itself. Until then the parent holds a lock on `end`, so that what a parent and a worker leave that were killed
/// together is known as such, and removed by the next process that starts a worker.
public final class ExitRecord {
    /// What the API calls the ways in which a worker can end.
    ///
    /// @param <E> the kind of thing that they are
    public interface Ends<E> {
        /// The task returned.
        ///
        /// @return that end
        E finished();

        /// The task threw an exception.
        ///
        /// @param failure the exception
        /// @return that end
        E failed(Failure failure);

        /// `System.exit` was called.
        ///
        /// @param code the exit code
        /// @return that end
        E exited(int code);

        /// A signal ended the worker.
        ///
        /// @param signal the signal's number
        /// @return that end
        E killed(int signal);
    }

    private static final byte FINISHED = 1;
    private static final byte FAILED = 2;
    private static final byte SIGNALLED = 3;
    /// Linux has signals 1 to 64; a JVM's status for signal n is 128 + n.
    private static final int LAST_SIGNAL = 64;
    /// The space in `end` that is sure to be there: for a brief failure in UTF-8, and another record.
    private static final int RESERVED_BYTES = 1 << 14;
    /// The longest end that is read.
    private static final int MOST_BYTES = 1 << 24;

    private static final String PREFIX = "worker-";
    /// What its name ends with until it is whole.
    private static final String MAKING = "making";

    private static final Set<Path> homes = ConcurrentHashMap.newKeySet(); // where this process has made some

    private final Path directory;
    private final Path running;
    private final Path end;
    private @Nullable FileChannel lock; // in the parent, until the record is deleted
    private long written; // in the worker, guarded by this
    private byte[] withoutMemory = {}; // in the worker

    ExitRecord(Path directory) {
        this.directory = directory;
        running = directory.resolve("running");
        end = directory.resolve("end");
    }

    Path directory() {
        return directory;
    }

    // ---- the parent, before it starts the worker

    /// Removes what others have left there, too.
    static ExitRecord create() throws IOException {
        IOException failure = null;
        for (Supplier<Path> place : List.<Supplier<Path>>of(LaneQueue::directory, ExitRecord::temporary)) {
            try {
                Path home = place.get();
                homes.add(home);
                removeAbandoned(home);
                return create(home);
            } catch (IOException | QueueException e) {
                IOException here = new IOException("no place for its exit record: " + e.getMessage(), e);
                if (failure != null) here.addSuppressed(failure);
                failure = here;
            }
        }
        throw Objects.requireNonNull(failure);
    }

    private static Path temporary() {
        return Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
    }

    private static ExitRecord create(Path home) throws IOException {
        FileAttribute<?>[] mine = home.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
                }
                : new FileAttribute<?>[0];
        for (long tag = System.nanoTime();; tag++) {
            Path path = home.resolve(Own.PREFIX + tag);
            ExitRecord making;
            try {
                // Creating is exclusive, so the name need not be a secret; createTempDirectory would first have to
                // initialize SecureRandom, which takes longer than starting the process.
                making = new ExitRecord(Files.createDirectory(Path.of(path + MAKING), mine));
            } catch (FileAlreadyExistsException e) {
                continue;
            }
            boolean whole = false;
            try {
                Files.createFile(making.running);
                FileChannel lock =
                        FileChannel.open(making.end, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
                making.lock = lock;
                ByteBuffer reserved = ByteBuffer.allocate(RESERVED_BYTES);
                while (reserved.hasRemaining()) lock.write(reserved);
                if (lock.tryLock() == null) throw new IOException(making.end + " is locked by somebody else");
                Files.move(making.directory, path, StandardCopyOption.ATOMIC_MOVE);
                ExitRecord record = new ExitRecord(path);
                record.lock = lock;
                whole = true;
                return record;
            } finally {
                if (!whole) making.delete();
            }
        }
    }

    /// What the names of this JVM's records begin with. They are not looked at when others' are removed: to close a
    /// file drops all locks that the JVM has on it.
    private static final class Own {
        static final String PREFIX = prefix();

        private static String prefix() {
            ProcessHandle self = ProcessHandle.current();
            long start = self.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
            return ExitRecord.PREFIX + self.pid() + "-" + Long.toHexString(start) + "-";
        }
    }

    /// After this process has killed others, which had no time to do so: at its end, and wherever it has put some
    /// itself.
    static void removeAbandonedAtEnd() {
        ShutdownSequence.add(ShutdownSequence.Stage.RECORDS, ExitRecord::removeAbandoned);
    }

    private static void removeAbandoned() {
        homes.forEach(ExitRecord::removeAbandoned);
        LaneQueue.removeAbandoned(); // those of what we have killed
    }

    /// Records whose parents are gone. One that is still being made may have no lock yet, so it gets a minute.
    private static void removeAbandoned(Path home) {
        Pattern ours = Pattern.compile(PREFIX + "[0-9]+-[0-9a-f]+--?[0-9]+(" + MAKING + ")?");
        try (DirectoryStream<Path> paths = Files.newDirectoryStream(home, PREFIX + "*")) {
            for (Path path : paths) {
                String name = path.getFileName().toString();
                if (name.startsWith(Own.PREFIX) || !ours.matcher(name).matches()) continue;
                if (!isOurs(path)) continue;
                if (name.endsWith(MAKING) && isNew(path)) continue;
                ExitRecord record = new ExitRecord(path);
                if (record.isAbandoned()) record.delete();
            }
        } catch (IOException | DirectoryIteratorException e) {
            // The next start may have more luck.
        }
    }

    private static boolean isNew(Path path) throws IOException {
        Instant made = Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS).toInstant();
        return made.isAfter(Instant.now().minus(Duration.ofMinutes(1)));
    }

    /// Whether it is a directory of this user's, closed to others: whatever is in it no other user has put there.
    static boolean isOurs(Path directory) throws IOException {
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) return false;
        if (!directory.getFileSystem().supportedFileAttributeViews().contains("unix")) return true;
        Map<String, Object> status = Files.readAttributes(directory, "unix:mode,uid", LinkOption.NOFOLLOW_LINKS);
        return ((int) status.get("mode") & 077) == 0
                && status.get("uid").equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
    }

    private boolean isAbandoned() {
        // anything but a file, such as a pipe, could keep us waiting
        boolean isThere = Files.exists(end, LinkOption.NOFOLLOW_LINKS);
        if (isThere && !Files.isRegularFile(end, LinkOption.NOFOLLOW_LINKS)) return false;
        try (FileChannel channel = FileChannel.open(end, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
            return channel.tryLock() != null;
        } catch (NoSuchFileException e) {
            return true;
        } catch (IOException | OverlappingFileLockException e) {
            return false;
        }
    }

    // ---- the worker

    /// To be called before the task runs: an end before that is either a signal's doing or a code up to 128.
    ///
    /// @param parent who reads the record, if it is still there then
    void begin(long parent) {
        Runtime.getRuntime().addShutdownHook(new Thread("procession exit record") {
            @Override
            public void run() {
                int signal = EndSignals.cause();
                if (signal > 0) {
                    append(new byte[] {SIGNALLED, (byte) signal});
                }
                if (isOrphanOf(parent)) delete();
            }
        });
        String memory = OutOfMemoryError.class.getName();
        withoutMemory = failed(new Failure(memory, null, memory));
        // after that: a signal in between is either on record, or seems to stop us dead
        running.toFile().deleteOnExit();
    }

    /// Whether the parent is gone, however it went: the system then gives this process another one.
    static boolean isOrphanOf(long parent) {
        Optional<ProcessHandle> now = ProcessHandle.current().parent();
        return now.isEmpty() || now.get().pid() != parent;
    }

    void finished() {
        append(new byte[] {FINISHED});
    }

    void failed(Throwable thrown, Failure whole) {
        append(failed(Failure.brief(thrown))); // sure to be kept
        append(failed(whole));
    }

    /// When there is no memory left to say more.
    void failedWithoutMemory() {
        append(withoutMemory);
    }

    private static byte[] failed(Failure failure) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(FAILED);
            writeText(out, failure.exceptionClass());
            writeText(out, failure.message());
            writeText(out, failure.stackTrace());
        } catch (IOException e) {
            throw new UncheckedIOException(e); // not from an array
        }
        return bytes.toByteArray();
    }

    /// The hook and the main thread may come at the same time.
    private synchronized void append(byte[] entry) {
        try (RandomAccessFile file = new RandomAccessFile(end.toFile(), "rw")) {
            file.seek(written);
            file.write(entry);
            written += entry.length;
        } catch (IOException e) {
            // The directory is gone with the parent, or its disk is full: what was written before has to do.
        }
    }

    private static void writeText(DataOutputStream out, @Nullable String text) throws IOException {
        byte[] bytes = text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(text == null ? -1 : bytes.length);
        out.write(bytes);
    }

    // ---- the parent, when the process is gone

    /// @param status what the process left, as [Process#exitValue()] gives it: 128 + n for signal n, or for
    ///     `exit(128+n)`
    /// @param ends one of which is returned
    <E> E read(int status, Ends<E> ends) {
        boolean finished = false;
        Failure failed = null;
        int signal = 0;
        try (InputStream file = Files.newInputStream(end);
                DataInputStream in = new DataInputStream(new ByteArrayInputStream(file.readNBytes(MOST_BYTES)))) {
            for (int kind; (kind = in.read()) > 0;) {
                switch (kind) {
                    case FINISHED -> finished = true;
                    case FAILED -> failed = new Failure(
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
            return stoppedDead || signal == status - 128 ? ends.killed(status - 128) : ends.exited(status);
        }
        if (status == 1 && failed != null) return ends.failed(failed);
        return status == 0 && finished ? ends.finished() : ends.exited(status);
    }

    private static @Nullable String readText(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0) return null;
        byte[] bytes = in.readNBytes(Math.min(length, in.available()));
        if (bytes.length < length) throw new EOFException("a text was cut short");
        return new String(bytes, StandardCharsets.UTF_8);
    }

    void delete() {
        try {
            FileChannel lock = this.lock;
            if (lock != null) lock.close();
        } catch (IOException e) {
            // The lock goes with this process then.
        }
        for (Path path : List.of(running, end, directory)) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                // An empty directory in the temporary folder is no reason to fail.
            }
        }
    }
}
