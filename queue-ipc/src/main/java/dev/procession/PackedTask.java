package dev.procession;

import dev.procession.classes.ParentClassLoader;
import dev.procession.core.Delivery;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.ObjectStreamField;
import java.io.OutputStream;
import java.lang.invoke.SerializedLambda;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A task as bytes, on its way to a worker: by Java serialization, except for a lambda that captures only plain values
/// and queues. That one is by far the most frequent, and an `ObjectInputStream` costs a new JVM about a third of the time
/// that it needs to come up at all: it reads the security properties and sets up logging. So we write the parts of such a
/// lambda's serialized form ourselves, and make the lambda in the way that Java serialization does.
final class PackedTask {
    /// What to do about an object that cannot be taken along.
    static final String INSTEAD =
            " Make that class Serializable, have the task create the object itself, or send it by a queue,"
                    + " for which Codec.record(...) and Codec.object(...) do not need it to be.";

    private static final byte SERIALIZED = 0;
    private static final byte LAMBDA = 1;
    private static final byte WITH_VARIABLES = 2;
    /// Characters, of up to three bytes each, that are sure to fit into the 64 KiB of `writeUTF`.
    private static final int LONGEST_UTF = 0xffff / 3;

    private PackedTask() {}

    // ---- in the parent

    /// @throws IllegalArgumentException if the task cannot be serialized, with the reason
    static byte[] pack(Task task, String workerName) {
        return pack(task, workerName, new TaskClasses(workerName));
    }

    /// @param classes gets those that the task needs
    /// @throws IllegalArgumentException if the task cannot be serialized or the worker cannot have its classes, with the
    ///     reason
    static byte[] pack(Task task, String workerName, TaskClasses classes) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            int context = classes.require(Thread.currentThread().getContextClassLoader());
            byte[] body = body(task, workerName, classes);
            out.writeUTF(classes.areServed() ? ClassServer.socket() : "");
            out.writeInt(context);
            out.write(body);
            return bytes.toByteArray();
        } catch (NotSerializableException e) {
            throw new IllegalArgumentException(
                    "Worker \"" + workerName + "\" cannot take its task along: " + Culprit.find(task, e.getMessage())
                            + "." + INSTEAD,
                    e);
        } catch (IOException e) {
            throw new IllegalArgumentException("Worker \"" + workerName + "\" cannot take its task along: " + e, e);
        } catch (OutOfMemoryError e) {
            OutOfMemoryError said = new OutOfMemoryError(
                    "Worker \"" + workerName + "\" cannot take its task along: " + e.getMessage()
                            + ". With all that it captures, in serialized form, a task has to fit into memory twice, and into"
                            + " 2 GB. Send the worker large data by a queue, or in a file.");
            said.initCause(e);
            throw said;
        }
    }

    private static byte[] body(Task task, String workerName, TaskClasses classes) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        SerializedLambda lambda = lambda(task);
        boolean isWritten = lambda != null && writeLambda(out, lambda, classes.require(capturing(task, lambda)));
        if (!isWritten) {
            bytes.reset();
            out.writeByte(SERIALIZED);
            classes.objectStream(out).writeObject(task);
        }
        if (classes.haveSnippets()) {
            bytes.reset();
            out.writeByte(WITH_VARIABLES);
            ObjectOutputStream stream = classes.objectStream(out);
            JShellVariables.write(task, workerName, stream);
            stream.writeObject(task);
            stream.flush();
        }
        return bytes.toByteArray();
    }

    private static Class<?> capturing(Task task, SerializedLambda lambda) {
        String name = lambda.getCapturingClass().replace('/', '.');
        try {
            return Class.forName(name, false, task.getClass().getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalArgumentException(
                    "The class loader of " + name + ", " + task.getClass().getClassLoader()
                            + ", does not find that class by its name: a worker cannot have it.",
                    e);
        }
    }

    /// The serialized form of a lambda, or null if the task is none or its module does not let us look: classes on the
    /// class path do.
    private static @Nullable SerializedLambda lambda(Task task) {
        if (!task.getClass().isHidden()) {
            return null;
        }
        try {
            Method form = task.getClass().getDeclaredMethod("writeReplace");
            return form.trySetAccessible() && form.invoke(task) instanceof SerializedLambda lambda ? lambda : null;
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    private static boolean writeLambda(DataOutputStream out, SerializedLambda lambda, int loader) throws IOException {
        out.writeByte(LAMBDA);
        out.writeInt(loader);
        out.writeUTF(lambda.getCapturingClass().replace('/', '.'));
        out.writeUTF(lambda.getFunctionalInterfaceClass());
        out.writeUTF(lambda.getFunctionalInterfaceMethodName());
        out.writeUTF(lambda.getFunctionalInterfaceMethodSignature());
        out.writeInt(lambda.getImplMethodKind());
        out.writeUTF(lambda.getImplClass());
        out.writeUTF(lambda.getImplMethodName());
        out.writeUTF(lambda.getImplMethodSignature());
        out.writeUTF(lambda.getInstantiatedMethodType());
        out.writeInt(lambda.getCapturedArgCount());
        for (int i = 0; i < lambda.getCapturedArgCount(); i++) {
            Object value = lambda.getCapturedArg(i);
            for (int j = 0; j < i; j++) {
                if (lambda.getCapturedArg(j) == value && value instanceof SharedQueue) {
                    return false; // one and the same handle: Java serialization keeps it one
                }
            }
            if (!writePlain(out, value)) {
                return false;
            }
        }
        return true;
    }

    /// (No pattern switch: its first use costs a JVM more than all the rest here.)
    private static boolean writePlain(DataOutputStream out, @Nullable Object value) throws IOException {
        if (value instanceof Integer number) {
            out.writeByte('i');
            out.writeInt(number);
        } else if (value instanceof Long number) {
            out.writeByte('l');
            out.writeLong(number);
        } else if (value instanceof Double number) {
            out.writeByte('d');
            out.writeDouble(number);
        } else if (value instanceof Boolean truth) {
            out.writeByte('b');
            out.writeBoolean(truth);
        } else if (value instanceof String text && text.length() <= LONGEST_UTF) {
            out.writeByte('s');
            out.writeUTF(text); // which keeps halves of surrogate pairs, as Java serialization does
        } else if (value instanceof SharedQueue<?> queue && isStateless(queue.codec)) {
            out.writeByte('q');
            out.writeUTF(queue.address());
            out.writeUTF(queue.codec.name());
            out.writeUTF(queue.consumers.name());
        } else {
            return false;
        }
        return true;
    }

    static boolean isStateless(Codec<?> codec) {
        return codec.equals(statelessCodec(codec.name()));
    }

    static @Nullable Codec<?> statelessCodec(String name) {
        return switch (name) {
            case "bytes" -> Codec.bytes();
            case "utf8" -> Codec.utf8();
            case "int32" -> Codec.int32();
            case "int64" -> Codec.int64();
            case "float64" -> Codec.float64();
            default -> null;
        };
    }

    /// Sends a packed task to a worker's standard input, and ends that: there is no more to read for the task.
    static void send(byte[] packed, OutputStream standardInput) {
        try (DataOutputStream out = new DataOutputStream(standardInput)) {
            out.writeInt(packed.length);
            out.write(packed);
        } catch (IOException e) {
            // The worker ended before it had read all: its exit tells why.
        }
    }

    // ---- in the worker

    static Task receive(InputStream standardInput) throws IOException, ReflectiveOperationException {
        byte[] packed = new byte[new DataInputStream(standardInput).readInt()];
        if (standardInput.readNBytes(packed, 0, packed.length) < packed.length) {
            throw new EOFException("The parent process ended before it had sent the task.");
        }
        return unpack(packed);
    }

    /// Java deserialization is safe here: the bytes come from the process that started this one, of the same user, with
    /// the same classes, through a pipe that nobody else can write to.
    static Task unpack(byte[] bytes) throws IOException, ReflectiveOperationException {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            String socket = in.readUTF();
            if (!socket.isEmpty()) {
                ParentClassLoader.listenTo(socket);
            }
            int context = in.readInt();
            if (context != 0) {
                Thread.currentThread().setContextClassLoader(ParentClassLoader.of(context));
            }
            byte kind = in.readByte();
            if (kind == LAMBDA) {
                return readLambda(in);
            }
            ObjectInputStream stream = new TaskStream(in);
            if (kind == WITH_VARIABLES) {
                JShellVariables.read(stream);
            }
            return (Task) stream.readObject();
        } catch (ClassNotFoundException e) {
            throw new ClassNotFoundException(
                    "The task needs class " + e.getMessage() + ", which is not on the class path or module path of the"
                            + " worker. It has the paths that its parent was started with.",
                    e);
        }
    }

    /// What [TaskClasses#objectStream] is for the parent.
    private static final class TaskStream extends ObjectInputStream {
        TaskStream(InputStream in) throws IOException {
            super(in);
        }

        @Override
        protected Class<?> resolveClass(ObjectStreamClass form) throws IOException, ClassNotFoundException {
            ClassLoader loader = ParentClassLoader.of(readInt());
            try {
                return Class.forName(form.getName(), false, loader);
            } catch (ClassNotFoundException e) {
                return super.resolveClass(form); // which knows the primitive types
            }
        }

        @Override
        protected Class<?> resolveProxyClass(String[] interfaces) throws IOException, ClassNotFoundException {
            ClassLoader loader = ParentClassLoader.of(readInt());
            Class<?>[] types = new Class<?>[interfaces.length];
            for (int i = 0; i < types.length; i++) {
                types[i] = Class.forName(interfaces[i], false, ParentClassLoader.of(readInt()));
            }
            return Proxy.newProxyInstance(loader, types, (proxy, method, arguments) -> null).getClass();
        }
    }

    private static Task readLambda(DataInputStream in) throws IOException, ReflectiveOperationException {
        ClassLoader loader = ParentClassLoader.of(in.readInt());
        Class<?> capturing = Class.forName(in.readUTF(), false, loader);
        String type = in.readUTF();
        String method = in.readUTF();
        String signature = in.readUTF();
        int kind = in.readInt();
        String implClass = in.readUTF();
        String implMethod = in.readUTF();
        String implSignature = in.readUTF();
        String instantiated = in.readUTF();
        Object[] captured = new Object[in.readInt()];
        for (int i = 0; i < captured.length; i++) {
            captured[i] = readPlain(in);
        }
        Method deserialize = capturing.getDeclaredMethod("$deserializeLambda$", SerializedLambda.class);
        deserialize.setAccessible(true);
        return (Task) deserialize.invoke(
                null,
                new SerializedLambda(
                        capturing,
                        type,
                        method,
                        signature,
                        kind,
                        implClass,
                        implMethod,
                        implSignature,
                        instantiated,
                        captured));
    }

    private static Object readPlain(DataInputStream in) throws IOException {
        byte kind = in.readByte();
        return switch (kind) {
            case 'i' -> in.readInt();
            case 'l' -> in.readLong();
            case 'd' -> in.readDouble();
            case 'b' -> in.readBoolean();
            case 'q' -> readQueue(in);
            case 's' -> in.readUTF();
            default -> throw new IOException("kind=" + kind);
        };
    }

    private static SharedQueue<?> readQueue(DataInputStream in) throws IOException {
        Path path = SharedQueue.ofAddress(in.readUTF());
        Codec<?> codec = Objects.requireNonNull(statelessCodec(in.readUTF()));
        return SharedQueue.open(path, codec, Delivery.valueOf(in.readUTF()));
    }

    /// Finds the object that could not be serialized, and who holds it; the JDK's own exception has nothing but the
    /// name of a class. It serializes once more, with a look at each object that passes.
    private static final class Culprit extends ObjectOutputStream {
        private final LinkedHashSet<Class<?>> seen = new LinkedHashSet<>();
        private @Nullable SerializedLambda lambda;
        private @Nullable Object last;
        private boolean failed;

        private Culprit() throws IOException {
            super(OutputStream.nullOutputStream());
            enableReplaceObject(true);
        }

        static String find(Task task, String className) {
            String notSerializable = className + " is not Serializable";
            try (Culprit culprit = new Culprit()) {
                try {
                    culprit.writeObject(task);
                } catch (NotSerializableException e) {
                    return notSerializable + culprit.holder();
                }
            } catch (IOException e) {
                // Something else this time: the objects have changed in between.
            }
            return notSerializable;
        }

        @Override
        protected Object replaceObject(Object object) {
            failed |= object instanceof NotSerializableException; // which the stream ends with
            if (!failed) {
                if (object instanceof SerializedLambda form) {
                    lambda = form;
                }
                seen.add(object.getClass());
                last = object;
            }
            return object;
        }

        private String holder() {
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
                ObjectStreamClass form = ObjectStreamClass.lookup(each);
                for (ObjectStreamField field : form == null ? new ObjectStreamField[0] : form.getFields()) {
                    if (!field.isPrimitive() && field.getType().isInstance(last)) {
                        return "; it is in field " + field.getName() + " of " + each.getName();
                    }
                }
            }
            return "";
        }
    }
}
