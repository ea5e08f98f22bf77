package dev.procession.core;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/// Linux on x86-64 and aarch64, through `java.lang.foreign`.
///
/// Locks are open-file-description locks (`fcntl F_OFD_SETLK`): the kernel drops them when the process dies, however it
/// dies, and keeps them while it is stopped. They belong to the open file, not to the process, so two handles of one
/// process exclude each other as two processes do.
@SuppressWarnings("restricted")
final class LinuxPlatform extends Platform {
    private static final boolean ARM = System.getProperty("os.arch").equals("aarch64");

    // <asm-generic/unistd.h>, and <asm/unistd_64.h> on x86-64
    private static final long SYS_FUTEX = ARM ? 98 : 202;
    private static final long SYS_MEMBARRIER = ARM ? 283 : 324;
    private static final long SYS_GETTID = ARM ? 178 : 186;
    private static final long SYS_TGKILL = ARM ? 131 : 234;

    private static final int FUTEX_WAIT = 0, FUTEX_WAKE = 1; // shared between processes: without FUTEX_PRIVATE_FLAG
    private static final long MEMBARRIER_GLOBAL_EXPEDITED = 1 << 1, MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 1 << 2;
    private static final int F_OFD_GETLK = 36, F_OFD_SETLK = 37;
    private static final short F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2;
    private static final int O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_NONBLOCK = 04000, O_CLOEXEC = 02000000;
    private static final int O_DIRECTORY = ARM ? 040000 : 0200000;
    private static final int O_NOFOLLOW = ARM ? 0100000 : 0400000;
    private static final int O_TMPFILE = 020000000 | O_DIRECTORY;
    private static final int AT_FDCWD = -100, AT_SYMLINK_FOLLOW = 0x400;
    private static final int PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1;
    private static final int FALLOC_FL_KEEP_SIZE = 1, FALLOC_FL_PUNCH_HOLE = 2;
    private static final int EPERM = 1, ENOENT = 2, EACCES = 13, EEXIST = 17, EISDIR = 21, EMFILE = 24, ENOSPC = 28;
    private static final int EROFS = 30, ELOOP = 40, EOPNOTSUPP = 95, EDQUOT = 122, EAGAIN = 11, EFBIG = 27, ENXIO = 6;
    private static final int SIGKILL = 9, SIGSTOP = 19;

    private static final StructLayout FLOCK = MemoryLayout.structLayout(
            JAVA_SHORT.withName("l_type"),
            JAVA_SHORT.withName("l_whence"),
            MemoryLayout.paddingLayout(4),
            JAVA_LONG.withName("l_start"),
            JAVA_LONG.withName("l_len"),
            JAVA_INT.withName("l_pid"),
            MemoryLayout.paddingLayout(4));
    private static final int CPU_SET_BYTES = 128;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final long ERRNO = CAPTURE.byteOffset(PathElement.groupElement("errno"));

    private final MethodHandle open = libc("open", 2, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    private final MethodHandle close = libc("close", -1, JAVA_INT, JAVA_INT);
    private final MethodHandle ftruncate = libc("ftruncate", -1, JAVA_INT, JAVA_INT, JAVA_LONG);
    private final MethodHandle fallocate = libc("fallocate", -1, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private final MethodHandle linkat = libc("linkat", -1, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
    private final MethodHandle fcntl = libc("fcntl", 2, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
    private final MethodHandle mmap =
            libc("mmap", -1, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private final MethodHandle munmap = libc("munmap", -1, JAVA_INT, ADDRESS, JAVA_LONG);
    private final MethodHandle getaffinity =
            libc("sched_getaffinity", -1, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS);
    private final MethodHandle setaffinity =
            libc("sched_setaffinity", -1, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS);
    private final MethodHandle futex =
            libc("syscall", 1, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG);
    private final MethodHandle syscall = libc("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

    private final ThreadLocal<MemorySegment> sleepArguments =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(2 * Long.BYTES + CAPTURE.byteSize(), Long.BYTES));
    private final boolean barrier = registerForBarrier();

    static boolean isSupported() {
        String arch = System.getProperty("os.arch");
        return System.getProperty("os.name").equals("Linux")
                && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
                && (arch.equals("amd64") || arch.equals("aarch64"));
    }

    private static MethodHandle libc(String name, int firstVariadic, MemoryLayout result, MemoryLayout... arguments) {
        var errno = Linker.Option.captureCallState("errno");
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow(name),
                FunctionDescriptor.of(result, arguments),
                firstVariadic < 0
                        ? new Linker.Option[] {errno}
                        : new Linker.Option[] {errno, Linker.Option.firstVariadicArg(firstVariadic)});
    }

    @Override
    String name() {
        return "linux";
    }

    @Override
    boolean mayUseAddresses() {
        return true;
    }

    // ---- files

    @Override
    OpenFile create(Path path, long size, long reserved, Consumer<MemorySegment> write) throws IOException {
        Path absolute = path.toAbsolutePath();
        Path directory = Objects.requireNonNull(absolute.getParent(), "the root directory is no queue");
        if (Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) throw new FileAlreadyExistsException(path.toString());
        Path temporary = null;
        int fd = openFile(directory, O_TMPFILE | O_RDWR | O_CLOEXEC);
        if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -ENOENT && Files.isDirectory(directory)) { // no O_TMPFILE there
            temporary = directory.resolve("." + absolute.getFileName() + "." + Long.toHexString(System.nanoTime()));
            fd = openFile(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC);
        }
        if (fd < 0) throw failure("cannot make a file in", directory, -fd);
        LinuxFile file = null;
        try {
            int error = call(ftruncate, fd, size);
            if (error == 0) error = call(fallocate, fd, 0, 0L, reserved);
            if (error != 0) throw failure("cannot reserve " + reserved + " bytes for", path, error);
            file = map(fd, size, path);
            write.accept(file.mapping());
            if (!file.tryLock(Layout.ATTACHED_LOCK, true))
                throw new FileSystemException(path + ": locked before it has a name");
            file.checkLocks(path);
            int linked = link(temporary == null ? "/proc/self/fd/" + fd : temporary.toString(), absolute);
            if (linked == EEXIST) throw new FileAlreadyExistsException(path.toString());
            if (linked != 0) throw failure("cannot name", path, linked);
            return file;
        } catch (IOException | RuntimeException e) {
            if (file != null) file.close();
            else call(close, fd);
            throw e;
        } finally {
            if (temporary != null) Files.deleteIfExists(temporary);
        }
    }

    @Override
    OpenFile open(Path path, boolean shared) throws IOException {
        int fd = openFile(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd == -ELOOP)
            throw new QueueUnavailableException(path + " is a symbolic link; open the file that it names");
        if (fd == -EISDIR) throw new QueueUnavailableException(path + " is a directory, not a queue");
        if (fd == -ENXIO) throw new QueueUnavailableException(path + " is not a regular file, so not a queue");
        if (fd < 0) throw failure("cannot open", path, -fd);
        LinuxFile file = null;
        try {
            Map<String, Object> status = status(fd);
            int mode = (int) status.get("mode");
            String wrong = null;
            if ((mode & 0170000) != 0100000) {
                wrong = "is not a regular file, so not a queue";
            } else if (!status.get("uid").equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"))) {
                wrong = "belongs to user " + status.get("uid") + "; only its owner may use a queue";
            } else if ((mode & 022) != 0) {
                wrong = "can be written by group or others, who could put anything into it; chmod 600 it if it is yours";
            } else if ((int) status.get("nlink") > 1) {
                wrong = "has " + status.get("nlink") + " names (hard links); a queue has one";
            }
            if (wrong != null) throw new QueueUnavailableException(path + " " + wrong);
            long size = (long) status.get("size");
            if (size < Layout.PAGE) {
                throw new QueueUnavailableException(path + " has " + size + " bytes, so it is not a queue");
            }
            file = map(fd, size, path);
            if (!file.tryLock(Layout.ATTACHED_LOCK, shared) || !file.isAt(path)) throw notAttached(path, shared);
            file.checkLocks(path);
            return file;
        } catch (IOException | RuntimeException e) {
            if (file != null) file.close();
            else call(close, fd);
            throw e;
        }
    }

    private int openFile(Path path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(CAPTURE);
            int fd = (int) open.invokeExact(errno, arena.allocateFrom(path.toString()), flags, 0600);
            return fd >= 0 ? fd : -errno.get(JAVA_INT, ERRNO);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private int link(String from, Path to) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(CAPTURE);
            int result = (int) linkat.invokeExact(
                    errno,
                    AT_FDCWD,
                    arena.allocateFrom(from),
                    AT_FDCWD,
                    arena.allocateFrom(to.toString()),
                    AT_SYMLINK_FOLLOW);
            return result == 0 ? 0 : errno.get(JAVA_INT, ERRNO);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private LinuxFile map(int fd, long size, Path path) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(CAPTURE);
            long address =
                    (long) mmap.invokeExact(errno, MemorySegment.NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                            0L);
            if (address == -1) throw failure("cannot map " + size + " bytes of", path, errno.get(JAVA_INT, ERRNO));
            // never unmapped while anybody can reach it: an access by address needs no check whether it is still there
            Descriptor descriptor = new Descriptor(fd);
            MemorySegment mapping =
                    MemorySegment.ofAddress(address).reinterpret(size, Arena.ofAuto(), m -> unmap(m, descriptor));
            return new LinuxFile(descriptor, mapping);
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private void unmap(MemorySegment mapping, Descriptor descriptor) {
        call(munmap, MemorySegment.ofAddress(mapping.address()), mapping.byteSize());
        descriptor.close(); // of a handle that was never closed
    }

    /// A file descriptor that is closed once: by its handle, or with the mapping when nobody can reach that any more.
    private final class Descriptor {
        final int fd;
        private boolean closed;

        Descriptor(int fd) {
            this.fd = fd;
        }

        synchronized void close() {
            if (closed) return;
            closed = true;
            call(LinuxPlatform.this.close, fd);
        }
    }

    private static Map<String, Object> status(int fd) throws IOException {
        return Files.readAttributes(Path.of("/proc/self/fd/" + fd), "unix:mode,uid,nlink,size,dev,ino");
    }

    private static IOException failure(String what, Path path, int errno) {
        String why =
                switch (errno) {
                    case ENOENT -> "no such file or directory";
                    case EACCES, EPERM -> "permission denied";
                    case ENOSPC, EDQUOT -> "no space left there; free some, or use fewer or smaller lanes";
                    case EROFS -> "the file system is read-only";
                    case EMFILE -> "this process has too many open files; raise its limit (ulimit -n)";
                    case EFBIG -> "the file size limit is too small (ulimit -f)";
                    default -> "error " + errno;
                };
        String message = what + " " + path + ": " + why;
        return errno == ENOENT ? new NoSuchFileException(path.toString(), null, why) : new FileSystemException(message);
    }

    final class LinuxFile extends OpenFile {
        private final int fd;
        private final Descriptor descriptor;
        private final MemorySegment mapping;

        private LinuxFile(Descriptor descriptor, MemorySegment mapping) {
            fd = descriptor.fd;
            this.descriptor = descriptor;
            this.mapping = mapping;
        }

        @Override
        MemorySegment mapping() {
            return mapping;
        }

        @Override
        boolean tryLock(long at, boolean shared) {
            return lock(fd, at, shared ? F_RDLCK : F_WRLCK) == 0;
        }

        @Override
        void unlock(long at) {
            lock(fd, at, F_UNLCK);
        }

        private int lock(int fd, long at, short type) {
            try (Arena arena = Arena.ofConfined()) {
                return fcntl(fd, F_OFD_SETLK, flock(arena, at, 1, type));
            }
        }

        @Override
        boolean isLocked(long at) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment lock = flock(arena, at, 1, F_WRLCK);
                return fcntl(fd, F_OFD_GETLK, lock) == 0 && lock.get(JAVA_SHORT, 0) != F_UNLCK;
            }
        }

        private static MemorySegment flock(Arena arena, long at, long bytes, short type) {
            MemorySegment lock = arena.allocate(FLOCK); // l_pid must be 0, and is
            lock.set(JAVA_SHORT, 0, type);
            lock.set(JAVA_LONG, FLOCK.byteOffset(PathElement.groupElement("l_start")), at);
            lock.set(JAVA_LONG, FLOCK.byteOffset(PathElement.groupElement("l_len")), bytes);
            return lock;
        }

        private int fcntl(int fd, int command, MemorySegment lock) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment errno = arena.allocate(CAPTURE);
                int result = (int) fcntl.invokeExact(errno, fd, command, lock);
                return result == 0 ? 0 : errno.get(JAVA_INT, ERRNO);
            } catch (Throwable e) {
                throw unexpected(e);
            }
        }

        /// Some file systems (NFS, 9p, FUSE) cannot tell two open files of one process apart; there, the dead would look alive.
        private void checkLocks(Path path) {
            int other = openFile(Path.of("/proc/self/fd/" + fd), O_RDWR | O_CLOEXEC);
            if (other < 0) return; // out of descriptors, say: this is only a check
            try {
                int error = lock(other, Layout.ATTACHED_LOCK, F_WRLCK);
                if (error != EAGAIN && error != EACCES) {
                    throw new QueueUnavailableException(
                            path + " is on a file system without open-file-description locks;"
                                    + " use a local one such as /dev/shm");
                }
            } finally {
                call(close, other);
            }
        }

        @Override
        boolean reserve(long offset, long bytes) {
            int error = call(fallocate, fd, 0, offset, bytes);
            if (error == 0) return true;
            if (error == ENOSPC || error == EDQUOT || error == EFBIG) return false;
            throw new QueueUnavailableException("cannot reserve space in the queue's file: error " + error);
        }

        @Override
        void release(long offset, long bytes) {
            call(fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, bytes);
        }

        @Override
        boolean isAt(Path path) {
            try {
                Map<String, Object> mine = status(fd);
                Map<String, Object> named =
                        Files.readAttributes(path, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
                return mine.get("dev").equals(named.get("dev")) && mine.get("ino").equals(named.get("ino"));
            } catch (IOException e) {
                return false;
            }
        }

        @Override
        void close() {
            // the mapping keeps the open file, and so its locks, until it is collected
            try (Arena arena = Arena.ofConfined()) {
                fcntl(fd, F_OFD_SETLK, flock(arena, 0, 0, F_UNLCK)); // to the end of the file, wherever that is
            }
            descriptor.close();
        }
    }

    // ---- waiting

    private boolean registerForBarrier() {
        return membarrier(MEMBARRIER_REGISTER_GLOBAL_EXPEDITED) && membarrier(MEMBARRIER_GLOBAL_EXPEDITED);
    }

    @Override
    boolean barrierEverywhere() {
        return barrier && membarrier(MEMBARRIER_GLOBAL_EXPEDITED);
    }

    private boolean membarrier(long command) {
        return syscall(SYS_MEMBARRIER, command, 0, 0) == 0;
    }

    private long syscall(long number, long a, long b, long c) {
        try {
            return (long) syscall.invokeExact(errno(), number, a, b, c);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private MemorySegment errno() {
        return sleepArguments.get().asSlice(2 * Long.BYTES);
    }

    @Override
    void sleep(MemorySegment mapping, long offset, int expected, long nanos) {
        MemorySegment timespec = sleepArguments.get();
        timespec.set(JAVA_LONG, 0, nanos / 1_000_000_000);
        timespec.set(JAVA_LONG, Long.BYTES, nanos % 1_000_000_000);
        futex(mapping, offset, FUTEX_WAIT, expected, timespec); // EAGAIN, EINTR, ETIMEDOUT: the caller looks again anyway
    }

    @Override
    void wake(MemorySegment mapping, long offset) {
        futex(mapping, offset, FUTEX_WAKE, Integer.MAX_VALUE, MemorySegment.NULL);
    }

    private void futex(MemorySegment mapping, long offset, long operation, long value, MemorySegment timespec) {
        try {
            MemorySegment word = MemorySegment.ofAddress(mapping.address() + offset);
            long result = (long) futex.invokeExact(
                    errno(), SYS_FUTEX, word, operation, value, timespec, MemorySegment.NULL, 0L);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    boolean canWake() {
        return true;
    }

    // ---- processors and signals

    @Override
    int[] cpus() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(CPU_SET_BYTES, Long.BYTES);
            if (call(getaffinity, 0, (long) CPU_SET_BYTES, set) != 0) return new int[0];
            return IntStream.range(0, CPU_SET_BYTES * Byte.SIZE)
                    .filter(cpu -> (set.getAtIndex(JAVA_LONG, cpu / Long.SIZE) >>> cpu % Long.SIZE & 1) != 0)
                    .toArray();
        }
    }

    @Override
    boolean pin(int... cpus) {
        if (Arrays.stream(cpus).anyMatch(cpu -> cpu < 0 || cpu >= CPU_SET_BYTES * Byte.SIZE)) return false;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(CPU_SET_BYTES, Long.BYTES);
            for (int cpu : cpus) {
                long word = set.getAtIndex(JAVA_LONG, cpu / Long.SIZE);
                set.setAtIndex(JAVA_LONG, cpu / Long.SIZE, word | 1L << cpu % Long.SIZE);
            }
            return call(setaffinity, 0, (long) CPU_SET_BYTES, set) == 0;
        }
    }

    @Override
    void signalSelf(boolean stop) {
        // to this very thread, so that it gets no further
        long thread = syscall(SYS_GETTID, 0, 0, 0);
        syscall(SYS_TGKILL, ProcessHandle.current().pid(), thread, stop ? SIGSTOP : SIGKILL);
    }

    /// Calls a function that answers with an int, for what is not on a hot path: 0 or more is success; returns 0 or errno.
    private static int call(MethodHandle function, Object... arguments) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(CAPTURE);
            Object[] all = new Object[arguments.length + 1];
            all[0] = errno;
            System.arraycopy(arguments, 0, all, 1, arguments.length);
            int result = (int) function.invokeWithArguments(all);
            return result >= 0 ? 0 : errno.get(JAVA_INT, ERRNO);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static RuntimeException unexpected(Throwable e) {
        if (e instanceof RuntimeException r) return r;
        if (e instanceof Error error) throw error;
        return new IllegalStateException(e);
    }
}
