package dev.procession.core;

import java.util.List;

/// What a queue looked like: read word by word while others go on, so the parts may be from slightly different moments.
///
/// @param tickets how many tickets were drawn since the queue was made; not the number of messages, since a producer that is
///     alone uses its ticket again
/// @param items how many messages are in the queue
/// @param lanes the lanes that were ever in use
public record QueueStats(long tickets, long items, List<Lane> lanes) {
    /// Keeps a copy of the list.
    public QueueStats {
        lanes = List.copyOf(lanes);
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
