package dev.procession.core.os;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// An open, mapped file. Thread-safe, except that no thread may access the mapping once it is closed.
public interface OsFile {
    /// The whole file.
    MemorySegment mapping();

    /// Takes a lock on one byte for this open file, or returns false at once. Two locks of one open file never
    /// conflict. To change its kind, unlock first: not every platform can convert it atomically.
    ///
    /// The kernel drops a lock when its process is gone, however it ended, and keeps it while the process is stopped.
    boolean tryLock(long position, boolean shared);

    /// Releases a lock, if held.
    void unlock(long position);

    /// Whether another open file holds this byte's lock exclusively. True if unknown.
    boolean isLocked(long position);

    /// The file's current size in bytes: less than the mapping if it was truncated; the rest of the mapping is then
    /// gone.
    long size();

    /// Allocates a range, so that a write there cannot fail. Returns false if no space is left. Only for ranges that
    /// only the caller writes and that hold no data yet: they may be overwritten with zeros.
    boolean reserve(long offset, long bytes) throws IOException;

    /// Allocates the page of a word that other processes may be writing, and leaves its content as it is. Returns false
    /// if no space is left.
    boolean reservePage(long offset) throws IOException;

    /// Whether the path still names this file.
    boolean isAt(Path path);

    /// Closes the file, which drops its locks. The mapping stays.
    void detach();

    /// Closes the file, if still open, and unmaps it: no thread may access the mapping after that.
    void close();
}
