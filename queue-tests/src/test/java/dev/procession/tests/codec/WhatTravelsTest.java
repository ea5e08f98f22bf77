package dev.procession.tests.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Decoder;
import dev.procession.Encoder;
import dev.procession.Lease;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.WorkerExit;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Message;
import dev.procession.core.QueueGeometry;
import java.io.ByteArrayInputStream;
import java.io.Externalizable;
import java.io.ObjectInput;
import java.io.ObjectInputStream;
import java.io.ObjectOutput;
import java.io.Serializable;
import java.lang.reflect.Proxy;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.Comparator;
import java.util.Currency;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.PriorityQueue;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every kind of object either arrives as it was, or is refused in the putting caller by a message that names it.
class WhatTravelsTest {
    enum Mood {
        CALM, EXCITED {
            @Override
            String sound() {
                return "!";
            }
        };

        String sound() {
            return "";
        }
    }

    sealed interface Shape permits Circle, Square {
    }

    record Circle(double radius) implements Shape {
    }

    record Square(int side, Mood mood, Object extra, List<Circle> inside) implements Shape {
    }

    static final class Holder {
        Object content;
    }

    private static final Codec<Object> CODEC = Codec.object(Mood.class, Shape.class, Holder.class);

    private static Object throughAQueue(SharedQueue<Object> queue, Object item) throws Exception {
        queue.put(item);
        return queue.get(Duration.ofSeconds(20));
    }

    @Test
    void theseArriveAsTheyWere() throws Exception {
        ZonedDateTime later = ZonedDateTime.ofLocal(LocalDateTime.of(2025, 10, 26, 2, 30), ZoneId.of("Europe/Berlin"),
                ZoneOffset.ofHours(1));
        TreeMap<String, Integer> sorted = new TreeMap<>(Map.of("b", 1, "a", 2));
        LinkedHashMap<Object, Object> linked = new LinkedHashMap<>();
        linked.put("z", null);
        linked.put(null, "a");
        linked.put(List.of(Mood.EXCITED), new Circle(1));
        List<Object> items = List.of(
                true, (byte) -1, (short) -2, 'x', '\ud800', -3, Long.MIN_VALUE, Float.MIN_VALUE, -0.0, Double.NaN,
                "", "ascii", "x".repeat(5000), "grüß 😀", "lone \ud800 surrogate", "\0",
                new BigInteger("-123456789012345678901234567890"), new BigDecimal("1.500"), new BigDecimal("1E+900"),
                UUID.randomUUID(), BitSet.valueOf(new long[] {1, 0, -1}),
                new StackTraceElement("a", "b", "1", "C", "d", null, -2),
                Duration.ofSeconds(-1, 5), Duration.ofSeconds(Long.MIN_VALUE), Period.of(-1, 20, -400), Instant.MIN,
                Instant.MAX, Instant.ofEpochSecond(-1, 999_999_999), LocalDate.MIN, LocalDate.MAX, LocalTime.MAX,
                LocalTime.of(1, 0, 0, 1), LocalDateTime.MIN, LocalDateTime.MAX, OffsetTime.MAX, OffsetDateTime.MIN,
                later,
                later.withEarlierOffsetAtOverlap(), ZonedDateTime.of(LocalDateTime.MIN, ZoneOffset.MAX), ZoneOffset.MIN,
                ZoneOffset.ofTotalSeconds(-1), ZoneId.of("UTC+01:00"), ZoneId.of("America/New_York"),
                Year.of(Year.MIN_VALUE),
                YearMonth.of(-1, 12), MonthDay.of(2, 29), OptionalInt.of(-1), Optional.empty(),
                Optional.of(Mood.EXCITED),
                Mood.CALM, Mood.EXCITED, new Circle(2), new Square(1, Mood.EXCITED, Mood.CALM, List.of(new Circle(3))),
                new Square(1, null, null, null), List.of(), List.of(1), List.of(1, "2", 3L), Stream.of(1, 2).toList(),
                Arrays.asList(1, null), new ArrayList<>(Arrays.asList(null, 1)),
                new LinkedList<>(List.of(new Circle(1))),
                Set.of(), Set.of(1, 2, 3), Map.of(), Map.of("a", 1), Map.of(1, 2, 3, 4),
                new LinkedHashSet<>(List.of("z", "a")),
                linked, sorted, new TreeSet<>(List.of(2, 1)), new ConcurrentHashMap<>(Map.of(1, 2)),
                Collections.emptyList(), Collections.singleton(1), Collections.singletonMap(1, 2),
                Collections.singletonList(null),
                Collections.unmodifiableList(new ArrayList<>(List.of(1))),
                Collections.unmodifiableList(new LinkedList<>()),
                Collections.unmodifiableSet(new TreeSet<>(List.of(3, 1))), Collections.unmodifiableMap(linked),
                new WorkerExit.Failed("a", "b", "c"), QueueOptions.DEFAULT);
        try (SharedQueue<Object> queue =
                SharedQueue.create(Codec.object(Mood.class, Shape.class, WorkerExit.Failed.class,
                        QueueOptions.class, Delivery.class))) {
            for (Object item : items) {
                Object back = throughAQueue(queue, item);
                assertEquals(item, back);
                assertEquals(kind(item), kind(back));
                assertEquals(item.toString(), back.toString(), "order included");
            }
        }
    }

    /// What `List.of` and the like return is of classes that nobody tells apart.
    private static String kind(Object item) {
        return item.getClass().getName().replaceAll("(ImmutableCollections\\$(List|Set|Map)).*|RandomAccess", "$1");
    }

    @Test
    void arraysArriveWithTheirTypes() throws Exception {
        try (SharedQueue<Object> queue = SharedQueue.create(CODEC)) {
            for (Object[] array : new Object[][] {{}, {1, null}, new String[] {"a"}, new Circle[] {new Circle(1), null},
                new Mood[] {Mood.EXCITED}, new int[][] {{1}, null}, new BigDecimal[] {null},
                new Square[][] {{null}, {}}, new StackTraceElement[] {}}) {
                Object[] back = (Object[]) throughAQueue(queue, array);
                assertSame(array.getClass(), back.getClass());
                assertTrue(Arrays.deepEquals(array, back));
            }
        }
    }

    /// Has a place that cannot be equal: only what is inside.
    @Test
    void whatHasNoEqualsArrivesWithTheSameContents() throws Exception {
        try (SharedQueue<Object> queue = SharedQueue.create(CODEC)) {
            Holder holder = new Holder();
            holder.content = new ArrayDeque<>(List.of(1, holder));
            Holder back = (Holder) throughAQueue(queue, holder);
            assertEquals(1, ((ArrayDeque<?>) back.content).peekFirst());
            assertSame(back, ((ArrayDeque<?>) back.content).peekLast());
        }
    }

    interface Greeter {
        String greet();
    }

    static class Own {
        int x;
    }

    private Object capturing() {
        return new Object() {
            Object outer() {
                return WhatTravelsTest.this;
            }
        };
    }

    @Test
    void theseAreRefusedInThePuttingCallerWhereverTheyAre(@TempDir Path directory) throws Exception {
        Path zip = directory.resolve("a.zip");
        Greeter lambda = () -> "hello";
        Object proxy = Proxy.newProxyInstance(Greeter.class.getClassLoader(), new Class<?>[] {Greeter.class},
                (p, m, a) -> "x");
        Map<Object, String> accessOrder = new LinkedHashMap<>(4, 0.75f, true) {
            private static final long serialVersionUID = 1;
        };
        try (SharedQueue<Object> queue = SharedQueue.create(CODEC);
                SharedQueue<Object> leased =
                        SharedQueue.create(CODEC, QueueOptions.DEFAULT.leased());
                LaneQueue lanes = LaneQueue.createAnonymous(QueueGeometry.DEFAULT, "");
                FileSystem zipped = FileSystems.newFileSystem(zip, Map.of("create", "true"));
                FileChannel channel = FileChannel.open(directory.resolve("f"), StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE)) {
            leased.put("x");
            try (Lease<Object> lease = leased.lease()) {
                List<Object> items = new ArrayList<>(List.of(
                        queue, lanes, lease, Worker.of(() -> {
                        }), Message.copyOf(new byte[1]), new Encoder(1), new Decoder(new byte[1]), Codec.utf8(), CODEC,
                        Thread.currentThread(),
                        new ByteArrayInputStream(new byte[0]), channel, Path.of("/tmp"), zipped.getPath("/a"), lambda,
                        proxy,
                        capturing(), new Object() {
                        }, ByteBuffer.allocate(4).position(1), ByteBuffer.allocateDirect(4),
                        URI.create("http://localhost"),
                        String.class, new AtomicLong(1), new StringBuilder("x"), Pattern.compile("x"), Locale.ROOT,
                        Currency.getInstance("EUR"), new Properties(), new Object(), new Own(), new IdentityHashMap<>(),
                        new EnumMap<>(Map.of(Mood.CALM, 1)), EnumSet.of(Mood.CALM), new PriorityQueue<>(),
                        new CopyOnWriteArrayList<>(), new TreeMap<>(Comparator.<Integer>reverseOrder()),
                        new TreeSet<>(String.CASE_INSENSITIVE_ORDER), accessOrder, List.of(1, 2, 3).subList(0, 2),
                        new ArrayList<>(List.of(1, 2)).subList(0, 1), Map.of(1, 2).keySet(), new HashMap<>().values(),
                        Collections.synchronizedList(new ArrayList<>()),
                        Collections.unmodifiableCollection(new ArrayList<>()),
                        Collections.unmodifiableSortedMap(new TreeMap<>()), Map.entry(1, 2), new int[1][1][1],
                        new List<?>[0], new Shape[0], new Greeter[0], new RuntimeException("x"),
                        new CompletableFuture<>(),
                        DayOfWeek.MONDAY));
                for (Object item : items) {
                    Holder holder = new Holder();
                    holder.content = item;
                    for (Object place : new Object[] {item, holder, Arrays.asList(item),
                        Collections.singletonMap(1, item),
                        new Square(1, null, item, null), new Object[] {item}, Optional.of(item)}) {
                        IllegalArgumentException e =
                                assertThrows(IllegalArgumentException.class, () -> queue.put(place),
                                        () -> item.getClass() + "");
                        assertTrue(namesIt(e.getMessage(), item), () -> item.getClass() + ": " + e.getMessage());
                        if (place == holder) {
                            assertTrue(e.getMessage().contains("content (" + Holder.class.getName()), e.getMessage());
                        }
                    }
                    assertNull(queue.tryGet(), "nothing was put");
                }
                assertEquals("fine", throughAQueue(queue, "fine"));
            }
        }
    }

    private static boolean namesIt(String message, Object item) {
        return message.contains(item.getClass().getTypeName()) || message.contains("comparator")
                || message.contains("dynamic proxy");
    }

    static final class Singleton implements Serializable {
        private static final long serialVersionUID = 1;
        static final Singleton ONLY = new Singleton();

        private Object readResolve() {
            return ONLY;
        }
    }

    static class Replaced implements Serializable {
        private static final long serialVersionUID = 1;
        transient int x;

        private Object writeReplace() {
            return "x";
        }
    }

    static final class SubOfReplaced extends Replaced {
        private static final long serialVersionUID = 1;
    }

    static final class Restored implements Serializable {
        private static final long serialVersionUID = 1;
        transient int x;

        private void readObject(ObjectInputStream in) {
            x = 1;
        }
    }

    public static final class External implements Externalizable {
        private static final long serialVersionUID = 1;

        @Override
        public void writeExternal(ObjectOutput out) {
        }

        @Override
        public void readExternal(ObjectInput in) {
        }
    }

    /// Its fields are not all there is to it, and nothing else would travel.
    @Test
    void classesWithASerializedFormOfTheirOwnAndHandlesOfThisProcessCannotBeListed() {
        for (Class<?> type : List.of(Singleton.class, Replaced.class, SubOfReplaced.class, Restored.class,
                External.class,
                Worker.class, Lease.class, LaneQueue.class, Encoder.class, Decoder.class,
                dev.procession.core.Lease.class,
                CODEC.getClass(), Thread.class, ByteArrayInputStream.class, AtomicLong.class)) {
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> Codec.object(type), type::getName);
            assertTrue(e.getMessage().contains(type.getName()), e.getMessage());
        }
    }
}
