package dev.procession.tests.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Load;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the checker of storms makes of histories in which something is wrong, and of some that only look like it.
class LinearizabilityCheckerTest {
    private static final int PRODUCER = 1, OTHER_PRODUCER = 2, CONSUMER = 3, OTHER_CONSUMER = 4;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private int files;

    /// A history that is written by hand.
    private final class Told {
        final int number;
        final History history = new History(directory.resolve("history-" + ++files), 100);
        private long sequence;

        Told(int number) {
            this.number = number;
        }

        /// Puts the next message. @param returned 0 if it never did
        Told put(long began, long returned) {
            history.begin(History.PUT, Load.id(number, ++sequence), began);
            if (returned != 0) history.returned(returned);
            return this;
        }

        /// Begins to put a batch, which never returns.
        Told batch(long... began) {
            for (int i = 0; i < began.length; i++) {
                history.begin(i == 0 ? History.PUT : History.BESIDE, Load.id(number, ++sequence), began[i]);
            }
            return this;
        }

        Told refused(long began) {
            history.begin(History.PUT, Load.id(number, ++sequence), began);
            history.returned(History.REFUSED);
            return this;
        }

        Told get(int producer, long sequence, long began, long returned) {
            history.begin(History.GET, 0, began);
            history.returned(Load.id(producer, sequence), returned);
            return this;
        }

        Told getsNothing(long began, long returned) {
            history.begin(History.GET, 0, began);
            history.returned(0, returned);
            return this;
        }

        Told beginsToGet(long began) {
            history.begin(History.GET, 0, began);
            return this;
        }

        Told isToldThatItIsEmpty(long began, long returned) {
            history.begin(History.IS_EMPTY, 0, began);
            history.returned(1, returned);
            return this;
        }

        /// Polls messages of one producer, which are handed out at the stamps that follow one another after `began`.
        /// @param returned 0 if it never did
        Told poll(int limit, long began, long returned, int producer, long... sequences) {
            long poll = history.count();
            history.begin(History.POLL, limit, began);
            for (int i = 0; i < sequences.length; i++) {
                history.begin(History.HANDED, Load.id(producer, sequences[i]), began);
                history.returned(began + 1 + i);
            }
            if (returned != 0) history.entryReturned(poll, returned);
            return this;
        }

        /// Is lent a message. @param ending DONE or RELEASE at the two stamps behind `returned`, or 0
        Told lease(long sequence, int attempt, long began, long returned, int ending) {
            history.begin(History.LEASE, 0, began);
            history.returned(Load.id(PRODUCER, sequence), returned);
            history.begin(History.ATTEMPT, attempt, returned);
            if (ending != 0) {
                history.begin(ending, Load.id(PRODUCER, sequence), returned + 1);
                history.returned(returned + 2);
            }
            return this;
        }

        Told leasesNothing(long began, long returned) {
            history.begin(History.LEASE, 0, began);
            history.returned(0, returned);
            return this;
        }
    }

    private static LinearizabilityChecker checked(Delivery delivery, Told... all) {
        var checker = new LinearizabilityChecker(delivery);
        for (var told : all) checker.add(told.number, told.history, 0);
        return checker.decide();
    }

    private static void assertFaults(int lost, int duplicated, int reordered, LinearizabilityChecker checker) {
        assertEquals("lost=" + lost + " duplicated=" + duplicated + " reordered=" + reordered,
                "lost=" + checker.lost() + " duplicated=" + checker.duplicated() + " reordered=" + checker.reordered(),
                () -> checker.findings().toString());
        assertEquals(lost + duplicated + reordered, checker.findings().size());
    }

    @Test
    void aFaultlessHistoryIsAccepted() {
        var checker = checked(Delivery.SHARED,
                new Told(PRODUCER).put(1, 2).put(5, 9).refused(20).put(30, 31),
                new Told(OTHER_PRODUCER).put(6, 10).put(12, 13),
                new Told(CONSUMER).getsNothing(3, 7).get(OTHER_PRODUCER, 1, 8, 14).isToldThatItIsEmpty(40, 41),
                new Told(OTHER_CONSUMER).get(PRODUCER, 1, 4, 11).get(PRODUCER, 2, 15, 16).get(OTHER_PRODUCER, 2, 17, 18)
                        .getsNothing(19, 21).get(PRODUCER, 4, 32, 33));
        assertFaults(0, 0, 0, checker);
        assertEquals(5, checker.puts());
        assertEquals(5, checker.gets());
        assertEquals(3, checker.empties());
    }

    @Test
    void aMessageThatNobodyGotIsLost() {
        assertFaults(1, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2).put(3, 4).put(5, 6),
                new Told(CONSUMER).get(PRODUCER, 1, 7, 8).get(PRODUCER, 3, 9, 10)));
    }

    @Test
    void aPutThatDidNotReturnMayHaveHappenedOrNot() {
        assertFaults(0, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 0), new Told(OTHER_PRODUCER).put(2, 0),
                new Told(CONSUMER).get(OTHER_PRODUCER, 1, 3, 4)));
    }

    @Test
    void aBatchThatDidNotReturnIsThereAsAWholeOrNotAtAll() {
        assertFaults(0, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2).batch(3, 4, 5),
                new Told(CONSUMER).get(PRODUCER, 1, 6, 7)));
        assertFaults(0, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).batch(1, 2),
                new Told(CONSUMER).get(PRODUCER, 1, 3, 4).get(PRODUCER, 2, 5, 6)));
        assertFaults(2, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2).batch(3, 4, 5),
                new Told(CONSUMER).get(PRODUCER, 1, 6, 7).get(PRODUCER, 3, 8, 9)));
    }

    @Test
    void theMessagesOfABatchComeInTheirOrder() {
        assertFaults(0, 0, 1, checked(Delivery.SHARED, new Told(PRODUCER).batch(1, 2),
                new Told(CONSUMER).get(PRODUCER, 2, 3, 4).get(PRODUCER, 1, 5, 6)));
    }

    @Test
    void aKilledSharedConsumerTakesAtMostOneMessageAlong() {
        var puts = new Told(PRODUCER).put(1, 2).put(3, 4).put(5, 6);
        var killed = new Told(CONSUMER).get(PRODUCER, 1, 7, 8).beginsToGet(9);
        assertFaults(1, 0, 0, new LinearizabilityChecker(Delivery.SHARED).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 10).decide());
    }

    @Test
    void aKilledConsumerHasTakenNothingThatWasPutAfterItsDeath() {
        var puts = new Told(PRODUCER).put(1, 2).put(12, 13);
        var killed = new Told(CONSUMER).get(PRODUCER, 1, 7, 8).beginsToGet(9);
        assertFaults(1, 0, 0, new LinearizabilityChecker(Delivery.SHARED).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 10).decide());
    }

    @Test
    void aConsumerThatWasKilledBetweenItsGetsHasTakenNothingAlong() {
        var puts = new Told(PRODUCER).put(1, 2).put(3, 4);
        var killed = new Told(CONSUMER).get(PRODUCER, 1, 7, 8);
        assertFaults(1, 0, 0, new LinearizabilityChecker(Delivery.SHARED).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 10).decide());
    }

    @Test
    void aKilledPollOfASharedConsumerTakesAtMostTheRestOfItsRunAlong() {
        var puts = new Told(PRODUCER).put(1, 2).put(3, 4).put(5, 6).put(7, 8);
        var killed = new Told(CONSUMER).poll(3, 10, 0, PRODUCER, 1);
        assertFaults(1, 0, 0, new LinearizabilityChecker(Delivery.SHARED).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 20).decide());
    }

    @Test
    void aKilledExclusiveConsumerTakesNothingAlong() {
        var puts = new Told(PRODUCER).put(1, 2).put(3, 4);
        var killed = new Told(CONSUMER).poll(3, 10, 0, PRODUCER, 1);
        assertFaults(1, 0, 0, new LinearizabilityChecker(Delivery.EXCLUSIVE).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 20).decide());
    }

    @Test
    void aMessageThatWasGotTwiceIsDuplicated() {
        assertFaults(0, 1, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2),
                new Told(CONSUMER).get(PRODUCER, 1, 3, 5), new Told(OTHER_CONSUMER).get(PRODUCER, 1, 4, 6)));
    }

    @Test
    void aMessageThatWasNeverPutIsDuplicated() {
        assertFaults(0, 3, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2).refused(3),
                new Told(CONSUMER).get(PRODUCER, 1, 4, 5).get(PRODUCER, 2, 6, 7).get(PRODUCER, 3, 8, 9)
                        .get(OTHER_PRODUCER, 1, 10, 11)));
    }

    @Test
    void whatASuccessorGetsAgainMustHaveBeenUnfinished() {
        var puts = new Told(PRODUCER).put(1, 2).put(3, 4).put(5, 6);
        var killed = new Told(CONSUMER).poll(8, 10, 13, PRODUCER, 1, 2).poll(8, 20, 0, PRODUCER, 3);
        var heir = new Told(OTHER_CONSUMER).poll(8, 40, 50, PRODUCER, 3);
        var checker = new LinearizabilityChecker(Delivery.EXCLUSIVE).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 30).add(OTHER_CONSUMER, heir.history, 0).decide();
        assertFaults(0, 0, 0, checker);
        assertEquals(1, checker.redelivered());
        var greedy = new Told(OTHER_CONSUMER).poll(8, 40, 50, PRODUCER, 2, 3);
        assertFaults(0, 1, 0, new LinearizabilityChecker(Delivery.EXCLUSIVE).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 30).add(OTHER_CONSUMER, greedy.history, 0).decide());
    }

    @Test
    void whatWasPutEarlierAndGotLaterIsReordered() {
        assertFaults(0, 0, 1, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2), new Told(OTHER_PRODUCER).put(3, 4),
                new Told(CONSUMER).get(OTHER_PRODUCER, 1, 5, 6), new Told(OTHER_CONSUMER).get(PRODUCER, 1, 7, 8)));
    }

    @Test
    void whatOverlapsMayComeInEitherOrder() {
        assertFaults(0, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 4), new Told(OTHER_PRODUCER).put(3, 5),
                new Told(CONSUMER).get(OTHER_PRODUCER, 1, 6, 7), new Told(OTHER_CONSUMER).get(PRODUCER, 1, 8, 9)));
        assertFaults(0, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2), new Told(OTHER_PRODUCER).put(3, 4),
                new Told(CONSUMER).get(OTHER_PRODUCER, 1, 5, 7), new Told(OTHER_CONSUMER).get(PRODUCER, 1, 6, 8)));
    }

    @Test
    void oneConsumersMessagesAreInOrderThoughItGotThemInOneRun() {
        assertFaults(0, 0, 1, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2).put(3, 4),
                new Told(CONSUMER).poll(2, 5, 8, PRODUCER, 2, 1)));
    }

    @Test
    void aMessageThatCameBeforeItsPutBeganIsReordered() {
        assertFaults(0, 0, 1, checked(Delivery.SHARED, new Told(PRODUCER).put(5, 6),
                new Told(CONSUMER).get(PRODUCER, 1, 3, 4)));
    }

    @Test
    void whileAMessageIsThereNobodyMayBeToldThatThereIsNone() {
        for (var consumer : new Told[] {new Told(CONSUMER).getsNothing(4, 5),
            new Told(CONSUMER).isToldThatItIsEmpty(4, 5),
            new Told(CONSUMER).poll(3, 4, 5, PRODUCER)}) {
            assertFaults(0, 0, 1, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2), consumer,
                    new Told(OTHER_CONSUMER).get(PRODUCER, 1, 6, 7)));
        }
    }

    @Test
    void whileThereAlwaysIsSomeMessageNobodyMayBeToldThatThereIsNone() {
        assertFaults(0, 0, 1, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2), new Told(OTHER_PRODUCER).put(4, 5),
                new Told(CONSUMER).getsNothing(3, 8),
                new Told(OTHER_CONSUMER).get(PRODUCER, 1, 6, 7).get(OTHER_PRODUCER, 1, 9, 10)));
    }

    @Test
    void betweenTwoMessagesTheQueueMayHaveBeenEmpty() {
        assertFaults(0, 0, 0, checked(Delivery.SHARED, new Told(PRODUCER).put(1, 2).put(5, 7),
                new Told(CONSUMER).getsNothing(3, 8),
                new Told(OTHER_CONSUMER).get(PRODUCER, 1, 4, 6).get(PRODUCER, 2, 9, 10)));
    }

    @Test
    void manyFaultsAreCountedAndTheFirstAreTold() {
        var puts = new Told(PRODUCER);
        for (int i = 0; i < 50; i++) puts.put(2 * i + 1, 2 * i + 2);
        var checker = checked(Delivery.SHARED, puts, new Told(CONSUMER).get(PRODUCER, 50, 101, 102));
        assertEquals(49, checker.lost());
        assertTrue(checker.findings().getFirst().startsWith("message 49 of producer 1 is lost"),
                checker.findings()::getFirst);
    }

    @Test
    void whatIsGivenBackOrWasHeldByADeadOneIsLentAgain() {
        var puts = new Told(PRODUCER).put(1, 2).put(3, 4);
        var killed = new Told(CONSUMER).lease(1, 1, 5, 6, History.RELEASE).lease(1, 2, 10, 11, 0);
        var heir = new Told(OTHER_CONSUMER).lease(2, 1, 12, 13, History.DONE).leasesNothing(16, 17)
                .lease(1, 3, 40, 41, History.DONE);
        var checker = new LinearizabilityChecker(Delivery.LEASED).add(PRODUCER, puts.history, 0)
                .add(CONSUMER, killed.history, 30).add(OTHER_CONSUMER, heir.history, 0).decide();
        assertFaults(0, 0, 0, checker);
        assertEquals(2, checker.redelivered());
        assertEquals(1, checker.empties());
    }

    @Test
    void aLeaseThatNobodyFinishedIsLost() {
        assertFaults(1, 0, 0, checked(Delivery.LEASED, new Told(PRODUCER).put(1, 2).put(3, 4),
                new Told(CONSUMER).lease(1, 1, 5, 6, History.RELEASE).lease(2, 1, 10, 11, History.DONE)));
    }

    @Test
    void twoHoldersAtATimeAreTold() {
        assertFaults(0, 1, 0, checked(Delivery.LEASED, new Told(PRODUCER).put(1, 2),
                new Told(CONSUMER).lease(1, 1, 5, 20, History.DONE),
                new Told(OTHER_CONSUMER).lease(1, 2, 6, 19, History.DONE)));
    }

    @Test
    void whatIsFinishedIsNotLentAgain() {
        assertFaults(0, 1, 0, checked(Delivery.LEASED, new Told(PRODUCER).put(1, 2),
                new Told(CONSUMER).lease(1, 1, 5, 6, History.DONE),
                new Told(OTHER_CONSUMER).lease(1, 2, 10, 11, History.DONE)));
    }

    @Test
    void attemptsCountUp() {
        assertFaults(0, 1, 0, checked(Delivery.LEASED, new Told(PRODUCER).put(1, 2),
                new Told(CONSUMER).lease(1, 1, 5, 6, History.RELEASE),
                new Told(OTHER_CONSUMER).lease(1, 1, 10, 11, History.DONE)));
    }

    @Test
    void leasesAreInOrder() {
        assertFaults(0, 0, 1, checked(Delivery.LEASED, new Told(PRODUCER).put(1, 2).put(3, 4),
                new Told(CONSUMER).lease(2, 1, 5, 6, History.DONE),
                new Told(OTHER_CONSUMER).lease(1, 1, 10, 11, History.DONE)));
        assertFaults(0, 0, 0, checked(Delivery.LEASED, new Told(PRODUCER).put(1, 2).put(3, 4),
                new Told(CONSUMER).lease(2, 1, 5, 6, History.DONE),
                new Told(OTHER_CONSUMER).lease(1, 2, 10, 11, History.DONE)));
    }
}
