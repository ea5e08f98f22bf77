package dev.procession.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

/// The demo's check of its load fails if there is a reason to.
class LoadCheckTest {

    private static String verdict(int producers, int itemsEach, long... items) {
        LoadCheck check = new LoadCheck(producers, itemsEach);
        for (long item : items) {
            check.accept(item);
        }
        assertEquals(items.length, check.received());
        return check.verdict();
    }

    private static long item(int producer, int number) {
        return LoadCheck.item(producer, number);
    }

    @Test
    void itemsOfSeveralProducersMayMix() {
        assertEquals("ok", verdict(2, 2, item(0, 0), item(1, 0), item(1, 1), item(0, 1)));
        assertEquals("ok", verdict(2, 2, item(1, 0), item(0, 0), item(1, 1), item(0, 1)));
    }

    @Test
    void theLastProducerAndTheLastNumberFitIntoAnItem() {
        long last = item(LoadCheck.MAX_PRODUCERS - 1, Integer.MAX_VALUE);
        assertEquals(
                "item 2147483647 of worker 1023 came instead of item 0", verdict(LoadCheck.MAX_PRODUCERS, 1, last));
    }

    @Test
    void aLostItemIsFound() {
        assertEquals("item 1 of worker 0 came instead of item 0", verdict(1, 2, item(0, 1)));
        assertEquals("worker 1 put 1 items, received were 0", verdict(2, 1, item(0, 0)));
    }

    @Test
    void anItemThatComesTwiceIsFound() {
        assertEquals(
                "item 0 of worker 0 came twice, or after later ones",
                verdict(1, 2, item(0, 0), item(0, 0), item(0, 1)));
        assertEquals(
                "item 1 of worker 0 came twice, or after later ones",
                verdict(1, 2, item(0, 0), item(0, 1), item(0, 1)));
    }

    @Test
    void itemsInTheWrongOrderAreFound() {
        assertEquals("item 1 of worker 0 came instead of item 0", verdict(1, 2, item(0, 1), item(0, 0)));
    }

    @Test
    void anItemMoreThanWerePutIsFound() {
        assertEquals("worker 0 put 1 items, received were 2", verdict(1, 1, item(0, 0), item(0, 1)));
    }

    @Test
    void anItemOfAnUnknownProducerIsFound() {
        assertEquals("a damaged item: " + Long.toHexString(item(1, 0)), verdict(1, 1, item(1, 0)));
    }

    @Test
    void anySingleDamagedBitIsFound() {
        Random random = new Random(1);
        for (int i = 0; i < 1_000; i++) {
            int producer = random.nextInt(4);
            for (int bit = 0; bit < Long.SIZE; bit++) {
                LoadCheck check = new LoadCheck(4, 1);
                for (int each = 0; each < 4; each++) {
                    check.accept(item(each, 0) ^ (each == producer ? 1L << bit : 0));
                }
                assertNotEquals("ok", check.verdict(), "producer=" + producer + " bit=" + bit);
            }
        }
    }
}
