package dev.procession.core;

import static dev.procession.core.Layout.DONE;
import static dev.procession.core.Layout.FREE;
import static dev.procession.core.Layout.LEASED;
import static dev.procession.core.Layout.MAX_ATTEMPT;
import static dev.procession.core.Layout.MAX_CONSUMER_ID;
import static dev.procession.core.Layout.attempts;
import static dev.procession.core.Layout.consumerId;
import static dev.procession.core.Layout.leaseWord;
import static dev.procession.core.Layout.nextAttempt;
import static dev.procession.core.Layout.position;
import static dev.procession.core.Layout.state;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// The word that says who holds a record of a leased queue: jump count, owner, attempt, state.
class LeaseWordTest {
    private static final int[] JUMPS = {0, 1, 2, 1 << 16, Integer.MAX_VALUE, Integer.MIN_VALUE, -2, -1};
    private static final long[] OFFSETS = {0, 64, 1 << 16, 1L << 31, (1L << 32) - 64};

    @Test
    void allPartsComeBackAlsoTheLargest() {
        for (int jumps : JUMPS) {
            for (long offset : OFFSETS) {
                long at = position(jumps, offset);
                for (int owner : new int[] {1, 2, 255, 256, MAX_CONSUMER_ID}) {
                    for (int attempt : new int[] {1, 2, 127, 128, MAX_ATTEMPT}) {
                        for (int state : new int[] {FREE, LEASED, DONE}) {
                            long word = leaseWord(at, owner, attempt, state);
                            assertEquals(state, state(word, at));
                            assertEquals(owner, consumerId(word));
                            assertEquals(attempt, attempts(word, at));
                        }
                    }
                }
            }
        }
    }

    @Test
    void aWordOfAnotherJumpCountSaysFreeAndNeverLeased() {
        for (int jumps : JUMPS) {
            long word = leaseWord(position(jumps, 64), MAX_CONSUMER_ID, MAX_ATTEMPT, DONE);
            for (int more : new int[] {1, 2, -1, -2, 1 << 16, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                assertEquals(FREE, state(word, position(jumps + more, 64)), () -> jumps + " seen " + more + " later");
                assertEquals(0, attempts(word, position(jumps + more, 64)));
            }
        }
    }

    @Test
    void aFileOfZerosSaysFreeUnderEachJumpCount() {
        for (int jumps : JUMPS) {
            assertEquals(FREE, state(0, position(jumps, 0)));
            assertEquals(0, attempts(0, position(jumps, 0)));
        }
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
    void anotherJumpCountOwnerOrAttemptIsAnotherWord() {
        Set<Long> words = new HashSet<>();
        for (int jumps : new int[] {0, 1, -1}) {
            for (int owner : new int[] {1, 2, MAX_CONSUMER_ID - 1, MAX_CONSUMER_ID}) {
                for (int attempt = 1; attempt <= MAX_ATTEMPT; attempt++) {
                    for (int state : new int[] {FREE, LEASED, DONE}) {
                        assertTrue(words.add(leaseWord(position(jumps, 64), owner, attempt, state)));
                    }
                }
            }
        }
    }
}
