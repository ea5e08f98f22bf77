package dev.procession.core;

import static dev.procession.core.Layout.DONE;
import static dev.procession.core.Layout.FREE;
import static dev.procession.core.Layout.LEASED;
import static dev.procession.core.Layout.MAX_ATTEMPT;
import static dev.procession.core.Layout.MAX_CONSUMER_ID;
import static dev.procession.core.Layout.PASSED;
import static dev.procession.core.Layout.attempts;
import static dev.procession.core.Layout.consumerId;
import static dev.procession.core.Layout.leaseWord;
import static dev.procession.core.Layout.nextAttempt;
import static dev.procession.core.Layout.state;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// The word that says who holds a record of a leased queue: lap, owner, attempt, state.
class LeaseWordTest {
    private static final long ROUND = 1L << 38; // laps that agree in a word
    private static final long[] LAPS = {0, 1, 2, ROUND / 2 - 1, ROUND / 2, ROUND - 1, ROUND, 3 * ROUND + 5, -1, -ROUND};

    @Test
    void allPartsComeBackAlsoTheLargest() {
        for (long lap : LAPS) {
            for (int owner : new int[] {1, 2, 255, 256, MAX_CONSUMER_ID}) {
                for (int attempt : new int[] {1, 2, 127, 128, MAX_ATTEMPT}) {
                    for (int state : new int[] {FREE, LEASED, DONE}) {
                        long word = leaseWord(lap, owner, attempt, state);
                        assertEquals(state, state(word, lap));
                        assertEquals(owner, consumerId(word));
                        assertEquals(attempt, attempts(word, lap));
                    }
                }
            }
        }
    }

    @Test
    void aWordOfAnEarlierLapSaysFreeAndThatOfALaterOnePassed() {
        for (long lap : LAPS) {
            long word = leaseWord(lap, MAX_CONSUMER_ID, MAX_ATTEMPT, DONE);
            for (long laps : new long[] {1, 2, ROUND / 2 - 1}) {
                assertEquals(FREE, state(word, lap + laps), () -> lap + " seen " + laps + " later");
                assertEquals(0, attempts(word, lap + laps));
                assertEquals(PASSED, state(word, lap - laps), () -> lap + " seen " + laps + " earlier");
            }
        }
    }

    @Test
    void aFileOfZerosSaysFreeInItsFirstLap() {
        assertEquals(FREE, state(0, 0));
        assertEquals(0, attempts(0, 0));
    }

    /// A claim is made, and given up, by a compare-and-set of the word: equal words would hide what was between them.
    @Test
    void noWordOfARecordComesAgainForAsLongAsAttemptsCanTell() {
        Set<Long> words = new HashSet<>();
        int attempt = 0;
        for (int i = 1; i <= MAX_ATTEMPT; i++) {
            attempt = nextAttempt(attempt);
            assertEquals(i, attempt);
            assertTrue(words.add(leaseWord(7, 1, attempt, LEASED)) && words.add(leaseWord(7, 1, attempt, FREE)));
        }
        Map<Integer, Integer> last = new HashMap<>(Map.of(attempt, 0));
        for (int i = 1; i <= 1000; i++) {
            attempt = nextAttempt(attempt);
            assertTrue(attempt > MAX_ATTEMPT / 2 && attempt <= MAX_ATTEMPT, "it looks like a first one: " + attempt);
            Integer before = last.put(attempt, i);
            assertTrue(before == null || i - before > MAX_ATTEMPT / 2, "attempt " + attempt + " again too soon");
        }
    }

    @Test
    void anotherLapOwnerOrAttemptIsAnotherWord() {
        Set<Long> words = new HashSet<>();
        for (long lap : new long[] {0, 1, ROUND - 1}) {
            for (int owner : new int[] {1, 2, MAX_CONSUMER_ID - 1, MAX_CONSUMER_ID}) {
                for (int attempt = 1; attempt <= MAX_ATTEMPT; attempt++) {
                    for (int state : new int[] {FREE, LEASED, DONE}) {
                        assertTrue(words.add(leaseWord(lap, owner, attempt, state)));
                    }
                }
            }
        }
    }
}
