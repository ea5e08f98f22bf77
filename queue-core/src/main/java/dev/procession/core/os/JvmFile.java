package dev.procession.core.os;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A file as opened by this JVM on the portable platform, shared by its handles.
///
/// Locks of `FileChannel` belong to the process, and closing any channel of a file drops them all. So this JVM has one
/// channel per file, and a table that keeps the handles apart. Nor is the channel used for operations in which an
/// interrupt of the calling thread would close it; locking and unlocking are not among these.
final class JvmFile {
    /// All files that this JVM has open, by key. Also the lock that guards all fields of this class.
    static final Map<Object, JvmFile> OPEN = new HashMap<>();

    private static final @Nullable Path DESCRIPTORS =
            Files.isDirectory(Path.of("/proc/self/fd")) ? Path.of("/proc/self/fd") : null;
    private static final int ZEROS = 64 << 10;

    final Object key;
    final FileChannel channel;
    final RandomAccessFile contents; // the same file, for sizes and writes: not closed by interrupts
    final Map<Long, FileLock> locks = new HashMap<>();
    final Map<Long, Integer> holders = new HashMap<>(); // number of shared holders; -1: one exclusive holder
    int handles;

    /// Opens the file with this key, or none.
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

    /// With it go all locks of this JVM on the file.
    void close() {
        try (channel) {
            contents.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Finds this process's descriptor of the file: only that identifies what was opened.
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

    static Object key(Path path, LinkOption... options) throws IOException {
        BasicFileAttributes status = Files.readAttributes(path, BasicFileAttributes.class, options);
        Object key = status.fileKey();
        return key != null ? key : path.toRealPath();
    }

    void writeZeros(long offset, long bytes) throws IOException {
        byte[] zeros = new byte[(int) Math.min(bytes, ZEROS)];
        contents.seek(offset);
        for (long left = bytes; left > 0; left -= zeros.length) {
            contents.write(zeros, 0, (int) Math.min(left, zeros.length));
        }
    }

    MemorySegment map(long offset, long bytes, Arena arena) throws IOException {
        Mapper mapper = new Mapper(channel, offset, bytes, arena);
        mapper.start();
        return mapper.result();
    }

    /// Maps in a thread that cannot be interrupted: an interrupt during map() closes the channel, and with it go all
    /// locks of this JVM on that file.
    private static final class Mapper extends Thread {
        private final FileChannel channel;
        private final long offset;
        private final long bytes;
        private final Arena arena;
        private @Nullable MemorySegment mapping;
        private @Nullable Throwable failure;

        Mapper(FileChannel channel, long offset, long bytes, Arena arena) {
            super(null, null, "procession map", 0, false);
            setDaemon(true);
            this.channel = channel;
            this.offset = offset;
            this.bytes = bytes;
            this.arena = arena;
        }

        @Override
        public void run() {
            try {
                mapping = channel.map(FileChannel.MapMode.READ_WRITE, offset, bytes, arena);
            } catch (Throwable e) {
                failure = e;
            }
        }

        @Override
        public void interrupt() {
            // ignored
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
}
