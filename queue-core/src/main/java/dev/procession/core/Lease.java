package dev.procession.core;

/// A message that is lent: nobody else gets it until it is given back, its consumer is closed or dead, or the queue's
/// visibility time-out is over. It is gone when it is done.
///
/// Thread-safe: may be ended by another thread than the one that took it.
public final class Lease implements AutoCloseable {
    private final Lanes lanes;
    private final QueueFile file;
    private final Runnable whenGivenBack;
    private final int lane;
    private final long position;
    private final long leaseWord;
    private final int attempt;
    private boolean ended; // guarded by this

    Lease(Lanes lanes, Runnable whenGivenBack, int lane, long position, long leaseWord, int attempt) {
        this.lanes = lanes;
        file = lanes.file;
        this.whenGivenBack = whenGivenBack;
        this.lane = lane;
        this.position = position;
        this.leaseWord = leaseWord;
        this.attempt = attempt;
    }

    /// Returns how often the message was lent, this time included.
    ///
    /// @return 1 for the first time; after 255 times a number between 128 and 255
    public int attempt() {
        return attempt;
    }

    /// The message is finished: nobody gets it again.
    ///
    /// @throws LeaseLostException if it was lent to somebody else meanwhile, who may finish it too
    /// @throws IllegalStateException if this lease was done or given back already
    public void done() {
        if (!finish()) throw lost();
    }

    /// Returns false if the lease was lost.
    synchronized boolean finish() {
        Patience patience = new Patience(file); // before the lease ends: here it may still fail
        if (!file.tryEnter()) return lostByClosing();
        try {
            boolean mine = end(Layout.DONE);
            if (mine) lanes.passDone(lane, patience);
            return mine;
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            file.exit();
        }
    }

    /// The consumer and its queue were closed, and with them the lease was given back.
    private boolean lostByClosing() {
        checkNotEnded();
        ended = true;
        return false;
    }

    /// Gives the message back at once, at its old place in the order. This consumer sees it there with its next look,
    /// others within some milliseconds.
    ///
    /// @throws LeaseLostException if it was lent to somebody else meanwhile
    /// @throws IllegalStateException if this lease was done or given back already
    public synchronized void giveBack() {
        if (!tryGiveBack()) throw lost();
    }

    private boolean tryGiveBack() {
        if (!file.tryEnter()) return lostByClosing();
        try {
            boolean mine = end(Layout.FREE);
            if (mine) {
                whenGivenBack.run();
                lanes.signalMessages();
            }
            return mine;
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            file.exit();
        }
    }

    private void checkNotEnded() {
        if (ended) throw new IllegalStateException("this lease was done or given back already");
    }

    /// The compare-and-set says whether the lease is still ours: no lease word is ever the same again.
    private boolean end(int state) {
        checkNotEnded();
        boolean mine = lanes.replaceLeaseWord(
                lane, position, leaseWord, Layout.leaseWord(file.geometry.lap(position), 0, attempt, state));
        ended = true; // not before: whoever has no stack left for this can end the lease later
        return mine;
    }

    private LeaseLostException lost() {
        return new LeaseLostException("the lease on the message at position " + position + " of lane " + lane + " of "
                + file.path + " was lost: its consumer was closed, or held it for longer than the visibility"
                + " time-out, and attempt " + (attempt + 1) + " has begun; undo what this one did if that matters");
    }

    /// Gives the message back, unless the lease is done, given back, or lost.
    @Override
    public synchronized void close() {
        if (!ended && !file.isTruncated()) tryGiveBack();
    }
}
