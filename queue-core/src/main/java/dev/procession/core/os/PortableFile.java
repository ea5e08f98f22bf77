package dev.procession.core.os;

import static dev.procession.core.os.FileChecks.STATUS;
import static dev.procession.core.os.FileChecks.checkOurs;
import static dev.procession.core.os.FileChecks.checkSize;
import static dev.procession.core.os.FileChecks.deleteTemporary;
import static dev.procession.core.os.FileChecks.removeTemporaryName;
import static dev.procession.core.os.FileChecks.temporaryBeside;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A file opened, locked and mapped by the JDK.
///
/// A lock is probed by taking it, shared, for a moment. A process stopped in that moment does not make the dead look
/// alive to other probes; but an exclusive lock is unavailable until the process goes on.
final class PortableFile implements OsFile {
    private static final boolean UNIX = Path.of("").getFileSystem().supportedFileAttributeViews().contains("unix");
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final JvmFile file;
    // guarded by JvmFile.OPEN, as are all fields; value: whether shared
    private final Map<Long, Boolean> held = new HashMap<>();
    private final Arena arena = Arena.ofShared();
    private final AtomicInteger mappings = new AtomicInteger(); // number of lanes that are mapped
    private MemorySegment mapping = MemorySegment.NULL;
    private boolean detached;

    private PortableFile(JvmFile file) {
        this.file = file;
    }

    @Override
    public MemorySegment map(long offset, long bytes) throws IOException {
        if (!Mappings.tryAdd()) throw Mappings.refused(bytes, "this process has too many mappings");
        boolean mapped = false;
        try {
            MemorySegment memory = file.map(offset, bytes, arena);
            mapped = true;
            mappings.getAndIncrement();
            return memory;
        } finally {
            if (!mapped) Mappings.remove(1);
        }
    }

    // ---- create, open

    static PortableFile create(Path path, long size, long reserved, long lock, Consumer<MemorySegment> write)
            throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) throw new FileAlreadyExistsException(path.toString());
        Path absolute = path.toAbsolutePath();
        Path temporary = temporaryBeside(absolute);
        try {
            try {
                Files.createFile(temporary, privateMode());
            } catch (NoSuchFileException e) {
                throw new NoSuchFileException(String.valueOf(absolute.getParent()));
            } catch (AccessDeniedException e) {
                throw new AccessDeniedException(String.valueOf(absolute.getParent()));
            } catch (FileSystemException e) { // it names the temporary file
                throw new FileSystemException("cannot make " + path + ": " + e.getReason());
            }
            PortableFile file = null;
            boolean created = false;
            try {
                Object key = JvmFile.key(temporary, LinkOption.NOFOLLOW_LINKS);
                file = attach(temporary, key, lock, true, size, reserved, reserved);
                if (file == null) throw new FileSystemException(path + " cannot be locked; use a local file system");
                write.accept(file.mapping());
                Files.createLink(absolute, temporary); // atomic, and fails if the name is taken
                created = true;
                return file;
            } catch (UnsupportedOperationException e) {
                throw new FileSystemException(path + " is on a file system without hard links; use another one");
            } catch (FileSystemException e) {
                throw e;
            } catch (IOException e) { // its message lacks the path
                throw new IOException("cannot make " + path + " with " + size + " bytes, " + reserved + " of them now: "
                        + String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT), e);
            } finally {
                if (!created && file != null) file.close();
            }
        } finally {
            deleteTemporary(temporary);
        }
    }

    static @Nullable PortableFile open(Path path, long least, long most, long lock, boolean shared) throws IOException {
        BasicFileAttributes basics = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (basics.isSymbolicLink()) {
            throw new FileSystemException(path + " is a symbolic link; open the file that it names");
        }
        if (basics.isDirectory()) throw new FileSystemException(path + " is a directory, not a queue");
        if (!basics.isRegularFile()) throw new FileSystemException(path + " is not a regular file, so not a queue");
        Object key = JvmFile.key(path, LinkOption.NOFOLLOW_LINKS);
        if (UNIX) {
            removeTemporaryName(path, Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS));
            Map<String, Object> status = Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS);
            checkOurs(path, status, least);
            key = status.get("fileKey"); // opens the file that was checked, or none
        }
        checkSize(path, basics.size(), least);
        PortableFile file = attach(path, key, lock, shared, 0, 0, most);
        if (file == null || file.isAt(path)) return file;
        file.close();
        return null;
    }

    /// @param key of the file; if the path names another file by now, there is none
    /// @param size set on the file, or 0 if it has its size
    /// @param reserved number of bytes from the start that are allocated then
    /// @param most number of bytes that are mapped, unless the file is smaller
    /// @return null if the lock is taken
    private static @Nullable PortableFile attach(
            Path path, Object key, long lock, boolean shared, long size, long reserved, long most) throws IOException {
        synchronized (JvmFile.OPEN) {
            JvmFile open = JvmFile.OPEN.get(key);
            if (open == null) {
                open = new JvmFile(path, key);
                JvmFile.OPEN.put(key, open);
            }
            open.handles++;
            PortableFile file = new PortableFile(open);
            boolean attached = false;
            try {
                boolean locked = file.lock(lock, shared);
                if (size > 0) {
                    open.contents.setLength(size);
                    open.writeZeros(0, reserved);
                }
                // not before: a search for abandoned files maps none that is in use
                if (locked) file.mapping = file.map(0, Math.min(file.size(), most));
                attached = locked;
            } finally {
                if (!attached) file.close();
            }
            return attached ? file : null;
        }
    }

    static @Nullable ByteBuffer readStart(Path path, long least, int bytes) throws IOException {
        synchronized (JvmFile.OPEN) { // closing a second channel would drop the locks of a file that is open here
            if (!UNIX || JvmFile.OPEN.containsKey(JvmFile.key(path, LinkOption.NOFOLLOW_LINKS))) return null;
            return FileChecks.readStart(path, least, bytes);
        }
    }

    private static FileAttribute<?>[] privateMode() {
        return UNIX
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))}
                : new FileAttribute<?>[0];
    }

    // ---- the open file

    @Override
    public MemorySegment mapping() {
        return mapping;
    }

    @Override
    public boolean tryLock(long at, boolean shared) {
        try {
            return lock(at, shared);
        } catch (IOException e) {
            return false;
        }
    }

    private boolean lock(long at, boolean shared) throws IOException {
        synchronized (JvmFile.OPEN) {
            Boolean mine = held.get(at);
            if (mine != null) return mine == shared;
            int holders = file.holders.getOrDefault(at, 0);
            if (holders < 0 || holders > 0 && !shared) return false;
            if (holders == 0) {
                try {
                    FileLock lock = file.channel.tryLock(at, 1, shared);
                    if (lock == null) return false;
                    file.locks.put(at, lock);
                } catch (OverlappingFileLockException e) {
                    return false;
                }
            }
            file.holders.put(at, shared ? holders + 1 : -1);
            held.put(at, shared);
            return true;
        }
    }

    @Override
    public void unlock(long at) {
        synchronized (JvmFile.OPEN) {
            Boolean shared = held.remove(at);
            if (shared == null) return;
            int left = shared ? file.holders.get(at) - 1 : 0;
            if (left > 0) {
                file.holders.put(at, left);
                return;
            }
            file.holders.remove(at);
            FileLock lock = file.locks.remove(at);
            try {
                if (lock != null) lock.release();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public boolean isLocked(long at) {
        synchronized (JvmFile.OPEN) {
            if (file.holders.containsKey(at)) return !held.containsKey(at);
            try (FileLock lock = file.channel.tryLock(at, 1, true)) {
                return lock == null;
            } catch (OverlappingFileLockException | IOException e) {
                return true;
            }
        }
    }

    @Override
    public long size() {
        try {
            return file.contents.length();
        } catch (IOException e) {
            return Long.MAX_VALUE; // closed
        }
    }

    /// The JDK has no fallocate: writes zeros, whereupon the system reports a full disk. Never writes back what was
    /// read: another process may have changed it in between.
    @Override
    public boolean reserve(long offset, long bytes) {
        synchronized (JvmFile.OPEN) { // all handles share one file pointer
            try {
                // a truncated file must not grow again
                if (offset + bytes > file.contents.length()) return false;
                file.writeZeros(offset, bytes);
                return true;
            } catch (IOException e) {
                return false;
            }
        }
    }

    @Override
    public boolean reservePage(long offset, MemorySegment mapped) {
        try {
            LONG.getAndAdd(mapped, 0L, 0L); // touches the page, leaves its content as it is
            size(); // the JVM may deliver the fault only after a system call
            return true;
        } catch (InternalError e) {
            return false;
        }
    }

    /// The JDK has no call for that.
    @Override
    public void giveBack(long offset, long bytes) {}

    @Override
    public boolean isAt(Path path) {
        try {
            return JvmFile.key(path, LinkOption.NOFOLLOW_LINKS).equals(file.key);
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void close() {
        detach();
        synchronized (JvmFile.OPEN) {
            if (arena.scope().isAlive()) {
                arena.close();
                Mappings.remove(mappings.get());
            }
        }
    }

    @Override
    public void detach() {
        synchronized (JvmFile.OPEN) {
            if (detached) return;
            detached = true;
            try {
                for (long at : held.keySet().stream().toList()) unlock(at);
            } finally {
                if (--file.handles == 0) {
                    JvmFile.OPEN.remove(file.key);
                    file.close();
                }
            }
        }
    }
}
