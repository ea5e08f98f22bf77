package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueCorruptedException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.jvm.Points;
import dev.procession.tests.kit.Child;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Somebody moves all heads all the time, from one place where a record can be to another: no call is kept by that,
/// however many loops it has, one inside the other. So that it does not hang on who runs when, the heads move at each
/// n-th step that the call itself makes on shared memory.
class RestlessFileTest {
    /// The most steps of one call: a tenth of a second's work. A number of steps, since a time hangs on the machine.
    private static final long MOST_STEPS = 5_000_000;
    private static final int RECORD = 64;
    private static final int MESSAGES = 20;
    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private record Named(String name, Runnable call) {}

    /// Moves the heads, step by step of who uses the queue.
    private static final class Mover implements Runnable {
        private final MemorySegment memory;
        private final int lanes;
        private final long heads;
        private final long eachLane;
        private final long places;
        private final int each;
        private long moves;
        long steps;

        /// @param places how many, one record after the other, before it begins again
        /// @param each at the how many-th step
        Mover(Path file, int lanes, long heads, long eachLane, long places, int each) throws IOException {
            try (var channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), Arena.ofAuto());
            }
            this.lanes = lanes;
            this.heads = heads;
            this.eachLane = eachLane;
            this.places = places;
            this.each = each;
        }

        @Override
        public void run() {
            if (++steps > MOST_STEPS) throw new AssertionError("it goes on and on");
            if (steps % each != 0) return;
            long position = ++moves % places * RECORD;
            for (int lane = 0; lane < lanes; lane++) WORD.setOpaque(memory, heads + lane * eachLane, position);
        }
    }

    @ParameterizedTest
    @CsvSource({"SHARED, 1", "SHARED, 12", "EXCLUSIVE, 12", "LEASED, 1", "LEASED, 12"})
    void aFileThatNeverStandsStillKeepsNobody(Delivery delivery, int lanes) {
        var name = directory.toString();
        long heads = FileTest.LAYOUT.get("head");
        long eachLane = FileTest.EACH_LANE;
        try (var peer = Child.kept("restless", Points.OPTION + "::").peer()) {
            long damages = peer.count(scope -> {
                long n = 0;
                for (boolean records : new boolean[] {false, true}) {
                    for (int each : new int[] {2, 5, 9, 33}) {
                        var file = Path.of(name, records + "-" + each);
                        n += use(file, delivery, lanes, records, heads, eachLane, each);
                    }
                }
                return n;
            });
            assertTrue(damages > 0, "nobody noticed anything");
        }
    }

    /// Makes each call; returns how many said that the file is damaged.
    private static long use(Path file, Delivery delivery, int lanes, boolean records, long heads, long eachLane,
            int each) throws IOException {
        var geometry = new QueueGeometry(
                lanes, 1 << 16, MESSAGES + 10, delivery == Delivery.LEASED ? new Leasing(0, 0) : null);
        long damages = 0;
        try (var queue = LaneQueue.create(file, geometry, "");
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(delivery)) {
            for (int i = 1; i < lanes; i++) queue.newProducer().close();
            for (int i = 0; records && i < MESSAGES; i++) {
                assertTrue(producer.tryPut(new byte[RECORD - 2 * Long.BYTES]));
            }
            byte[] buffer = new byte[queue.maxMessageBytes()];
            var calls = new ArrayList<>(List.of(
                    new Named("isEmpty", () -> queue.isEmpty()),
                    new Named("isFull", () -> queue.isFull()),
                    new Named("size", () -> queue.size()),
                    new Named("stats", () -> queue.stats()),
                    new Named("hasRoom", () -> producer.hasRoom(8)),
                    new Named("tryPut", () -> producer.tryPut(new byte[8])),
                    new Named("tryGet", () -> consumer.tryGet(buffer)),
                    new Named("poll", () -> consumer.poll(message -> {}, 1)),
                    new Named("poll runs", () -> consumer.poll(message -> {}, 8)),
                    new Named("newProducer", () -> queue.newProducer().close())));
            if (consumer instanceof LeasingConsumer leases) {
                calls.add(new Named("lease", () -> {
                    var lease = leases.tryLease((message, unused) -> {});
                    if (lease != null) lease.done();
                }));
                calls.add(new Named("newConsumer", () -> queue.newConsumer(delivery).close()));
            }
            var mover = new Mover(file, lanes, heads, eachLane, records ? MESSAGES : Long.MAX_VALUE, each);
            Points.atEach(mover);
            for (var call : calls) {
                mover.steps = 0;
                try {
                    call.call.run();
                } catch (QueueCorruptedException e) {
                    damages++;
                } catch (AssertionError e) {
                    throw new AssertionError(call.name + ", heads move at each " + each + ". step", e);
                } catch (QueueUnavailableException e) {
                    // no lane left, or no place
                }
            }
        } finally {
            Points.atEach(() -> {});
        }
        return damages;
    }
}
