package dev.procession.codec;

import static java.lang.invoke.MethodType.methodType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/// How the values of one type are written and read.
/// `text` names the type, for the codec's name.
record FieldCoding(String text, Writer writer, ValueReader reader) {
    /// The codecs of queues that travel as components, by the type of their items.
    private static final Map<Type, String> STATELESS = Map.of(byte[].class, "bytes", String.class, "utf8",
            Integer.class, "int32", Long.class, "int64", Double.class, "float64", int[].class, "int32s", long[].class,
            "int64s", float[].class, "float32s", double[].class, "float64s");

    interface Writer {
        void write(@Nullable Object value, GrowingBuffer to);
    }

    interface ValueReader {
        @Nullable
        Object read(RecordReader from) throws IOException;
    }

    interface ElementWriter<A> {
        void write(A array, int index, GrowingBuffer to);
    }

    interface ElementReader<A> {
        void read(A array, int index, RecordReader from) throws IOException;
    }

    static FieldCoding of(Type type, List<Class<?>> within, RecordComponent component) {
        if (type instanceof Class<?> c) {
            if (c.isPrimitive()) return ofPrimitive(c);
            if (c.isArray() && c.getComponentType().isPrimitive()) return ofArray(c);
            if (c.isEnum()) return ofEnum(c);
            if (c.isRecord() && !within.contains(c)) return ofRecord(new RecordFormat.Shape(c, within));
            if (c == String.class) return ofString();
            Class<?> primitive = methodType(c).unwrap().returnType();
            if (primitive.isPrimitive() && c != Void.class) return ofBox(c.getSimpleName(), ofPrimitive(primitive));
        }
        if (type instanceof ParameterizedType p && p.getRawType() == List.class) {
            return ofList(of(p.getActualTypeArguments()[0], within, component));
        }
        if (type instanceof ParameterizedType p && p.getRawType() == ItemTypes.get().queue()) {
            Type item = p.getActualTypeArguments()[0];
            String stateless = STATELESS.get(item);
            if (stateless != null) {
                return ofQueue(stateless, stateless, () -> Objects.requireNonNull(BasicFormats.named(stateless)));
            }
            if (item instanceof Class<?> c && c.isRecord()) { // not looked into: it may have such a queue itself
                Class<? extends Record> record = c.asSubclass(Record.class);
                return ofQueue("record:" + record.getName(), record, () -> new RecordFormat<>(record));
            }
        }
        String why = within.contains(type) ? "a record that contains itself" : "another type";
        throw new IllegalArgumentException("the component " + component.getName() + " of the record "
                + component.getDeclaringRecord().getName() + " is a " + type.getTypeName()
                + ", but a component must be a primitive or its box, a String, an enum, an array of primitives,"
                + " a record of these, a List of these, or a SharedQueue of byte[], int[], long[], float[], double[],"
                + " String, Integer, Long, Double or records, and not " + why + "; use Codec.object("
                + component.getDeclaringRecord().getSimpleName() + ".class, ...) instead");
    }

    private static FieldCoding ofPrimitive(Class<?> type) {
        return switch (type.getName()) {
            case "boolean" -> new FieldCoding("boolean",
                    (value, to) -> to.putByte((byte) ((boolean) value ? 1 : 0)), RecordReader::bool);
            case "byte" -> new FieldCoding("byte", (value, to) -> to.putByte((byte) value), RecordReader::int8);
            case "short" -> new FieldCoding("short", (value, to) -> putInt16((short) value, to), RecordReader::int16);
            case "char" -> new FieldCoding("char",
                    (value, to) -> putInt16((short) (char) value, to), from -> (char) from.int16());
            case "int" -> new FieldCoding("int", (value, to) -> to.putInt((int) value), RecordReader::int32);
            case "long" -> new FieldCoding("long", (value, to) -> to.putLong((long) value), RecordReader::int64);
            case "float" -> new FieldCoding("float",
                    (value, to) -> to.putInt(Float.floatToRawIntBits((float) value)), RecordReader::float32);
            case "double" ->
                new FieldCoding("double", (value, to) -> to.putDouble((double) value), RecordReader::float64);
            default -> throw new AssertionError(type);
        };
    }

    private static FieldCoding ofArray(Class<?> type) {
        return switch (type.getName()) {
            case "[B" -> new FieldCoding("byte[]", (value, to) -> putBytes((byte[]) value, to), RecordReader::bytes);
            case "[Z" -> ofArray("boolean[]", 1, boolean[]::new, (boolean[] a) -> a.length,
                    (a, i, to) -> to.putByte((byte) (a[i] ? 1 : 0)), (a, i, from) -> a[i] = from.bool());
            case "[S" -> ofArray("short[]", 2, short[]::new, (short[] a) -> a.length,
                    (a, i, to) -> putInt16(a[i], to), (a, i, from) -> a[i] = from.int16());
            case "[C" -> ofArray("char[]", 2, char[]::new, (char[] a) -> a.length,
                    (a, i, to) -> putInt16((short) a[i], to), (a, i, from) -> a[i] = (char) from.int16());
            case "[I" -> ofNumbers("int[]", 4, int[]::new, MemorySegment::ofArray);
            case "[J" -> ofNumbers("long[]", 8, long[]::new, MemorySegment::ofArray);
            case "[F" -> ofNumbers("float[]", 4, float[]::new, MemorySegment::ofArray);
            case "[D" -> ofNumbers("double[]", 8, double[]::new, MemorySegment::ofArray);
            default -> throw new AssertionError(type);
        };
    }

    private static <A> FieldCoding ofArray(String text, int elementBytes, IntFunction<A> make, ToIntFunction<A> length,
            ElementWriter<A> writer, ElementReader<A> reader) {
        return new FieldCoding(text,
                (value, to) -> {
                    @SuppressWarnings("unchecked") // the component has this type
                    A array = (A) value;
                    int n = array == null ? -1 : length.applyAsInt(array);
                    putCount(n, to);
                    for (int i = 0; i < n; i++) {
                        writer.write(array, i, to);
                    }
                },
                from -> {
                    int n = from.count(elementBytes);
                    if (n < 0) return null;
                    A array = make.apply(n);
                    for (int i = 0; i < n; i++) {
                        reader.read(array, i, from);
                    }
                    return array;
                });
    }

    /// The same bytes as one by one, copied in bulk.
    private static <A> FieldCoding ofNumbers(String text, int elementBytes, IntFunction<A> make,
            Function<A, MemorySegment> memory) {
        return new FieldCoding(text,
                (value, to) -> {
                    if (value == null) {
                        putCount(-1, to);
                        return;
                    }
                    @SuppressWarnings("unchecked") // the component has this type
                    MemorySegment elements = memory.apply((A) value);
                    int n = (int) (elements.byteSize() / elementBytes);
                    putCount(n, to);
                    to.putArray(elements, 0, n, elementBytes);
                },
                from -> {
                    int n = from.count(elementBytes);
                    if (n < 0) return null;
                    A array = make.apply(n);
                    from.copyTo(memory.apply(array), n, elementBytes);
                    return array;
                });
    }

    private static FieldCoding ofBox(String text, FieldCoding primitive) {
        return new FieldCoding(text,
                (value, to) -> {
                    to.putByte((byte) (value == null ? 0 : 1));
                    if (value != null) primitive.writer.write(value, to);
                },
                from -> from.bool() ? primitive.reader.read(from) : null);
    }

    private static FieldCoding ofEnum(Class<?> type) {
        Object[] constants = type.getEnumConstants();
        return new FieldCoding(FormatNames.enumText(type),
                (value, to) -> putCount(value == null ? -1 : ((Enum<?>) value).ordinal(), to),
                from -> {
                    int ordinal = from.varint() - 1;
                    if (ordinal >= constants.length) {
                        throw from.corrupted("has the ordinal " + ordinal + " for the " + type);
                    }
                    return ordinal < 0 ? null : constants[ordinal];
                });
    }

    private static FieldCoding ofString() {
        return new FieldCoding("String",
                (value, to) -> putBytes(value == null ? null : GrowingBuffer.utf8((String) value), to),
                from -> {
                    byte[] utf8 = from.bytes();
                    return utf8 == null ? null : BasicFormats.stringOf(utf8);
                });
    }

    /// `key` is the codec's name or record class.
    private static FieldCoding ofQueue(String text, Object key, Supplier<Format<?>> format) {
        return new FieldCoding("SharedQueue<" + text + ">",
                (value, to) -> {
                    if (value == null) {
                        putBytes(null, to);
                        return;
                    }
                    ItemTypes types = ItemTypes.get();
                    Object its = types.formatOf(value) instanceof RecordFormat<?> record ? record.type()
                            : types.codecNameOf(value);
                    if (!its.equals(key)) {
                        throw new IllegalArgumentException(value + " cannot travel as a component that is a"
                                + " SharedQueue<" + text + ">: make it with that codec, or use Codec.object");
                    }
                    ItemTypes.Address address = types.addressOf(value);
                    putBytes(GrowingBuffer.utf8(address.path()), to);
                    to.putByte(address.delivery());
                },
                from -> {
                    byte[] path = from.bytes();
                    if (path == null) return null;
                    var address = new ItemTypes.Address(BasicFormats.stringOf(path), from.int8());
                    return ItemTypes.get().attach(address, key, format);
                });
    }

    private static FieldCoding ofRecord(RecordFormat.Shape shape) {
        return new FieldCoding(shape.text(),
                (value, to) -> {
                    to.putByte((byte) (value == null ? 0 : 1));
                    if (value != null) shape.write(value, to);
                },
                from -> from.bool() ? shape.read(from) : null);
    }

    private static FieldCoding ofList(FieldCoding element) {
        return new FieldCoding("List<" + element.text + ">",
                (value, to) -> {
                    Object[] elements = value == null ? null : ((List<?>) value).toArray();
                    putCount(elements == null ? -1 : elements.length, to);
                    for (int i = 0; elements != null && i < elements.length; i++) {
                        element.writer.write(elements[i], to);
                    }
                },
                from -> {
                    int n = from.count(1);
                    if (n < 0) return null;
                    var elements = new @Nullable Object[n];
                    for (int i = 0; i < n; i++) {
                        elements[i] = element.reader.read(from);
                    }
                    return Collections.unmodifiableList(Arrays.asList(elements));
                });
    }

    private static void putInt16(short value, GrowingBuffer to) {
        to.putByte((byte) value);
        to.putByte((byte) (value >> 8));
    }

    private static void putBytes(byte @Nullable [] value, GrowingBuffer to) {
        putCount(value == null ? -1 : value.length, to);
        if (value != null) to.putBytes(value);
    }

    /// A length or an ordinal, -1 for null.
    private static void putCount(int value, GrowingBuffer to) {
        int rest = value + 1;
        for (; rest > 0x7f; rest >>>= 7) {
            to.putByte((byte) (rest | 0x80));
        }
        to.putByte((byte) rest);
    }
}
