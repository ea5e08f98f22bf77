package dev.procession.tests.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import dev.procession.core.Delivery;
import dev.procession.core.QueueGeometry;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/// A sleeper is woken by what it waits for. The other side comes while it is about to sleep, or just has.
///
/// A sleep is timed, so a wake-up that is lost costs a millisecond and no message; these tests show that it costs no
/// more.
final class Waking {
    private static final long LONG_NANOS = TimeUnit.SECONDS.toNanos(20);

    private Waking() {}

    /// Lets the sleeper come, if it does, and then passes up to some times as long as it spins before it sleeps.
    private static void dawdle(Waits waits) {
        for (int i = 0; i < 1_000 && !waits.begun(); i++) Thread.onSpinWait();
        long until = System.nanoTime() + ThreadLocalRandom.current().nextInt(150_000);
        while (System.nanoTime() - until < 0) Thread.onSpinWait();
    }

    /// A sleep that only the time-out has ended found the message, too.
    private static String verdict(long startNanos) {
        return System.nanoTime() - startNanos < LONG_NANOS / 2 ? "" : " by the time-out";
    }

    private interface Waits {
        boolean begun();
    }

    @JCStressTest
    @Outcome(id = "1, -", expect = ACCEPTABLE)
    @State
    public static class AConsumerThatSleepsGetsWhatIsPut {
        private static final Rig.Pool POOL = new Rig.Pool(new QueueGeometry(2, 4096, 0), Delivery.SHARED);
        final Rig rig = POOL.draw();
        volatile boolean waits;

        @Actor
        public void puts() {
            dawdle(() -> waits);
            rig.put(0, 1, 16);
        }

        @Actor
        public void waits(LL_Result r) {
            waits = true;
            long start = System.nanoTime();
            r.r1 = rig.getWaiting(1, LONG_NANOS) + verdict(start);
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = "put, 1", expect = ACCEPTABLE)
    @State
    public static class AProducerThatSleepsPutsWhenThereIsRoom {
        private static final Rig.Pool POOL = new Rig.Pool(new QueueGeometry(2, 4096, 1), Delivery.SHARED);
        final Rig rig = POOL.draw();
        volatile boolean waits;

        public AProducerThatSleepsPutsWhenThereIsRoom() {
            rig.put(1, 2, 16);
        }

        @Actor
        public void takes() {
            dawdle(() -> waits);
            rig.get(1);
        }

        @Actor
        public void waits(LL_Result r) {
            waits = true;
            long start = System.nanoTime();
            r.r1 = (rig.putWaiting(0, 1, 16, LONG_NANOS) ? "put" : "full") + verdict(start);
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }
}
