package dev.procession.worker;

import java.io.IOException;
import java.io.InputStream;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.NewObjectInstruction;
import java.lang.constant.DirectMethodHandleDesc;
import java.lang.invoke.SerializedLambda;
import java.lang.reflect.Field;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What a task uses of what was typed into JShell. A variable there seems to be a local one, and a thread's task sees
/// its value; but JShell keeps it in a static field, which no lambda captures and which is empty in another process. So
/// those that a task can reach by way of the snippets' code go along with it, with the values that they have at that
/// moment.
///
/// JShell puts each snippet into a class `REPL.$JShell$` and a number, and classes that are declared in it inside of
/// that.
final class JShellVariables {
    /// What to do about an object that cannot be taken along.
    static final String INSTEAD =
            " Make that class Serializable, have the task create the object itself, or send it by a queue,"
                    + " for which Codec.record(...) and Codec.object(...) do not need it to be.";

    private static final String PREFIX = "REPL.$JShell$";

    private @Nullable ClassLoader loader; // of snippets: the task's own class may be one of the library's, around them
    private final String workerName;
    private final Map<Field, Object> values = new LinkedHashMap<>();
    private final Map<String, ClassModel> models = new HashMap<>();
    private final Set<String> seen = new HashSet<>();
    /// Code that is still to be looked through: `class.method(descriptor)`, or only the class for all of its methods.
    private final Deque<String> code = new ArrayDeque<>();

    private JShellVariables(String workerName) {
        this.workerName = workerName;
    }

    static boolean isSnippet(String className) {
        return className.startsWith(PREFIX);
    }

    /// A snippet's own class, which has its variables and methods, and not one that was declared in it.
    private static boolean isWrapper(String className) {
        return isSnippet(className) && className.indexOf('$', PREFIX.length()) < 0;
    }

    // ---- in the parent

    /// @throws IllegalArgumentException if the value of one cannot be serialized
    static void write(Object task, String workerName, ObjectOutputStream out) throws IOException {
        JShellVariables variables = new JShellVariables(workerName);
        variables.lookThrough(task);
        variables.lookThroughCode();
        out.writeInt(variables.values.size());
        for (Map.Entry<Field, Object> each : variables.values.entrySet()) {
            out.writeObject(each.getKey().getDeclaringClass());
            out.writeUTF(each.getKey().getName());
            out.writeObject(each.getValue());
        }
    }

    /// Finds the code of snippets that an object brings along.
    private void lookThrough(Object object) throws IOException {
        try (ObjectOutputStream stream = new ObjectOutputStream(OutputStream.nullOutputStream()) {
            {
                enableReplaceObject(true);
            }

            @Override
            protected Object replaceObject(Object each) {
                if (each instanceof SerializedLambda lambda) {
                    need(lambda.getImplClass(), lambda.getImplMethodName(), lambda.getImplMethodSignature());
                }
                return each;
            }

            @Override
            protected void annotateClass(Class<?> type) { // also of what captures a lambda
                if (isSnippet(type.getName())) loader = type.getClassLoader();
                needAll(type.getName());
            }
        }) {
            stream.writeObject(object);
        }
    }

    private void needAll(String className) {
        if (isSnippet(className) && !isWrapper(className) && seen.add(className)) {
            code.add(className);
        }
    }

    private void need(String internalClassName, String method, String descriptor) {
        String className = internalClassName.replace('/', '.');
        String key = className + "." + method + descriptor;
        if (isWrapper(className) && seen.add(key)) {
            code.add(key);
        }
        needAll(className);
    }

    private void lookThroughCode() throws IOException {
        for (String next; (next = code.poll()) != null;) {
            int dot = next.indexOf('.', PREFIX.length());
            ClassModel model = model(dot < 0 ? next : next.substring(0, dot));
            if (model == null) continue;
            if (dot < 0) {
                model.superclass().ifPresent(type -> needAll(type.asInternalName().replace('/', '.')));
            }
            for (MethodModel method : model.methods()) {
                String name = method.methodName().stringValue() + method.methodType().stringValue();
                if (dot < 0 || name.equals(next.substring(dot + 1))) {
                    lookThrough(method);
                }
            }
        }
    }

    private void lookThrough(MethodModel method) throws IOException {
        if (method.code().isEmpty()) return;
        for (CodeElement each : method.code().get()) {
            switch (each) {
                case FieldInstruction field when field.opcode() == Opcode.GETSTATIC -> take(field);
                case FieldInstruction field -> needAll(field.owner().asInternalName().replace('/', '.'));
                case InvokeInstruction call -> need(
                        call.owner().asInternalName(), call.name().stringValue(), call.type().stringValue());
                case InvokeDynamicInstruction call -> call.bootstrapArgs().forEach(argument -> {
                    if (argument instanceof DirectMethodHandleDesc handle) {
                        String owner = handle.owner().descriptorString();
                        need(
                                owner.substring(1, owner.length() - 1), handle.methodName(),
                                handle.lookupDescriptor());
                    }
                });
                case NewObjectInstruction made -> needAll(made.className().asInternalName().replace('/', '.'));
                default -> {
                }
            }
        }
    }

    private void take(FieldInstruction read) throws IOException {
        String owner = read.owner().asInternalName().replace('/', '.');
        String name = read.name().stringValue();
        needAll(owner);
        if (!isWrapper(owner) || !seen.add(owner + " " + name)) return;
        try {
            Field field = Class.forName(owner, false, loader).getDeclaredField(name);
            field.setAccessible(true);
            Object value = field.get(null);
            if (value != null) {
                lookThrough(value);
                values.put(field, value);
            }
        } catch (ReflectiveOperationException e) {
            // Then the worker's JVM will not find it either, and says so.
        } catch (NotSerializableException e) {
            throw new IllegalArgumentException(
                    "Worker \"" + workerName + "\" cannot take along JShell's variable " + name
                            + ", which its task uses: " + e.getMessage() + " is not Serializable."
                            + INSTEAD,
                    e);
        }
    }

    private @Nullable ClassModel model(String className) throws IOException {
        ClassModel model = models.get(className);
        if (model == null) {
            try (InputStream in = ClassServer.open(Class.forName(className, false, loader))) {
                if (in == null) return null;
                model = ClassFile.of().parse(in.readAllBytes());
                models.put(className, model);
            } catch (ClassNotFoundException e) {
                return null;
            }
        }
        return model;
    }

    // ---- in the worker

    static void read(ObjectInputStream in) throws IOException, ReflectiveOperationException {
        for (int left = in.readInt(); left > 0; left--) {
            Class<?> snippet = (Class<?>) in.readObject();
            Field field = snippet.getDeclaredField(in.readUTF());
            field.setAccessible(true);
            field.set(null, in.readObject());
        }
    }
}
