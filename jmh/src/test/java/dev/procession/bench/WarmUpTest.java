package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/// When a rate has stood still, on slices made by hand.
class WarmUpTest {
    private final WarmUp warmUp = new WarmUp();

    @Test
    void aRateThatStaysStandsStillAfterEightSlices() {
        slices(40, 40, 40, 40, 40, 40, 40);
        assertFalse(warmUp.standsStill(), "too early to tell");
        slices(40);
        assertTrue(warmUp.standsStill());
    }

    @Test
    void aRateThatGrowsDoesNotStandStill() {
        for (double rate = 10; rate < 100; rate *= 1.03) {
            slices(rate);
            assertFalse(warmUp.standsStill(), "rate=" + rate);
        }
        slices(100, 100, 100, 100, 100, 100, 100, 100);
        assertTrue(warmUp.standsStill());
    }

    @Test
    void aRateThatFellDoesNotStandStill() {
        slices(40, 40, 40, 40, 30, 30, 30, 30);
        assertFalse(warmUp.standsStill());
    }

    @Test
    void oneSliceThatWasHeldUpChangesNothing() {
        slices(40, 40, 3, 40, 41, 40, 7, 40);
        assertTrue(warmUp.standsStill());
    }

    @Test
    void theRateIsThatOfTheLastSlices() {
        assertEquals(0, warmUp.rate());
        slices(1, 1, 40, 41, 7, 40);
        assertEquals(40, warmUp.rate(), 1e-9);
    }

    private void slices(double... rates) {
        for (double rate : rates) {
            warmUp.add((long) (1e6 * rate), 1_000_000_000); // rates are in millions
        }
    }
}
