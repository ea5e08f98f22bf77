package dev.procession.core;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.IntConsumer;

/// Space for one message in the producer's lane, written in place. Invisible to consumers until [commit][#commit()],
/// which puts the message and gives it its place in the order; or, for one of a [Batch], adds it to that. Accesses are
/// bounds-checked against the claimed length.
///
/// Confined to its producer's thread; the object is reused by the next claim. Values are in native byte order,
/// alignment is not required. Bytes not written keep their previous content.
///
/// {@snippet file="CoreExamples.java" region="claim"}
public final class Claim {
    private final IntConsumer whenCommitted; // gets the length
    private final Runnable whenAborted;
    private final MemorySegment memory;
    private long at;
    int length = -1; // reset by the producer right after the step that commits it

    Claim(IntConsumer whenCommitted, Runnable whenAborted, MemorySegment memory) {
        this.whenCommitted = whenCommitted;
        this.whenAborted = whenAborted;
        this.memory = memory;
    }

    void open(long at, int length) {
        this.at = at;
        this.length = length;
    }

    boolean isOpen() {
        return length >= 0;
    }

    private long at(int index, int bytes) {
        if (index < 0 || index > length - bytes) { // it throws; asked before, in fewer steps
            Objects.checkFromIndexSize(index, bytes, Math.max(length, 0));
        }
        return at + index;
    }

    /// Returns the claimed length in bytes.
    ///
    /// @return the length, or -1 after commit and abort
    public int length() {
        return length;
    }

    /// Writes one byte.
    ///
    /// @param index from 0 to `length() - 1`
    /// @param value the byte
    /// @throws IndexOutOfBoundsException if outside the claim, or the claim has ended
    public void putByte(int index, byte value) {
        SharedMemory.setByte(memory, at(index, Byte.BYTES), value);
    }

    /// Writes an int.
    ///
    /// @param index index of its first byte, from 0 to `length() - 4`
    /// @param value the int
    /// @throws IndexOutOfBoundsException if outside the claim, or the claim has ended
    public void putInt(int index, int value) {
        SharedMemory.setInt(memory, at(index, Integer.BYTES), value);
    }

    /// Writes a long.
    ///
    /// @param index index of its first byte, from 0 to `length() - 8`
    /// @param value the long
    /// @throws IndexOutOfBoundsException if outside the claim, or the claim has ended
    public void putLong(int index, long value) {
        SharedMemory.setLong(memory, at(index, Long.BYTES), value);
    }

    /// Writes a double.
    ///
    /// @param index index of its first byte, from 0 to `length() - 8`
    /// @param value the double
    /// @throws IndexOutOfBoundsException if outside the claim, or the claim has ended
    public void putDouble(int index, double value) {
        putLong(index, Double.doubleToRawLongBits(value));
    }

    /// Copies bytes into the claim.
    ///
    /// @param index index of the first byte in the claim
    /// @param from source
    /// @param start index of the first byte in `from`
    /// @param count number of bytes
    /// @throws IndexOutOfBoundsException if outside the claim or the array, or the claim has ended
    public void putBytes(int index, byte[] from, int start, int count) {
        Objects.checkFromIndexSize(start, count, from.length);
        SharedMemory.copyIn(from, start, memory, at(index, count), count);
    }

    /// Copies bytes into the claim.
    ///
    /// @param index index of the first byte in the claim
    /// @param from source
    /// @param start offset of the first byte in `from`
    /// @param count number of bytes
    /// @throws IndexOutOfBoundsException if outside the claim or the segment, or the claim has ended
    public void putBytes(int index, MemorySegment from, long start, int count) {
        Objects.checkFromIndexSize(start, count, from.byteSize());
        SharedMemory.copyIn(from, start, memory, at(index, count), count);
    }

    /// Puts the message, or adds it to the batch.
    ///
    /// @throws IllegalStateException if the claim has ended
    public void commit() {
        checkOpen();
        whenCommitted.accept(length);
    }

    /// Gives the space back; nothing is put.
    ///
    /// @throws IllegalStateException if the claim has ended
    public void abort() {
        checkOpen();
        whenAborted.run();
    }

    void checkNone() {
        if (isOpen())
            throw new IllegalStateException("a claim of length=" + length + " is open; commit or abort it first");
    }

    private void checkOpen() {
        if (length < 0) throw new IllegalStateException("this claim was committed or aborted already");
    }
}
