package dev.procession.tests.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.tests.Main;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `procession verify-model` on small models made here: it must notice whatever is not as its list expects.
class VerifyModelTest {
    /// Counts to 3; with M_FAR too far, with M_STUCK it waits for ever before the end.
    private static final String COUNTER = """
            #include "limit.pml"
            hidden byte TOOFAR;
            byte n;
            active proctype Counter() {
              do
              :: n < LIMIT -> n++; assert(TOOFAR || (n <= 3))
              :: n == LIMIT -> break
              od;
            #ifdef M_STUCK
              n == 0
            #endif
            }
            """;

    private static final String LIMIT = """
            #ifdef M_FAR
            #define LIMIT 4
            #else
            #define LIMIT 3
            #endif
            """;

    @TempDir
    private Path models;

    @TempDir
    private Path temporary;

    private record Outcome(int status, String output) {}

    @BeforeEach
    void writeModels() throws IOException {
        Files.writeString(models.resolve("counter.pml"), COUNTER);
        Files.writeString(models.resolve("limit.pml"), LIMIT);
    }

    @Test
    void runsThatAreAsExpectedPassAndLeaveNothingBehind() throws Exception {
        Outcome outcome = verify("""
                counter pass - # the model
                counter TOOFAR - M_FAR
                counter DEADLOCK - M_STUCK
                """);
        assertEquals(0, outcome.status, outcome.output);
        assertTrue(
                outcome.output.contains("models=1 passed=1 mutants=2 failed_as_expected=2 states="), outcome.output);
        assertTrue(outcome.output.contains("counter M_FAR"), outcome.output);
        try (Stream<Path> left = Files.list(temporary)) {
            assertEquals(0, left.filter(file -> file.toString().contains("verify-model")).count());
        }
    }

    @Test
    void aMutantThatPassesIsAnError() throws Exception {
        Outcome outcome = verify("counter TOOFAR - M_HARMLESS\n");
        assertEquals(1, outcome.status, outcome.output);
        assertTrue(outcome.output.contains("NOT AS EXPECTED: pass, expected TOOFAR"), outcome.output);
        assertTrue(outcome.output.contains("mutants=1 failed_as_expected=0"), outcome.output);
    }

    @Test
    void aMutantThatBreaksSomethingElseIsAnError() throws Exception {
        Outcome outcome = verify("counter DEADLOCK - M_FAR\n");
        assertEquals(1, outcome.status, outcome.output);
        assertTrue(outcome.output.contains("NOT AS EXPECTED: TOOFAR, expected DEADLOCK"), outcome.output);
    }

    @Test
    void aModelThatFailsIsAnErrorAndItsTrailIsKept() throws Exception {
        Outcome outcome = verify("counter pass - LIMIT=5\n", COUNTER.replace("#include \"limit.pml\"\n", ""));
        assertEquals(1, outcome.status, outcome.output);
        assertTrue(outcome.output.contains("NOT AS EXPECTED: TOOFAR, expected pass"), outcome.output);
        assertTrue(outcome.output.contains("models=1 passed=0"), outcome.output);
        Matcher evidence = Pattern.compile("evidence in (\\S+)").matcher(outcome.output);
        assertTrue(evidence.find(), outcome.output);
        assertTrue(Files.exists(Path.of(evidence.group(1), "counter.pml.trail")), outcome.output);
    }

    @Test
    void aModelWhoseStatesAreFarFromThoseOfTheListIsAnError() throws Exception {
        Outcome outcome = verify("counter pass 1000000\n");
        assertEquals(1, outcome.status, outcome.output);
        assertTrue(outcome.output.contains("but the list says 1000000 states"), outcome.output);
    }

    @Test
    void aModelThatSpinCannotReadIsAnError() throws Exception {
        Outcome outcome = verify("counter pass -\n", "proctype (");
        assertEquals(1, outcome.status, outcome.output);
        assertTrue(outcome.output.contains("NOT AS EXPECTED: spin: "), outcome.output);
    }

    @Test
    void aListThatExpectsAMutantToPassIsRefused() throws Exception {
        Outcome outcome = verify("counter pass - M_FAR\n");
        assertEquals(2, outcome.status, outcome.output);
        assertTrue(outcome.output.contains("it must fail"), outcome.output);
    }

    @Test
    void withoutSpinOneLineSaysWhatToInstall() throws Exception {
        Files.writeString(models.resolve("runs.txt"), "counter pass -\n");
        Outcome outcome = run("");
        assertEquals(1, outcome.status, outcome.output);
        assertEquals(1, outcome.output.lines().count(), outcome.output);
        assertTrue(outcome.output.contains("apt-get install spin"), outcome.output);
    }

    @Test
    void theBuiltInListHasTwentyMutantsAndMore() throws Exception {
        Outcome outcome = command(List.of("verify-model", "--list"), System.getenv("PATH"));
        assertEquals(0, outcome.status, outcome.output);
        long mutants = outcome.output.lines().filter(line -> line.contains(" M_")).count();
        assertTrue(mutants >= 20, outcome.output);
        assertFalse(outcome.output.lines().allMatch(line -> line.contains(" M_")), outcome.output);
    }

    private Outcome verify(String list) throws Exception {
        assumeTrue(
                Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "spin"))),
                "spin is not installed");
        Files.writeString(models.resolve("runs.txt"), list);
        return run(System.getenv("PATH"));
    }

    private Outcome verify(String list, String counter) throws Exception {
        Files.writeString(models.resolve("counter.pml"), counter);
        return verify(list);
    }

    private Outcome run(String path) throws Exception {
        return command(List.of("verify-model", "--models", models.toString()), path);
    }

    private Outcome command(List<String> arguments, String path) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.io.tmpdir=" + temporary,
                "-cp", System.getProperty("java.class.path"),
                Main.class.getName()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("PATH", path);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes());
        return new Outcome(process.waitFor(), output);
    }
}
