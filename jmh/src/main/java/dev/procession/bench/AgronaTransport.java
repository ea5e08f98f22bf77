package dev.procession.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.agrona.concurrent.MessageHandler;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.ManyToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.OneToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.RingBuffer;
import org.agrona.concurrent.ringbuffer.RingBufferDescriptor;

/// Agrona's ring buffers over a mapped file: `write` from a buffer that wraps the message once, `read` in place.
///
/// With its bounds checks on, as it comes, and without, which is Agrona at its fastest.
final class AgronaTransport implements Transport {
    private static final int MESSAGE_TYPE = 1;

    private final String name;
    private final boolean manyProducers;
    private final boolean checksBounds;

    private AgronaTransport(String name, boolean manyProducers, boolean checksBounds) {
        this.name = name;
        this.manyProducers = manyProducers;
        this.checksBounds = checksBounds;
    }

    static Transport manyToOne() {
        return new AgronaTransport("agrona-many-to-one", true, false);
    }

    static Transport oneToOne() {
        return new AgronaTransport("agrona-one-to-one", false, false);
    }

    static Transport manyToOneChecked() {
        return new AgronaTransport("agrona-many-to-one-checked", true, true);
    }

    static Transport oneToOneChecked() {
        return new AgronaTransport("agrona-one-to-one-checked", false, true);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean serves(Work work) {
        if (work.content() == Work.Content.PACKED_LONGS) {
            return !manyProducers && !checksBounds && work.producers() == 1 && work.consumers() == 1;
        }
        if (work.content() != Work.Content.BYTES || work.consumers() > 1) return false;
        return switch (work.kind()) {
            case COLD -> !checksBounds && (manyProducers || work.producers() == 1);
            case THROUGHPUT, PUT_ONLY, ROUND_TRIP, LATENCY, PUT_LATENCY, STOPPED ->
                manyProducers || work.producers() == 1;
            default -> false;
        };
    }

    @Override
    public List<String> jvmArguments() {
        return List.of("--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                "-Dagrona.disable.bounds.checks=" + !checksBounds);
    }

    @Override
    public void create(Path file, Work work) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            long size = work.queueBytes() + RingBufferDescriptor.TRAILER_LENGTH;
            channel.write(ByteBuffer.allocate(1), size - 1);
        }
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) throws IOException {
        RingBuffer ring = open(file);
        if (work.content() == Work.Content.PACKED_LONGS) return packedSender(ring, payload);
        var source = new UnsafeBuffer(payload.message());
        return () -> ring.write(MESSAGE_TYPE, source, 0, source.capacity());
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) throws IOException {
        RingBuffer ring = open(file);
        if (work.content() == Work.Content.PACKED_LONGS) return packedReceiver(ring, check);
        MessageHandler handler = (type, buffer, index, length) -> {
            long first = buffer.getLong(index);
            check.first(first, length);
            int last = index + length - Long.BYTES;
            for (int at = index + Payload.LINE; at < last; at += Payload.LINE) {
                check.line(buffer.getLong(at));
            }
            check.last(first, buffer.getLong(last));
        };
        return limit -> ring.read(handler, limit);
    }

    private static Sender packedSender(RingBuffer ring, Payload payload) {
        var source = new UnsafeBuffer(new byte[PackedLongs.BYTES]);
        return () -> {
            long first = payload.first() * PackedLongs.COUNT;
            for (int i = 0; i < PackedLongs.COUNT; i++) source.putLong(i * Long.BYTES, first + i);
            return ring.write(MESSAGE_TYPE, source, 0, PackedLongs.BYTES);
        };
    }

    private static Receiver packedReceiver(RingBuffer ring, Payload.Check check) {
        long[] next = new long[1];
        MessageHandler handler = (type, buffer, index, length) -> {
            long sum = 0;
            for (int at = index; at < index + length; at += Long.BYTES) sum += buffer.getLong(at);
            if (length != PackedLongs.BYTES || !PackedLongs.isSum(sum, next[0])) {
                throw new Payload.CheckFailedException("wrong longs: sum=" + sum + ", expected message=" + next[0]);
            }
            check.number(next[0]++);
        };
        return limit -> ring.read(handler, limit);
    }

    private RingBuffer open(Path file) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            var memory = new UnsafeBuffer(channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size()));
            return manyProducers ? new ManyToOneRingBuffer(memory) : new OneToOneRingBuffer(memory);
        }
    }
}
