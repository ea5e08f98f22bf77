package dev.procession.core;

import dev.procession.core.os.OsFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The lanes of a queue's file: each is mapped when this process first uses it, and its space is allocated, and given
/// back, as its owner asks.
///
/// Thread-safe.
final class LaneMemory {
    private final Path path;
    private final OsFile file;
    private final QueueGeometry geometry;
    private final @Nullable MemorySegment[] mappings;
    private final long[] addresses;

    LaneMemory(Path path, OsFile file, QueueGeometry geometry) {
        this.path = path;
        this.file = file;
        this.geometry = geometry;
        mappings = new MemorySegment[geometry.lanes()];
        addresses = new long[geometry.lanes()];
    }

    /// A lane and its lease words.
    ///
    /// @throws QueueUnavailableException if this process may not map it
    MemorySegment mapping(int lane) {
        MemorySegment mapped = mappings[lane];
        return mapped != null ? mapped : map(lane);
    }

    /// Where a lane begins: an address, or an offset in [#mapping], see [SharedMemory].
    long address(int lane) {
        if (mappings[lane] == null) map(lane);
        return addresses[lane];
    }

    private synchronized MemorySegment map(int lane) {
        MemorySegment mapped = mappings[lane];
        if (mapped != null) return mapped;
        try {
            mapped = file.map(geometry.laneOffset(lane), geometry.laneAndWordsBytes());
        } catch (IOException e) {
            throw unavailable(lane, e);
        }
        addresses[lane] = SharedMemory.base(mapped);
        VarHandle.releaseFence(); // for threads that read it without this lock
        return mappings[lane] = mapped;
    }

    /// Where the lease word of the record at a position is, as for [#address].
    long leaseWordAddress(int lane, long position) {
        return address(lane) + geometry.laneBytes() + geometry.leaseWordBytes(geometry.offset(position));
    }

    // ---- space

    /// Allocates a range of a lane after its last record, and its lease words, from the block in which the range
    /// begins: none of these records is leased. Returns false if no space is left.
    boolean reserve(int lane, long from, long to) {
        if (from == to) return true;
        long words = geometry.leaseWordBytes(from);
        long wordBytes = geometry.leaseWordBytes(to) - words;
        try {
            return file.reserve(geometry.laneOffset(lane) + from, to - from)
                    && (wordBytes == 0 || file.reserve(leaseWordsOffset(lane) + words, wordBytes));
        } catch (IOException e) {
            throw unavailable(lane, e);
        }
    }

    /// Gives back the space of chunks, and of their lease words: all are zero from then on.
    void giveBack(int lane, long from, long to) {
        file.giveBack(geometry.laneOffset(lane) + from, to - from);
        long words = geometry.leaseWordBytes(from);
        long wordBytes = geometry.leaseWordBytes(to) - words;
        if (wordBytes > 0) file.giveBack(leaseWordsOffset(lane) + words, wordBytes);
    }

    private long leaseWordsOffset(int lane) {
        return geometry.laneOffset(lane) + geometry.laneBytes();
    }

    /// Allocates the space for a lane's first record, which its owner may be writing. Returns false if no space is
    /// left.
    boolean reserveStart(int lane) {
        try {
            return file.reservePage(geometry.laneOffset(lane), mapping(lane));
        } catch (IOException e) {
            throw unavailable(lane, e);
        }
    }

    private QueueUnavailableException unavailable(int lane, IOException e) {
        return new QueueUnavailableException("lane " + lane + " of " + path + ": " + e.getMessage(), e);
    }
}
