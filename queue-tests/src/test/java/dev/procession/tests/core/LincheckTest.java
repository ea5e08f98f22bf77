package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.SharedMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs the model checking of [Linearizability], shortly; `-Dlincheck="RUNS SCENARIOS"` makes it longer.
@Tag("long")
class LincheckTest {
    @TempDir(factory = SharedMemory.class)
    Path directory;

    @Test
    void everyInterleavingOfStepsThatWasTriedIsOneOfAFifoQueue() throws IOException, InterruptedException {
        String[] howMuch = System.getProperty("lincheck", "1500 8").trim().split(" +");
        Path log = directory.resolve("log");
        Process process = new ProcessBuilder(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+EnableDynamicAgentLoading",
                "-XX:+UseSerialGC",
                "-Xmx512m",
                "-Djava.io.tmpdir=" + directory,
                "-cp",
                System.getProperty("java.class.path"),
                Linearizability.class.getName(),
                howMuch[0],
                howMuch[1])).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        int status;
        try {
            status = process.waitFor();
        } finally {
            process.destroyForcibly();
        }
        String text = Files.readString(log);
        assertEquals(0, status, text);
        assertTrue(text.contains("checked at random: linearizable"), text);
    }
}
