package dev.procession.core;

import java.lang.ref.Reference;

/// Takes messages out of the queue in their order. How it takes them, and who else may, is its [Delivery].
///
/// Belongs to one thread, close() included. No allocation per message, but that a [LeasingConsumer] makes a [Lease] for
/// each.
///
/// What a look is, and why its rule is right, is in the package documentation (get). What makes it cheap is here:
/// seeing goes ahead of taking (some records down the lane, then one look at the other lanes, then all of them are
/// taken), and a lane's first record is remembered until it is taken. Lanes that a look found empty are read again in
/// the next look only.
public abstract class Consumer extends LaneScan implements AutoCloseable {
    /// What a get returns when there is no message.
    public static final int EMPTY = -1;

    /// Empty answers between two questions to the system whether the file is whole: one costs as much as a hundred
    /// looks.
    private static final int CHECK_EACH = 1 << 14;

    final Participants participants;
    final WaitLoop waiting;
    private int empties;
    boolean busy; // between begin() and end(); each call that begins clears it itself, which no full stack can prevent
    private boolean closed;

    Consumer(Participants participants, WaitLoop waiting) {
        super(participants.lanes);
        this.participants = participants;
        this.waiting = waiting;
    }

    /// Hands messages to a handler.
    ///
    /// An exclusive consumer hands them out in place, and a message that was handed out is taken, also if the handler
    /// threw. Heads are moved at the end of the call, and on the way after each eighth of a lane: up to that much is
    /// delivered again if this process is killed. A shared consumer takes a run of messages from one lane at once and
    /// hands out private copies: a kill loses the run, so `limit` is how many messages may be lost to it.
    ///
    /// @param handler gets each message
    /// @param limit how many messages at the most, 1 or more
    /// @return how many were handed out; 0 if the queue was empty
    /// @throws QueueClosedException if this consumer or its queue was closed
    /// @throws QueueCorruptedException if the file is damaged
    public abstract int poll(MessageHandler handler, int limit);

    /// Hands messages to a handler, and waits for the first one.
    ///
    /// @param handler gets each message
    /// @param limit how many messages at the most, 1 or more
    /// @param timeoutNanos the longest wait; zero or less does not wait, [Long#MAX_VALUE] has no end
    /// @return how many were handed out; 0 if the queue was empty all the time
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
    /// @param to gets its bytes, from index 0
    /// @return its length, or [#EMPTY]
    /// @throws MessageTooLargeException if `to` is too short; the message stays the first
    /// @throws QueueClosedException if this consumer or its queue was closed
    /// @throws QueueCorruptedException if the file is damaged
    public abstract int tryGet(byte[] to);

    /// Takes one message, and waits for it.
    ///
    /// @param to gets its bytes, from index 0
    /// @param timeoutNanos the longest wait; zero or less does not wait, [Long#MAX_VALUE] has no end
    /// @return its length, or [#EMPTY] if the queue was empty all the time
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws MessageTooLargeException if `to` is too short; the message stays the first
    /// @throws QueueClosedException if this consumer or its queue was closed, also while it waits
    /// @throws QueueCorruptedException if the file is damaged
    public int get(byte[] to, long timeoutNanos) throws InterruptedException {
        int length = tryGet(to);
        if (length != EMPTY || timeoutNanos <= 0) return length;
        waiting.start(timeoutNanos);
        while (length == EMPTY && waiting.pause()) length = tryGet(to);
        return length;
    }

    /// Takes one message, and waits for it as long as it takes.
    ///
    /// @param to gets its bytes, from index 0
    /// @return its length
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws MessageTooLargeException if `to` is too short; the message stays the first
    /// @throws QueueClosedException if this consumer or its queue was closed, also while it waits
    /// @throws QueueCorruptedException if the file is damaged
    public int get(byte[] to) throws InterruptedException {
        return get(to, Long.MAX_VALUE);
    }

    static MessageTooLargeException tooLarge(int length, int most) {
        return new MessageTooLargeException("the next message has length=" + length + " bytes, the buffer " + most
                + "; it was not taken, use a larger buffer");
    }

    /// Begins a call that takes messages; [#end()] ends it.
    final void begin(int limit) {
        if (limit < 1) throw new IllegalArgumentException("limit=" + limit + ", must be 1 or more");
        checkNotInHandler();
        checkOpen();
        busy = true;
        patience.renew();
    }

    /// Nothing was found: time to ask now and then whether the file is still whole.
    final int empty() {
        checked(0);
        return EMPTY;
    }

    /// The same for a number of messages.
    final int checked(int taken) {
        if (taken == 0 && (++empties & CHECK_EACH - 1) == 0) file.checkNotTruncated();
        return taken;
    }

    final void end() {
        busy = false;
        Reference.reachabilityFence(this); // keeps the mapping until here
    }

    private void checkNotInHandler() {
        if (busy) throw new IllegalStateException("a message handler cannot use or close the consumer that called it");
    }

    private void checkOpen() {
        if (closed) throw new QueueClosedException("this consumer of " + file.path + " was closed");
        file.checkOpen();
    }

    /// Returns false if it was closed before.
    final boolean markClosed() {
        if (closed) return false;
        checkNotInHandler();
        closed = true;
        return true;
    }

    /// Gives the consumer's place back. Messages that it has not taken stay.
    @Override
    public abstract void close();
}
