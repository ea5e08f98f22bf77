package dev.procession.core.os;

import static dev.procession.core.os.Syscalls.call;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Linux on x86-64 and aarch64, through `java.lang.foreign`: [files][LinuxFile], futexes, membarrier, CPU affinity.
final class LinuxPlatform extends Platform {
    // without FUTEX_PRIVATE_FLAG: shared between processes
    private static final int FUTEX_WAIT = 0, FUTEX_WAKE = 1;
    private static final long MEMBARRIER_GLOBAL_EXPEDITED = 1 << 1, MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 1 << 2;
    private static final int CPU_SET_BYTES = 128;

    private final ThreadLocal<MemorySegment> timespec =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(2 * Long.BYTES, Long.BYTES));
    private final boolean barrier = registerForBarrier();

    // ---- files

    @Override
    public OsFile create(Path path, long size, long reserved, long lock, Consumer<MemorySegment> write)
            throws IOException {
        return LinuxFile.create(path, size, reserved, lock, write);
    }

    @Override
    public @Nullable OsFile open(Path path, long least, long most, long lock, boolean shared) throws IOException {
        return LinuxFile.open(path, least, most, lock, shared);
    }

    @Override
    public ByteBuffer readStart(Path path, long least, int bytes) throws IOException {
        return FileChecks.readStart(path, least, bytes);
    }

    @Override
    public void closeWhenUnreachable(Object handle, OsFile file) {
        // its mapping does that
    }

    // ---- memory, waiting

    @Override
    public String name() {
        return "linux";
    }

    @Override
    public boolean mayUseAddresses() {
        return true;
    }

    private boolean registerForBarrier() {
        return membarrier(MEMBARRIER_REGISTER_GLOBAL_EXPEDITED) && membarrier(MEMBARRIER_GLOBAL_EXPEDITED);
    }

    @Override
    public boolean processWideBarrier() {
        return barrier && membarrier(MEMBARRIER_GLOBAL_EXPEDITED);
    }

    private boolean membarrier(long command) {
        return call(Syscalls.MEMBARRIER, command) == 0;
    }

    @Override
    public void sleep(MemorySegment mapping, long offset, int expected, long nanos) {
        MemorySegment timespec = this.timespec.get();
        timespec.set(JAVA_LONG, 0, nanos / 1_000_000_000);
        timespec.set(JAVA_LONG, Long.BYTES, nanos % 1_000_000_000);
        // EAGAIN, EINTR, ETIMEDOUT: the caller looks again anyway
        futex(mapping, offset, FUTEX_WAIT, expected, timespec);
    }

    @Override
    public void wake(MemorySegment mapping, long offset) {
        futex(mapping, offset, FUTEX_WAKE, Integer.MAX_VALUE, MemorySegment.NULL);
    }

    private void futex(MemorySegment mapping, long offset, long operation, long value, MemorySegment timespec) {
        call(Syscalls.FUTEX, mapping.address() + offset, operation, value, timespec.address(), 0, 0);
        Reference.reachabilityFence(mapping);
    }

    @Override
    public boolean canWake() {
        return true;
    }

    // ---- processors

    @Override
    public int[] cpus() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(CPU_SET_BYTES, Long.BYTES);
            if (call(Syscalls.GETAFFINITY, 0, CPU_SET_BYTES, set.address()) < 0) return new int[0];
            return IntStream.range(0, CPU_SET_BYTES * Byte.SIZE)
                    .filter(cpu -> (set.getAtIndex(JAVA_LONG, cpu / Long.SIZE) >>> cpu % Long.SIZE & 1) != 0)
                    .toArray();
        }
    }

    @Override
    public boolean pin(int... cpus) {
        return pinThread(0, cpus);
    }

    /// Linux pins single threads. A thread started meanwhile by one not yet pinned is found by another pass.
    @Override
    public boolean pinProcess(int... cpus) {
        Set<String> pinned = new HashSet<>();
        for (boolean more = true; more;) {
            more = false;
            for (String thread : Objects.requireNonNull(new File("/proc/self/task").list())) {
                if (!pinned.add(thread)) continue;
                more = true;
                // the thread may have ended since; the calling one has not
                if (!pinThread(Integer.parseInt(thread), cpus) && !pin(cpus)) return false;
            }
        }
        return true;
    }

    /// @param thread its kernel thread id; 0: the calling thread
    private boolean pinThread(int thread, int... cpus) {
        if (Arrays.stream(cpus).anyMatch(cpu -> cpu < 0 || cpu >= CPU_SET_BYTES * Byte.SIZE)) return false;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(CPU_SET_BYTES, Long.BYTES);
            for (int cpu : cpus) {
                long word = set.getAtIndex(JAVA_LONG, cpu / Long.SIZE);
                set.setAtIndex(JAVA_LONG, cpu / Long.SIZE, word | 1L << cpu % Long.SIZE);
            }
            return call(Syscalls.SETAFFINITY, thread, CPU_SET_BYTES, set.address()) == 0;
        }
    }
}
