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
import org.openjdk.jcstress.infra.results.L_Result;

/// Chunks are written again as soon as their records are taken, while others may still be reading there.
final class Jumping {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 1024, 0, null);
    /// Two records of this length make a chunk full, with the jump after them.
    private static final int LENGTH = 496;
    private static final int MESSAGES = 9;

    private Jumping() {}

    /// The lane is full. One takes what is in its lowest chunk and puts, which jumps to that chunk and writes over the
    /// record that was just taken; the other one may be looking at that very record, or copying it.
    @JCStressTest
    @Outcome(id = {"12, 3, the rest", "13, 2, the rest", "23, 1, the rest"}, expect = ACCEPTABLE,
            desc = "each once, in order")
    @State
    public static class ARecordThatIsOverwrittenIsNotTaken {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();
        final int count = rig.fill(0, LENGTH);

        @Actor
        public void takesAndPuts(LLL_Result r) {
            rig.meet();
            String first = rig.get(0);
            String second = rig.get(0);
            r.r1 = first + second + (rig.put(0, count + 1, LENGTH) ? "" : "full");
        }

        @Actor
        public void takes(LLL_Result r) {
            rig.meet();
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            r.r3 = rig.restFrom(4, count + 1);
        }
    }

    /// As before, but what is written over is the run of chunks of one long message.
    @JCStressTest
    @Outcome(id = {"1, 2, 34", "2, 1, 34"}, expect = ACCEPTABLE, desc = "each once, in order")
    @State
    public static class ALongMessageThatIsOverwrittenIsNotTaken {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        private static final int LONG = 1_800; // two chunks
        final Rig rig = POOL.draw();

        public ALongMessageThatIsOverwrittenIsNotTaken() {
            rig.put(0, 1, LONG);
            rig.put(0, 2, LENGTH);
        }

        @Actor
        public void takesAndPuts(LLL_Result r) {
            rig.meet();
            r.r1 = rig.get(0);
            rig.putWaiting(0, 3, LONG, 1_000_000_000);
        }

        @Actor
        public void takes(LLL_Result r) {
            rig.meet();
            r.r2 = rig.get(1);
        }

        @Arbiter
        public void rest(LLL_Result r) {
            rig.put(0, 4, LENGTH);
            r.r3 = rig.rest();
        }
    }

    /// A batch of three: who gets the first one finds the others, wherever the batch begins.
    @JCStressTest
    @Outcome(id = {"123, -", "-12, 3", "--1, 23", "---, 123"}, expect = ACCEPTABLE, desc = "all at once")
    @State
    public static class ABatchIsThereAtOnce {
        private static final Rig.Pool POOL = new Rig.Pool(GEOMETRY, Delivery.SHARED);
        final Rig rig = POOL.draw();

        @Actor
        public void puts() {
            rig.meet();
            rig.putBatch(0, 3, 150);
        }

        @Actor
        public void gets(LL_Result r) {
            rig.meet();
            r.r1 = rig.get(1) + rig.get(1) + rig.get(1);
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }

    /// The same where the number of messages has a bound, and each has its number.
    @JCStressTest
    @Outcome(id = {"0, 123", "3, 123"}, expect = ACCEPTABLE, desc = "all or none")
    @State
    public static class ABatchIsCountedAsAWhole {
        private static final Rig.Pool POOL =
                new Rig.Pool(new QueueGeometry(2, 4096, 1024, 3, null), Delivery.SHARED);
        final Rig rig = POOL.draw();

        @Actor
        public void puts() {
            rig.meet();
            rig.putBatch(0, 3, 150);
        }

        @Actor
        public void counts(LL_Result r) {
            rig.meet();
            r.r1 = rig.handles[1].size();
        }

        @Arbiter
        public void rest(LL_Result r) {
            r.r2 = rig.rest();
        }
    }

    /// Puts more than the lane holds, in lengths with which it jumps from anywhere, some of them longer than a chunk.
    /// Returns how many there was room for.
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
    public static class MessagesComeWholeFromAroundAJump {
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
    public static class RunsComeWholeFromAroundAJump {
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
    public static class MessagesAreReadInPlaceAroundAJump {
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
