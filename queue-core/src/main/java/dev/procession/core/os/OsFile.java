package dev.procession.core.os;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// An open, mapped file. Thread-safe, except that no thread may access the mapping once it is closed.
public interface OsFile {
    /// The start of the file, as far as it was asked for when this was opened.
    MemorySegment mapping();

    /// Maps one more part of it, until the file is closed.
    MemorySegment map(long offset, long bytes) throws IOException;

    /// Takes a lock on one byte for this open file, or returns false at once. Two locks of one open file never
    /// conflict. To change its kind, unlock first: not every platform can convert it atomically.
    ///
    /// The kernel drops a lock when its process is gone, however it ended, and keeps it while the process is stopped.
    boolean tryLock(long position, boolean shared);

    /// Releases a lock, if held.
    void unlock(long position);

    /// Whether another open file holds this byte's lock exclusively. True if unknown.
    boolean isLocked(long position);

    /// The file's current size in bytes: less than what is mapped if it was truncated; the rest of the mapping is then
    /// gone. [Long#MAX_VALUE] if this is closed.
    long size();

    /// Allocates a range, so that a write there cannot fail. Returns false if no space is left. Only for ranges that
    /// only the caller writes and that hold no data yet: they may be overwritten with zeros.
    boolean reserve(long offset, long bytes) throws IOException;

    /// Allocates the page of a word that other processes may be writing, and leaves its content as it is. Returns false
    /// if no space is left.
    ///
    /// @param mapping what [#map] has returned for this offset
    boolean reservePage(long offset, MemorySegment mapping) throws IOException;

    /// Gives back the space of a range whose content is no longer wanted; it is zero from then on, or stays as it is
    /// where the system has no such call.
    void giveBack(long offset, long bytes);

    /// Whether the path still names this file.
    boolean isAt(Path path);

    /// Closes the file, which drops its locks. What is mapped stays so.
    void detach();

    /// Closes the file, if still open, and unmaps it: no thread may access the mapping after that.
    void close();
}
