package dev.procession.tests.codec;

import static dev.procession.tests.codec.RoundTrip.decode;
import static dev.procession.tests.codec.RoundTrip.encode;
import static dev.procession.tests.codec.RoundTrip.sent;
import static dev.procession.tests.codec.RoundTrip.through;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Encoder;
import dev.procession.core.MessageTooLargeException;
import java.io.IOException;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.AbstractList;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Date;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ObjectCodecTest {
    enum Side {
        BUY, SELL {
            @Override
            int sign() {
                return -1;
            }
        };

        int sign() {
            return 1;
        }
    }

    record Trade(int id, long price, String symbol, Side side, Object extra) {
    }

    /// No constructor that a library could call, final, private and inherited fields, nothing Serializable.
    static class Party {
        private final String name;
        private final String id = "hidden";
        transient int cached;

        Party(String name) {
            this.name = Objects.requireNonNull(name);
            this.cached = name.length();
        }
    }

    static final class Order extends Party {
        private final String id;
        final List<Trade> trades = new ArrayList<>();
        final Map<String, Party> parties = new HashMap<>();
        int[][] matrix = {{1, 2}, {}, null};
        Trade[] best = {null};
        Object any;
        double price;

        Order(String name, String id) {
            super(name);
            this.id = id;
        }
    }

    static final class Node {
        Object next;
        Node other;
    }

    static final class Stranger {
    }

    sealed interface Shape permits Circle, Square {
    }

    record Circle(double radius) implements Shape {
    }

    static final class Square implements Shape {
        int side = 4;
    }

    @Test
    void aGraphComesBackWithAllItsFields() throws Exception {
        Codec<Order> codec = Codec.object(Order.class, Party.class, Trade.class, Side.class);
        Order order = new Order("name", "id");
        order.trades.add(new Trade(1, 2, "é", Side.SELL, null));
        order.trades.add(null);
        order.parties.put("a", new Party("b"));
        order.best = new Trade[] {new Trade(7, 8, null, Side.BUY, List.of(1, "x"))};
        order.any = Map.of(Side.BUY, Optional.of(5L));
        order.price = -0.5;
        Order back = through(codec, order);
        assertEquals("id", back.id);
        assertEquals("name", ((Party) back).name);
        assertEquals("hidden", ((Party) back).id);
        assertEquals(0, back.cached, "no constructor runs and transient fields stay behind");
        assertEquals(order.trades, back.trades);
        assertEquals(Set.of("a"), back.parties.keySet());
        assertEquals("b", back.parties.get("a").name);
        assertTrue(Arrays.deepEquals(order.matrix, back.matrix));
        assertArrayEquals(order.best, back.best);
        assertEquals(order.any, back.any);
        assertEquals(-0.5, back.price);
    }

    static Stream<Object> valuesOfTheJdk() {
        return Stream.of("", "text", "日本\ud83d\ude00 \ud800", "x".repeat(100_000), true, (byte) -1, (short) -2, 'ß',
                Integer.MIN_VALUE, Long.MIN_VALUE, Float.NaN, -0.0, BigInteger.TWO.pow(1000).negate(), BigInteger.ZERO,
                new BigDecimal("-12345678901234567890.123456789"), BigDecimal.ONE, UUID.randomUUID(), new Date(-5),
                Duration.ofNanos(-1), Period.of(1, -2, 3), Instant.MIN, Instant.MAX, LocalDate.MIN, LocalTime.MAX,
                LocalDateTime.MAX, OffsetTime.MIN, OffsetDateTime.MAX, ZoneOffset.ofHours(-18),
                ZoneId.of("Europe/Berlin"), ZonedDateTime.of(LocalDateTime.MAX, ZoneId.of("Asia/Tokyo")),
                Year.of(-5),
                YearMonth.of(2024, 2), MonthDay.of(2, 29), Optional.empty(), Optional.of("x"), OptionalInt.of(-1),
                OptionalInt.empty(), OptionalLong.of(5), OptionalDouble.of(1.5), BitSet.valueOf(new long[] {5, -1}));
    }

    static Stream<Object> collectionsOfTheJdk() {
        List<Object> some = Arrays.asList(1, "two", null, 3L, List.of("four"));
        List<Integer> numbers = List.of(3, 1, 2);
        Map<Object, Object> map = new HashMap<>();
        map.put("a", null);
        map.put(null, 2);
        map.put(List.of(1, 2), Set.of("x"));
        return Stream.of(new ArrayList<>(), new ArrayList<>(some), new LinkedList<>(some), new HashSet<>(some),
                new LinkedHashSet<>(some), new TreeSet<>(numbers), map, new LinkedHashMap<>(map),
                new TreeMap<>(Map.of("b", 1, "a", 2)), new ConcurrentHashMap<>(Map.of("b", 1, "a", 2)), List.of(),
                List.of(1), List.of(1, 2, 3), Stream.of(1, null, 3).toList(), Arrays.asList(1, null), Set.of(),
                Set.of(1), Set.of(1, 2, 3), Map.of(), Map.of(1, 2), Map.of(1, 2, 3, 4), List.copyOf(numbers),
                Collections.emptyList(), Collections.emptySet(), Collections.emptyMap(),
                Collections.singletonList(null), Collections.singleton(1), Collections.singletonMap(1, null),
                Collections.unmodifiableList(new ArrayList<>(some)),
                Collections.unmodifiableList(new LinkedList<>(some)), Collections.unmodifiableSet(new HashSet<>(some)),
                Collections.unmodifiableMap(map));
    }

    @Test
    void theClassesOfTheJdkThatTheDocumentationNamesAreAlwaysAllowed() throws Exception {
        Codec<Object> codec = Codec.object();
        for (Object value : Stream.concat(valuesOfTheJdk(), collectionsOfTheJdk()).toList()) {
            Object back = through(codec, value);
            assertEquals(value, back);
            if (Modifier.isPublic(value.getClass().getModifiers())) {
                assertSame(value.getClass(), back.getClass());
            }
        }
        ArrayDeque<?> deque = (ArrayDeque<?>) through(codec, new ArrayDeque<>(List.of(1, 2)));
        assertEquals(List.of(1, 2), List.copyOf(deque));
    }

    @Test
    void immutableCollectionsStayImmutable() throws Exception {
        Codec<Collection<Object>> codec = Codec.object();
        for (Collection<Object> value : List.<Collection<Object>>of(List.of(1), Stream.<Object>of(1, null).toList(),
                Set.of(1), Collections.singleton(1), Collections.unmodifiableSet(new HashSet<>(Set.of(1))))) {
            assertThrows(UnsupportedOperationException.class, () -> through(codec, value).add(2));
        }
    }

    @Test
    void arraysOfAllowedClassesComeBack() throws Exception {
        Codec<Object[]> codec = Codec.object(Trade.class, Side.class);
        Trade trade = new Trade(1, 2, "x", Side.BUY, new Trade[0]);
        for (Object[] value : new Object[][] {{}, {null, 1, "x", new Object[] {2}}, new String[] {"a", null},
            new Integer[] {1, null}, new Trade[] {trade, null}, new Trade[][] {{trade}, null, {}},
            new Side[] {Side.SELL, null}, new int[][] {{1}, null}, new String[][] {{"x"}, {}},
            {new boolean[] {true}, new byte[] {1}, new short[] {2}, new char[] {3}, new int[] {-4, 1 << 30},
                new long[] {5, -1L << 60}, new float[] {6}, new double[] {7}}}) {
            Object[] back = through(codec, value);
            assertSame(value.getClass(), back.getClass());
            if (!(value instanceof Trade[] || value instanceof Trade[][])) {
                assertTrue(Arrays.deepEquals(value, back), () -> Arrays.deepToString(back));
            }
        }
        assertEquals(1, ((Trade) through(codec, new Trade[] {trade})[0]).id());
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                () -> encode(codec, new int[1][1][1]));
        assertTrue(e.getMessage().contains("int[][][]"), e.getMessage());
    }

    @Test
    void objectsThatAreReferredToTwiceArriveAsOneAndCyclesAsCycles() throws Exception {
        Codec<List<Object>> codec = Codec.object(Node.class);
        Node node = new Node();
        node.next = node;
        node.other = new Node();
        List<Object> list = new ArrayList<>(List.of(node, node, node.other));
        list.add(list);
        node.other.next = list;
        List<Object> back = through(codec, list);
        Node first = (Node) back.get(0);
        assertSame(first, back.get(1));
        assertSame(first, first.next);
        assertSame(first.other, back.get(2));
        assertSame(back, back.get(3));
        assertSame(back, first.other.next);
    }

    @Test
    void aCycleThroughAMutableObjectInsideAnImmutableOneIsFine() throws Exception {
        Codec<Node> codec = Codec.object(Node.class);
        Node node = new Node();
        node.next = List.of(Optional.of(node));
        Node back = through(codec, node);
        assertSame(back, ((Optional<?>) ((List<?>) back.next).getFirst()).orElseThrow());
    }

    @Test
    void aCycleThatNoReaderCouldCloseFailsInThePuttingCaller() {
        Codec<Object> codec = Codec.object(Node.class, Trade.class, Side.class);
        Node node = new Node();
        node.next = node;
        for (Object outer : List.of(List.of(node), Optional.of(node), Collections.unmodifiableList(List.of(node)),
                Map.of(1, node), new Trade(1, 2, null, null, node))) {
            node.next = outer;
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> encode(codec, outer));
            assertTrue(e.getMessage().contains("contains itself"), e.getMessage());
        }
    }

    static final class Key {
        final Object parts;

        Key(Object parts) {
            this.parts = parts;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && key.parts.equals(parts);
        }

        @Override
        public int hashCode() {
            return parts.hashCode();
        }
    }

    @Test
    void keysThatAreComparedByTheirContentsArriveAsEqualCopies() throws Exception {
        Codec<List<Object>> codec = Codec.object(Key.class);
        List<Object> parts = new ArrayList<>(List.of("a", "b"));
        Key key = new Key(parts);
        List<Object> list = List.of(parts, key, Map.of(key, 1), new HashSet<>(List.of(key, parts)));
        List<Object> back = through(codec, list);
        assertEquals(list, back);
        Key inMap = (Key) ((Map<?, ?>) back.get(2)).keySet().iterator().next();
        assertNotSame(back.get(1), inMap);
    }

    @Test
    void keysThatAreComparedByIdentityAreStillTheSameObjects() throws Exception {
        Codec<List<Object>> codec = Codec.object(Node.class);
        Node node = new Node();
        List<Object> back = through(codec, List.of(node, new HashMap<>(Map.of(node, 1)), new HashSet<>(Set.of(node))));
        assertEquals(Map.of(back.get(0), 1), back.get(1));
        assertEquals(Set.of(back.get(0)), back.get(2));
    }

    record Nothing() {
    }

    @Test
    void objectsWithoutFieldsCountInKeysToo() throws Exception {
        Codec<Object> codec = Codec.object(Nothing.class);
        Set<Object> set = new HashSet<>(List.of(new ArrayList<>(Collections.nCopies(100, new Nothing()))));
        assertEquals(set, through(codec, set));
    }

    static final class Box<T> {
        T content;
    }

    static final class Holder {
        Box<String> box = new Box<>();
    }

    @Test
    @SuppressWarnings("unchecked")
    void aTypeArgumentIsNotBelieved() throws Exception {
        Codec<Holder> codec = Codec.object(Holder.class, Box.class);
        Holder holder = new Holder();
        ((Box<Object>) (Box<?>) holder.box).content = 5;
        assertEquals(5, ((Box<?>) through(codec, holder).box).content);
    }

    @Test
    void afterAFailureTheCodecWorksAsBefore() throws Exception {
        Codec<Object> codec = Codec.object(Trade.class, Side.class);
        List<Object> twice = new ArrayList<>(List.of("x"));
        for (Object bad : List.of(Set.of(new Stranger()), List.of(new Stranger()), Map.of(new Stranger(), 1),
                new Trade(1, 2, "x", null, new Stranger()))) {
            assertThrows(IllegalArgumentException.class, () -> encode(codec, bad));
            List<?> back = (List<?>) through(codec, new ArrayList<>(List.of(twice, twice)));
            assertSame(back.get(0), back.get(1));
        }
    }

    @Test
    void aClassThatIsNotAllowedFailsInThePuttingCallerAndIsNamed() {
        Codec<Object> codec = Codec.object(Node.class);
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                () -> encode(codec, new Stranger()));
        assertTrue(e.getMessage().contains(Stranger.class.getName()), e.getMessage());
        assertTrue(e.getMessage().contains("Codec.object(..., Stranger.class)"), e.getMessage());
        Node node = new Node();
        node.next = new ArrayList<>(List.of(new Stranger()));
        e = assertThrows(IllegalArgumentException.class, () -> encode(codec, node));
        assertTrue(e.getMessage().contains(Stranger.class.getName()), e.getMessage());
        assertTrue(e.getMessage().contains("next (" + Node.class.getName()), e.getMessage());
        EnumMap<Side, String> enumMap = new EnumMap<>(Side.class);
        e = assertThrows(IllegalArgumentException.class, () -> encode(codec, enumMap));
        assertTrue(e.getMessage().contains("java.util.EnumMap is not among the classes of the JDK"), e.getMessage());
        Callable<String> lambda = () -> "x";
        assertThrows(IllegalArgumentException.class, () -> encode(codec, lambda));
        e = assertThrows(IllegalArgumentException.class,
                () -> encode(codec, new TreeSet<>(Comparator.<Integer>reverseOrder())));
        assertTrue(e.getMessage().contains("comparator"), e.getMessage());
    }

    @Test
    void aReaderDoesNotReadWhatItDoesNotAllow() throws Exception {
        Codec<Object> writer = Codec.object(Node.class, Stranger.class, Trade.class, Side.class);
        Codec<Object> reader = Codec.object();
        assertNotEquals(writer.name(), reader.name(), "a queue already refuses this reader");
        for (Object value : List.of(new Node(), new Stranger(), Side.BUY, List.of(new Stranger()))) {
            byte[] bytes = encode(writer, value);
            IOException e = assertThrows(IOException.class, () -> decode(reader, bytes));
            assertTrue(e.getMessage().contains("no object"), e.getMessage());
        }
    }

    @Test
    void theOrderOfTheListDoesNotMatter() throws Exception {
        Codec<Object> writer = Codec.object(Trade.class, Node.class, Side.class, Node.class);
        Codec<Object> reader = Codec.object(Side.class, Trade.class, Node.class);
        assertEquals(writer.name(), reader.name());
        assertEquals(writer, reader);
        Trade trade = new Trade(1, 2, "x", Side.SELL, Side.BUY);
        assertEquals(trade, decode(reader, encode(writer, trade)));
    }

    @Test
    void aSealedTypeStandsForItsSubtypes() throws Exception {
        Codec<Shape> codec = Codec.object(Shape.class);
        assertEquals(new Circle(2), through(codec, new Circle(2)));
        assertEquals(4, ((Square) through(codec, new Square())).side);
        assertEquals(codec.name(), Codec.object(Circle.class, Square.class).name());
    }

    @Test
    void enumsOfTheJdkMayBeListed() throws Exception {
        assertEquals(DayOfWeek.SUNDAY, through(Codec.<Object>object(DayOfWeek.class), DayOfWeek.SUNDAY));
    }

    static class OwnList extends AbstractList<String> {
        @Override
        public String get(int index) {
            return "";
        }

        @Override
        public int size() {
            return 0;
        }
    }

    @Test
    void aClassThatCanNeverBeEncodedIsRefusedWhenTheCodecIsMade() {
        int around = 5;
        class Local {
            int inside() {
                return around;
            }
        }
        Callable<String> lambda = () -> "x";
        Map<Class<?>, String> reasons = Map.of(Runnable.class, "classes that implement it", Number.class,
                "classes that implement it", Override.class, "classes that implement it", Thread.class, "JDK",
                EnumMap.class, "JDK", OwnList.class, "extends java.util.AbstractList", Trade[].class, "elements",
                Local.class, "static", lambda.getClass(), "lambda");
        reasons.forEach((type, reason) -> {
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> Codec.object(type));
            assertTrue(e.getMessage().contains(type.getName()) && e.getMessage().contains(reason), e.getMessage());
        });
        assertEquals(around, new Local().inside());
    }

    @Test
    void theNameCoversTheListAndTheFields(@TempDir Path directory) throws Exception {
        assertEquals("object", Codec.object().name());
        List<String> versions = List.of("class Item { int a; }", "class Item { long a; }", "class Item { int b; }",
                "class Item { int a; String b; }", "class Item extends Base { int a; } class Base { int b; }",
                "enum Item { A }", "enum Item { A, B }", "record Item(int a, int b) {}");
        Set<String> names = new HashSet<>();
        for (int i = 0; i < versions.size(); i++) {
            Class<?> type = Compiled.load(directory.resolve("v" + i), "com.acme.Item",
                    "package com.acme; " + versions.get(i));
            names.add(Codec.object(type).name());
            names.add(Codec.object(type, Node.class).name());
        }
        assertEquals(2 * versions.size(), names.size(), names::toString);
        Class<?> moreStatics = Compiled.load(directory.resolve("statics"), "com.acme.Item",
                "package com.acme; class Item { static int x; transient int y; int a; void f() {} }");
        assertTrue(names.contains(Codec.object(moreStatics).name()), "what does not travel does not count");
    }

    @Test
    void aNameHasAtMost64Bytes() {
        for (Codec<?> codec : List.of(Codec.object(Node.class), Codec.object(Node.class, Trade.class, Side.class,
                Order.class, Party.class, Stranger.class, Circle.class, Square.class, Key.class))) {
            assertTrue(codec.name().getBytes(StandardCharsets.UTF_8).length <= 64, codec.name());
            assertTrue(codec.name().startsWith("object("), codec.name());
        }
    }

    @Test
    void nullFailsAtOnce() {
        assertThrows(NullPointerException.class, () -> encode(Codec.object(), null));
    }

    @Test
    void anObjectThatIsTooLargeFailsInThePuttingCallerAndTheNextOneIsFine() throws Exception {
        Codec<Object> codec = Codec.object(Node.class);
        Encoder encoder = new Encoder(10_000);
        Node node = new Node();
        node.next = new ArrayList<>(List.of(new byte[9_000], new byte[9_000]));
        assertThrows(MessageTooLargeException.class, () -> codec.encode(node, encoder));
        encoder.reset();
        codec.encode("next", encoder);
        assertEquals("next", decode(codec, Arrays.copyOf(encoder.array(), encoder.length())));
    }

    private static Object nested(int depth) {
        Object inner = "bottom";
        for (int i = 1; i < depth; i++) {
            inner = new ArrayList<>(Collections.singletonList(inner));
        }
        return inner;
    }

    @Test
    void objectsMayBeNested256DeepAndNoDeeper() throws Exception {
        Codec<Object> codec = Codec.object();
        assertEquals(nested(256), through(codec, nested(256)));
        for (int depth : new int[] {257, 100_000}) {
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                    () -> encode(codec, nested(depth)));
            assertTrue(e.getMessage().contains("nested more than 256 deep"), e.getMessage());
        }
        assertEquals("fine", through(codec, "fine"));
    }

    @Test
    void severalThreadsMayUseOneCodec() throws Exception {
        Codec<Object> codec = Codec.object(Trade.class, Side.class, Node.class);
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Future<Boolean>> results = new ArrayList<>();
            for (int t = 0; t < 8; t++) {
                int thread = t;
                results.add(threads.submit(() -> {
                    for (int i = 0; i < 2000; i++) {
                        List<Object> value = new ArrayList<>(List.of(thread, i));
                        value.add(new Trade(i, thread, "s" + i, Side.SELL, new ArrayList<>(value)));
                        if (!value.equals(through(codec, value))) {
                            return false;
                        }
                        if (i % 100 == 0) {
                            assertThrows(IllegalArgumentException.class, () -> encode(codec, new Stranger()));
                        }
                    }
                    return true;
                }));
            }
            for (Future<Boolean> result : results) {
                assertTrue(result.get());
            }
        }
    }

    @Test
    void aCodecThatWasSentToAnotherProcessIsTheSame() throws Exception {
        Codec<Object> codec = Codec.object(Trade.class, Side.class);
        encode(codec, Side.BUY); // so that there is something that must not travel
        Codec<Object> sent = sent(codec);
        assertEquals(codec.name(), sent.name());
        assertEquals(codec, sent);
        Trade trade = new Trade(1, 2, "x", Side.SELL, null);
        assertArrayEquals(encode(codec, trade), encode(sent, trade));
        assertEquals(trade, decode(sent, encode(codec, trade)));
        assertFalse(codec.equals(Codec.object()));
    }
}
