package dev.procession.tests.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import dev.procession.core.Delivery;
import dev.procession.core.QueueGeometry;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/// Nobody is told that the queue is empty unless it was. Here it never is: there is a message in one lane, and before
/// it is taken another one is put into the other lane. Many lanes are in use, so that a look takes its time.
final class Emptiness {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(32, 4096, 0);

    private Emptiness() {}

    /// Puts and takes three times.
    private static String pass(Rig rig) {
        rig.put(0, 2, 16);
        String first = rig.get(0);
        rig.put(1, 3, 16);
        String second = rig.get(0);
        rig.put(0, 4, 16);
        return first + second + rig.get(0);
    }

    @JCStressTest
    @Outcome(id = {"234, 1, -", "134, 2, -", "124, 3, -", "123, 4, -"}, expect = ACCEPTABLE, desc = "everybody got one")
    @State
    public static class AGetFindsTheMessageThatMoves {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public AGetFindsTheMessageThatMoves() {
            rig.put(1, 1, 16);
        }

        @Actor
        public void passes(LLL_Result r) {
            rig.meet();
            r.r1 = pass(rig);
        }

        @Actor
        public void gets(LLL_Result r) {
            rig.meet();
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = {"234, 1, -", "134, 2, -", "124, 3, -", "123, 4, -"}, expect = ACCEPTABLE, desc = "everybody got one")
    @State
    public static class APollFindsTheMessageThatMoves {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public APollFindsTheMessageThatMoves() {
            rig.put(1, 1, 16);
        }

        @Actor
        public void passes(LLL_Result r) {
            rig.meet();
            r.r1 = pass(rig);
        }

        @Actor
        public void polls(LLL_Result r) {
            rig.meet();
            r.r2 = rig.poll(1, 1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = "123, there, 4", expect = ACCEPTABLE)
    @State
    public static class TheQueueThatHoldsAMovingMessageIsNotEmpty {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public TheQueueThatHoldsAMovingMessageIsNotEmpty() {
            rig.put(1, 1, 16);
        }

        @Actor
        public void passes(LLL_Result r) {
            rig.meet();
            r.r1 = pass(rig);
        }

        @Actor
        public void looks(LLL_Result r) {
            rig.meet();
            boolean empty = false;
            for (int i = 0; i < 5; i++) empty |= rig.handles[1].isEmpty();
            r.r2 = empty ? "empty" : "there";
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }
}
