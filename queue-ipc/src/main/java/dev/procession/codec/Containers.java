package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.Registration;
import com.esotericsoftware.kryo.kryo5.Serializer;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import com.esotericsoftware.kryo.kryo5.serializers.OptionalSerializers;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// The collections and maps that are always allowed, and how they are written.
final class Containers {
    /// They get their numbers in this order.
    static final Map<Class<?>, Serializer<?>> SERIALIZERS = containers();

    private Containers() {}

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
            var graph = (BoundedKryo) kryo;
            if (collection instanceof SortedSet<?> sorted) requireNaturalOrder(sorted.comparator());
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
            var graph = (BoundedKryo) kryo;
            var input = (CheckedInput) from;
            int n = input.readCount();
            Collection<Object> collection = make.apply(n);
            if (finish == null) graph.reference(collection);
            graph.keyDepth += collection instanceof Set<?> ? 1 : 0;
            Registration common = n == 0 ? null : graph.readClass(from);
            for (int i = 0; i < n; i++) {
                input.beginElement();
                collection.add(common == null ? graph.readClassAndObject(from) : graph.readObject(from, common));
            }
            graph.keyDepth -= collection instanceof Set<?> ? 1 : 0;
            return finish == null ? collection : finish.apply(collection);
        }
    }

    /// The class of all elements, which is then written once for all; null if there is none. Only values have one: an
    /// object without fields takes no byte of its own, and a count is checked against bytes.
    private static @Nullable Class<?> commonClass(@Nullable Object[] elements) {
        Class<?> common = elements[0] == null ? null : elements[0].getClass();
        if (common == null || !BoundedKryo.isNeverShared(common)) return null;
        for (Object element : elements) {
            if (element == null || element.getClass() != common) return null;
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
            var graph = (BoundedKryo) kryo;
            if (map instanceof SortedMap<?, ?> sorted) requireNaturalOrder(sorted.comparator());
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
            var graph = (BoundedKryo) kryo;
            var input = (CheckedInput) from;
            int n = input.readCount();
            Map<Object, Object> map = make.apply(n);
            if (finish == null) graph.reference(map);
            for (int i = 0; i < n; i++) {
                input.beginElement();
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
    static final class Whole<T> extends Serializer<T> {
        private final Serializer<T> parts;

        Whole(Serializer<T> parts) {
            this.parts = parts;
        }

        @Override
        public void write(Kryo kryo, Output to, T whole) {
            ArrayList<Object> unfinished = ((BoundedKryo) kryo).unfinished;
            unfinished.add(whole);
            parts.write(kryo, to, whole);
            unfinished.removeLast();
        }

        @Override
        public T read(Kryo kryo, Input from, Class<? extends T> type) {
            return parts.read(kryo, from, type);
        }
    }
}
