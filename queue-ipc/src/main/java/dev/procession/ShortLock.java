package dev.procession;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/// A lock for what takes a moment and hardly ever waits.
///
/// Taking and giving back an uncontended one is one atomic operation and one store, where a `ReentrantLock` has two
/// atomic operations, because it must learn which thread to wake. Here none is woken: one that finds it held looks
/// again for a while, then sleeps, longer and longer.
final class ShortLock {
    private static final int SPINS = 100;
    private static final int YIELDS = 10;
    private static final long SHORTEST_SLEEP_NANOS = 20_000;
    private static final long LONGEST_SLEEP_NANOS = 1_000_000;

    private final AtomicLong owner = new AtomicLong(); // id of the thread that holds it, 0 if it is free

    void lock() {
        long me = Thread.currentThread().threadId();
        // weak: in the interpreter it takes as many frames as setRelease, so that unlock() has stack enough if this had
        if (!owner.weakCompareAndSetVolatile(0, me)) lockHeld(me);
    }

    private void lockHeld(long me) {
        if (owner.getPlain() == me) {
            throw new IllegalStateException("a codec cannot use or close the queue that it encodes or decodes for");
        }
        boolean interrupted = false;
        long nanos = SHORTEST_SLEEP_NANOS;
        for (int tries = 1; owner.getOpaque() != 0 || !owner.compareAndSet(0, me); tries++) {
            if (tries <= SPINS) {
                Thread.onSpinWait();
            } else if (tries <= SPINS + YIELDS) {
                Thread.yield(); // its holder may wait for this very core
            } else {
                interrupted |= Thread.interrupted(); // else it would not sleep, and a virtual thread keep its carrier
                LockSupport.parkNanos(this, nanos);
                nanos = Math.min(2 * nanos, LONGEST_SLEEP_NANOS);
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }

    void unlock() {
        owner.setRelease(0); // pairs with the compareAndSet of its next holder
    }
}
