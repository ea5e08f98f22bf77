package dev.procession.tests.history;

import dev.procession.tests.kit.Load;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// One process's log of its operations in a mapped file of its own: what it is about to do stands there before it does
/// it, what came of it as soon as it is done, each with a stamp of the [Clock]. It survives the death of its writer at
/// any instruction. The file is sparse.
///
///     0       8       16         64               88
///     | count | beats | messages | what begin end | what begin end | ...
///
/// `what` is a kind and a message's id, or 0; `end` is 0 until the operation has returned.
///
/// Written by one thread; read by others when its writer has ended, [#beats()] and [#messages()] at any time.
public final class History {
    /// A put of the message; it ended with [#REFUSED] if the queue was full until the producer lost patience.
    public static final int PUT = 1;
    /// A get of one message, of none if the id is 0 and it has ended.
    public static final int GET = 2;
    /// A poll of up to as many messages as its id says; those it handed out follow.
    public static final int POLL = 3;
    /// One message that the last poll handed out.
    public static final int HANDED = 4;
    /// A question whether the queue is empty; the id is 1 if the answer was yes.
    public static final int IS_EMPTY = 5;

    /// A lease on one message, on none if the id is 0 and it has ended. Its [#ATTEMPT] follows.
    public static final int LEASE = 6;
    /// The id is how often the message was lent, the last lease included.
    public static final int ATTEMPT = 7;
    /// The leased message is finished.
    public static final int DONE = 8;
    /// The leased message is given back.
    public static final int RELEASE = 9;
    /// A put of the message in one batch with the one of the entry before.
    public static final int BESIDE = 10;

    /// The end of a put that was given up.
    public static final long REFUSED = -1;

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();
    private static final long COUNT = 0, BEATS = 8, MESSAGES = 16, ENTRIES = 64, ENTRY_BYTES = 24;
    private static final int KIND_SHIFT = 60;
    private static final long ID_MASK = (1L << KIND_SHIFT) - 1;

    private final MemorySegment memory;
    private final long most;
    private long count;

    /// Opens the file, or makes it with room for `most` operations.
    public History(Path file, long most) {
        this.most = most;
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, ENTRIES + most * ENTRY_BYTES, Arena.ofAuto());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        count = count();
    }

    private static long at(long entry) {
        return ENTRIES + entry * ENTRY_BYTES;
    }

    // ---- writing

    /// An operation begins. The stamp has to be taken before this call.
    public void begin(int kind, long id, long stamp) {
        if (count == most) throw new IllegalStateException("this log has room for most=" + most + " operations");
        long at = at(count);
        LONG.set(memory, at, (long) kind << KIND_SHIFT | id);
        LONG.set(memory, at + 8, stamp);
        LONG.setRelease(memory, COUNT, ++count);
    }

    /// The operation that began last begins once more: so far it had no effect.
    public void beginAgain(long stamp) {
        LONG.setRelease(memory, at(count - 1) + 8, stamp);
    }

    /// The operation that began last has returned.
    public void returned(long stamp) {
        LONG.setRelease(memory, at(count - 1) + 16, stamp);
    }

    /// The operation that began last has returned with this message, or with 0 for none.
    public void returned(long id, long stamp) {
        long at = at(count - 1);
        LONG.setRelease(memory, at, (long) LONG.get(memory, at) & ~ID_MASK | id);
        LONG.setRelease(memory, at + 16, stamp);
    }

    /// The operation with this number has returned.
    public void entryReturned(long entry, long stamp) {
        LONG.setRelease(memory, at(entry) + 16, stamp);
    }

    /// The writer is alive and gets on, whether or not it writes anything.
    public void beat() {
        LONG.setOpaque(memory, BEATS, (long) LONG.get(memory, BEATS) + 1);
    }

    /// One more message has been put or got.
    public void message() {
        LONG.setOpaque(memory, MESSAGES, (long) LONG.get(memory, MESSAGES) + 1);
    }

    // ---- reading

    /// How many operations began.
    public long count() {
        return (long) LONG.getAcquire(memory, COUNT);
    }

    public long beats() {
        return (long) LONG.getVolatile(memory, BEATS);
    }

    public long messages() {
        return (long) LONG.getVolatile(memory, MESSAGES);
    }

    int kind(long entry) {
        return (int) ((long) LONG.get(memory, at(entry)) >>> KIND_SHIFT);
    }

    long id(long entry) {
        return (long) LONG.getAcquire(memory, at(entry)) & ID_MASK;
    }

    long begin(long entry) {
        return (long) LONG.get(memory, at(entry) + 8);
    }

    /// When the operation returned; 0 if it never did, or [#REFUSED].
    public long end(long entry) {
        return (long) LONG.getAcquire(memory, at(entry) + 16);
    }

    /// The last operation, for the eye.
    @Override
    public String toString() {
        long last = count() - 1;
        return "operations=" + (last + 1) + " beats=" + beats()
                + (last < 0 ? ""
                        : " last: kind=" + kind(last) + " id=" + id(last) + " (" + Load.name(id(last)) + ") begin="
                                + begin(last) + " end=" + end(last));
    }
}
