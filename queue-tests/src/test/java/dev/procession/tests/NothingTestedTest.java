package dev.procession.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A run of a command that has tested nothing has not passed.
class NothingTestedTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {
        "fuzz --seconds 0", "fuzz --live --seconds -1", "fuzz --round -1", "stress --seconds 0",
        "stress --points --role NOBODY", "stress --points --only NoClass.noMethod", "verify-model --only NoModel"
    })
    void aCommandThatIsToDoNothingFails(String command) throws Exception {
        Path output = folder.resolve("output");
        var line = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("java.class.path"), Main.class.getName()));
        line.addAll(List.of(command.split(" ")));
        int status = new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(output.toFile()).start()
                .waitFor();
        String text = Files.readString(output);
        assertNotEquals(0, status, text);
        String last = command.split(" ")[command.split(" ").length - 1];
        assertTrue(text.contains(last), text);
        assertTrue(!text.contains("\tat "), text);
    }

    /// However short the time, each way to reach the file has its turn.
    @Tag("long")
    @Test
    void noTimeIsTooShortForOneRoundInEachWay() throws Exception {
        assertEquals(3, Fuzz.run(folder, Random64.seed(), 0, Long.MAX_VALUE - 1, 1).rounds());
    }
}
