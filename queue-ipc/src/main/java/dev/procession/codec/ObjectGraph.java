package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.KryoException;
import com.esotericsoftware.kryo.kryo5.Serializer;
import com.esotericsoftware.kryo.kryo5.io.Output;
import com.esotericsoftware.kryo.kryo5.serializers.DefaultSerializers;
import com.esotericsoftware.kryo.kryo5.serializers.FieldSerializer;
import com.esotericsoftware.kryo.kryo5.serializers.RecordSerializer;
import dev.procession.core.Message;
import dev.procession.core.MessageTooLargeException;
import java.io.IOException;
import java.io.StreamCorruptedException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationHandler;
import java.time.ZonedDateTime;
import java.util.Date;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;

/// Kryo, set up for objects of certain classes and for bytes that are not trusted. For one thread at a time.
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
final class ObjectGraph extends BoundedKryo {
    /// How many of the fields that lead to a culprit are told.
    private static final int MAX_TRACE = 5;

    private static final int BUFFER_BYTES = 4096;

    private static final List<Class<?>> PRIMITIVES = List.of(
            boolean.class, byte.class, short.class, char.class, int.class, long.class, float.class, double.class);

    private final String codec; // its name, for messages
    private final Output output = new Output(BUFFER_BYTES);
    private final CheckedInput input = new CheckedInput();
    private final byte[] buffer = new byte[BUFFER_BYTES];

    /// `allowed` must be in the same order for writer and reader.
    ObjectGraph(String codec, Class<?>[] allowed, Serializer<Object> queues) {
        this.codec = codec;
        addDefaultSerializer(UUID.class, new DefaultSerializers.UUIDSerializer());
        addDefaultSerializer(Date.class, new ValueTypes.Dates());
        addDefaultSerializer(ZonedDateTime.class, new ValueTypes.ZonedDateTimes());
        addDefaultSerializer(StackTraceElement.class, new ThrowableSerializer.Frames());
        ValueTypes.MORE.forEach(this::register);
        Containers.SERIALIZERS.forEach(this::register);
        register(ItemTypes.get().standIn(), new ThrowableSerializer());
        for (Class<?> type : allowed) {
            register(type, type == ItemTypes.get().queue() ? queues : serializerOf(type));
        }
        registerArrays(Object.class);
        PRIMITIVES.forEach(this::registerArrays);
        ValueTypes.KRYOS.forEach(this::registerArrays);
        ValueTypes.MORE.forEach(this::registerArrays);
        List.of(allowed).forEach(this::registerArrays);
    }

    private void registerArrays(Class<?> elementType) {
        Class<?> one = elementType.arrayType();
        Serializer<?> primitives = elementType.isPrimitive() ? getDefaultSerializer(one) : null;
        register(one, primitives == null ? new ArraySerializers.ObjectArrays()
                : new ArraySerializers.PrimitiveArrays<>(primitives));
        register(one.arrayType(), new ArraySerializers.ObjectArrays());
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // the type was looked at
    private Serializer<?> serializerOf(Class<?> type) {
        if (type.isEnum()) return new DefaultSerializers.EnumSerializer((Class<? extends Enum>) type);
        if (Throwable.class.isAssignableFrom(type)) return new ThrowableSerializer();
        return type.isRecord() ? new Containers.Whole<>(new RecordSerializer<>(type))
                : new FieldSerializer<>(this, type);
    }

    /// Appends an object and all that it refers to.
    void write(Object value, GrowingBuffer to) {
        output.setOutputStream(to.asOutputStream());
        try {
            writeClassAndObject(output, value);
            output.flush();
        } catch (RuntimeException | StackOverflowError e) {
            if (rootOf(e) instanceof MessageTooLargeException tooLarge) throw tooLarge;
            throw new IllegalArgumentException("cannot encode a " + value.getClass().getTypeName() + ": " + reason(e),
                    e);
        }
        output.setOutputStream(null);
        standIns.clear();
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
            throw BasicFormats.corrupted("the message is no " + codec + ": length=" + length + " bytes, at index="
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
        if (root instanceof StackOverflowError) return "it is nested too deep for the stack of this thread";
        boolean isClear = root instanceof KryoException || root instanceof IllegalArgumentException;
        String what = String.valueOf(isClear ? root.getMessage() : root).lines().findFirst().orElse("");
        if (what.startsWith("Max depth exceeded")) what = "it is nested more than " + MAX_DEPTH + " deep";
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
        String reason = AllowList.reasonAgainst(type);
        if (reason != null && SerialFields.isOfJdk(type)) {
            return name + " is not among the classes of the JDK that Codec.object(...) allows, see there which are;"
                    + " carry what it holds in one of these, or in a class of your own";
        }
        if (reason != null) return name + " cannot travel: " + reason;
        return name + " is not allowed: add it to the list, Codec.object(..., " + type.getSimpleName() + ".class)";
    }
}
