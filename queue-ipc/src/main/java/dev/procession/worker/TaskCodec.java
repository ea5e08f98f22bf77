package dev.procession.worker;

import dev.procession.classes.ParentClassLoader;
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
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.LinkedHashSet;
import org.jspecify.annotations.Nullable;

/// A task as bytes, on its way to a worker: by Java serialization, except for a lambda that captures only plain values,
/// bytes and queues. That one is by far the most frequent, and an `ObjectInputStream` costs a new JVM about a third of
/// the time that it needs to come up at all: it reads the security properties and sets up logging. So we write the
/// parts of such a lambda's serialized form ourselves, and make the lambda in the way that Java serialization does.
public final class TaskCodec {
    private static final byte SERIALIZED = 0;
    private static final byte LAMBDA = 1;
    private static final byte WITH_VARIABLES = 2;
    /// Characters, of up to three bytes each, that are sure to fit into the 64 KiB of `writeUTF`.
    private static final int LONGEST_UTF = 0xffff / 3;

    private TaskCodec() {}

    // ---- in the parent

    /// Packs a task whose classes each worker has.
    ///
    /// @param task the task
    /// @param workerName for messages
    /// @param tasks what is known of it
    /// @return the bytes
    /// @throws IllegalArgumentException if the task cannot be serialized, with the reason
    public static byte[] pack(Object task, String workerName, Tasks tasks) {
        return pack(task, workerName, new TaskClasses(workerName), tasks);
    }

    /// @param classes gets those that the task needs
    /// @throws IllegalArgumentException if the task cannot be serialized or the worker cannot have its classes, with
    ///     the reason
    static byte[] pack(Object task, String workerName, TaskClasses classes, Tasks tasks) {
        Bytes head = new Bytes();
        try (DataOutputStream out = new DataOutputStream(head)) {
            int context = classes.require(Thread.currentThread().getContextClassLoader());
            Bytes body = body(task, workerName, classes, tasks);
            out.writeUTF(classes.areServed() ? ClassDirectory.socket() : "");
            out.writeInt(context);
            return head.followedBy(body);
        } catch (NotSerializableException e) {
            throw new IllegalArgumentException(
                    "Worker \"" + workerName + "\" cannot take its task along: " + Culprit.find(task, e.getMessage())
                            + "." + JShellVariables.INSTEAD,
                    e);
        } catch (IOException e) {
            throw new IllegalArgumentException("Worker \"" + workerName + "\" cannot take its task along: "
                    + Failure.text(e), e);
        } catch (StackOverflowError e) {
            throw new IllegalArgumentException(
                    "Worker \"" + workerName + "\" cannot take its task along: what it captures is too deep for Java"
                            + " serialization, as a long list whose nodes lead to each other. Use an array or a list of"
                            + " the JDK instead.",
                    e);
        } catch (OutOfMemoryError e) {
            OutOfMemoryError said = new OutOfMemoryError(
                    "Worker \"" + workerName + "\" cannot take its task along: " + e.getMessage()
                            + ". With all that it captures, in serialized form, a task has to fit into memory twice,"
                            + " and into 2 GB. Send the worker large data by a queue, or in a file.");
            said.initCause(e);
            throw said;
        }
    }

    /// Large tasks are copied as seldom as can be.
    private static final class Bytes extends ByteArrayOutputStream {
        byte[] followedBy(Bytes other) {
            if (count + other.count < 0) throw new OutOfMemoryError("Required length exceeds implementation limit");
            byte[] all = Arrays.copyOf(buf, count + other.count);
            System.arraycopy(other.buf, 0, all, count, other.count);
            return all;
        }
    }

    private static Bytes body(Object task, String workerName, TaskClasses classes, Tasks tasks) throws IOException {
        Bytes bytes = new Bytes();
        DataOutputStream out = new DataOutputStream(bytes);
        SerializedLambda lambda = lambda(task);
        boolean isWritten =
                lambda != null && writeLambda(out, task, lambda, classes.require(capturing(task, lambda)), tasks);
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
        return bytes;
    }

    private static Class<?> capturing(Object task, SerializedLambda lambda) {
        try {
            return LambdaForm.of(task).capturing(task, lambda);
        } catch (ClassNotFoundException e) {
            throw new IllegalArgumentException(
                    "The class loader of " + lambda.getCapturingClass().replace('/', '.') + ", "
                            + task.getClass().getClassLoader()
                            + ", does not find that class by its name: a worker cannot have it.",
                    e);
        }
    }

    /// The serialized form of a lambda, or null if the task is none, or its module does not let us look.
    private static @Nullable SerializedLambda lambda(Object task) {
        if (!task.getClass().isHidden()) return null;
        try {
            return LambdaForm.of(task).serialized(task);
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    private static boolean writeLambda(DataOutputStream out, Object task, SerializedLambda lambda, int loader,
            Tasks tasks) throws IOException {
        out.writeByte(LAMBDA);
        out.writeInt(loader);
        LambdaForm.of(task).write(out, lambda);
        out.writeInt(lambda.getCapturedArgCount());
        for (int i = 0; i < lambda.getCapturedArgCount(); i++) {
            Object value = lambda.getCapturedArg(i);
            if (value instanceof byte[] && isCapturedBefore(lambda, i)) return false;
            if (writePlain(out, value)) continue;
            if (isCapturedBefore(lambda, i) || !writeQueue(out, value, tasks)) return false;
        }
        return true;
    }

    /// One and the same handle, or array, twice: Java serialization keeps it one.
    private static boolean isCapturedBefore(SerializedLambda lambda, int index) {
        for (int i = 0; i < index; i++) {
            if (lambda.getCapturedArg(i) == lambda.getCapturedArg(index)) return true;
        }
        return false;
    }

    private static boolean writeQueue(DataOutputStream out, @Nullable Object value, Tasks tasks) throws IOException {
        out.writeByte('q'); // whatever comes after false is written anew
        return tasks.writeQueue(out, value);
    }

    /// (No pattern switch: its first use costs a JVM more than all the rest here.)
    static boolean writePlain(DataOutputStream out, @Nullable Object value) throws IOException {
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
        } else if (value instanceof byte[] bytes) {
            out.writeByte('a');
            out.writeInt(bytes.length);
            out.write(bytes);
        } else {
            return false;
        }
        return true;
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

    static Object receive(InputStream standardInput, Tasks tasks)
            throws IOException, ReflectiveOperationException {
        byte[] packed = new byte[new DataInputStream(standardInput).readInt()];
        if (standardInput.readNBytes(packed, 0, packed.length) < packed.length) {
            throw new EOFException("The parent process ended before it had sent the task.");
        }
        return unpack(packed, tasks);
    }

    /// Makes the task anew. Java deserialization is safe here: the bytes come from the process that started this one,
    /// of the same user, with the same classes, through a pipe that no other process can write to.
    ///
    /// @param bytes what [#pack] made
    /// @param tasks what is known of tasks
    /// @return the task
    /// @throws IOException if that fails
    /// @throws ReflectiveOperationException if it does because of its classes
    public static Object unpack(byte[] bytes, Tasks tasks) throws IOException, ReflectiveOperationException {
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
            if (kind == LAMBDA) return readLambda(in, tasks);
            ObjectInputStream stream = new TaskStream(in);
            if (kind == WITH_VARIABLES) {
                JShellVariables.read(stream);
            }
            return stream.readObject();
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

    private static Object readLambda(DataInputStream in, Tasks tasks)
            throws IOException, ReflectiveOperationException {
        return LambdaForm.read(in, in.readInt(), () -> {
            Object[] captured = new Object[in.readInt()];
            for (int i = 0; i < captured.length; i++) {
                captured[i] = readCaptured(in, tasks);
            }
            return captured;
        });
    }

    private static Object readCaptured(DataInputStream in, Tasks tasks) throws IOException {
        byte kind = in.readByte();
        return kind == 'q' ? tasks.readQueue(in) : readPlain(kind, in);
    }

    static Object readPlain(byte kind, DataInputStream in) throws IOException {
        return switch (kind) {
            case 'i' -> in.readInt();
            case 'l' -> in.readLong();
            case 'd' -> in.readDouble();
            case 'b' -> in.readBoolean();
            case 's' -> in.readUTF();
            case 'a' -> {
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                yield bytes;
            }
            default -> throw new IOException("kind=" + kind);
        };
    }

    /// Finds the object that could not be serialized, and who holds it; the JDK's own exception has nothing but the
    /// name of a class. It serializes once more, with a look at each object that passes.
    static final class Culprit extends ObjectOutputStream {
        private final LinkedHashSet<Class<?>> seen = new LinkedHashSet<>();
        private @Nullable SerializedLambda lambda;
        private @Nullable Object last;
        private boolean failed;

        private Culprit() throws IOException {
            super(OutputStream.nullOutputStream());
            enableReplaceObject(true);
        }

        static String find(Object task, String className) {
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
