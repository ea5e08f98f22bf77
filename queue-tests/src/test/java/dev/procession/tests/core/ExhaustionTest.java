package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Where stack or memory run out in the middle of a call, nothing is lost and nothing is held for ever.
class ExhaustionTest {
    private static final long STACK_BYTES = 1 << 18;
    /// From the deepest frame on upwards; above these there is stack enough.
    private static final int FRAMES = 48;
    private static final int WARM = 12_000;
    private static final long SEEN_NANOS = TimeUnit.SECONDS.toNanos(20);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private String create(long laneBytes, long maxItems, Delivery delivery) {
        Path file = directory.resolve("queue");
        Leasing leasing = delivery == Delivery.LEASED ? new Leasing(0, 0) : null;
        LaneQueue.create(file, new QueueGeometry(3, laneBytes, maxItems, leasing), "exhaustion").close();
        return file.toString();
    }

    /// A call that is made where there is hardly any stack left.
    private static final class Dive {
        private final Runnable call;
        private final int above;
        private boolean made;
        private boolean returned;

        /// @param above how many frames above the deepest one
        private Dive(int above, Runnable call) {
            this.above = above;
            this.call = call;
        }

        private int deeper() {
            int frames;
            try {
                frames = deeper() + 1;
            } catch (StackOverflowError e) {
                frames = 0;
            }
            if (frames == above && !made) {
                made = true;
                call.run();
                returned = true;
            }
            return frames;
        }

        /// Shifts all frames by a part of one.
        private void shifted(long shift) {
            if (shift > 0) shifted(shift - 1);
            else deeper();
        }

        /// Returns whether the call has returned.
        static boolean make(int shift, int above, Runnable call) throws InterruptedException {
            var dive = new Dive(above, call);
            var thread = new Thread(null, () -> {
                try {
                    dive.shifted(shift);
                } catch (StackOverflowError e) {
                    // in the call, and in all that is above it
                }
            }, "dive", STACK_BYTES);
            thread.start();
            thread.join();
            assertTrue(dive.made, "no such depth");
            return dive.returned;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:+TieredCompilation"})
    void aPutForWhichThereIsNoStackLeftKeepsNoPlace(String mode) {
        int shifts = Effort.of(3, 6);
        var file = create(1 << 16, 1, Delivery.SHARED);
        try (var child = Child.start(mode)) {
            long failed = child.peer().count(scope -> {
                scope.open(file).producer();
                scope.consumer(Delivery.SHARED);
                byte[] bytes = new byte[40];
                for (int i = mode.equals("-Xint") ? WARM - 10 : 0; i < WARM; i++) {
                    assertTrue(scope.producer.tryPut(bytes));
                    assertFalse(scope.producer.tryPut(bytes));
                    assertNotNull(scope.take(bytes));
                }
                int n = 0;
                for (int shift = 0; shift < shifts; shift++) {
                    for (int above = 0; above < FRAMES; above++) {
                        boolean[] put = {false};
                        boolean returned = Dive.make(shift, above, () -> put[0] = scope.producer.tryPut(bytes));
                        String where = above + " frames above the deepest, shifted by " + shift;
                        if (!returned) n++;
                        else assertTrue(put[0], where);
                        boolean there = scope.queue.size() == 1;
                        assertTrue(there || !put[0], where);
                        assertEquals(there, scope.queue.isFull(), where);
                        assertEquals(there, scope.take(bytes) != null, where);
                        assertFalse(scope.queue.isFull(), where);
                        assertTrue(scope.producer.hasRoom(40));
                    }
                }
                return n;
            });
            assertTrue(failed > shifts, "puts that had too little stack: " + failed);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:+TieredCompilation"})
    void aClaimForWhoseEndThereIsNoStackLeftIsStillOpenOrIsPut(String mode) {
        var file = create(1 << 16, 1, Delivery.SHARED);
        try (var child = Child.start(mode)) {
            long failed = child.peer().count(scope -> {
                scope.open(file).producer();
                scope.consumer(Delivery.SHARED);
                int n = 0;
                for (int above = 0; above < FRAMES; above++) {
                    var claim = scope.producer.tryClaim(8);
                    assertNotNull(claim);
                    if (!Dive.make(0, above, claim::commit)) n++;
                    assertEquals(claim.length() < 0, scope.queue.size() == 1, "frame " + above);
                    assertTrue(scope.queue.isFull());
                    if (claim.length() >= 0) claim.abort();
                    else assertEquals(8, scope.take().length);
                    assertFalse(scope.queue.isFull());
                }
                return n;
            });
            assertTrue(failed > 0, "commits that had too little stack: " + failed);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:+TieredCompilation"})
    void aLeaseForWhichThereIsNoStackLeftIsGivenBack(String mode) {
        int shifts = Effort.of(3, 6);
        var file = create(1 << 16, 0, Delivery.LEASED);
        try (var child = Child.start(mode)) {
            long failed = child.peer().count(scope -> {
                scope.open(file).producer();
                var poor = (LeasingConsumer) scope.queue.newConsumer(Delivery.LEASED);
                var other = (LeasingConsumer) scope.queue.newConsumer(Delivery.LEASED);
                byte[] bytes = new byte[40];
                for (int i = mode.equals("-Xint") ? WARM - 10 : 0; i < WARM; i++) {
                    assertTrue(scope.producer.tryPut(bytes));
                    var lease = i % 2 == 0 ? poor.tryLease((m, l) -> {}) : other.tryLease((m, l) -> {});
                    assertNotNull(lease);
                    lease.done();
                }
                int n = 0;
                for (int shift = 0; shift < shifts; shift++) {
                    for (int above = 0; above < FRAMES; above++) {
                        assertTrue(scope.producer.tryPut(bytes));
                        var got = new Lease @Nullable [1];
                        boolean returned = Dive.make(shift, above, () -> got[0] = poor.tryLease((m, l) -> {}));
                        String where = above + " frames above the deepest, shifted by " + shift;
                        if (!returned) n++;
                        Lease lease = got[0];
                        if (lease == null) lease = other.lease((m, l) -> {}, SEEN_NANOS);
                        assertNotNull(lease, where);
                        Lease ending = lease;
                        // one that cannot be ended there, can be later
                        if (!Dive.make(shift, above, ending::done)) {
                            ending.close();
                            other.poll(m -> {}, 10);
                        }
                        assertEquals(0, scope.queue.size(), where);
                    }
                }
                return n;
            });
            assertTrue(failed > shifts, "leases for which there was too little stack: " + failed);
        }
    }

    @ParameterizedTest
    @CsvSource({"LEASED, 1", "LEASED, 10", "SHARED, 1", "SHARED, 10"})
    void aMessageForWhoseCopyThereIsNoMemoryStaysForOthers(Delivery delivery, int limit) {
        var file = create(1 << 23, 10, delivery);
        int large = 3 << 20;
        try (var child = Child.start("-XX:MaxDirectMemorySize=1m");
                var queue = LaneQueue.open(Path.of(file));
                var producer = queue.newProducer()) {
            assertTrue(producer.tryPut(new byte[large]));
            assertTrue(producer.tryPut(new byte[8]));
            var poor = child.peer();
            poor.run(scope -> {
                scope.open(file).consumer(delivery);
                for (int i = 0; i < 2; i++) {
                    var error = assertThrows(OutOfMemoryError.class, () -> scope.consumer.poll(m -> {}, limit));
                    String text = error.getMessage();
                    assertTrue(text.contains(file) && text.contains("length=") && text.contains("not taken"), text);
                    assertEquals(2, scope.queue.size());
                }
            });
            try (var rich = queue.newConsumer(delivery)) {
                if (rich instanceof LeasingConsumer leasing) {
                    var lease = leasing.tryLease((message, unused) -> assertEquals(large, message.length()));
                    assertNotNull(lease);
                    assertEquals(1, lease.attempt());
                    lease.done();
                } else {
                    assertEquals(1, rich.poll(message -> assertEquals(large, message.length()), 1));
                }
            }
            assertEquals(1, poor.count(scope -> scope.consumer.poll(m -> assertEquals(8, m.length()), limit)));
            assertTrue(queue.isEmpty());
        }
    }
}
