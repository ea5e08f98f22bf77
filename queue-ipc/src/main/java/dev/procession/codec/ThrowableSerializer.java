package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.KryoException;
import com.esotericsoftware.kryo.kryo5.Serializer;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A throwable is written as its fields, like any other object, and none of its constructors runs at reading. The
/// fields of the classes of the JDK that it extends are closed to reflection; [SerialFields] reaches them.
///
/// An unlisted throwable in one of the fields, which is the cause as a rule, or suppressed, is replaced by a
/// stand-in.
final class ThrowableSerializer extends Serializer<Throwable> {
    private static final ClassValue<Fields> FIELDS = new ClassValue<>() {
        @Override
        protected Fields computeValue(Class<?> type) {
            return new Fields(type);
        }
    };

    /// All fields of a throwable that travel, those of its most general class first.
    private static final class Fields {
        final List<SerialFields> ofJdk = new ArrayList<>();
        final List<Field> own = new ArrayList<>();
        final boolean takesStandIns;

        Fields(Class<?> type) {
            var classes = new ArrayList<Class<?>>();
            for (Class<?> c = type; c != Object.class; c = c.getSuperclass()) {
                classes.add(c);
            }
            for (Class<?> c : classes.reversed()) {
                if (SerialFields.isOfJdk(c)) {
                    ofJdk.add(SerialFields.of(c));
                    continue;
                }
                for (Field field : ownFields(c)) {
                    field.setAccessible(true);
                    own.add(field);
                }
            }
            try {
                takesStandIns = type.getMethod("getCause").getReturnType().isAssignableFrom(ItemTypes.get().standIn());
            } catch (NoSuchMethodException e) {
                throw new AssertionError(e);
            }
        }
    }

    /// The fields that one class declares and that travel, in an order that does not depend on the compiler.
    static List<Field> ownFields(Class<?> type) {
        var fields = new ArrayList<Field>();
        for (Field field : type.getDeclaredFields()) {
            if ((field.getModifiers() & (Modifier.STATIC | Modifier.TRANSIENT)) == 0) fields.add(field);
        }
        fields.sort((a, b) -> a.getName().compareTo(b.getName()));
        return fields;
    }

    @Override
    public void write(Kryo kryo, Output to, Throwable throwable) {
        Class<?> type = throwable.getClass();
        Fields fields = FIELDS.get(type);
        for (SerialFields each : fields.ofJdk) {
            Map<String, @Nullable Object> values = each.valuesOf(throwable);
            for (Map.Entry<String, Class<?>> field : each.types().entrySet()) {
                boolean takesStandIn =
                        fields.takesStandIns && field.getValue().isAssignableFrom(ItemTypes.get().standIn());
                write(kryo, to, values.get(field.getKey()), takesStandIn, field.getKey(), type);
            }
        }
        for (Field field : fields.own) {
            boolean takesStandIn = fields.takesStandIns && field.getType().isAssignableFrom(ItemTypes.get().standIn());
            try {
                write(kryo, to, field.get(throwable), takesStandIn, field.getName(), type);
            } catch (IllegalAccessException e) {
                throw new KryoException(e);
            }
        }
    }

    private static void write(Kryo kryo, Output to, @Nullable Object value, boolean takesStandIn, String field,
            Class<?> type) {
        try {
            if (value instanceof Throwable throwable && takesStandIn) {
                value = ((BoundedKryo) kryo).orStandIn(throwable);
            } else if (field.equals("suppressedExceptions") && value instanceof List<?> suppressed) {
                var list = new ArrayList<Object>();
                for (Object each : suppressed) {
                    list.add(((BoundedKryo) kryo).orStandIn((Throwable) each));
                }
                value = list;
            }
            kryo.writeClassAndObject(to, value);
        } catch (RuntimeException e) {
            throw at(field, type, e);
        }
    }

    @Override
    public Throwable read(Kryo kryo, Input from, Class<? extends Throwable> type) {
        Fields fields = FIELDS.get(type);
        Throwable throwable = kryo.newInstance(type);
        kryo.reference(throwable);
        for (SerialFields each : fields.ofJdk) {
            var values = new HashMap<String, @Nullable Object>();
            for (String field : each.types().keySet()) {
                values.put(field, read(kryo, from, field, type));
            }
            each.set(throwable, values);
        }
        for (Field field : fields.own) {
            Object value = read(kryo, from, field.getName(), type);
            try {
                field.set(throwable, value);
            } catch (IllegalAccessException e) {
                throw new KryoException(e);
            } catch (NullPointerException e) {
                throw new KryoException("it holds null for the " + field.getType() + " " + field.getName(), e);
            }
        }
        return throwable;
    }

    private static @Nullable Object read(Kryo kryo, Input from, String field, Class<?> type) {
        try {
            return kryo.readClassAndObject(from);
        } catch (RuntimeException e) {
            throw at(field, type, e);
        }
    }

    /// Tells the way to the culprit, as Kryo does for fields.
    private static KryoException at(String field, Class<?> type, RuntimeException thrown) {
        KryoException e = thrown instanceof KryoException kryos ? kryos : new KryoException(thrown);
        e.addTrace(field + " (" + type.getName() + ")");
        return e;
    }

    /// The frames of a stack trace, which print like the original ones; those that their constructor makes do not.
    static final class Frames extends Serializer<StackTraceElement> {
        Frames() {
            setImmutable(true);
        }

        @Override
        public void write(Kryo kryo, Output to, StackTraceElement frame) {
            SerialFields fields = SerialFields.of(StackTraceElement.class);
            Map<String, @Nullable Object> values = fields.valuesOf(frame);
            for (String field : fields.types().keySet()) {
                kryo.writeClassAndObject(to, values.get(field));
            }
        }

        @Override
        public StackTraceElement read(Kryo kryo, Input from, Class<? extends StackTraceElement> type) {
            SerialFields fields = SerialFields.of(StackTraceElement.class);
            StackTraceElement frame = kryo.newInstance(type);
            var values = new HashMap<String, @Nullable Object>();
            for (String field : fields.types().keySet()) {
                values.put(field, kryo.readClassAndObject(from));
            }
            fields.set(frame, values);
            frame.getClassName().getClass(); // its users rely on both
            frame.getMethodName().getClass();
            return frame;
        }
    }
}
