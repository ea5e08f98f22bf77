package dev.procession.core;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A queue that a test looks into: the words of its file can be read and written.
final class OpenQueue implements AutoCloseable {
    final LaneQueue queue;
    final QueueGeometry geometry;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory; // all of the file, mapped once more

    OpenQueue(Path folder, QueueGeometry geometry) {
        queue = LaneQueue.create(folder.resolve("queue"), geometry, "");
        this.geometry = geometry;
        try (var file = FileChannel.open(queue.path(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            memory = file.map(MapMode.READ_WRITE, 0, geometry.fileBytes(), arena);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    long word(long offset) {
        return memory.get(JAVA_LONG, offset);
    }

    void setWord(long offset, long value) {
        memory.set(JAVA_LONG, offset, value);
    }

    /// The offset in the file of what is at a position of a lane.
    long offset(int lane, long position) {
        return geometry.laneOffset(lane) + Layout.offset(position);
    }

    /// The same of the lease word of the record there.
    long leaseWordOffset(int lane, long position) {
        return geometry.laneOffset(lane) + geometry.laneBytes() + geometry.leaseWordBytes(Layout.offset(position));
    }

    long head(int lane) {
        return word(Layout.headOffset(lane));
    }

    /// Lets a lane that nobody owns begin at a position, as if so many jumps had been made in it.
    void startLaneAt(int lane, long position) {
        setWord(Layout.headOffset(lane), position);
        setWord(offset(lane, position), 0);
        for (long at = 0; geometry.leased() && at < geometry.laneBytes(); at += Layout.BLOCK) {
            long earlier = Layout.position(Layout.jumps(position) - 1, at);
            setWord(leaseWordOffset(lane, at), Layout.leaseWord(earlier, 1, 1, Layout.DONE));
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
        if (arena.scope().isAlive()) arena.close();
    }
}
