package dev.procession.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.Printed;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What the command line says about itself, and about commands that it does not understand.
class UsageTest {
    private static Printed run(String... args) throws Exception {
        return Printed.by(() -> Procession.run(args));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "fly", "example", "example fly"})
    void withoutASubcommandTheUsageIsShown(String args) throws Exception {
        Printed ended = run(args.isEmpty() ? new String[0] : args.split(" "));
        assertEquals(2, ended.status());
        assertEquals("", ended.stdout());
        assertTrue(ended.stderr().contains("Usage: procession"), ended::toString);
        assertTrue(ended.stderr().contains(args.startsWith("example") ? "shared-queue" : "demo"), ended::toString);
    }

    @ParameterizedTest
    @CsvSource({
        "demo --fast,           --fast",
        "demo --workers,        --workers",
        "demo --workers many,   many",
        "demo --workers 0,      --workers=0",
        "demo --workers 1025,   --workers=1025",
        "demo --messages 0,     --messages=0",
        "demo --messages -1,    --messages=-1",
        "demo now,              now",
        "example shared-queue --fast, --fast",
    })
    void aWrongOptionIsNamedInOneLine(String args, String named) throws Exception {
        Printed ended = run(args.split(" "));
        assertEquals(2, ended.status(), ended::toString);
        assertEquals("", ended.stdout());
        assertEquals(1, ended.stderr().lines().count(), ended::toString);
        assertTrue(ended.stderr().startsWith("procession ") && ended.stderr().contains(named), ended::toString);
        assertTrue(ended.stderr().contains("--help"), ended::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--help", "demo --help", "example --help", "example hello-threads --help"})
    void helpIsPrintedToStandardOutput(String args) throws Exception {
        Printed ended = run(args.split(" "));
        assertEquals(0, ended.status(), ended::toString);
        assertTrue(ended.stdout().startsWith("Usage: procession"), ended::toString);
        assertEquals("", ended.stderr());
    }

    @ParameterizedTest
    @ValueSource(strings = {"stress", "fuzz", "verify-model", "bench"})
    void aCommandThatIsInTheSourcesOnlySaysWhereItIs(String name) throws Exception {
        Printed ended = run(name, "--seconds", "3", "--help");
        assertEquals(2, ended.status(), ended::toString);
        assertEquals("", ended.stdout());
        assertEquals("procession " + name + ": this command is not in the jar; in a clone of the sources, run"
                + " ./procession " + name + "\n", ended.stderr());
    }

    @Test
    void theHelpListsAllCommands() throws Exception {
        Printed help = run("--help");
        for (String name : List.of("demo", "example", "stress", "fuzz", "verify-model", "bench")) {
            assertTrue(help.lines().stream().anyMatch(line -> line.matches("  " + name + " +\\S.*")), help::toString);
        }
    }

    @Test
    void theVersionIsOneLine() throws Exception {
        Printed ended = run("--version");
        assertEquals(0, ended.status());
        assertEquals(1, ended.lines().size(), ended::toString);
        assertTrue(ended.stdout().startsWith("procession "), ended::toString);
    }
}
