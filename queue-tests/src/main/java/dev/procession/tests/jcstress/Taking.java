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
import org.openjdk.jcstress.infra.results.L_Result;

/// A message is taken by one of the consumers that share a queue, and by one only.
final class Taking {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 0);

    private Taking() {}

    @JCStressTest
    @Outcome(id = {"1, -, -", "-, 1, -"}, expect = ACCEPTABLE, desc = "one of them got it")
    @State
    public static class OneMessageIsTakenOnce {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public OneMessageIsTakenOnce() {
            rig.put(0, 1, 48);
        }

        @Actor
        public void one(LLL_Result r) {
            rig.meet();
            r.r1 = rig.get(0);
        }

        @Actor
        public void other(LLL_Result r) {
            rig.meet();
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = {"12, 3, -", "13, 2, -", "23, 1, -"}, expect = ACCEPTABLE, desc = "each was taken once, in order")
    @State
    public static class EachMessageOfALaneIsTakenOnce {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public EachMessageOfALaneIsTakenOnce() {
            for (int number = 1; number <= 3; number++) rig.put(0, number, 24);
        }

        @Actor
        public void one(LLL_Result r) {
            rig.meet();
            r.r1 = rig.get(0) + rig.get(0);
        }

        @Actor
        public void other(LLL_Result r) {
            rig.meet();
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = {"12, 3, -", "13, 2, -", "23, 1, -"}, expect = ACCEPTABLE, desc = "each was taken once, in order")
    @State
    public static class EachMessageOfTwoLanesIsTakenOnce {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public EachMessageOfTwoLanesIsTakenOnce() {
            for (int number = 1; number <= 3; number++) rig.put(number & 1, number, 24);
        }

        @Actor
        public void one(LLL_Result r) {
            rig.meet();
            r.r1 = rig.get(0) + rig.get(0);
        }

        @Actor
        public void other(LLL_Result r) {
            rig.meet();
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// Five messages in one lane, and two polls for up to three.
    @JCStressTest
    @Outcome(id = "one run after the other", expect = ACCEPTABLE)
    @State
    public static class ARunIsTakenOnce {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();
        String one = "";
        String other = "";

        public ARunIsTakenOnce() {
            for (int number = 1; number <= 5; number++) rig.put(1, number, 40);
        }

        @Actor
        public void one() {
            rig.meet();
            one = rig.poll(0, 3);
        }

        @Actor
        public void other() {
            rig.meet();
            other = rig.poll(1, 3);
        }

        @Arbiter
        public void rest(L_Result r) {
            r.r1 = verdict(one, other, rig.rest());
        }
    }

    /// A run ends where another lane holds the next message.
    @JCStressTest
    @Outcome(id = "one run after the other", expect = ACCEPTABLE)
    @State
    public static class ARunKeepsTheOrderOfTheLanes {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();
        String one = "";
        String other = "";

        public ARunKeepsTheOrderOfTheLanes() {
            rig.put(0, 1, 40);
            rig.put(0, 2, 40);
            rig.put(1, 3, 40);
            rig.put(0, 4, 40);
            rig.put(0, 5, 40);
        }

        @Actor
        public void one() {
            rig.meet();
            one = rig.poll(0, 3);
        }

        @Actor
        public void other() {
            rig.meet();
            other = rig.poll(1, 3);
        }

        @Arbiter
        public void rest(L_Result r) {
            r.r1 = verdict(one, other, rig.rest());
        }
    }

    /// A run may be shorter than it was asked for; but all of it comes before, or after, all of the other one.
    private static String verdict(String one, String other, String rest) {
        String left = rest.replace(Rig.NONE, "");
        boolean inOrder = (one + other + left).equals("12345") || (other + one + left).equals("12345");
        return inOrder ? "one run after the other" : one + ", " + other + ", " + rest;
    }
}
