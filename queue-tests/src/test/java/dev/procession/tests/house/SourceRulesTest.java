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

    /// Words that our comments do not use: a thread or a process is "it", or has a name.
    private static final Pattern NOT_OUR_WORDS = Pattern.compile("(?i)\\b(whoever|somebody|anybody)\\b");
    /// The modules whose main sources keep to that.
    private static final List<String> MODULES_WITH_OUR_WORDS = List.of("queue-core", "queue-ipc", "queue-tests", "jmh");

    /// How many lines a source file of a module may have.
    private static final Map<String, Integer> MOST_LINES =
            Map.of("queue-core/src/main/java/", 350, "queue-ipc/src/main/java/", 450);

    /// A call that orders memory, of the class through which all accesses go, or of the system.
    private static final Pattern ORDERED_ACCESS = Pattern.compile("\\bSharedMemory\\.\\w*"
            + "(Volatile|Acquire|Release|compareAndSet|getAndAdd|getAndBitwise|[fF]ence)\\w*\\("
            + "|\\.processWideBarrier\\(");
    private static final String PARTNER = "pairs with";
    /// One comment may name the partners of some accesses in a row: so many lines before each.
    private static final int PARTNER_NAMED_WITHIN = 10;

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
        assertKept(broken(READ, (lines, i) -> isTooLong(lines.get(i)) ? lines.get(i).strip() : null));
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

    @Test
    void noFileIsTooLongToBeReadAtOnce() {
        var broken = new ArrayList<String>();
        FILES.forEach((name, lines) -> MOST_LINES.forEach((folder, most) -> {
            if (name.startsWith(folder) && name.endsWith(".java") && lines.size() > most) {
                broken.add(name + ": " + lines.size() + " lines, may have " + most);
            }
        }));
        assertKept(broken);
    }

    /// What an ordered access is for can be seen only together with the one that it pairs with.
    @Test
    void eachOrderedAccessNamesItsPartner() {
        var files = Pattern.compile("queue-core/src/main/java/.*(?<!/SharedMemory)\\.java");
        assertKept(broken(files, (lines, i) -> namesNoPartner(lines, i) ? lines.get(i).strip() : null));
    }

    private static boolean namesNoPartner(List<String> lines, int line) {
        if (!ORDERED_ACCESS.matcher(code(lines.get(line))).find()) return false;
        for (int i = line; i >= Math.max(0, line - PARTNER_NAMED_WITHIN); i--) {
            if (comment(lines.get(i)).contains(PARTNER)) return false;
        }
        // a longer comment, right above the statement that begins here or some lines before
        int i = line - 1;
        while (i >= 0 && !comment(lines.get(i)).isEmpty() && code(lines.get(i)).isBlank()) {
            if (comment(lines.get(i--)).contains(PARTNER)) return false;
        }
        return true;
    }

    private static String code(String line) {
        return line.substring(0, line.length() - comment(line).length());
    }

    private static String comment(String line) {
        int comment = line.indexOf("//");
        return comment < 0 ? "" : line.substring(comment);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "true  | SharedMemory.setRelease(memory, at, 1);",
        "true | if (SharedMemory.getVolatile(memory, at) == 0) return;",
        "true  | Os.CURRENT.processWideBarrier();", "true | SharedMemory.fullFence(); // it is needed",
        "true  | return SharedMemory.compareAndSet(memory, at, 0, 1);",
        "true | long n = SharedMemory.getAndAdd(memory, at, 1);",
        "false | SharedMemory.setRelease(memory, at, 1); // pairs with the read in look()",
        "false | SharedMemory.setPlain(memory, at, 1);", "false | // SharedMemory.setRelease(memory, at, 1)",
        "false | boolean barrierEverywhere() {"
    })
    void anOrderedAccessWithoutAPartnerIsFound(boolean found, String line) {
        assertEquals(found, namesNoPartner(List.of("{", line), 1));
    }

    @Test
    void aCommentAboveNamesThePartnersOfAFewLines() {
        var lines = new ArrayList<>(List.of("// pairs with the read in look()"));
        for (int i = 0; i < PARTNER_NAMED_WITHIN; i++) lines.add("SharedMemory.setRelease(memory, at, 1);");
        assertTrue(!namesNoPartner(lines, PARTNER_NAMED_WITHIN));
        lines.add(1, "{");
        assertTrue(namesNoPartner(lines, PARTNER_NAMED_WITHIN + 1));
    }
}
