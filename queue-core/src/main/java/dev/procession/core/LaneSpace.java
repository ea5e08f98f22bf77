package dev.procession.core;

import java.util.BitSet;
import java.util.function.BooleanSupplier;

/// Where the owner of a lane may write: the ring of chunks that the lane is made of.
///
/// While consumers keep up, a lane goes to and fro between its two lowest chunks. Under a backlog it takes in more,
/// and gives them back to the file system after it. The *chain* is the runs of neighbouring chunks from the head's to
/// the tail's, one for each jump count; a run has more than one chunk only for records longer than a chunk. Nothing of
/// this is in the file but the jumps: an heir finds the chain by walking from the head.
///
/// For the lane's producer; and for the thread that gives back what it has left.
final class LaneSpace {
    /// No chunk is free, or the file system has no space left.
    static final long FULL = -1;

    /// Allocation step in bytes: one system call per 64 KiB of a chunk that is written for the first time.
    private static final long RESERVE_BYTES = 64 << 10;
    /// The first step of a lane: most queues stay small.
    private static final long FIRST_RESERVE_BYTES = 16 << 10;
    /// Chunks smaller than this are not given back: a hole of a few pages is not worth a system call.
    private static final long PUNCH_BYTES = 64 << 10;
    /// This many chunks a lane keeps, the lowest if it can, unless the file system is full.
    private static final int KEPT = 2;
    /// More chunks than this are the rest of a large backlog.
    private static final int MANY = 32;
    /// Checks for truncation (a system call) when this many bytes become writable, and every CHECK_EVERY calls.
    private static final long CHECK_BYTES = 1 << 20;
    private static final int CHECK_EVERY = 64;

    private final QueueFile file;
    private final Lanes lanes;
    private final int lane;
    private final QueueGeometry geometry;
    private final long chunkBytes;
    private final int chunks;
    private final int headerBytes;

    // the chain, in a ring of as many places as there are chunks
    private final int[] firstChunk;
    private final int[] lastChunk;
    private int oldest; // place of the head's run, as last seen
    private int oldestJumps; // jump count under which that run was filled
    private int runs; // in the chain, at least one
    private final BitSet used; // the chunks in the chain

    private final BitSet whole; // chunks known to have all of their space
    private final BitSet touched; // chunks that may have some of their space
    private long reserved; // offset: the newest run has its space up to here
    private int calls;
    private int peak; // the most chunks that were in the chain at once since the last trim()
    private boolean settling; // from a large backlog to the two lowest chunks
    private boolean watched; // trim() will be called
    private boolean closed;
    private final BooleanSupplier trimming = this::trim;

    /// No byte at or above this position may be written; as of the last [#find].
    long writableEnd;
    /// The position of the lane's next record, as an heir finds it; later the producer knows better.
    final long foundTail;

    /// @param inUse whether the lane has had an owner before
    LaneSpace(Lanes lanes, int lane, boolean inUse) {
        this.lanes = lanes;
        this.lane = lane;
        file = lanes.file;
        geometry = file.geometry;
        chunkBytes = geometry.chunkBytes();
        chunks = geometry.chunks();
        headerBytes = geometry.headerBytes();
        firstChunk = new int[chunks];
        lastChunk = new int[chunks];
        used = new BitSet(chunks);
        whole = new BitSet(chunks);
        touched = new BitSet(chunks);
        foundTail = inUse ? walk() : 0;
        if (!inUse) append(0, 0);
        reserved = Layout.offset(foundTail);
        touched.or(used);
        if (inUse) giveBackUnused();
    }

    // ---- the chain

    /// Walks from the head to the zero header at the end of the log, which the previous owner left there (invariant 2),
    /// and finds the chain. Nobody else writes the lane now, and the head moves only forward.
    private long walk() {
        long at = file.head(lane);
        oldestJumps = Layout.jumps(at);
        append(chunk(at), chunk(at));
        for (long header; (header = lanes.header(lane, at)) != 0;) {
            if (Layout.isJump(header)) {
                at = Layout.position(Layout.jumps(at) + 1, geometry.target(header));
                if (!geometry.isTarget(header) || used.get(chunk(at))) {
                    throw file.corrupted(lane, at, "a jump leads into chunks that hold records");
                }
                append(chunk(at), chunk(at));
                continue;
            }
            int length = lanes.length(lane, at, header);
            if (length < 0) throw file.corrupted(lane, at, Lanes.NO_RECORD);
            at += geometry.recordBytes(length);
            if (chunk(at) != lastChunk[newest()]) {
                lastChunk[newest()] = chunk(at);
                used.set(firstChunk[newest()], chunk(at) + 1);
            }
        }
        return at;
    }

    private int chunk(long position) {
        return (int) (geometry.offset(position) / chunkBytes);
    }

    private int newest() {
        return (oldest + runs - 1) % chunks;
    }

    private void append(int first, int last) {
        runs++;
        firstChunk[newest()] = first;
        lastChunk[newest()] = last;
        used.set(first, last + 1);
    }

    /// Drops a run to which the producer has not jumped after all.
    private void dropUnpublished(long tail) {
        while (oldestJumps + runs - 1 - Layout.jumps(tail) > 0) {
            used.clear(firstChunk[newest()], lastChunk[newest()] + 1);
            runs--;
            reserved = Layout.offset(tail);
        }
    }

    /// Takes what the head has passed out of the chain: invariant 6.
    private void freePassed(long tail) {
        // pairs with the release or CAS that moved the head past the records before it
        long head = file.head(lane);
        if (tail - head < 0) throw file.corrupted(lane, head, "head is outside of the log");
        freeBefore(head);
    }

    private void freeBefore(long head) {
        int passed = Layout.jumps(head) - oldestJumps;
        if (passed < 0 || passed >= runs) throw file.corrupted(lane, head, "head is outside of the log");
        for (; passed > 0; passed--) {
            used.clear(firstChunk[oldest], lastChunk[oldest] + 1);
            oldest = (oldest + 1) % chunks;
            oldestJumps++;
            runs--;
        }
        int chunk = chunk(head);
        if (chunk < firstChunk[oldest] || chunk > lastChunk[oldest]) {
            throw file.corrupted(lane, head, "head is outside of the log");
        }
        used.clear(firstChunk[oldest], chunk); // the chunks of a long record that was taken
        firstChunk[oldest] = chunk;
    }

    /// The lowest chunk that begins a free run of this many, or -1.
    private int lowestFree(int count) {
        for (int first = used.nextClearBit(0); first + count <= chunks;) {
            int next = used.nextSetBit(first);
            if (next < 0 || next - first >= count) return first;
            first = used.nextClearBit(next);
        }
        return -1;
    }

    // ---- space for a record

    /// Finds space for records of this size and the header after them: at the tail, or else in free chunks, to which
    /// the producer then jumps. Updates `writableEnd`.
    ///
    /// @return the offset where it begins, or FULL
    synchronized long find(long tail, long size) {
        if ((++calls & CHECK_EVERY - 1) == 0) file.checkNotTruncated();
        dropUnpublished(tail);
        freePassed(tail);
        boolean fits = Layout.offset(tail) + size + headerBytes <= runEnd();
        long start = find(tail, size, !fits);
        // other chunks may still have their space: not every file system takes back what is free
        return start == FULL && fits && size > 0 ? find(tail, size, true) : start;
    }

    private long find(long tail, long size, boolean elsewhere) {
        long start = Layout.offset(tail);
        int jumps = Layout.jumps(tail);
        long bytes = size + headerBytes;
        int newest = newest();
        int last = lastChunk[newest];
        if (elsewhere) {
            int count = (int) ((bytes + chunkBytes - 1) / chunkBytes);
            last = endRunAt(tail);
            // at once, if it is much and nothing else will need it
            settling = count == 1
                    && used.cardinality() <= KEPT
                    && (touched.cardinality() > MANY || settling && touched.length() > KEPT);
            if (settling) giveBack(KEPT - 1);
            // a run whose last chunk is empty still goes on into free chunks: an heir does not know how long it was
            if (start != last * chunkBytes || !isFree(last + 1, count - 1)) {
                int first = lowestFree(count);
                if (first < 0) return FULL;
                append(first, first + count - 1);
                reserved = start = first * chunkBytes;
                jumps++;
            } else {
                lastChunk[newest] = last + count - 1;
                used.set(last, last + count);
            }
            peak = Math.max(peak, used.cardinality());
        }
        // allocation may zero what it allocates, and consumers read all up to the zero header at the tail
        long from = jumps == Layout.jumps(tail) ? start + headerBytes : start;
        boolean found = reserve(from, start + bytes)
                || giveBack(0) && reserve(from, start + bytes); // what is free is scarce
        file.spaceMissing = !found;
        if (!found) {
            giveBackUnfinished(jumps == Layout.jumps(tail) ? last + 1 : firstChunk[newest()]);
            dropUnpublished(tail);
            used.clear(last + 1, lastChunk[newest] + 1);
            lastChunk[newest] = last;
            reserved = Math.min(reserved, runEnd());
            return FULL;
        }
        writableEnd = Layout.position(jumps, 0) + reserved;
        if (reserved - start >= CHECK_BYTES) file.checkNotTruncated();
        return start;
    }

    /// The newest run ends with the tail's chunk: what was claimed after it, and not filled, is free.
    private int endRunAt(long tail) {
        int last = chunk(tail);
        used.clear(last + 1, lastChunk[newest()] + 1);
        lastChunk[newest()] = last;
        reserved = Math.min(reserved, runEnd());
        return last;
    }

    private boolean isFree(int first, int count) {
        int next = used.nextSetBit(first);
        return first + count <= chunks && (next < 0 || next >= first + count);
    }

    private long runEnd() {
        return (lastChunk[newest()] + 1) * chunkBytes;
    }

    /// Allocates the newest run up to this offset, at least.
    private boolean reserve(long from, long to) {
        while (true) {
            int chunk = (int) (reserved / chunkBytes);
            long end = (chunk + 1) * chunkBytes;
            if (reserved < runEnd() && whole.get(chunk)) {
                reserved = end;
                continue;
            }
            if (reserved >= to) return true;
            long step = oldestJumps == 0 && reserved == 0 ? FIRST_RESERVE_BYTES : RESERVE_BYTES;
            touched.set(chunk);
            if (!reserve(from, to, end, step) && !reserve(from, to, end, Layout.PAGE)) return false; // by the page
            if (reserved == end) whole.set(chunk);
        }
    }

    private boolean reserve(long from, long to, long end, long step) {
        long next = Math.min(end, (to + step - 1) / step * step);
        if (!file.lanes.reserve(lane, Math.min(Math.max(reserved, from), next), next)) return false;
        reserved = next;
        return true;
    }

    // ---- giving space back

    /// For a producer that closes: from then on an heir may have the lane.
    synchronized void close(long tail) {
        closed = true;
        if (touched.length() <= KEPT) return;
        dropUnpublished(tail);
        freePassed(tail);
        giveBack(KEPT);
    }

    /// Called where the lane has grown, by a producer that will be closed: until then another thread looks after it.
    synchronized void watch() {
        if (watched || touched.length() <= KEPT || chunkBytes < PUNCH_BYTES) return;
        watched = true;
        Later.repeat(trimming);
    }

    /// Gives back what a backlog has left, but for twice as much as was in use at once lately: another backlog, or
    /// another long record, may follow. Returns whether to call again.
    private boolean trim() {
        if (!file.tryEnter()) return false; // all is closed
        try {
            synchronized (this) {
                if (closed) return false;
                freeBefore(file.head(lane));
                giveBack(peak <= KEPT ? KEPT : 2 * peak);
                peak = used.cardinality();
                return watched = touched.cardinality() > KEPT;
            }
        } catch (QueueException | InternalError e) {
            return false; // the producer finds out by itself
        } finally {
            file.exit();
        }
    }

    /// Gives free chunks back to the file system, the highest first, until only this many have their space. Returns
    /// whether there were any.
    private boolean giveBack(int kept) {
        if (chunkBytes < PUNCH_BYTES) return false;
        int before = touched.cardinality();
        int left = before;
        for (int chunk = touched.length() - 1; chunk >= 0 && left > kept; chunk = touched.previousSetBit(chunk - 1)) {
            if (used.get(chunk)) continue;
            giveBackChunk(chunk);
            left--;
        }
        return left < before;
    }

    private void giveBackChunk(int chunk) {
        file.lanes.giveBack(lane, chunk * chunkBytes, (chunk + 1) * chunkBytes);
        whole.clear(chunk);
        touched.clear(chunk);
    }

    /// Gives back the chunks of the newest run, from this one on, that have a part of their space only.
    private void giveBackUnfinished(int first) {
        if (chunkBytes < PUNCH_BYTES) return;
        for (int chunk = first; chunk <= lastChunk[newest()]; chunk++) {
            if (!whole.get(chunk)) giveBackChunk(chunk);
        }
    }

    /// The same for an heir, which does not know what its predecessors have allocated.
    private void giveBackUnused() {
        if (chunkBytes < PUNCH_BYTES) return;
        touched.set(0, Math.max(0, KEPT - used.cardinality())); // they may have some
        for (int first = touched.nextClearBit(0); first < chunks;) {
            int next = touched.nextSetBit(first);
            if (next < 0) next = chunks;
            file.lanes.giveBack(lane, first * chunkBytes, next * chunkBytes);
            first = touched.nextClearBit(next);
        }
    }
}
