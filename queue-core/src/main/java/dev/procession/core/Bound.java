package dev.procession.core;

import java.lang.foreign.MemorySegment;

/// The exact bound on the number of items, both sides: producers announce an item before they put it (invariant 11);
/// any thread may ask whether there is a place.
///
/// Each lane has its owner's announced count (ahead while a put is in progress), each record its number within the
/// lane: a lane's items are the announced count less the number at its head. Counting takes no lock of another
/// process and writes nothing but the caller's own announcement, so one stopped or killed in it blocks no other.
///
/// Thread-safe.
final class Bound {
    private final MemorySegment memory;
    private final long base;
    private final long maxItems;
    private final boolean leased;
    private final Lanes lanes;
    private final Participants participants;

    /// Per lane, an announced count known to be fulfilled: all those items were put, so whether the owner is alive need
    /// not be checked again. Racy: a stale value costs one check.
    private final long[] kept;

    /// Per lane of a leased queue, how many of its items a walk found before the head or done: never too high, as that
    /// only grows. Twice that number and 1, or 0 before the first walk, as numbers come round. Saves walks while one
    /// lease is held and many records behind it are done. Racy like `kept`.
    private final long[] ended;

    Bound(QueueFile file, Lanes lanes, Participants participants) {
        this.lanes = lanes;
        this.participants = participants;
        memory = file.memory;
        base = file.base;
        maxItems = file.geometry.maxItems();
        leased = file.geometry.leased();
        kept = new long[file.geometry.bounded() ? file.geometry.lanes() : 0];
        ended = kept.clone();
    }

    // ---- a producer's side

    /// Reserves some of maxItems for the caller's lane (Dekker: announce, fence, count): if the queue were overfull,
    /// the last to announce would have counted all others. Returns false if the queue is full; nothing is announced
    /// then.
    ///
    /// @param published number of items the caller has put
    /// @param more number of items that it is about to put at once
    boolean announce(int lane, long published, int more, Patience patience) {
        if (tryAnnounce(lane, published, more, patience, false)) return true;
        if (leased && countDone(patience) && tryAnnounce(lane, published, more, patience, false)) return true;
        // the exact count is first made without the announcement, which would meanwhile keep others from the last place
        return exactItems(patience) + more <= maxItems && tryAnnounce(lane, published, more, patience, true);
    }

    private boolean tryAnnounce(int lane, long published, int more, Patience patience, boolean exact) {
        // pairs with announced(); ordered by the fence
        SharedMemory.setRelease(memory, base + Layout.announcedOffset(lane), published + more);
        // Dekker: pairs with this same fence in other producers; StoreLoad, which a release store does not give
        SharedMemory.fullFence();
        long items = exact ? exactItems(patience) : countedItems(patience);
        if (items <= maxItems) return true;
        retract(lane, published);
        return false;
    }

    /// Cancels what was announced beyond this many items, if anything.
    void retract(int lane, long published) {
        // pairs with announced(); release: not before the put that it belongs to has failed
        SharedMemory.setRelease(memory, base + Layout.announcedOffset(lane), published);
    }

    // ---- counting

    /// Whether this many more items may be announced now.
    boolean hasPlace(int more, Patience patience) {
        return countedItems(patience) + more <= maxItems
                || leased && countDone(patience) && countedItems(patience) + more <= maxItems
                || exactItems(patience) + more <= maxItems;
    }

    /// Sums up what was announced in each lane less what was taken. The number at the head is read first, so under
    /// concurrency the sum may be too high but never too low. It also includes items that dead owners announced but
    /// never put, and records done lately after one that is not; [#exactItems(Patience)] excludes both.
    private long countedItems(Patience patience) {
        long items = 0;
        int count = lanes.lanesInUse();
        for (int lane = 0; lane < count; lane++) {
            long number = numberAtHead(lane, patience);
            items += announced(lane) - number;
            if (leased) items -= endedSince(number, lane);
        }
        return items;
    }

    /// Counts the places taken. Writes nothing to the file.
    ///
    /// For a caller that has announced and fenced, the result is never too low. Of the items in the queue at some later
    /// time, consider the last announced: its owner sees all other announcements. Each was made by a live owner, so the
    /// announced word has it; or by one already dead when checked for, so that all its stores were done and the log has
    /// the item if it was put; or by a later heir of the lane, which contradicts its being before the last one. The
    /// passed count is read first and is monotonic.
    private long exactItems(Patience patience) {
        long items = 0;
        int count = lanes.lanesInUse();
        for (int lane = 0; lane < count; lane++) items += places(lane, patience);
        return items;
    }

    private long places(int lane, Patience patience) {
        long passed = numberAtHead(lane, patience);
        if (announced(lane) - passed <= 0) return 0;
        if (leased) {
            passed = lanes.doneItems(lane).count(true, patience);
            ended[lane] = 2 * passed + 1;
        }
        long announced = announced(lane);
        if (announced == kept[lane] || participants.isLaneAlive(lane)) return announced - passed;
        // after the check: an owner found dead has put all that it ever will
        Lanes.Log log = lanes.walk(lane, null, patience);
        if (log.passed() + log.items() == announced) kept[lane] = announced;
        return log.items();
    }

    /// Brings `ended` up to date, but for records that were made done before earlier ones were leased. Returns whether
    /// there are more than there were.
    private boolean countDone(Patience patience) {
        boolean more = false;
        int count = lanes.lanesInUse();
        for (int lane = 0; lane < count; lane++) {
            long known = 2 * lanes.doneItems(lane).count(false, patience) + 1;
            if (ended[lane] != 0 && known - ended[lane] <= 0) continue;
            ended[lane] = known;
            more = true;
        }
        return more;
    }

    /// How many more than this number of items are known to be done.
    private long endedSince(long number, int lane) {
        long known = ended[lane];
        return known == 0 ? 0 : Math.max(0, known - 2 * number >> 1);
    }

    private long announced(int lane) {
        // pairs with the release stores above: a read of one sees what its owner had put before
        return SharedMemory.getVolatile(memory, base + Layout.announcedOffset(lane));
    }

    /// A jump keeps the number that the zero header before it had: the next record's.
    private long numberAtHead(int lane, Patience patience) {
        for (;; patience.startOver(lane)) {
            long head = lanes.head(lane);
            try {
                long number = lanes.number(lane, head);
                if (lanes.head(lane) == head) return number;
            } catch (InternalError e) {
                lanes.checkPassed(lane, head, e);
            }
        }
    }
}
