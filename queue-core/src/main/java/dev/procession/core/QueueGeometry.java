package dev.procession.core;

import org.jspecify.annotations.Nullable;

/// The shape of a queue, fixed when it is made.
///
/// Lanes are sparse: memory is allocated only as producers write, so the defaults (64 lanes of 4 MiB) cost a few pages
/// until used. Immutable.
///
/// {@snippet file="CoreExamples.java" region="geometry"}
///
/// @param lanes maximum number of producers attached at the same time, 1 to 1024
/// @param laneBytes the size of each lane in bytes, a power of two from 4,096 (leased: 65,536) to 2^30; the longest
///     message takes half a lane, and 16,777,213 bytes at most
/// @param maxItems an exact bound on the number of messages in the queue, or 0 if only the lanes bound it
/// @param leasing makes it a leased queue ([Delivery#LEASED]), or null
public record QueueGeometry(int lanes, long laneBytes, long maxItems, @Nullable Leasing leasing) {
    /// 64 lanes of 4 MiB, bounded by their size only, not leased.
    public static final QueueGeometry DEFAULT = new QueueGeometry(64, 4 << 20, 0);

    static final int MAX_LANES = 1024;
    static final long MIN_LANE_BYTES = 4096;
    static final long MIN_LEASED_LANE_BYTES = 1 << 16;
    static final long MAX_LANE_BYTES = 1 << 30;

    /// Checks the ranges.
    ///
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueGeometry {
        String wrong = wrong(lanes, laneBytes, maxItems, leasing != null);
        if (wrong != null) throw new IllegalArgumentException(wrong);
    }

    /// The shape of a queue that is not leased.
    ///
    /// @param lanes maximum number of producers attached at the same time, 1 to 1024
    /// @param laneBytes the size of each lane in bytes, a power of two from 4,096 to 2^30
    /// @param maxItems an exact bound on the number of messages in the queue, or 0
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueGeometry(int lanes, long laneBytes, long maxItems) {
        this(lanes, laneBytes, maxItems, null);
    }

    static @Nullable String wrong(long lanes, long laneBytes, long maxItems, boolean leased) {
        if (lanes < 1 || lanes > MAX_LANES) return "lanes=" + lanes + ", must be 1 to " + MAX_LANES;
        long least = leased ? MIN_LEASED_LANE_BYTES : MIN_LANE_BYTES;
        if (laneBytes < least || laneBytes > MAX_LANE_BYTES || Long.bitCount(laneBytes) != 1) {
            return "laneBytes=" + laneBytes + ", must be a power of two from " + least + (leased ? " (leased)" : "")
                    + " to " + MAX_LANE_BYTES;
        }
        return maxItems < 0 ? "maxItems=" + maxItems + ", must be 0 (no bound) or more" : null;
    }

    boolean bounded() {
        return maxItems > 0;
    }

    boolean leased() {
        return leasing != null;
    }

    // ---- records

    /// Bytes before the payload of a record: the header, and the record's number if items are bounded.
    int headerBytes() {
        return bounded() ? 2 * Long.BYTES : Long.BYTES;
    }

    /// Size and offset of each record are a multiple of this, in bytes.
    int alignment() {
        return leased() ? Layout.BLOCK : headerBytes();
    }

    /// The size of a record with a payload of this length, in bytes; the hot paths cache the other two.
    static int recordBytes(int length, int headerBytes, int alignment) {
        return headerBytes + length + alignment - 1 & -alignment;
    }

    int recordBytes(int length) {
        return recordBytes(length, headerBytes(), alignment());
    }

    /// position & mask is the offset in the lane; always aligned for a record, even if the position is damaged.
    long offsetMask() {
        return laneBytes - alignment();
    }

    /// The position at which the lane wraps after this position.
    static long nextLap(long position, long laneBytes) {
        return (position & -laneBytes) + laneBytes;
    }

    /// How often the lane has wrapped before this position.
    long lap(long position) {
        return position >> Long.numberOfTrailingZeros(laneBytes);
    }

    /// The longest message in bytes: an empty lane has room for it and the next header, wherever its tail is.
    int maxMessageBytes() {
        return (int) Math.min(laneBytes / 2 - headerBytes(), Layout.MAX_LENGTH);
    }

    // ---- file offsets

    long laneOffset(int lane) {
        return Layout.lanesOffset(lanes) + lane * (laneBytes + leaseWordBytes(laneBytes));
    }

    /// The lane's lease words.
    long leaseWordsOffset(int lane) {
        return laneOffset(lane) + laneBytes;
    }

    /// The bytes of the lease words for this many bytes of a lane.
    long leaseWordBytes(long bytes) {
        return leased() ? bytes / Layout.BLOCK * Long.BYTES : 0;
    }

    long fileBytes() {
        return laneOffset(lanes);
    }
}
