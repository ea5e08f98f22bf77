package dev.procession.core;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/// What the JDK offers everywhere: file locks, mapping, parking by the clock. No pinning, no waking across processes.
///
/// The locks of `FileChannel` belong to the process, and closing any channel of a file drops them all. So this JVM has
/// one channel for each file, which its handles share, and a table that keeps the handles apart.
final class PortablePlatform extends Platform {
    /// A sleep ends by itself after this long, since nobody can end it.
    private static final long LONGEST_SLEEP_NANOS = 1_000_000;

    private static final Map<Object, JvmFile> FILES = new HashMap<>();

    /// A file as this JVM has it open, shared by its handles. Guarded by FILES.
    private static final class JvmFile {
        final Object key;
        final FileChannel channel;
        final Map<Long, FileLock> locks = new HashMap<>();
        final Map<Long, Integer> holders = new HashMap<>(); // -1: one, exclusively
        int handles;

        JvmFile(Object key, FileChannel channel) {
            this.key = key;
            this.channel = channel;
        }
    }

    @Override
    String name() {
        return "portable";
    }

    @Override
    boolean mayUseAddresses() {
        return false;
    }

    @Override
    OpenFile create(Path path, long size, long reserved, Consumer<MemorySegment> write) throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) throw new FileAlreadyExistsException(path.toString());
        Path absolute = path.toAbsolutePath();
        Path temporary =
                absolute.resolveSibling("." + absolute.getFileName() + "." + Long.toHexString(System.nanoTime()));
        try {
            Files.createFile(temporary);
            if (Files.getFileStore(temporary).supportsFileAttributeView("posix")) {
                Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rw-------"));
            }
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.allocate(1), size - 1);
            } catch (IOException e) { // its message does not say where
                throw new IOException("cannot make " + path + " with " + size + " bytes: " + e.getMessage(), e);
            }
            PortableFile file = attach(temporary, true);
            if (!file.reserve(0, reserved)) {
                file.close();
                throw new IOException("cannot reserve " + reserved + " bytes for " + path + ": no space left there");
            }
            write.accept(file.mapping());
            try {
                Files.createLink(absolute, temporary); // atomic, and fails if the name is taken
            } catch (IOException e) {
                file.close();
                throw e;
            }
            return file;
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    @Override
    OpenFile open(Path path, boolean shared) throws IOException {
        BasicFileAttributes status = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!status.isRegularFile())
            throw new QueueUnavailableException(path + " is not a regular file, so not a queue");
        if (status.size() < Layout.PAGE) {
            throw new QueueUnavailableException(path + " has " + status.size() + " bytes, so it is not a queue");
        }
        PortableFile file = attach(path, shared);
        if (file.isAt(path)) return file;
        file.close();
        throw notAttached(path, shared);
    }

    private static PortableFile attach(Path path, boolean shared) throws IOException {
        synchronized (FILES) {
            Object key = key(path);
            JvmFile open = FILES.get(key);
            if (open == null) {
                open = new JvmFile(key, FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE));
                FILES.put(key, open);
            }
            open.handles++;
            PortableFile file = new PortableFile(open);
            boolean attached = false;
            try {
                file.map();
                attached = file.tryLock(Layout.ATTACHED_LOCK, shared);
            } finally {
                if (!attached) file.close();
            }
            if (!attached) throw notAttached(path, shared);
            return file;
        }
    }

    private static Object key(Path path) throws IOException {
        BasicFileAttributes status = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        Object key = status.fileKey();
        return key != null ? key : path.toRealPath();
    }

    static final class PortableFile extends OpenFile {
        private final JvmFile file;
        private final Map<Long, Boolean> held = new HashMap<>(); // guarded by FILES; the value: shared
        private final Arena arena = Arena.ofShared();
        private MemorySegment mapping = MemorySegment.NULL;
        private boolean detached;

        private PortableFile(JvmFile file) {
            this.file = file;
        }

        private void map() throws IOException {
            mapping = file.channel.map(FileChannel.MapMode.READ_WRITE, 0, file.channel.size(), arena);
        }

        @Override
        MemorySegment mapping() {
            return mapping;
        }

        @Override
        boolean tryLock(long at, boolean shared) {
            synchronized (FILES) {
                Boolean mine = held.get(at);
                if (mine != null) {
                    if (mine == shared) return true;
                    if (mine && file.holders.getOrDefault(at, 0) > 1) return false; // not alone, so it stays shared
                    unlock(at);
                    boolean changed = tryLock(at, shared);
                    if (!changed) tryLock(at, mine);
                    return changed;
                }
                int holders = file.holders.getOrDefault(at, 0);
                if (holders < 0 || holders > 0 && !shared) return false;
                if (holders == 0) {
                    try {
                        FileLock lock = file.channel.tryLock(at, 1, shared);
                        if (lock == null) return false;
                        file.locks.put(at, lock);
                    } catch (OverlappingFileLockException | IOException e) {
                        return false;
                    }
                }
                file.holders.put(at, shared ? holders + 1 : -1);
                held.put(at, shared);
                return true;
            }
        }

        @Override
        void unlock(long at) {
            synchronized (FILES) {
                Boolean shared = held.remove(at);
                if (shared == null) return;
                int left = shared ? file.holders.get(at) - 1 : 0;
                if (left > 0) {
                    file.holders.put(at, left);
                    return;
                }
                file.holders.remove(at);
                FileLock lock = file.locks.remove(at);
                try {
                    if (lock != null) lock.release();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }

        @Override
        boolean isLocked(long at) {
            synchronized (FILES) {
                if (file.holders.containsKey(at)) return !held.containsKey(at);
                try (FileLock lock = file.channel.tryLock(at, 1, false)) {
                    return lock == null;
                } catch (OverlappingFileLockException | IOException e) {
                    return true;
                }
            }
        }

        @Override
        long size() {
            try {
                return file.channel.size();
            } catch (IOException e) {
                return mapping.byteSize(); // closed
            }
        }

        /// There is no call for it: writes back what is there, page by page, through the channel, which says when the
        /// disk is full. Only the owner of a range asks for it, before its first use.
        @Override
        boolean reserve(long offset, long bytes) {
            try {
                var page = ByteBuffer.allocate(Layout.PAGE);
                for (long at = offset; at < offset + bytes; at += Layout.PAGE) {
                    page.clear();
                    while (page.hasRemaining() && file.channel.read(page, at + page.position()) > 0) {}
                    page.flip();
                    while (page.hasRemaining()) file.channel.write(page, at + page.position());
                }
                return true;
            } catch (IOException e) {
                return false;
            }
        }

        @Override
        boolean isAt(Path path) {
            try {
                return key(path).equals(file.key);
            } catch (IOException e) {
                return false;
            }
        }

        @Override
        void close() {
            detach();
            if (arena.scope().isAlive()) arena.close();
        }

        @Override
        void detach() {
            synchronized (FILES) {
                if (detached) return;
                detached = true;
                for (long at : held.keySet().stream().toList()) unlock(at);
                if (--file.handles > 0) return;
                FILES.remove(file.key);
                try {
                    file.channel.close();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    @Override
    boolean barrierEverywhere() {
        return false;
    }

    @Override
    void sleep(MemorySegment mapping, long offset, int expected, long nanos) {
        LockSupport.parkNanos(this, Math.min(nanos, LONGEST_SLEEP_NANOS));
    }

    @Override
    void wake(MemorySegment mapping, long offset) {
        // nobody sleeps on a word here; a sleeper of the other platform wakes by its timer
    }

    @Override
    boolean canWake() {
        return false;
    }

    @Override
    int[] cpus() {
        return new int[0];
    }

    @Override
    boolean pin(int... cpus) {
        return false;
    }

    @Override
    boolean pinProcess(int... cpus) {
        return false;
    }

    @Override
    void signalSelf(boolean stop) {
        if (stop) throw new UnsupportedOperationException("stop");
        Runtime.getRuntime().halt(137);
    }
}
