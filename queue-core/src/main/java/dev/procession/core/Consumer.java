package dev.procession.core;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/// Takes messages out of the queue in their order. How it takes them, and who else may, is its [Delivery].
///
/// Belongs to one thread, close() included. No allocation per message, but that a [LeasingConsumer] makes a [Lease] for
/// each.
///
/// What a look is, and why its rule is right, is in the package documentation (get). What makes it cheap is here: seeing
/// goes ahead of taking (some records down the lane, then one look at the other lanes, then all of them are taken), and a
/// lane's first record is remembered until it is taken. Lanes that a look found empty are read again in the next look
/// only.
public abstract sealed class Consumer implements AutoCloseable
        permits ExclusiveConsumer, SharedConsumer, LeasingConsumer {
    /// What a get returns when there is no message.
    public static final int EMPTY = -1;

    /// How many records ahead of the first one are seen before the other lanes are looked at.
    private static final int WALK = 32;

    private static final int COPY_ALIGNMENT = 64;
    private static final int LEAST_COPY_BYTES = 1 << 10;

    /// Looks that it takes if nobody else is faster.
    private static final int USUAL_LOOKS = 3;

    /// Empty answers between two questions to the system whether the file is whole: one costs as much as a hundred looks.
    private static final int CHECK_EACH = 1 << 14;

    final LaneQueue queue;
    final MemorySegment memory;
    final long base;
    final long inUseAt;
    final long laneBytes;
    final long mask; // makes an offset of a position
    final int prefix; // bytes before the payload
    final int alignment; // of records
    final int maxMessage;
    final long[] laneAt;
    final long[] headAt;

    final long[] head; // position: the shared head as last read or moved by this consumer
    final long[] position; // of the lane's first record: its head, or behind the padding that is there
    final long[] first; // the header there; 0 if the lane was empty when last read
    final long[] seen; // position: every record before it was published before the last look
    long bound; // a ticket that was drawn before the last look; records with smaller ones may be taken
    int lanes; // in use, as of the last look
    long below; // limit: the smallest ticket that another lane was seen to hold; one with a smaller one is next

    final Waiting waiting;
    final Patience patience; // of the call that is going on
    private int empties;
    boolean busy; // between begin() and end(); each call that begins clears it itself, which no full stack can prevent
    private boolean closed;

    Consumer(LaneQueue queue, WaitStrategy strategy) {
        this.queue = queue;
        memory = queue.file.memory;
        base = Memory.base(memory);
        QueueGeometry geometry = queue.geometry();
        inUseAt = base + Layout.LANES_IN_USE_AT;
        laneBytes = geometry.laneBytes();
        mask = geometry.offsetMask();
        prefix = geometry.prefixBytes();
        alignment = geometry.alignment();
        maxMessage = geometry.maxMessageBytes();
        int max = geometry.lanes();
        laneAt = new long[max];
        headAt = new long[max];
        head = new long[max];
        position = new long[max];
        first = new long[max];
        seen = new long[max];
        for (int lane = 0; lane < max; lane++) {
            laneAt[lane] = base + geometry.laneAt(lane);
            headAt[lane] = base + Layout.headAt(lane);
            head[lane] = position[lane] = seen[lane] = Memory.getVolatile(memory, headAt[lane]);
        }
        bound = newestTicket();
        waiting = queue.waitingForMessages(strategy);
        patience = new Patience(queue.lanes);
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
        waiting.begin(timeoutNanos);
        while (taken == 0 && waiting.again()) taken = poll(handler, limit);
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
        waiting.begin(timeoutNanos);
        while (length == EMPTY && waiting.again()) length = tryGet(to);
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

    // ---- look

    /// Finds the lane whose first record is to be taken next, or EMPTY. Sets `below` for a run of records in that lane.
    final int choose() {
        if (lanes <= 1) {
            int only = chooseOnly();
            if (lanes <= 1) return only;
        }
        for (int i = 0;; i++) {
            if (i >= USUAL_LOOKS) patience.startOver(0, Lanes.STEPS_A_LANE * lanes, Lanes.NEVER_STILL);
            int best = smallest();
            if (best >= 0 && mayTake(best)) return best;
            if (best >= 0) seeAhead(best);
            if (!look() && best < 0 && provenEmpty()) return EMPTY;
        }
    }

    /// One lane in use: what was read in it before the number of lanes was, is in order (invariant 8).
    private int chooseOnly() {
        if (lanes == 0 && (lanes = queue.lanes.lanesInUse()) == 0) return EMPTY; // and no memory behind any lane yet
        if (first[0] == 0) read(0);
        if (Memory.getVolatile(memory, inUseAt) != 1) {
            first[0] = 0; // what was remembered while it was the only one may have been taken since
            look(); // the others were never read
            return EMPTY;
        }
        lanes = 1;
        below = noOther(first[0]);
        return first[0] == 0 ? EMPTY : 0;
    }

    /// The lane with the smallest ticket among those seen, or -1.
    private int smallest() {
        int best = -1;
        boolean others = false;
        long min = 0;
        long second = 0;
        for (int lane = 0; lane < lanes; lane++) {
            long header = first[lane];
            if (header == 0) continue;
            long ticket = ticket(header);
            if (best < 0) {
                best = lane;
                min = ticket;
                continue;
            }
            if (ticket - min < 0) { // a difference: tickets may come round
                second = min;
                min = ticket;
                best = lane;
            } else if (!others || ticket - second < 0) {
                second = ticket;
            }
            others = true;
        }
        if (best >= 0) below = others ? Layout.limit(second) : noOther(first[best]);
        return best;
    }

    /// A limit that every later record of the header's lane is below.
    private static long noOther(long header) {
        return (header & -Layout.limit(1)) + Long.MAX_VALUE;
    }

    /// Whether its put is known to have begun before the last look did.
    private boolean mayTake(int lane) {
        return ticket(first[lane]) - bound < 0 || position[lane] - seen[lane] < 0;
    }

    /// Widens a header's ticket from 40 bits: from the bound if it is near it; else the counter says.
    private long ticket(long header) {
        long distance = Layout.distance(header, bound);
        return Layout.isNear(distance) ? bound + distance : Layout.widen(header, newestTicket());
    }

    private long newestTicket() {
        return Memory.getVolatile(memory, base + Layout.TICKET_AT) - 1;
    }

    /// Sees some records of the lane, and the largest ticket there, before the next look: all of them may be taken after
    /// it.
    private void seeAhead(int lane) {
        long at = position[lane];
        long last = first[lane];
        for (int i = 0;; i++) {
            if (!isRecord(last, at & mask)) {
                at++; // let it be taken: that finds out whether it is damage
                break;
            }
            at += recordBytes(Layout.length(last));
            if (i == WALK) break;
            long next = Memory.getVolatile(memory, laneAt[lane] + (at & mask));
            if (next == 0 || next == Layout.PADDING) break;
            last = next;
        }
        long ticket = ticket(last);
        if (!unmoved(lane)) { // what was read may be anything (invariant 9)
            read(lane);
            return;
        }
        seen[lane] = at;
        if (ticket - bound > 0) bound = ticket;
    }

    /// Reads the lanes again that were empty. Returns whether one is not any more.
    private boolean look() {
        boolean found = false;
        lanes = queue.lanes.lanesInUse(); // before the lanes: one that is used later holds only puts that began later
        for (int lane = 0; lane < lanes; lane++) {
            if (first[lane] == 0) found |= read(lane) != 0;
        }
        return found;
    }

    /// Reads the lane's first record into `head`, `position`, `first`; returns `first`.
    abstract long read(int lane);

    /// Whether the lane's head is still where it was read.
    abstract boolean unmoved(int lane);

    /// Whether the queue was empty at some moment, given that a look has just found nothing.
    abstract boolean provenEmpty();

    // ---- records

    /// Private memory for a copy of so many bytes. It is at least twice as large as the old one if it can be, so what
    /// waits for the collector is never more than what is in use.
    final MemorySegment larger(MemorySegment old, int bytes) {
        long twice = Math.min(Math.max(2 * old.byteSize(), LEAST_COPY_BYTES), maxMessage);
        if (twice > bytes) {
            try {
                return Arena.ofAuto().allocate(twice, COPY_ALIGNMENT);
            } catch (OutOfMemoryError e) {
                // perhaps there is as much as is needed
            }
        }
        try {
            return Arena.ofAuto().allocate(bytes, COPY_ALIGNMENT);
        } catch (OutOfMemoryError e) {
            var error = new OutOfMemoryError("no memory for a copy of the next message of " + queue.path() + ", length="
                    + bytes + " bytes; it was not taken, give this process more (-XX:MaxDirectMemorySize)");
            error.initCause(e);
            throw error;
        }
    }

    final long recordBytes(int length) {
        return QueueGeometry.recordBytes(length, prefix, alignment);
    }

    /// Whether a header that is neither zero nor padding can be that of a record at this offset.
    final boolean isRecord(long header, long offset) {
        int length = Layout.length(header);
        return length >= 0 && length <= maxMessage && recordBytes(length) <= laneBytes - offset;
    }

    final long nextLap(long position) {
        return QueueGeometry.nextLap(position, laneBytes);
    }

    final QueueCorruptedException corrupted(int lane, long header) {
        return queue.file.corrupted(
                lane, position[lane], "its header " + Long.toHexString(header) + " is not that of a record");
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
        if (taken == 0 && (++empties & CHECK_EACH - 1) == 0) queue.file.checkNotCutOff();
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
        if (closed) throw new QueueClosedException("this consumer of " + queue.path() + " was closed");
        queue.file.checkOpen();
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
