package dev.procession.tests.house;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.LaneQueue;
import dev.procession.tests.kit.Peer;
import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ConstantPoolSharingOption;
import java.lang.classfile.ClassModel;
import java.lang.classfile.attribute.PermittedSubclassesAttribute;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Who depends on whom, read from class files: a class can be read and tested alone if it is in no knot.
///
/// A nested class counts as the outermost one around it. The list of those that may extend a sealed class is no
/// dependency.
class DependencyRulesTest {
    private static final String OURS = "dev/procession/";
    private static final Pattern IN_A_DESCRIPTOR = Pattern.compile("L(" + OURS + "[\\w/$]+)[;<]");
    /// Of top-level classes: two may know each other.
    private static final int LARGEST_KNOT = 2;

    /// Of the outermost classes of the libraries, by their names with slashes: those that each depends on.
    private static final Map<String, Set<String>> LIBRARIES = new TreeMap<>();
    private static final Map<String, Set<String>> TESTS = new TreeMap<>();

    @BeforeAll
    static void readClasses() throws Exception {
        readAll(LaneQueue.class, LIBRARIES);
        readAll(Class.forName("dev.procession.SharedQueue"), LIBRARIES);
        readAll(Peer.class, TESTS);
    }

    private static void readAll(Class<?> one, Map<String, Set<String>> into) throws IOException, URISyntaxException {
        Path root = Path.of(one.getProtectionDomain().getCodeSource().getLocation().toURI());
        if (Files.isDirectory(root)) {
            readAll(root, into);
        } else {
            try (var jar = FileSystems.newFileSystem(URI.create("jar:" + root.toUri()), Map.of())) {
                readAll(jar.getPath("/"), into);
            }
        }
        into.forEach((type, those) -> those.remove(type));
    }

    private static void readAll(Path root, Map<String, Set<String>> into) throws IOException {
        List<Path> files;
        try (var all = Files.walk(root)) {
            files = all.filter(file -> file.toString().matches(".*(?<!module-info|package-info)\\.class")).toList();
        }
        for (var file : files) {
            var model = ClassFile.of().parse(Files.readAllBytes(file));
            into.computeIfAbsent(outermost(model.thisClass().asInternalName()), type -> new TreeSet<>())
                    .addAll(named(model));
        }
    }

    private static Set<String> named(ClassModel model) {
        var classFile = ClassFile.of(ConstantPoolSharingOption.NEW_POOL); // of what is left
        var without = classFile.parse(classFile.transformClass(model, (type, element) -> {
            if (!(element instanceof PermittedSubclassesAttribute)) type.with(element);
        }));
        var named = new TreeSet<String>();
        for (var entry : without.constantPool()) {
            if (entry instanceof ClassEntry type && type.asInternalName().startsWith(OURS)) {
                named.add(outermost(type.asInternalName()));
            } else if (entry instanceof Utf8Entry text) { // descriptors, of arrays too, and signatures
                IN_A_DESCRIPTOR.matcher(text.stringValue()).results().forEach(each -> named.add(
                        outermost(each.group(1))));
            }
        }
        return named;
    }

    private static String outermost(String type) {
        return type.replaceFirst("\\$.*", "");
    }

    private static String packageOf(String type) {
        return type.substring(0, type.lastIndexOf('/'));
    }

    private static Map<String, Set<String>> by(UnaryOperator<String> group, Map<String, Set<String>> graph) {
        var grouped = new TreeMap<String, Set<String>>();
        graph.forEach((from, to) -> {
            var all = grouped.computeIfAbsent(group.apply(from), key -> new TreeSet<>());
            to.forEach(each -> all.add(group.apply(each)));
            all.remove(group.apply(from));
        });
        return grouped;
    }

    /// The sets of more than so many nodes of which each can be reached from each (strongly connected components), with
    /// the ways inside.
    private static List<String> knots(Map<String, Set<String>> graph, int most) {
        var reached = new TreeMap<String, Set<String>>();
        graph.keySet().forEach(from -> reached.put(from, reachedFrom(from, graph)));
        var knots = new TreeSet<String>();
        for (String from : graph.keySet()) {
            var knot =
                    reached.get(from).stream().filter(to -> reached.containsKey(to) && reached.get(to).contains(from))
                            .collect(Collectors.toCollection(TreeSet::new));
            if (knot.size() > most) knots.add(describe(knot, graph));
        }
        return new ArrayList<>(knots);
    }

    private static Set<String> reachedFrom(String from, Map<String, Set<String>> graph) {
        var reached = new TreeSet<String>();
        var next = new ArrayDeque<>(List.of(from));
        while (!next.isEmpty()) {
            for (String to : graph.getOrDefault(next.remove(), Set.of())) if (reached.add(to)) next.add(to);
        }
        return reached;
    }

    private static String describe(Set<String> knot, Map<String, Set<String>> graph) {
        var text = new StringBuilder("a knot of " + knot.size() + ":\n");
        for (String from : knot) {
            var to = new TreeSet<>(graph.get(from));
            to.retainAll(knot);
            text.append("    ").append(from).append(" -> ").append(String.join(" ", to)).append('\n');
        }
        return text.toString().replace(OURS, "");
    }

    private static void assertNoKnots(Map<String, Set<String>> graph, int most) {
        var knots = knots(graph, most);
        assertEquals("", String.join("\n", knots), knots.size() + " knots");
    }

    @Test
    void theClassesAreRead() {
        assertTrue(LIBRARIES.getOrDefault("dev/procession/SharedQueue", Set.of()).contains(
                "dev/procession/core/LaneQueue"), LIBRARIES::toString);
        assertTrue(TESTS.getOrDefault("dev/procession/tests/Stress", Set.of()).contains(
                "dev/procession/tests/storm/Storm"), TESTS::toString);
    }

    @Test
    void aKnotIsFound() {
        var graph = Map.of("a", Set.of("b"), "b", Set.of("c", "x"), "c", Set.of("a"), "x", Set.of("y"), "y",
                Set.of("x"), "z", Set.of("a"));
        assertEquals(1, knots(graph, 2).size());
        assertTrue(knots(graph, 2).getFirst().startsWith("a knot of 3:\n    a -> b\n"),
                () -> knots(graph, 2).getFirst());
        assertEquals(2, knots(graph, 1).size());
    }

    @Test
    void packagesOfTheTestsDependOnEachOtherInOneDirection() {
        var ours = new TreeMap<>(TESTS);
        ours.replaceAll((from, to) -> to.stream().filter(TESTS::containsKey).collect(Collectors.toSet()));
        assertNoKnots(by(DependencyRulesTest::packageOf, ours), 1);
    }

    @Test
    void packagesOfTheLibrariesDependOnEachOtherInOneDirection() {
        assertNoKnots(by(DependencyRulesTest::packageOf, LIBRARIES), 1);
    }

    @Test
    void noMoreThanTwoClassesOfTheLibrariesAreKnottedTogether() {
        assertNoKnots(LIBRARIES, LARGEST_KNOT);
    }
}
