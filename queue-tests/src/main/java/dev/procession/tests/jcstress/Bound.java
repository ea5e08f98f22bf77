package dev.procession.tests.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;

import dev.procession.core.Delivery;
import dev.procession.core.QueueGeometry;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/// A queue never holds more than its `maxItems`, here 2.
final class Bound {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 2);

    private Bound() {}

    @JCStressTest
    @Outcome(id = "put, full, 12", expect = ACCEPTABLE, desc = "the first was faster")
    @Outcome(id = "full, put, 13", expect = ACCEPTABLE, desc = "the second was faster")
    @Outcome(id = "full, full, 1", expect = ACCEPTABLE_INTERESTING, desc = "both stepped back, as tryPut says it may")
    @State
    public static class OneProducerGetsTheLastPlace {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public OneProducerGetsTheLastPlace() {
            rig.put(0, 1, 16);
        }

        @Actor
        public void one(LLL_Result r) {
            rig.meet();
            r.r1 = rig.put(0, 2, 16) ? "put" : "full";
        }

        @Actor
        public void other(LLL_Result r) {
            rig.meet();
            r.r2 = rig.put(1, 3, 16) ? "put" : "full";
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// One takes and so makes a place, then both want it.
    @JCStressTest
    @Outcome(id = "1 put, full, 23", expect = ACCEPTABLE, desc = "who took was faster")
    @Outcome(id = "1 full, put, 24", expect = ACCEPTABLE, desc = "the other one was faster")
    @Outcome(id = "1 full, full, 2", expect = ACCEPTABLE_INTERESTING, desc = "both stepped back, as tryPut says it may")
    @State
    public static class OneProducerGetsThePlaceThatIsMade {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        public OneProducerGetsThePlaceThatIsMade() {
            rig.put(0, 1, 16);
            rig.put(1, 2, 16);
        }

        @Actor
        public void takesAndPuts(LLL_Result r) {
            rig.meet();
            r.r1 = rig.get(0) + (rig.put(0, 3, 16) ? " put" : " full");
        }

        @Actor
        public void puts(LLL_Result r) {
            rig.meet();
            r.r2 = rig.put(1, 4, 16) ? "put" : "full";
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }
}
