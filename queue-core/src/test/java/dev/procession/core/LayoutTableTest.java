package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// The table in the documentation of the layout is the declared layout.
class LayoutTableTest {
    private static final Path SOURCE =
            Path.of("src", "main", "java", "dev", "procession", "core", "Layout.java");
    private static final Pattern ROW = Pattern.compile("/// \\| (\\d+) \\| (\\d+) \\| (\\w+) \\|");

    @Test
    void theTableInTheDocsIsTheDeclaredLayout() throws Exception {
        Map<String, Long> drawn = new TreeMap<>();
        Matcher rows = ROW.matcher(Files.readString(SOURCE));
        long end = 0;
        while (rows.find()) {
            String word = rows.group(3);
            long at = Long.parseLong(rows.group(1));
            assertTrue(at >= end, word + " begins before the word above it ends");
            end = at + Long.parseLong(rows.group(2));
            drawn.put(word, at);
        }
        // no code of this release reads it
        assertEquals(5248, drawn.remove("spare"));
        assertEquals(declared(), drawn);
        assertEquals(Layout.headOffset(0), end, "spare ends where the lanes' descriptors begin");
    }

    @Test
    void lanesBeginWhereTheTableSays() throws IOException {
        Matcher lane = Pattern.compile("/// \\| (\\d+) \\| (\\d+) a lane \\|").matcher(Files.readString(SOURCE));
        assertTrue(lane.find());
        long descriptors = Long.parseLong(lane.group(1));
        long bytes = Long.parseLong(lane.group(2));
        for (int i : new int[] {0, 1, 63, 1023, 4095}) {
            assertEquals(descriptors + i * bytes, Layout.headOffset(i));
            assertEquals(descriptors + i * bytes + Layout.SEPARATION, Layout.announcedOffset(i));
            assertEquals(descriptors + i * bytes + Layout.SEPARATION + Long.BYTES, Layout.ownerPidOffset(i));
            long end = descriptors + (i + 1) * bytes;
            assertEquals((end + Layout.PAGE - 1) / Layout.PAGE * Layout.PAGE, Layout.lanesOffset(i + 1));
        }
    }

    /// The constants FOO_BAR_OFFSET, by the name fooBar of the word.
    private static Map<String, Long> declared() throws IllegalAccessException {
        Map<String, Long> declared = new TreeMap<>();
        for (Field field : Layout.class.getDeclaredFields()) {
            if (!field.getName().endsWith("_OFFSET") || Modifier.isPrivate(field.getModifiers())) continue;
            StringBuilder word = new StringBuilder();
            for (String part : field.getName().replaceFirst("_OFFSET$", "").split("_")) {
                word.append(word.isEmpty() ? part.toLowerCase() : part.charAt(0) + part.substring(1).toLowerCase());
            }
            declared.put(word.toString(), field.getLong(null));
        }
        return declared;
    }
}
