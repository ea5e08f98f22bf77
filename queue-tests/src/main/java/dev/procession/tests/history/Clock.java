package dev.procession.tests.history;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// The clock that all processes of a storm stamp their operations with, and what they are to do now: two words in a
/// mapped file.
///
/// Each stamp is a fetch-and-add, and so a full fence: a put has no fence at its end, so by any finer clock its
/// message may come into sight a moment after its return, and a checker would convict the processor's store buffer. No
/// two stamps are equal.
public final class Clock {
    /// What everybody is to do, in this order.
    public enum Phase {
        /// Put and get.
        WORK,
        /// No more puts; get until nothing is left.
        DRAIN,
        /// Come to an end.
        END
    }

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();
    private static final long NOW = 0, PHASE = 128, BYTES = 4096;

    private final MemorySegment memory;

    public Clock(Path file) {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, BYTES, Arena.ofAuto());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The next stamp, 1 or more.
    public long stamp() {
        return (long) LONG.getAndAdd(memory, NOW, 1L) + 1;
    }

    public Phase phase() {
        long phase = (long) LONG.getVolatile(memory, PHASE);
        return phase == 0 ? Phase.WORK : phase == 1 ? Phase.DRAIN : Phase.END;
    }

    public void enter(Phase phase) {
        LONG.setVolatile(memory, PHASE, (long) phase.ordinal());
    }
}
