package dev.procession.core;

import dev.procession.core.os.Os;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// Lets virtual threads sleep on a futex word without pinning their carriers: one platform thread waits on the word for
/// all of them and unparks them when it changes. A futex wait in a virtual thread keeps its carrier in the kernel; a
/// few such waits starve all virtual threads of the JVM.
///
/// With many sleepers that thread also makes each look again periodically, a few at a time. Thousands of timers of
/// their own would keep all carriers busy with vain looks; and a carrier that keeps finding work in its own queue
/// steals none, so another virtual thread, for instance one about to close the queue, might starve for minutes. For the
/// same reason they are woken in groups, each after the last has run.
///
/// The thread starts when a virtual thread first sleeps, and ends when none has slept for a while.
final class FutexProxy {
    private static final long LINGER_MILLIS = 1_000;

    /// Sleep in ns if no proxy thread can be started: sleepers then poll.
    private static final long ALONE_NANOS = 1_000_000;

    /// Up to this many sleepers have timers of their own.
    private static final int FEW = 32;

    /// Beyond that, this many look again each time, at this interval.
    private static final int LOOKERS = 10;
    private static final long LOOK_NANOS = 1_000_000;

    /// Maximum number unparked at once, and the polling interval in ns until these have run.
    private static final int WOKEN = 256;
    private static final long WOKEN_NANOS = 50_000;

    private final QueueFile file;
    private final long futexOffset;

    // guarded by this, as are the fields below
    private final Set<Sleeper> sleepers = new LinkedHashSet<>(); // longest sleeper first
    private @Nullable Thread thread;
    private int unparked; // number of those that have not run since

    /// A class, not a record: two sleepers of one thread are two.
    private static final class Sleeper {
        final Thread thread = Thread.currentThread();
        final int expected;
        final long due;
        boolean unparked;

        Sleeper(int expected, long due) {
            this.expected = expected;
            this.due = due;
        }
    }

    FutexProxy(QueueFile file, long futexOffset) {
        this.file = file;
        this.futexOffset = futexOffset;
    }

    /// `Platform.sleep` for a virtual thread; also returns at once if the thread is interrupted.
    ///
    /// @param left the longest sleep, in ns
    /// @param nanos after this many ns it returns in any case, so that the sleeper looks itself; later if there are
    ///     many
    void sleep(int expected, long left, long nanos) {
        var sleeper = new Sleeper(expected, System.nanoTime() + nanos);
        try {
            long most = Math.min(left, add(sleeper, nanos));
            // a change before the sleeper was listed would not unpark it
            if (word() == expected) LockSupport.parkNanos(this, most);
        } finally {
            remove(sleeper);
        }
    }

    private int word() {
        // pairs with the add in Doorbell.ringAll()
        return SharedMemory.getIntVolatile(file.memory, file.base + futexOffset);
    }

    /// Returns how long the sleeper may park, in ns.
    private synchronized long add(Sleeper sleeper, long nanos) {
        sleepers.add(sleeper);
        if (thread != null) {
            notify(); // it may be waiting for a sleeper
            return sleepers.size() > FEW ? Long.MAX_VALUE : nanos;
        }
        Thread made = Thread.ofPlatform().daemon().name("procession wake-up").unstarted(this::run);
        try {
            made.start();
        } catch (OutOfMemoryError e) { // out of native threads
            return Math.min(nanos, ALONE_NANOS);
        }
        thread = made;
        return nanos;
    }

    private synchronized void remove(Sleeper sleeper) {
        sleepers.remove(sleeper);
        if (sleeper.unparked) unparked--;
    }

    private void run() {
        try {
            while (hasSleepers()) {
                if (!file.tryEnter()) break; // closed and unmapped: the sleepers have left, or are about to
                try {
                    int word = word();
                    long nanos = unpark(word);
                    if (nanos == WOKEN_NANOS) LockSupport.parkNanos(this, nanos);
                    else if (nanos > 0) Os.CURRENT.sleep(file.memory, futexOffset, word, nanos);
                } finally {
                    file.exit();
                }
            }
        } catch (InternalError e) {
            // truncated: the sleepers find out by themselves
        } finally {
            end();
        }
    }

    /// Waits for a sleeper. If none comes, this thread ends, atomically, so that a later sleeper starts another one.
    private synchronized boolean hasSleepers() {
        try {
            if (sleepers.isEmpty()) wait(LINGER_MILLIS);
        } catch (InterruptedException e) {
            // not by this class; it then ends early
        }
        if (!sleepers.isEmpty()) return true;
        thread = null;
        return false;
    }

    /// Unparks sleepers whose word has changed; if there are none, those that have slept long enough. Returns how long
    /// to sleep until the next round, in ns.
    private synchronized long unpark(int word) {
        if (unparked == 0 && !unpark(word, true, WOKEN)) unpark(word, false, LOOKERS);
        if (sleepers.isEmpty()) return 0;
        for (Sleeper each : sleepers) {
            if (each.expected != word) return WOKEN_NANOS;
        }
        return sleepers.size() > FEW ? LOOK_NANOS : WaitStrategy.LONGEST_NANOS;
    }

    private boolean unpark(int word, boolean changed, int most) {
        long now = System.nanoTime();
        int count = 0;
        for (Iterator<Sleeper> all = sleepers.iterator(); count < most && all.hasNext();) {
            Sleeper sleeper = all.next();
            if (changed ? sleeper.expected == word : now - sleeper.due < 0) continue;
            all.remove();
            sleeper.unparked = true;
            LockSupport.unpark(sleeper.thread);
            count++;
        }
        unparked += count;
        return count > 0;
    }

    /// The remaining sleepers are unparked and continue alone.
    private synchronized void end() {
        if (thread == Thread.currentThread()) thread = null;
        sleepers.forEach(sleeper -> LockSupport.unpark(sleeper.thread));
        sleepers.clear();
    }
}
