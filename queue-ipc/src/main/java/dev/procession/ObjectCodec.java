package dev.procession;

import dev.procession.core.Message;
import java.io.IOException;
import java.io.Serial;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The codec of objects of listed classes. This class knows what may be listed, names the format and passes the work to
/// an [ObjectGraph] of which there is one per thread that is encoding or decoding at the moment.
///
/// Classes are numbers in the bytes, given in the order of their names, so that it does not matter in which order they
/// are listed; that the lists are the same is told by the codec's name.
final class ObjectCodec<E> implements Codec<E> {
    @Serial
    private static final long serialVersionUID = 1;

    static {
        // Kryo works as well without sun.misc.Unsafe, whose use the JDK reports on stderr and will forbid. This is its
        // own switch, read when its first class is loaded; who sets it on the command line is obeyed.
        if (System.getProperty("kryo.unsafe") == null) {
            System.setProperty("kryo.unsafe", "false");
        }
    }

    /// How many graphs are kept for the next messages, each some 30 KB: not one for each of a million virtual threads.
    private static final int MAX_IDLE = 64;

    private final Class<?>[] allowed; // sorted by name, sealed types replaced by their subtypes
    private final transient String name;
    private final transient Queue<ObjectGraph> idle = new ArrayBlockingQueue<>(MAX_IDLE);

    ObjectCodec(Class<?>... listed) {
        var byName = new TreeMap<String, Class<?>>();
        for (Class<?> type : listed) {
            allow(type, byName);
        }
        this.allowed = byName.values().toArray(Class<?>[]::new);
        this.name = nameOf(allowed);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void encode(E value, Encoder to) {
        BasicCodecs.requireItem(value, name);
        ObjectGraph graph = takeGraph();
        graph.write(value, to);
        idle.offer(graph); // not after an exception: Kryo then has half an object graph in its tables
    }

    @Override
    @SuppressWarnings("unchecked") // Codec.object(...) says that this is not checked
    public E decode(Message from) throws IOException {
        ObjectGraph graph = takeGraph();
        Object value = graph.read(from);
        idle.offer(graph);
        return (E) value;
    }

    private ObjectGraph takeGraph() {
        ObjectGraph graph = idle.poll();
        return graph == null ? new ObjectGraph(name, allowed) : graph;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ObjectCodec<?> codec && Arrays.equals(codec.allowed, allowed);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(allowed);
    }

    @Override
    public String toString() {
        return name;
    }

    /// Only the list of classes travels; what was derived from it is made anew.
    @Serial
    private Object readResolve() {
        return new ObjectCodec<>(allowed);
    }

    private static void allow(Class<?> type, Map<String, Class<?>> byName) {
        if (type.isSealed() && !type.isEnum()) {
            for (Class<?> subtype : type.getPermittedSubclasses()) {
                allow(subtype, byName);
            }
            if (Modifier.isAbstract(type.getModifiers())) {
                return;
            }
        }
        if (ObjectGraph.isAlwaysAllowed(type)) {
            return;
        }
        String reason = reasonAgainst(type);
        if (reason != null) {
            throw new IllegalArgumentException(type + " cannot be allowed: " + reason);
        }
        byName.put(type.getName(), type);
    }

    /// Why objects of this class could not be written and read completely, or null.
    private static @Nullable String reasonAgainst(Class<?> type) {
        if (type.isArray()) {
            return "list the class of its elements instead";
        }
        if (type.isEnum()) {
            return null;
        }
        if (Modifier.isAbstract(type.getModifiers())) {
            return "it has no objects of its own; list the classes that implement it";
        }
        if (type.isHidden() || type.isSynthetic()) {
            return "it is a lambda or another generated class";
        }
        if (isOfJdk(type)) {
            return "it belongs to the JDK and is not one of those that Codec.object(...) always allows";
        }
        if (!type.getModule().isOpen(type.getPackageName(), ObjectGraph.LIBRARY)) {
            return "let " + type.getModule() + " open the package " + type.getPackageName() + " to the module "
                    + ObjectGraph.LIBRARY.getName();
        }
        if (type.isRecord()) {
            return null;
        }
        for (Class<?> c = type; c != Object.class; c = c.getSuperclass()) {
            if (isOfJdk(c)) {
                return "it extends " + c.getName() + ", whose fields are not accessible";
            }
            for (Field field : c.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers())) {
                    continue;
                }
                if (field.isSynthetic()) {
                    return "it is an inner or local class that uses what is around it; make it static";
                }
                if (Modifier.isPublic(type.getModifiers() & field.getModifiers())
                        && !c.getModule().isExported(c.getPackageName())) {
                    // Kryo generates code for these, which then belongs to no module that a package can be opened to
                    return "it has the public field " + field.getName() + ", and " + c.getModule()
                            + " does not export the package " + c.getPackageName()
                            + "; export it, or make it not public";
                }
            }
        }
        return null;
    }

    static boolean isOfJdk(Class<?> type) {
        String module = type.getModule().getName();
        return module != null && (module.startsWith("java.") || module.startsWith("jdk."));
    }

    private static String nameOf(Class<?>[] allowed) {
        if (allowed.length == 0) {
            return "object";
        }
        String simpleNames = Arrays.stream(allowed).map(Class::getSimpleName).collect(Collectors.joining(","));
        String format = Arrays.stream(allowed).map(ObjectCodec::formatOf).collect(Collectors.joining(";"));
        return RecordCodec.name("object", "(" + simpleNames + ")", "(" + allowed.length + " classes)", format);
    }

    /// What the bytes of an object of this class depend on.
    private static String formatOf(Class<?> type) {
        if (type.isEnum()) {
            return RecordCodec.enumText(type);
        }
        var fields = new ArrayList<Field>();
        for (Class<?> c = type; c != null; c = c.getSuperclass()) {
            fields.addAll(List.of(c.getDeclaredFields()));
        }
        return fields.stream()
                .filter(field -> (field.getModifiers() & (Modifier.STATIC | Modifier.TRANSIENT)) == 0)
                .sorted(Comparator.comparing(Field::getName))
                .map(field -> field.getType().getName() + " " + field.getName())
                .collect(Collectors.joining(",", (type.isRecord() ? "record " : "class ") + type.getName() + "(", ")"));
    }
}
