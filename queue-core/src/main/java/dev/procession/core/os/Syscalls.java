package dev.procession.core.os;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Arrays;

/// Linux system calls, on x86-64 and aarch64, through one native function.
///
/// A method handle per call would read better, but linking each signature costs a new JVM some milliseconds, together
/// more than everything else that a worker does at start. `syscall` is variadic; on both architectures variadic integer
/// arguments are passed like fixed ones, and linking it as non-variadic takes a quarter less.
@SuppressWarnings("restricted")
final class Syscalls {
    static final boolean ARM = System.getProperty("os.arch").equals("aarch64");

    // <asm/unistd_64.h> on x86-64, <asm-generic/unistd.h> on aarch64
    static final long OPENAT = ARM ? 56 : 257, CLOSE = ARM ? 57 : 3, LINKAT = ARM ? 37 : 265;
    static final long FTRUNCATE = ARM ? 46 : 77, FALLOCATE = ARM ? 47 : 285, FCNTL = ARM ? 25 : 72;
    static final long LSEEK = ARM ? 62 : 8, MMAP = ARM ? 222 : 9, MUNMAP = ARM ? 215 : 11;
    static final long FUTEX = ARM ? 98 : 202, MEMBARRIER = ARM ? 283 : 324;
    static final long SETAFFINITY = ARM ? 122 : 203, GETAFFINITY = ARM ? 123 : 204;

    // <asm-generic/errno-base.h>, <asm-generic/errno.h>
    static final int EPERM = 1, ENOENT = 2, EINTR = 4, ENXIO = 6, EBADF = 9, EAGAIN = 11, ENOMEM = 12, EACCES = 13,
            EEXIST = 17, ENOTDIR = 20;
    static final int EISDIR = 21, EMFILE = 24, EFBIG = 27, ENOSPC = 28, EROFS = 30, ENAMETOOLONG = 36, ELOOP = 40;
    static final int EOPNOTSUPP = 95, EDQUOT = 122;

    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final long ERRNO_OFFSET = CAPTURE.byteOffset(PathElement.groupElement("errno"));

    private static final MethodHandle SYSCALL = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
                    FunctionDescriptor.of(
                            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                    Linker.Option.captureCallState("errno"));

    private static final ThreadLocal<MemorySegment> ERRNO =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURE));

    private Syscalls() {}

    /// As below, with zeros for missing arguments.
    static long call(long number, long... arguments) {
        long[] all = Arrays.copyOf(arguments, 6);
        return call(number, all[0], all[1], all[2], all[3], all[4], all[5]);
    }

    /// The result of the system call, or -errno. Allocates nothing. Pointers are passed as addresses: the caller keeps
    /// their targets reachable.
    static long call(long number, long a, long b, long c, long d, long e, long f) {
        MemorySegment errno = ERRNO.get();
        try {
            long result = (long) SYSCALL.invokeExact(errno, number, a, b, c, d, e, f);
            return result != -1 ? result : -errno.get(JAVA_INT, ERRNO_OFFSET);
        } catch (RuntimeException | Error unexpected) {
            throw unexpected;
        } catch (Throwable unexpected) {
            throw new IllegalStateException(unexpected);
        }
    }

    /// The address of a path's bytes, as in the directory. The result of toString() depends on the locale, in some
    /// irreversibly; a URI escapes all bytes that are not plain ASCII.
    static long path(Arena arena, Path path) {
        String uri = path.toUri().getRawPath();
        byte[] bytes = new byte[uri.length()];
        int length = 0;
        for (int i = 0; i < uri.length(); i++) {
            boolean coded = uri.charAt(i) == '%';
            bytes[length++] = (byte) (coded ? Integer.parseInt(uri, i + 1, i + 3, 16) : uri.charAt(i));
            if (coded) i += 2;
        }
        if (length > 1 && bytes[length - 1] == '/') length--; // a directory's URI ends so
        MemorySegment name = arena.allocate(length + 1);
        MemorySegment.copy(bytes, 0, name, JAVA_BYTE, 0, length);
        return name.address();
    }
}
