package dev.procession.core.os;

import static dev.procession.core.os.Descriptor.F_OFD_GETLK;
import static dev.procession.core.os.Descriptor.F_RDLCK;
import static dev.procession.core.os.Descriptor.F_UNLCK;
import static dev.procession.core.os.Descriptor.F_WRLCK;
import static dev.procession.core.os.Descriptor.flock;
import static dev.procession.core.os.FileChecks.STATUS;
import static dev.procession.core.os.FileChecks.checkOurs;
import static dev.procession.core.os.FileChecks.deleteTemporary;
import static dev.procession.core.os.FileChecks.isSame;
import static dev.procession.core.os.FileChecks.removeTemporaryName;
import static dev.procession.core.os.FileChecks.status;
import static dev.procession.core.os.FileChecks.temporaryBeside;
import static dev.procession.core.os.Syscalls.ARM;
import static dev.procession.core.os.Syscalls.CLOSE;
import static dev.procession.core.os.Syscalls.EACCES;
import static dev.procession.core.os.Syscalls.EAGAIN;
import static dev.procession.core.os.Syscalls.EDQUOT;
import static dev.procession.core.os.Syscalls.EEXIST;
import static dev.procession.core.os.Syscalls.EFBIG;
import static dev.procession.core.os.Syscalls.EINTR;
import static dev.procession.core.os.Syscalls.EISDIR;
import static dev.procession.core.os.Syscalls.ELOOP;
import static dev.procession.core.os.Syscalls.ENOENT;
import static dev.procession.core.os.Syscalls.ENOMEM;
import static dev.procession.core.os.Syscalls.ENOSPC;
import static dev.procession.core.os.Syscalls.ENXIO;
import static dev.procession.core.os.Syscalls.EOPNOTSUPP;
import static dev.procession.core.os.Syscalls.FALLOCATE;
import static dev.procession.core.os.Syscalls.FTRUNCATE;
import static dev.procession.core.os.Syscalls.LINKAT;
import static dev.procession.core.os.Syscalls.OPENAT;
import static dev.procession.core.os.Syscalls.call;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A file opened, locked and mapped by Linux system calls.
///
/// Locks are open-file-description locks (`fcntl F_OFD_SETLK`): the kernel drops them when the process dies, however it
/// dies, and keeps them while it is stopped. They belong to the open file, not to the process, so two handles of one
/// process exclude each other like two processes.
@SuppressWarnings("restricted")
final class LinuxFile implements OsFile {
    private static final int O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_NONBLOCK = 04000, O_CLOEXEC = 02000000;
    private static final int O_DIRECTORY = ARM ? 040000 : 0200000;
    private static final int O_NOFOLLOW = ARM ? 0100000 : 0400000;
    private static final int O_TMPFILE = 020000000 | O_DIRECTORY;
    private static final int AT_FDCWD = -100, AT_SYMLINK_FOLLOW = 0x400;
    private static final int FALLOC_FL_KEEP_SIZE = 1, FALLOC_FL_PUNCH_HOLE = 2;
    /// Mappings begin at a multiple of the largest page size.
    private static final long MAP_ALIGNMENT = 64 << 10;

    private final int fd;
    private final Descriptor descriptor;
    private final Arena arena = Arena.ofAuto(); // of all mappings
    private final MemorySegment mapping;

    private LinuxFile(Descriptor descriptor, long address, long bytes) {
        fd = descriptor.fd;
        this.descriptor = descriptor;
        // of a handle never closed, and unreachable by now
        mapping = MemorySegment.ofAddress(address).reinterpret(bytes, arena, m -> descriptor.unmap());
    }

    // ---- create, open

    static LinuxFile create(Path path, long size, long reserved, long lock, Consumer<MemorySegment> write)
            throws IOException {
        Path absolute = path.toAbsolutePath();
        if (Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) throw new FileAlreadyExistsException(path.toString());
        Path directory = Objects.requireNonNull(absolute.getParent(), "the root directory exists");
        Path temporary = null;
        int fd = openFile(directory, O_TMPFILE | O_RDWR | O_CLOEXEC);
        if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -ENOENT && Files.isDirectory(directory)) { // no O_TMPFILE there
            temporary = temporaryBeside(absolute);
            fd = openFile(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC);
        }
        if (fd == -ENOENT && temporary != null) throw new FileSystemException("no file can be made in " + directory);
        if (fd < 0) throw FileChecks.failure("cannot make a file in", directory, -fd);
        LinuxFile file = null;
        boolean created = false;
        try {
            long error = -call(FTRUNCATE, fd, size);
            if (error == 0) error = fallocate(fd, 0, 0, reserved);
            if (error != 0) throw FileChecks.failure("cannot reserve " + reserved + " bytes for", path, (int) error);
            file = map(fd, reserved, path);
            write.accept(file.mapping());
            if (!file.tryLock(lock, true)) throw new FileSystemException(path + ": locked before it has a name");
            file.checkLocks(path, lock);
            int linked = link(temporary == null ? Path.of("/proc/self/fd/" + fd) : temporary, absolute);
            if (linked == EEXIST) throw new FileAlreadyExistsException(path.toString());
            if (linked != 0) throw FileChecks.failure("cannot name", path, linked);
            created = true;
            return file;
        } finally {
            if (!created) release(fd, file);
            if (temporary != null) deleteTemporary(temporary);
        }
    }

    static @Nullable LinuxFile open(Path path, long least, long most, long lock, boolean shared) throws IOException {
        int fd = openFile(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd == -ELOOP) throw new FileSystemException(path + " is a symbolic link; open the file that it names");
        if (fd == -EISDIR) throw new FileSystemException(path + " is a directory, not a queue");
        if (fd == -ENXIO) throw new FileSystemException(path + " is not a regular file, so not a queue");
        if (fd < 0) throw FileChecks.failure("cannot open", path, -fd);
        LinuxFile file = null;
        boolean opened = false;
        try {
            removeTemporaryName(path, status(fd));
            Map<String, Object> status = status(fd);
            checkOurs(path, status, least);
            // before mapping: a search for abandoned files maps none that is in use
            int error = Descriptor.lock(fd, lock, shared ? F_RDLCK : F_WRLCK);
            if (error == EAGAIN || error == EACCES) return null;
            if (error != 0) throw FileChecks.failure("cannot lock", path, error);
            file = map(fd, Math.min((long) status.get("size"), most), path);
            if (!file.isAt(path)) return null;
            file.checkLocks(path, lock);
            opened = true;
            return file;
        } finally {
            if (!opened) release(fd, file);
        }
    }

    private static void release(int fd, @Nullable LinuxFile file) {
        if (file != null) file.close();
        else call(CLOSE, fd);
    }

    // ---- the open file

    @Override
    public MemorySegment mapping() {
        return mapping;
    }

    @Override
    public boolean tryLock(long at, boolean shared) {
        return descriptor.lock(at, shared ? F_RDLCK : F_WRLCK) == 0;
    }

    @Override
    public void unlock(long at) {
        descriptor.lock(at, F_UNLCK);
    }

    @Override
    public boolean isLocked(long at) {
        try (Arena arena = Arena.ofConfined()) {
            // probes as a shared lock: liveness checks and other shared holders do not count
            MemorySegment lock = flock(arena, at, 1, F_RDLCK);
            return descriptor.fcntl(F_OFD_GETLK, lock) != 0 || lock.get(JAVA_SHORT, 0) != F_UNLCK;
        }
    }

    /// On some file systems (NFS, 9p, FUSE) two open files of one process do not conflict; there, the living would look
    /// dead.
    private void checkLocks(Path path, long lock) throws FileSystemException {
        int other = openFile(Path.of("/proc/self/fd/" + fd), O_RDWR | O_CLOEXEC);
        if (other < 0) return; // for example out of descriptors: this is only a check
        try {
            int error = Descriptor.lock(other, lock, F_WRLCK);
            if (error != EAGAIN && error != EACCES) {
                throw new FileSystemException(path + " is on a file system without open-file-description locks;"
                        + " use a local one such as /dev/shm");
            }
        } finally {
            call(CLOSE, other);
        }
    }

    @Override
    public long size() {
        return descriptor.size();
    }

    @Override
    public boolean reserve(long offset, long bytes) throws IOException {
        // keeps the size: a truncated file must not grow again, with zeros in it
        int error = fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, bytes);
        if (error == 0) return true;
        if (error == ENOSPC || error == EDQUOT || error == EFBIG) return false;
        throw new FileSystemException("cannot reserve space in the queue's file: error " + error);
    }

    @Override
    public boolean reservePage(long offset, MemorySegment mapping) throws IOException {
        return reserve(offset, 1); // leaves content as it is
    }

    @Override
    public void giveBack(long offset, long bytes) {
        // a file system without holes keeps its space
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    }

    @Override
    public MemorySegment map(long offset, long bytes) throws IOException {
        long before = offset & MAP_ALIGNMENT - 1;
        long address = descriptor.map(offset - before, before + bytes);
        if (address < 0) {
            throw Mappings.refused(bytes, address == -ENOMEM
                    ? "no address space is left, or this process has too many mappings"
                    : "error " + -address);
        }
        return MemorySegment.ofAddress(address + before).reinterpret(bytes, arena, null);
    }

    @Override
    public boolean isAt(Path path) {
        try {
            return isSame(status(fd), Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS));
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void detach() {
        descriptor.unlockAndClose();
    }

    @Override
    public void close() {
        descriptor.unlockAndClose();
        descriptor.unmap();
    }

    // ---- system calls

    /// 0, or errno. Restarted after a signal, such as the one that stops the process; an interrupted call reserves
    /// nothing.
    private static int fallocate(int fd, int mode, long offset, long bytes) {
        long result;
        do result = call(FALLOCATE, fd, mode, offset, bytes);
        while (result == -EINTR);
        return (int) -result;
    }

    /// A file descriptor, or -errno.
    private static int openFile(Path path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) call(OPENAT, AT_FDCWD, Syscalls.path(arena, path), flags, 0600);
        }
    }

    /// 0, or errno.
    private static int link(Path from, Path to) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) -call(
                    LINKAT, AT_FDCWD, Syscalls.path(arena, from), AT_FDCWD, Syscalls.path(arena, to), AT_SYMLINK_FOLLOW,
                    0);
        }
    }

    private static LinuxFile map(int fd, long size, Path path) throws IOException {
        Descriptor descriptor = new Descriptor(fd);
        long address = descriptor.map(0, size);
        if (address < 0) throw FileChecks.failure("cannot map " + size + " bytes of", path, (int) -address);
        return new LinuxFile(descriptor, address, size);
    }
}
