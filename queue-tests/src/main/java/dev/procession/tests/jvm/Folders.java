package dev.procession.tests.jvm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;

/// Where queues, logs and what JVMs start from are put, and how it goes away.
public final class Folders {
    private Folders() {}

    /// The place for queues: in memory, if this machine has such a place.
    public static Path memory() {
        Path memory = Path.of("/dev/shm");
        return Files.isWritable(memory) ? memory : Path.of(System.getProperty("java.io.tmpdir"));
    }

    /// Makes a folder for temporary files that goes when this JVM does.
    static Path temporary(String prefix) throws IOException {
        Path folder = Files.createTempDirectory(prefix);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                delete(folder);
            } catch (IOException e) {
                System.err.println("cannot delete " + folder + ": " + e);
            }
        }));
        return folder;
    }

    /// Deletes a folder and all that is in it.
    public static void delete(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) Files.deleteIfExists(file);
        }
    }
}
