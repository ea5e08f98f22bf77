package dev.procession.core;

import static dev.procession.core.Layout.MAX_SHORT;
import static dev.procession.core.Layout.before;
import static dev.procession.core.Layout.chunk;
import static dev.procession.core.Layout.distance;
import static dev.procession.core.Layout.header;
import static dev.procession.core.Layout.isJump;
import static dev.procession.core.Layout.isLong;
import static dev.procession.core.Layout.isNear;
import static dev.procession.core.Layout.jumpTo;
import static dev.procession.core.Layout.key;
import static dev.procession.core.Layout.length;
import static dev.procession.core.Layout.longHeader;
import static dev.procession.core.Layout.widen;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/// The word before each record: 40 bits of its ticket above its length, and how the rest of the ticket is known.
class RecordHeaderTest {
    private static final long ROUND = 1L << 40; // tickets that agree in a header
    private static final long[] TICKETS = {
        0, 1, 2, 1 << 20, ROUND / 2, ROUND - 1, ROUND, ROUND + 1, 5 * ROUND - 1, Long.MAX_VALUE, Long.MIN_VALUE, -1
    };
    private static final int[] LENGTHS = {0, 1, 7, 8, 255, 1 << 16, MAX_SHORT - 1, MAX_SHORT};

    @Test
    void ticketAndLengthComeBackWhateverTheOtherIs() {
        for (long ticket : TICKETS) {
            for (int length : LENGTHS) {
                long header = header(ticket, length);
                assertEquals(length, length(header));
                assertEquals(ticket, widen(header, ticket));
            }
        }
    }

    @Test
    void aShortRecordIsNeitherTheEndOfTheLogNorALongOneNorAJump() {
        for (long ticket : TICKETS) {
            for (int length : LENGTHS) {
                assertNotEquals(0, header(ticket, length));
                assertFalse(isLong(header(ticket, length)) || isJump(header(ticket, length)));
            }
        }
    }

    @Test
    void aLongRecordHasItsTicketAndNoLengthThatCouldBeAShortOnes() {
        for (long ticket : TICKETS) {
            long header = longHeader(ticket);
            assertTrue(isLong(header) && !isJump(header) && length(header) > MAX_SHORT);
            assertEquals(ticket, widen(header, ticket));
            assertTrue(before(header, key(ticket + 1)) && !before(header, key(ticket)));
        }
    }

    @Test
    void aJumpSaysItsChunkAndHasNoLengthThatCouldBeAShortOnes() {
        for (int chunk : new int[] {0, 1, 2, 255, QueueGeometry.MAX_CHUNKS - 1}) {
            long jump = jumpTo(chunk);
            assertTrue(isJump(jump) && !isLong(jump) && length(jump) > MAX_SHORT);
            assertEquals(chunk, chunk(jump));
        }
        assertEquals(ROUND - 1, chunk(-1), "of damage: never negative");
    }

    /// FORMAT.md has these numbers.
    @Test
    void theThreeCodesThatAreNoLengthsAreTheLargest() {
        assertEquals((1 << 24) - 5, MAX_SHORT);
        assertEquals((1 << 24) - 4, header(0, MAX_SHORT));
        assertEquals((1 << 24) - 2, longHeader(0));
        assertEquals((1 << 24) - 1, jumpTo(0));
        assertTrue(length((1 << 24) - 3) > MAX_SHORT, "the reserved code passes for a length");
    }

    @Test
    void aHeaderMeansTheNewestTicketThatAgreesWithIt() {
        for (long ticket : TICKETS) {
            long header = header(ticket, 8);
            for (long later : new long[] {0, 1, ROUND / 2, ROUND - 1}) {
                assertEquals(ticket, widen(header, ticket + later), () -> ticket + " seen " + later + " later");
            }
            assertEquals(ticket + ROUND, widen(header, ticket + ROUND));
            assertEquals(ticket - ROUND, widen(header, ticket - 1));
        }
    }

    @Test
    void theDistanceOfAHeaderIsThatOfItsTicketUpToHalfARound() {
        for (long ticket : TICKETS) {
            for (long distance : new long[] {0, 1, -1, 1000, -1000, ROUND / 2 - 1, -ROUND / 2}) {
                assertEquals(distance, distance(header(ticket + distance, MAX_SHORT), ticket));
            }
            assertEquals(-ROUND / 2, distance(header(ticket + ROUND / 2, 0), ticket), "half a round is the limit");
        }
    }

    /// Two that are near the same ticket are less than half a round from each other.
    @Test
    void nearIsLessThanAQuarterOfARound() {
        assertTrue(isNear(0) && isNear(ROUND / 4 - 1) && isNear(-ROUND / 4 + 1));
        assertFalse(isNear(ROUND / 4) || isNear(-ROUND / 4) || isNear(ROUND / 2 - 1) || isNear(-ROUND / 2));
    }

    @Test
    void headersCompareByTheirTicketsWhateverTheirLengths() {
        for (long ticket : TICKETS) {
            for (int length : LENGTHS) {
                assertFalse(before(header(ticket, length), key(ticket)));
                assertTrue(before(header(ticket, length), key(ticket + 1)));
                assertTrue(before(header(ticket - 1, length), key(ticket)));
                assertTrue(before(header(ticket, length), key(ticket + ROUND / 2 - 1)));
                assertFalse(before(header(ticket, length), key(ticket - ROUND / 2 + 1)));
            }
        }
    }
}
