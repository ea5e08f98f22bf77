package dev.procession.core.os;

import static dev.procession.core.os.Syscalls.EACCES;
import static dev.procession.core.os.Syscalls.EDQUOT;
import static dev.procession.core.os.Syscalls.EFBIG;
import static dev.procession.core.os.Syscalls.EMFILE;
import static dev.procession.core.os.Syscalls.ENAMETOOLONG;
import static dev.procession.core.os.Syscalls.ENOENT;
import static dev.procession.core.os.Syscalls.ENOMEM;
import static dev.procession.core.os.Syscalls.ENOSPC;
import static dev.procession.core.os.Syscalls.ENOTDIR;
import static dev.procession.core.os.Syscalls.EPERM;
import static dev.procession.core.os.Syscalls.EROFS;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;

/// Which files may be used, and the user that this process runs as.
public final class FileChecks {
    private static final String TEMPORARY = ".procession-";
    private static final int S_IFMT = 0170000, S_IFREG = 0100000;

    private static final Path STATUS_OF_SELF = Path.of("/proc/self/status");
    private static volatile int knownUser = -1;

    private FileChecks() {}

    /// The effective user id of this process, or -1 where there is none. Read once, when the platform is chosen: later
    /// there may be no descriptor left for it. (Not the owner of `/proc/self`: that is root if the program has
    /// capabilities.)
    ///
    /// @throws IOException if there is one, and it cannot be read: then nothing is taken for this user's
    public static int user() throws IOException {
        if (knownUser != -1 || !Files.exists(STATUS_OF_SELF)) return knownUser;
        for (String line : Files.readAllLines(STATUS_OF_SELF)) {
            if (line.startsWith("Uid:")) return knownUser = (int) Long.parseLong(line.split("\\s+")[2]);
        }
        throw new FileSystemException(STATUS_OF_SELF + " does not say of which user this process is");
    }

    /// The attributes that are checked before a file is used.
    static final String STATUS = "unix:mode,uid,nlink,size,dev,ino,fileKey";

    /// Checks that a file is regular, ours alone, and of at least this size in bytes.
    ///
    /// @param status its [#STATUS]
    /// @throws FileSystemException if not
    static void checkOurs(Path path, Map<String, Object> status, long least) throws IOException {
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
        if (wrong != null) throw new FileSystemException(path + " " + wrong);
        checkSize(path, (long) status.get("size"), least);
    }

    static void checkSize(Path path, long size, long least) throws FileSystemException {
        if (size < least) throw new FileSystemException(path + " has " + size + " bytes, so it is not a queue");
    }

    static Map<String, Object> status(int fd) throws IOException {
        return Files.readAttributes(Path.of("/proc/self/fd/" + fd), STATUS);
    }

    static boolean isSame(Map<String, Object> one, Map<String, Object> other) {
        return one.get("dev").equals(other.get("dev")) && one.get("ino").equals(other.get("ino"));
    }

    /// Explains why the system denies access to a path.
    public static String denied(Path path) {
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

    /// A temporary name in the same directory, for a file that gets its real name once complete.
    static Path temporaryBeside(Path absolute) {
        return absolute.resolveSibling(TEMPORARY + UUID.randomUUID());
    }

    /// Removes a temporary name, if it can be: what is left is completed by the next that opens the file.
    static void deleteTemporary(Path temporary) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            // see removeTemporaryName()
        }
    }

    /// Completes what a killed or stopped creator left: the file has its real name, and still the temporary one.
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
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    static ByteBuffer readStart(Path path, long least, int bytes) throws IOException {
        checkOurs(path, Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS), least);
        try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) { // a channel could be interrupted
            return ByteBuffer.wrap(in.readNBytes(bytes)).order(ByteOrder.nativeOrder());
        }
    }

    /// Translates an errno about a path.
    static IOException failure(String what, Path path, int errno) {
        String why =
                switch (errno) {
                    case ENOENT -> "no such file or directory";
                    case EACCES, EPERM -> "permission denied (" + denied(path) + ")";
                    case ENOSPC, EDQUOT -> "no space left there; free some, or use fewer or smaller lanes";
                    case ENOTDIR -> "a part of it is not a directory";
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
}
