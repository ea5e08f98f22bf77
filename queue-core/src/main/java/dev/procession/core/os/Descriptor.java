package dev.procession.core.os;

import static dev.procession.core.os.Syscalls.CLOSE;
import static dev.procession.core.os.Syscalls.EBADF;
import static dev.procession.core.os.Syscalls.ENOMEM;
import static dev.procession.core.os.Syscalls.FCNTL;
import static dev.procession.core.os.Syscalls.LSEEK;
import static dev.procession.core.os.Syscalls.MMAP;
import static dev.procession.core.os.Syscalls.MUNMAP;
import static dev.procession.core.os.Syscalls.call;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.HashMap;
import java.util.Map;

/// A file descriptor and its mappings, each released once: by the handle, or when the handle is unreachable. After
/// that only the handle's users keep threads from accessing a mapping.
final class Descriptor {
    static final int F_OFD_GETLK = 36;
    private static final int F_OFD_SETLK = 37;
    static final short F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2;
    private static final int PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1;
    private static final int SEEK_END = 2;

    private static final StructLayout FLOCK = MemoryLayout.structLayout(
            JAVA_SHORT.withName("l_type"),
            JAVA_SHORT.withName("l_whence"),
            MemoryLayout.paddingLayout(4),
            JAVA_LONG.withName("l_start"),
            JAVA_LONG.withName("l_len"),
            JAVA_INT.withName("l_pid"),
            MemoryLayout.paddingLayout(4));

    final int fd;
    private final Map<Long, Long> mappings = new HashMap<>(); // sizes in bytes, by address
    private boolean closed;

    Descriptor(int fd) {
        this.fd = fd;
    }

    /// An address, or -errno.
    synchronized long map(long offset, long bytes) {
        if (closed) return -EBADF;
        if (!Mappings.tryAdd()) return -ENOMEM;
        long address = call(MMAP, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
        if (address >= 0) {
            mappings.put(address, bytes);
        } else {
            Mappings.remove(1);
        }
        return address;
    }

    synchronized void unmap() {
        close();
        mappings.forEach((address, bytes) -> call(MUNMAP, address, bytes));
        Mappings.remove(mappings.size());
        mappings.clear();
    }

    /// The kernel drops the locks only with the last mapping of the open file; so they are dropped explicitly.
    synchronized void unlockAndClose() {
        if (closed) return;
        try (Arena arena = Arena.ofConfined()) {
            // length 0: to the end of the file
            fcntl(F_OFD_SETLK, flock(arena, 0, 0, F_UNLCK));
        }
        close();
    }

    /// 0, or errno.
    int lock(long at, short type) {
        try (Arena arena = Arena.ofConfined()) {
            return fcntl(F_OFD_SETLK, flock(arena, at, 1, type));
        }
    }

    /// 0, or errno; EBADF if closed, as for [#size].
    synchronized int fcntl(int command, MemorySegment lock) {
        return closed ? EBADF : fcntl(fd, command, lock);
    }

    /// The file's size; the largest number if closed: the descriptor's number may be another file's by now.
    synchronized long size() {
        long size = closed ? -1 : call(LSEEK, fd, 0, SEEK_END);
        return size < 0 ? Long.MAX_VALUE : size;
    }

    synchronized void close() {
        if (closed) return;
        closed = true;
        call(CLOSE, fd);
    }

    // ---- any descriptor

    /// 0, or errno.
    static int lock(int fd, long at, short type) {
        try (Arena arena = Arena.ofConfined()) {
            return fcntl(fd, F_OFD_SETLK, flock(arena, at, 1, type));
        }
    }

    static MemorySegment flock(Arena arena, long at, long bytes, short type) {
        MemorySegment lock = arena.allocate(FLOCK); // l_pid must be 0, and is
        lock.set(JAVA_SHORT, 0, type);
        lock.set(JAVA_LONG, FLOCK.byteOffset(PathElement.groupElement("l_start")), at);
        lock.set(JAVA_LONG, FLOCK.byteOffset(PathElement.groupElement("l_len")), bytes);
        return lock;
    }

    private static int fcntl(int fd, int command, MemorySegment lock) {
        return (int) -call(FCNTL, fd, command, lock.address());
    }
}
