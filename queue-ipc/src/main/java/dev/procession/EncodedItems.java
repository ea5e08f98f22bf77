package dev.procession;

import dev.procession.core.Batch;
import dev.procession.core.LaneQueue;
import java.util.Arrays;

/// The bytes of several items, one after the other, that are to be put at once.
final class EncodedItems {
    private static final int FIRST_ITEMS = 16;
    private static final int FIRST_BYTES = 256;

    private final LaneQueue queue;
    private byte[] bytes = new byte[FIRST_BYTES];
    private int[] ends = new int[FIRST_ITEMS]; // of each item in the bytes
    private int count;
    private long batchBytes;

    EncodedItems(LaneQueue queue) {
        this.queue = queue;
    }

    /// @param inBatch what the item takes of a batch, in bytes
    void add(byte[] item, int length, long inBatch) {
        batchBytes += inBatch;
        if (batchBytes > queue.maxBatchBytes()) {
            throw new dev.procession.core.MessageTooLargeException("the first " + (count + 1) + " items have "
                    + batchBytes + " bytes, but a batch for " + queue.path() + " may have " + queue.maxBatchBytes()
                    + " (laneBytes=" + queue.geometry().laneBytes()
                    + "); put them in parts, or make the queue with larger lanes");
        }
        int start = count == 0 ? 0 : ends[count - 1];
        if (length > bytes.length - start) {
            bytes = Arrays.copyOf(bytes,
                    (int) Math.min(Integer.MAX_VALUE - 64, Math.max(start + length, 2L * bytes.length)));
        }
        if (count == ends.length) ends = Arrays.copyOf(ends, 2 * count);
        System.arraycopy(item, 0, bytes, start, length);
        ends[count++] = start + length;
    }

    int count() {
        return count;
    }

    long batchBytes() {
        return batchBytes;
    }

    void addTo(Batch batch) {
        for (int i = 0, start = 0; i < count; start = ends[i++]) batch.add(bytes, start, ends[i] - start);
    }
}
