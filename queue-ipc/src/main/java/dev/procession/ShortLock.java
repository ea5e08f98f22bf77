package dev.procession;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/// A lock for what takes some nanoseconds and waits for nothing.
///
/// Taking and giving back an uncontended one is one atomic operation and one store, where a `ReentrantLock` has two atomic
/// operations, because it must learn whom to wake. Here nobody is woken: who finds it held looks again for a while, then
/// sleeps for a moment.
final class ShortLock {
    private static final int SPINS = 100;
    private static final int YIELDS = 10;
    private static final long SLEEP_NANOS = 20_000;

    private final AtomicLong owner = new AtomicLong(); // id of the thread that holds it, 0 for nobody

    void lock() {
        long me = Thread.currentThread().threadId();
        if (!owner.compareAndSet(0, me)) lockHeld(me);
    }

    private void lockHeld(long me) {
        if (owner.getPlain() == me) {
            throw new IllegalStateException("a codec cannot use or close the queue that it encodes or decodes for");
        }
        for (int tries = 1;; tries++) {
            if (owner.getOpaque() == 0 && owner.compareAndSet(0, me)) return;
            if (tries <= SPINS) Thread.onSpinWait();
            else if (tries <= SPINS + YIELDS) Thread.yield(); // its holder may wait for this very core
            else LockSupport.parkNanos(this, SLEEP_NANOS);
        }
    }

    void unlock() {
        owner.setRelease(0); // pairs with the compareAndSet of whoever is next
    }
}
