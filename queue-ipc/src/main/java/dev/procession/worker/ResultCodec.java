package dev.procession.worker;

import dev.procession.classes.ParentClassLoader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/// What a task returns or throws as bytes, on its way back to the parent: the counterpart of [TaskCodec]. Each class
/// names the parent's loader that the worker has it from, so it is the same class there again. A class that only the
/// worker has, since the task made a loader of its own, cannot be read there.
public final class ResultCodec {
    private static final byte NULL = 0;
    private static final byte PLAIN = 1;
    private static final byte SERIALIZED = 2;

    private ResultCodec() {}

    // ---- in the worker

    /// Packs a result.
    ///
    /// @param result what the task returns or throws
    /// @return the bytes
    /// @throws IOException if it cannot be serialized, with the reason
    public static byte[] pack(@Nullable Object result) throws IOException {
        if (result == null) return new byte[] {NULL};
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeByte(PLAIN);
        if (!TaskCodec.writePlain(out, result)) {
            bytes.reset();
            out.writeByte(SERIALIZED);
            writeObject(out, result);
        }
        return bytes.toByteArray();
    }

    private static void writeObject(DataOutputStream out, Object result) throws IOException {
        try {
            ObjectOutputStream stream = new ResultOutput(out);
            stream.writeObject(result);
            stream.flush(); // not closed: to close it after an OutOfMemoryError throws that again, or worse
        } catch (NotSerializableException e) {
            NotSerializableException why =
                    new NotSerializableException(TaskCodec.Culprit.find(result, e.getMessage()));
            why.initCause(e);
            throw why;
        }
    }

    private static final class ResultOutput extends ObjectOutputStream {
        ResultOutput(DataOutputStream out) throws IOException {
            super(out);
        }

        @Override
        protected void annotateClass(Class<?> type) throws IOException {
            while (type.isArray()) {
                type = type.getComponentType();
            }
            writeInt(ParentClassLoader.numberOf(type.getClassLoader()));
        }

        @Override
        protected void annotateProxyClass(Class<?> proxy) throws IOException {
            writeInt(ParentClassLoader.numberOf(proxy.getClassLoader()));
            for (Class<?> each : proxy.getInterfaces()) {
                writeInt(ParentClassLoader.numberOf(each.getClassLoader()));
            }
        }
    }

    // ---- in the parent

    /// Makes the result anew. Java deserialization is as safe here as for tasks: the bytes come from a process that
    /// this one has started, of the same user, through a file that is closed to others.
    ///
    /// @param bytes has what [#pack] made
    /// @param start where that begins
    /// @return the result
    /// @throws IOException if that fails
    /// @throws ClassNotFoundException if this process does not have one of its classes
    public static @Nullable Object unpack(byte[] bytes, int start) throws IOException, ClassNotFoundException {
        try (DataInputStream in =
                new DataInputStream(new ByteArrayInputStream(bytes, start, bytes.length - start))) {
            byte kind = in.readByte();
            if (kind == NULL) return null;
            if (kind == PLAIN) return TaskCodec.readPlain(in.readByte(), in);
            return new ResultInput(in).readObject();
        }
    }

    private static final class ResultInput extends ObjectInputStream {
        ResultInput(InputStream in) throws IOException {
            super(in);
        }

        private ClassLoader readLoader() throws IOException {
            int number = readInt();
            ClassLoader loader = number == 0 ? ClassLoader.getSystemClassLoader() : ClassServer.loader(number);
            if (loader == null) throw new IOException("the class loader of its class is gone");
            return loader;
        }

        @Override
        protected Class<?> resolveClass(ObjectStreamClass form) throws IOException, ClassNotFoundException {
            ClassLoader loader = readLoader();
            try {
                return Class.forName(form.getName(), false, loader);
            } catch (ClassNotFoundException e) {
                return super.resolveClass(form); // which knows the primitive types
            }
        }

        @Override
        protected Class<?> resolveProxyClass(String[] interfaces) throws IOException, ClassNotFoundException {
            ClassLoader loader = readLoader();
            Class<?>[] types = new Class<?>[interfaces.length];
            for (int i = 0; i < types.length; i++) {
                types[i] = Class.forName(interfaces[i], false, readLoader());
            }
            return Proxy.newProxyInstance(loader, types, (proxy, method, arguments) -> null).getClass();
        }
    }
}
