package dev.procession.worker;

import dev.procession.classes.ParentClassLoader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.invoke.SerializedLambda;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// What all lambdas have in common that one place of a program makes, on both sides: their serialized form but for what
/// they capture. To find it out takes longer than all the rest of a small task, so it is done once.
final class LambdaForm {
    // ---- in the parent

    /// By the lambda's own class, which is hidden.
    private static final ClassValue<LambdaForm> forms = new ClassValue<>() {
        @Override
        protected LambdaForm computeValue(Class<?> type) {
            return new LambdaForm(type);
        }
    };

    private final @Nullable Method writeReplace;
    private volatile @Nullable Class<?> capturing;
    private volatile byte @Nullable [] parts;

    private LambdaForm(Class<?> type) {
        Method method = null;
        try {
            method = type.getDeclaredMethod("writeReplace");
        } catch (NoSuchMethodException e) {
            // it is not serializable
        }
        writeReplace = method != null && method.trySetAccessible() ? method : null;
    }

    static LambdaForm of(Object lambda) {
        return forms.get(lambda.getClass());
    }

    /// The serialized form of a lambda, or null if it has none or its module does not let us look: classes on the class
    /// path do.
    @Nullable
    SerializedLambda serialized(Object lambda) throws ReflectiveOperationException {
        return writeReplace != null && writeReplace.invoke(lambda) instanceof SerializedLambda form ? form : null;
    }

    Class<?> capturing(Object lambda, SerializedLambda form) throws ClassNotFoundException {
        Class<?> known = capturing;
        if (known != null) return known;
        String name = form.getCapturingClass().replace('/', '.');
        return capturing = Class.forName(name, false, lambda.getClass().getClassLoader());
    }

    void write(DataOutputStream out, SerializedLambda form) throws IOException {
        byte[] known = parts;
        if (known == null) parts = known = parts(form);
        out.writeInt(known.length);
        out.write(known);
    }

    private static byte[] parts(SerializedLambda form) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeUTF(form.getCapturingClass().replace('/', '.'));
        out.writeUTF(form.getFunctionalInterfaceClass());
        out.writeUTF(form.getFunctionalInterfaceMethodName());
        out.writeUTF(form.getFunctionalInterfaceMethodSignature());
        out.writeInt(form.getImplMethodKind());
        out.writeUTF(form.getImplClass());
        out.writeUTF(form.getImplMethodName());
        out.writeUTF(form.getImplMethodSignature());
        out.writeUTF(form.getInstantiatedMethodType());
        return bytes.toByteArray();
    }

    // ---- in the worker

    /// By what [#parts] made.
    private static final ConcurrentHashMap<ByteBuffer, Maker> makers = new ConcurrentHashMap<>();

    /// What makes lambdas anew.
    private record Maker(int loader, Class<?> capturing, Method deserialize, String type, String method,
            String signature, int kind, String implClass, String implMethod, String implSignature,
            String instantiated) {
        static Maker of(int loader, byte[] parts) throws IOException, ReflectiveOperationException {
            DataInputStream in = new DataInputStream(new ByteArrayInputStream(parts));
            Class<?> capturing = Class.forName(in.readUTF(), false, ParentClassLoader.of(loader));
            Method deserialize = capturing.getDeclaredMethod("$deserializeLambda$", SerializedLambda.class);
            deserialize.setAccessible(true);
            return new Maker(loader, capturing, deserialize, in.readUTF(), in.readUTF(), in.readUTF(), in.readInt(),
                    in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF());
        }

        Object make(Object[] captured) throws ReflectiveOperationException {
            return deserialize.invoke(null, new SerializedLambda(capturing, type, method, signature, kind, implClass,
                    implMethod, implSignature, instantiated, captured));
        }
    }

    /// What a lambda captures.
    interface Captured {
        Object[] read() throws IOException;
    }

    /// Reads what [#write] wrote, then what the lambda captures.
    ///
    /// @param loader the number of the loader of the class that has the lambda
    static Object read(DataInputStream in, int loader, Captured captured)
            throws IOException, ReflectiveOperationException {
        byte[] parts = new byte[in.readInt()];
        in.readFully(parts);
        ByteBuffer key = ByteBuffer.wrap(parts);
        Maker maker = makers.get(key);
        if (maker == null || maker.loader != loader) {
            maker = Maker.of(loader, parts);
            makers.put(key, maker);
        }
        return maker.make(captured.read());
    }
}
