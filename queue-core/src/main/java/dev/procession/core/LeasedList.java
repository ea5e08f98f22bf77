package dev.procession.core;

import java.util.Arrays;

/// The records of a lane that were leased when a walk passed them, by position, in ascending order. Of all that the
/// walk has passed only these may be leased again: what is done stays done. So they are looked at instead of walking
/// again, in rounds.
///
/// Confined to one thread.
final class LeasedList {
    private static final int FIRST_LENGTH = 8;
    private static final long[] NONE = {};

    private long[] positions = NONE; // NOWHERE if dropped
    private int count;
    private int next; // index of the first that this round has not passed

    /// At most this many are left.
    int count() {
        return count;
    }

    /// Begins a round.
    void begin() {
        int left = 0;
        for (int i = 0; i < count; i++) {
            if (positions[i] != Lanes.NOWHERE) positions[left++] = positions[i];
        }
        count = left;
        next = 0;
    }

    /// The first position, or NOWHERE.
    long first() {
        for (int i = 0; i < count; i++) {
            if (positions[i] != Lanes.NOWHERE) return positions[i];
        }
        return Lanes.NOWHERE;
    }

    /// The next position of this round, or NOWHERE if it is over.
    long current() {
        while (next < count && positions[next] == Lanes.NOWHERE) next++;
        return next < count ? positions[next] : Lanes.NOWHERE;
    }

    /// Goes on to the next position.
    void pass() {
        next++;
    }

    /// Forgets the current position, and goes on to the next.
    void drop() {
        positions[next++] = Lanes.NOWHERE;
    }

    /// Adds a position after all others; a round that is over stays so.
    void add(long position) {
        if (count == positions.length) positions = Arrays.copyOf(positions, Math.max(FIRST_LENGTH, 2 * count));
        if (next == count) next++;
        positions[count++] = position;
    }

    /// Forgets what was added since there were this many.
    void truncate(int before) {
        count = Math.min(count, before);
        next = Math.min(next, count);
    }

    /// The last position, or NOWHERE.
    long last() {
        while (count > 0 && positions[count - 1] == Lanes.NOWHERE) removeLast();
        return count > 0 ? positions[count - 1] : Lanes.NOWHERE;
    }

    void removeLast() {
        truncate(count - 1);
    }
}
