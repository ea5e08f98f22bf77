package dev.procession.bench;

/// What a loop does after a visit that found no message, or no room. Producers and consumers of every system use this
/// same class, because it decides throughput as much as a queue does: a side that has caught up and looks again at once
/// takes the cache line away from the other side in the middle of a record.
final class Waiting {
    enum Policy {
        /// Looks again at once.
        EAGER,
        /// Pauses first, if more than one message has been moved since the last time; so never in a ping-pong.
        RELAXED
    }

    /// Some 25 µs, in which a producer writes a thousand messages: with a tenth of that both sides stay in each other's
    /// lines.
    private static final int PAUSES = 1000;
    private static final int PAUSES_AT_START = 1000;

    private boolean relaxed;
    private long movedBefore;

    void setPolicy(Policy policy) {
        relaxed = policy == Policy.RELAXED;
    }

    /// Call in a consumer before the first visit of a run. Throughput has two regimes, and each keeps itself up: behind
    /// a backlog a visit finds many messages, then pauses while the next ones gather; at the producer's heels every
    /// visit finds one. Who is there before the first message begins at the heels, by an accident of the start.
    void beforeFirst() {
        if (relaxed) {
            pause(PAUSES_AT_START);
        }
    }

    /// Call after a visit that moved nothing. `moved`: messages moved so far, a count that only grows.
    void afterNothing(long moved) {
        if (relaxed && moved - movedBefore > 1) {
            pause(PAUSES);
        }
        movedBefore = moved;
    }

    private static void pause(int times) {
        for (int i = 0; i < times; i++) {
            Thread.onSpinWait();
        }
    }
}
