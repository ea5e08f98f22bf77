package dev.procession.core;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What the JDK offers everywhere: file locks, mapping, parking by the clock. No pinning, no waking across processes.
///
/// The locks of `FileChannel` belong to the process, and closing any channel of a file drops them all. So this JVM has
/// one channel for each file, which its handles share, and a table that keeps the handles apart. Nor is the channel used
/// for anything that an interrupt of the calling thread would close it in; locks and unlocks are not.
///
/// To ask for a lock is to take it for a moment, shared. Who is stopped in that moment does not make the dead look alive
/// to others who ask, but nobody inherits that lane, or that number, until it goes on.
final class PortablePlatform extends Platform {
    /// A sleep ends by itself after this long, since nobody can end it.
    private static final long LONGEST_SLEEP_NANOS = 1_000_000;

    private static final Map<Object, JvmFile> FILES = new HashMap<>();

    private static final @Nullable Path DESCRIPTORS =
            Files.isDirectory(Path.of("/proc/self/fd")) ? Path.of("/proc/self/fd") : null;
    private static final boolean UNIX =
            Path.of("").getFileSystem().supportedFileAttributeViews().contains("unix");
    private static final int ZEROS = 64 << 10;

    /// A file as this JVM has it open, shared by its handles. Guarded by FILES.
    private static final class JvmFile {
        final Object key;
        final FileChannel channel;
        final RandomAccessFile contents; // the same file, for sizes and writes, which no interrupt closes
        final Map<Long, FileLock> locks = new HashMap<>();
        final Map<Long, Integer> holders = new HashMap<>(); // -1: one, exclusively
        int handles;

        /// Opens the file of this key, or none.
        JvmFile(Path path, Object key) throws IOException {
            this.key = key;
            channel = FileChannel.open(
                    path, Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS));
            RandomAccessFile opened = null;
            try {
                Path same = DESCRIPTORS == null ? path : descriptor(key);
                if (same == null || !key.equals(key(same))) throw new NoSuchFileException(path.toString());
                opened = new RandomAccessFile(same.toFile(), "rw");
            } finally {
                if (opened == null) channel.close();
            }
            contents = opened;
        }

        void close() throws IOException {
            try (channel) {
                contents.close();
            }
        }

        /// Which of this process's descriptors is the file: what was opened is known by that alone.
        private static @Nullable Path descriptor(Object key) throws IOException {
            try (DirectoryStream<Path> all = Files.newDirectoryStream(DESCRIPTORS)) {
                for (Path each : all) {
                    try {
                        if (key.equals(key(each))) return each;
                    } catch (IOException e) {
                        continue; // closed meanwhile
                    }
                }
            }
            return null;
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
        Path temporary = temporaryBeside(absolute);
        try {
            try {
                if (!UNIX) Files.createFile(temporary);
                else
                    Files.createFile(temporary,
                            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            } catch (NoSuchFileException e) {
                throw new NoSuchFileException(String.valueOf(absolute.getParent()));
            }
            PortableFile file;
            try {
                file = attach(temporary, key(temporary, LinkOption.NOFOLLOW_LINKS), true, size, reserved);
            } catch (FileSystemException e) {
                throw e;
            } catch (IOException e) { // its message does not say where
                throw new IOException("cannot make " + path + " with " + size + " bytes, " + reserved + " of them now: "
                        + String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT), e);
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
        BasicFileAttributes basics = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (basics.isSymbolicLink())
            throw new QueueUnavailableException(path + " is a symbolic link; open the file that it names");
        if (basics.isDirectory()) throw new QueueUnavailableException(path + " is a directory, not a queue");
        if (!basics.isRegularFile())
            throw new QueueUnavailableException(path + " is not a regular file, so not a queue");
        Object key = key(path, LinkOption.NOFOLLOW_LINKS);
        if (UNIX) {
            removeTemporaryName(path, Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS));
            Map<String, Object> status = Files.readAttributes(path, STATUS, LinkOption.NOFOLLOW_LINKS);
            checkOurs(path, status);
            key = status.get("fileKey"); // what was checked is what is opened, or nothing
        }
        checkSize(path, basics.size());
        PortableFile file = attach(path, key, shared, 0, 0);
        if (file.isAt(path)) return file;
        file.close();
        throw notAttached(path, shared);
    }

    /// @param key of the file; if another one has its name by now, there is none
    /// @param size which the file gets, or 0 if it has one
    /// @param reserved how many bytes from the start get their space then
    private static PortableFile attach(Path path, Object key, boolean shared, long size, long reserved)
            throws IOException {
        synchronized (FILES) {
            JvmFile open = FILES.get(key);
            if (open == null) {
                open = new JvmFile(path, key);
                FILES.put(key, open);
            }
            open.handles++;
            PortableFile file = new PortableFile(open);
            boolean attached = false;
            try {
                boolean locked = file.tryLock(Layout.ATTACHED_LOCK, shared);
                if (size > 0) {
                    open.contents.setLength(size);
                    writeZeros(open.contents, 0, reserved);
                }
                if (locked) file.map(); // not before: whoever looks for what is abandoned maps nothing that is not
                attached = locked;
            } finally {
                if (!attached) file.close();
            }
            if (!attached) throw notAttached(path, shared);
            return file;
        }
    }

    private static Object key(Path path, LinkOption... options) throws IOException {
        BasicFileAttributes status = Files.readAttributes(path, BasicFileAttributes.class, options);
        Object key = status.fileKey();
        return key != null ? key : path.toRealPath();
    }

    @Override
    @Nullable
    ByteBuffer readHeader(Path path) throws IOException {
        synchronized (FILES) { // closing it again would drop the locks of a file that is open here
            return FILES.containsKey(key(path, LinkOption.NOFOLLOW_LINKS)) || !UNIX ? null : readWords(path);
        }
    }

    private static void writeZeros(RandomAccessFile file, long offset, long bytes) throws IOException {
        byte[] zeros = new byte[(int) Math.min(bytes, ZEROS)];
        file.seek(offset);
        for (long left = bytes; left > 0; left -= zeros.length)
            file.write(zeros, 0, (int) Math.min(left, zeros.length));
    }

    /// A thread that nobody can interrupt: an interrupt of the one that maps a file, just then, closes the channel, and all locks
    /// of this JVM on that file are gone.
    private static final class Mapper extends Thread {
        private final FileChannel channel;
        private final long bytes;
        private final Arena arena;
        private @Nullable MemorySegment mapping;
        private @Nullable Throwable failure;

        Mapper(FileChannel channel, long bytes, Arena arena) {
            super(null, null, "procession map", 0, false);
            setDaemon(true);
            this.channel = channel;
            this.bytes = bytes;
            this.arena = arena;
        }

        @Override
        public void run() {
            try {
                mapping = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
            } catch (Throwable e) {
                failure = e;
            }
        }

        @Override
        public void interrupt() {
            // not this one
        }

        MemorySegment result() throws IOException {
            boolean interrupted = false;
            while (true) {
                try {
                    join();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) Thread.currentThread().interrupt();
            if (mapping != null) return mapping;
            if (failure instanceof Error error) throw error;
            throw failure instanceof IOException e ? e : new IOException("cannot map the file: " + failure, failure);
        }
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
            Mapper mapper = new Mapper(file.channel, size(), arena);
            mapper.start();
            mapping = mapper.result();
        }

        @Override
        MemorySegment mapping() {
            return mapping;
        }

        @Override
        boolean tryLock(long at, boolean shared) {
            synchronized (FILES) {
                Boolean mine = held.get(at);
                if (mine != null) return mine == shared;
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
                try (FileLock lock = file.channel.tryLock(at, 1, true)) {
                    return lock == null;
                } catch (OverlappingFileLockException | IOException e) {
                    return true;
                }
            }
        }

        @Override
        long size() {
            try {
                return file.contents.length();
            } catch (IOException e) {
                return mapping.byteSize(); // closed
            }
        }

        /// There is no call for it: writes zeros, upon which the system says whether the disk is full. Never what was there
        /// before, which somebody else may have changed between the read and the write.
        @Override
        boolean reserve(long offset, long bytes) {
            synchronized (FILES) { // one place to write at for all handles
                try {
                    if (offset + bytes > file.contents.length()) return false; // a file that was cut off must not grow again
                    writeZeros(file.contents, offset, bytes);
                    return true;
                } catch (IOException e) {
                    return false;
                }
            }
        }

        @Override
        boolean reservePage(long offset) {
            try {
                Memory.getAndAdd(mapping, Memory.base(mapping) + offset, 0); // an access that gets the page
                size(); // the JVM may tell of the fault only after a call of the system
                return true;
            } catch (InternalError e) {
                return false;
            }
        }

        @Override
        boolean isAt(Path path) {
            try {
                return key(path, LinkOption.NOFOLLOW_LINKS).equals(file.key);
            } catch (IOException e) {
                return false;
            }
        }

        @Override
        void close() {
            detach();
            synchronized (FILES) {
                if (arena.scope().isAlive()) arena.close();
            }
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
                    file.close();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    /// A thread of its own, made with the first file.
    private static final class Unreachable {
        static final Cleaner CLEANER = Cleaner.create();
    }

    @Override
    void closeWhenUnreachable(Object handle, OpenFile file) {
        Unreachable.CLEANER.register(handle, file::close);
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
}
