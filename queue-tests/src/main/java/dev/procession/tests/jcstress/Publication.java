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
import org.openjdk.jcstress.infra.results.LL_Result;

/// A message is seen whole or not at all, in its place in the order, and by each that has been told that its
/// put returned.
final class Publication {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 0);

    private Publication() {}

    @JCStressTest
    @Outcome(id = "-, 1", expect = ACCEPTABLE, desc = "looked before it was put")
    @Outcome(id = "1, -", expect = ACCEPTABLE, desc = "got it")
    @State
    public static class AMessageIsWholeOrNotThere {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        @Actor
        public void puts() {
            rig.meet();
            rig.put(0, 1, 200);
        }

        @Actor
        public void gets(LL_Result r) {
            rig.meet();
            r.r1 = rig.get(1);
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = "-, 1", expect = ACCEPTABLE, desc = "looked before it was put")
    @Outcome(id = "1, -", expect = ACCEPTABLE, desc = "got it")
    @State
    public static class AMessageWrittenAndReadInPlaceIsWholeOrNotThere {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.EXCLUSIVE);
        final Rig rig = POOL.draw();

        @Actor
        public void puts() {
            rig.meet();
            rig.putInPlace(0, 1, 200);
        }

        @Actor
        public void gets(LL_Result r) {
            rig.meet();
            r.r1 = rig.poll(0, 1);
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }

    /// The second put begins after the first has returned; one producer tells the other by being the same thread.
    @JCStressTest
    @Outcome(id = "-, -, 12", expect = ACCEPTABLE, desc = "looked before the first")
    @Outcome(id = "-, 1, 2", expect = ACCEPTABLE, desc = "looked before and after the first")
    @Outcome(id = "1, -, 2", expect = ACCEPTABLE, desc = "looked before the second")
    @Outcome(id = "1, 2, -", expect = ACCEPTABLE, desc = "got both in order")
    @State
    public static class TheLaterPutIsDeliveredLater {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        @Actor
        public void puts() {
            rig.meet();
            rig.put(0, 1, 16);
            rig.put(1, 2, 16);
        }

        @Actor
        public void gets(LLL_Result r) {
            rig.meet();
            r.r1 = rig.get(1);
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// The same, with an exclusive consumer, which remembers more.
    @JCStressTest
    @Outcome(id = "-, -, 12", expect = ACCEPTABLE, desc = "looked before the first")
    @Outcome(id = "-, 1, 2", expect = ACCEPTABLE, desc = "looked before and after the first")
    @Outcome(id = "1, -, 2", expect = ACCEPTABLE, desc = "looked before the second")
    @Outcome(id = "1, 2, -", expect = ACCEPTABLE, desc = "got both in order")
    @State
    public static class TheLaterPutIsDeliveredLaterToAnExclusiveConsumer {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.EXCLUSIVE);
        final Rig rig = POOL.draw();

        @Actor
        public void puts() {
            rig.meet();
            rig.put(0, 1, 16);
            rig.put(1, 2, 16);
        }

        @Actor
        public void gets(LLL_Result r) {
            rig.meet();
            r.r1 = rig.poll(0, 1);
            r.r2 = rig.get(0);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// Each puts, then gets. The order of all puts is a mix of 12 and 34, and the first two of it are got.
    @JCStressTest
    @Outcome(id = {"1, 2, 34", "2, 1, 34"}, expect = ACCEPTABLE, desc = "1 2 3 4")
    @Outcome(id = {"1, 3, 24", "3, 1, 24", "1, 3, 42", "3, 1, 42"}, expect = ACCEPTABLE, desc = "mixed")
    @Outcome(id = {"3, 4, 12", "4, 3, 12"}, expect = ACCEPTABLE, desc = "3 4 1 2")
    @State
    public static class ThereIsOneOrderForAll {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        @Actor
        public void one(LLL_Result r) {
            rig.meet();
            rig.put(0, 1, 16);
            rig.put(0, 2, 16);
            r.r1 = rig.get(0);
        }

        @Actor
        public void other(LLL_Result r) {
            rig.meet();
            rig.put(1, 3, 16);
            rig.put(1, 4, 16);
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// put() returns while its stores may be on their way. Who has put, does not find the queue empty.
    @JCStressTest
    @Outcome(id = {"1, 2, -", "2, 1, -"}, expect = ACCEPTABLE, desc = "one for each")
    @State
    public static class WhoHasPutFindsAMessage {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        @Actor
        public void one(LLL_Result r) {
            rig.meet();
            rig.put(0, 1, 16);
            r.r1 = rig.get(0);
        }

        @Actor
        public void other(LLL_Result r) {
            rig.meet();
            rig.put(1, 2, 16);
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// The telling is a plain-looking store into the Java heap, after put() has returned.
    @JCStressTest
    @Outcome(id = "not told, .*, 1", expect = ACCEPTABLE, desc = "looked before it was put")
    @Outcome(id = "not told, empty 1, -", expect = ACCEPTABLE, desc = "put between two looks")
    @Outcome(id = "not told, there 1, -", expect = ACCEPTABLE, desc = "put before it was told")
    @Outcome(id = "told, there 1, -", expect = ACCEPTABLE, desc = "told and found")
    @State
    public static class WhoIsToldOfAPutFindsIt {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();
        volatile boolean told;

        @Actor
        public void puts() {
            rig.meet();
            rig.put(0, 1, 16);
            told = true;
        }

        @Actor
        public void gets(LLL_Result r) {
            rig.meet();
            r.r1 = told ? "told" : "not told";
            r.r2 = (rig.handles[1].isEmpty() ? "empty " : "there ") + rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }
}
