package dev.procession;

import dev.procession.core.Message;
import java.io.Externalizable;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serial;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
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

    /// Of their classes, only records, enums and exceptions travel, and queues as addresses.
    private static final Set<String> LIBRARY_PACKAGES = Set.of("dev.procession", "dev.procession.core");

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
        String reason = type == SharedQueue.class ? null : reasonAgainst(type);
        if (reason != null) {
            throw new IllegalArgumentException(type + " cannot be allowed: " + reason);
        }
        byName.put(type.getName(), type);
    }

    /// How the codec of a queue is called in an item of a codec with these classes: those that read nothing that this one
    /// does not allow have a name.
    static @Nullable String nameWithin(Class<?>[] allowed, Codec<?> codec) {
        if (StatelessCodecs.contain(codec)) {
            return codec.name();
        }
        List<Class<?>> classes = List.of(allowed);
        if (codec instanceof RecordCodec<?> record && classes.contains(record.type())) {
            return "record:" + classes.indexOf(record.type());
        }
        if (codec instanceof ObjectCodec<?> object && classes.containsAll(List.of(object.allowed))) {
            return Arrays.stream(object.allowed)
                    .map(type -> String.valueOf(classes.indexOf(type)))
                    .collect(Collectors.joining(",", "object:", ""));
        }
        return null;
    }

    /// @throws IllegalArgumentException if there is none of this name
    static Codec<?> namedWithin(Class<?>[] allowed, String name) {
        Codec<?> stateless = StatelessCodecs.named(name);
        if (stateless != null) {
            return stateless;
        }
        boolean isRecord = name.startsWith("record:");
        if (!isRecord && !name.startsWith("object:")) {
            throw new IllegalArgumentException("there is no codec of that name");
        }
        String numbers = name.substring("object:".length());
        var classes = new ArrayList<Class<?>>();
        for (String each : numbers.isEmpty() ? new String[0] : numbers.split(",", -1)) {
            classes.add(allowed[Objects.checkIndex(Integer.parseInt(each), allowed.length)]);
        }
        return isRecord
                ? new RecordCodec<>(classes.getFirst().asSubclass(Record.class))
                : new ObjectCodec<>(classes.toArray(Class<?>[]::new));
    }

    /// Why objects of this class could not be written and read completely, or null.
    static @Nullable String reasonAgainst(Class<?> type) {
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
        if (Proxy.isProxyClass(type)) {
            return "it is a dynamic proxy";
        }
        if (Throwable.class.isAssignableFrom(type)) {
            return reasonAgainstThrowable(type);
        }
        if (isOfJdk(type)) {
            return "it belongs to the JDK and is not one of those that Codec.object(...) always allows";
        }
        if (type == SharedQueue.class) {
            return "list SharedQueue.class, if the reader may open queues whose addresses are in messages";
        }
        if (LIBRARY_PACKAGES.contains(type.getPackageName()) && !type.isRecord()) {
            return "it is a part of this process";
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
            if (hasFormOfItsOwn(c)) {
                return c.getName() + " replaces itself in Java serialization, or restores transient fields there, which"
                        + " is not done here; use a class that is no more than its fields";
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

    /// Those of the JDK travel too, by [SerialFields].
    private static @Nullable String reasonAgainstThrowable(Class<?> type) {
        for (Class<?> c = type; !isOfJdk(c); c = c.getSuperclass()) {
            if (hasFormOfItsOwn(c)) {
                return c.getName() + " replaces itself in Java serialization, or restores transient fields there, which"
                        + " is not done here";
            }
            for (Field field : ThrowableSerializer.ownFields(c)) {
                if (field.isSynthetic()) {
                    return "it is an inner or local class that uses what is around it; make it static";
                }
                Module library = ObjectCodec.class.getModule();
                if (!c.getModule().isOpen(c.getPackageName(), library)) {
                    return "let " + c.getModule() + " open the package " + c.getPackageName() + " to the module "
                            + library.getName();
                }
            }
        }
        return null;
    }

    /// Whether the fields of such an object are not all there is to it.
    private static boolean hasFormOfItsOwn(Class<?> type) {
        boolean restores = false;
        for (Method method : type.getDeclaredMethods()) {
            Class<?>[] parameters = method.getParameterTypes();
            if (parameters.length == 0
                    && (method.getName().equals("writeReplace") || method.getName().equals("readResolve"))) {
                return true;
            }
            restores |= method.getName().equals("readObject") && parameters.length == 1
                    && parameters[0] == ObjectInputStream.class;
        }
        return Externalizable.class.isAssignableFrom(type)
                || restores && Arrays.stream(type.getDeclaredFields())
                        .anyMatch(field -> Modifier.isTransient(field.getModifiers()));
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
