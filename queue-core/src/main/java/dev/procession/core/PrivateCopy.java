package dev.procession.core;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Private memory for a copy of one message or a run of records, and the [Message] that shows it. Grows on demand;
/// freed only by the garbage collector.
///
/// Confined to one thread.
final class PrivateCopy {
    /// A run of records has at most this many bytes, unless it is one long record.
    static final int RUN_BYTES = 16 << 10;

    private static final int ALIGNMENT = 64; // a cache line
    private static final int LEAST_BYTES = 1 << 10;

    private final QueueFile file;
    private MemorySegment memory = MemorySegment.NULL;
    private Message message;

    PrivateCopy(QueueFile file) {
        this.file = file;
        message = new Message(memory, file.uuid);
    }

    long byteSize() {
        return memory.byteSize();
    }

    /// The message changed by [#show] and [#hide]; replaced when the copy grows.
    Message message() {
        return message;
    }

    /// Copies bytes of a lane to the start of the private memory.
    void fill(MemorySegment lane, long from, long bytes) {
        fill(0, lane, from, bytes);
    }

    /// Copies bytes of a lane to an offset in the private memory.
    void fill(long offset, MemorySegment lane, long from, long bytes) {
        SharedMemory.copy(lane, from, memory, SharedMemory.base(memory) + offset, bytes);
    }

    /// Shows the payload at the start of the private memory as that of a message.
    void show(int length, int lane, long position) {
        long start = SharedMemory.base(memory);
        int more = length > Layout.MAX_SHORT ? Long.BYTES : 0;
        message.in(memory, start - Layout.offset(position) - more, lane, position);
        message.show(start, length);
    }

    void hide() {
        message.hide();
    }

    /// Hands out a run of records already taken: all of them, even if the handler throws.
    ///
    /// @param lane where they were, as is `position`
    /// @return the number of records
    int handOut(MessageHandler handler, int bytes, int lane, long position) {
        final int headerBytes = file.geometry.headerBytes();
        final int alignment = file.geometry.alignment();
        final long start = SharedMemory.base(memory);
        message.in(memory, start - Layout.offset(position) + headerBytes, lane, position);
        int records = 0;
        Throwable thrown = null;
        for (int offset = 0; offset < bytes;) {
            int length = Layout.length(SharedMemory.getPlain(memory, start + offset));
            long size = QueueGeometry.recordBytes(length, headerBytes, alignment);
            if (length < 0 || size > bytes - offset) {
                hide();
                var damage = file.corrupted(lane, position + offset, "a record changed while it was taken");
                if (thrown != null) damage.addSuppressed(thrown);
                throw damage;
            }
            message.show(start + offset + headerBytes, length);
            offset += (int) size;
            records++;
            try {
                handler.onMessage(message);
            } catch (Throwable e) {
                if (thrown == null) thrown = e;
                else suppress(e, thrown);
            }
        }
        hide();
        if (thrown != null) throw PrivateCopy.<RuntimeException>unchecked(thrown);
        return records;
    }

    private static void suppress(Throwable e, Throwable thrown) {
        try {
            if (e != thrown) thrown.addSuppressed(e);
        } catch (OutOfMemoryError | StackOverflowError lost) {
            // one reported failure is enough; the rest of the run must not be lost over it
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T unchecked(Throwable thrown) throws T {
        throw (T) thrown; // a handler in another language may throw any Throwable
    }

    /// Makes room for this many bytes, discarding the content. The new memory is at least twice as large as the old
    /// where possible, so garbage never exceeds what is in use.
    ///
    /// @throws OutOfMemoryError if there is not enough; the message says what to do
    void grow(int bytes) {
        MemorySegment larger = larger(bytes);
        message = new Message(larger, file.uuid);
        memory = larger;
    }

    private MemorySegment larger(int bytes) {
        long most = Math.max(RUN_BYTES, file.geometry.maxMessageBytes());
        long twice = Math.min(Math.max(2 * memory.byteSize(), LEAST_BYTES), most);
        if (twice > bytes) {
            try {
                return Arena.ofAuto().allocate(twice, ALIGNMENT);
            } catch (OutOfMemoryError e) {
                // the exact size may still fit
            }
        }
        try {
            return Arena.ofAuto().allocate(bytes + Long.BYTES - 1 & -Long.BYTES, ALIGNMENT); // copied by whole longs
        } catch (OutOfMemoryError e) {
            var error = new OutOfMemoryError("no memory for a copy of the next message of " + file.path + ", length="
                    + bytes + " bytes; it was not taken, give this process more (-XX:MaxDirectMemorySize)");
            error.initCause(e);
            throw error;
        }
    }
}
