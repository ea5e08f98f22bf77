package dev.procession.core;

/// How far the owner of a lane may write: up to what consumers have passed, within what is allocated in the file.
///
/// Confined to the lane's producer.
final class LaneSpace {
    /// Allocation step in bytes, while a lane is written for the first time: one system call per 64 KiB.
    private static final long RESERVE_BYTES = 64 << 10;

    /// Checks for truncation (a system call) when this many bytes become writable, and every CHECK_EVERY calls.
    private static final long CHECK_BYTES = 1 << 20;
    private static final int CHECK_EVERY = 64;

    private final QueueFile file;
    private final int lane;
    private final long headAddress;
    private final long laneBytes;
    private final int headerBytes;

    private long reserved; // space below this position is allocated, during the lane's first lap
    private boolean allReserved;
    private int extensions;

    /// No byte at or above this position may be written; as of the last [#extend].
    long writableEnd;

    LaneSpace(QueueFile file, int lane, long tail) {
        this.file = file;
        this.lane = lane;
        headAddress = file.base + Layout.headOffset(lane);
        laneBytes = file.geometry.laneBytes();
        headerBytes = file.geometry.headerBytes();
        reserved = tail;
        // from the second lap on; after 2^64 bytes positions are small again, and then the head still is not. The head
        // pairs with the taking steps
        allReserved = Long.compareUnsigned(tail, laneBytes) >= 0
                || Long.compareUnsigned(SharedMemory.getVolatile(file.memory, headAddress), tail) > 0;
    }

    /// Whether everything below the position `end` may be written. Updates `writableEnd`.
    boolean extend(long tail, long end) {
        if ((++extensions & CHECK_EVERY - 1) == 0) file.checkNotTruncated();
        // pairs with the release or CAS that moved the head past the records before it: invariant 6
        long head = SharedMemory.getVolatile(file.memory, headAddress);
        long free = head + laneBytes;
        if (Long.compareUnsigned(tail - head, laneBytes) > 0) {
            throw file.corrupted(lane, head, "head is outside of the log");
        }
        if (end - free > 0) return false;
        while (!allReserved && reserved - end < 0) {
            long to = Math.min((reserved & -RESERVE_BYTES) + RESERVE_BYTES, laneBytes);
            // allocation may zero what it allocates, and consumers read all up to the zero header at the tail. (In a
            // damaged file the tail may be anywhere.)
            long from = Math.min(Math.max(reserved, tail + headerBytes), to);
            if (!file.reserve(lane, from, to)) return false;
            reserved = to;
            allReserved = reserved == laneBytes;
        }
        writableEnd = allReserved || free - reserved < 0 ? free : reserved;
        if (writableEnd - tail >= CHECK_BYTES) file.checkNotTruncated();
        return true;
    }
}
