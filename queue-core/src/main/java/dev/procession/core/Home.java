package dev.procession.core;

import dev.procession.core.os.FileChecks;
import dev.procession.core.os.Os;
import dev.procession.core.os.OsFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The directory of anonymous queues: the user's own, inaccessible to others. The only place that chooses one.
final class Home {
    private static final String PREFIX = "queue-";
    /// Name of an anonymous queue; a queue beside it has the same name plus a suffix.
    private static final Pattern NAME =
            Pattern.compile("(" + PREFIX + "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(\\.[a-z]+)?");

    /// Number of fixed names tried in one place: another user can occupy these, but not a random one.
    private static final int NAMES = 9;

    /// The words from `magic` to `neededFeatures`.
    private static final int HEADER_BYTES = (int) Layout.NEEDED_FEATURES_OFFSET + Long.BYTES;

    private static final int S_IFMT = 0170000, S_IFDIR = 0040000, S_ISVTX = 01000;
    private static final boolean UNIX = Path.of("").getFileSystem().supportedFileAttributeViews().contains("unix");

    private Home() {}

    /// A candidate for the parent of a home.
    ///
    /// @param what its description in error messages
    /// @param base the existing directory; null or empty if none was configured
    /// @param name of the home in it; null if `base` is the home itself
    /// @param own whether the base must belong to the user
    private record Place(String what, @Nullable String base, @Nullable String name, boolean own) {}

    private static List<Place> places() throws IOException {
        String set = System.getProperty("dev.procession.dir");
        if (set != null) return List.of(new Place("-Ddev.procession.dir=" + set, set, null, false));
        int user = FileChecks.user();
        String name = "procession-" + (user == -1 ? System.getProperty("user.name") : Integer.toUnsignedString(user));
        return List.of(
                new Place("$XDG_RUNTIME_DIR", System.getenv("XDG_RUNTIME_DIR"), "procession", true),
                new Place("/dev/shm", "/dev/shm", name, false),
                new Place("java.io.tmpdir", System.getProperty("java.io.tmpdir"), name, false));
    }

    /// Applies a function to the first usable place.
    ///
    /// @param use applied to the directory
    /// @return its result
    /// @throws QueueUnavailableException if there is none: lists what was tried, and what is wrong with each
    static <T> T first(Function<Path, T> use) {
        List<String> tried = new ArrayList<>();
        QueueUnavailableException last = null;
        List<Place> places;
        try {
            places = places();
        } catch (IOException e) {
            throw QueueFile.unavailable(e);
        }
        for (Place place : places) {
            try {
                return use.apply(directory(place));
            } catch (QueueUnavailableException e) {
                tried.add(place.what + ": " + e.getMessage());
                last = e;
            } catch (IOException | InvalidPathException e) {
                tried.add(place.what + ": " + e);
            }
        }
        throw new QueueUnavailableException(
                "no directory for a queue without a name (set one by -Ddev.procession.dir=...); "
                        + String.join("; ", tried),
                last);
    }

    private static Path directory(Place place) throws IOException {
        if (place.base == null || place.base.isEmpty()) throw new QueueUnavailableException("not set");
        Path base = Path.of(place.base);
        if (!base.isAbsolute()) throw new QueueUnavailableException("\"" + base + "\" is not an absolute path");
        if (place.name == null) {
            Path home = Files.isDirectory(base) ? base.toRealPath() : base;
            String wrong = claim(home);
            if (wrong != null) throw new QueueUnavailableException(wrong);
            return home;
        }
        if (!Files.isDirectory(base)) throw new QueueUnavailableException(base + " is not a directory that is there");
        checkBase(base, place.own);
        for (int i = 1;; i++) {
            String suffix = i == 1 ? "" : i <= NAMES ? "-" + i : "-" + UUID.randomUUID();
            Path home = base.resolve(place.name + suffix);
            String wrong = claim(home);
            if (wrong == null) return home;
            if (i > NAMES) throw new QueueUnavailableException(wrong);
        }
    }

    /// Rejects a base in which another user could rename our directory and substitute its own.
    private static void checkBase(Path base, boolean own) throws IOException {
        if (!UNIX) return;
        Map<String, Object> status = Files.readAttributes(base, "unix:mode,uid");
        int mode = (int) status.get("mode");
        int uid = (int) status.get("uid");
        int user = FileChecks.user();
        if (uid != user && user != -1 && (own || uid != 0)) {
            throw new QueueUnavailableException(base + " belongs to user " + Integer.toUnsignedString(uid));
        }
        if ((mode & 02) != 0 && (mode & S_ISVTX) == 0) {
            throw new QueueUnavailableException(base + " can be written by all, and is not sticky (chmod +t)");
        }
    }

    /// Makes the directory if it is missing. Returns what is wrong with it, or null if it is usable.
    private static @Nullable String claim(Path home) throws IOException {
        try {
            if (!UNIX) Files.createDirectory(home);
            else
                Files.createDirectory(home,
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (FileAlreadyExistsException e) {
            // its owner is checked below
        } catch (IOException e) {
            if (!Files.exists(home, LinkOption.NOFOLLOW_LINKS))
                return "cannot make " + home + " (" + why(e, home) + ")";
        }
        if (!UNIX) return Files.isDirectory(home, LinkOption.NOFOLLOW_LINKS) ? null : home + " is not a directory";
        Map<String, Object> status = Files.readAttributes(home, "unix:mode,uid", LinkOption.NOFOLLOW_LINKS);
        int mode = (int) status.get("mode");
        int uid = (int) status.get("uid");
        int user = FileChecks.user();
        if ((mode & S_IFMT) != S_IFDIR) return home + " is not a directory";
        if (uid != user && user != -1) return home + " belongs to user " + Integer.toUnsignedString(uid);
        if ((mode & 077) != 0) return home + " is open to other users; chmod 700 it if it is yours";
        if (!Files.isWritable(home)) return home + " cannot be written (" + FileChecks.denied(home) + ")";
        return null;
    }

    private static String why(IOException e, Path home) {
        return switch (e) {
            case AccessDeniedException denied -> FileChecks.denied(home);
            case NoSuchFileException missing -> "its parent is not there";
            case FileSystemException other -> String.valueOf(other.getReason());
            default -> String.valueOf(e.getMessage());
        };
    }

    // ---- leftovers of dead processes

    /// Whether a file has the name of an anonymous queue.
    static boolean isAnonymous(Path file) {
        return file.getFileName() != null && NAME.matcher(file.getFileName().toString()).matches();
    }

    /// Whether it is beside an anonymous queue that still has its name: it is removed after that queue, since another
    /// process may have opened the queue and be about to open this.
    static boolean isBesideAnother(Path file) {
        var name = NAME.matcher(String.valueOf(file.getFileName()));
        return name.matches() && name.group(2) != null
                && Files.exists(file.resolveSibling(name.group(1)), LinkOption.NOFOLLOW_LINKS);
    }

    /// A name for a new queue, after removing what dead processes left there.
    static Path emptyName(Path home) {
        removeAbandoned(home);
        return home.resolve(PREFIX + UUID.randomUUID());
    }

    /// Removes anonymous queues that no process has open: named as one, of this format version, owned by this user.
    /// What is beside one goes only after it.
    static void removeAbandoned(Path home) {
        List<Path> found = new ArrayList<>();
        // by name alone: opening each file of a large directory would take long
        try (DirectoryStream<Path> files = Files.newDirectoryStream(home, Home::isAnonymous)) {
            files.forEach(found::add);
        } catch (IOException | DirectoryIteratorException e) {
            return; // creating the queue will tell whether the directory is usable
        }
        found.sort(null); // a queue before what is beside it
        for (Path path : found) {
            if (isBesideAnother(path)) continue;
            try {
                if (saysAnonymous(Os.CURRENT.readStart(path, Layout.PAGE, HEADER_BYTES))) removeIfUnused(path);
            } catch (IOException | QueueException e) {
                continue; // in use, just removed, or not ours to remove
            }
        }
    }

    private static void removeIfUnused(Path path) throws IOException {
        OsFile file = QueueFile.openAlone(path);
        if (file == null) return;
        try {
            QueueFile.remove(path, file);
        } finally {
            file.close();
        }
    }

    private static boolean saysAnonymous(@Nullable ByteBuffer header) {
        if (header == null || header.remaining() < HEADER_BYTES) return false;
        long features = header.getLong((int) Layout.NEEDED_FEATURES_OFFSET);
        return header.getLong((int) Layout.MAGIC_OFFSET) == Layout.MAGIC
                && header.getLong((int) Layout.VERSION_OFFSET) == Layout.VERSION
                && (features & Layout.ANONYMOUS) != 0
                && (features & ~Layout.KNOWN_FEATURES) == 0;
    }
}
