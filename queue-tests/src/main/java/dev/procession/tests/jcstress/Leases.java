package dev.procession.tests.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import dev.procession.core.Delivery;
import dev.procession.core.LeaseLostException;
import dev.procession.core.Leasing;
import dev.procession.core.QueueGeometry;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;
import org.openjdk.jcstress.infra.results.LL_Result;
import org.openjdk.jcstress.infra.results.L_Result;

/// A message of a leased queue has one holder at a time, and is gone only when that one says so.
final class Leases {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 1 << 16, 0, Leasing.DEFAULT);

    private Leases() {}

    private static String done(Rig.@Nullable Lent lent) {
        if (lent != null) lent.lease().done();
        return Rig.Lent.name(lent);
    }

    @JCStressTest
    @Outcome(id = {"1, -, -", "-, 1, -"}, expect = ACCEPTABLE, desc = "one of them holds it")
    @State
    public static class AMessageIsLentToOne {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.LEASED);
        final Rig rig = POOL.draw();
        Rig.@Nullable Lent one;
        Rig.@Nullable Lent other;

        public AMessageIsLentToOne() {
            rig.put(0, 1, 48);
        }

        @Actor
        public void one() {
            rig.meet();
            one = rig.lease(0);
        }

        @Actor
        public void other() {
            rig.meet();
            other = rig.lease(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r1 = done(one);
            r.r2 = done(other);
            r.r3 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = {"12, 3, -", "13, 2, -", "23, 1, -"}, expect = ACCEPTABLE, desc = "each was lent once, in order")
    @State
    public static class EachMessageIsLentOnce {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.LEASED);
        final Rig rig = POOL.draw();

        public EachMessageIsLentOnce() {
            rig.put(0, 1, 24);
            rig.put(1, 2, 24);
            rig.put(0, 3, 24);
        }

        @Actor
        public void one(LLL_Result r) {
            rig.meet();
            r.r1 = done(rig.lease(0)) + done(rig.lease(0));
        }

        @Actor
        public void other(LLL_Result r) {
            rig.meet();
            r.r2 = done(rig.lease(1));
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    @JCStressTest
    @Outcome(id = "-, 1", expect = ACCEPTABLE, desc = "looked while it was lent")
    @Outcome(id = "1 attempt 2, -", expect = ACCEPTABLE, desc = "got it after it was given back")
    @State
    public static class AMessageThatIsGivenBackIsLentAgain {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.LEASED);
        final Rig rig = POOL.draw();
        final Rig.@Nullable Lent lent;

        public AMessageThatIsGivenBackIsLentAgain() {
            rig.put(0, 1, 48);
            lent = rig.lease(0);
        }

        @Actor
        public void givesBack() {
            rig.meet();
            if (lent != null) lent.lease().giveBack();
        }

        @Actor
        public void leases(LL_Result r) {
            rig.meet();
            Rig.@Nullable Lent again = rig.lease(1);
            r.r1 = again == null ? Rig.NONE : again.name() + " attempt " + again.lease().attempt();
            done(again);
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }

    /// Two threads end one lease in different ways.
    @JCStressTest
    @Outcome(id = "done, -", expect = ACCEPTABLE, desc = "it was done first")
    @Outcome(id = "given back before, 1", expect = ACCEPTABLE, desc = "it was given back first")
    @State
    public static class ALeaseEndsOnce {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.LEASED);
        final Rig rig = POOL.draw();
        final Rig.@Nullable Lent lent;

        public ALeaseEndsOnce() {
            rig.put(0, 1, 48);
            lent = rig.lease(0);
        }

        @Actor
        public void does(LL_Result r) {
            rig.meet();
            try {
                r.r1 = lent == null ? "was not lent" : "done";
                done(lent);
            } catch (IllegalStateException | LeaseLostException e) {
                r.r1 = "given back before";
            }
        }

        @Actor
        public void closes() {
            rig.meet();
            if (lent != null) lent.lease().close();
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }

    /// The visibility time-out is over as soon as the other one has looked twice. Only one of them finishes the
    /// message.
    @JCStressTest
    @Outcome(id = "done, -, -", expect = ACCEPTABLE, desc = "it was done in time")
    @Outcome(id = "lost, 1 attempt 2, -", expect = ACCEPTABLE, desc = "it was taken over before")
    @State
    public static class WhoIsOvertakenIsTold {
        private static final Rig.Pool POOL =
                new Rig.Pool(new QueueGeometry(2, 1 << 16, 0, new Leasing(1, 0)), Delivery.LEASED);
        final Rig rig = POOL.draw();
        final Rig.@Nullable Lent lent;

        public WhoIsOvertakenIsTold() {
            rig.put(0, 1, 48);
            lent = rig.lease(0);
            rig.lease(1); // from now on it counts the time
        }

        @Actor
        public void does(LLL_Result r) {
            rig.meet();
            try {
                r.r1 = lent == null ? "was not lent" : "done";
                done(lent);
            } catch (LeaseLostException e) {
                r.r1 = "lost";
            }
        }

        @Actor
        public void takesOver(LLL_Result r) {
            rig.meet();
            Rig.@Nullable Lent again = rig.lease(1);
            r.r2 = again == null ? Rig.NONE : again.name() + " attempt " + again.lease().attempt();
            done(again);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// As in [Emptiness]: there is always a message that nobody holds.
    @JCStressTest
    @Outcome(id = {"234, 1, -", "134, 2, -", "124, 3, -", "123, 4, -"}, expect = ACCEPTABLE, desc = "everybody got one")
    @State
    public static class ALeaseFindsTheMessageThatMoves {
        private static final Rig.Pool POOL =
                new Rig.Pool(new QueueGeometry(4, 1 << 16, 0, Leasing.DEFAULT), Delivery.LEASED);
        final Rig rig = POOL.draw();

        public ALeaseFindsTheMessageThatMoves() {
            rig.put(1, 1, 16);
        }

        @Actor
        public void passes(LLL_Result r) {
            rig.meet();
            rig.put(0, 2, 16);
            String first = done(rig.lease(0));
            rig.put(1, 3, 16);
            String second = done(rig.lease(0));
            rig.put(0, 4, 16);
            r.r1 = first + second + done(rig.lease(0));
        }

        @Actor
        public void leases(LLL_Result r) {
            rig.meet();
            r.r2 = done(rig.lease(1));
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// As in [Jumping]: the lane is full, and what is done is overwritten at once. There may be no room yet, while the
    /// other one has not done its message.
    @JCStressTest
    @Outcome(id = {"12, 3, the rest", "13, 2, the rest", "23, 1, the rest"}, expect = ACCEPTABLE,
            desc = "each once, in order")
    @State
    public static class ARecordThatIsOverwrittenIsNotLent {
        private static final Rig.Pool POOL =
                new Rig.Pool(new QueueGeometry(2, 1 << 16, 1 << 13, 0, Leasing.DEFAULT), Delivery.LEASED);
        private static final int LENGTH = 8_000; // a chunk
        final Rig rig = POOL.draw();
        int count = rig.fill(0, LENGTH);

        @Actor
        public void takesAndPuts(LLL_Result r) {
            rig.meet();
            String first = done(rig.lease(0));
            boolean put = rig.put(0, count + 1, LENGTH);
            r.r1 = first + done(rig.lease(0));
            if (put || rig.put(0, count + 1, LENGTH)) count++;
        }

        @Actor
        public void takes(LLL_Result r) {
            rig.meet();
            r.r2 = done(rig.lease(1));
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.restFrom(4, count);
        }
    }

    /// What is done is given back to the file system, its lease words too: they are zero then, as they were before the
    /// records were lent. The other one may be about to lease such a record.
    @JCStressTest
    @Outcome(id = "each once", expect = ACCEPTABLE)
    @State
    public static class ARecordWhoseSpaceWasGivenBackIsNotLent {
        private static final Rig.Pool POOL =
                new Rig.Pool(new QueueGeometry(2, 1 << 19, 1 << 16, 0, Leasing.DEFAULT), Delivery.LEASED);
        private static final int LENGTH = 60_000; // a chunk
        final Rig rig = POOL.draw();
        int count = rig.fill(0, LENGTH);
        String one = "";
        String other = "";

        @Actor
        public void takesAndPuts() {
            rig.meet();
            for (int i = 1; i < count; i++) one += done(rig.lease(0));
            if (rig.put(0, count + 1, LENGTH)) count++;
        }

        @Actor
        public void takes() {
            rig.meet();
            for (int i = 0; i < 3; i++) other += done(rig.lease(1));
        }

        @Arbiter
        public void rest(L_Result r) {
            String all = (one + other + rig.rest()).replace(Rig.NONE, "");
            boolean once = all.length() == count && all.chars().distinct().count() == count;
            r.r1 = once ? "each once" : one + ", " + other + ", " + all;
        }
    }
}
