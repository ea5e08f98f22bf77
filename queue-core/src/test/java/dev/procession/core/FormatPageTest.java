package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// FORMAT.md says the same as the code.
class FormatPageTest {
    private static final Path PAGE = Path.of("FORMAT.md");
    private static final Path LAYOUT = Path.of("src", "main", "java", "dev", "procession", "core", "Layout.java");
    private static final String TABLE = "| offset | bytes | word |";

    /// The table that begins with a line that starts so, without what marks a comment.
    private static List<String> table(Path file, String start) throws IOException {
        List<String> rows = Files.readAllLines(file).stream().map(line -> line.replaceFirst("^/// ", "")).toList();
        List<String> table = rows.stream()
                .dropWhile(row -> !row.startsWith(start)).takeWhile(row -> row.startsWith("|")).toList();
        assertFalse(table.isEmpty(), file + " has no table " + start);
        return table;
    }

    private static long number(String text, Pattern pattern) {
        Matcher found = pattern.matcher(text);
        assertTrue(found.find(), pattern.pattern());
        return Long.parseLong(found.group(1).replace(",", ""));
    }

    @Test
    void theTableOfWordsIsThatOfTheLayout() throws IOException {
        assertEquals(String.join("\n", table(LAYOUT, TABLE)), String.join("\n", table(PAGE, TABLE)));
    }

    @Test
    void theLockBytesAreThoseOfTheLayout() throws IOException {
        String locks = String.join("\n", table(PAGE, "| byte | held by |"));
        assertEquals(Layout.ATTACHED_LOCK, number(locks, Pattern.compile("(\\d+) \\| each process")));
        assertEquals(Layout.CONSUMER_LOCK, number(locks, Pattern.compile("(\\d+) \\| consumers of")));
        assertEquals(Layout.laneLock(0), number(locks, Pattern.compile("(\\d+) \\+ lane")));
        assertEquals(Layout.consumerIdLock(0), number(locks, Pattern.compile("(\\d+) \\+ id")));
        assertTrue(Layout.laneLock(QueueGeometry.MAX_LANES - 1) < Layout.consumerIdLock(1));
    }

    @Test
    void theLimitsAreThoseOfTheGeometry() throws IOException {
        String limits = String.join("\n", table(PAGE, "| | from | to |"));
        assertEquals(QueueGeometry.MAX_LANES, number(limits, Pattern.compile("lanes \\| 1 \\| ([\\d,]+)")));
        assertEquals(QueueGeometry.MIN_LANE_BYTES, number(limits, Pattern.compile("two \\| ([\\d,]+) \\(leased")));
        assertEquals(QueueGeometry.MIN_LEASED_LANE_BYTES, number(limits, Pattern.compile("leased: ([\\d,]+)")));
        assertEquals(QueueGeometry.MAX_LANE_BYTES, 1L << number(limits, Pattern.compile("\\| 2\\^(\\d+) \\|")));
        assertEquals(QueueGeometry.MIN_CHUNK_BYTES, number(limits, Pattern.compile("two \\| ([\\d,]+), and")));
        assertEquals(QueueGeometry.MAX_CHUNKS, number(limits, Pattern.compile("laneBytes / ([\\d,]+)")));
        assertEquals(Layout.MAX_ATTEMPT - 1, number(limits, Pattern.compile("maxAttempts \\| 0 \\| ([\\d,]+)")));
    }

    @Test
    void theLongestMessageIsAsTheyBothSay() {
        for (var leasing : new Leasing[] {null, Leasing.DEFAULT}) {
            for (long maxItems : new long[] {0, 9}) {
                for (int bits = 16; bits <= 32; bits++) {
                    long laneBytes = 1L << bits;
                    long h = maxItems > 0 ? 16 : 8;
                    long a = leasing != null ? 64 : h;
                    long most = laneBytes / 2 - a - h;
                    if (most > (1 << 24) - 5) most -= 8;
                    var geometry = new QueueGeometry(1, laneBytes, maxItems, leasing);
                    assertEquals(Math.min(most, (1L << 31) - 65), geometry.maxMessageBytes(), geometry.toString());
                }
            }
        }
    }
}
