package dev.procession.tests.codec;

import static dev.procession.tests.codec.RoundTrip.decode;
import static dev.procession.tests.codec.RoundTrip.encode;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.StandInException;
import dev.procession.tests.Effort;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/// Bytes that no codec has written: every one of them is read as an item of allowed classes, or refused by an
/// IOException, without an allocation out of proportion to its length.
class HostileBytesTest {
    enum Color {
        RED, GREEN
    }

    record Point(int x, long y, String name, Color color, byte[] raw, List<Point2> more, double[] values) {
    }

    record Point2(Integer x, char[] text) {
    }

    static final class Node {
        Object first;
        Node second;
        String name = "n";
        int number = 5;
        long[] longs = {1, 2};
    }

    /// Nobody allows it.
    static final class Forbidden {
        static {
            initialized();
        }

        private static void initialized() {
            forbiddenWasInitialized = true;
        }
    }

    static volatile boolean forbiddenWasInitialized;

    /// Lengths, counts and references beyond all measure, as varints and as ints of either order.
    private static final byte[][] FORGED = {{-1, -1, -1, -1, 7}, {-1, -1, -1, -1, 15}, {-1, -1, -1, -1, -1},
        {-128, -128, -128, -128, 8}, {-128, -128, -128, 1}, {-1, -1, 3}, {127, -1, -1, -1}, {-1, -1, -1, 127},
        {-65, -1, -1, -1, 127}, {0, 0, 0, 0}};

    private static final Codec<Object> OBJECT = Codec.object(Node.class, Point.class, Point2.class, Color.class,
            IOException.class, SharedQueue.class);

    private static Point point() {
        return new Point(1, 2, "näme", Color.GREEN, new byte[] {1, 2, 3},
                Arrays.asList(new Point2(1, new char[] {'x'}), null), new double[] {1, 2});
    }

    private static List<Object> objects() {
        Node node = new Node();
        node.first = new ArrayList<>(List.of(node, "text", 5L));
        node.second = new Node();
        List<Object> cyclic = new ArrayList<>(List.of("x"));
        cyclic.add(cyclic);
        Object deep = "deep";
        for (int i = 0; i < 20; i++) {
            deep = new ArrayList<>(List.of(deep));
        }
        IOException failure = new IOException("failure", new IllegalStateException("unlisted"));
        failure.addSuppressed(failure.getCause());
        for (Throwable each : List.of(failure, failure.getCause())) {
            // few bytes to mutate
            each.setStackTrace(new StackTraceElement[] {new StackTraceElement("C", "m", "f", 1)});
        }
        return List.of(failure, point(), node, cyclic, deep, "ascii text", "ü".repeat(50), "x".repeat(50),
                List.of(1, 2L, "3"),
                new HashMap<>(Map.of(List.of("k"), Set.of(1, 2), "a", Optional.of(node))),
                new TreeMap<>(Map.of("a", 1)),
                new ArrayDeque<>(List.of(1, 2)), Collections.singleton(1), Map.of(1, 2), new boolean[20], new byte[40],
                new short[5], new char[5], new int[] {1, -1, 1 << 30}, new long[] {1, -1}, new float[3], new double[3],
                new String[] {"a", null}, new Object[] {1, new int[2]}, new int[][] {{1}, {2}},
                BigInteger.TWO.pow(200), new BigDecimal("1.5"), BitSet.valueOf(new long[] {1, 2, 3}), UUID.randomUUID(),
                Instant.now(), ZonedDateTime.now(ZoneId.of("Europe/Berlin")), Color.RED);
    }

    private static byte[] splice(byte[] bytes, int index, byte[] inserted, int replaced) {
        byte[] result = new byte[bytes.length - replaced + inserted.length];
        System.arraycopy(bytes, 0, result, 0, index);
        System.arraycopy(inserted, 0, result, index, inserted.length);
        System.arraycopy(bytes, index + replaced, result, index + inserted.length, bytes.length - index - replaced);
        return result;
    }

    private static void forEachForgery(byte[] good, Consumer<byte[]> reader) {
        for (int index = 0; index < good.length; index++) {
            reader.accept(Arrays.copyOf(good, index));
            for (int i = 0; i < FORGED.length; i++) {
                // In place of a byte, or over as many as it has.
                int replaced = (index + i) % 2 == 0 ? 1 : Math.min(FORGED[i].length, good.length - index);
                reader.accept(splice(good, index, FORGED[i], replaced));
            }
        }
    }

    private static void forEachMutation(List<byte[]> seeds, int count, Consumer<byte[]> reader) {
        SplittableRandom random = new SplittableRandom(20_25);
        for (int i = 0; i < count; i++) {
            byte[] bytes = seeds.get(random.nextInt(seeds.size())).clone();
            for (int n = 1 + random.nextInt(4); n > 0 && bytes.length > 0; n--) {
                int index = random.nextInt(bytes.length);
                switch (random.nextInt(5)) {
                    case 0 -> bytes[index] ^= (byte) (1 << random.nextInt(8));
                    case 1 -> bytes[index] = (byte) random.nextInt(256);
                    case 2 -> bytes = splice(bytes, index, FORGED[random.nextInt(FORGED.length)], 0);
                    case 3 -> bytes = splice(bytes, index, new byte[0], 1 + random.nextInt(bytes.length - index));
                    default -> {
                        byte[] other = seeds.get(random.nextInt(seeds.size()));
                        bytes = splice(bytes, index, Arrays.copyOf(other, random.nextInt(other.length + 1)), 0);
                    }
                }
            }
            reader.accept(bytes);
        }
    }

    /// Reads one hostile message and checks what comes of it.
    private static final class Reader<E> implements Consumer<byte[]> {
        private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        private final Codec<E> codec;
        private final Set<Class<?>> allowed;
        int read;
        int refused;

        Reader(Codec<E> codec, Class<?>... allowed) {
            this.codec = codec;
            this.allowed = Set.of(allowed);
        }

        @Override
        public void accept(byte[] bytes) {
            long thread = Thread.currentThread().threadId();
            long before = threads.getThreadAllocatedBytes(thread);
            E item = null;
            try {
                item = decode(codec, bytes);
                read++;
            } catch (IOException e) {
                refused++;
            } catch (Throwable e) {
                throw new AssertionError(codec + " read " + HexFormat.of().formatHex(bytes), e);
            }
            // The counter is exact to a thread-local buffer, and a refusal has a stack trace; a class may be loaded.
            long allocated = threads.getThreadAllocatedBytes(thread) - before;
            assertTrue(allocated < 100L * bytes.length + (8 << 20), () -> "allocated=" + allocated + " bytes by "
                    + HexFormat.of().formatHex(bytes));
            if (item != null) {
                requireAllowed(item);
            }
        }

        private void requireAllowed(Object item) {
            Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
            Deque<Object> open = new ArrayDeque<>(List.of(item));
            while (!open.isEmpty()) {
                Object object = open.pop();
                if (!seen.add(object)) {
                    continue;
                }
                Class<?> type = object.getClass();
                while (type.isArray()) {
                    type = type.getComponentType();
                }
                assertTrue(allowed.contains(type) || type.isPrimitive()
                        || Set.of("java.lang", "java.math", "java.time", "java.util", "java.util.concurrent")
                                .contains(type.getPackageName()),
                        type.getName());
                for (Object part : partsOf(object)) {
                    if (part != null) {
                        open.push(part);
                    }
                }
            }
        }

        private static Collection<?> partsOf(Object object) {
            return switch (object) {
                case Object[] array -> Arrays.asList(array);
                case Collection<?> collection -> new ArrayList<>(collection);
                case Map<?, ?> map -> {
                    List<Object> parts = new ArrayList<>(map.keySet());
                    parts.addAll(map.values());
                    yield parts;
                }
                case Throwable throwable -> {
                    List<Object> parts = new ArrayList<>(Arrays.asList(throwable.getSuppressed()));
                    parts.add(throwable.getCause());
                    yield parts;
                }
                case Optional<?> optional -> optional.stream().toList();
                case Node node -> Arrays.asList(node.first, node.second, node.name, node.longs);
                case Record whole -> {
                    List<Object> parts = new ArrayList<>();
                    for (RecordComponent component : whole.getClass().getRecordComponents()) {
                        try {
                            component.getAccessor().setAccessible(true);
                            parts.add(component.getAccessor().invoke(whole));
                        } catch (ReflectiveOperationException e) {
                            throw new AssertionError(e);
                        }
                    }
                    yield parts;
                }
                default -> List.of();
            };
        }
    }

    @Test
    void forgedLengthsAndMutationsOfARecordAreReadAsRecordsOrRefused() throws Exception {
        Codec<Point> codec = Codec.record(Point.class);
        Reader<Point> reader = new Reader<>(codec, Point.class, Point2.class, Color.class);
        byte[] good = encode(codec, point());
        forEachForgery(good, reader);
        forEachMutation(List.of(good), Effort.of(1200, 20_000), reader);
        assertTrue(reader.read > 100 && reader.refused > 100, reader.read + " read, " + reader.refused + " refused");
    }

    @Test
    void forgedLengthsAndMutationsOfObjectsAreReadAsAllowedObjectsOrRefused() throws Exception {
        Reader<Object> reader = new Reader<>(OBJECT, Node.class, Point.class, Point2.class, Color.class,
                IOException.class, StandInException.class, SharedQueue.class);
        List<byte[]> seeds = new ArrayList<>();
        for (Object object : objects()) {
            seeds.add(encode(OBJECT, object));
            forEachForgery(seeds.getLast(), reader);
        }
        forEachMutation(seeds, Effort.of(500, 20_000), reader);
        assertTrue(reader.read > 100 && reader.refused > 100, reader.read + " read, " + reader.refused + " refused");
    }

    @Test
    void nestedCollectionsCannotEachAnnounceAllTheBytesThatAreLeft() throws Exception {
        Reader<Object> reader = new Reader<>(OBJECT);
        for (Object empty : List.of(new ArrayList<>(), new ArrayDeque<>(), new Object[0], new String[0][0])) {
            byte[] good = encode(OBJECT, empty);
            assertEquals(0, good[good.length - 1], "the number of elements");
            byte[] bytes = new byte[1 << 20];
            byte[] announcement = splice(good, good.length - 1, new byte[] {-96, -9, 54, 0}, 1); // 900,000
            for (int depth = 0; depth < 250; depth++) {
                System.arraycopy(announcement, 0, bytes, depth * announcement.length, announcement.length);
            }
            reader.accept(bytes);
        }
        assertEquals(4, reader.refused);
    }

    @Test
    void whatWasRefusedLeavesNothingBehind() throws Exception {
        for (Object object : objects()) {
            byte[] good = encode(OBJECT, object);
            assertThrows(IOException.class, () -> decode(OBJECT, Arrays.copyOf(good, good.length - 1)));
            assertThrows(IOException.class, () -> decode(OBJECT, Arrays.copyOf(good, good.length + 1)));
            assertEquals(object.getClass(), decode(OBJECT, good).getClass());
        }
    }

    @Test
    void aMessageCannotNameAClass() {
        // In Kryo's format the class number 1 announces a name: its number, then the name itself.
        byte[] name = Forbidden.class.getName().getBytes(StandardCharsets.US_ASCII);
        name[name.length - 1] |= (byte) 0x80;
        byte[] bytes = splice(new byte[] {1, 0, 1}, 2, name, 0);
        IOException e = assertThrows(IOException.class, () -> decode(OBJECT, bytes));
        assertTrue(e.getMessage().contains("names a class"), e.getMessage());
        assertFalse(forbiddenWasInitialized);
    }

    @Test
    void aReferenceToAnObjectThatIsNotThereYetIsRefused() throws Exception {
        byte[] good = encode(OBJECT, List.of(new ArrayList<>(), 1)); // which is made after its elements
        int reference = good.length - 4; // 1 for a new object, then no elements, then the number one
        assertEquals(1, good[reference]);
        byte[] bytes = splice(good, reference, new byte[] {2}, 2); // 2 and more for those before, from the outermost
        IOException e = assertThrows(IOException.class, () -> decode(OBJECT, bytes));
        assertTrue(e.getMessage().contains("not there yet"), e.getMessage());
    }

    @Test
    void aMessageWithoutAnObjectIsRefused() {
        assertThrows(IOException.class, () -> decode(OBJECT));
        assertThrows(IOException.class, () -> decode(OBJECT, (byte) 0));
    }

    /// Lists of two references to the next list: few bytes, and 2^depth steps to hash.
    private static List<Object> bomb(int depth) {
        List<Object> list = new ArrayList<>();
        for (int i = 0; i < depth; i++) {
            list = new ArrayList<>(Arrays.asList(list, list));
        }
        return new ArrayList<>(List.of(list));
    }

    @Test
    void aKeyThatWouldTakeForeverToHashIsNotBuilt() throws Exception {
        byte[] list = encode(OBJECT, bomb(100));
        assertTrue(list.length < 1000, "a list may hold it");
        decode(OBJECT, list);
        byte[] set = list.clone();
        set[0] = encode(OBJECT, new HashSet<>())[0]; // as if it were a set that is written with references
        assertThrows(IOException.class, () -> decode(OBJECT, set));
    }

    @Test
    void aKeyThatHoldsThingsTwiceIsWrittenTwice() throws Exception {
        Set<Object> set = new HashSet<>(bomb(10));
        assertEquals(set, decode(OBJECT, encode(OBJECT, set)));
    }
}
