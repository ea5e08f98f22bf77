package dev.procession.tests.cli;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The procession command in a JVM of its own.
final class Command {
    private static final List<String> JAVA = List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1", // each lives for a moment
            "-XX:+UseSerialGC");

    /// What a command left.
    record Ended(int status, String stdout, String stderr) {
        List<String> lines() {
            return stdout.lines().toList();
        }
    }

    private Command() {}

    /// Runs it to its end.
    static Ended run(String... args) throws IOException, InterruptedException {
        return end(line(args));
    }

    /// Runs Java to its end.
    static Ended java(List<String> args) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(JAVA);
        line.addAll(args);
        return end(line);
    }

    private static Ended end(List<String> line) throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("procession-cli");
        Path stdout = directory.resolve("stdout");
        Path stderr = directory.resolve("stderr");
        try {
            Process process = new ProcessBuilder(line)
                    .redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectOutput(stdout.toFile())
                    .redirectError(stderr.toFile())
                    .start();
            try {
                return new Ended(process.waitFor(), Files.readString(stdout), Files.readString(stderr));
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
        List<String> line = new ArrayList<>(JAVA);
        line.addAll(List.of(
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.procession.cli.Main"));
        line.addAll(List.of(args));
        return line;
    }
}
