package dev.procession.tests.fuzz;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.MessageTooLargeException;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Sound queue files in several states, and what a hostile writer makes of them. It knows little of the layout but that
/// all is made of longs: it goes for the words that are not zero, and for what is beside them, and knows the looks of
/// headers, jumps, positions and lease words.
final class Mutator {
    /// A header has 24 bits of length + 1 below a ticket. The largest code is a jump, with a chunk in place of the
    /// ticket; the one before says that a length follows; the one before that is none.
    private static final int LENGTH_BITS = 24;
    private static final int JUMP = (1 << LENGTH_BITS) - 1;
    /// A position, and a lease word: a jump count above the rest.
    private static final int JUMPS_AT = 32;
    private static final int CONSUMER_AT = 16;

    /// Chunks of at least this size are given back to the file system.
    static final int GIVEN_BACK = 1 << 16;

    /// One line, as far as words of the file's first pages go: each has a line of its own.
    private static final int LINE = 8;

    /// A queue file as it was written by its users.
    ///
    /// @param state what was done with it, for messages
    /// @param delivery how it is to be consumed
    /// @param bytes all of it
    /// @param lanesAt index of the first long in a lane
    /// @param used indices of the longs that are not zero
    record Good(String state, QueueGeometry geometry, Delivery delivery, byte[] bytes, int lanesAt, int[] used) {
        @Override
        public String toString() {
            return state + " " + geometry + " " + delivery;
        }
    }

    private enum State {
        NEW, SOME, FULL, JUMPED, DRAINED
    }

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final Random64 random;
    private final StringBuilder changes = new StringBuilder();

    Mutator(Random64 random) {
        this.random = random;
    }

    /// Makes the sound files, one of each kind.
    static List<Good> goods(Path directory) throws IOException {
        var geometries = List.of(new QueueGeometry(1, 4096, 0), new QueueGeometry(4, 4096, 1024, 0, null),
                new QueueGeometry(1, 4096, 1024, 5, null), new QueueGeometry(4, 4096, 30),
                new QueueGeometry(20, 4096, 1024, 0, null), new QueueGeometry(2, 16384, 1024, 0, null),
                new QueueGeometry(1, 1 << 18, GIVEN_BACK, 0, null),
                new QueueGeometry(1, 1 << 16, 1024, 0, Leasing.DEFAULT),
                new QueueGeometry(2, 1 << 16, 1 << 14, 0, new Leasing(1, 3)),
                new QueueGeometry(2, 1 << 16, 4096, 50, Leasing.DEFAULT),
                new QueueGeometry(1, 1 << 18, GIVEN_BACK, 0, Leasing.DEFAULT));
        var goods = new ArrayList<Good>();
        for (var geometry : geometries) {
            for (var state : State.values()) {
                for (var delivery : deliveries(geometry)) goods.add(make(directory, state, geometry, delivery));
            }
        }
        return goods;
    }

    /// How a queue of this shape may be consumed.
    static List<Delivery> deliveries(QueueGeometry geometry) {
        return geometry.leasing() != null ? List.of(Delivery.LEASED) : List.of(Delivery.EXCLUSIVE, Delivery.SHARED);
    }

    /// The bytes at the end of the file that are lanes, with their lease words.
    static long lanesBytes(QueueGeometry geometry) {
        return geometry.lanes() * (geometry.laneBytes() + (geometry.leasing() != null ? geometry.laneBytes() / 8 : 0));
    }

    private static Good make(Path directory, State state, QueueGeometry geometry, Delivery delivery)
            throws IOException {
        Path file = directory.resolve("good");
        try (var queue = LaneQueue.create(file, geometry, "good")) {
            use(queue, state, delivery);
        }
        byte[] bytes = Files.readAllBytes(file);
        Files.delete(file);
        var longs = MemorySegment.ofArray(bytes);
        int[] used = new int[bytes.length / Long.BYTES];
        int count = 0;
        for (int i = 0; i < used.length; i++) if (longs.getAtIndex(LONG, i) != 0) used[count++] = i;
        return new Good(state.toString(), geometry, delivery, bytes,
                (int) ((bytes.length - lanesBytes(geometry)) / Long.BYTES), Arrays.copyOf(used, count));
    }

    private static void use(LaneQueue queue, State state, Delivery delivery) {
        if (state == State.NEW) return;
        var random = new Random64(1);
        byte[] message = new byte[queue.maxMessageBytes()];
        try (var one = queue.newProducer();
                var two = queue.geometry().lanes() > 1 ? queue.newProducer() : null;
                var consumer = queue.newConsumer(delivery)) {
            int puts = state == State.SOME ? 6 : 400;
            for (int i = 0; i < puts; i++) {
                Arrays.fill(message, (byte) (i + 1));
                one.tryPut(message, 0, random.below(120));
                if (two != null && random.below(2) == 0) two.tryPut(message, 0, random.below(120));
                if (random.below(8) == 0) putMore(one, message, random);
                if (state == State.JUMPED || state == State.DRAINED) {
                    if (random.below(3) > 0 || !one.hasRoom(120)) get(consumer, message, random);
                }
            }
            if (state == State.SOME) get(consumer, message, random);
            if (state == State.DRAINED) while (consumer.tryGet(message) >= 0) {}
        }
    }

    /// A batch, or a message that may be longer than a chunk.
    private static void putMore(Producer producer, byte[] message, Random64 random) {
        if (random.below(2) == 0) {
            producer.tryPut(message, 0, random.below(message.length));
            return;
        }
        try (var batch = producer.tryBatch(2, 2 * producer.batchBytes(100))) {
            if (batch == null) return;
            batch.add(message, 0, random.below(100));
            batch.add(message, 0, random.below(100));
            batch.commit();
        } catch (MessageTooLargeException | IllegalArgumentException tooSmall) {
            // a lane of this kind has no room for two
        }
    }

    /// Gets a message; a leasing consumer keeps some that it will never be done with.
    private static void get(Consumer consumer, byte[] to, Random64 random) {
        if (!(consumer instanceof LeasingConsumer leasing)) {
            consumer.tryGet(to);
        } else {
            leasing.tryLease((message, lease) -> {
                if (random.below(3) == 0) lease.giveBack();
                else if (random.below(10) > 0) lease.done();
            });
        }
    }

    /// Changes the file here and there.
    void mutate(Good good, byte[] bytes) {
        var longs = MemorySegment.ofArray(bytes);
        changes.setLength(0);
        for (int i = 1 + random.below(random.below(4) == 0 ? 12 : 3); i > 0; i--) mutate(good, longs);
    }

    /// What was changed last, as far as words go.
    String changes() {
        return changes.toString();
    }

    /// The index of a long that is worth it.
    private int index(Good good) {
        int all = good.bytes.length / Long.BYTES;
        int index = switch (random.below(8)) {
            case 0, 1, 2, 3 -> good.used[random.below(good.used.length)] + near();
            case 4, 5 -> random.below(good.lanesAt / LINE) * LINE + random.below(2);
            case 6 -> good.lanesAt + random.below(all - good.lanesAt);
            default -> random.below(all);
        };
        return Math.clamp(index, 0, all - 1);
    }

    private int near() {
        return random.below(4) == 0 ? random.below(5) - 2 : 0;
    }

    private void mutate(Good good, MemorySegment longs) {
        int at = index(good);
        switch (random.below(22)) {
            case 0 -> { // some bytes at once
                int from = index(good);
                int most = good.bytes.length / Long.BYTES - Math.max(from, at);
                int count = 1 + random.below(Math.min(most, 64));
                MemorySegment.copy(longs, 8L * from, longs, 8L * at, 8L * count);
                changes.append(" [").append(8 * at).append("..]=[").append(8 * from).append("..]*").append(count);
            }
            case 1 -> { // two words change places
                int other = index(good);
                long value = longs.getAtIndex(LONG, at);
                set(longs, at, longs.getAtIndex(LONG, other));
                set(longs, other, value);
            }
            case 2, 3 -> set(longs, at, longs.getAtIndex(LONG, index(good)) + 8 * near());
            case 4, 5, 6, 7 -> set(longs, at, longs.getAtIndex(LONG, at) ^ 1L << random.below(64));
            case 8, 9 -> set(longs, at, longs.getAtIndex(LONG, at) + random.below(80) - 40);
            case 10 -> set(longs, at, random.next());
            case 11, 12 -> set(longs, at, interesting());
            case 13 -> set(longs, at, (long) random.below(20) << LENGTH_BITS | random.below(1 << LENGTH_BITS));
            case 14 -> set(longs, at, (long) random.below(200) << LENGTH_BITS | random.below(150));
            case 15 -> set(longs, at, JUMP - random.below(3));
            case 16, 17 -> set(longs, at,
                    (long) random.below(random.below(4) == 0 ? 5_000 : 2 + chunks(good)) << LENGTH_BITS | JUMP);
            case 18 -> { // a long message; in each of these lanes it is longer than any
                set(longs, at, (long) random.below(20) << LENGTH_BITS | JUMP - 1);
                int beside = at + 1 + random.below(2);
                if (8L * beside < longs.byteSize()) set(longs, beside, interesting());
            }
            case 19 -> set(longs, at, longs.getAtIndex(LONG, at) + ((long) random.below(9) - 4 << JUMPS_AT));
            case 20 -> set(longs, at, position(good));
            default -> set(longs, at, (position(good) & -1L << JUMPS_AT) | (long) random.below(4) << CONSUMER_AT
                    | random.below(16));
        }
    }

    private static int chunks(Good good) {
        return (int) (good.geometry.laneBytes() / good.geometry.chunkBytes());
    }

    private long position(Good good) {
        long jumps = random.below(4) == 0 ? random.next() : random.below(40);
        return jumps << JUMPS_AT | random.below((int) good.geometry.laneBytes()) & -8;
    }

    private long interesting() {
        return switch (random.below(6)) {
            case 0 -> 0;
            case 1 -> -1;
            case 2 -> Long.MIN_VALUE;
            case 3 -> Long.MAX_VALUE;
            default -> (1L << random.below(64)) + random.below(17) - 8;
        };
    }

    private void set(MemorySegment longs, int index, long value) {
        longs.setAtIndex(LONG, index, value);
        changes.append(' ').append(8 * index).append('=').append(value);
    }
}
