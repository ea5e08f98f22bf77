package dev.procession.core;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// One message, as seen by a handler: in place in shared memory (exclusive) or a private copy (shared, leased).
/// Accesses are bounds-checked against the message's length.
///
/// Confined to its consumer's thread; the object is reused for the next message and is empty once the handler has
/// returned. Values are in native byte order, alignment is not required. In an exclusive consumer the bytes are shared
/// memory: a faulty producer could change them while they are read, so parse a copy if producers are not trusted.
///
/// {@snippet file="CoreExamples.java" region="message"}
public final class Message {
    private MemorySegment memory;
    private long at;
    private int length;

    // where it is in the queue; for id() alone, so set once a run of messages
    private final @Nullable UUID queue;
    private long origin; // where the payload of a short record at the start of its lane would be
    private int lane;
    private long run; // a position with this message's jump count

    Message(MemorySegment memory, @Nullable UUID queue) {
        this.memory = memory;
        this.queue = queue;
    }

    /// Returns an independent message with a copy of the bytes: for code that reads messages whose bytes come from
    /// elsewhere than from a queue.
    ///
    /// @param bytes the payload
    /// @return a message that stays valid
    public static Message copyOf(byte[] bytes) {
        MemorySegment memory = Arena.ofAuto().allocate(Math.max(1, bytes.length), Long.BYTES);
        Message message = new Message(memory, null);
        message.show(SharedMemory.base(memory), bytes.length);
        SharedMemory.copyIn(bytes, 0, memory, message.at, bytes.length);
        return message;
    }

    /// Says where the messages shown from now on are.
    void in(MemorySegment memory, long origin, int lane, long run) {
        this.memory = memory;
        this.origin = origin;
        this.lane = lane;
        this.run = run;
    }

    void show(long at, int length) {
        this.at = at;
        this.length = length;
    }

    void hide() {
        length = 0;
    }

    /// Returns the length of the payload in bytes, 0 or more.
    ///
    /// @return the length in bytes
    public int length() {
        return length;
    }

    private long at(int index, int bytes) {
        return at + Objects.checkFromIndexSize(index, bytes, length);
    }

    /// Returns one byte.
    ///
    /// @param index from 0 to `length() - 1`
    /// @return the byte there
    /// @throws IndexOutOfBoundsException if outside the message
    public byte getByte(int index) {
        return SharedMemory.getByte(memory, at(index, Byte.BYTES));
    }

    /// Returns an int.
    ///
    /// @param index index of its first byte, from 0 to `length() - 4`
    /// @return the int there
    /// @throws IndexOutOfBoundsException if outside the message
    public int getInt(int index) {
        return SharedMemory.getInt(memory, at(index, Integer.BYTES));
    }

    /// Returns a long.
    ///
    /// @param index index of its first byte, from 0 to `length() - 8`
    /// @return the long there
    /// @throws IndexOutOfBoundsException if outside the message
    public long getLong(int index) {
        return SharedMemory.getLong(memory, at(index, Long.BYTES));
    }

    /// Returns a double.
    ///
    /// @param index index of its first byte, from 0 to `length() - 8`
    /// @return the double there
    /// @throws IndexOutOfBoundsException if outside the message
    public double getDouble(int index) {
        return Double.longBitsToDouble(getLong(index));
    }

    /// Returns what names this message for good: the same each time that it is leased or redelivered.
    ///
    /// @return its id
    /// @throws IllegalStateException if it comes from no queue
    public MessageId id() {
        if (queue == null) throw new IllegalStateException("this message comes from no queue, so it has no id");
        long offset = at - origin - (length > Layout.MAX_SHORT ? Long.BYTES : 0);
        return new MessageId(queue, lane, Layout.position(Layout.jumps(run), offset));
    }

    /// Copies bytes out.
    ///
    /// @param index index of the first byte in the message
    /// @param to destination
    /// @param start index of the first byte in `to`
    /// @param count number of bytes
    /// @throws IndexOutOfBoundsException if outside the message or the array
    public void getBytes(int index, byte[] to, int start, int count) {
        Objects.checkFromIndexSize(start, count, to.length);
        SharedMemory.copyOut(memory, at(index, count), to, start, count);
    }

    /// Copies bytes out, for example into an array of numbers ([MemorySegment#ofArray(long[])]).
    ///
    /// @param index index of the first byte in the message
    /// @param to destination
    /// @param start offset of the first byte in `to`
    /// @param count number of bytes
    /// @throws IndexOutOfBoundsException if outside the message or the segment
    public void getBytes(int index, MemorySegment to, long start, long count) {
        Objects.checkFromIndexSize(start, count, to.byteSize());
        Objects.checkFromIndexSize((long) index, count, (long) length);
        SharedMemory.copyOut(memory, at + index, to, start, count);
    }

    /// Copies the whole message into a new array.
    ///
    /// @return the payload
    public byte[] toBytes() {
        byte[] bytes = new byte[length];
        getBytes(0, bytes, 0, length);
        return bytes;
    }
}
