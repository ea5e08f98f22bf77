package dev.procession.tests.kit;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The messages of a stress test. All of a message follows from its id (who put it, and as its how many-th)
/// and the seed, so its consumer can check its length and every byte.
public final class Load {
    /// An id is producer << 40 | sequence; sequences start at 1.
    public static final int SEQUENCE_BITS = 40;
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final long seed;
    private final int max;

    /// Messages of 8 to `max` bytes, mostly short.
    public Load(long seed, int max) {
        this.seed = seed;
        this.max = max;
    }

    public static long id(int producer, long sequence) {
        return (long) producer << SEQUENCE_BITS | sequence;
    }

    public static int producer(long id) {
        return (int) (id >>> SEQUENCE_BITS);
    }

    public static long sequence(long id) {
        return id & (1L << SEQUENCE_BITS) - 1;
    }

    /// The length of the message with this id.
    public int length(long id) {
        long dice = Random64.mix(seed ^ id);
        int small = Math.min(max, 128),
                bound = (dice & 15) != 0 ? small : (dice & 255) != 0 ? Math.min(max, 2048) : max;
        return 8 + (int) ((dice >>> 9) % (bound - 7));
    }

    /// Writes the message and returns its length.
    public int write(long id, byte[] to) {
        int length = length(id);
        LONG.set(to, 0, id);
        long word = seed ^ id;
        for (int i = 8; i < length; i += 8) {
            word = Random64.mix(word);
            if (i + 8 <= length) LONG.set(to, i, word);
            else for (int k = i; k < length; k++) to[k] = (byte) (word >>> (k - i) * 8);
        }
        return length;
    }

    /// The id of a message got; an error if any byte of it is not as it was put.
    public long check(byte[] from, int length) {
        if (length < 8) throw new AssertionError("a message of " + length + " bytes was never put");
        long id = (long) LONG.get(from, 0);
        if (length != length(id))
            throw new AssertionError("length=" + length + " of " + name(id) + ", put: " + length(id));
        long word = seed ^ id;
        for (int i = 8; i < length; i += 8) {
            word = Random64.mix(word);
            if (i + 8 <= length ? (long) LONG.get(from, i) != word : !sameTail(from, i, length, word)) {
                throw new AssertionError("torn at byte " + i + " of " + length + ": " + name(id));
            }
        }
        return id;
    }

    private static boolean sameTail(byte[] from, int start, int end, long word) {
        for (int k = start; k < end; k++) if (from[k] != (byte) (word >>> (k - start) * 8)) return false;
        return true;
    }

    public static String name(long id) {
        return "message " + sequence(id) + " of producer " + producer(id);
    }
}
