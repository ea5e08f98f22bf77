package dev.procession.core;

/// What one call may spend on starting over because others were faster, before it believes in damage instead: a file
/// that moves all the time would keep it for ever. There is one for all the loops of a call, since bounds of their own
/// multiply where loops are nested. All of it is some tens of milliseconds of work.
///
/// Belongs to one thread. Whoever finds everything as it should be spends nothing.
final class Patience {
    private static final int MOST = 1 << 17;
    /// So many steps in vain (a record that was walked over, a word that was copied) count as much as starting over.
    private static final int STEPS = 64;
    /// However many steps there were: who is unlucky with long messages starts over some thousand times all the same.
    private static final int MOST_AT_ONCE = MOST >> 12;

    private final QueueFile file;
    private int left = MOST;
    private int runs;

    Patience(QueueFile file) {
        this.file = file;
    }

    /// A call begins, or it has got something.
    void renew() {
        left = MOST;
    }

    /// Starts over at a lane.
    void startOver(int lane) {
        startOver(lane, 0);
    }

    /// Starts over at a lane after so many steps.
    void startOver(int lane, long steps) {
        startOver(lane, steps, "its head never stands still");
    }

    void startOver(int lane, long steps, String otherwise) {
        left -= (int) Math.min(1 + steps / STEPS, MOST_AT_ONCE);
        if (left >= 0) return;
        // only for the message: pairs with nothing
        throw file.corrupted(lane, SharedMemory.getVolatile(file.memory, file.base + Layout.headOffset(lane)),
                otherwise);
    }

    /// Goes one more step after an end that runs away.
    void runAfter(int lane, long position, String otherwise) {
        if ((++runs & STEPS - 1) == 0 && --left < 0) throw file.corrupted(lane, position, otherwise);
    }
}
