package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.Serializer;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import java.lang.reflect.Array;
import org.jspecify.annotations.Nullable;

/// Arrays, whose lengths are checked before they are made.
final class ArraySerializers {
    private ArraySerializers() {}

    static final class ObjectArrays extends Serializer<@Nullable Object[]> {
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
    static final class PrimitiveArrays<T> extends Serializer<T> {
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
}
