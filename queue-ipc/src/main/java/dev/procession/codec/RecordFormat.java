package dev.procession.codec;

import static java.lang.invoke.MethodType.methodType;

import dev.procession.core.Message;
import java.io.IOException;
import java.io.Serial;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The format of one record class: the components in their order, each in the coding that its declared type has.
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
public final class RecordFormat<R extends Record> implements Format<R> {
    @Serial
    private static final long serialVersionUID = 1;

    private final Class<R> type;
    private final transient Shape shape;
    private final transient String name;

    public RecordFormat(Class<R> type) {
        if (!type.isRecord()) {
            throw new IllegalArgumentException(type + " is not a record; use Codec.object(...) for it");
        }
        this.type = type;
        this.shape = new Shape(type, List.of());
        this.name = FormatNames.name("record", ":" + type.getName(), ":" + type.getSimpleName(), shape.text);
    }

    Class<R> type() {
        return type;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void encode(R value, GrowingBuffer to) {
        BasicFormats.requireItem(value, name);
        shape.write(value, to);
    }

    @Override
    public R decode(Message from) throws IOException {
        var reader = new RecordReader(from, type);
        R record = type.cast(shape.read(reader));
        if (reader.remaining() != 0) throw reader.corrupted("is " + reader.remaining() + " bytes too long");
        return record;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof RecordFormat<?> codec && codec.type == type;
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
        return new RecordFormat<>(type);
    }

    /// One record class: how to take it apart and how to construct it.
    static final class Shape {
        private final Class<?> type;
        private final MethodHandle constructor; // (Object[]) -> Object
        private final MethodHandle[] accessors; // (Object) -> Object
        private final FieldCoding[] codings;
        private final String text;

        /// `around` are the records that this one is a part of.
        Shape(Class<?> type, List<Class<?>> around) {
            this.type = type;
            RecordComponent[] components = type.getRecordComponents();
            var within = new ArrayList<>(around);
            within.add(type);
            accessors = new MethodHandle[components.length];
            codings = new FieldCoding[components.length];
            var text = new StringBuilder(type.getName()).append('(');
            try {
                RecordFormat.class.getModule().addReads(type.getModule());
                var lookup = MethodHandles.privateLookupIn(type, MethodHandles.lookup());
                for (int i = 0; i < components.length; i++) {
                    RecordComponent component = components[i];
                    codings[i] = FieldCoding.of(component.getGenericType(), within, component);
                    accessors[i] = lookup.unreflect(component.getAccessor())
                            .asType(methodType(Object.class, Object.class));
                    text.append(codings[i].text()).append(' ').append(component.getName()).append(',');
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

        String text() {
            return text;
        }

        void write(Object value, GrowingBuffer to) {
            for (int i = 0; i < codings.length; i++) {
                codings[i].writer().write(component(i, value), to);
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

        Object read(RecordReader from) throws IOException {
            var values = new @Nullable Object[codings.length];
            for (int i = 0; i < codings.length; i++) {
                values[i] = codings[i].reader().read(from);
            }
            try {
                return (Object) constructor.invokeExact(values);
            } catch (Error e) {
                throw e;
            } catch (Throwable e) {
                throw BasicFormats.corrupted("the constructor of the record " + type.getName()
                        + " refused the values in the message: " + e, e);
            }
        }
    }
}
