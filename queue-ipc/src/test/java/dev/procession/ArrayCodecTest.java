package dev.procession;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Arrays of numbers as items, and in codecs of one's own.
class ArrayCodecTest {
    private static final Map<Codec<?>, Integer> ELEMENT_BYTES =
            Map.of(Codec.int32s(), 4, Codec.int64s(), 8, Codec.float32s(), 4, Codec.float64s(), 8);
    /// In shared memory, or a private copy.
    private static final List<QueueOptions> OPTIONS = List.of(QueueOptions.DEFAULT.exclusive(),
            QueueOptions.DEFAULT.shared(), QueueOptions.DEFAULT.leased());

    private final SplittableRandom random = new SplittableRandom(1);

    private static byte[] bytesOf(Encoder encoder) {
        return Arrays.copyOf(encoder.array(), encoder.length());
    }

    /// Lengths around those at which a copy is done in another way.
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025, 50_000})
    void everyArrayComesBackAsItWas(int length) throws Exception {
        int[] ints = random.ints(length).toArray();
        long[] longs = random.longs(length).toArray();
        float[] floats = new float[length];
        for (int i = 0; i < length; i++) floats[i] = Float.intBitsToFloat(ints[i]); // NaNs of every kind, too
        double[] doubles = Arrays.stream(longs).mapToDouble(Double::longBitsToDouble).toArray();
        for (QueueOptions options : OPTIONS) {
            assertArrayEquals(ints, through(Codec.int32s(), ints, options));
            assertArrayEquals(longs, through(Codec.int64s(), longs, options));
            assertArrayEquals(bitsOf(floats), bitsOf(through(Codec.float32s(), floats, options)));
            assertArrayEquals(bitsOf(doubles), bitsOf(through(Codec.float64s(), doubles, options)));
        }
    }

    private static <E> E through(Codec<E> codec, E item, QueueOptions options) throws InterruptedException {
        try (var queue = SharedQueue.create(codec, options)) {
            queue.put(item);
            return queue.get();
        }
    }

    private static int[] bitsOf(float[] floats) {
        var bits = new int[floats.length];
        for (int i = 0; i < bits.length; i++) bits[i] = Float.floatToRawIntBits(floats[i]);
        return bits;
    }

    private static long[] bitsOf(double[] doubles) {
        return Arrays.stream(doubles).mapToLong(Double::doubleToRawLongBits).toArray();
    }

    @Test
    void anArrayIsItsElementsOneAfterTheOther() throws IOException {
        var one = new Encoder(100);
        one.putLong(5);
        one.putLong(-6);
        var all = new Encoder(100);
        Codec.int64s().encode(new long[] {5, -6}, all);
        assertArrayEquals(bytesOf(one), bytesOf(all));
        one.reset();
        one.putDouble(0.5);
        all.reset();
        Codec.float64s().encode(new double[] {0.5}, all);
        assertArrayEquals(bytesOf(one), bytesOf(all));
        one.reset();
        one.putInt(7);
        one.putInt(Float.floatToRawIntBits(1.5f));
        all.reset();
        Codec.int32s().encode(new int[] {7}, all);
        Codec.float32s().encode(new float[] {1.5f}, all);
        assertArrayEquals(bytesOf(one), bytesOf(all));
    }

    @Test
    void inARecordAnArrayIsItsLengthAndItsElements() throws IOException {
        record Numbers(int[] ints, long[] longs, float[] floats, double[] doubles, long[] none) {}

        var expected = new Encoder(100);
        expected.putByte((byte) 3); // one more than the length
        expected.putInt(1);
        expected.putInt(-2);
        expected.putByte((byte) 2);
        expected.putLong(3);
        expected.putByte((byte) 1);
        expected.putByte((byte) 2);
        expected.putDouble(-0.0);
        expected.putByte((byte) 0);
        var encoder = new Encoder(100);
        Codec<Numbers> codec = Codec.record(Numbers.class);
        codec.encode(new Numbers(new int[] {1, -2}, new long[] {3}, new float[0], new double[] {-0.0}, null), encoder);
        assertArrayEquals(bytesOf(expected), bytesOf(encoder));
        Numbers back = codec.decode(new Decoder(bytesOf(encoder)));
        assertArrayEquals(new int[] {1, -2}, back.ints);
        assertArrayEquals(new long[] {3}, back.longs);
        assertArrayEquals(new float[0], back.floats);
        assertArrayEquals(new double[] {-0.0}, back.doubles);
        assertNull(back.none);
    }

    @Test
    void aLengthThatIsNoMultipleIsRefused() {
        ELEMENT_BYTES.forEach((codec, elementBytes) -> {
            for (int length : new int[] {1, 3, elementBytes - 1, elementBytes + 1, 1000 * elementBytes + 2}) {
                var e = assertThrows(IOException.class, () -> codec.decode(new Decoder(new byte[length])));
                assertEquals("the message is no " + codec.name() + ": length=" + length
                        + " bytes, must be a multiple of " + elementBytes, e.getMessage());
            }
        });
    }

    @Test
    void aQueueSaysWhichMessageWasNoArrayAndGoesOn(@TempDir Path directory) {
        Path file = directory.resolve("queue");
        try (var queue = SharedQueue.create(file, Codec.int64s(), QueueOptions.DEFAULT);
                var raw = dev.procession.core.LaneQueue.open(file);
                var producer = raw.newProducer()) {
            assertTrue(producer.tryPut(new byte[12]));
            assertTrue(producer.tryPut(new byte[16]));
            var e = assertThrows(UncheckedIOException.class, queue::tryGet);
            assertTrue(e.getMessage().contains("int64s") && e.getMessage().contains("12 bytes"), e.getMessage());
            assertArrayEquals(new long[2], queue.tryGet());
            assertNull(queue.tryGet());
        }
    }

    @Test
    void aQueueOfOtherNumbersIsRefused(@TempDir Path directory) {
        Path file = directory.resolve("queue");
        SharedQueue.create(file, Codec.int64s(), QueueOptions.DEFAULT).close();
        for (Codec<?> other : List.of(Codec.int32s(), Codec.float64s(), Codec.float32s(), Codec.int64(),
                Codec.bytes())) {
            var e = assertThrows(IllegalArgumentException.class, () -> SharedQueue.open(file, other));
            assertTrue(e.getMessage().contains("\"int64s\", not \"" + other.name() + "\""), e.getMessage());
        }
        SharedQueue.open(file, Codec.int64s()).close();
    }

    @Test
    void anArrayThatIsTooLargeIsRefusedWithItsLength() {
        try (var queue = SharedQueue.create(Codec.int64s(), QueueOptions.DEFAULT.withLaneBytes(1 << 12))) {
            var e = assertThrows(MessageTooLargeException.class, () -> queue.put(new long[1000]));
            assertTrue(e.getMessage().contains("8000"), e.getMessage());
            assertTrue(queue.isEmpty());
        }
        var encoder = new Encoder(100);
        encoder.putByte((byte) 1);
        assertThrows(MessageTooLargeException.class, () -> encoder.putLongs(new long[13], 0, 13));
        assertEquals(1, encoder.length(), "nothing of it may be appended");
    }

    @Test
    void aPartIsPutAndGotAtAnyIndex() {
        var encoder = new Encoder(1000);
        encoder.putByte((byte) 1); // nothing after it is aligned
        encoder.putInts(new int[] {1, 2, 3, 4}, 1, 2);
        encoder.putLongs(new long[] {5, 6, 7}, 2, 1);
        encoder.putFloats(new float[] {8, 9}, 0, 2);
        encoder.putDoubles(new double[] {10, 11}, 1, 1);
        encoder.putLongs(new long[0], 0, 0);
        assertEquals(1 + 8 + 8 + 8 + 8, encoder.length());
        var message = new Decoder(bytesOf(encoder));
        int[] ints = {-1, -1, -1, -1};
        message.getInts(1, ints, 1, 2);
        assertArrayEquals(new int[] {-1, 2, 3, -1}, ints);
        long[] longs = {-1, -1};
        message.getLongs(9, longs, 1, 1);
        assertArrayEquals(new long[] {-1, 7}, longs);
        float[] floats = {-1, -1, -1};
        message.getFloats(17, floats, 0, 2);
        assertArrayEquals(new float[] {8, 9, -1}, floats);
        double[] doubles = {-1};
        message.getDoubles(25, doubles, 0, 1);
        assertArrayEquals(new double[] {11}, doubles);
        message.getDoubles(33, doubles, 1, 0);
    }

    @Test
    void whatIsOutsideOfTheMessageOrTheArrayIsRefusedAndNothingIsCopied() {
        var message = new Decoder(new byte[8003]);
        long[] to = new long[2000];
        Arrays.fill(to, -1);
        for (int[] part : new int[][] {{0, 0, 1001}, {4, 0, 1000}, {-1, 0, 1}, {8003, 0, 1}, {8004, 0, 0},
            {0, 1999, 2}, {0, -1, 1}, {0, 0, -1}, {0, 2001, 0}, {Integer.MAX_VALUE, 0, 1}, {0, 0, 1 << 29}}) {
            assertThrows(IndexOutOfBoundsException.class, () -> message.getLongs(part[0], to, part[1], part[2]),
                    () -> Arrays.toString(part));
        }
        assertTrue(Arrays.stream(to).allMatch(each -> each == -1));
        assertThrows(IndexOutOfBoundsException.class, () -> message.getInts(0, new int[1], 0, 2));
        assertThrows(IndexOutOfBoundsException.class, () -> message.getFloats(0, new float[1], 1, 1));
        assertThrows(IndexOutOfBoundsException.class, () -> message.getDoubles(8000, new double[1], 0, 1));
        var encoder = new Encoder(100);
        assertThrows(IndexOutOfBoundsException.class, () -> encoder.putInts(new int[4], 2, 3));
        assertThrows(IndexOutOfBoundsException.class, () -> encoder.putLongs(new long[4], -1, 1));
        assertThrows(IndexOutOfBoundsException.class, () -> encoder.putFloats(new float[4], 0, -1));
        assertThrows(IndexOutOfBoundsException.class, () -> encoder.putDoubles(new double[4], 5, 0));
        assertEquals(0, encoder.length());
    }

    @Test
    void aQueueOfArraysTravelsInARecord() throws Exception {
        record Reply(SharedQueue<long[]> longs, SharedQueue<float[]> floats) {}

        try (var longs = SharedQueue.create(Codec.int64s());
                var floats = SharedQueue.create(Codec.float32s());
                var replies = SharedQueue.create(Codec.record(Reply.class))) {
            replies.put(new Reply(longs, floats));
            Reply reply = replies.get();
            reply.longs.put(new long[] {1, 2});
            reply.floats.put(new float[] {3});
            assertArrayEquals(new long[] {1, 2}, longs.get());
            assertArrayEquals(new float[] {3}, assertInstanceOf(float[].class, floats.get()));
            reply.longs.close();
            reply.floats.close();
        }
    }

    /// An array of 1,000 longs has 8,016 bytes.
    @Test
    void nothingIsAllocatedButTheArrayThatIsGot() throws Exception {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long thread = Thread.currentThread().threadId();
        int messages = 2_000;
        long fewest = Long.MAX_VALUE;
        try (var queue = SharedQueue.create(Codec.int64s(), QueueOptions.DEFAULT.exclusive())) {
            long[] item = random.longs(1_000).toArray();
            for (int round = 0; round < 40; round++) { // the first ones compile
                long before = threads.getThreadAllocatedBytes(thread);
                for (int i = 0; i < messages; i++) {
                    queue.put(item);
                    item = queue.get();
                }
                fewest = Math.min(fewest, threads.getThreadAllocatedBytes(thread) - before);
            }
        }
        long each = fewest / messages;
        assertTrue(8_000 < each && each < 9_000, each + " bytes a message");
    }
}
