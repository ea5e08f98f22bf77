package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/// When a rate has stood still, on slices made by hand.
class WarmUpTest {
    private static final long SLICE_NANOS = WarmUp.SLICE.toNanos();

    private final WarmUp warmUp = new WarmUp();
    private long nanos;

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
    void slicesThatAreTooShortDoNotCount() {
        for (int i = 0; i < 20; i++) {
            warmUp.add(1000, nanos += 1000, 1000, false);
        }
        assertFalse(warmUp.standsStill());
        assertEquals(OptionalDouble.empty(), warmUp.cold());
    }

    /// Short slices, and the time between slices, count.
    @Test
    void coldIsWhatTheFirstSecondBrought() {
        warmUp.add(1_000_000, 200_000_000, 100_000_000, false);
        warmUp.add(3_000_000, 999_999_999, SLICE_NANOS, true);
        assertEquals(OptionalDouble.empty(), warmUp.cold());
        warmUp.add(1_000_000, 1_250_000_000, SLICE_NANOS, true);
        warmUp.add(90_000_000, 1_300_000_000, SLICE_NANOS, true);

        assertEquals(4, warmUp.cold().orElseThrow(), 1e-9); // 5 million in 1.25 s
    }

    private void slices(double... rates) {
        for (double rate : rates) {
            warmUp.add((long) (rate * SLICE_NANOS / 1e3), nanos += SLICE_NANOS, SLICE_NANOS, true);
        }
    }
}
