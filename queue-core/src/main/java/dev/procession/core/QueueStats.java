package dev.procession.core;

import java.util.ArrayList;
import java.util.List;

/// A snapshot of a queue, read word by word while other processes go on, so its parts may be from slightly different
/// moments.
///
/// @param tickets number of tickets drawn since the queue was made; not the number of messages, since an uncontended
///     producer reuses its ticket
/// @param items number of messages in the queue
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
                    log.bytes(),
                    Layout.jumps(log.tail()) - Layout.jumps(log.head()) + 1,
                    // for display: pairs with nothing that would have to be ordered
                    SharedMemory.getVolatile(file.memory, file.base + Layout.ownerPidOffset(lane)),
                    participants.isLaneOwned(lane)));
        }
        // for display: pairs with nothing
        return new QueueStats(SharedMemory.getVolatile(file.memory, file.base + Layout.TICKET_OFFSET), items, all);
    }

    /// One lane.
    ///
    /// @param head position of its first message: 32 bits number of jumps to another chunk, 32 bits offset in the lane
    /// @param items number of messages in it
    /// @param bytes their size, headers included, and in a leased queue that of messages which are done after one that
    ///     is not
    /// @param runs how many chunks, or runs of chunks for long messages, hold them: what a message that is leased for
    ///     long keeps from being used again
    /// @param ownerPid pid of its last owner in that process's own PID namespace; for display
    /// @param owned whether it has a living owner
    public record Lane(long head, long items, long bytes, int runs, long ownerPid, boolean owned) {}
}
