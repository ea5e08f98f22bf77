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

/// The least that can be called a transfer, so the floor for large messages: the message's array is copied into a slot
/// of shared memory, whose flag then gets the number of the message; the receiver reads it in place, and publishes how
/// many it has read after each poll. The sender asks for that only when it knows of no free slot. One producer,
/// messages of one size, no wake-up, no recovery; nobody is told of an end.
///
///     | read (a cache line) | slot | slot | ...
///     slot: | flag | message | to the end of the cache line |
///
/// Short messages are in the line of their flag; behind longer ones the flag has a line of its own, so that the copy
/// begins at a line. Access goes through a segment over the whole address space, whose bounds cost nothing, as in the
/// queue itself.
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
    public void create(Path file, Work work) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), work.queueBytes() - 1);
        }
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) throws IOException {
        var ring = new Ring(file, work);
        byte[] message = payload.message();
        return () -> {
            if (ring.next == ring.free && !ring.findFree()) return false;
            long slot = ring.slot;
            MemorySegment.copy(message, 0, ALL, BYTE, slot + ring.header, message.length);
            ring.advance();
            LONG.setRelease(ALL, slot, ring.next);
            return true;
        };
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) throws IOException {
        var ring = new Ring(file, work);
        int bytes = work.bytes();
        return limit -> {
            int taken = 0;
            while (taken < limit && (long) LONG.getAcquire(ALL, ring.slot) == ring.next + 1) {
                show(ring.slot + ring.header, bytes, check);
                ring.advance();
                taken++;
            }
            if (taken > 0) {
                LONG.setRelease(ALL, ring.read, ring.next);
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

    /// The memory, and one end's place in it.
    private static final class Ring {
        private final long read;
        private final long first;
        private final long end;
        private final long header;
        private final long size;
        private final long slots;
        private long slot;
        private long next; // number of the message in that slot
        private long free; // sender: number of the first message that may have no slot

        Ring(Path file, Work work) throws IOException {
            header = work.bytes() + Long.BYTES <= LINE ? Long.BYTES : LINE;
            size = (header + work.bytes() + LINE - 1) / LINE * LINE;
            try (var channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                read = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), Arena.global()).address();
                first = read + LINE;
                slots = (channel.size() - LINE) / size;
            }
            end = first + slots * size;
            slot = first;
            free = slots;
        }

        void advance() {
            next++;
            slot += size;
            if (slot == end) {
                slot = first;
            }
        }

        boolean findFree() {
            free = (long) LONG.getAcquire(ALL, read) + slots;
            return next != free;
        }
    }
}
