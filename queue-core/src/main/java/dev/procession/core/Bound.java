package dev.procession.core;

import java.lang.foreign.MemorySegment;

/// The exact bound on the number of items, of both sides: producers that announce an item before they put it (invariant
/// 11), and whoever asks whether there is a place.
///
/// Each lane has its owner's count of items, one more than there are while an item is on its way; and each record its
/// number within the lane. So the items of a lane are its announced number less the number at its head. Nothing here
/// holds a lock or changes anything but the caller's own announcement: whoever is stopped or killed while it counts is
/// in nobody's way.
///
/// Thread-safe.
final class Bound {
    private final MemorySegment memory;
    private final long base;
    private final long maxItems;
    private final boolean leased;
    private final Lanes lanes;
    private final Participants participants;

    /// An announced number of each lane that was found to be kept: as many items were put. For it nobody needs to ask
    /// again whether the lane's owner lives. Any thread may change it; an old value costs a question.
    private final long[] kept;

    Bound(QueueFile file, Lanes lanes, Participants participants) {
        this.lanes = lanes;
        this.participants = participants;
        memory = file.memory;
        base = file.base;
        maxItems = file.geometry.maxItems();
        leased = file.geometry.leased();
        kept = new long[file.geometry.bounded() ? file.geometry.lanes() : 0];
    }

    // ---- a producer's side

    /// Announces one item more of the caller's lane before it is put, so that all who do the same see each other: of
    /// the items in an overfull queue the one announced last would have counted all the others. Returns false if the
    /// queue is full; then nothing is announced.
    ///
    /// @param published how many items the caller has put
    boolean announce(int lane, long published, Patience patience) {
        if (tryAnnounce(lane, published, patience, false)) return true;
        // the longer count is made without the announcement first: it would keep others from the last place meanwhile
        return exactItems(patience) < maxItems && tryAnnounce(lane, published, patience, true);
    }

    private boolean tryAnnounce(int lane, long published, Patience patience, boolean exact) {
        // pairs with announced(); the fence orders it
        SharedMemory.setRelease(memory, base + Layout.announcedOffset(lane), published + 1);
        // Dekker, announce and count against the same of others: pairs with this fence there. With a release alone two
        // could overlook each other
        SharedMemory.fullFence();
        long items = exact ? exactItems(patience) : countedItems(patience);
        if (items <= maxItems) return true;
        retract(lane, published);
        return false;
    }

    /// Makes the announcement void, if there is one.
    void retract(int lane, long published) {
        // pairs with announced(); release: not before the put that it belongs to has failed
        SharedMemory.setRelease(memory, base + Layout.announcedOffset(lane), published);
    }

    // ---- counting

    /// Whether one more item may be announced now.
    boolean hasPlace(Patience patience) {
        return countedItems(patience) < maxItems || exactItems(patience) < maxItems;
    }

    /// Sums up what was announced in each lane, without what was taken from it. The number at the head is read first,
    /// so the sum may be too high while others go on, but never too low. It is also too high by what the dead have
    /// announced and not put, and by what is done behind a record that is not: [#exactItems(Patience)] is not.
    private long countedItems(Patience patience) {
        long items = 0;
        int count = lanes.lanesInUse();
        for (int lane = 0; lane < count; lane++) {
            long number = numberAtHead(lane, patience);
            items += announced(lane) - number;
        }
        return items;
    }

    /// Counts the places that are taken. Changes nothing and holds nothing, so whoever is stopped in here is in
    /// nobody's way.
    ///
    /// For whoever has announced an item before, with a fence, the result is never too low. Take the items that are in
    /// the queue at some later time, and of their announcements the last one: its owner sees all the others. Each of
    /// those was made by somebody who lives, so the announced word has it; or by somebody who was dead before the owner
    /// was asked for, so that all its stores were done, and the log has it if it was put; or by an heir of the lane who
    /// came after that: then it was not before the last one. What has passed is read first and only grows.
    private long exactItems(Patience patience) {
        long items = 0;
        int count = lanes.lanesInUse();
        for (int lane = 0; lane < count; lane++) items += places(lane, patience);
        return items;
    }

    private long places(int lane, Patience patience) {
        long passed = numberAtHead(lane, patience);
        if (announced(lane) - passed <= 0) return 0;
        if (leased) passed = lanes.walk(lane, null, patience).passed();
        long announced = announced(lane);
        if (announced == kept[lane] || participants.isLaneAlive(lane)) return announced - passed;
        // after the question: an owner that was dead then has put all that it ever will
        Lanes.Log log = lanes.walk(lane, null, patience);
        if (log.passed() + log.items() == announced) kept[lane] = announced;
        return log.items();
    }

    private long announced(int lane) {
        // pairs with the release stores above: whoever sees one sees what its owner had put
        return SharedMemory.getVolatile(memory, base + Layout.announcedOffset(lane));
    }

    private long numberAtHead(int lane, Patience patience) {
        for (;; patience.startOver(lane)) {
            long head = lanes.head(lane);
            long at = lanes.header(lane, head) == Layout.PADDING ? lanes.nextLap(head) : head;
            long number = lanes.number(lane, at);
            if (lanes.head(lane) == head) return number;
        }
    }
}
