package dev.procession.core;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.function.Consumer;

/// Everything that is asked of the operating system. Nothing else here makes a native call or opens a file for use.
///
/// Two of them: [LinuxPlatform] through `java.lang.foreign`, and [PortablePlatform] with what the JDK has, for other
/// systems or where native access is denied. What a platform lacks is a value (`false`, an empty array), not an exception.
abstract sealed class Platform permits LinuxPlatform, PortablePlatform {
    static final Platform CURRENT = choose();

    private static Platform choose() {
        if ("portable".equals(System.getProperty("dev.procession.platform"))) return new PortablePlatform();
        if (!LinuxPlatform.isSupported()) return new PortablePlatform();
        try {
            return new LinuxPlatform();
        } catch (IllegalCallerException e) {
            System.getLogger(Platform.class.getPackageName())
                    .log(
                            Level.WARNING,
                            "Native access is denied, so waiting is slower, processes are not pinned and each access is"
                                    + " checked; start java with --enable-native-access="
                                    + (Platform.class.getModule().isNamed()
                                            ? Platform.class.getModule().getName()
                                            : "ALL-UNNAMED"));
            return new PortablePlatform();
        }
    }

    abstract String name();

    /// Whether memory may be accessed by its address, so without the checks of a bounded segment.
    abstract boolean mayUseAddresses();

    /// Makes a file of this size that others see whole or not at all, and leaves it open with the attached lock held.
    ///
    /// @param reserved how many bytes from the start get their space at once
    /// @param write fills it in before it has a name
    /// @throws FileAlreadyExistsException if there is one of that name
    abstract OpenFile create(Path path, long size, long reserved, Consumer<MemorySegment> write) throws IOException;

    /// Opens a file of ours: regular, with one name, owned by this user, not writable by others. Leaves it open with the
    /// attached lock held.
    ///
    /// @param shared with all who use it; or alone, to remove it
    /// @throws QueueUnavailableException if it is none of ours, or the lock cannot be had
    abstract OpenFile open(Path path, boolean shared) throws IOException;

    /// Orders everything that each process with this file did before against everything that it does after, as if each had
    /// executed a full fence now. Returns false if that cannot be had.
    abstract boolean barrierEverywhere();

    /// Sleeps while the word is `expected`, until woken or the time is over; may return early. Not before `at` is mapped.
    abstract void sleep(MemorySegment mapping, long offset, int expected, long nanos);

    /// Wakes all who sleep on the word, in all processes.
    abstract void wake(MemorySegment mapping, long offset);

    /// Whether sleepers can be woken at all; otherwise they look again by the clock.
    abstract boolean canWake();

    /// The numbers of the processors that the calling thread may run on; empty if unknown.
    abstract int[] cpus();

    /// Restricts the calling thread, and what it starts, to these processors. Returns whether that was done.
    abstract boolean pin(int... cpus);

    /// As [#pin], all threads of this process.
    abstract boolean pinProcess(int... cpus);

    /// Stops or kills this very process; for tests.
    abstract void signalSelf(boolean stop);

    static QueueUnavailableException notAttached(Path path, boolean shared) {
        return new QueueUnavailableException(
                path
                        + (shared
                                ? " is being removed; make it again, or open it later"
                                : " is open in some process; close it there first"));
    }

    /// A file that is open and mapped.
    abstract static sealed class OpenFile permits LinuxPlatform.LinuxFile, PortablePlatform.PortableFile {
        /// The whole file.
        abstract MemorySegment mapping();

        /// Takes a lock on one byte for this open file, or returns false at once. Two locks of one open file never conflict.
        /// A shared one that is held becomes exclusive, or the other way round.
        abstract boolean tryLock(long at, boolean shared);

        abstract void unlock(long at);

        /// Whether another open file holds a lock on this byte.
        abstract boolean isLocked(long at);

        /// The file's size now: less than the mapping if somebody cut it off, and then the rest of the mapping is gone.
        abstract long size();

        /// Gets the space for a range, so that a write there cannot fail. Returns false if there is none.
        abstract boolean reserve(long offset, long bytes);

        /// Whether the path still names this file.
        abstract boolean isAt(Path path);

        /// Closes the file and so drops its locks. The mapping stays.
        abstract void detach();

        /// Closes the file, if that was not done yet, and unmaps it: from then on nobody may touch the mapping.
        abstract void close();
    }
}
