package dev.procession.tests.codec;

import static dev.procession.tests.codec.RoundTrip.decode;
import static dev.procession.tests.codec.RoundTrip.encode;
import static dev.procession.tests.codec.RoundTrip.sent;
import static dev.procession.tests.codec.RoundTrip.through;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordCodecTest {
    enum Side {
        BUY, SELL {
            @Override
            public String toString() {
                return "sold";
            }
        }
    }

    record Trade(int id, long price, String symbol) {
    }

    record Primitives(boolean a, byte b, short c, char d, int e, long f, float g, double h) {
    }

    record Boxes(Boolean a, Byte b, Short c, Character d, Integer e, Long f, Float g, Double h) {
    }

    record Arrays8(boolean[] a, byte[] b, short[] c, char[] d, int[] e, long[] f, float[] g, double[] h) {
        List<Object> asList() {
            return Arrays.asList(a == null ? null : Arrays.toString(a), b == null ? null : Arrays.toString(b),
                    Arrays.toString(c), Arrays.toString(d), Arrays.toString(e), Arrays.toString(f), Arrays.toString(g),
                    Arrays.toString(h));
        }
    }

    record Order(Side side, TimeUnit unit, Trade first, List<Trade> others, List<List<String>> notes,
            List<Side> sides) {
    }

    record Nothing() {
    }

    record Positive(int value) {
        Positive {
            if (value <= 0) {
                throw new IllegalArgumentException("value=" + value + " is not positive");
            }
        }
    }

    @Test
    void primitivesComeBackAtTheirLimits() throws Exception {
        Codec<Primitives> codec = Codec.record(Primitives.class);
        for (Primitives value : List.of(new Primitives(false, (byte) 0, (short) 0, '\0', 0, 0, 0, 0),
                new Primitives(true, Byte.MIN_VALUE, Short.MIN_VALUE, Character.MAX_VALUE, Integer.MIN_VALUE,
                        Long.MIN_VALUE, Float.NaN, Double.NEGATIVE_INFINITY),
                new Primitives(true, Byte.MAX_VALUE, Short.MAX_VALUE, '\ud800', Integer.MAX_VALUE, Long.MAX_VALUE,
                        -0.0f, -0.0))) {
            assertEquals(value, through(codec, value));
        }
    }

    @Test
    void whatIsNotPrimitiveMayBeNull() throws Exception {
        Codec<Boxes> boxes = Codec.record(Boxes.class);
        Boxes full = new Boxes(true, (byte) 1, (short) -2, 'x', 3, -4L, 5.5f, -6.5);
        Boxes empty = new Boxes(null, null, null, null, null, null, null, null);
        assertEquals(full, through(boxes, full));
        assertEquals(empty, through(boxes, empty));
        Codec<Order> order = Codec.record(Order.class);
        Order none = new Order(null, null, null, null, null, null);
        assertEquals(none, through(order, none));
        assertEquals(6, encode(order, none).length);
        Arrays8 nulls =
                through(Codec.record(Arrays8.class), new Arrays8(null, null, null, null, null, null, null, null));
        assertEquals(new Arrays8(null, null, null, null, null, null, null, null), nulls);
    }

    @Test
    void arraysListsEnumsAndRecordsInsideComeBack() throws Exception {
        Arrays8 arrays = new Arrays8(new boolean[] {true, false}, new byte[] {1, -1}, new short[] {-3, 300},
                new char[] {'a', '\uffff'}, new int[] {}, new long[] {Long.MIN_VALUE}, new float[] {1.5f},
                IntStream.range(0, 1000).asDoubleStream().toArray());
        assertEquals(arrays.asList(), through(Codec.record(Arrays8.class), arrays).asList());
        Order order = new Order(Side.SELL, TimeUnit.DAYS, new Trade(1, 2, ""),
                Arrays.asList(new Trade(3, 4, "Zürich"), null, new Trade(5, 6, null)),
                List.of(List.of(), List.of("a", "b")), List.of(Side.BUY, Side.SELL));
        assertEquals(order, through(Codec.record(Order.class), order));
    }

    @Test
    void aListIsReadAsAnUnmodifiableOne() throws Exception {
        Order order = new Order(null, null, null, new ArrayList<>(List.of(new Trade(1, 1, "x"))), null, null);
        assertThrows(UnsupportedOperationException.class,
                () -> through(Codec.record(Order.class), order).others().clear());
    }

    @Test
    void aRecordWithoutComponentsTakesNoByte() throws Exception {
        assertEquals(0, encode(Codec.record(Nothing.class), new Nothing()).length);
        assertEquals(new Nothing(), through(Codec.record(Nothing.class), new Nothing()));
    }

    @Test
    void nothingButTheValuesIsWritten() throws Exception {
        assertEquals(4 + 8 + 1 + 4, encode(Codec.record(Trade.class), new Trade(1, 2, "PROC")).length);
    }

    @Test
    void everyTruncatedOrExtendedMessageIsRefused() throws Exception {
        Codec<Trade> codec = Codec.record(Trade.class);
        byte[] good = encode(codec, new Trade(7, 8, "text"));
        for (int length = 0; length < good.length; length++) {
            byte[] bad = Arrays.copyOf(good, length);
            IOException e = assertThrows(IOException.class, () -> decode(codec, bad));
            assertTrue(e.getMessage().contains("Trade") && e.getMessage().contains("length=" + length), e.getMessage());
        }
        assertThrows(IOException.class, () -> decode(codec, Arrays.copyOf(good, good.length + 1)));
    }

    record Text(String text) {
    }

    @Test
    void aCountThatIsOutOfRangeIsRefused() throws Exception {
        Codec<Text> codec = Codec.record(Text.class);
        assertEquals(new Text(null), decode(codec, (byte) 0));
        for (byte[] bad : new byte[][] {{-1, -1, -1, -1, 15}, {-128, -128, -128, -128, 8}, {-128, -128, -128, -128, 16},
            {-128, -128, -128, -128, -128, 0}}) {
            IOException e = assertThrows(IOException.class, () -> decode(codec, bad));
            assertTrue(e.getMessage().contains("out of range"), e.getMessage());
        }
        assertThrows(IOException.class, () -> decode(codec, (byte) -1, (byte) -1, (byte) -1, (byte) -1, (byte) 7));
    }

    @Test
    void aConstructorThatRefusesItsValuesFailsTheReading() throws Exception {
        Codec<Positive> codec = Codec.record(Positive.class);
        byte[] bytes = encode(codec, new Positive(1));
        assertEquals(new Positive(1), decode(codec, bytes));
        IOException e = assertThrows(IOException.class, () -> decode(codec, new byte[bytes.length]));
        assertTrue(e.getMessage().contains("is not positive"), e.getMessage());
    }

    private static String nameOf(Class<? extends Record> type) {
        return Codec.record(type).name();
    }

    @Test
    void theNameTellsOneVersionOfARecordFromAnother(@TempDir Path directory) throws Exception {
        List<String> versions = List.of("record Trade(int id, Kind kind) {}; enum Kind { A, B }",
                "record Trade(long id, Kind kind) {}; enum Kind { A, B }",
                "record Trade(int number, Kind kind) {}; enum Kind { A, B }",
                "record Trade(Kind kind, int id) {}; enum Kind { A, B }",
                "record Trade(int id, Kind kind) {}; enum Kind { A, B, C }",
                "record Trade(int id, Kind kind, byte[] more) {}; enum Kind { A, B }");
        Set<String> names = new HashSet<>();
        for (int i = 0; i < versions.size(); i++) {
            Class<?> type = Compiled.load(directory.resolve("v" + i), "com.acme.Trade",
                    "package com.acme; " + versions.get(i));
            names.add(nameOf(type.asSubclass(Record.class)));
        }
        assertEquals(versions.size(), names.size(), names::toString);
        assertTrue(names.stream().allMatch(name -> name.startsWith("record:com.acme.Trade#")), names::toString);
        Class<?> again = Compiled.load(directory.resolve("again"), "com.acme.Trade",
                "package com.acme; record Trade(int id, Kind kind) { void method() {} };"
                        + "enum Kind { A, B; public String toString() { return \"\" + System.nanoTime(); } }");
        assertTrue(names.contains(nameOf(again.asSubclass(Record.class))), names::toString);
    }

    record ÄußerstLangerNameFürEinenEinzelnenDatensatzMitUmlautenWieÄÖÜUndNochMehrBuchstaben(int a) {
    }

    @Test
    void aNameHasAtMost64Bytes() {
        for (Class<? extends Record> type : List.of(Trade.class, Nothing.class,
                ÄußerstLangerNameFürEinenEinzelnenDatensatzMitUmlautenWieÄÖÜUndNochMehrBuchstaben.class)) {
            String name = nameOf(type);
            assertTrue(name.getBytes(StandardCharsets.UTF_8).length <= 64, name);
            assertTrue(name.startsWith("record"), name);
        }
    }

    record WithMap(int fine, Map<String, String> tags) {
    }

    record WithOptional(Optional<String> maybe) {
    }

    record WithObjects(String[] names) {
    }

    record WithRawList(@SuppressWarnings("rawtypes") List raw) {
    }

    record WithWildcard(List<? extends String> some) {
    }

    record Generic<T>(T any) {
    }

    record Chain(int value, Chain next) {
    }

    record Around(List<Middle> middles) {
    }

    record Middle(Around around) {
    }

    @Test
    void aComponentOfAnotherTypeIsRefusedByNameWhenTheCodecIsMade() {
        Map<Class<? extends Record>, String> components = Map.of(WithMap.class, "tags", WithOptional.class, "maybe",
                WithObjects.class, "names", WithRawList.class, "raw", WithWildcard.class, "some", Generic.class, "any",
                Chain.class, "next", Around.class, "around");
        components.forEach((type, component) -> {
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> Codec.record(type));
            assertTrue(e.getMessage().contains("component " + component + " "), e.getMessage());
            assertTrue(e.getMessage().contains("Codec.object"), e.getMessage());
        });
    }

    @Test
    void whatIsNoRecordIsRefused() {
        @SuppressWarnings({"unchecked", "rawtypes"})
        Class<Record> string = (Class) String.class;
        assertThrows(IllegalArgumentException.class, () -> Codec.record(string));
    }

    @Test
    void nullFailsAtOnce() {
        assertThrows(NullPointerException.class, () -> encode(Codec.record(Trade.class), null));
    }

    @Test
    void halfASurrogatePairFailsInThePuttingCaller() {
        assertThrows(IllegalArgumentException.class,
                () -> encode(Codec.record(Trade.class), new Trade(1, 2, "\udc00")));
    }

    @Test
    void aCodecThatWasSentToAnotherProcessIsTheSame() throws Exception {
        Codec<Order> codec = Codec.record(Order.class);
        Codec<Order> sent = sent(codec);
        assertEquals(codec.name(), sent.name());
        assertEquals(codec, sent);
        assertNotEquals(codec, Codec.record(Trade.class));
        Order order = new Order(Side.BUY, null, new Trade(1, 2, "x"), List.of(), null, null);
        assertArrayEquals(encode(codec, order), encode(sent, order));
        assertEquals(order, decode(sent, encode(codec, order)));
    }
}
