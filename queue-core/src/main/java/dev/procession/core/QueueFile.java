package dev.procession.core;

import dev.procession.core.os.FileChecks;
import dev.procession.core.os.Os;
import dev.procession.core.os.OsFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A queue's file as opened by one handle: creation, validation, mapping, removal, whether it is still usable, and
/// which threads may access the mapping.
///
/// Thread-safe.
final class QueueFile {
    private static final int LATE_FAULTS = 4;
    private static final int BESIDE_TRIES = 20;
    private static final long PAUSE_NANOS = 1_000_000;
    /// What comes before the lanes, at most.
    private static final long HEADER_BYTES = Layout.lanesOffset(QueueGeometry.MAX_LANES);

    final Path path;
    final OsFile open;
    final MemorySegment memory; // what comes before the lanes
    final long base;
    final QueueGeometry geometry;
    final UUID uuid;
    final LaneMemory lanes;
    final String label;
    final boolean anonymous;

    volatile boolean spaceMissing; // the last put of this handle that needed more found the file system full
    private volatile boolean unusable; // closed, or truncated
    private volatile boolean closed;
    private volatile boolean truncated;

    /// Reference count of the mapping: one for all participants together, plus each call in progress of any other
    /// thread. At zero the file is unmapped.
    private final AtomicInteger users = new AtomicInteger(1);

    // ---- create, open, delete

    /// Creates a file atomically: other processes see all of it or nothing.
    static QueueFile create(Path path, QueueGeometry geometry, String label, boolean anonymous) {
        byte[] labelBytes = label.getBytes(StandardCharsets.UTF_8);
        if (labelBytes.length > Layout.LABEL_BYTES || label.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("label=\"" + label + "\" must have at most " + Layout.LABEL_BYTES
                    + " bytes in UTF-8, none of them zero");
        }
        checkFileSystem(path);
        try {
            OsFile file = Os.CURRENT.create(
                    path,
                    geometry.fileBytes(),
                    Layout.lanesOffset(geometry.lanes()),
                    Layout.ATTACHED_LOCK,
                    memory -> FileHeader.write(memory, geometry, labelBytes, anonymous));
            return new QueueFile(path, file);
        } catch (FileAlreadyExistsException e) {
            throw new QueueUnavailableException(path + " exists already; open it, or delete it first", e);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    static QueueFile open(Path file) {
        checkFileSystem(file);
        try {
            OsFile open = Os.CURRENT.open(file, Layout.PAGE, HEADER_BYTES, Layout.ATTACHED_LOCK, true);
            if (open != null) return new QueueFile(file, open);
            throw new QueueUnavailableException(file + " is being removed; make it again, or open it later");
        } catch (NoSuchFileException e) {
            throw new QueueUnavailableException("there is no queue at " + file + (Home.isAnonymous(file)
                    ? ": it was closed by the last process that had it open"
                    : "; it was not made yet, or was deleted"), e);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    /// Opens the queue whose path is this one's plus a suffix, or makes it.
    QueueFile openBeside(String suffix, QueueGeometry geometry, String label) {
        Path beside = pathBeside(suffix);
        for (int i = 0;; i++) { // another process may make or remove it meanwhile
            try {
                if (Files.exists(beside)) return openOwn(beside, label);
                return create(beside, geometry, label, anonymous);
            } catch (QueueUnavailableException e) {
                if (i == BESIDE_TRIES) throw e;
                pause();
            }
        }
    }

    /// Lets another process run. With the interrupt flag set the thread would not park.
    static void pause() {
        boolean interrupted = Thread.interrupted();
        LockSupport.parkNanos(PAUSE_NANOS);
        if (interrupted) Thread.currentThread().interrupt();
    }

    private QueueFile openOwn(Path beside, String label) {
        QueueFile opened = open(beside);
        if (opened.label.equals(label) && opened.anonymous == anonymous) return opened;
        opened.open.close();
        throw new QueueUnavailableException(beside + " is a queue of its own (label \"" + opened.label
                + "\") in the place of the one that belongs to " + path + "; rename one of them");
    }

    Path pathBeside(String suffix) {
        return pathBeside(path, suffix);
    }

    private static Path pathBeside(Path path, String suffix) {
        return Path.of(URI.create(path.toUri() + suffix)); // as a URI: in some locales not every name has a String form
    }

    static QueueUnavailableException unavailable(IOException e) {
        String what = String.valueOf(e.getMessage());
        if (e instanceof NoSuchFileException) what = "no such directory: " + what;
        if (e instanceof AccessDeniedException denied) {
            what = "permission denied: " + what + " (" + FileChecks.denied(Path.of(denied.getFile())) + ")";
        }
        return new QueueUnavailableException(what, e);
    }

    private static void checkFileSystem(Path path) {
        if (path.getFileSystem().equals(FileSystems.getDefault())) return;
        throw new QueueUnavailableException(
                path + " is in a file system inside of this JVM (" + path.getFileSystem()
                        + "); a queue is a file of the system");
    }

    static void delete(Path file, String... besides) {
        checkFileSystem(file);
        OsFile open;
        try {
            open = openAlone(file);
        } catch (NoSuchFileException e) {
            throw new QueueUnavailableException("there is no queue at " + file, e);
        } catch (IOException e) {
            throw unavailable(e);
        }
        if (open == null) {
            throw new QueueUnavailableException(file + " is open in some process; close it there first");
        }
        try {
            // pairs with the release in FileHeader.write()
            if (SharedMemory.getVolatile(open.mapping(),
                    SharedMemory.base(open.mapping()) + Layout.MAGIC_OFFSET) != Layout.MAGIC) {
                throw new QueueUnavailableException(file + " is not a queue, so it was not removed");
            }
            for (String suffix : besides) {
                Path beside = pathBeside(file, suffix);
                if (Files.exists(beside)) delete(beside); // if it is open elsewhere, all stays
            }
            remove(file, open);
        } catch (InternalError e) {
            throw new QueueCorruptedException(file + " was cut off by another process just now, so it was not removed");
        } finally {
            open.close();
        }
    }

    /// Opens it exclusively; null if another process, or another handle of this one, has it open.
    static @Nullable OsFile openAlone(Path file) throws IOException {
        return Os.CURRENT.open(file, Layout.PAGE, Layout.PAGE, Layout.ATTACHED_LOCK, false);
    }

    /// Removes a file that no other handle has locked, unless the path names another file by now.
    static void remove(Path path, OsFile file) {
        try {
            if (file.isAt(path)) Files.deleteIfExists(path);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    private QueueFile(Path path, OsFile open) {
        this.path = path.toAbsolutePath();
        this.open = open;
        memory = open.mapping();
        base = SharedMemory.base(memory);
        boolean whole = false;
        try {
            FileHeader header = FileHeader.read(this.path, memory, open.size());
            geometry = header.geometry();
            uuid = header.uuid();
            lanes = new LaneMemory(this.path, open, geometry);
            label = header.label();
            anonymous = header.anonymous();
            Os.CURRENT.closeWhenUnreachable(this, open);
            whole = true;
        } catch (InternalError e) { // truncated since it was mapped
            throw new QueueCorruptedException(path + " was cut off by another process; delete it, and make it again");
        } finally {
            if (!whole) open.close();
        }
    }

    // ---- access to the mapping

    /// Retains the mapping until [#exit()], for a thread that may be neither a producer's nor a consumer's. Returns
    /// false if it is unmapped: this handle and all that was made from it were closed.
    boolean tryEnter() {
        for (int seen; (seen = users.get()) > 0;) {
            if (users.weakCompareAndSetVolatile(seen, seen + 1)) return true;
        }
        return false;
    }

    void enter() {
        checkOpen();
        if (!tryEnter()) checkOpen(); // closed in between
    }

    void exit() {
        int left = users.decrementAndGet();
        assert left >= 0;
        if (left == 0) open.close();
    }

    // ---- whether it is still usable

    /// Marks the handle closed: the next call that leaves its fast path throws. Returns false if it was closed already.
    synchronized boolean close() {
        if (closed) return false;
        closed = true;
        unusable = true;
        return true;
    }

    boolean isUsable() {
        return !unusable;
    }

    void checkOpen() {
        if (!unusable) return;
        if (closed) throw new QueueClosedException("this handle on " + path + " was closed");
        throw truncated();
    }

    /// What fails since the queue was shut down: 0 nothing, 1 puts, 2 gets too.
    long shutDown() {
        // pairs with the CAS in EndOfStream.shutDown()
        long word = SharedMemory.getVolatile(memory, base + Layout.SHUT_DOWN_OFFSET);
        if (word < 0 || word > EndOfStream.GETS) {
            throw new QueueCorruptedException(path + " says shutDown=" + word + ", which is none of 0 to 2");
        }
        return word;
    }

    /// Whether the queue was shut down. If so, no put succeeds that begins after this call, also if the thread that
    /// shuts down was stopped or killed in between.
    boolean isShutDown() {
        if (shutDown() == 0) return false;
        // after the word; pairs with the reads of the counter in LaneWriter; atomic add: see there
        SharedMemory.getAndAdd(memory, base + Layout.TICKET_OFFSET, 1);
        return true;
    }

    void checkNotShutDown() {
        if (isShutDown()) throw wasShutDown();
    }

    /// After isShutDown().
    QueueShutDownException wasShutDown() {
        return new QueueShutDownException(path + " was shut down");
    }

    /// Whether the file was truncated. If so, this handle and everything made from it are unusable.
    ///
    /// Access to a truncated page raises an InternalError, which the JVM may deliver late: after return from the
    /// accessing method, in its caller. So callers that do not pass here anyway check periodically.
    boolean isTruncated() {
        if (!truncated && open.size() < geometry.fileBytes()) {
            truncated = true;
            unusable = true;
        }
        return truncated;
    }

    void checkNotTruncated() {
        if (isTruncated()) throw truncated();
    }

    /// Translates an InternalError of the JVM for the caller of this queue; throws the error itself if it has another
    /// cause. It throws rather than returns, since a late fault in here can discard the return value.
    QueueCorruptedException translate(InternalError thrown) {
        for (int i = 0;; i++) {
            try {
                if (isTruncated()) throw truncated();
                throw thrown;
            } catch (InternalError late) { // of another access in the same call
                if (late == thrown || i == LATE_FAULTS) throw thrown;
            }
        }
    }

    private QueueCorruptedException truncated() {
        return new QueueCorruptedException(path + " was cut off by another process: it has " + open.size() + " of "
                + geometry.fileBytes() + " bytes; close it, delete it, and make it again");
    }

    QueueCorruptedException corrupted(int lane, long position, String what) {
        return isTruncated() ? truncated() : new QueueCorruptedException(
                path + " is damaged in lane " + lane + " at position " + position + ": " + what
                        + "; close it, and delete the file when its messages are no longer wanted");
    }

    /// The position of a lane's head.
    long head(int lane) {
        // pairs with all that move heads
        return SharedMemory.getVolatile(memory, base + Layout.headOffset(lane));
    }
}
