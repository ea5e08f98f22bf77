package dev.procession.core;

import dev.procession.core.os.Os;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// Lets virtual threads sleep on a futex word without their carriers: one platform thread sleeps on the word for all of
/// them, and unparks them when it has changed. A futex wait in a virtual thread would keep its carrier in the kernel,
/// and a few such waits all virtual threads of the JVM.
///
/// Where there are many, that thread also sees to it that each looks again by itself, a few at a time. If thousands had
/// timers of their own, they would keep all carriers busy with looks in vain; and as long as a carrier finds more to do
/// where it found the last, it looks nowhere else, so another virtual thread, one that is to close the queue, say,
/// might not run for minutes. For the same reason they are woken in groups, each when the last has run.
///
/// The thread is made when a virtual thread first sleeps, and ends when none has slept for a while.
final class FutexProxy {
    private static final long LINGER_MILLIS = 1_000;

    /// Where no thread can be made for it, sleepers look again after this long.
    private static final long ALONE_NANOS = 1_000_000;

    /// So many have timers of their own.
    private static final int FEW = 32;

    /// If there are more, so many look again each time, and that often.
    private static final int LOOKERS = 10;
    private static final long LOOK_NANOS = 1_000_000;

    /// So many are woken at the same time, and so soon the next when they have run.
    private static final int WOKEN = 256;
    private static final long WOKEN_NANOS = 50_000;

    private final QueueFile file;
    private final long futexOffset;

    // guarded by this, as is all behind it
    private final Set<Sleeper> sleepers = new LinkedHashSet<>(); // who has slept longest comes first
    private @Nullable Thread thread;
    private int unparked; // those that have not run since

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

    /// As [Platform#sleep], in a virtual thread: it also ends at once if the thread is interrupted.
    ///
    /// @param left the longest sleep
    /// @param nanos after which it ends all the same, so that the sleeper looks by itself; later where there are many
    void sleep(int expected, long left, long nanos) {
        var sleeper = new Sleeper(expected, System.nanoTime() + nanos);
        long most = Math.min(left, add(sleeper, nanos));
        try {
            // a word that changed before the sleeper was listed is not looked at again for its sake
            if (word() == expected) LockSupport.parkNanos(this, most);
        } finally {
            remove(sleeper);
        }
    }

    private int word() {
        // pairs with the add in Doorbell.ringAll()
        return SharedMemory.getIntVolatile(file.memory, file.base + futexOffset);
    }

    /// Returns how long it may sleep.
    private synchronized long add(Sleeper sleeper, long nanos) {
        sleepers.add(sleeper);
        if (thread != null) {
            notify(); // it may be waiting for somebody to sleep for
            return sleepers.size() > FEW ? Long.MAX_VALUE : nanos;
        }
        Thread made = Thread.ofPlatform().daemon().name("procession wake-up").unstarted(this::run);
        try {
            made.start();
        } catch (OutOfMemoryError e) { // the system has no more threads
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
                if (!file.tryEnter()) break; // the queue was closed and unmapped: so the sleepers left, or are about to
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
            // the file was cut off: the sleepers find that out by themselves
        } finally {
            end();
        }
    }

    /// Waits for somebody to sleep for. If nobody comes, this thread is done: in one step, so that whoever comes later
    /// makes another one.
    private synchronized boolean hasSleepers() {
        try {
            if (sleepers.isEmpty()) wait(LINGER_MILLIS);
        } catch (InterruptedException e) {
            // by nobody that we know; then it ends early
        }
        if (!sleepers.isEmpty()) return true;
        thread = null;
        return false;
    }

    /// Unparks those who sleep on another word than this; if there are none, those who have slept long enough. Returns
    /// how long to sleep until the next time.
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

    /// What is left of them goes on by itself.
    private synchronized void end() {
        if (thread == Thread.currentThread()) thread = null;
        sleepers.forEach(sleeper -> LockSupport.unpark(sleeper.thread));
        sleepers.clear();
    }
}
