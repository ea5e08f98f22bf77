package dev.procession.bench;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.bytes.BytesStore;
import net.openhft.chronicle.core.time.TimeProvider;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.RollCycles;
import net.openhft.chronicle.queue.impl.StoreFileListener;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueueBuilder;
import net.openhft.chronicle.wire.DocumentContext;

/// Chronicle Queue: `writeBytes` of an appender, and a tailer's `readingDocument`, in which the message is read in
/// place. What is faster was chosen by measuring: for short messages an array that is wrapped once, for longer ones a
/// copy outside the heap; `writingDocument` moved 6 million messages of 16 bytes a second where this moves 10 million.
/// Without its checks of bounds and of threads it was no faster, and larger files changed nothing.
///
/// It keeps everything and never says that there is no room. Lest it fill the memory, and lest its producers run ahead
/// of the consumer into memory that no cache holds, producers here take credit, [#CHUNK_BYTES] at a time, from what the
/// other systems may have in their queues; and a new file is begun, by a clock that counts what was sent, every
/// [#FILE_BYTES], while the consumer removes those it is through with. Both cost next to nothing for a message; the
/// clock is even faster than the real one.
final class ChronicleTransport implements Transport {
    private static final long CHUNK_BYTES = 64 << 10;
    private static final long FILE_BYTES = 128 << 20;
    private static final int HEADER_BYTES = 4;
    private static final int SHORT_BYTES = 64;
    /// The clock begins at some day that is not the first.
    private static final long FIRST_DAY = 20_000;

    @Override
    public String name() {
        return "chronicle-queue";
    }

    @Override
    public boolean serves(Work work) {
        if (work.content() != Work.Content.BYTES || work.consumers() > 1) return false;
        return switch (work.kind()) {
            case THROUGHPUT, PUT_ONLY, ROUND_TRIP, LATENCY, PUT_LATENCY, STOPPED -> true;
            default -> false;
        };
    }

    @Override
    public List<String> jvmArguments() {
        return List.of("--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
                "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-Dchronicle.analytics.disable=true");
    }

    /// It makes files as it goes.
    @Override
    public boolean keepsFiles() {
        return true;
    }

    @Override
    public void create(Path file, Work work) throws IOException {
        Files.createDirectory(file);
        new Credit(file).limit(work.queueBytes());
        queue(file, new Credit(file), StoreFileListener.noOp()).close();
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) throws IOException {
        var credit = new Credit(file);
        ExcerptAppender appender = queue(file, credit, StoreFileListener.noOp()).createAppender();
        byte[] message = payload.message();
        int bytes = message.length + HEADER_BYTES;
        if (message.length <= SHORT_BYTES) {
            BytesStore<?, ?> wrapped = BytesStore.wrap(message);
            return () -> {
                if (!credit.take(bytes)) return false;
                appender.writeBytes(wrapped);
                return true;
            };
        }
        Bytes<Void> direct = Bytes.allocateDirect(message.length);
        BytesStore<?, ?> copy = direct;
        return () -> {
            if (!credit.take(bytes)) return false;
            direct.clear();
            direct.write(message);
            appender.writeBytes(copy);
            return true;
        };
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) throws IOException {
        var credit = new Credit(file);
        ExcerptTailer tailer = queue(file, credit, (cycle, old) -> delete(old)).createTailer();
        return limit -> {
            int found = 0;
            while (found < limit) {
                try (DocumentContext document = tailer.readingDocument()) {
                    if (!document.isPresent()) break;
                    Bytes<?> bytes = document.wire().bytes();
                    show(bytes, check);
                    credit.giveBack(bytes.readRemaining() + HEADER_BYTES);
                }
                found++;
            }
            return found;
        };
    }

    private static void show(Bytes<?> bytes, Payload.Check check) {
        long start = bytes.readPosition();
        int length = (int) bytes.readRemaining();
        long first = bytes.readLong(start);
        check.first(first, length);
        long last = start + length - Long.BYTES;
        for (long at = start + Payload.LINE; at < last; at += Payload.LINE) {
            check.line(bytes.readLong(at));
        }
        check.last(first, bytes.readLong(last));
    }

    private static ChronicleQueue queue(Path file, TimeProvider clock, StoreFileListener listener) {
        return SingleChronicleQueueBuilder.single(file.toFile())
                .rollCycle(RollCycles.FAST_DAILY)
                .timeProvider(clock)
                .storeFileListener(listener)
                .build();
    }

    private static void delete(File file) {
        try {
            Files.deleteIfExists(file.toPath());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The bytes that may be in a queue at once, and the clock that its files go by: a day for every [#FILE_BYTES]
    /// sent.
    ///
    ///     0      128    256
    ///     | sent | read | limit |
    private static final class Credit implements TimeProvider {
        private static final long SENT = 0;
        private static final long READ = 128;
        private static final long LIMIT = 256;
        private static final long BYTES = 4096;
        private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();

        private final MemorySegment words;
        private long left; // sender: taken and not used
        private long read; // receiver: read and not given back yet

        Credit(Path queue) throws IOException {
            try (var channel = FileChannel.open(queue.resolve("credit"), StandardOpenOption.CREATE,
                    StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                words = channel.map(FileChannel.MapMode.READ_WRITE, 0, BYTES, Arena.global());
            }
        }

        void limit(long bytes) {
            LONG.setVolatile(words, LIMIT, bytes);
        }

        boolean take(long bytes) {
            return left >= bytes ? spend(bytes) : takeChunk(Math.max(bytes, CHUNK_BYTES)) && spend(bytes);
        }

        private boolean spend(long bytes) {
            left -= bytes;
            return true;
        }

        private boolean takeChunk(long bytes) {
            for (;;) {
                long sent = (long) LONG.getVolatile(words, SENT);
                long limit = (long) LONG.getVolatile(words, READ) + (long) LONG.getVolatile(words, LIMIT);
                if (sent + bytes > limit) return false;
                if (LONG.compareAndSet(words, SENT, sent, sent + bytes)) {
                    left += bytes;
                    return true;
                }
            }
        }

        void giveBack(long bytes) {
            read += bytes;
            if (read >= CHUNK_BYTES) {
                LONG.setRelease(words, READ, (long) LONG.getVolatile(words, READ) + read);
                read = 0;
            }
        }

        @Override
        public long currentTimeMillis() {
            return TimeUnit.DAYS.toMillis(FIRST_DAY + (long) LONG.getVolatile(words, SENT) / FILE_BYTES);
        }
    }
}
