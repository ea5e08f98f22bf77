package dev.procession.tests.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.cli.Command.Ended;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The command line as a module, `-m dev.procession/dev.procession.cli.Main`, with what it needs on the module path.
class ModulePathTest {
    private static Ended run(String modulePath, String... args) throws Exception {
        List<String> line = new ArrayList<>(List.of("--enable-native-access=dev.procession.core", "-p", modulePath,
                "-m", "dev.procession/dev.procession.cli.Main"));
        line.addAll(List.of(args));
        return Command.java(line);
    }

    /// The jars of our class path, but for what is only for tests.
    private static String modulePath() {
        return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> Stream.of("queue-core", "queue-ipc", "picocli", "jackson", "progressbar", "jline",
                        "kryo", "jspecify").anyMatch(entry::contains) && !entry.contains("lincheck"))
                .collect(Collectors.joining(File.pathSeparator));
    }

    @Test
    void theHelpIsThatOfTheClassPath() throws Exception {
        Ended module = run(modulePath(), "--help");
        assertEquals(0, module.status(), module::toString);
        assertEquals(Command.run("--help").stdout(), module.stdout(), module::toString);
        assertEquals("", module.stderr());
    }

    @Test
    void theDemoRunsWithItsWorkers() throws Exception {
        Ended demo = run(modulePath(), "demo", "--json", "--messages", "1000", "--workers", "2");
        assertEquals(0, demo.status(), demo::toString);
        assertTrue(demo.stdout().contains("\"check\":\"ok\""), demo::toString);
    }

    @Test
    void aWrongOptionEndsItAsOnTheClassPath() throws Exception {
        Ended ended = run(modulePath(), "demo", "--messages", "0");
        assertEquals(Command.run("demo", "--messages", "0"), ended);
        assertEquals(2, ended.status(), ended::toString);
        assertTrue(ended.stderr().contains("--messages=0"), ended::toString);
    }

    @Test
    void aModuleThatIsMissingIsNamed() throws Exception {
        String without = Stream.of(modulePath().split(File.pathSeparator))
                .filter(entry -> !entry.contains("picocli"))
                .collect(Collectors.joining(File.pathSeparator));
        Ended ended = run(without, "--help");
        assertEquals(1, ended.status(), ended::toString);
        assertEquals(
                "procession: the command line needs the module info.picocli too, which is not on the module path\n",
                ended.stderr());
    }
}
