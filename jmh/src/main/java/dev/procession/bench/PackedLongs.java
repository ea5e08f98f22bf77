package dev.procession.bench;

/// A stream of longs, 0, 1, 2 and so on, so many in each message. All of them are written and read.
final class PackedLongs {
    static final int COUNT = 64;
    static final int BYTES = COUNT * Long.BYTES;

    private PackedLongs() {}

    /// The array of a sender, filled again for each message.
    static long[] fill(long[] longs, long message) {
        long first = message * COUNT;
        for (int i = 0; i < COUNT; i++) longs[i] = first + i;
        return longs;
    }

    static boolean isExpected(long[] longs, long message) {
        long sum = 0;
        for (long each : longs) sum += each;
        return longs.length == COUNT && isSum(sum, message);
    }

    static boolean isSum(long sum, long message) {
        return sum == COUNT * (message * COUNT) + COUNT * (COUNT - 1) / 2;
    }
}
