package dev.procession.core.os;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// All calls to the operating system. Only this package makes native calls, or opens a queue's file for use.
///
/// Two implementations: [LinuxPlatform] through `java.lang.foreign`, and [PortablePlatform] with what the JDK has. A
/// missing feature is a value (`false`, an empty array), not an exception; a failure with a file is an [IOException]
/// whose message says what, where and what to do. Nothing here knows the content of a file.
public abstract class Platform {
    Platform() {}

    // ---- files

    /// Makes a file of this size atomically (other processes see all of it or nothing), and leaves it open with a
    /// shared lock held.
    ///
    /// @param reserved number of bytes from the start that are allocated and mapped at once
    /// @param lock position of the byte on which each process that has the file open holds a lock
    /// @param write fills it in before it has a name
    /// @throws FileAlreadyExistsException if there is one of that name
    public abstract OsFile create(Path path, long size, long reserved, long lock, Consumer<MemorySegment> write)
            throws IOException;

    /// Opens a file of ours: regular, with one name, owned by this user, not writable by others. Leaves it open with
    /// the lock held.
    ///
    /// @param least its minimum size in bytes
    /// @param most this many bytes from the start are mapped at once, or the whole file if it is smaller
    /// @param lock as for [#create]
    /// @param shared shared, or exclusive in order to remove it
    /// @return null if the lock is taken
    /// @throws IOException if it is not ours
    public abstract @Nullable OsFile open(Path path, long least, long most, long lock, boolean shared)
            throws IOException;

    /// Reads the start of a file of ours without effect on other processes. Null if that is impossible, as for a file
    /// that is open in this process.
    ///
    /// @param least as for [#open]
    public abstract @Nullable ByteBuffer readStart(Path path, long least, int bytes) throws IOException;

    /// Closes the file when its handle becomes unreachable, unless closed by then.
    public abstract void closeWhenUnreachable(Object handle, OsFile file);

    // ---- memory, waiting

    /// The name: `linux` or `portable`.
    public abstract String name();

    /// Whether memory may be accessed by address, without the bounds checks of a segment.
    public abstract boolean mayUseAddresses();

    /// An asymmetric fence (membarrier): orders, in each process that uses this library, everything before it against
    /// everything after it, as if each had executed a full fence now. Returns false if unavailable.
    public abstract boolean processWideBarrier();

    /// Sleeps while the word is `expected`, until woken or timed out (ns); may return spuriously.
    public abstract void sleep(MemorySegment mapping, long offset, int expected, long nanos);

    /// Wakes all threads, of all processes, that sleep on the word.
    public abstract void wake(MemorySegment mapping, long offset);

    /// Whether sleepers can be woken at all; otherwise they poll.
    public abstract boolean canWake();

    // ---- processors

    /// The numbers of the CPUs that the calling thread may run on; empty if unknown.
    public abstract int[] cpus();

    /// Pins the calling thread, and what it starts, to these CPUs. Returns whether that succeeded.
    public abstract boolean pin(int... cpus);

    /// As [#pin], for all threads of this process.
    public abstract boolean pinProcess(int... cpus);
}
