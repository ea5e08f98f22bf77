package dev.procession.core;

import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Everything that is asked of the operating system. Nothing else here makes a native call or opens a file for use.
///
/// Two of them: [LinuxPlatform] through `java.lang.foreign`, and [PortablePlatform] with what the JDK has, for other
/// systems or where native access is denied. What a platform lacks is a value (`false`, an empty array), not an exception.
abstract sealed class Platform permits LinuxPlatform, PortablePlatform {
    static final Platform CURRENT = choose();

    private static final String TEMPORARY = ".procession-";
    private static final int S_IFMT = 0170000, S_IFREG = 0100000;

    private static Platform choose() {
        if ("portable".equals(System.getProperty("dev.procession.platform"))) return new PortablePlatform();
        if (!isLinux()) return new PortablePlatform();
        try {
            askForNativeAccess();
            return new LinuxPlatform();
        } catch (IllegalCallerException e) {
            Module module = Platform.class.getModule();
            return fallBack("native access is denied; start java with --enable-native-access="
                    + (module.isNamed() ? module.getName() : "ALL-UNNAMED"));
        } catch (LinkageError | UnsupportedOperationException e) { // a JVM or a system without what it links
            return fallBack("this JVM cannot call the system: " + e);
        }
    }

    private static boolean isLinux() {
        String arch = System.getProperty("os.arch");
        return System.getProperty("os.name").equals("Linux")
                && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
                && (arch.equals("amd64") || arch.equals("aarch64"));
    }

    /// Before the class that links is touched: its initializer would fail, and that is no answer but an error.
    @SuppressWarnings("restricted")
    private static void askForNativeAccess() {
        MemorySegment nothing = MemorySegment.NULL.reinterpret(0);
    }

    private static Platform fallBack(String why) {
        System.getLogger(Platform.class.getPackageName())
                .log(Level.WARNING, "Waiting is slower, processes are not pinned and each access is checked, since "
                        + why);
        return new PortablePlatform();
    }

    // ---- whose a file is

    /// The user whom this process acts for, or -1 where that cannot be known. Not the owner of `/proc/self`: that is root if
    /// the program has capabilities of its own.
    static int user() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("Uid:")) return (int) Long.parseLong(line.split("\\s+")[2]);
            }
        } catch (IOException | RuntimeException e) {
            return -1; // no Linux
        }
        return -1;
    }

    /// What is checked of a file before it is used.
    static final String STATUS = "unix:mode,uid,nlink,size,dev,ino,fileKey";

    /// Checks that a file is regular, ours alone, and as large as a queue at least.
    ///
    /// @param status its [#STATUS]
    /// @throws QueueUnavailableException if not
    static void checkOurs(Path path, Map<String, Object> status) {
        int mode = (int) status.get("mode");
        int uid = (int) status.get("uid");
        int user = user();
        String wrong = null;
        if ((mode & S_IFMT) != S_IFREG) {
            wrong = "is not a regular file, so not a queue";
        } else if (user != -1 && uid != user) {
            wrong = "belongs to user " + Integer.toUnsignedString(uid) + "; only its owner may use a queue";
        } else if ((mode & 022) != 0) {
            wrong = "can be written by group or others, who could put anything into it; chmod 600 it if it is yours";
        } else if ((int) status.get("nlink") > 1) {
            wrong = "has " + status.get("nlink") + " names (hard links); a queue has one";
        }
        if (wrong != null) throw new QueueUnavailableException(path + " " + wrong);
        checkSize(path, (long) status.get("size"));
    }

    static void checkSize(Path path, long size) {
        if (size < Layout.PAGE) {
            throw new QueueUnavailableException(path + " has " + size + " bytes, so it is not a queue");
        }
    }

    static boolean isSame(Map<String, Object> one, Map<String, Object> other) {
        return one.get("dev").equals(other.get("dev")) && one.get("ino").equals(other.get("ino"));
    }

    /// Why the system denies access to a path.
    static String denied(Path path) {
        Path at = path.toAbsolutePath();
        while (!Files.exists(at, LinkOption.NOFOLLOW_LINKS) && at.getParent() != null) at = at.getParent();
        try {
            Map<String, Object> status = Files.readAttributes(at, "unix:uid,mode");
            return at + " belongs to user " + Integer.toUnsignedString((int) status.get("uid")) + " and has mode "
                    + Integer.toOctalString((int) status.get("mode") & 07777) + ", this process is of user " + user();
        } catch (IOException | UnsupportedOperationException e) {
            return "no access to " + at;
        }
    }

    /// A name beside the queue's for a file that gets its real one when it is whole.
    static Path temporaryBeside(Path absolute) {
        return absolute.resolveSibling(TEMPORARY + UUID.randomUUID());
    }

    /// Finishes what a creator that has died, or is stopped, has not come to: its file has its name, and the temporary one too.
    static void removeTemporaryName(Path path, Map<String, Object> status) throws IOException {
        if ((int) status.get("nlink") != 2) return;
        try (DirectoryStream<Path> all = Files.newDirectoryStream(path.toAbsolutePath().getParent(), TEMPORARY + "*")) {
            for (Path each : all) {
                try {
                    if (isSame(status, Files.readAttributes(each, STATUS, LinkOption.NOFOLLOW_LINKS))) {
                        Files.deleteIfExists(each);
                    }
                } catch (NoSuchFileException e) {
                    continue; // its creator was faster
                }
            }
        }
    }

    /// The words from `magic` to `flags` of a file that nobody is to notice the reading of; null if it is not ours, or open in
    /// this process.
    abstract @Nullable ByteBuffer readHeader(Path path) throws IOException;

    static @Nullable ByteBuffer readWords(Path path) throws IOException {
        checkOurs(path, Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS));
        try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) { // a channel could be interrupted
            byte[] words = in.readNBytes((int) Layout.FLAGS_AT + Long.BYTES);
            return ByteBuffer.wrap(words).order(ByteOrder.nativeOrder());
        }
    }

    // ---- what differs

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

    /// Has the file closed when nobody can reach its handle any more, if it was not closed by then.
    abstract void closeWhenUnreachable(Object handle, OpenFile file);

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
        /// Who holds it the other way unlocks it first: not each platform can change it without letting go.
        abstract boolean tryLock(long at, boolean shared);

        abstract void unlock(long at);

        /// Whether another open file holds this byte's lock exclusively, as owners of lanes and of numbers do. True if that
        /// cannot be found out: who is not known to be dead is alive.
        abstract boolean isLocked(long at);

        /// The file's size now: less than the mapping if somebody cut it off, and then the rest of the mapping is gone.
        abstract long size();

        /// Gets the space for a range, so that a write there cannot fail. Returns false if there is none. Only for what nobody
        /// but the caller may write, and what holds nothing yet: it may be overwritten with zeros.
        abstract boolean reserve(long offset, long bytes);

        /// Gets the space for the page with a word that others may be writing, and leaves it as it is. Returns false if there is
        /// none.
        abstract boolean reservePage(long offset);

        /// Whether the path still names this file.
        abstract boolean isAt(Path path);

        /// Closes the file and so drops its locks. The mapping stays.
        abstract void detach();

        /// Closes the file, if that was not done yet, and unmaps it: from then on nobody may touch the mapping.
        abstract void close();
    }
}
