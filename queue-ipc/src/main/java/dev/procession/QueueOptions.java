package dev.procession;

import dev.procession.core.Delivery;
import dev.procession.core.QueueGeometry;

/// The shape of a [SharedQueue], fixed when it is made. Start from [#DEFAULT] and change what matters:
/// `QueueOptions.DEFAULT.withMaxItems(100)`.
///
/// @param lanes how many processes may put at the same time, 1 to 1024
/// @param laneBytes memory for the messages of each of them, a power of two from 4,096 to 2^30; it is used as it is
///     needed; the longest message takes half of it
/// @param maxItems an exact bound on the number of items in the queue, or 0 if only the memory bounds it
/// @param consumers shared: each item goes to one of any number of processes; exclusive: one process gets at a time
public record QueueOptions(int lanes, long laneBytes, long maxItems, Delivery consumers) {
    /// 64 lanes of 4 MiB, bounded by their memory only, shared by consumers.
    public static final QueueOptions DEFAULT = new QueueOptions(
            QueueGeometry.DEFAULT.lanes(),
            QueueGeometry.DEFAULT.laneBytes(),
            QueueGeometry.DEFAULT.maxItems(),
            Delivery.SHARED);

    /// Checks the ranges.
    ///
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueOptions {
        new QueueGeometry(lanes, laneBytes, maxItems);
    }

    /// Returns these options with another number of lanes.
    ///
    /// @param lanes 1 to 1024
    /// @return the new options
    public QueueOptions withLanes(int lanes) {
        return new QueueOptions(lanes, laneBytes, maxItems, consumers);
    }

    /// Returns these options with another lane size.
    ///
    /// @param laneBytes a power of two from 4,096 to 2^30
    /// @return the new options
    public QueueOptions withLaneBytes(long laneBytes) {
        return new QueueOptions(lanes, laneBytes, maxItems, consumers);
    }

    /// Returns these options with another bound on the number of items.
    ///
    /// @param maxItems 0 for none, else 1 or more
    /// @return the new options
    public QueueOptions withMaxItems(long maxItems) {
        return new QueueOptions(lanes, laneBytes, maxItems, consumers);
    }

    /// Returns these options with another kind of consumers.
    ///
    /// @param consumers shared or exclusive
    /// @return the new options
    public QueueOptions withConsumers(Delivery consumers) {
        return new QueueOptions(lanes, laneBytes, maxItems, consumers);
    }

    QueueGeometry geometry() {
        return new QueueGeometry(lanes, laneBytes, maxItems);
    }
}
