package dev.procession.core.os;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// A file that is open and mapped. Thread-safe, except that no thread may touch the mapping once it is closed.
public interface OsFile {
    /// The whole file.
    MemorySegment mapping();

    /// Takes a lock on one byte for this open file, or returns false at once. Two locks of one open file never
    /// conflict. A holder of the other kind unlocks it first: not each platform can change it without letting go.
    ///
    /// The kernel drops a lock when its process is gone, however it ended, and keeps it while the process is stopped.
    boolean tryLock(long position, boolean shared);

    /// Gives a lock back, if it is held.
    void unlock(long position);

    /// Whether another open file holds this byte's lock exclusively. True if that cannot be found out.
    boolean isLocked(long position);

    /// The file's size now: less than the mapping if it was truncated, and then the rest of the mapping is gone.
    long size();

    /// Allocates the space for a range, so that a write there cannot fail. Returns false if there is none. Only for
    /// what only the caller writes, and what holds nothing yet: it may be overwritten with zeros.
    boolean reserve(long offset, long bytes) throws IOException;

    /// Allocates the space for the page with a word that others may be writing, and leaves it as it is. Returns false
    /// if there is none.
    boolean reservePage(long offset) throws IOException;

    /// Whether the path still names this file.
    boolean isAt(Path path);

    /// Closes the file and so drops its locks. The mapping stays.
    void detach();

    /// Closes the file, if that was not done yet, and unmaps it: after that no thread may touch the mapping.
    void close();
}
