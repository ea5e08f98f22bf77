package dev.procession.core;

/// Counts the items of a lane of a leased queue that are done, for the bound, or leased, for who waits. Each count
/// goes on where the last one found the first record that is free, and looks again at those before it that were
/// leased: else, while one lease is held for long, all that is done behind it would be walked over for each put and
/// each nap.
///
/// Thread-safe.
final class DoneItems {
    private final Lanes lanes;
    private final QueueGeometry geometry;
    private final int lane;
    private final LeasedList leased = new LeasedList();
    private long end; // position: every record before it is done, or in the list

    DoneItems(Lanes lanes, int lane) {
        this.lanes = lanes;
        this.lane = lane;
        geometry = lanes.file.geometry;
        end = lanes.head(lane);
    }

    /// The number of the lane's items that are done. While others finish some, it may be too low, but never too high.
    ///
    /// @param all also those after the first that is free, for which all that waits has to be walked
    synchronized long count(boolean all, Patience patience) {
        while (true) {
            long head = lanes.head(lane);
            if (head - end > 0) end = head;
            try {
                dropDone(head);
                if (goOn()) {
                    if (all) {
                        Lanes.Log log = lanes.walkFrom(lane, end, null, patience);
                        if (log != null) return log.passed() - leased.count();
                    } else {
                        long number = lanes.number(lane, end);
                        if (lanes.head(lane) - end <= 0) return number - leased.count();
                    }
                }
            } catch (InternalError e) {
                lanes.checkPassed(lane, head, e);
            }
            patience.startOver(lane);
        }
    }

    /// The number of records that are leased; -1 if there is one that is not, or was not a moment ago.
    synchronized long leases(Patience patience) {
        while (true) {
            long head = lanes.head(lane);
            if (head - end > 0) end = head;
            try {
                boolean free = dropDone(head);
                if (goOn()) {
                    free |= lanes.header(lane, end) != 0;
                    if (lanes.head(lane) - end <= 0) return free ? -1 : leased.count();
                }
            } catch (InternalError e) {
                lanes.checkPassed(lane, head, e);
            }
            patience.startOver(lane);
        }
    }

    /// Returns whether one that was leased is free.
    private boolean dropDone(long head) {
        boolean free = false;
        leased.begin();
        for (long at; (at = leased.current()) != Lanes.NOWHERE;) {
            int state = head - at > 0 ? Layout.DONE : lanes.state(lane, at);
            free |= state == Layout.FREE;
            if (state == Layout.DONE) leased.drop();
            else leased.pass();
        }
        leased.begin();
        return free;
    }

    /// Goes on over what is done or leased. Returns false if the head has overtaken the walk.
    private boolean goOn() {
        while (true) {
            long at = end;
            long header = lanes.header(lane, at);
            boolean jump = Layout.isJump(header);
            int length = jump || header == 0 ? -1 : lanes.length(lane, at, header);
            int state = length < 0 ? Layout.FREE : lanes.state(lane, at);
            long next = jump ? lanes.target(at, header) : at + geometry.recordBytes(Math.max(length, 0));
            long head = lanes.head(lane);
            if (head - at > 0) return false;
            // damage is left to the count that follows
            int chain = Layout.jumps(next) - Layout.jumps(head);
            if (jump && (next == Lanes.NOWHERE || chain >= geometry.chunks())) return true;
            if (!jump && state != Layout.DONE && state != Layout.LEASED) return true;
            if (!jump && state == Layout.LEASED) leased.add(at);
            end = next;
        }
    }
}
