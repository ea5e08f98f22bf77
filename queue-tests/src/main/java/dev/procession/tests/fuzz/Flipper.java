package dev.procession.tests.fuzz;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.LeaseLostException;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Producer;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A process that flips bits of a queue's file, and those that use it meanwhile.
final class Flipper {
    /// Where bits are flipped.
    enum Target {
        LANES, WORDS, ALL
    }

    /// Words of the first pages have a line of their own.
    private static final int LINE = 64;
    private static final int HEADER_BYTES = 4096;
    private static final int MEMORY = 16;

    private Flipper() {}

    /// Flips bits for a while; some of them back again soon after.
    ///
    /// @param lanesBytes how much of the file's end is lanes
    /// @return how many
    static long flip(String file, Target target, long lanesBytes, long seed, long nanos) throws IOException {
        var random = new Random64(seed);
        long end = System.nanoTime() + nanos;
        long flips = 0;
        try (var channel = FileChannel.open(Path.of(file), StandardOpenOption.READ, StandardOpenOption.WRITE);
                var arena = Arena.ofConfined()) {
            var memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), arena);
            long lanesAt = memory.byteSize() - lanesBytes;
            long[] flipped = new long[MEMORY];
            while (System.nanoTime() < end) {
                for (int i = random.below(random.below(10) == 0 ? 200 : 4); i >= 0; i--) {
                    int old = random.below(MEMORY);
                    if (flipped[old] != 0 && random.below(2) == 0) {
                        flip(memory, flipped[old]);
                        flipped[old] = 0;
                    } else {
                        flipped[old] = place(memory, target, lanesAt, random);
                        flip(memory, flipped[old]);
                    }
                    flips++;
                }
                long pause = System.nanoTime() + random.below(400_000);
                if (random.below(8) == 0) Thread.yield();
                else while (System.nanoTime() < pause) Thread.onSpinWait();
            }
        }
        return flips;
    }

    /// The number of a bit. In the lanes, one of the first bytes that are not zero from some place on.
    private static long place(MemorySegment memory, Target target, long lanesAt, Random64 random) {
        boolean lanes = target == Target.LANES || target == Target.ALL && random.below(2) == 0;
        long at;
        if (lanes) {
            at = lanesAt + random.below((int) (memory.byteSize() - lanesAt)) / 8 * 8;
        } else {
            long from = target == Target.ALL && random.below(4) == 0 ? 0 : HEADER_BYTES;
            at = from + LINE * random.below((int) (lanesAt - from) / LINE) + 8 * random.below(2);
        }
        return 8 * at + random.below(64);
    }

    private static void flip(MemorySegment memory, long bit) {
        long at = bit / 64;
        memory.setAtIndex(ValueLayout.JAVA_LONG, at, memory.getAtIndex(ValueLayout.JAVA_LONG, at) ^ 1L << bit % 64);
    }

    /// Puts or gets for a while, and begins anew after each damage.
    ///
    /// @param warm whether this process has done so before, so that time and memory are for the calls alone
    static Meter.Tally use(String file, @Nullable Delivery delivery, long seed, long nanos, boolean warm) {
        var user = new User(Path.of(file), delivery, seed);
        long end = System.nanoTime() + nanos;
        long rounds = 0;
        if (warm) user.meter.begin();
        do { // at least once, however slow the machine is
            if (!user.call()) {
                user.close();
                user.pause();
            }
            rounds++;
        } while (System.nanoTime() < end);
        user.close();
        return user.meter.tally(rounds);
    }

    /// A producer, or a consumer if it has a delivery.
    private static final class User {
        private static final long SHORTLY_NANOS = 300_000;

        final Meter meter = new Meter();
        private final Path file;
        private final @Nullable Delivery delivery;
        private final Random64 random;
        private final byte[] buffer = meter.buffer();
        private @Nullable LaneQueue queue;
        private @Nullable Producer producer;
        private @Nullable Consumer consumer;

        User(Path file, @Nullable Delivery delivery, long seed) {
            this.file = file;
            this.delivery = delivery;
            random = new Random64(seed);
        }

        private LaneQueue queue() {
            return queue != null ? queue : (queue = LaneQueue.open(file));
        }

        private Producer producer() {
            return producer != null ? producer : (producer = queue().newProducer());
        }

        private Consumer consumer(Delivery delivery) {
            return consumer != null ? consumer : (consumer = queue().newConsumer(delivery));
        }

        boolean call() {
            if (random.below(50) == 0) return look();
            return delivery == null ? put() : get(delivery);
        }

        private boolean look() {
            return switch (random.below(5)) {
                case 0 -> meter.call("isEmpty", () -> queue().isEmpty());
                case 1 -> meter.call("isFull", () -> queue().isFull());
                case 2 -> meter.call("size", () -> queue().size());
                case 3 -> meter.call("stats", () -> queue().stats());
                default -> meter.call("browse", () -> {
                    var browser = queue().newBrowser(random.below(2) == 0);
                    for (int i = 0; i < 100 && browser.next(message -> meter.see(message, queue())); i++) {}
                });
            };
        }

        private boolean put() {
            int length = random.below(random.below(10) == 0 ? 2_000 : 100);
            return switch (random.below(9)) {
                case 0 -> meter.call("put", () -> producer().put(buffer, 0, length, SHORTLY_NANOS));
                case 1 -> meter.call("claim", () -> {
                    var claim = producer().tryClaim(length);
                    if (claim == null) return;
                    claim.putBytes(0, buffer, 0, length);
                    claim.commit();
                });
                case 2 -> meter.call("hasRoom", () -> producer().hasRoom(length));
                case 3 -> meter.call("batch", () -> batch(producer(), length / 4));
                case 4 -> meter.call("longest", () -> producer().tryPut(buffer, 0,
                        random.below(queue().maxMessageBytes())));
                default -> meter.call("tryPut", () -> producer().tryPut(buffer, 0, length));
            };
        }

        private void batch(Producer producer, int length) {
            try (var batch = producer.tryBatch(3, 3 * producer.batchBytes(length))) {
                if (batch == null) return;
                for (int i = random.below(2); i < 3; i++) batch.add(buffer, 0, length);
                if (random.below(4) > 0) batch.commit();
            }
        }

        private boolean get(Delivery delivery) {
            return switch (random.below(8)) {
                case 0 -> meter.call("get", () -> consumer(delivery).get(buffer, SHORTLY_NANOS));
                case 1 -> consumer instanceof LeasingConsumer leasing ? meter.call("lease", () -> lease(leasing))
                        : meter.call("tryGet", () -> consumer(delivery).tryGet(buffer));
                case 2, 3 -> meter.call("poll", () -> poll(consumer(delivery)));
                default -> meter.call("tryGet", () -> Meter.assertLength(consumer(delivery).tryGet(buffer), queue()));
            };
        }

        private void poll(Consumer consumer) {
            try {
                consumer.poll(message -> meter.see(message, queue()), 1 + random.below(40));
            } catch (LeaseLostException expected) {} // by the time-out, or its claim was flipped
        }

        /// Most leases are done; some are given back, or kept until the consumer is gone.
        private void lease(LeasingConsumer leasing) {
            leasing.tryLease((message, lease) -> {
                meter.see(message, queue());
                try {
                    if (random.below(4) == 0) lease.giveBack();
                    else if (random.below(10) > 0) lease.done();
                } catch (LeaseLostException expected) {} // its claim was flipped
            });
        }

        void close() {
            meter.call("close", () -> {
                if (producer != null) producer.close();
                if (consumer != null) consumer.close();
                if (queue != null) queue.close();
                producer = null;
                consumer = null;
                queue = null;
            });
        }

        void pause() {
            try {
                TimeUnit.MICROSECONDS.sleep(random.below(1_000));
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }
}
