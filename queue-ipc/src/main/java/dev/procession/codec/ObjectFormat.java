package dev.procession.codec;

import dev.procession.core.Message;
import java.io.IOException;
import java.io.Serial;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The format of objects of listed classes: names it and passes the work to an [ObjectGraph], of which there is one per
/// thread that is encoding or decoding at the moment.
///
/// Classes are numbers in the bytes, given in the order of their names, so that it does not matter in which order they
/// are listed; that the lists are the same is told by the codec's name.
public final class ObjectFormat<E> implements Format<E> {
    @Serial
    private static final long serialVersionUID = 1;

    static {
        // Kryo works as well without sun.misc.Unsafe, whose use the JDK reports on stderr and will forbid. This is its
        // own switch, read when its first class is loaded; who sets it on the command line is obeyed.
        if (System.getProperty("kryo.unsafe") == null) System.setProperty("kryo.unsafe", "false");
    }

    /// How many graphs are kept for the next messages, each some 30 KB: not one for each of a million virtual threads.
    private static final int MAX_IDLE = 64;

    private final Class<?>[] allowed; // sorted by name, sealed types replaced by their subtypes
    private final transient String name;
    private final transient Queue<ObjectGraph> idle = new ArrayBlockingQueue<>(MAX_IDLE);

    public ObjectFormat(Class<?>... listed) {
        this.allowed = AllowList.of(listed);
        this.name = nameOf(allowed);
    }

    Class<?>[] allowed() {
        return allowed;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void encode(E value, GrowingBuffer to) {
        BasicFormats.requireItem(value, name);
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
        return graph == null ? new ObjectGraph(name, allowed, new QueueSerializer(name, allowed)) : graph;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ObjectFormat<?> codec && Arrays.equals(codec.allowed, allowed);
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
        return new ObjectFormat<>(allowed);
    }

    private static String nameOf(Class<?>[] allowed) {
        if (allowed.length == 0) return "object";
        String simpleNames = Arrays.stream(allowed).map(Class::getSimpleName).collect(Collectors.joining(","));
        String format = Arrays.stream(allowed).map(ObjectFormat::formatOf).collect(Collectors.joining(";"));
        return FormatNames.name("object", "(" + simpleNames + ")", "(" + allowed.length + " classes)", format);
    }

    /// What the bytes of an object of this class depend on.
    private static String formatOf(Class<?> type) {
        if (type.isEnum()) return FormatNames.enumText(type);
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
