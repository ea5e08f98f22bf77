package dev.procession.core;

import org.jspecify.annotations.Nullable;

/// The shape of a queue, fixed when it is made.
///
/// Lanes are sparse: memory is used only where a producer has been, so the defaults (64 lanes of 4 MiB) cost a few
/// pages until they are needed.
///
/// @param lanes how many producers may be attached at the same time, 1 to 1024
/// @param laneBytes the size of each lane, a power of two from 4,096 to 2^30; the longest message takes half a lane
/// @param maxItems an exact bound on the number of messages in the queue, or 0 if only the lanes bound it
public record QueueGeometry(int lanes, long laneBytes, long maxItems) {
    /// 64 lanes of 4 MiB, bounded by their memory only.
    public static final QueueGeometry DEFAULT = new QueueGeometry(64, 4 << 20, 0);

    static final int MAX_LANES = 1024;
    static final long MIN_LANE_BYTES = 4096;
    static final long MAX_LANE_BYTES = 1 << 30;

    /// Checks the ranges.
    ///
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueGeometry {
        String wrong = wrong(lanes, laneBytes, maxItems);
        if (wrong != null) throw new IllegalArgumentException(wrong);
    }

    static @Nullable String wrong(long lanes, long laneBytes, long maxItems) {
        if (lanes < 1 || lanes > MAX_LANES) return "lanes=" + lanes + ", must be 1 to " + MAX_LANES;
        if (laneBytes < MIN_LANE_BYTES || laneBytes > MAX_LANE_BYTES || Long.bitCount(laneBytes) != 1) {
            return "laneBytes=" + laneBytes + ", must be a power of two from " + MIN_LANE_BYTES + " to "
                    + MAX_LANE_BYTES;
        }
        return maxItems < 0 ? "maxItems=" + maxItems + ", must be 0 (no bound) or more" : null;
    }

    boolean counted() {
        return maxItems > 0;
    }

    /// Bytes before the payload of a record: the header, and its number if items are counted.
    int prefixBytes() {
        return counted() ? 2 * Long.BYTES : Long.BYTES;
    }

    /// What makes an offset in its lane of a position; always the start of a record's prefix, whatever the file says.
    long offsetMask() {
        return laneBytes - prefixBytes();
    }

    /// The longest message in bytes: wherever its lane's end is, an empty lane has room for it.
    int maxMessageBytes() {
        return (int) Math.min(laneBytes / 2 - prefixBytes(), Layout.MAX_LENGTH);
    }

    long laneAt(int lane) {
        return Layout.lanesAt(lanes) + lane * laneBytes;
    }

    long fileBytes() {
        return laneAt(lanes);
    }
}
