package dev.procession.core;

/// The retry budget of one call: how often it may start over because other threads were faster, before it reports
/// damage; a file that changes constantly would otherwise keep it forever. One budget covers all loops of a call, since
/// separate bounds multiply where loops nest. All of it is some tens of milliseconds of work.
///
/// Confined to one thread. A call without retries spends nothing.
final class Patience {
    private static final int MOST = 1 << 17;
    /// This many wasted steps (a record walked over, a word copied) cost as much as one restart.
    private static final int STEPS = 64;
    /// Cap per restart: a call that is unlucky with long messages still has some thousand restarts.
    private static final int MOST_AT_ONCE = MOST >> 12;

    private final QueueFile file;
    private int left = MOST;
    private int runs;

    Patience(QueueFile file) {
        this.file = file;
    }

    /// Refills the budget: a call begins, or has made progress.
    void renew() {
        left = MOST;
    }

    /// Starts over at a lane.
    void startOver(int lane) {
        startOver(lane, 0);
    }

    /// Starts over at a lane after this many wasted steps.
    void startOver(int lane, long steps) {
        startOver(lane, steps, "its head never stands still");
    }

    void startOver(int lane, long steps, String otherwise) {
        left -= (int) Math.min(1 + steps / STEPS, MOST_AT_ONCE);
        if (left < 0) throw file.corrupted(lane, file.head(lane), otherwise);
    }

    /// One more step of a walk whose end recedes.
    void runAfter(int lane, long position, String otherwise) {
        if ((++runs & STEPS - 1) == 0 && --left < 0) throw file.corrupted(lane, position, otherwise);
    }
}
