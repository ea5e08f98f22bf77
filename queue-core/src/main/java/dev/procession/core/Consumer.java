package dev.procession.core;

import java.lang.ref.Reference;

/// Takes messages out of the queue in order. Its [Delivery] says how, and which other consumers may be attached.
///
/// Confined to one thread, close() included. No allocation per message, except that a [LeasingConsumer] allocates a
/// [Lease] for each.
///
/// {@snippet file="CoreExamples.java" region="consumer"}
///
/// The look and its correctness are in the package documentation (get). It is made cheap by scanning ahead of taking
/// (some records of one lane, then one look at the other lanes, then all of them are taken) and by caching a lane's
/// first header until its record is taken. Lanes that a look found empty are not reread before the next look.
public abstract class Consumer extends LaneScan implements AutoCloseable {
    /// Returned by a get if there is no message.
    public static final int EMPTY = -1;

    /// Empty results between two checks for truncation: a check is a system call, as expensive as a hundred looks.
    private static final int CHECK_EVERY = 1 << 14;

    final Participants participants;
    final WaitLoop waiting;
    private int empties;
    boolean busy; // between begin() and end(); cleared inline by callers, so even on stack overflow
    private boolean closed;
    final EndOfStream end;

    Consumer(Participants participants, WaitLoop waiting) {
        super(participants.lanes);
        this.participants = participants;
        this.waiting = waiting;
        end = new EndOfStream(participants);
    }

    /// Hands messages to a handler.
    ///
    /// An exclusive consumer hands them out in place; a message is taken once handed out, even if the handler throws.
    /// Heads are moved at the end of the call and after each eighth of a chunk: up to that much is redelivered if this
    /// process is killed. A shared consumer takes a run of messages from one lane at once and hands out private copies:
    /// a kill loses the run, so `limit` bounds the number of messages that it may lose.
    ///
    /// @param handler gets each message
    /// @param limit maximum number of messages, 1 or more
    /// @return the number handed out; 0 if the queue was empty
    /// @throws QueueClosedException if this consumer or its queue was closed
    /// @throws QueueCorruptedException if the file is damaged
    public abstract int poll(MessageHandler handler, int limit);

    /// Hands messages to a handler; waits for the first one, up to the time-out.
    ///
    /// @param handler gets each message
    /// @param limit maximum number of messages, 1 or more
    /// @param timeoutNanos the longest wait, in ns; zero or less: no wait; [Long#MAX_VALUE]: no limit
    /// @return the number handed out; 0 if the queue was empty throughout
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueClosedException if this consumer or its queue was closed, also while it waits
    /// @throws QueueCorruptedException if the file is damaged
    public int poll(MessageHandler handler, int limit, long timeoutNanos) throws InterruptedException {
        int taken = poll(handler, limit);
        if (taken > 0 || timeoutNanos <= 0) return taken;
        waiting.start(timeoutNanos);
        while (taken == 0 && waiting.pause()) taken = poll(handler, limit);
        return taken;
    }

    /// Takes one message.
    ///
    /// @param to destination of its bytes, from index 0
    /// @return its length, or [#EMPTY]
    /// @throws MessageTooLargeException if `to` is too short; the message stays first in the queue
    /// @throws QueueClosedException if this consumer or its queue was closed
    /// @throws QueueCorruptedException if the file is damaged
    public abstract int tryGet(byte[] to);

    /// Takes one message; waits for one, up to the time-out.
    ///
    /// @param to destination of its bytes, from index 0
    /// @param timeoutNanos the longest wait, in ns; zero or less: no wait; [Long#MAX_VALUE]: no limit
    /// @return its length, or [#EMPTY] if the queue was empty throughout
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws MessageTooLargeException if `to` is too short; the message stays first in the queue
    /// @throws QueueClosedException if this consumer or its queue was closed, also while it waits
    /// @throws QueueCorruptedException if the file is damaged
    public int get(byte[] to, long timeoutNanos) throws InterruptedException {
        int length = tryGet(to);
        if (length != EMPTY || timeoutNanos <= 0) return length;
        waiting.start(timeoutNanos);
        while (length == EMPTY && waiting.pause()) length = tryGet(to);
        return length;
    }

    /// Takes one message; blocks until there is one.
    ///
    /// @param to destination of its bytes, from index 0
    /// @return its length
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws MessageTooLargeException if `to` is too short; the message stays first in the queue
    /// @throws QueueClosedException if this consumer or its queue was closed, also while it waits
    /// @throws QueueCorruptedException if the file is damaged
    public int get(byte[] to) throws InterruptedException {
        return get(to, Long.MAX_VALUE);
    }

    static MessageTooLargeException tooLarge(int length, int most) {
        return new MessageTooLargeException("the next message has length=" + length + " bytes, the buffer " + most
                + "; it was not taken, use a larger buffer");
    }

    /// Begins a call that takes messages, ended by [#end()].
    final void begin(int limit) {
        if (limit < 1) throw new IllegalArgumentException("limit=" + limit + ", must be 1 or more");
        checkNotInHandler();
        checkOpen();
        busy = true;
        patience.renew();
    }

    /// After a fault, returns if it may be tried again: what was read had been passed by its head meanwhile, its space
    /// was given back, and the file system is so full that it cannot be had again.
    final void checkOvertaken(InternalError e) {
        if (file.isTruncated()) throw file.translate(e); // the heads may be gone, too
        boolean overtaken = false;
        try {
            for (int lane = 0; lane < lanes; lane++) overtaken |= file.head(lane) != head[lane];
            if (file.isTruncated()) overtaken = false;
        } catch (InternalError late) { // truncated just now
            throw file.translate(late);
        }
        if (!overtaken) throw file.translate(e);
        forget();
        patience.startOver(0);
    }

    /// No message: now and then checks for truncation, and looks after the space of lanes whose owners are gone.
    final int empty() {
        checked(0);
        return EMPTY;
    }

    /// The same for a number of messages taken.
    final int checked(int taken) {
        if (taken > 0) return taken;
        if ((++empties & CHECK_EVERY - 1) == 0) file.checkNotTruncated();
        giveBackLeft();
        end.checkEmpty();
        return taken;
    }

    private void giveBackLeft() {
        if (left.isEmpty()) return;
        left.stream().forEach(participants::giveBackUnowned);
        left.clear();
    }

    final void end() {
        busy = false;
        Reference.reachabilityFence(this); // keeps the file mapped until here
    }

    private void checkNotInHandler() {
        if (busy) throw new IllegalStateException("a message handler cannot use or close the consumer that called it");
    }

    private void checkOpen() {
        file.checkOpen(); // first, as in Producer
        if (closed) throw new QueueClosedException("this consumer of " + file.path + " was closed");
    }

    /// Returns false if it was closed already.
    final boolean markClosed() {
        if (closed) return false;
        checkNotInHandler();
        closed = true;
        try {
            giveBackLeft();
        } catch (QueueException | InternalError e) {
            // damaged or cut off: the consumer can be closed all the same
        }
        return true;
    }

    /// Detaches the consumer. Messages that it has not taken stay.
    @Override
    public abstract void close();
}
