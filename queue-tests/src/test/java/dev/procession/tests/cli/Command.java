package dev.procession.tests.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The procession command in a JVM of its own.
final class Command {

    /// What a command left.
    record Ended(int status, String stdout, String stderr) {
        List<String> lines() {
            return stdout.lines().toList();
        }
    }

    private Command() {}

    /// Runs it to its end.
    static Ended run(String... args) throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("procession-cli");
        Path stdout = directory.resolve("stdout");
        Path stderr = directory.resolve("stderr");
        try {
            Process process = new ProcessBuilder(line(args))
                    .redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectOutput(stdout.toFile())
                    .redirectError(stderr.toFile())
                    .start();
            try {
                assertTrue(process.waitFor(4, TimeUnit.MINUTES), "still runs: " + List.of(args));
                return new Ended(process.exitValue(), Files.readString(stdout), Files.readString(stderr));
            } finally {
                process.destroyForcibly();
            }
        } finally {
            Files.deleteIfExists(stdout);
            Files.deleteIfExists(stderr);
            Files.deleteIfExists(directory);
        }
    }

    static List<String> line(String... args) {
        List<String> line = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.procession.cli.Main"));
        line.addAll(List.of(args));
        return line;
    }
}
