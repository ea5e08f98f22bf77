package dev.procession.core.os;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Everything that is asked of the operating system. Only this package makes native calls, or opens a queue's file for
/// use.
///
/// Two implementations: [LinuxPlatform] through `java.lang.foreign`, and [PortablePlatform] with what the JDK has. What
/// a platform lacks is a value (`false`, an empty array), not an exception; what goes wrong with a file is an
/// [IOException] whose message says what, where and what to do. Nothing here knows what is in a file.
public abstract class Platform {
    Platform() {}

    // ---- files

    /// Makes a file of this size that others see whole or not at all, and leaves it open with a lock held, shared.
    ///
    /// @param reserved how many bytes from the start get their space at once
    /// @param lock position of the byte whose lock everyone holds who has the file open
    /// @param write fills it in before it has a name
    /// @throws FileAlreadyExistsException if there is one of that name
    public abstract OsFile create(Path path, long size, long reserved, long lock, Consumer<MemorySegment> write)
            throws IOException;

    /// Opens a file of ours: regular, with one name, owned by this user, not writable by others. Leaves it open with
    /// the lock held.
    ///
    /// @param least its size in bytes, at least
    /// @param lock as for [#create]
    /// @param shared with all that have it open; or alone, to remove it
    /// @return null if the lock cannot be had
    /// @throws IOException if it is none of ours
    public abstract @Nullable OsFile open(Path path, long least, long lock, boolean shared) throws IOException;

    /// Reads the start of a file of ours in a way that no other process notices. Null if that cannot be done, as for a
    /// file that is open in this process.
    ///
    /// @param least as for [#open]
    public abstract @Nullable ByteBuffer readStart(Path path, long least, int bytes) throws IOException;

    /// Has the file closed when its handle is unreachable, if it was not closed by then.
    public abstract void closeWhenUnreachable(Object handle, OsFile file);

    // ---- memory, waiting

    /// The name: `linux` or `portable`.
    public abstract String name();

    /// Whether memory may be accessed by its address, so without the checks of a bounded segment.
    public abstract boolean mayUseAddresses();

    /// An asymmetric fence (membarrier): orders everything that each process using this library did before it against
    /// everything that it does after it, as if each had executed a full fence now. Returns false if that cannot be had.
    public abstract boolean processWideBarrier();

    /// Sleeps while the word is `expected`, until woken or the time is over; may return early.
    public abstract void sleep(MemorySegment mapping, long offset, int expected, long nanos);

    /// Wakes all threads, of all processes, that sleep on the word.
    public abstract void wake(MemorySegment mapping, long offset);

    /// Whether sleepers can be woken at all; otherwise they look again by the clock.
    public abstract boolean canWake();

    // ---- processors

    /// The numbers of the processors that the calling thread may run on; empty if unknown.
    public abstract int[] cpus();

    /// Restricts the calling thread, and what it starts, to these processors. Returns whether that was done.
    public abstract boolean pin(int... cpus);

    /// As [#pin], all threads of this process.
    public abstract boolean pinProcess(int... cpus);
}
