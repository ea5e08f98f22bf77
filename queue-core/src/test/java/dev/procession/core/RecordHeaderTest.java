package dev.procession.core;

import static dev.procession.core.Layout.MAX_LENGTH;
import static dev.procession.core.Layout.PADDING;
import static dev.procession.core.Layout.before;
import static dev.procession.core.Layout.distance;
import static dev.procession.core.Layout.header;
import static dev.procession.core.Layout.isNear;
import static dev.procession.core.Layout.key;
import static dev.procession.core.Layout.length;
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
    private static final int[] LENGTHS = {0, 1, 7, 8, 255, 1 << 16, MAX_LENGTH - 1, MAX_LENGTH};

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
    void aRecordIsNeitherTheEndOfTheLogNorPadding() {
        for (long ticket : TICKETS) {
            for (int length : LENGTHS) {
                assertNotEquals(0, header(ticket, length));
                assertNotEquals(PADDING, header(ticket, length));
            }
        }
        assertTrue(length(PADDING) > MAX_LENGTH, "padding passes for a record");
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
                assertEquals(distance, distance(header(ticket + distance, MAX_LENGTH), ticket));
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
