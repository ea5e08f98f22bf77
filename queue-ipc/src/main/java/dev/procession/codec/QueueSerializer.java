package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.Serializer;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Queues travel as their addresses.
final class QueueSerializer extends Serializer<Object> {
    private final String codec; // its name, for messages
    private final Class<?>[] allowed;

    QueueSerializer(String codec, Class<?>[] allowed) {
        this.codec = codec;
        this.allowed = allowed;
    }

    @Override
    public void write(Kryo kryo, Output to, Object queue) {
        ItemTypes types = ItemTypes.get();
        Format<?> format = types.formatOf(queue);
        String name = format == null ? null : nameWithin(allowed, format);
        if (name == null) {
            throw new IllegalArgumentException("the codec of " + queue + " is not known to the reader of "
                    + codec + ": it must be one without classes, Codec.record of a listed"
                    + " record, or Codec.object of listed classes; add the missing classes to the list");
        }
        ItemTypes.Address address = types.addressOf(queue);
        to.writeString(address.path());
        to.writeString(name);
        to.writeByte(address.delivery());
    }

    @Override
    public Object read(Kryo kryo, Input from, Class<? extends Object> type) {
        String path = Objects.requireNonNull(from.readString());
        String name = Objects.requireNonNull(from.readString());
        var address = new ItemTypes.Address(path, from.readByte());
        try {
            return ItemTypes.get().attach(address, List.of(name, List.of(allowed)), () -> namedWithin(allowed, name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// How the codec of a queue is called in an item of a codec with these classes: those that read nothing that this
    /// one does not allow have a name.
    private static @Nullable String nameWithin(Class<?>[] allowed, Format<?> format) {
        if (BasicFormats.contain(format)) return format.name();
        List<Class<?>> classes = List.of(allowed);
        if (format instanceof RecordFormat<?> record && classes.contains(record.type())) {
            return "record:" + classes.indexOf(record.type());
        }
        if (format instanceof ObjectFormat<?> object && classes.containsAll(List.of(object.allowed()))) {
            return Arrays.stream(object.allowed())
                    .map(type -> String.valueOf(classes.indexOf(type)))
                    .collect(Collectors.joining(",", "object:", ""));
        }
        return null;
    }

    /// @throws IllegalArgumentException if there is none of this name
    private static Format<?> namedWithin(Class<?>[] allowed, String name) {
        Format<?> basic = BasicFormats.named(name);
        if (basic != null) return basic;
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
                ? new RecordFormat<>(classes.getFirst().asSubclass(Record.class))
                : new ObjectFormat<>(classes.toArray(Class<?>[]::new));
    }
}
