package dev.procession;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.KryoException;
import com.esotericsoftware.kryo.kryo5.Registration;
import com.esotericsoftware.kryo.kryo5.Serializer;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import com.esotericsoftware.kryo.kryo5.objenesis.strategy.StdInstantiatorStrategy;
import com.esotericsoftware.kryo.kryo5.serializers.DefaultSerializers;
import com.esotericsoftware.kryo.kryo5.serializers.FieldSerializer;
import com.esotericsoftware.kryo.kryo5.serializers.ImmutableSerializer;
import com.esotericsoftware.kryo.kryo5.serializers.OptionalSerializers;
import com.esotericsoftware.kryo.kryo5.serializers.RecordSerializer;
import com.esotericsoftware.kryo.kryo5.util.DefaultClassResolver;
import com.esotericsoftware.kryo.kryo5.util.MapReferenceResolver;
import dev.procession.core.Message;
import dev.procession.core.MessageTooLargeException;
import java.io.IOException;
import java.io.StreamCorruptedException;
import java.io.UncheckedIOException;
import java.lang.reflect.Array;
import java.lang.reflect.InvocationHandler;
import java.math.BigDecimal;
import java.math.BigInteger;
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
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
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
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Kryo, set up for objects of certain classes and for bytes that nobody vouches for. For one thread at a time.
///
/// As it comes, Kryo believes the lengths that it reads, and a message of ten bytes can make it allocate an array of
/// two billion elements. So here
///
/// - classes are numbers; a class that has none cannot be named, and no name is ever looked up;
/// - a length is checked against the bytes that are left, of which every element takes at least one. What a message
///   makes its reader allocate is thereby some hundred times its length at most;
/// - objects are nested [#MAX_DEPTH] deep at most;
/// - inside the keys of maps and the elements of sets there are no references to objects whose `hashCode` looks at
///   their contents. Otherwise thirty lists, each of which holds the next one twice, would take a billion steps to
///   hash. The writer writes such an object again;
/// - an object is created without any of its constructors, but a record by its canonical one.
final class ObjectGraph extends Kryo {
    static final Module LIBRARY = Kryo.class.getModule();

    /// A thread with a stack of 256 KiB can do it. Python's pickle gives up at about 500.
    static final int MAX_DEPTH = 256;

    /// How many of the fields that lead to a culprit are told.
    private static final int MAX_TRACE = 5;

    private static final int BUFFER_BYTES = 4096;

    /// Nobody cares whether two references to one of these lead to one object, so each of them is written out. Kryo
    /// has given numbers to the first ones itself; the others get theirs in this order.
    private static final List<Class<?>> KRYO_VALUES = List.of(
            Boolean.class, Byte.class, Short.class, Character.class, Integer.class, Long.class, Float.class,
            Double.class, String.class);
    private static final List<Class<?>> MORE_VALUES = List.of(
            BigInteger.class, BigDecimal.class, UUID.class, Date.class, Duration.class, Period.class, Instant.class,
            LocalDate.class, LocalTime.class, LocalDateTime.class, OffsetTime.class, OffsetDateTime.class,
            ZonedDateTime.class, ZoneOffset.class, ZoneId.of("UTC").getClass(), Year.class, YearMonth.class,
            MonthDay.class, OptionalInt.class, OptionalLong.class, OptionalDouble.class, BitSet.class,
            StackTraceElement.class);

    private static final List<Class<?>> PRIMITIVES = List.of(
            boolean.class, byte.class, short.class, char.class, int.class, long.class, float.class, double.class);

    /// They, too, get their numbers in this order.
    private static final Map<Class<?>, Serializer<?>> CONTAINERS = containers();

    private static Map<Class<?>, Serializer<?>> containers() {
        var map = new LinkedHashMap<Class<?>, Serializer<?>>();
        map.put(Optional.class, new Whole<>(new OptionalSerializers.OptionalSerializer()));
        map.put(ArrayList.class, new Elements(ArrayList::new));
        map.put(LinkedList.class, new Elements(n -> new LinkedList<>()));
        map.put(ArrayDeque.class, new Elements(ArrayDeque::new));
        map.put(HashSet.class, new Elements(HashSet::newHashSet));
        map.put(LinkedHashSet.class, new Elements(LinkedHashSet::newLinkedHashSet));
        map.put(TreeSet.class, new Elements(n -> new TreeSet<>()));
        map.put(HashMap.class, new Entries(HashMap::newHashMap));
        map.put(LinkedHashMap.class, new Entries(LinkedHashMap::newLinkedHashMap));
        map.put(ConcurrentHashMap.class, new Entries(n -> new ConcurrentHashMap<>()));
        map.put(TreeMap.class, new Entries(n -> new TreeMap<>()));

        putList(map, List.of(), list -> list.stream().toList()); // as List.of, but a null is allowed
        putList(map, List.of(1), list -> list.stream().toList());
        putList(map, Arrays.asList(1), list -> Arrays.asList(list.toArray()));
        putList(map, Collections.emptyList(), list -> Collections.emptyList());
        putList(map, Collections.singletonList(1), list -> Collections.singletonList(list.getFirst()));
        putList(map, Collections.unmodifiableList(new ArrayList<>()), Collections::unmodifiableList);
        putList(map, Collections.unmodifiableList(new LinkedList<>()), Collections::unmodifiableList);
        putSet(map, Set.of(), Set::copyOf);
        putSet(map, Set.of(1), Set::copyOf);
        putSet(map, Collections.emptySet(), set -> Collections.emptySet());
        putSet(map, Collections.singleton(1), set -> Collections.singleton(set.iterator().next()));
        putSet(map, Collections.unmodifiableSet(new HashSet<>()), Collections::unmodifiableSet);
        putMap(map, Map.of(), Map::copyOf);
        putMap(map, Map.of(1, 1), Map::copyOf);
        putMap(map, Collections.emptyMap(), entries -> Collections.emptyMap());
        putMap(map, Collections.singletonMap(1, 1), entries -> {
            Map.Entry<Object, Object> only = entries.entrySet().iterator().next();
            return Collections.singletonMap(only.getKey(), only.getValue());
        });
        putMap(map, Collections.unmodifiableMap(new HashMap<>()), Collections::unmodifiableMap);
        return map;
    }

    private static void putList(
            Map<Class<?>, Serializer<?>> map, List<?> example, UnaryOperator<List<Object>> finish) {
        map.put(example.getClass(), new Whole<>(new Elements(ArrayList::new, c -> finish.apply((List<Object>) c))));
    }

    private static void putSet(Map<Class<?>, Serializer<?>> map, Set<?> example, UnaryOperator<Set<Object>> finish) {
        map.put(example.getClass(),
                new Whole<>(new Elements(LinkedHashSet::newLinkedHashSet, c -> finish.apply((Set<Object>) c))));
    }

    private static void putMap(
            Map<Class<?>, Serializer<?>> map, Map<?, ?> example, UnaryOperator<Map<Object, Object>> finish) {
        map.put(example.getClass(), new Whole<>(new Entries(LinkedHashMap::newLinkedHashMap, finish)));
    }

    static boolean isAlwaysAllowed(Class<?> type) {
        return KRYO_VALUES.contains(type) || MORE_VALUES.contains(type) || CONTAINERS.containsKey(type)
                || type == StandInException.class;
    }

    private final String codec; // its name, for messages
    private final Output output = new Output(BUFFER_BYTES);
    private final CheckedInput input = new CheckedInput();
    private final byte[] buffer = new byte[BUFFER_BYTES];

    /// How many keys and set elements we are inside of.
    private int keyDepth;

    /// The objects that we are inside of while writing and that will exist for the reader only when it has all of
    /// their parts.
    private final ArrayList<Object> unfinished = new ArrayList<>();

    /// What the message that is being written has in place of throwables that are not listed.
    private final Map<Throwable, StandInException> standIns = new IdentityHashMap<>();

    /// `allowed` must be in the same order for writer and reader.
    ObjectGraph(String codec, Class<?>[] allowed) {
        super(new NumberedClasses(), new References());
        this.codec = codec;
        setRegistrationRequired(true);
        setOptimizedGenerics(false); // a List<Trade> may hold something else, by mistake or by malice
        setMaxDepth(MAX_DEPTH);
        setInstantiatorStrategy(new StdInstantiatorStrategy());

        addDefaultSerializer(UUID.class, new DefaultSerializers.UUIDSerializer());
        addDefaultSerializer(Date.class, new Dates());
        addDefaultSerializer(ZonedDateTime.class, new ZonedDateTimes());
        addDefaultSerializer(StackTraceElement.class, new ThrowableSerializer.Frames());
        MORE_VALUES.forEach(this::register);
        CONTAINERS.forEach(this::register);
        register(StandInException.class, new ThrowableSerializer());
        for (Class<?> type : allowed) {
            register(type, type == SharedQueue.class ? new Queues(allowed) : serializerOf(type));
        }
        registerArrays(Object.class);
        PRIMITIVES.forEach(this::registerArrays);
        KRYO_VALUES.forEach(this::registerArrays);
        MORE_VALUES.forEach(this::registerArrays);
        List.of(allowed).forEach(this::registerArrays);
    }

    private void registerArrays(Class<?> elementType) {
        Class<?> one = elementType.arrayType();
        Serializer<?> primitives = elementType.isPrimitive() ? getDefaultSerializer(one) : null;
        register(one, primitives == null ? new ObjectArrays() : new PrimitiveArrays<>(primitives));
        register(one.arrayType(), new ObjectArrays());
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // the type was looked at
    private Serializer<?> serializerOf(Class<?> type) {
        if (type.isEnum()) {
            return new DefaultSerializers.EnumSerializer((Class<? extends Enum>) type);
        }
        if (Throwable.class.isAssignableFrom(type)) {
            return new ThrowableSerializer();
        }
        return type.isRecord() ? new Whole<>(new RecordSerializer<>(type)) : new FieldSerializer<>(this, type);
    }

    /// Appends an object and all that it refers to.
    void write(Object value, Encoder to) {
        output.setOutputStream(to.asOutputStream());
        try {
            writeClassAndObject(output, value);
            output.flush();
        } catch (RuntimeException | StackOverflowError e) {
            if (rootOf(e) instanceof MessageTooLargeException tooLarge) {
                throw tooLarge;
            }
            throw new IllegalArgumentException("cannot encode a " + value.getClass().getTypeName() + ": " + reason(e),
                    e);
        }
        output.setOutputStream(null);
        standIns.clear();
    }

    /// The throwable itself if it is allowed, else what stands for it in this message.
    Throwable orStandIn(Throwable throwable) {
        return getClassResolver().getRegistration(throwable.getClass()) != null
                ? throwable
                : standIns.computeIfAbsent(throwable, StandInException::new);
    }

    /// Reads a message that [#write] made, or fails, whatever the bytes.
    Object read(Message from) throws IOException {
        int length = from.length();
        byte[] bytes = length <= buffer.length ? buffer : new byte[length];
        from.getBytes(0, bytes, 0, length);
        input.setBuffer(bytes, 0, length);
        Object value;
        try {
            value = readClassAndObject(input);
        } catch (RuntimeException | StackOverflowError e) {
            if (rootOf(e, UncheckedIOException.class) instanceof UncheckedIOException unattached) {
                throw unattached.getCause();
            }
            throw BasicCodecs.corrupted("the message is no " + codec + ": length=" + length + " bytes, at index="
                    + input.position() + ": " + reason(e), e);
        }
        if (value == null || input.position() != length) {
            throw new StreamCorruptedException("the message is no " + codec + ": length=" + length + " bytes, "
                    + (value == null ? "it holds null" : "its object ends at index=" + input.position()));
        }
        input.setBuffer(buffer, 0, 0);
        return value;
    }

    /// What went wrong at the bottom, and the fields that lead there.
    private static String reason(Throwable thrown) {
        Throwable root = rootOf(thrown);
        if (root instanceof StackOverflowError) {
            return "it is nested too deep for the stack of this thread";
        }
        boolean isClear = root instanceof KryoException || root instanceof IllegalArgumentException;
        String what = String.valueOf(isClear ? root.getMessage() : root).lines().findFirst().orElse("");
        if (what.startsWith("Max depth exceeded")) {
            what = "it is nested more than " + MAX_DEPTH + " deep";
        }
        String[] where = String.valueOf(thrown.getMessage()).split("Serialization trace:\\s*", 2);
        return where.length == 1 ? what
                : what + where[1].lines().limit(MAX_TRACE).collect(Collectors.joining(", in ", " (at ", ")"));
    }

    private static Throwable rootOf(Throwable thrown) {
        return rootOf(thrown, Void.class);
    }

    private static Throwable rootOf(Throwable thrown, Class<?> last) {
        Throwable root = thrown;
        while (root.getCause() != null && !last.isInstance(root)) {
            root = root.getCause();
        }
        return root;
    }

    @Override
    @SuppressWarnings("rawtypes") // as declared by Kryo
    protected String unregisteredClassMessage(Class type) {
        String name = type.getTypeName();
        if (type == InvocationHandler.class) { // what Kryo takes every proxy for
            return "a dynamic proxy cannot travel";
        }
        if (type.isArray()) {
            return name + " is not allowed: an array must have one or two dimensions and elements of a class that is"
                    + " allowed itself";
        }
        String reason = ObjectCodec.reasonAgainst(type);
        if (reason != null && ObjectCodec.isOfJdk(type)) {
            return name + " is not among the classes of the JDK that Codec.object(...) allows, see there which are;"
                    + " carry what it holds in one of these, or in a class of your own";
        }
        if (reason != null) {
            return name + " cannot travel: " + reason;
        }
        return name + " is not allowed: add it to the list, Codec.object(..., " + type.getSimpleName() + ".class)";
    }

    /// Collections. Those that are finished by a function exist only when they have all their elements; the others
    /// exist before, so that their elements may refer to them.
    private static final class Elements extends Serializer<Collection<Object>> {
        private final IntFunction<Collection<Object>> make;
        private final @Nullable UnaryOperator<Collection<Object>> finish;

        Elements(IntFunction<Collection<Object>> make) {
            this(make, null);
        }

        Elements(IntFunction<Collection<Object>> make, @Nullable UnaryOperator<Collection<Object>> finish) {
            this.make = make;
            this.finish = finish;
        }

        @Override
        public void write(Kryo kryo, Output to, Collection<Object> collection) {
            var graph = (ObjectGraph) kryo;
            if (collection instanceof SortedSet<?> sorted) {
                requireNaturalOrder(sorted.comparator());
            }
            Object[] elements = collection.toArray(); // a concurrent one may change meanwhile
            to.writeVarInt(elements.length, true);
            graph.keyDepth += collection instanceof Set<?> ? 1 : 0;
            Registration common = elements.length == 0 ? null : graph.writeClass(to, commonClass(elements));
            for (Object element : elements) {
                if (common == null) {
                    graph.writeClassAndObject(to, element);
                } else {
                    graph.writeObject(to, element, common.getSerializer());
                }
            }
            graph.keyDepth -= collection instanceof Set<?> ? 1 : 0;
        }

        @Override
        public Collection<Object> read(Kryo kryo, Input from, Class<? extends Collection<Object>> type) {
            var graph = (ObjectGraph) kryo;
            int n = graph.input.readCount();
            Collection<Object> collection = make.apply(n);
            if (finish == null) {
                graph.reference(collection);
            }
            graph.keyDepth += collection instanceof Set<?> ? 1 : 0;
            Registration common = n == 0 ? null : graph.readClass(from);
            for (int i = 0; i < n; i++) {
                graph.input.beginElement();
                collection.add(common == null ? graph.readClassAndObject(from) : graph.readObject(from, common));
            }
            graph.keyDepth -= collection instanceof Set<?> ? 1 : 0;
            return finish == null ? collection : finish.apply(collection);
        }
    }

    @SuppressWarnings("unchecked") // as declared by Kryo
    private @Nullable Object readObject(Input from, Registration registration) {
        return readObject(from, registration.getType(), registration.getSerializer());
    }

    /// The class of all elements, which is then written once for all; null if there is none. Only values have one: an
    /// object without fields takes no byte of its own, and a count is checked against bytes.
    private static @Nullable Class<?> commonClass(@Nullable Object[] elements) {
        Class<?> common = elements[0] == null ? null : elements[0].getClass();
        if (common == null || References.SHARING.get(common) != References.Sharing.NEVER) {
            return null;
        }
        for (Object element : elements) {
            if (element == null || element.getClass() != common) {
                return null;
            }
        }
        return common;
    }

    /// Maps; see [Elements].
    private static final class Entries extends Serializer<Map<Object, Object>> {
        private final IntFunction<Map<Object, Object>> make;
        private final @Nullable UnaryOperator<Map<Object, Object>> finish;

        Entries(IntFunction<Map<Object, Object>> make) {
            this(make, null);
        }

        Entries(IntFunction<Map<Object, Object>> make, @Nullable UnaryOperator<Map<Object, Object>> finish) {
            this.make = make;
            this.finish = finish;
        }

        @Override
        public void write(Kryo kryo, Output to, Map<Object, Object> map) {
            var graph = (ObjectGraph) kryo;
            if (map instanceof SortedMap<?, ?> sorted) {
                requireNaturalOrder(sorted.comparator());
            }
            Object[] entries = map.entrySet().toArray(); // a concurrent map may change meanwhile
            to.writeVarInt(entries.length, true);
            for (Object each : entries) {
                var entry = (Map.Entry<?, ?>) each;
                graph.keyDepth++;
                graph.writeClassAndObject(to, entry.getKey());
                graph.keyDepth--;
                graph.writeClassAndObject(to, entry.getValue());
            }
        }

        @Override
        public Map<Object, Object> read(Kryo kryo, Input from, Class<? extends Map<Object, Object>> type) {
            var graph = (ObjectGraph) kryo;
            int n = graph.input.readCount();
            Map<Object, Object> map = make.apply(n);
            if (finish == null) {
                graph.reference(map);
            }
            for (int i = 0; i < n; i++) {
                graph.input.beginElement();
                graph.keyDepth++;
                Object key = graph.readClassAndObject(from);
                graph.keyDepth--;
                map.put(key, graph.readClassAndObject(from));
            }
            return finish == null ? map : finish.apply(map);
        }
    }

    private static void requireNaturalOrder(@Nullable Comparator<?> comparator) {
        if (comparator != null) {
            throw new IllegalArgumentException("a sorted collection with a comparator of its own is not allowed, only"
                    + " with the natural order; comparator=" + comparator.getClass().getTypeName());
        }
    }

    /// What exists for the reader only when it has all of its parts, so that these cannot refer back to it.
    private static final class Whole<T> extends Serializer<T> {
        private final Serializer<T> parts;

        Whole(Serializer<T> parts) {
            this.parts = parts;
        }

        @Override
        public void write(Kryo kryo, Output to, T whole) {
            ArrayList<Object> unfinished = ((ObjectGraph) kryo).unfinished;
            unfinished.add(whole);
            parts.write(kryo, to, whole);
            unfinished.removeLast();
        }

        @Override
        public T read(Kryo kryo, Input from, Class<? extends T> type) {
            return parts.read(kryo, from, type);
        }
    }

    private static final class ObjectArrays extends Serializer<@Nullable Object[]> {
        @Override
        public void write(Kryo kryo, Output to, @Nullable Object[] array) {
            Serializer<?> common = serializerOfAll(kryo, array.getClass().getComponentType());
            to.writeVarInt(array.length, true);
            for (Object element : array) {
                if (common == null) {
                    kryo.writeClassAndObject(to, element);
                } else {
                    kryo.writeObjectOrNull(to, element, common);
                }
            }
        }

        @Override
        public @Nullable Object[] read(Kryo kryo, Input from, Class<? extends @Nullable Object[]> type) {
            Class<?> elementType = type.getComponentType();
            Serializer<?> common = serializerOfAll(kryo, elementType);
            CheckedInput input = (CheckedInput) from;
            int n = input.readCount();
            var array = (@Nullable Object[]) Array.newInstance(elementType, n);
            kryo.reference(array);
            for (int i = 0; i < n; i++) {
                input.beginElement();
                array[i] = common == null
                        ? kryo.readClassAndObject(from)
                        : kryo.readObjectOrNull(from, elementType, common);
            }
            return array;
        }

        private static @Nullable Serializer<?> serializerOfAll(Kryo kryo, Class<?> elementType) {
            return kryo.isFinal(elementType) ? kryo.getSerializer(elementType) : null;
        }
    }

    /// Checks the length plus one, or 0 for null, that Kryo writes in front.
    private static final class PrimitiveArrays<T> extends Serializer<T> {
        private final Serializer<T> elements;

        PrimitiveArrays(Serializer<T> elements) {
            this.elements = elements;
            setAcceptsNull(elements.getAcceptsNull());
        }

        @Override
        public void write(Kryo kryo, Output to, T array) {
            elements.write(kryo, to, array);
        }

        @Override
        public T read(Kryo kryo, Input from, Class<? extends T> type) {
            int start = from.position();
            int lengthPlusOne = from.readVarInt(true);
            ((CheckedInput) from).require(Math.max(0, lengthPlusOne - 1), 1);
            from.setPosition(start);
            return elements.read(kryo, from, type);
        }
    }

    /// Queues travel as their addresses.
    private static final class Queues extends Serializer<SharedQueue<?>> {
        private final Class<?>[] allowed;

        Queues(Class<?>[] allowed) {
            this.allowed = allowed;
        }

        @Override
        public void write(Kryo kryo, Output to, SharedQueue<?> queue) {
            String codec = ObjectCodec.nameWithin(allowed, queue.codec);
            if (codec == null) {
                throw new IllegalArgumentException("the codec of " + queue + " is not known to the reader of "
                        + ((ObjectGraph) kryo).codec + ": it must be one without classes, Codec.record of a listed"
                        + " record, or Codec.object of listed classes; add the missing classes to the list");
            }
            queue.requireOpen();
            to.writeString(queue.address());
            to.writeString(codec);
            to.writeByte(AttachedQueues.encoded(queue.consumers));
        }

        @Override
        public SharedQueue<?> read(Kryo kryo, Input from, Class<? extends SharedQueue<?>> type) {
            String path = Objects.requireNonNull(from.readString());
            String codec = Objects.requireNonNull(from.readString());
            byte consumers = from.readByte();
            try {
                return AttachedQueues.attach(path, consumers, List.of(codec, List.of(allowed)),
                        () -> ObjectCodec.namedWithin(allowed, codec));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /// Kryo's own asks for the module java.sql.
    private static final class Dates extends ImmutableSerializer<Date> {
        @Override
        public void write(Kryo kryo, Output to, Date date) {
            to.writeLong(date.getTime());
        }

        @Override
        public Date read(Kryo kryo, Input from, Class<? extends Date> type) {
            return new Date(from.readLong());
        }
    }

    /// Kryo's own forgets which of two equal times is meant when clocks are set back.
    private static final class ZonedDateTimes extends ImmutableSerializer<ZonedDateTime> {
        @Override
        public void write(Kryo kryo, Output to, ZonedDateTime time) {
            to.writeLong(time.toEpochSecond());
            to.writeInt(time.getNano());
            to.writeString(time.getZone().getId());
        }

        @Override
        public ZonedDateTime read(Kryo kryo, Input from, Class<? extends ZonedDateTime> type) {
            var instant = Instant.ofEpochSecond(from.readLong(), from.readInt());
            return instant.atZone(ZoneId.of(from.readString()));
        }
    }

    /// Classes are known by number only.
    private static final class NumberedClasses extends DefaultClassResolver {
        @Override
        protected Registration readName(Input from) {
            throw new KryoException("it names a class, which is not allowed");
        }
    }

    /// Which objects are written once and then referred to.
    private static final class References extends MapReferenceResolver {
        private enum Sharing { NEVER, OUTSIDE_OF_KEYS, ALWAYS }

        private static final ClassValue<Sharing> SHARING = new ClassValue<>() {
            @Override
            protected Sharing computeValue(Class<?> type) {
                if (KRYO_VALUES.contains(type) || MORE_VALUES.contains(type) || Enum.class.isAssignableFrom(type)) {
                    return Sharing.NEVER;
                }
                if (Throwable.class.isAssignableFrom(type)) {
                    return Sharing.ALWAYS; // one that has no cause refers to itself
                }
                try {
                    boolean isIdentity = type.getMethod("hashCode").getDeclaringClass() == Object.class;
                    return isIdentity ? Sharing.ALWAYS : Sharing.OUTSIDE_OF_KEYS;
                } catch (NoSuchMethodException e) {
                    throw new AssertionError(e); // every class has one
                }
            }
        };

        @Override
        @SuppressWarnings("rawtypes") // as declared by Kryo
        public boolean useReferences(Class type) {
            return switch (SHARING.get((Class<?>) type)) {
                case NEVER -> false;
                case OUTSIDE_OF_KEYS -> ((ObjectGraph) kryo).keyDepth == 0;
                case ALWAYS -> true;
            };
        }

        @Override
        public int getWrittenId(Object object) {
            int id = super.getWrittenId(object);
            if (id != -1) {
                for (Object unfinished : ((ObjectGraph) kryo).unfinished) {
                    if (unfinished == object) {
                        throw new IllegalArgumentException("a " + object.getClass().getTypeName() + " contains itself;"
                                + " records and immutable collections may not");
                    }
                }
            }
            return id;
        }

        @Override
        @SuppressWarnings("rawtypes") // as declared by Kryo
        public Object getReadObject(Class type, int id) {
            Object object = super.getReadObject(type, id);
            if (object == null) {
                throw new KryoException("it refers to an object that is not there yet, number " + id);
            }
            return object;
        }
    }

    /// An input that believes a length only if there are as many bytes left as the elements take at least, beside those
    /// that the collections around them have announced. Otherwise collections that are nested 256 deep could each
    /// announce as many elements as the message has bytes.
    private static final class CheckedInput extends Input {
        private int announced; // elements that are not read yet, of which each takes a byte or more

        /// Reads how many elements follow; call [#beginElement] before each.
        int readCount() {
            int n = readVarInt(true);
            require(n, 1);
            announced += n;
            return n;
        }

        void beginElement() {
            announced--;
        }

        private void require(int elements, int elementBytes) {
            int left = limit() - position() - announced;
            if (elements < 0 || elements > left / elementBytes) {
                throw new KryoException("it announces " + elements + " elements where " + left + " bytes are left");
            }
        }

        @Override
        public String readString() {
            requireCharacters();
            return super.readString();
        }

        /// A string that is long or has not only ASCII characters starts with their number plus one, or 0 for null.
        private void requireCharacters() {
            int start = position();
            if (readVarIntFlag()) {
                int lengthPlusOne = readVarIntFlag(true);
                require(Math.max(0, lengthPlusOne - 1), 1);
            }
            setPosition(start);
        }

        @Override
        public byte[] readBytes(int length) {
            require(length, 1);
            return super.readBytes(length);
        }

        @Override
        public long[] readLongs(int length) {
            require(length, Long.BYTES);
            return super.readLongs(length);
        }
    }
}
