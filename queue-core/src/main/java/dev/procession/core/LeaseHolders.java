package dev.procession.core;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// What a leasing consumer knows of the holders of other leases: whether they are alive, and since when it has seen
/// what they hold.
///
/// Confined to one thread.
final class LeaseHolders {
    /// Maximum age of a check that a consumer is alive, in ns: a check costs half a microsecond.
    private static final long ALIVE_NANOS = 1_000_000;
    /// Size of the cache of live consumers, a power of two.
    private static final int ALIVE = 256;
    /// Maximum number of leases timed at once; further ones are timed once these have ended.
    private static final int MOST_HELD = 1 << 14;

    private final Participants participants;
    private final QueueFile file;
    private final long visibilityNanos;
    private final int[] alive = new int[ALIVE]; // direct-mapped cache: consumer ids by their low bits
    private final long[] aliveNanos = new long[ALIVE]; // when each was found alive
    // by file offset of the record, if there is a visibility time-out
    private final Map<Long, Held> held = new HashMap<>();

    /// @param word the lease word
    /// @param since when this consumer first saw it
    private record Held(int lane, long position, long word, long since) {}

    /// @param visibilityNanos the visibility time-out, or 0 for none
    LeaseHolders(Participants participants, long visibilityNanos) {
        this.participants = participants;
        this.visibilityNanos = visibilityNanos;
        file = participants.file;
        Arrays.fill(alive, -1);
    }

    /// Whether this lease's holder is dead, or has exceeded the visibility time-out.
    boolean isAbandoned(int lane, long position, long leaseWord, long now) {
        int holder = Layout.consumerId(leaseWord);
        int place = holder & ALIVE - 1;
        if (alive[place] != holder || now - aliveNanos[place] > ALIVE_NANOS) {
            if (!participants.isConsumerAlive(holder)) return true;
            alive[place] = holder;
            aliveNanos[place] = now;
        }
        if (visibilityNanos == 0) return false;
        long key = file.geometry.laneOffset(lane) + file.geometry.offset(position);
        Held before = held.get(key);
        if (before != null && before.word == leaseWord) return now - before.since > visibilityNanos;
        // not `now`, which may be from before the lease began
        if (held.size() < MOST_HELD || before != null) {
            held.put(key, new Held(lane, position, leaseWord, System.nanoTime()));
        }
        return false;
    }

    /// Stops timing leases that have ended.
    void forgetEnded() {
        held.values().removeIf(this::hasEnded);
    }

    private boolean hasEnded(Held lease) {
        // first: what the head has passed may have no memory any more
        if (file.head(lease.lane) - lease.position > 0) return true;
        // pairs with the CAS of every change of a lease word
        return SharedMemory.getVolatile(
                file.lanes.mapping(lease.lane), file.lanes.leaseWordAddress(lease.lane, lease.position)) != lease.word;
    }
}
