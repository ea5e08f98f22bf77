package dev.procession.tests.kit;

import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/// Waits for something to become true, with a deadline.
public final class Await {
    private Await() {}

    public static void until(String what, Callable<Boolean> condition) {
        long start = System.nanoTime();
        try {
            while (!condition.call()) {
                if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(Peer.DEADLINE_SECONDS)) {
                    Child.dumpThreads();
                    throw new AssertionError("not within " + Peer.DEADLINE_SECONDS + " s: " + what);
                }
                Thread.sleep(1);
            }
        } catch (Exception e) {
            throw new AssertionError(what, e);
        }
    }
}
