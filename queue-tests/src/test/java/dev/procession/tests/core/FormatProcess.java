package dev.procession.tests.core;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/// Puts into and gets from a queue that others use meanwhile, by FORMAT.md alone: nothing here is from the library. One
/// producer and one shared consumer, each of one thread; short records; not for leased queues. It has no membarrier and
/// no wake of a futex.
final class FormatProcess implements AutoCloseable {
    private static final long TICKET = 4096, LANES_IN_USE = 4224, MESSAGES = 4352, ROOM = 4608;
    private static final long JUMP = 0xff_ffff;
    private static final long MOST_STEPS = 10_000_000;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();

    private final FileChannel file;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final int lanes;
    private final long laneBytes;
    private final long chunkBytes;
    private final long maxItems;
    private final int h;
    private int lane = -1; // the producer's own
    private @Nullable FileLock owned;
    private long tail;
    private long published;
    private long lastTicket = -1;

    FormatProcess(Path path) throws IOException {
        file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
        memory = file.map(MapMode.READ_WRITE, 0, file.size(), arena);
        lanes = (int) load(16);
        laneBytes = load(24);
        chunkBytes = load(32);
        maxItems = load(40);
        h = maxItems > 0 ? 16 : 8;
        locked(file.tryLock(0, 1, true));
        locked(file.tryLock(1, 1, true));
        LONG.getAndBitwiseOr(memory, MESSAGES, 2L);
        LONG.getAndBitwiseOr(memory, ROOM, 2L);
    }

    private static FileLock locked(@Nullable FileLock lock) throws IOException {
        if (lock == null) throw new IOException("locked");
        return lock;
    }

    private long load(long offset) {
        return (long) LONG.getVolatile(memory, offset);
    }

    private void store(long offset, long word) {
        LONG.set(memory, offset, word);
    }

    private static long head(int lane) {
        return 6016 + 256L * lane;
    }

    private static long announced(int lane) {
        return head(lane) + 128;
    }

    private long at(int lane, long position) {
        return (6016 + 256L * lanes + 4095) / 4096 * 4096 + lane * laneBytes + (position & laneBytes - h);
    }

    private long size(long header) {
        return (h + (header & JUMP) - 1 + h - 1) / h * h;
    }

    private long target(long position, long jump) {
        return (position >>> 32) + 1 << 32 | (jump >>> 24) * chunkBytes;
    }

    // ---- producer

    /// Takes the first lane that has no owner.
    void own() throws IOException {
        int i = 0;
        while ((owned = file.tryLock(16 + i, 1, false)) == null) i++;
        lane = i;
        lastTicket = -1;
        tail = lane < load(LANES_IN_USE) ? walk(null) : 0;
        if (maxItems > 0) {
            published = load(at(lane, tail) + 8);
            LONG.setRelease(memory, announced(lane), published);
        }
        for (long seen; (seen = load(LANES_IN_USE)) <= lane;) {
            boolean raised = LONG.compareAndSet(memory, LANES_IN_USE, seen, lane + 1L);
        }
    }

    void disown() throws IOException {
        if (owned != null) owned.release();
        ring(ROOM);
    }

    /// The end of the log of the own lane; marks the chunks of its chain.
    private long walk(@Nullable BitSet chain) {
        long position = load(head(lane));
        for (long steps = 0;; steps++) {
            if (steps > laneBytes) throw new IllegalStateException("the log of lane " + lane + " does not end");
            long header = load(at(lane, position));
            boolean jump = (header & JUMP) == JUMP;
            long end = header == 0 || jump ? position : position + size(header);
            if (chain != null) chain.set(chunk(position), chunk(end) + 1);
            if (header == 0) return position;
            position = jump ? target(position, header) : end;
        }
    }

    private int chunk(long position) {
        return (int) ((position & laneBytes - h) / chunkBytes);
    }

    /// Returns false if the queue is full.
    boolean tryPut(byte[] payload) {
        if (maxItems > 0 && !announce()) return false;
        long size = size(payload.length + 1);
        if (!makeRoom(size)) {
            if (maxItems > 0) LONG.setRelease(memory, announced(lane), published);
            return false;
        }
        if (lastTicket < 0 || load(TICKET) != lastTicket + 1) lastTicket = (long) LONG.getAndAdd(memory, TICKET, 1L);
        long start = at(lane, tail);
        MemorySegment.copy(payload, 0, memory, ValueLayout.JAVA_BYTE, start + h, payload.length);
        end(start + size, published + 1);
        LONG.setRelease(memory, start, lastTicket << 24 | payload.length + 1);
        tail += size;
        published++;
        ring(MESSAGES);
        return true;
    }

    private void end(long offset, long number) {
        if (maxItems > 0) store(offset + 8, number);
        store(offset, 0);
    }

    private boolean makeRoom(long size) {
        if (tail % chunkBytes + size + h <= chunkBytes) return true;
        var chain = new BitSet();
        long end = walk(chain);
        assert end == tail;
        int count = (int) ((size + h + chunkBytes - 1) / chunkBytes);
        int first = 0;
        for (int next; (next = chain.nextSetBit(first)) >= 0 && next < first + count;) first = next + 1;
        if ((first + count) * chunkBytes > laneBytes) return false;
        long old = at(lane, tail);
        tail = (tail >>> 32) + 1 << 32 | first * chunkBytes;
        end(at(lane, tail), published);
        LONG.setRelease(memory, old, (long) first << 24 | JUMP);
        return true;
    }

    /// Never counts exactly: it may say "full" too often.
    private boolean announce() {
        LONG.setRelease(memory, announced(lane), published + 1);
        VarHandle.fullFence();
        long items = 0;
        for (int each = 0; each < load(LANES_IN_USE); each++) {
            long head;
            long number;
            do {
                head = load(head(each));
                number = load(at(each, head) + 8);
            } while (load(head(each)) != head);
            items += load(announced(each)) - number;
        }
        if (items <= maxItems) return true;
        LONG.setRelease(memory, announced(lane), published);
        return false;
    }

    private void ring(long waiting) {
        if (load(waiting) == 0) return;
        VarHandle.fullFence();
        if ((load(waiting) & 1) == 0) return;
        LONG.getAndBitwiseAnd(memory, waiting, ~1L);
        int before = (int) INT.getAndAdd(memory, waiting + 128, 1);
    }

    // ---- consumer

    private long foundHead; // what read() has found
    private long foundHeader;

    /// Reads the first record of a lane; false if there is none.
    private boolean read(int each) {
        for (long steps = 0;; steps++) {
            if (steps > MOST_STEPS) throw new IllegalStateException("lane " + each + " never stands still");
            long head = load(head(each));
            long header = load(at(each, head));
            if ((header & JUMP) == JUMP) {
                long target = target(head, header);
                if (target >= 0 && LONG.compareAndSet(memory, head(each), head, target)) ring(ROOM);
            } else if (load(head(each)) == head) {
                foundHead = head;
                foundHeader = header;
                return header != 0;
            }
        }
    }

    /// The next message, or null if the queue is empty.
    byte @Nullable [] tryGet() {
        long[] headsBefore = new long[0]; // of the last look
        long[] headersBefore = new long[0];
        for (long looks = 0;; looks++) {
            if (looks > MOST_STEPS) throw new IllegalStateException("the lanes never stand still");
            long counter = load(TICKET);
            int inUse = (int) load(LANES_IN_USE);
            long[] heads = new long[inUse];
            long[] headers = new long[inUse];
            int best = -1;
            long ticket = 0;
            for (int each = 0; each < inUse; each++) {
                boolean found = read(each);
                heads[each] = foundHead;
                headers[each] = foundHeader;
                if (!found) continue;
                long newest = load(TICKET) - 1;
                long its = newest - (newest - (foundHeader >>> 24) & (1L << 40) - 1);
                if (best >= 0 && its - ticket >= 0) continue;
                best = each;
                ticket = its;
            }
            if (best < 0 && Arrays.equals(heads, headsBefore)) return null;
            boolean seen = best >= 0 && best < headsBefore.length && headersBefore[best] != 0
                    && headsBefore[best] == heads[best];
            headsBefore = heads;
            headersBefore = headers;
            if (best < 0 || !seen && ticket - (counter - 1) >= 0) continue;
            byte[] message = take(best, heads[best], headers[best]);
            if (message != null) return message;
        }
    }

    private byte @Nullable [] take(int each, long head, long header) {
        int length = (int) (header & JUMP) - 1;
        if (length < 0 || h + length > laneBytes / 2) { // of another time, or damage
            if (load(head(each)) != head) return null;
            throw new IllegalStateException("no record at " + head + " of lane " + each);
        }
        byte[] message = new byte[length];
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, at(each, head) + h, message, 0, length);
        long next = head + size(header);
        if (!LONG.compareAndSet(memory, head(each), head, next)) return null;
        if (maxItems > 0 || chunk(head) != chunk(next)) ring(ROOM);
        return message;
    }

    @Override
    public void close() throws IOException {
        file.close();
        arena.close();
    }
}
