package dev.procession.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.HdrHistogram.Histogram;

/// The words that the processes of one group share besides their queue: the common start of a run, the cache line
/// whose round trip is the yardstick, and how many messages all consumers have got, if there are several.
///
///     0               128       256    512
///     | start, nanos  | arrived | line | got
final class Signals {
    private static final long START = 0;
    private static final long ARRIVED = 128;
    private static final long START_NANOS = 8;
    private static final long LINE = 256;
    private static final long GOT = 512;
    private static final long BYTES = 4096;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();

    private final MemorySegment words;

    Signals(Path file) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            words = channel.map(FileChannel.MapMode.READ_WRITE, 0, BYTES, Arena.global());
        }
    }

    /// A process is ready: it waits until run number `run` starts. It yields, because several may share a core. Returns
    /// the time of the start.
    long awaitStart(long run) {
        long before = (long) LONG.getAndAdd(words, ARRIVED, 1L);
        assert before >= 0;
        while ((long) LONG.getVolatile(words, START) < run) {
            Thread.yield();
        }
        return (long) LONG.getVolatile(words, START_NANOS);
    }

    /// Starts run number `run`, from 1, as soon as `others` are ready. Returns the time, by `System.nanoTime`, that is
    /// taken just before; processes of one machine share that clock.
    long start(long run, int others) {
        while ((long) LONG.getVolatile(words, ARRIVED) < run * others) {
            Thread.yield();
        }
        long now = System.nanoTime();
        LONG.setVolatile(words, START_NANOS, now);
        LONG.setVolatile(words, START, run);
        return now;
    }

    /// A consumer has got so many messages more. Returns how many all had got before, in all runs.
    long addGot(long messages) {
        return (long) LONG.getAndAdd(words, GOT, messages);
    }

    /// How many messages all consumers have got, in all runs.
    long got() {
        return (long) LONG.getVolatile(words, GOT);
    }

    /// Writes every odd number of `count` pairs and waits for the even one.
    void linePing(long count, Histogram nanos) {
        long last = (long) LONG.getVolatile(words, LINE);
        for (long i = 0; i < count; i++) {
            long start = System.nanoTime();
            LONG.setVolatile(words, LINE, last + 1);
            last += 2;
            while ((long) LONG.getVolatile(words, LINE) != last) {}
            nanos.recordValue(System.nanoTime() - start);
        }
    }

    /// Answers `count` odd numbers.
    void linePong(long from, long count) {
        for (long i = 0, odd = from + 1; i < count; i++, odd += 2) {
            while ((long) LONG.getVolatile(words, LINE) != odd) {}
            LONG.setVolatile(words, LINE, odd + 1);
        }
    }
}
