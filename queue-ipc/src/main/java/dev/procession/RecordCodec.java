package dev.procession;

import static java.lang.invoke.MethodType.methodType;

import dev.procession.core.Message;
import java.io.IOException;
import java.io.Serial;
import java.io.StreamCorruptedException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// The codec of one record class: the components in their order, each in the coding that its declared type has.
/// There are no tags, no names and no class ids in the bytes, because both sides know the record.
///
///     boolean, byte                    1 byte
///     short, char                      2 bytes, low one first
///     int, float, long, double         4 or 8 bytes, the machine's order
///     a box                            1 byte, 0 for null; then the value unless null
///     enum                             varint: 0 for null, else ordinal + 1
///     String, primitive array, List    varint: 0 for null, else length + 1; then UTF-8 or elements
///     SharedQueue                      its path, as a String; then unless null 1 byte, how it is got from
///     record                           1 byte, 0 for null; then its components unless null
///
/// The outermost record has no leading byte. A varint has seven bits a byte, low ones first.
final class RecordCodec<R extends Record> implements Codec<R> {
    @Serial
    private static final long serialVersionUID = 1;

    private static final int MAX_NAME_BYTES = 64;

    /// The codecs of queues that travel as components, by the type of their items.
    private static final Map<Type, String> STATELESS = Map.of(byte[].class, "bytes", String.class, "utf8",
            Integer.class, "int32", Long.class, "int64", Double.class, "float64");

    private final Class<R> type;
    private final transient Shape shape;
    private final transient String name;

    RecordCodec(Class<R> type) {
        if (!type.isRecord()) {
            throw new IllegalArgumentException(type + " is not a record; use Codec.object(...) for it");
        }
        this.type = type;
        this.shape = new Shape(type, List.of());
        this.name = name("record", ":" + type.getName(), ":" + type.getSimpleName(), shape.text);
    }

    Class<R> type() {
        return type;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void encode(R value, Encoder to) {
        BasicCodecs.requireItem(value, name);
        shape.write(value, to);
    }

    @Override
    public R decode(Message from) throws IOException {
        var reader = new Reader(from, type);
        R record = type.cast(shape.read(reader));
        if (reader.remaining() != 0) {
            throw reader.corrupted("is " + reader.remaining() + " bytes too long");
        }
        return record;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof RecordCodec<?> codec && codec.type == type;
    }

    @Override
    public int hashCode() {
        return type.hashCode();
    }

    @Override
    public String toString() {
        return name;
    }

    /// Only the class travels; what was derived from it is made anew.
    @Serial
    private Object readResolve() {
        return new RecordCodec<>(type);
    }

    /// A codec's name from its kind, something readable if that fits into 64 bytes, and a check value of all that
    /// the format depends on.
    static String name(String kind, String readable, String shorter, String format) {
        var crc = new CRC32C();
        crc.update(format.getBytes(StandardCharsets.UTF_8));
        String check = "#" + HexFormat.of().toHexDigits((int) crc.getValue());
        for (String candidate : List.of(readable, shorter)) {
            String name = kind + candidate + check;
            if (name.getBytes(StandardCharsets.UTF_8).length <= MAX_NAME_BYTES) {
                return name;
            }
        }
        return kind + check;
    }

    /// The constants of an enum, whatever it says in toString.
    static String enumText(Class<?> type) {
        return Arrays.stream(type.getEnumConstants())
                .map(constant -> ((Enum<?>) constant).name())
                .collect(Collectors.joining(",", "enum " + type.getName() + "[", "]"));
    }

    /// One record class: how to take it apart and how to construct it.
    private static final class Shape {
        private final Class<?> type;
        private final MethodHandle constructor; // (Object[]) -> Object
        private final MethodHandle[] accessors; // (Object) -> Object
        private final Coding[] codings;
        private final String text;

        /// `around` are the records that this one is a part of.
        Shape(Class<?> type, List<Class<?>> around) {
            this.type = type;
            RecordComponent[] components = type.getRecordComponents();
            var within = new ArrayList<>(around);
            within.add(type);
            accessors = new MethodHandle[components.length];
            codings = new Coding[components.length];
            var text = new StringBuilder(type.getName()).append('(');
            try {
                RecordCodec.class.getModule().addReads(type.getModule());
                var lookup = MethodHandles.privateLookupIn(type, MethodHandles.lookup());
                for (int i = 0; i < components.length; i++) {
                    RecordComponent component = components[i];
                    codings[i] = Coding.of(component.getGenericType(), within, component);
                    accessors[i] = lookup.unreflect(component.getAccessor())
                            .asType(methodType(Object.class, Object.class));
                    text.append(codings[i].text).append(' ').append(component.getName()).append(',');
                }
                Class<?>[] types =
                        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
                constructor = lookup.findConstructor(type, methodType(void.class, types))
                        .asSpreader(Object[].class, types.length)
                        .asType(methodType(Object.class, Object[].class));
            } catch (IllegalAccessException e) {
                throw new IllegalArgumentException("the record " + type.getName() + " is not accessible: let "
                        + type.getModule() + " open the package " + type.getPackageName()
                        + " to the module dev.procession", e);
            } catch (NoSuchMethodException e) {
                throw new IllegalArgumentException("the record " + type.getName() + " has no canonical constructor", e);
            }
            this.text = text.append(')').toString();
        }

        void write(Object value, Encoder to) {
            for (int i = 0; i < codings.length; i++) {
                codings[i].writer.write(component(i, value), to);
            }
        }

        private @Nullable Object component(int index, Object value) {
            try {
                return (@Nullable Object) accessors[index].invokeExact(value);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) { // an accessor declares nothing
                throw new IllegalArgumentException("cannot read a component of the record " + type.getName(), e);
            }
        }

        Object read(Reader from) throws IOException {
            var values = new @Nullable Object[codings.length];
            for (int i = 0; i < codings.length; i++) {
                values[i] = codings[i].reader.read(from);
            }
            try {
                return (Object) constructor.invokeExact(values);
            } catch (Error e) {
                throw e;
            } catch (Throwable e) {
                throw BasicCodecs.corrupted("the constructor of the record " + type.getName()
                        + " refused the values in the message: " + e, e);
            }
        }
    }

    private interface Writer {
        void write(@Nullable Object value, Encoder to);
    }

    private interface ValueReader {
        @Nullable
        Object read(Reader from) throws IOException;
    }

    private interface ElementWriter<A> {
        void write(A array, int index, Encoder to);
    }

    private interface ElementReader<A> {
        void read(A array, int index, Reader from) throws IOException;
    }

    /// How the values of one type are written and read.
    /// `text` names the type, for the codec's name.
    private record Coding(String text, Writer writer, ValueReader reader) {
        static Coding of(Type type, List<Class<?>> within, RecordComponent component) {
            if (type instanceof Class<?> c) {
                if (c.isPrimitive()) {
                    return ofPrimitive(c);
                }
                if (c.isArray() && c.getComponentType().isPrimitive()) {
                    return ofArray(c);
                }
                if (c.isEnum()) {
                    return ofEnum(c);
                }
                if (c.isRecord() && !within.contains(c)) {
                    return ofRecord(new Shape(c, within));
                }
                if (c == String.class) {
                    return ofString();
                }
                Class<?> primitive = methodType(c).unwrap().returnType();
                if (primitive.isPrimitive() && c != Void.class) {
                    return ofBox(c.getSimpleName(), ofPrimitive(primitive));
                }
            }
            if (type instanceof ParameterizedType p && p.getRawType() == List.class) {
                return ofList(of(p.getActualTypeArguments()[0], within, component));
            }
            if (type instanceof ParameterizedType p && p.getRawType() == SharedQueue.class) {
                Type item = p.getActualTypeArguments()[0];
                String stateless = STATELESS.get(item);
                if (stateless != null) {
                    return ofQueue(stateless, stateless, () -> StatelessCodecs.named(stateless));
                }
                if (item instanceof Class<?> c && c.isRecord()) { // not looked into: it may have such a queue itself
                    Class<? extends Record> record = c.asSubclass(Record.class);
                    return ofQueue("record:" + record.getName(), record, () -> new RecordCodec<>(record));
                }
            }
            String why = within.contains(type) ? "a record that contains itself" : "another type";
            throw new IllegalArgumentException("the component " + component.getName() + " of the record "
                    + component.getDeclaringRecord().getName() + " is a " + type.getTypeName()
                    + ", but a component must be a primitive or its box, a String, an enum, an array of primitives,"
                    + " a record of these, a List of these, or a SharedQueue of byte[], String, Integer, Long, Double or"
                    + " records, and not " + why + "; use Codec.object("
                    + component.getDeclaringRecord().getSimpleName() + ".class, ...) instead");
        }

        private static Coding ofPrimitive(Class<?> type) {
            return switch (type.getName()) {
                case "boolean" -> new Coding("boolean",
                        (value, to) -> to.putByte((byte) ((boolean) value ? 1 : 0)), Reader::bool);
                case "byte" -> new Coding("byte", (value, to) -> to.putByte((byte) value), Reader::int8);
                case "short" -> new Coding("short", (value, to) -> putInt16((short) value, to), Reader::int16);
                case "char" -> new Coding("char",
                        (value, to) -> putInt16((short) (char) value, to), from -> (char) from.int16());
                case "int" -> new Coding("int", (value, to) -> to.putInt((int) value), Reader::int32);
                case "long" -> new Coding("long", (value, to) -> to.putLong((long) value), Reader::int64);
                case "float" -> new Coding("float",
                        (value, to) -> to.putInt(Float.floatToRawIntBits((float) value)), Reader::float32);
                case "double" -> new Coding("double", (value, to) -> to.putDouble((double) value), Reader::float64);
                default -> throw new AssertionError(type);
            };
        }

        private static Coding ofArray(Class<?> type) {
            return switch (type.getName()) {
                case "[B" -> new Coding("byte[]", (value, to) -> putBytes((byte[]) value, to), Reader::bytes);
                case "[Z" -> ofArray("boolean[]", 1, boolean[]::new, (boolean[] a) -> a.length,
                        (a, i, to) -> to.putByte((byte) (a[i] ? 1 : 0)), (a, i, from) -> a[i] = from.bool());
                case "[S" -> ofArray("short[]", 2, short[]::new, (short[] a) -> a.length,
                        (a, i, to) -> putInt16(a[i], to), (a, i, from) -> a[i] = from.int16());
                case "[C" -> ofArray("char[]", 2, char[]::new, (char[] a) -> a.length,
                        (a, i, to) -> putInt16((short) a[i], to), (a, i, from) -> a[i] = (char) from.int16());
                case "[I" -> ofArray("int[]", 4, int[]::new, (int[] a) -> a.length,
                        (a, i, to) -> to.putInt(a[i]), (a, i, from) -> a[i] = from.int32());
                case "[J" -> ofArray("long[]", 8, long[]::new, (long[] a) -> a.length,
                        (a, i, to) -> to.putLong(a[i]), (a, i, from) -> a[i] = from.int64());
                case "[F" -> ofArray("float[]", 4, float[]::new, (float[] a) -> a.length,
                        (a, i, to) -> to.putInt(Float.floatToRawIntBits(a[i])), (a, i, from) -> a[i] = from.float32());
                case "[D" -> ofArray("double[]", 8, double[]::new, (double[] a) -> a.length,
                        (a, i, to) -> to.putDouble(a[i]), (a, i, from) -> a[i] = from.float64());
                default -> throw new AssertionError(type);
            };
        }

        private static <A> Coding ofArray(String text, int elementBytes, IntFunction<A> make, ToIntFunction<A> length,
                ElementWriter<A> writer, ElementReader<A> reader) {
            return new Coding(text,
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
                        if (n < 0) {
                            return null;
                        }
                        A array = make.apply(n);
                        for (int i = 0; i < n; i++) {
                            reader.read(array, i, from);
                        }
                        return array;
                    });
        }

        private static Coding ofBox(String text, Coding primitive) {
            return new Coding(text,
                    (value, to) -> {
                        to.putByte((byte) (value == null ? 0 : 1));
                        if (value != null) {
                            primitive.writer.write(value, to);
                        }
                    },
                    from -> from.bool() ? primitive.reader.read(from) : null);
        }

        private static Coding ofEnum(Class<?> type) {
            Object[] constants = type.getEnumConstants();
            return new Coding(enumText(type),
                    (value, to) -> putCount(value == null ? -1 : ((Enum<?>) value).ordinal(), to),
                    from -> {
                        int ordinal = from.varint() - 1;
                        if (ordinal >= constants.length) {
                            throw from.corrupted("has the ordinal " + ordinal + " for the " + type);
                        }
                        return ordinal < 0 ? null : constants[ordinal];
                    });
        }

        private static Coding ofString() {
            return new Coding("String",
                    (value, to) -> putBytes(value == null ? null : Encoder.utf8((String) value), to),
                    from -> {
                        byte[] utf8 = from.bytes();
                        return utf8 == null ? null : BasicCodecs.stringOf(utf8);
                    });
        }

        /// `key` is the codec's name or record class.
        private static Coding ofQueue(String text, Object key, Supplier<Codec<?>> codec) {
            return new Coding("SharedQueue<" + text + ">",
                    (value, to) -> {
                        if (value == null) {
                            putBytes(null, to);
                            return;
                        }
                        SharedQueue<?> queue = (SharedQueue<?>) value;
                        Object its = queue.codec instanceof RecordCodec<?> record ? record.type : queue.codec.name();
                        if (!its.equals(key)) {
                            throw new IllegalArgumentException(queue + " cannot travel as a component that is a"
                                    + " SharedQueue<" + text + ">: make it with that codec, or use Codec.object");
                        }
                        queue.requireOpen();
                        putBytes(Encoder.utf8(queue.address()), to);
                        to.putByte(AttachedQueues.encoded(queue.consumers));
                    },
                    from -> {
                        byte[] path = from.bytes();
                        return path == null
                                ? null
                                : AttachedQueues.attach(BasicCodecs.stringOf(path), from.int8(), key, codec);
                    });
        }

        private static Coding ofRecord(Shape shape) {
            return new Coding(shape.text,
                    (value, to) -> {
                        to.putByte((byte) (value == null ? 0 : 1));
                        if (value != null) {
                            shape.write(value, to);
                        }
                    },
                    from -> from.bool() ? shape.read(from) : null);
        }

        private static Coding ofList(Coding element) {
            return new Coding("List<" + element.text + ">",
                    (value, to) -> {
                        Object[] elements = value == null ? null : ((List<?>) value).toArray();
                        putCount(elements == null ? -1 : elements.length, to);
                        for (int i = 0; elements != null && i < elements.length; i++) {
                            element.writer.write(elements[i], to);
                        }
                    },
                    from -> {
                        int n = from.count(1);
                        if (n < 0) {
                            return null;
                        }
                        var elements = new @Nullable Object[n];
                        for (int i = 0; i < n; i++) {
                            elements[i] = element.reader.read(from);
                        }
                        return Collections.unmodifiableList(Arrays.asList(elements));
                    });
        }
    }

    private static void putInt16(short value, Encoder to) {
        to.putByte((byte) value);
        to.putByte((byte) (value >> 8));
    }

    private static void putBytes(byte @Nullable [] value, Encoder to) {
        putCount(value == null ? -1 : value.length, to);
        if (value != null) {
            to.putBytes(value);
        }
    }

    /// A length or an ordinal, -1 for null.
    private static void putCount(int value, Encoder to) {
        int rest = value + 1;
        for (; rest > 0x7f; rest >>>= 7) {
            to.putByte((byte) (rest | 0x80));
        }
        to.putByte((byte) rest);
    }

    /// Reads a message from front to back and checks that there are as many bytes as are asked for.
    private static final class Reader {
        private final Message message;
        private final Class<?> type;
        private int next; // the index of the first byte not yet read, 0..message.length()

        Reader(Message message, Class<?> type) {
            this.message = message;
            this.type = type;
        }

        int remaining() {
            return message.length() - next;
        }

        boolean bool() throws IOException {
            return int8() != 0;
        }

        byte int8() throws IOException {
            return message.getByte(take(1));
        }

        short int16() throws IOException {
            int start = take(2);
            return (short) (message.getByte(start) & 0xff | message.getByte(start + 1) << 8);
        }

        int int32() throws IOException {
            return message.getInt(take(4));
        }

        long int64() throws IOException {
            return message.getLong(take(8));
        }

        float float32() throws IOException {
            return Float.intBitsToFloat(int32());
        }

        double float64() throws IOException {
            return message.getDouble(take(8));
        }

        byte @Nullable [] bytes() throws IOException {
            int n = count(1);
            if (n < 0) {
                return null;
            }
            byte[] bytes = new byte[n];
            message.getBytes(take(n), bytes, 0, n);
            return bytes;
        }

        /// How many elements follow, -1 for null. Not more than there can be bytes for, so that a forged count
        /// allocates nothing.
        int count(int elementBytes) throws IOException {
            int n = varint() - 1;
            if (n > remaining() / elementBytes) {
                throw corrupted("announces " + n + " elements where " + remaining() + " bytes are left");
            }
            return n;
        }

        /// 0..Integer.MAX_VALUE
        int varint() throws IOException {
            int value = 0;
            for (int shift = 0; shift < 35; shift += 7) {
                byte b = int8();
                value |= (b & 0x7f) << shift;
                if (b >= 0) {
                    if (value < 0 || shift == 28 && b > 7) {
                        break;
                    }
                    return value;
                }
            }
            throw corrupted("has a count that is out of range");
        }

        StreamCorruptedException corrupted(String what) {
            return new StreamCorruptedException("the message is no " + type.getName() + ": length=" + message.length()
                    + " bytes, at index=" + next + " it " + what);
        }

        private int take(int bytes) throws IOException {
            int start = next;
            if (bytes > message.length() - start) {
                throw corrupted("ends where " + bytes + " bytes more are needed");
            }
            next = start + bytes;
            return start;
        }
    }
}
