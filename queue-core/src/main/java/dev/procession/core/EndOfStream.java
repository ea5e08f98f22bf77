package dev.procession.core;

import java.util.function.LongSupplier;

/// How the stream of a queue's messages ends: the queue is shut down, or its last producer is gone. And when all that
/// was put so far is done.
///
/// A put that begins after a shut-down fails, although a put does not read the word in general: the thread that shuts
/// down sets the word, then draws a ticket. So every producer's next put finds that another ticket than its own is the
/// newest, and takes the way on which it reads the word. It may be killed in between, so each thread that learns of the
/// shut-down draws one, too, before it can tell others. A put that overlaps the shut-down may still arrive; a later get
/// gets it.
///
/// A get says that the stream has ended if it has found nothing, then that it is over, then nothing again: what was put
/// before it was over is not missed.
///
/// Stateless and thread-safe.
final class EndOfStream {
    private static final long PUTS = 1;
    static final long GETS = 2;
    /// A sleep while others work on what is to be done, in ns: nothing rings when the last of it is.
    private static final long NAP_NANOS = 5_000_000;
    /// Or it is noticed late by this part of the wait.
    private static final int LATE_PART = 16;

    private final QueueFile file;
    private final Lanes lanes;
    private final Participants participants;

    EndOfStream(Participants participants) {
        this.participants = participants;
        lanes = participants.lanes;
        file = lanes.file;
    }

    /// @param now gets fail as well, whatever is left
    void shutDown(boolean now) {
        long word = now ? GETS : PUTS;
        for (long seen; (seen = file.shutDown()) < word;) {
            // pairs with the reads in QueueFile.shutDown(); CAS: monotonic
            SharedMemory.compareAndSet(file.memory, file.base + Layout.SHUT_DOWN_OFFSET, seen, word);
        }
        boolean unused = file.isShutDown();
        Doorbell.ringBoth(file);
    }

    /// Before a get looks.
    void checkGet() {
        if (file.shutDown() >= GETS && file.isShutDown()) throw file.wasShutDown();
    }

    /// After a get has found nothing.
    void checkEmpty() {
        if (isOver() && lanes.isEmpty()) throw over();
    }

    /// Whether a consumer is to look again instead of sleeping.
    boolean isToBeTold() {
        return isOver() && (file.shutDown() >= GETS || lanes.isEmpty());
    }

    private boolean isOver() {
        return file.shutDown() != 0
                || file.geometry.endsWithProducers() && participants.areProducersGone();
    }

    private QueueException over() {
        if (file.isShutDown()) return file.wasShutDown();
        return new QueueEndedException(file.path + " has ended: it is empty, and all of its producers are gone");
    }

    /// Waits until all that was put before this call is taken, or done in a leased queue.
    ///
    /// @param room of the handle
    /// @return false if it was not until the time-out was over
    /// @throws QueueShutDownException if it will not be: gets fail
    boolean awaitDone(Doorbell room, long timeoutNanos) throws InterruptedException {
        Patience patience = new Patience(file);
        long[] ends = new long[lanes.lanesInUse()];
        for (int lane = 0; lane < ends.length; lane++) ends[lane] = lanes.walk(lane, null, patience).tail();
        long start = System.nanoTime();
        LongSupplier nap = () -> isDone(ends) || file.shutDown() >= GETS ? 0
                : Math.max(NAP_NANOS, (System.nanoTime() - start) / LATE_PART);
        WaitLoop waiting = new WaitLoop(file, room, WaitStrategy.sleeping(), nap);
        waiting.start(timeoutNanos);
        boolean done;
        while (!(done = isDone(ends))) {
            checkGet();
            if (!waiting.pause()) break;
        }
        return done;
    }

    private boolean isDone(long[] ends) {
        Patience patience = new Patience(file);
        for (int lane = 0; lane < ends.length; lane++) {
            if (lanes.first(lane, patience) - ends[lane] < 0) return false;
        }
        return true;
    }
}
