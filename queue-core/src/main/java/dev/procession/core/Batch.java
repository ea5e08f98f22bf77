package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Several messages that are put at once: consumers see all of them or none, in their order, and a kill at any
/// instruction leaves all or nothing. Only a message whose put overlaps can come between them. Cheaper than as many
/// puts.
///
/// The records after the first one are written whole while they are invisible, since the first header is still the zero
/// one at the end of the log; then that header is stored. All of them have one ticket.
///
/// Confined to its producer's thread; the object is reused for the next batch.
///
/// {@snippet file="CoreExamples.java" region="batch"}
public final class Batch implements AutoCloseable {
    private final Producer producer;
    private final Claim claim; // the producer's
    private long ticket;
    private long start; // offset of the first record in the lane
    private long next; // offset of the next one
    private long end; // no record may end after this offset
    private long firstHeader;
    private int items;
    private int most;
    private boolean open; // reset right after the step that commits

    Batch(Producer producer, Claim claim) {
        this.producer = producer;
        this.claim = claim;
    }

    /// Returns false if the queue is full.
    boolean open(int messages, long bytes) {
        check(messages, bytes);
        long offset = producer.begin(bytes, messages);
        if (offset == LaneWriter.FULL) return false;
        ticket = producer.ticket();
        start = next = offset;
        end = offset + bytes;
        items = 0;
        most = messages;
        producer.stop();
        open = true;
        return true;
    }

    private void check(int messages, long bytes) {
        QueueGeometry geometry = producer.geometry;
        if (messages < 1) throw new IllegalArgumentException("messages=" + messages + ", must be 1 or more");
        if (geometry.bounded() && messages > geometry.maxItems()) {
            throw new IllegalArgumentException("messages=" + messages + ", but " + producer.file.path
                    + " takes at most maxItems=" + geometry.maxItems() + "; put them in parts");
        }
        if (bytes < messages * geometry.recordBytes(0)) {
            throw new IllegalArgumentException("bytes=" + bytes + " are too few for messages=" + messages
                    + ", even if they are empty; add up what batchBytes() says");
        }
        if (bytes > geometry.maxBatchBytes()) {
            throw new MessageTooLargeException("bytes=" + bytes + " in a batch, but one for " + producer.file.path
                    + " may have " + geometry.maxBatchBytes() + " (laneBytes=" + geometry.laneBytes()
                    + "); put it in parts, or make the queue with larger lanes");
        }
    }

    boolean isOpen() {
        return open;
    }

    /// Adds a message with the bytes of an array.
    ///
    /// @param from holds the payload
    /// @param at index of its first byte
    /// @param length in bytes, 0 or more
    /// @throws IllegalStateException if the batch has ended, or a claim in it is open
    /// @throws IndexOutOfBoundsException if outside the array, or the batch was opened for less
    public void add(byte[] from, int at, int length) {
        Objects.checkFromIndexSize(at, length, from.length);
        long size = size(length);
        try {
            SharedMemory.copyIn(from, at, producer.memory, payload(length), length);
            append(length, size);
        } catch (InternalError e) {
            throw producer.translate(e);
        }
    }

    /// Adds a message with the bytes of a segment.
    ///
    /// @param from holds the payload
    /// @param at offset of its first byte
    /// @param length in bytes, 0 or more
    /// @throws IllegalStateException if the batch has ended, or a claim in it is open
    /// @throws IndexOutOfBoundsException if outside the segment, or the batch was opened for less
    public void add(MemorySegment from, long at, int length) {
        Objects.checkFromIndexSize(at, length, from.byteSize());
        long size = size(length);
        try {
            // checked: the caller's segment may be closed or confined to another thread
            SharedMemory.copyIn(from, at, producer.memory, payload(length), length);
            append(length, size);
        } catch (InternalError e) {
            throw producer.translate(e);
        }
    }

    /// Claims space for one message of the batch, to be written in place. Its commit adds it.
    ///
    /// @param length of the payload in bytes, 0 or more
    /// @return the claim
    /// @throws IllegalArgumentException if the length is negative
    /// @throws IllegalStateException if the batch has ended, or a claim in it is open
    /// @throws IndexOutOfBoundsException if the batch was opened for less
    public Claim claim(int length) {
        if (length < 0) throw new IllegalArgumentException("length=" + length + ", must be 0 or more");
        size(length);
        claim.open(payload(length), length);
        return claim;
    }

    /// The size of the record for one more message, for which there is room.
    private long size(int length) {
        checkOpen();
        long size = length <= producer.maxShort
                ? producer.recordBytes(length)
                : producer.geometry.recordBytes(length);
        if (items == most || size > end - next) {
            throw new IndexOutOfBoundsException("the batch was opened for " + most + " messages in " + (end - start)
                    + " bytes, has " + items + " in " + (next - start) + ", and no room for one more of length="
                    + length);
        }
        return size;
    }

    private long payload(int length) {
        int before = length <= producer.maxShort ? producer.headerBytes : producer.geometry.payloadOffset(length);
        return producer.laneAddress + next + before;
    }

    /// Counts in a message whose payload is there.
    void append(int length, long size) {
        long header = producer.writeHead(ticket, next, length, producer.published + items);
        if (items == 0) firstHeader = header;
        // plain: no consumer comes here before the first header is stored
        else SharedMemory.setPlain(producer.memory, producer.laneAddress + next, header);
        next += size;
        items++;
    }

    /// Returns how many messages were added.
    ///
    /// @return their number
    public int size() {
        return items;
    }

    /// Puts what was added; nothing if that is none.
    ///
    /// @throws IllegalStateException if the batch has ended, or a claim in it is open
    public void commit() {
        checkOpen();
        if (items == 0) {
            abort();
            return;
        }
        try {
            long before = producer.tail;
            try {
                if (items < most && producer.bounded) producer.announceExactly(items);
                producer.publish(firstHeader, before + next - start, items);
            } finally {
                if (producer.tail != before) ended();
            }
        } catch (InternalError e) {
            throw producer.translate(e);
        }
    }

    /// Gives the space back; nothing is put.
    ///
    /// @throws IllegalStateException if the batch has ended
    public void abort() {
        if (!open) checkOpen();
        claim.length = -1;
        if (producer.bounded && !producer.file.isTruncated()) producer.announceExactly(0);
        ended();
    }

    private void ended() {
        open = false;
        producer.resume();
    }

    /// Aborts the batch unless it was committed or aborted.
    @Override
    public void close() {
        if (open) abort();
    }

    private void checkOpen() {
        if (!open) throw new IllegalStateException("this batch was committed or aborted already");
        claim.checkNone();
    }
}
