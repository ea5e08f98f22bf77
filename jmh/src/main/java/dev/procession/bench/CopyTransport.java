package dev.procession.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/// The least that can be called a transfer, so the floor for large messages: the message's array is copied into a slot of
/// shared memory, whose flag is raised; the receiver reads it in place and lowers the flag. One producer, messages of one
/// size, no wake-up, no recovery; nobody is told of an end.
///
/// A slot is whole cache lines: the flag and the message in one line if they fit, else the flag in a line of its own, so
/// that the copy begins at a line.
///
/// Access goes through a segment over the whole address space, whose bounds cost nothing, as in the queue itself.
final class CopyTransport implements Transport {
    private static final int LINE = 64;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    @SuppressWarnings("restricted")
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    @Override
    public String name() {
        return "memcpy";
    }

    @Override
    public boolean serves(Work work) {
        if (work.content() != Work.Content.BYTES || work.producers() > 1 || work.consumers() > 1) return false;
        return switch (work.kind()) {
            case THROUGHPUT, ROUND_TRIP, LATENCY -> true;
            default -> false;
        };
    }

    @Override
    public List<String> jvmArguments() {
        return List.of();
    }

    @Override
    public void create(Path file, Work work) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), work.queueBytes() - 1);
        }
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) throws IOException {
        var slots = new Slots(file, work);
        byte[] message = payload.message();
        return () -> {
            long slot = slots.at;
            if ((long) LONG.getAcquire(ALL, slot) != 0) return false;
            MemorySegment.copy(message, 0, ALL, BYTE, slot + slots.header, message.length);
            LONG.setRelease(ALL, slot, 1L);
            slots.next();
            return true;
        };
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) throws IOException {
        var slots = new Slots(file, work);
        int bytes = work.bytes();
        return limit -> {
            int taken = 0;
            while (taken < limit) {
                long slot = slots.at;
                if ((long) LONG.getAcquire(ALL, slot) == 0) break;
                show(slot + slots.header, bytes, check);
                LONG.setRelease(ALL, slot, 0L);
                slots.next();
                taken++;
            }
            return taken;
        };
    }

    private static void show(long message, int bytes, Payload.Check check) {
        long first = (long) LONG.get(ALL, message);
        check.first(first, bytes);
        long last = message + bytes - Long.BYTES;
        for (long at = message + Payload.LINE; at < last; at += Payload.LINE) {
            check.line((long) LONG.get(ALL, at));
        }
        check.last(first, (long) LONG.get(ALL, last));
    }

    /// One end's place in the ring of slots.
    private static final class Slots {
        private final long header;
        private final long first;
        private final long end;
        private final long size;
        private long at;

        Slots(Path file, Work work) throws IOException {
            try (var channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                header = work.bytes() + Long.BYTES <= LINE ? Long.BYTES : LINE;
                size = (header + work.bytes() + LINE - 1) / LINE * LINE;
                first = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), Arena.global()).address();
                end = first + channel.size() / size * size;
                at = first;
            }
        }

        void next() {
            at += size;
            if (at == end) {
                at = first;
            }
        }
    }
}
