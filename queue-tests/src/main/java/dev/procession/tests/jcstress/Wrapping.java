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

/// Space is written again as soon as its record is taken, while others may still be reading there.
final class Wrapping {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 0);
    private static final int MESSAGES = 9;

    private Wrapping() {}

    /// The lane is full. One takes and puts, which ends the log where the record began that was just taken, and puts
    /// the next there; the other one may be copying that very record.
    @JCStressTest
    @Outcome(id = {"12, 3, 456789", "13, 2, 456789", "23, 1, 456789"}, expect = ACCEPTABLE,
            desc = "each once, in order")
    @State
    public static class ARecordThatIsOverwrittenIsNotTaken {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        // a record of an eighth of the lane: seven leave room for the zero header
        private static final int LENGTH = 504;
        final Rig rig = POOL.draw();

        public ARecordThatIsOverwrittenIsNotTaken() {
            for (int number = 1; number <= 7; number++) rig.put(0, number, LENGTH);
        }

        @Actor
        public void takesAndPuts(LLL_Result r) {
            rig.meet();
            String first = rig.get(0);
            boolean put = rig.put(0, 8, LENGTH);
            String second = rig.get(0);
            put &= rig.put(0, 9, LENGTH);
            r.r1 = first + second + (put ? "" : "full");
        }

        @Actor
        public void takes(LLL_Result r) {
            rig.meet();
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.rest();
        }
    }

    /// Puts more than the lane holds, in lengths that leave padding at its end anywhere. Returns how many there was
    /// room for.
    private static int putAll(Rig rig) {
        int number = 1;
        for (int tries = 0; number <= MESSAGES && tries < 2_000; tries++) {
            if (rig.put(0, number, 8 + number * number * 173 % 1_600)) number++;
            else Thread.onSpinWait();
        }
        return number - 1;
    }

    private static String verdict(String got, int put) {
        var expected = new StringBuilder();
        for (int number = 1; number <= put; number++) expected.append(number);
        return got.replace(Rig.NONE, "").contentEquals(expected) ? "whole and in order" : got + " of " + put;
    }

    @JCStressTest
    @Outcome(id = "whole and in order", expect = ACCEPTABLE)
    @State
    public static class MessagesComeWholeFromAroundTheEndOfALane {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();
        int put;
        String got = "";

        @Actor
        public void puts() {
            rig.meet();
            put = putAll(rig);
        }

        @Actor
        public void gets() {
            rig.meet();
            var names = new StringBuilder();
            for (int i = 0; i < 2 * MESSAGES; i++) names.append(rig.get(1));
            got = names.toString();
        }

        @Arbiter
        public void rest(L_Result r) {
            r.r1 = verdict(got + rig.rest(), put);
        }
    }

    @JCStressTest
    @Outcome(id = "whole and in order", expect = ACCEPTABLE)
    @State
    public static class RunsComeWholeFromAroundTheEndOfALane {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();
        int put;
        String got = "";

        @Actor
        public void puts() {
            rig.meet();
            put = putAll(rig);
        }

        @Actor
        public void gets() {
            rig.meet();
            var names = new StringBuilder();
            for (int i = 0; i < 2 * MESSAGES; i++) names.append(rig.poll(1, 3));
            got = names.toString();
        }

        @Arbiter
        public void rest(L_Result r) {
            r.r1 = verdict(got + rig.rest(), put);
        }
    }

    @JCStressTest
    @Outcome(id = "whole and in order", expect = ACCEPTABLE)
    @State
    public static class MessagesAreReadInPlaceAroundTheEndOfALane {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.EXCLUSIVE);
        final Rig rig = POOL.draw();
        int put;
        String got = "";

        @Actor
        public void puts() {
            rig.meet();
            put = putAll(rig);
        }

        @Actor
        public void gets() {
            rig.meet();
            var names = new StringBuilder();
            for (int i = 0; i < 2 * MESSAGES; i++) names.append(rig.poll(0, 3));
            got = names.toString();
        }

        @Arbiter
        public void rest(L_Result r) {
            r.r1 = verdict(got + rig.rest(), put);
        }
    }
}
