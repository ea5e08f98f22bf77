package dev.procession.tests.house;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Rules of the house that are read from the files of the repository.
class SourceRulesTest {
    private static final int COLUMNS = 120;
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern READ = Pattern.compile(".*\\.(java|md|pml|py|c|sh)|(.*/)?(mvnw|procession|\\.ci/run)");
    private static final Set<String> NOT_OURS = Set.of(".git", "target"); // folders

    /// Where lines may still be longer.
    private static final List<String> NOT_YET_NARROW = List.of("queue-core/src/main/java/", "queue-ipc/src/main/java/");

    /// Words that our comments do not use: a thread or a process is "it", or has a name.
    private static final Pattern NOT_OUR_WORDS = Pattern.compile("(?i)\\b(whoever|somebody|anybody)\\b");
    /// The modules whose main sources keep to that.
    private static final List<String> MODULES_WITH_OUR_WORDS = List.of("queue-tests", "jmh");

    /// The lines of each file, by its path in the repository.
    private static final Map<String, List<String>> FILES = new TreeMap<>();

    @BeforeAll
    static void readFiles() throws IOException {
        Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                return NOT_OURS.contains(folder.getFileName().toString()) ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                String name = ROOT.relativize(file).toString();
                if (READ.matcher(name).matches()) FILES.put(name, Files.readAllLines(file));
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /// Where a rule is broken: `file:line: what`, with what the rule says about a line; null if it is kept there.
    private static List<String> broken(Pattern files, BiFunction<List<String>, Integer, String> rule) {
        var broken = new ArrayList<String>();
        FILES.forEach((name, lines) -> {
            if (!files.matcher(name).matches()) return;
            for (int i = 0; i < lines.size(); i++) {
                String what = rule.apply(lines, i);
                if (what != null) broken.add(name + ":" + (i + 1) + ": " + what);
            }
        });
        return broken;
    }

    private static void assertKept(List<String> broken) {
        assertEquals("", String.join("\n", broken), broken.size() + " times");
    }

    @Test
    void allKindsOfFilesAreRead() {
        for (String each : List.of("queue-core/src/main/java/module-info.java", "README.md", "procession", ".ci/run",
                "queue-core/src/model/order.pml", "jmh/src/main/java/dev/procession/bench/Main.java")) {
            assertTrue(FILES.containsKey(each), each);
        }
    }

    @Test
    void noLineIsTooLong() {
        var broken = broken(READ, (lines, i) -> isTooLong(lines.get(i)) ? lines.get(i).strip() : null);
        broken.removeIf(each -> NOT_YET_NARROW.stream().anyMatch(each::startsWith));
        assertKept(broken);
    }

    /// A row of a table and a link cannot be broken.
    private static boolean isTooLong(String line) {
        return line.codePointCount(0, line.length()) > COLUMNS && !line.startsWith("|") && !line.contains("](");
    }

    @Test
    void commentsUseOurWords() {
        var sources = Pattern.compile("(" + String.join("|", MODULES_WITH_OUR_WORDS) + ")/src/main/java/.*");
        assertKept(broken(sources, (lines, i) -> usesOtherWords(lines.get(i)) ? lines.get(i).strip() : null));
    }

    private static boolean usesOtherWords(String line) {
        int comment = line.indexOf("//");
        return comment >= 0 && NOT_OUR_WORDS.matcher(line.substring(comment)).find();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "true | /// Whoever comes first is served.", "true | int i = 0; // nobody, or somebody",
        "false| /// The first to come is served.", "false| String somebody = name; // its name"
    })
    void aWordIsFoundInAComment(boolean found, String line) {
        assertEquals(found, usesOtherWords(line));
    }

    @Test
    void aLineOf121ColumnsIsTooLong() {
        assertTrue(isTooLong("x".repeat(121)) && !isTooLong("µ".repeat(120)));
        assertTrue(!isTooLong("|" + "x".repeat(120)) && !isTooLong("[x](" + "x".repeat(120)));
    }
}
