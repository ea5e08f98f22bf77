package dev.procession;

import dev.procession.core.Delivery;
import dev.procession.core.Leasing;
import dev.procession.core.QueueGeometry;
import java.time.Duration;

/// The shape of a [SharedQueue], fixed when it is made. Start from [#DEFAULT] and change what matters:
///
/// {@snippet file="ExamplesTest.java" region="options"}
///
/// @param lanes how many processes may put at the same time, 1 to 4,096
/// @param laneBytes memory for the messages of each of them, a power of two from 4,096 (leased: 65,536) to 2^32; it is
///     used as it is needed, and given back after a backlog; the longest message takes half of it
/// @param maxItems an exact bound on the number of items in the queue, or 0 if only the memory bounds it
/// @param delivery shared: each item goes to one of any number of processes; exclusive: one process gets at a time;
///     leased: each item is lent to one of any number of processes until it is done
/// @param visibility leased only: how long an item may be lent before others may get it though its process lives, from
///     when they saw that; zero: as long as the process lives
/// @param maxAttempts leased only: how often an item is lent before it goes to [SharedQueue#deadLetters()], 1 to
///     16,382, or 0: as often as it takes
/// @param minProducers if more than 0, the queue ends with its producers: when this many have come, and all are gone, a
///     get that finds nothing throws a [QueueEndedException]: see [#withEndOfProducers(int)]
public record QueueOptions(int lanes, long laneBytes, long maxItems, Delivery delivery, Duration visibility,
        int maxAttempts, int minProducers) {
    /// 256 lanes of 2 GiB, bounded by their memory only, shared by consumers.
    public static final QueueOptions DEFAULT = new QueueOptions(
            QueueGeometry.DEFAULT.lanes(),
            QueueGeometry.DEFAULT.laneBytes(),
            QueueGeometry.DEFAULT.maxItems(),
            Delivery.SHARED,
            Duration.ZERO,
            0,
            0);

    /// Checks the ranges.
    ///
    /// @throws IllegalArgumentException if a value is out of its range
    public QueueOptions {
        geometry(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
        if (delivery != Delivery.LEASED && (!visibility.isZero() || maxAttempts != 0)) {
            throw new IllegalArgumentException("visibility=" + visibility + ", maxAttempts=" + maxAttempts
                    + ": only after leased()");
        }
    }

    /// Returns these options with another number of lanes.
    ///
    /// @param lanes 1 to 4,096
    /// @return the new options
    /// @throws IllegalArgumentException if it is out of its range, or does not go with the other options
    public QueueOptions withLanes(int lanes) {
        return new QueueOptions(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
    }

    /// Returns these options with another lane size.
    ///
    /// @param laneBytes a power of two from 4,096 (leased: 65,536) to 2^32
    /// @return the new options
    /// @throws IllegalArgumentException if it is out of its range, or does not go with the other options
    public QueueOptions withLaneBytes(long laneBytes) {
        return new QueueOptions(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
    }

    /// Returns these options with another bound on the number of items.
    ///
    /// @param maxItems 0 for none, else 1 or more
    /// @return the new options
    /// @throws IllegalArgumentException if it is out of its range, or does not go with the other options
    public QueueOptions withMaxItems(long maxItems) {
        return new QueueOptions(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
    }

    /// Returns these options for a queue of which any number of processes get, each item one of them. That is the
    /// default.
    ///
    /// @return the new options
    public QueueOptions shared() {
        return with(Delivery.SHARED);
    }

    /// Returns these options for a queue of which one process gets at a time. That holds for the handle that is made
    /// with them, and for what a task or an item makes of it elsewhere. It is not in the file: a process that opens
    /// that by name has to say it, too, by [SharedQueue#openExclusive].
    ///
    /// @return the new options
    public QueueOptions exclusive() {
        return with(Delivery.EXCLUSIVE);
    }

    /// Returns these options for a queue that lends its items, to every process that opens it: see [Lease].
    ///
    /// @return the new options
    public QueueOptions leased() {
        return with(Delivery.LEASED);
    }

    private QueueOptions with(Delivery delivery) {
        return new QueueOptions(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
    }

    /// Returns these options with another visibility time-out.
    ///
    /// @param visibility zero for none, else only after [#leased()]
    /// @return the new options
    /// @throws IllegalArgumentException if it is out of its range, or does not go with the other options
    public QueueOptions withVisibility(Duration visibility) {
        return new QueueOptions(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
    }

    /// Returns these options with another number of attempts.
    ///
    /// @param maxAttempts 1 to 16,382, or 0 for no limit, else only after [#leased()]
    /// @return the new options
    /// @throws IllegalArgumentException if it is out of its range, or does not go with the other options
    public QueueOptions withMaxAttempts(int maxAttempts) {
        return new QueueOptions(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
    }

    /// The same as [withEndOfProducers(1)][#withEndOfProducers(int)].
    ///
    /// @return the new options
    public QueueOptions withEndOfProducers() {
        return withEndOfProducers(1);
    }

    /// Returns these options for a queue that ends with its producers: when at least so many have come, and none is
    /// attached any more, since each was closed or is dead, a get that finds nothing throws a [QueueEndedException], in
    /// every process. So no consumer waits for dead producers.
    ///
    /// A producer is a handle on the queue that has put: a process comes with its first put, and goes when it closes
    /// the queue or ends. Of several that are started together the first may be gone before the last one comes: so say
    /// how many there will be. One that dies before its first put, or has nothing to put, does not come:
    /// [Worker#exit()] tells of it, and [SharedQueue#shutDown()] ends the queue in any case.
    ///
    /// @param atLeast how many come before it may end, 1 or more; 0: it does not end with its producers
    /// @return the new options
    /// @throws IllegalArgumentException if it is negative
    public QueueOptions withEndOfProducers(int atLeast) {
        return new QueueOptions(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, atLeast);
    }

    QueueGeometry geometry() {
        return geometry(lanes, laneBytes, maxItems, delivery, visibility, maxAttempts, minProducers);
    }

    private static QueueGeometry geometry(
            int lanes, long laneBytes, long maxItems, Delivery delivery, Duration visibility, int maxAttempts,
            int minProducers) {
        if (visibility.isNegative()) {
            throw new IllegalArgumentException("visibility=" + visibility + ", must be zero (no time-out) or more");
        }
        Leasing leasing =
                delivery == Delivery.LEASED ? new Leasing(Turn.nanos(visibility), maxAttempts) : null;
        QueueGeometry geometry = new QueueGeometry(lanes, laneBytes, maxItems, leasing);
        return geometry.withEndOfProducers(minProducers);
    }
}
