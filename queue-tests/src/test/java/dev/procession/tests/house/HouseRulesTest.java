package dev.procession.tests.house;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.LaneQueue;
import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.MemberRefEntry;
import java.lang.classfile.constantpool.NameAndTypeEntry;
import java.lang.classfile.constantpool.StringEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.net.URI;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Rules of the house, read from the libraries' class files.
class HouseRulesTest {
    /// All of a class's constants that name something: classes, members, descriptors, strings.
    private static final Map<String, Set<String>> NAMED = new TreeMap<>();

    @BeforeAll
    static void readLibraries() throws Exception {
        for (String name : List.of(LaneQueue.class.getName(), "dev.procession.SharedQueue")) {
            Path root = Path.of(Class.forName(name).getProtectionDomain().getCodeSource().getLocation().toURI());
            if (Files.isDirectory(root)) {
                readAll(root);
            } else {
                try (var jar = FileSystems.newFileSystem(URI.create("jar:" + root.toUri()), Map.of())) {
                    readAll(jar.getPath("/"));
                }
            }
        }
    }

    private static void readAll(Path root) throws IOException {
        List<Path> files;
        try (var all = Files.walk(root)) {
            files = all.filter(file -> file.toString().endsWith(".class")).toList();
        }
        for (var file : files) {
            var model = ClassFile.of().parse(Files.readAllBytes(file));
            var named = new TreeSet<String>();
            for (var entry : model.constantPool()) {
                switch (entry) {
                    case ClassEntry type -> named.add(type.asInternalName());
                    case MemberRefEntry member -> named.add(
                            member.owner().asInternalName() + "." + member.name().stringValue());
                    case NameAndTypeEntry member -> named.add(member.type().stringValue());
                    case StringEntry string -> named.add(string.stringValue());
                    case Utf8Entry text -> named.add(text.stringValue()); // descriptors of fields and methods
                    default -> {}
                }
            }
            NAMED.put(model.thisClass().asInternalName(), named);
        }
    }

    private static List<String> outermostThatName(String pattern) {
        var found = new TreeSet<String>();
        var wanted = Pattern.compile(pattern);
        NAMED.forEach((type, named) -> {
            if (named.stream().anyMatch(wanted.asPredicate())) found.add(type.replaceAll("\\$.*", ""));
        });
        return new ArrayList<>(found);
    }

    @Test
    void bothLibrariesAreRead() {
        assertTrue(NAMED.containsKey("dev/procession/core/LaneQueue"), () -> NAMED.keySet().toString());
        assertTrue(NAMED.containsKey("dev/procession/SharedQueue"), () -> NAMED.keySet().toString());
    }

    @Test
    void nothingReachesForTheInsidesOfTheJdk() {
        assertEquals(List.of(), outermostThatName("(^|L)(sun/|jdk/internal/|com/sun/)|sun\\.misc|jdk\\.internal"));
    }

    /// What a system property can make the libraries do is in README's table, so none is there for tests only; and the
    /// code that tests weave in is in theirs.
    @Test
    void noHookForTestsIsInTheLibraries() throws IOException {
        assertEquals(List.of(), outermostThatName("dev[./]procession[./]tests|(^|[./L])Points\\b|(?i)for_?tests?$"));
        var packages = NAMED.keySet().stream().map(type -> type.substring(0, type.lastIndexOf('/') + 1))
                .map(name -> name.replaceAll("/$", "").replace('/', '.')).collect(Collectors.toSet());
        var properties = NAMED.values().stream().flatMap(Set::stream)
                .filter(name -> name.matches("(dev\\.)?procession\\.[a-z]\\w*") && !packages.contains(name))
                .collect(Collectors.toCollection(TreeSet::new));
        var documented = Pattern.compile("(?m)^\\| `-D(dev\\.procession\\.\\w+)` \\|")
                .matcher(Files.readString(Path.of("..", "README.md"))).results().map(row -> row.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        assertTrue(documented.contains("dev.procession.dir"), documented::toString);
        assertEquals(documented, properties, "in README's table and in the libraries");
    }

    @Test
    void onlyTheSeamLinksNativeFunctions() {
        assertEquals(List.of("dev/procession/core/os/Syscalls"),
                outermostThatName("java/lang/foreign/(Linker|SymbolLookup|FunctionDescriptor)"));
    }

    @Test
    void onlyTheSeamAndTheMemoryClassAccessMemoryOutsideTheHeap() {
        var access = "java/lang/invoke/VarHandle\\.(?!\\w*Fence$)"
                + "|java/lang/foreign/MemorySegment\\.(get|set|copy|copyFrom|fill|mismatch|toArray|asByteBuffer)";
        assertEquals(List.of("dev/procession/core/SharedMemory", "dev/procession/core/os/Descriptor",
                "dev/procession/core/os/LinuxFile",
                "dev/procession/core/os/LinuxPlatform", "dev/procession/core/os/PortableFile",
                "dev/procession/core/os/Syscalls"),
                outermostThatName(access).stream().filter(type -> type.startsWith("dev/procession/core/")).toList());
    }
}
