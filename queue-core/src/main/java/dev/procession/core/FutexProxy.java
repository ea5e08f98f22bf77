package dev.procession.core;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// Lets virtual threads sleep on a futex word without their carriers: one platform thread sleeps on the word for all of them,
/// and unparks them when it has changed. A futex wait in a virtual thread would keep its carrier in the kernel, and a few
/// such waits all virtual threads of the JVM.
///
/// The thread is made when a virtual thread first sleeps, and ends when none has slept for a while.
final class FutexProxy {
    private static final long LINGER_MILLIS = 1_000;

    /// Where no thread can be made for it, sleepers look again after this long.
    private static final long ALONE_NANOS = 1_000_000;

    private final LaneQueue queue;
    private final long futexOffset;

    private final Set<Sleeper> sleepers = new HashSet<>(); // guarded by this, as is the thread
    private @Nullable Thread thread;

    /// A class, not a record: two sleepers of one thread are two.
    private static final class Sleeper {
        final Thread thread = Thread.currentThread();
        final int expected;

        Sleeper(int expected) {
            this.expected = expected;
        }
    }

    FutexProxy(LaneQueue queue, long futexOffset) {
        this.queue = queue;
        this.futexOffset = futexOffset;
    }

    /// As [Platform#sleep], in a virtual thread: it also ends at once if the thread is interrupted.
    void sleep(int expected, long nanos) {
        var sleeper = new Sleeper(expected);
        long most = add(sleeper) ? nanos : Math.min(nanos, ALONE_NANOS);
        try {
            // a word that changed before the sleeper was listed is not looked at again for its sake
            if (word() == expected) LockSupport.parkNanos(this, most);
        } finally {
            remove(sleeper);
        }
    }

    private int word() {
        return Memory.getIntVolatile(queue.memory(), Memory.base(queue.memory()) + futexOffset);
    }

    /// Returns whether a thread looks after it.
    private synchronized boolean add(Sleeper sleeper) {
        sleepers.add(sleeper);
        if (thread != null) {
            notify(); // it may be waiting for somebody to sleep for
            return true;
        }
        Thread made = Thread.ofPlatform().daemon().name("procession wake-up").unstarted(this::run);
        try {
            made.start();
        } catch (OutOfMemoryError e) { // the system has no more threads
            return false;
        }
        thread = made;
        return true;
    }

    private synchronized void remove(Sleeper sleeper) {
        sleepers.remove(sleeper);
    }

    private void run() {
        try {
            while (hasSleepers()) {
                if (!queue.tryEnter()) break; // the queue was closed and unmapped: so the sleepers left, or are about to
                try {
                    int word = word();
                    if (unparkUnless(word)) {
                        Platform.CURRENT.sleep(queue.memory(), futexOffset, word, Waiting.LONGEST_NANOS);
                    }
                } finally {
                    queue.exit();
                }
            }
        } catch (InternalError e) {
            // the file was cut off: the sleepers find that out by themselves
        } finally {
            end();
        }
    }

    /// Waits for somebody to sleep for. If nobody comes, this thread is done: in one step, so that whoever comes later makes
    /// another one.
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

    /// Unparks those who sleep on another word than this. Returns whether somebody is left.
    private synchronized boolean unparkUnless(int word) {
        sleepers.removeIf(sleeper -> {
            if (sleeper.expected == word) return false;
            LockSupport.unpark(sleeper.thread);
            return true;
        });
        return !sleepers.isEmpty();
    }

    private synchronized void end() {
        if (thread == Thread.currentThread()) thread = null;
        sleepers.forEach(sleeper -> LockSupport.unpark(sleeper.thread));
        sleepers.clear();
    }
}
