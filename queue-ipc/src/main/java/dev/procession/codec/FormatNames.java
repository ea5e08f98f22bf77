package dev.procession.codec;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;

/// The names of formats that depend on classes.
final class FormatNames {
    private static final int MAX_NAME_BYTES = 64;

    private FormatNames() {}

    /// A codec's name from its kind, something readable if that fits into 64 bytes, and a check value of all that
    /// the format depends on.
    static String name(String kind, String readable, String shorter, String format) {
        var crc = new CRC32C();
        crc.update(format.getBytes(StandardCharsets.UTF_8));
        String check = "#" + HexFormat.of().toHexDigits((int) crc.getValue());
        for (String candidate : List.of(readable, shorter)) {
            String name = kind + candidate + check;
            if (name.getBytes(StandardCharsets.UTF_8).length <= MAX_NAME_BYTES) return name;
        }
        return kind + check;
    }

    /// The constants of an enum, whatever it says in toString.
    static String enumText(Class<?> type) {
        return Arrays.stream(type.getEnumConstants())
                .map(constant -> ((Enum<?>) constant).name())
                .collect(Collectors.joining(",", "enum " + type.getName() + "[", "]"));
    }
}
