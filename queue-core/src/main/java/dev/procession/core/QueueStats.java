package dev.procession.core;

import java.util.ArrayList;
import java.util.List;

/// What a queue looked like: read word by word while others go on, so the parts may be from slightly different moments.
///
/// @param tickets how many tickets were drawn since the queue was made; not the number of messages, since a producer
///     that is alone uses its ticket again
/// @param items how many messages are in the queue
/// @param lanes the lanes that were ever in use
public record QueueStats(long tickets, long items, List<Lane> lanes) {
    /// Keeps a copy of the list.
    public QueueStats {
        lanes = List.copyOf(lanes);
    }

    /// Reads a queue's lanes, one after the other.
    static QueueStats read(Participants participants) {
        Lanes lanes = participants.lanes;
        QueueFile file = participants.file;
        List<Lane> all = new ArrayList<>();
        Patience patience = new Patience(file);
        long items = 0;
        int count = lanes.lanesInUse();
        for (int lane = 0; lane < count; lane++) {
            Lanes.Log log = lanes.walk(lane, null, patience);
            items += log.items();
            all.add(new Lane(
                    log.head(),
                    log.items(),
                    log.tail() - log.head(),
                    // these two are for display, and pair with nothing
                    SharedMemory.getVolatile(file.memory, file.base + Layout.ownerPidOffset(lane)),
                    participants.isLaneOwned(lane)));
        }
        // for display, too: pairs with nothing that it would have to be ordered with
        return new QueueStats(SharedMemory.getVolatile(file.memory, file.base + Layout.TICKET_OFFSET), items, all);
    }

    /// One lane.
    ///
    /// @param head position of its first message, in bytes since the queue was made
    /// @param items how many messages are in it
    /// @param bytes how many bytes they take, headers included
    /// @param ownerPid the process that owned it last, as that process sees its own number; for display
    /// @param owned whether it has a living owner
    public record Lane(long head, long items, long bytes, long ownerPid, boolean owned) {}
}
