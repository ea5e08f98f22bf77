package dev.procession.core;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/// A queue that a test looks into: the words of its file can be read and written.
final class OpenQueue implements AutoCloseable {
    final LaneQueue queue;
    final QueueGeometry geometry;
    private final MemorySegment memory;

    OpenQueue(Path folder, QueueGeometry geometry) {
        queue = LaneQueue.create(folder.resolve("queue"), geometry, "");
        this.geometry = geometry;
        memory = queue.file.memory;
    }

    long word(long offset) {
        return memory.get(JAVA_LONG, offset);
    }

    void setWord(long offset, long value) {
        memory.set(JAVA_LONG, offset, value);
    }

    /// The offset in the file of what is at a position of a lane.
    long offset(int lane, long position) {
        return geometry.laneOffset(lane) + (position & geometry.laneBytes() - 1);
    }

    /// Lets a lane that nobody owns begin at a position, as if so many bytes had passed through it.
    void startLaneAt(int lane, long position) {
        setWord(Layout.headOffset(lane), position);
        setWord(offset(lane, position), 0);
        for (long at = 0; geometry.leased() && at < geometry.laneBytes(); at += Layout.BLOCK) {
            long earlier = Layout.leaseWord(geometry.lap(position) - 1, 1, 1, Layout.DONE);
            setWord(geometry.leaseWordsOffset(lane) + geometry.leaseWordBytes(at), earlier);
        }
    }

    /// A message that tells its number.
    static byte[] message(int number, int length) {
        byte[] message = new byte[length];
        for (int i = 0; i < length; i++) message[i] = (byte) (number + i);
        ByteBuffer.wrap(message).putInt(0, number);
        return message;
    }

    @Override
    public void close() {
        queue.close();
    }
}
