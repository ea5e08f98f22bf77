package dev.procession.core.os;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What the JDK offers everywhere: [file locks and mapping][PortableFile], timed parking. No pinning, no waking across
/// processes.
final class PortablePlatform extends Platform {
    /// Maximum sleep in ns, since no other process can end it.
    private static final long LONGEST_SLEEP_NANOS = 1_000_000;

    @Override
    public OsFile create(Path path, long size, long reserved, long lock, Consumer<MemorySegment> write)
            throws IOException {
        return PortableFile.create(path, size, reserved, lock, write);
    }

    @Override
    public @Nullable OsFile open(Path path, long least, long most, long lock, boolean shared) throws IOException {
        return PortableFile.open(path, least, most, lock, shared);
    }

    @Override
    public @Nullable ByteBuffer readStart(Path path, long least, int bytes) throws IOException {
        return PortableFile.readStart(path, least, bytes);
    }

    /// The cleaner's thread starts with the first file.
    private static final class Unreachable {
        static final Cleaner CLEANER = Cleaner.create();
    }

    @Override
    public void closeWhenUnreachable(Object handle, OsFile file) {
        Unreachable.CLEANER.register(handle, file::close);
    }

    @Override
    public String name() {
        return "portable";
    }

    @Override
    public boolean mayUseAddresses() {
        return false;
    }

    @Override
    public boolean processWideBarrier() {
        return false;
    }

    @Override
    public void sleep(MemorySegment mapping, long offset, int expected, long nanos) {
        LockSupport.parkNanos(this, Math.min(nanos, LONGEST_SLEEP_NANOS));
    }

    @Override
    public void wake(MemorySegment mapping, long offset) {
        // no thread sleeps on a word here; a sleeper of the other platform wakes by its timer
    }

    @Override
    public boolean canWake() {
        return false;
    }

    @Override
    public int[] cpus() {
        return new int[0];
    }

    @Override
    public boolean pin(int... cpus) {
        return false;
    }

    @Override
    public boolean pinProcess(int... cpus) {
        return false;
    }
}
