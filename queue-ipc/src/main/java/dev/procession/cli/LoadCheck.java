package dev.procession.cli;

import org.jspecify.annotations.Nullable;

/// Looks at every item of a load: whether each producer's come complete, once, in order and undamaged.
///
/// An item is a long: its producer (10 bits), its number (31 bits) and a checksum of both (23 bits).
public final class LoadCheck {
    /// How many producers an item can tell apart.
    public static final int MAX_PRODUCERS = 1 << 10;

    private static final int NUMBER_BITS = 31;
    private static final int CHECKSUM_BITS = 23;

    private final int[] expected; // by producer: the number of its next item
    private final int itemsEach;
    private long received;
    private @Nullable String failure; // the first one

    /// Makes the check of one load.
    ///
    /// @param producers how many producers there are, 1 to [#MAX_PRODUCERS]
    /// @param itemsEach how many items each of them puts
    public LoadCheck(int producers, int itemsEach) {
        this.expected = new int[producers];
        this.itemsEach = itemsEach;
    }

    /// Makes an item.
    ///
    /// @param producer who puts it: 0, 1, 2, …
    /// @param number   how many items this producer has put before
    /// @return the item
    public static long item(int producer, int number) {
        long content = (long) producer << NUMBER_BITS | number;
        return content << CHECKSUM_BITS | checksum(content);
    }

    /// The finalizer of SplitMix64 (David Stafford's variant 13): each bit of the content changes half of the
    /// checksum's.
    private static long checksum(long content) {
        long bits = (content ^ content >>> 30) * 0xbf58476d1ce4e5b9L;
        bits = (bits ^ bits >>> 27) * 0x94d049bb133111ebL;
        return (bits ^ bits >>> 31) & (1 << CHECKSUM_BITS) - 1;
    }

    /// Checks the next item.
    ///
    /// @param item as it was received
    public void accept(long item) {
        received++;
        long content = item >>> CHECKSUM_BITS;
        int producer = (int) (content >>> NUMBER_BITS);
        int number = (int) content & Integer.MAX_VALUE;
        if (item != item(producer, number) || producer >= expected.length) {
            fail("a damaged item: " + Long.toHexString(item));
        } else if (number < expected[producer]) {
            fail("item " + number + " of worker " + producer + " came twice, or after later ones");
        } else {
            if (number > expected[producer]) {
                fail("item " + number + " of worker " + producer + " came instead of item " + expected[producer]);
            }
            expected[producer] = number + 1;
        }
    }

    /// How many items were received, right or wrong.
    ///
    /// @return the count
    public long received() {
        return received;
    }

    /// Ends the check: no more items come.
    ///
    /// @return "ok", or what was wrong first
    public String verdict() {
        for (int producer = 0; producer < expected.length; producer++) {
            if (expected[producer] != itemsEach) {
                fail("worker " + producer + " put " + itemsEach + " items, received were " + expected[producer]);
            }
        }
        long put = (long) itemsEach * expected.length;
        if (received != put) fail("received=" + received + " items of " + put);
        return failure == null ? "ok" : failure;
    }

    private void fail(String what) {
        if (failure == null) failure = what;
    }
}
