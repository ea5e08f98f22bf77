package dev.procession.core;

/// A leased message: no other consumer gets it until it is given back, its consumer is closed or dead, or the queue's
/// visibility time-out has expired. When done, it is removed from the queue.
///
/// Thread-safe: may be ended by another thread than the one that took it.
///
/// {@snippet file="CoreExamples.java" region="lease"}
public final class Lease implements AutoCloseable {
    private final Lanes lanes;
    private final QueueFile file;
    private final Runnable whenGivenBack;
    private final int lane;
    private final long position;
    private final long leaseWord;
    private boolean ended; // guarded by this

    Lease(Lanes lanes, Runnable whenGivenBack, int lane, long position, long leaseWord) {
        this.lanes = lanes;
        file = lanes.file;
        this.whenGivenBack = whenGivenBack;
        this.lane = lane;
        this.position = position;
        this.leaseWord = leaseWord;
    }

    /// Returns how often the message was leased, this time included.
    ///
    /// @return 1 for the first time; after 16,383 times a number between 8,192 and 16,383
    public int attempt() {
        return Layout.attempts(leaseWord, position);
    }

    /// Returns what names the message for good: the same each time that it is leased.
    ///
    /// @return its id
    public MessageId id() {
        return new MessageId(file.uuid, lane, position);
    }

    /// Finishes the message: it is never delivered again.
    ///
    /// @throws LeaseLostException if it was leased to another consumer meanwhile, which may finish it too
    /// @throws IllegalStateException if this lease was done or given back already
    public void done() {
        if (!finish()) throw lost();
    }

    /// Returns false if the lease was lost.
    synchronized boolean finish() {
        Patience patience = new Patience(file); // allocated before the lease ends: here it may still fail
        if (!file.tryEnter()) return lostByClosing();
        boolean mine = false;
        try {
            mine = end(Layout.DONE);
            if (mine) lanes.passDone(lane, patience);
            return mine;
        } catch (InternalError e) {
            checkFault(mine, e);
            return mine; // if it is done, others move the head
        } finally {
            file.exit();
        }
    }

    /// The consumer and its queue were closed, which gave the lease back.
    private boolean lostByClosing() {
        checkNotEnded();
        ended = true;
        return false;
    }

    /// Gives the message back at once, at its old place in the order. This consumer's next look finds it there, other
    /// consumers' within some milliseconds.
    ///
    /// @throws LeaseLostException if it was leased to another consumer meanwhile
    /// @throws IllegalStateException if this lease was done or given back already
    public synchronized void giveBack() {
        if (!tryGiveBack()) throw lost();
    }

    private boolean tryGiveBack() {
        if (!file.tryEnter()) return lostByClosing();
        boolean mine = false;
        try {
            mine = end(Layout.FREE);
            if (mine) {
                whenGivenBack.run();
                lanes.signalMessages();
            }
            return mine;
        } catch (InternalError e) {
            checkFault(mine, e);
            return mine; // if it is free, others look again by their timers
        } finally {
            file.exit();
        }
    }

    /// After a fault, returns if the lease ended first, or if the message is gone, done by another consumer, and so is
    /// the memory of its lease word.
    private void checkFault(boolean mine, InternalError e) {
        if (file.isTruncated()) throw file.translate(e);
        if (!mine) lanes.checkPassed(lane, position, e);
        ended = true;
    }

    private void checkNotEnded() {
        if (ended) throw new IllegalStateException("this lease was done or given back already");
    }

    /// The CAS decides whether the lease is still ours: lease words never repeat (invariant 10).
    private boolean end(int state) {
        checkNotEnded();
        boolean mine = lanes.replaceLeaseWord(
                lane, position, leaseWord, Layout.leaseWord(position, 0, attempt(), state));
        ended = true; // not before: after a stack overflow here the lease can still be ended later
        return mine;
    }

    LeaseLostException lost() {
        return new LeaseLostException("the lease on the message at position " + position + " of lane " + lane + " of "
                + file.path + " was lost: its consumer was closed, or held it for longer than the visibility"
                + " time-out, and another one may have it; undo what this attempt did if that matters");
    }

    /// Gives the message back, unless the lease is done, given back or lost.
    @Override
    public synchronized void close() {
        if (!ended && !file.isTruncated()) tryGiveBack();
    }
}
