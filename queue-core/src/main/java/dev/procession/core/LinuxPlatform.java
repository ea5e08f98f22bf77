package dev.procession.core;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Linux on x86-64 and aarch64, through `java.lang.foreign`.
///
/// Locks are open-file-description locks (`fcntl F_OFD_SETLK`): the kernel drops them when the process dies, however it
/// dies, and keeps them while it is stopped. They belong to the open file, not to the process, so two handles of one
/// process exclude each other as two processes do.
@SuppressWarnings("restricted")
final class LinuxPlatform extends Platform {
    private static final boolean ARM = System.getProperty("os.arch").equals("aarch64");

    // <asm/unistd_64.h> on x86-64, <asm-generic/unistd.h> on aarch64
    private static final long SYS_OPENAT = ARM ? 56 : 257, SYS_CLOSE = ARM ? 57 : 3, SYS_LINKAT = ARM ? 37 : 265;
    private static final long SYS_FTRUNCATE = ARM ? 46 : 77, SYS_FALLOCATE = ARM ? 47 : 285, SYS_FCNTL = ARM ? 25 : 72;
    private static final long SYS_LSEEK = ARM ? 62 : 8;
    private static final long SYS_MMAP = ARM ? 222 : 9, SYS_MUNMAP = ARM ? 215 : 11;
    private static final long SYS_FUTEX = ARM ? 98 : 202, SYS_MEMBARRIER = ARM ? 283 : 324;
    private static final long SYS_SETAFFINITY = ARM ? 122 : 203, SYS_GETAFFINITY = ARM ? 123 : 204;

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
    private static final int SEEK_END = 2;
    private static final int FALLOC_FL_KEEP_SIZE = 1;
    private static final int EPERM = 1, ENOENT = 2, EINTR = 4, EACCES = 13, EEXIST = 17, EISDIR = 21, EMFILE = 24,
            ENOSPC = 28;
    private static final int EROFS = 30, ELOOP = 40, EOPNOTSUPP = 95, EDQUOT = 122, EAGAIN = 11, EFBIG = 27, ENXIO = 6;
    private static final int ENOMEM = 12, ENAMETOOLONG = 36;

    private static final StructLayout FLOCK = MemoryLayout.structLayout(
            JAVA_SHORT.withName("l_type"),
            JAVA_SHORT.withName("l_whence"),
            MemoryLayout.paddingLayout(4),
            JAVA_LONG.withName("l_start"),
            JAVA_LONG.withName("l_len"),
            JAVA_INT.withName("l_pid"),
            MemoryLayout.paddingLayout(4));
    private static final int CPU_SET_BYTES = 128;

    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final long ERRNO_AT = CAPTURE.byteOffset(PathElement.groupElement("errno"));

    /// The one way into the kernel. A method handle for each function would read better, but each shape of arguments costs
    /// a new JVM some milliseconds to link, and all of them together more than all else that a worker does to start. The
    /// function is variadic; on both of our processors integers are passed to such a one as to any other, and to link it as
    /// any other takes a quarter less.
    private static final MethodHandle SYSCALL = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
                    FunctionDescriptor.of(
                            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                    Linker.Option.captureCallState("errno"));

    private final ThreadLocal<MemorySegment> errno = ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURE));
    private final ThreadLocal<MemorySegment> timespec =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(2 * Long.BYTES, Long.BYTES));
    private final boolean barrier = registerForBarrier();

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
        if (Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) throw new FileAlreadyExistsException(path.toString());
        Path directory = Objects.requireNonNull(absolute.getParent(), "the root directory exists");
        Path temporary = null;
        int fd = openFile(directory, O_TMPFILE | O_RDWR | O_CLOEXEC);
        if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -ENOENT && Files.isDirectory(directory)) { // no O_TMPFILE there
            temporary = temporaryBeside(absolute);
            fd = openFile(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC);
        }
        if (fd < 0) throw failure("cannot make a file in", directory, -fd);
        LinuxFile file = null;
        try {
            long error = -call(SYS_FTRUNCATE, fd, size);
            if (error == 0) error = fallocate(fd, 0, 0, reserved);
            if (error != 0) throw failure("cannot reserve " + reserved + " bytes for", path, (int) error);
            file = map(fd, size, path);
            write.accept(file.mapping());
            if (!file.tryLock(Layout.ATTACHED_LOCK, true))
                throw new FileSystemException(path + ": locked before it has a name");
            file.checkLocks(path);
            int linked = link(temporary == null ? Path.of("/proc/self/fd/" + fd) : temporary, absolute);
            if (linked == EEXIST) throw new FileAlreadyExistsException(path.toString());
            if (linked != 0) throw failure("cannot name", path, linked);
            return file;
        } catch (IOException | RuntimeException e) {
            if (file != null) file.close();
            else call(SYS_CLOSE, fd);
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
            removeTemporaryName(path, status(fd));
            Map<String, Object> status = status(fd);
            checkOurs(path, status);
            // before it is mapped: whoever looks for what is abandoned maps nothing that is not
            if (lock(fd, Layout.ATTACHED_LOCK, shared ? F_RDLCK : F_WRLCK) != 0) throw notAttached(path, shared);
            file = map(fd, (long) status.get("size"), path);
            if (!file.tryLock(Layout.ATTACHED_LOCK, shared) || !file.isAt(path)) throw notAttached(path, shared);
            file.checkLocks(path);
            return file;
        } catch (IOException | RuntimeException e) {
            if (file != null) file.close();
            else call(SYS_CLOSE, fd);
            throw e;
        }
    }

    @Override
    void closeWhenUnreachable(Object handle, OpenFile file) {
        // with its mapping
    }

    /// 0, or errno. A signal, such as the one that stops the process, interrupts it; then nothing was reserved.
    private int fallocate(int fd, int mode, long offset, long bytes) {
        long result;
        do result = call(SYS_FALLOCATE, fd, mode, offset, bytes);
        while (result == -EINTR);
        return (int) -result;
    }

    @Override
    @Nullable
    ByteBuffer readHeader(Path path) throws IOException {
        return readWords(path);
    }

    /// A file descriptor, or -errno.
    private int openFile(Path path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) call(SYS_OPENAT, AT_FDCWD, name(arena, path), flags, 0600);
        }
    }

    /// 0, or errno.
    private int link(Path from, Path to) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) -call(
                    SYS_LINKAT, AT_FDCWD, name(arena, from), AT_FDCWD, name(arena, to), AT_SYMLINK_FOLLOW, 0);
        }
    }

    /// The address of a path's bytes, as they are in the directory. What toString() makes of them depends on the locale, and in
    /// some there is no way back; in a URI each one that is not plain ASCII is a number.
    private static long name(Arena arena, Path path) {
        String uri = path.toUri().getRawPath();
        byte[] bytes = new byte[uri.length()];
        int length = 0;
        for (int i = 0; i < uri.length(); i++) {
            boolean coded = uri.charAt(i) == '%';
            bytes[length++] = (byte) (coded ? Integer.parseInt(uri, i + 1, i + 3, 16) : uri.charAt(i));
            if (coded) i += 2;
        }
        if (length > 1 && bytes[length - 1] == '/') length--; // said of a directory
        MemorySegment name = arena.allocate(length + 1);
        MemorySegment.copy(bytes, 0, name, JAVA_BYTE, 0, length);
        return name.address();
    }

    /// 0, or errno.
    private int lock(int fd, long at, short type) {
        try (Arena arena = Arena.ofConfined()) {
            return fcntl(fd, F_OFD_SETLK, flock(arena, at, 1, type));
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
        return (int) -call(SYS_FCNTL, fd, command, lock.address());
    }

    private LinuxFile map(int fd, long size, Path path) throws IOException {
        long address = call(SYS_MMAP, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (address < 0) throw failure("cannot map " + size + " bytes of", path, (int) -address);
        Descriptor descriptor = new Descriptor(fd, address, size);
        // of a handle that was never closed, and that nobody can reach any more
        MemorySegment mapping =
                MemorySegment.ofAddress(address).reinterpret(size, Arena.ofAuto(), m -> descriptor.unmap());
        return new LinuxFile(descriptor, mapping);
    }

    /// A file descriptor and its mapping, each of which is given back once: by the handle, or when nobody can reach that any
    /// more. Nothing but the handle's users keeps others from touching the mapping after that.
    private final class Descriptor {
        final int fd;
        private final long address;
        private final long bytes;
        private boolean closed;
        private boolean unmapped;

        Descriptor(int fd, long address, long bytes) {
            this.fd = fd;
            this.address = address;
            this.bytes = bytes;
        }

        synchronized void unmap() {
            close();
            if (unmapped) return;
            unmapped = true;
            call(SYS_MUNMAP, address, bytes);
        }

        /// The kernel drops the locks with the last mapping of the open file; so it is told to do it now.
        synchronized void unlockAndClose() {
            if (closed) return;
            try (Arena arena = Arena.ofConfined()) {
                // to the end of the file, wherever that is
                fcntl(fd, F_OFD_SETLK, flock(arena, 0, 0, F_UNLCK));
            }
            close();
        }

        /// The file's size, or what is given if it is closed already: its number may be another file's by now.
        synchronized long size(long otherwise) {
            long size = closed ? -1 : call(SYS_LSEEK, fd, 0, SEEK_END);
            return size < 0 ? otherwise : size;
        }

        synchronized void close() {
            if (closed) return;
            closed = true;
            call(SYS_CLOSE, fd);
        }
    }

    private static Map<String, Object> status(int fd) throws IOException {
        return Files.readAttributes(Path.of("/proc/self/fd/" + fd), STATUS);
    }

    private static IOException failure(String what, Path path, int errno) {
        String why =
                switch (errno) {
                    case ENOENT -> "no such file or directory";
                    case EACCES, EPERM -> "permission denied (" + denied(path) + ")";
                    case ENOSPC, EDQUOT -> "no space left there; free some, or use fewer or smaller lanes";
                    case EROFS -> "the file system is read-only";
                    case ENAMETOOLONG -> "the name is too long";
                    case ENOMEM -> "no memory, or this process has too many mappings; close queues that are not used";
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

        @Override
        boolean isLocked(long at) {
            try (Arena arena = Arena.ofConfined()) {
                // what a reader's lock would conflict with: others that only ask, or only read, have no place in the answer
                MemorySegment lock = flock(arena, at, 1, F_RDLCK);
                return fcntl(fd, F_OFD_GETLK, lock) != 0 || lock.get(JAVA_SHORT, 0) != F_UNLCK;
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
                call(SYS_CLOSE, other);
            }
        }

        @Override
        long size() {
            return descriptor.size(mapping.byteSize());
        }

        @Override
        boolean reserve(long offset, long bytes) {
            // the size stays: a file that was cut off must not grow again, with zeros in it
            int error = fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, bytes);
            if (error == 0) return true;
            if (error == ENOSPC || error == EDQUOT || error == EFBIG) return false;
            throw new QueueUnavailableException("cannot reserve space in the queue's file: error " + error);
        }

        @Override
        boolean reservePage(long offset) {
            return reserve(offset, 1); // changes nothing that is there
        }

        @Override
        boolean isAt(Path path) {
            try {
                return isSame(status(fd), Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS));
            } catch (IOException e) {
                return false;
            }
        }

        @Override
        void detach() {
            descriptor.unlockAndClose();
        }

        @Override
        void close() {
            descriptor.unlockAndClose();
            descriptor.unmap();
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
        return call(SYS_MEMBARRIER, command) == 0;
    }

    @Override
    void sleep(MemorySegment mapping, long offset, int expected, long nanos) {
        MemorySegment timespec = this.timespec.get();
        timespec.set(JAVA_LONG, 0, nanos / 1_000_000_000);
        timespec.set(JAVA_LONG, Long.BYTES, nanos % 1_000_000_000);
        futex(mapping, offset, FUTEX_WAIT, expected, timespec); // EAGAIN, EINTR, ETIMEDOUT: the caller looks again anyway
    }

    @Override
    void wake(MemorySegment mapping, long offset) {
        futex(mapping, offset, FUTEX_WAKE, Integer.MAX_VALUE, MemorySegment.NULL);
    }

    private void futex(MemorySegment mapping, long offset, long operation, long value, MemorySegment timespec) {
        call(SYS_FUTEX, mapping.address() + offset, operation, value, timespec.address(), 0, 0);
        Reference.reachabilityFence(mapping);
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
            if (call(SYS_GETAFFINITY, 0, CPU_SET_BYTES, set.address()) < 0) return new int[0];
            return IntStream.range(0, CPU_SET_BYTES * Byte.SIZE)
                    .filter(cpu -> (set.getAtIndex(JAVA_LONG, cpu / Long.SIZE) >>> cpu % Long.SIZE & 1) != 0)
                    .toArray();
        }
    }

    @Override
    boolean pin(int... cpus) {
        return pinThread(0, cpus);
    }

    /// The kernel pins single threads. One that is started meanwhile, by one that is not pinned yet, is found by looking
    /// again.
    @Override
    boolean pinProcess(int... cpus) {
        Set<String> pinned = new HashSet<>();
        for (boolean more = true; more;) {
            more = false;
            for (String thread : Objects.requireNonNull(new File("/proc/self/task").list())) {
                if (!pinned.add(thread)) continue;
                more = true;
                // A thread that has ended since does not count; this one is sure to be there.
                if (!pinThread(Integer.parseInt(thread), cpus) && !pin(cpus)) return false;
            }
        }
        return true;
    }

    /// @param thread the kernel's number of it; 0: the calling one
    private boolean pinThread(int thread, int... cpus) {
        if (Arrays.stream(cpus).anyMatch(cpu -> cpu < 0 || cpu >= CPU_SET_BYTES * Byte.SIZE)) return false;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(CPU_SET_BYTES, Long.BYTES);
            for (int cpu : cpus) {
                long word = set.getAtIndex(JAVA_LONG, cpu / Long.SIZE);
                set.setAtIndex(JAVA_LONG, cpu / Long.SIZE, word | 1L << cpu % Long.SIZE);
            }
            return call(SYS_SETAFFINITY, thread, CPU_SET_BYTES, set.address()) == 0;
        }
    }

    private long call(long number, long... arguments) {
        long[] all = Arrays.copyOf(arguments, 6);
        return call(number, all[0], all[1], all[2], all[3], all[4], all[5]);
    }

    /// What the system call answers, or -errno. Allocates nothing. Pointers are passed as addresses: what they point to
    /// has to be kept alive by the caller.
    private long call(long number, long a, long b, long c, long d, long e, long f) {
        MemorySegment errno = this.errno.get();
        try {
            long result = (long) SYSCALL.invokeExact(errno, number, a, b, c, d, e, f);
            return result != -1 ? result : -errno.get(JAVA_INT, ERRNO_AT);
        } catch (RuntimeException | Error unexpected) {
            throw unexpected;
        } catch (Throwable unexpected) {
            throw new IllegalStateException(unexpected);
        }
    }
}
