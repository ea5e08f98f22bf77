package dev.procession.codec;

import static java.lang.invoke.MethodType.methodType;

import com.esotericsoftware.kryo.kryo5.KryoException;
import java.io.IOException;
import java.io.NotActiveException;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.ObjectOutput;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.ObjectStreamField;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The serializable fields that one class of the JDK declares, by name. They are closed to reflection, but the JDK lets
/// libraries for serialization use the methods by which an `ObjectOutputStream` gets and an `ObjectInputStream` sets
/// them: `writeObject` and `readObject` of that class, or what is done in place of them. We hand these a stream that
/// has nothing but such fields.
///
/// `sun.reflect.ReflectionFactory`, of the module `jdk.unsupported`, is the supported way; the compiler warns about its
/// name, so it is called by method handles.
final class SerialFields {
    private static final ClassValue<SerialFields> OF = new ClassValue<>() {
        @Override
        protected SerialFields computeValue(Class<?> type) {
            return new SerialFields(type);
        }
    };

    static SerialFields of(Class<?> type) {
        return OF.get(type);
    }

    /// Whether the fields that the class declares are reached so, and only so.
    static boolean isOfJdk(Class<?> type) {
        String module = type.getModule().getName();
        return module != null && (module.startsWith("java.") || module.startsWith("jdk."));
    }

    private final Class<?> type;
    private final Map<String, Class<?>> types = new LinkedHashMap<>();
    private final @Nullable MethodHandle defaultGet; // (Object, ObjectOutputStream) -> void
    private final @Nullable MethodHandle defaultSet; // (Object, ObjectInputStream) -> void
    private final @Nullable MethodHandle get;
    private final @Nullable MethodHandle set;

    private SerialFields(Class<?> type) {
        this.type = type;
        ObjectStreamClass form = ObjectStreamClass.lookup(type);
        for (ObjectStreamField field : form == null ? new ObjectStreamField[0] : form.getFields()) {
            types.put(field.getName(), field.getType());
        }
        defaultGet = method("defaultWriteObjectForSerialization", ObjectOutputStream.class);
        defaultSet = method("defaultReadObjectForSerialization", ObjectInputStream.class);
        MethodHandle ownGet = method("writeObjectForSerialization", ObjectOutputStream.class);
        MethodHandle ownSet = method("readObjectForSerialization", ObjectInputStream.class);
        get = ownGet == null ? defaultGet : ownGet;
        set = ownSet == null ? defaultSet : ownSet;
    }

    private @Nullable MethodHandle method(String which, Class<?> stream) {
        try {
            Class<?> factory = Class.forName("sun.reflect.ReflectionFactory");
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            Object instance = lookup.findStatic(factory, "getReflectionFactory", methodType(factory)).invoke();
            var found = (@Nullable MethodHandle) lookup
                    .findVirtual(factory, which, methodType(MethodHandle.class, Class.class))
                    .invoke(instance, type);
            return found == null ? null : found.asType(methodType(void.class, Object.class, stream));
        } catch (Throwable e) {
            throw new IllegalArgumentException("the fields of " + type.getName() + " are not accessible: " + e, e);
        }
    }

    /// The names of the fields and what they hold, in the order in which they are written.
    Map<String, Class<?>> types() {
        return types;
    }

    Map<String, @Nullable Object> valuesOf(Object object) {
        try {
            var values = new Values(object);
            if (get != null) get.invokeExact(object, (ObjectOutputStream) values);
            return values.values;
        } catch (Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalArgumentException(
                    "a " + object.getClass().getName() + " does not say what is in the fields"
                            + " of its class " + type.getName() + ": " + e,
                    e instanceof IOException ? null : e);
        }
    }

    /// @throws KryoException if the class refuses the values
    void set(Object object, Map<String, @Nullable Object> values) {
        try {
            if (set != null) set.invokeExact(object, (ObjectInputStream) new Source(object, values));
        } catch (Error e) {
            throw e;
        } catch (Throwable e) {
            throw new KryoException(type.getName() + " refuses what is to be in its fields: " + e);
        }
    }

    /// What a class's own method calls for the fields as they are.
    private static void callDefault(@Nullable MethodHandle handle, Object object, Object stream) throws IOException {
        if (handle == null) throw new NotSerializableException("it has a form of its own");
        try {
            handle.invoke(object, stream);
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IOException(e);
        }
    }

    /// Whatever else than fields a class wants to write fails.
    private final class Values extends ObjectOutputStream {
        private final Object object;
        final Map<String, @Nullable Object> values = new HashMap<>();

        Values(Object object) throws IOException {
            this.object = object;
        }

        @Override
        public void defaultWriteObject() throws IOException {
            callDefault(defaultGet, object, this);
        }

        @Override
        protected void writeObjectOverride(@Nullable Object value) throws IOException {
            throw new NotActiveException("it writes objects outside of its fields");
        }

        @Override
        public void writeFields() {
            // They are in the map.
        }

        @Override
        public PutField putFields() {
            return new PutField() {
                @Override
                public void put(String name, boolean value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, byte value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, char value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, short value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, int value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, long value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, float value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, double value) {
                    values.put(name, value);
                }

                @Override
                public void put(String name, @Nullable Object value) {
                    values.put(name, value);
                }

                @Override
                @SuppressWarnings("removal") // abstract as long as it is there
                public void write(ObjectOutput to) throws IOException {
                    throw new NotActiveException();
                }
            };
        }
    }

    private final class Source extends ObjectInputStream {
        private final Object object;
        private final Map<String, @Nullable Object> values;

        Source(Object object, Map<String, @Nullable Object> values) throws IOException {
            this.object = object;
            this.values = values;
        }

        @Override
        public void defaultReadObject() throws IOException {
            callDefault(defaultSet, object, this);
        }

        @Override
        protected Object readObjectOverride() throws IOException {
            throw new NotActiveException("it reads objects outside of its fields");
        }

        @Override
        public GetField readFields() {
            return new GetField() {
                @Override
                public ObjectStreamClass getObjectStreamClass() {
                    return ObjectStreamClass.lookup(type);
                }

                @Override
                public boolean defaulted(String name) {
                    return !values.containsKey(name);
                }

                // Each value is there; if it is of another type, it is not what this class wrote, and the cast fails.

                @Override
                public boolean get(String name, boolean other) {
                    return (boolean) value(name);
                }

                @Override
                public byte get(String name, byte other) {
                    return (byte) value(name);
                }

                @Override
                public char get(String name, char other) {
                    return (char) value(name);
                }

                @Override
                public short get(String name, short other) {
                    return (short) value(name);
                }

                @Override
                public int get(String name, int other) {
                    return (int) value(name);
                }

                @Override
                public long get(String name, long other) {
                    return (long) value(name);
                }

                @Override
                public float get(String name, float other) {
                    return (float) value(name);
                }

                @Override
                public double get(String name, double other) {
                    return (double) value(name);
                }

                @Override
                public @Nullable Object get(String name, @Nullable Object other) {
                    return values.get(name);
                }

                private Object value(String name) {
                    return Objects.requireNonNull(values.get(name), name);
                }
            };
        }
    }
}
