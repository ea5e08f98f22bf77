package dev.procession.tests.kit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/// A process's own log of words (never 0) in a mapped file: it survives the death of its writer at any
/// instruction, and tells exactly how far the writer had come. The file is sparse.
///
///     0      8        16       24
///     | length | intent | result | word | word | ...
public final class Journal {
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final long LENGTH = 0, INTENT = 8, RESULT = 16, WORDS = 24;
    private static final long MOST_WORDS = 1L << 24;

    private final MemorySegment memory;

    public Journal(Path file) {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, WORDS + MOST_WORDS * Long.BYTES, Arena.ofAuto());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// What its owner is about to do.
    public void intend(long word) {
        LONG.setRelease(memory, INTENT, word);
    }

    /// What its owner has done.
    public void done(long word) {
        LONG.setRelease(memory, RESULT, word);
    }

    public long intent() {
        return (long) LONG.getAcquire(memory, INTENT);
    }

    public long result() {
        return (long) LONG.getAcquire(memory, RESULT);
    }

    public void append(long word) {
        long length = length();
        LONG.set(memory, WORDS + length * Long.BYTES, word);
        LONG.setRelease(memory, LENGTH, length + 1);
    }

    public long length() {
        return (long) LONG.getAcquire(memory, LENGTH);
    }

    /// The word appended last.
    public long last() {
        return (long) LONG.getAcquire(memory, WORDS + (length() - 1) * Long.BYTES);
    }

    /// All words appended so far.
    public long[] words() {
        return memory.asSlice(WORDS, length() * Long.BYTES).toArray(ValueLayout.JAVA_LONG);
    }

    @Override
    public String toString() {
        return "journal[intent=" + intent() + ", result=" + result() + ", words=" + Arrays.toString(words()) + "]";
    }
}
