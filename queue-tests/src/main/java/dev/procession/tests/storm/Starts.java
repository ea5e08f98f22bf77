package dev.procession.tests.storm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// How often each task was started, by whatever process, and how often it had been when its result was there: two
/// numbers for each task, in a sparse file.
final class Starts {
    /// So many tasks have room.
    static final int MOST = 100_000_000;

    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final Map<String, Starts> OPEN = new ConcurrentHashMap<>();

    private final MemorySegment memory;

    private Starts(String file) {
        try (var channel = FileChannel.open(Path.of(file), StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, 2L * Integer.BYTES * MOST, Arena.ofAuto());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Those of a file, which a process opens once.
    static Starts in(String file) {
        return OPEN.computeIfAbsent(file, Starts::new);
    }

    /// @return how often it has begun, this time included
    int begin(int task) {
        return (int) INT.getAndAdd(memory, offset(task), 1) + 1;
    }

    int count(int task) {
        return (int) INT.getVolatile(memory, offset(task));
    }

    /// It is not to be started any more.
    void settle(int task) {
        INT.setVolatile(memory, offset(task) + Integer.BYTES, count(task));
    }

    /// @return 0 if it was not settled
    int settled(int task) {
        return (int) INT.getVolatile(memory, offset(task) + Integer.BYTES);
    }

    private static long offset(int task) {
        return 2L * Integer.BYTES * task;
    }
}
