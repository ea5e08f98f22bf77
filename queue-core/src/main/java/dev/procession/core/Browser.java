package dev.procession.core;

/// Shows the messages that are in the queue, in order, and takes none: for a look at the next one, or at all.
///
/// Weakly consistent: each message was in the queue while it was copied, and none is shown twice; what is put or taken
/// meanwhile may be shown or not. It is no consumer: it may be used beside any, by any number of processes, and writes
/// nothing. It holds nothing either, so there is nothing to close.
///
/// A record is copied before a read of the head that proves it, as by [SharedConsumer], but at a position of its own.
///
/// Confined to one thread.
public final class Browser extends LaneScan {
    /// As in [SharedConsumer]: what is longer is not copied before its length is proven, nor more than a step at once.
    private static final int UNPROVEN_BYTES = 1 << 12;
    private static final int STEP_BYTES = 64 << 10;

    private final Participants participants;
    private final boolean lentToo;
    private final PrivateCopy copy = new PrivateCopy(file);

    /// @param lentToo in a leased queue: whether it shows what is lent, too; else only what a get would find
    Browser(Participants participants, boolean lentToo) {
        super(participants.lanes);
        this.participants = participants;
        this.lentToo = lentToo;
    }

    /// Shows the next message.
    ///
    /// @param handler gets it
    /// @return false if there is none at the moment
    /// @throws QueueClosedException if the queue was closed
    /// @throws QueueCorruptedException if the file is damaged
    public boolean next(MessageHandler handler) {
        file.enter();
        try {
            patience.renew();
            if (!copyNext()) return false;
            handler.onMessage(copy.message());
            return true;
        } finally {
            copy.hide();
            file.exit();
        }
    }

    private boolean copyNext() {
        while (true) {
            try {
                int lane = selectLane();
                if (lane == NONE) return false;
                if (copyFirst(lane)) return true;
                read(lane);
                patience.startOver(lane);
            } catch (InternalError e) {
                checkOvertaken(e);
            }
        }
    }

    /// After a fault, returns if it may be tried again: see [Consumer].
    private void checkOvertaken(InternalError e) {
        boolean overtaken = false;
        try {
            for (int lane = 0; lane < lanes; lane++) overtaken |= shared.head(lane) != head[lane];
        } catch (InternalError late) { // truncated just now
            throw file.translate(late);
        }
        if (!overtaken || file.isTruncated()) throw file.translate(e);
        forget();
        patience.startOver(0);
    }

    /// Copies the lane's first message, and passes it. Returns false if it was taken meanwhile.
    private boolean copyFirst(int lane) {
        int length = firstLength(lane);
        if ((length < 0 || length > UNPROVEN_BYTES) && !headUnchanged(lane)) return false;
        if (length < 0) throw corrupted(lane, first[lane]);
        long at = position[lane];
        if (length > copy.byteSize()) copy.grow(length);
        long from = firstPayload(lane, length);
        for (int copied = 0, step; copied < length; copied += step) {
            step = Math.min(length - copied, STEP_BYTES);
            copy.fill(copied, laneMemory[lane], from + copied, step);
            if (!headUnchanged(lane)) return false;
        }
        if (isPassedOver(lane, at) || !headUnchanged(lane)) return false;
        long next = afterFirst(lane, length);
        position[lane] = next;
        read(lane);
        copy.show(length, lane, at);
        return true;
    }

    /// Whether the record is done, or lent if that matters.
    private boolean isPassedOver(int lane, long at) {
        if (!geometry.leased()) return false;
        long leaseWord = shared.leaseWord(lane, at);
        int state = Layout.state(leaseWord, at);
        // its holder may be dead; how long a live one has had it is known to consumers only
        return state == Layout.DONE || state == Layout.LEASED && !lentToo
                && participants.isConsumerAlive(Layout.consumerId(leaseWord));
    }

    /// Finds the lane's first record at this browser's position, or after what was taken since.
    @Override
    long read(int lane) {
        for (long at = position[lane];;) {
            head[lane] = shared.head(lane);
            if (head[lane] - at > 0) at = head[lane];
            long header = 0;
            long next = Lanes.NOWHERE;
            try {
                header = shared.header(lane, at);
                next = header == 0 ? at : Layout.isJump(header) ? shared.target(at, header)
                        : passOver(lane, at, header);
            } catch (InternalError e) {
                shared.checkPassed(lane, at, e);
            }
            long now = shared.head(lane);
            if (now - at > 0) { // what was read is not to be believed
                patience.startOver(lane);
                continue;
            }
            if (next == Lanes.NOWHERE) throw file.corrupted(lane, at, Lanes.NO_RECORD);
            if (Layout.jumps(next) - Layout.jumps(now) >= geometry.chunks()) {
                throw file.corrupted(lane, next, Lanes.NO_END);
            }
            if (next == at) {
                position[lane] = at;
                return first[lane] = header;
            }
            patience.runAfter(lane, next, Lanes.NO_END);
            at = next;
        }
    }

    /// The position after a record that is not to be shown, else its own.
    private long passOver(int lane, long at, long header) {
        if (!isPassedOver(lane, at)) return at;
        int length = shared.length(lane, at, header);
        return length < 0 ? Lanes.NOWHERE : at + geometry.recordBytes(length);
    }

    /// While the head has not passed it, the record is there.
    @Override
    boolean headUnchanged(int lane) {
        // pairs with the moves of heads by consumers; the fence keeps the reads that this head proves before it
        SharedMemory.acquireFence();
        return shared.head(lane) - position[lane] <= 0;
    }

    /// Two consecutive looks that end each lane at the same position.
    @Override
    boolean confirmEmpty() {
        readLanesInUse();
        boolean empty = true;
        for (int lane = 0; lane < lanes; lane++) {
            long old = position[lane];
            empty &= read(lane) == 0 & position[lane] == old;
        }
        return empty;
    }
}
