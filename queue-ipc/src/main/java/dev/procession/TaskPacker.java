package dev.procession;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.ObjectStreamField;
import java.io.OutputStream;
import java.lang.invoke.SerializedLambda;
import java.util.LinkedHashSet;
import org.jspecify.annotations.Nullable;

/// Serializes a task. If that fails it does it a second time, now with a look at each object that passes, to be able to
/// say which one it was and who holds it: the JDK's own exception has nothing but the name of a class.
final class TaskPacker extends ObjectOutputStream {
    private final LinkedHashSet<Class<?>> seen = new LinkedHashSet<>();
    private @Nullable SerializedLambda lambda;
    private @Nullable Object last;
    private boolean failed;

    private TaskPacker() throws IOException {
        super(OutputStream.nullOutputStream());
        enableReplaceObject(true);
    }

    static byte[] pack(Task task, String workerName) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(task);
        } catch (NotSerializableException e) {
            throw new IllegalArgumentException(
                    "Worker \"" + workerName + "\" cannot take its task along: " + whatIsWrong(task, e.getMessage())
                            + ". Make that class Serializable, or have the task create the object itself.",
                    e);
        } catch (IOException e) {
            throw new IllegalArgumentException("Worker \"" + workerName + "\" cannot take its task along: " + e, e);
        }
        return bytes.toByteArray();
    }

    private static String whatIsWrong(Task task, String className) {
        String notSerializable = className + " is not Serializable";
        try (TaskPacker packer = new TaskPacker()) {
            try {
                packer.writeObject(task);
            } catch (NotSerializableException e) {
                return notSerializable + packer.whoHoldsTheLast();
            }
        } catch (IOException e) {
            // Something else this time: the objects have changed in between.
        }
        return notSerializable;
    }

    @Override
    protected Object replaceObject(Object object) {
        if (object instanceof NotSerializableException) {
            failed = true; // the stream ends with the exception itself
        }
        if (!failed) {
            if (object instanceof SerializedLambda next) {
                lambda = next;
            }
            seen.add(object.getClass());
            last = object;
        }
        return object;
    }

    private String whoHoldsTheLast() {
        if (lambda != null) {
            String capturing = lambda.getCapturingClass().replace('/', '.');
            for (int i = 0; i < lambda.getCapturedArgCount(); i++) {
                if (lambda.getCapturedArg(i) == last) {
                    boolean isThis = i == 0 && last.getClass().getName().equals(capturing);
                    return "; the lambda in " + capturing + " captures "
                            + (isThis ? "it, by using one of its fields or instance methods" : "such an object");
                }
            }
        }
        for (Class<?> each : seen.reversed()) {
            for (ObjectStreamField field : fieldsOf(each)) {
                if (!field.isPrimitive() && last != null && field.getType().isInstance(last)) {
                    return "; it is in field " + field.getName() + " of " + each.getName();
                }
            }
        }
        return "";
    }

    private static ObjectStreamField[] fieldsOf(Class<?> type) {
        ObjectStreamClass stream = ObjectStreamClass.lookup(type);
        return stream == null ? new ObjectStreamField[0] : stream.getFields();
    }
}
