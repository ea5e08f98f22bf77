package dev.procession.core;

import org.jspecify.annotations.Nullable;

/// The shape of a queue, fixed when it is made.
///
/// A lane is a ring of chunks: two of them while consumers keep up, more under a backlog, up to the lane's size. So
/// lanes are sparse: the defaults (256 lanes of 2 GiB) cost some 80 KiB until used. Immutable.
///
/// {@snippet file="CoreExamples.java" region="geometry"}
///
/// @param lanes maximum number of producers attached at the same time, 1 to 4,096
/// @param laneBytes what may wait in each lane, headers included, in bytes: a power of two from 4,096 (leased: 65,536)
///     to 2^32; the longest message takes half a lane
/// @param chunkBytes the size of a chunk, a power of two from 1,024 to half a lane, and a 4,096th of a lane at least
/// @param maxItems an exact bound on the number of messages in the queue, or 0 if only the lanes bound it
/// @param leasing makes it a leased queue ([Delivery#LEASED]), or null
/// @param minProducers if more than 0, the queue ends with its producers: when this many have been attached, one after
///     the other or at the same time, and none is any more, a get that finds nothing throws a [QueueEndedException]
public record QueueGeometry(int lanes, long laneBytes, long chunkBytes, long maxItems, @Nullable Leasing leasing,
        int minProducers) {
    static final int MAX_LANES = 4096;
    static final long MIN_LANE_BYTES = 4096;
    static final long MIN_LEASED_LANE_BYTES = 1 << 16;
    static final long MAX_LANE_BYTES = 1L << 32;
    static final long MIN_CHUNK_BYTES = 1024;
    static final int MAX_CHUNKS = 4096;
    /// The longest message of any queue, in bytes: about what a Java array takes.
    static final int LARGEST_MESSAGE = Integer.MAX_VALUE - 64;
    /// Two chunks of this size, which a lane without backlog uses in turn, stay in a core's own cache.
    private static final long USUAL_CHUNK_BYTES = 2 << 20;

    /// 256 lanes of 2 GiB, bounded by their size only, not leased.
    public static final QueueGeometry DEFAULT = new QueueGeometry(256, 2L << 30, 0);

    /// Checks the ranges.
    ///
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueGeometry {
        String wrong = wrong(lanes, laneBytes, chunkBytes, maxItems, leasing != null);
        if (wrong == null && minProducers < 0) wrong = "minProducers=" + minProducers + ", must be 0 or more";
        if (wrong != null) throw new IllegalArgumentException(wrong);
    }

    /// A shape that does not end with its producers.
    ///
    /// @param lanes maximum number of producers attached at the same time, 1 to 4,096
    /// @param laneBytes what may wait in each lane in bytes, a power of two from 4,096 (leased: 65,536) to 2^32
    /// @param chunkBytes the size of a chunk, a power of two
    /// @param maxItems an exact bound on the number of messages in the queue, or 0
    /// @param leasing makes it a leased queue ([Delivery#LEASED]), or null
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueGeometry(int lanes, long laneBytes, long chunkBytes, long maxItems, @Nullable Leasing leasing) {
        this(lanes, laneBytes, chunkBytes, maxItems, leasing, 0);
    }

    /// A shape with chunks of 2 MiB, or of half a lane if that is less.
    ///
    /// @param lanes maximum number of producers attached at the same time, 1 to 4,096
    /// @param laneBytes what may wait in each lane in bytes, a power of two from 4,096 (leased: 65,536) to 2^32
    /// @param maxItems an exact bound on the number of messages in the queue, or 0
    /// @param leasing makes it a leased queue ([Delivery#LEASED]), or null
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueGeometry(int lanes, long laneBytes, long maxItems, @Nullable Leasing leasing) {
        this(lanes, laneBytes, Math.min(laneBytes / 2, USUAL_CHUNK_BYTES), maxItems, leasing);
    }

    /// The shape of a queue that is not leased, with chunks of 2 MiB, or of half a lane if that is less.
    ///
    /// @param lanes maximum number of producers attached at the same time, 1 to 4,096
    /// @param laneBytes what may wait in each lane in bytes, a power of two from 4,096 to 2^32
    /// @param maxItems an exact bound on the number of messages in the queue, or 0
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueGeometry(int lanes, long laneBytes, long maxItems) {
        this(lanes, laneBytes, maxItems, null);
    }

    /// {@return the same shape, but that the queue ends with its producers}
    ///
    /// @param atLeast how many are attached before it may end, 1 or more; 0: it does not
    public QueueGeometry withEndOfProducers(int atLeast) {
        return new QueueGeometry(lanes, laneBytes, chunkBytes, maxItems, leasing, atLeast);
    }

    static @Nullable String wrong(long lanes, long laneBytes, long chunkBytes, long maxItems, boolean leased) {
        if (lanes < 1 || lanes > MAX_LANES) return "lanes=" + lanes + ", must be 1 to " + MAX_LANES;
        long least = leased ? MIN_LEASED_LANE_BYTES : MIN_LANE_BYTES;
        if (laneBytes < least || laneBytes > MAX_LANE_BYTES || Long.bitCount(laneBytes) != 1) {
            return "laneBytes=" + laneBytes + ", must be a power of two from " + least + (leased ? " (leased)" : "")
                    + " to " + MAX_LANE_BYTES;
        }
        long leastChunk = Math.max(MIN_CHUNK_BYTES, laneBytes / MAX_CHUNKS);
        if (chunkBytes < leastChunk || chunkBytes > laneBytes / 2 || Long.bitCount(chunkBytes) != 1) {
            return "chunkBytes=" + chunkBytes + ", must be a power of two from " + leastChunk + " to " + laneBytes / 2
                    + " (half a lane)";
        }
        return maxItems < 0 ? "maxItems=" + maxItems + ", must be 0 (no bound) or more" : null;
    }

    boolean endsWithProducers() {
        return minProducers > 0;
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

    /// The size of a short record with a payload of this length, in bytes; the hot paths cache the other two.
    static int recordBytes(int length, int headerBytes, int alignment) {
        return headerBytes + length + alignment - 1 & -alignment;
    }

    /// The size of any record.
    long recordBytes(int length) {
        return payloadOffset(length) + length + alignment() - 1 & -alignment();
    }

    /// Where the payload begins in a record: after the header, the number if items are bounded, and the length if the
    /// record is a long one.
    int payloadOffset(int length) {
        return headerBytes() + (length > Layout.MAX_SHORT ? Long.BYTES : 0);
    }

    /// The offset in the lane, always inside of it and aligned for a record, even if the position is damaged.
    long offset(long position) {
        return position & offsetMask();
    }

    /// See [#offset].
    long offsetMask() {
        return laneBytes - alignment();
    }

    /// The longest message in bytes: an empty lane has room for it and the next header, wherever its tail is, since of
    /// an even number of neighbouring chunks at least half are on one side of any one of them.
    int maxMessageBytes() {
        long most = maxBatchBytes();
        long length = most - headerBytes();
        if (length > Layout.MAX_SHORT) length -= Long.BYTES;
        return (int) Math.min(length, LARGEST_MESSAGE);
    }

    /// The most bytes of records that are published at once.
    long maxBatchBytes() {
        return laneBytes / 2 - alignment();
    }

    // ---- chunks

    int chunks() {
        return (int) (laneBytes / chunkBytes);
    }

    /// The offset of a jump's target, always inside of the lane.
    long target(long jump) {
        return (Layout.chunk(jump) & chunks() - 1) * chunkBytes;
    }

    /// Whether a jump leads to a chunk of the lane.
    boolean isTarget(long jump) {
        return Layout.chunk(jump) < chunks();
    }

    // ---- file offsets

    long laneOffset(int lane) {
        return Layout.lanesOffset(lanes) + lane * laneAndWordsBytes();
    }

    /// The bytes of a lane and its lease words, which follow it.
    long laneAndWordsBytes() {
        return laneBytes + leaseWordBytes(laneBytes);
    }

    /// The bytes of the lease words for this many bytes of a lane.
    long leaseWordBytes(long bytes) {
        return leased() ? bytes / Layout.BLOCK * Long.BYTES : 0;
    }

    long fileBytes() {
        return laneOffset(lanes);
    }
}
