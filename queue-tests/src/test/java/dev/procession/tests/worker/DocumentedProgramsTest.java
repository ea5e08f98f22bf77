package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The programs that README and POOL.md show, from there, as one would run them: `java Hello.java`.
class DocumentedProgramsTest {
    private static final Path README = Path.of("..", "README.md");
    private static final Path POOL = Path.of("..", "queue-ipc", "POOL.md");

    @TempDir
    Path folder;

    private static String program(Path page, String name) throws Exception {
        var found = Pattern.compile("(?s)```java\n([^`]*public class " + name + " \\{[^`]*)```")
                .matcher(Files.readString(page));
        assertTrue(found.find(), () -> name + " in " + page);
        return found.group(1);
    }

    private Process start(String name, String source) throws Exception {
        Path file = Files.writeString(folder.resolve(name + ".java"), source);
        return new ProcessBuilder(Processes.java(), "--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), file.toString())
                .redirectError(folder.resolve("errors").toFile()).start();
    }

    private List<String> lines(Process process, int status) throws Exception {
        try {
            List<String> lines = process.inputReader().readAllLines();
            assertTrue(process.waitFor(45, TimeUnit.SECONDS));
            assertEquals(status, process.exitValue(), this::errors);
            return lines;
        } finally {
            process.destroyForcibly();
        }
    }

    private String errors() {
        try {
            return Files.readString(folder.resolve("errors"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    private static List<String> squares(boolean withFailures) {
        List<String> lines = new ArrayList<>();
        for (int n = 0; n < 400; n++) lines.add(withFailures && n % 100 == 99 ? "failed: no " + n : "" + n * n);
        return lines;
    }

    @Test
    void helloSaysHello() throws Exception {
        List<String> lines = lines(start("Hello", program(README, "Hello")), 0);
        assertEquals(1, lines.size());
        assertTrue(lines.getFirst().matches("hello from process \\d+"), lines::toString);
    }

    @Test
    void helloDoesNotWaitForAWorkerThatDiedAtItsStart() throws Exception {
        String put = "queue.put(\"hello from process \" + ProcessHandle.current().pid())";
        String source = program(README, "Hello");
        assertTrue(source.contains(put));
        assertEquals(List.of(), lines(start("Hello", source.replace(put, "System.exit(3)")), 1));
        assertTrue(errors().contains("QueueShutDownException"), this::errors);
    }

    @Test
    void aPoolSquares() throws Exception {
        assertEquals(squares(false), lines(start("Squares", program(README, "Squares")), 0));
    }

    @Test
    void aQueueEndsWithItsProducers() throws Exception {
        assertEquals(List.of("10000"), lines(start("Sum", program(README, "Sum")), 0));
    }

    @Test
    void theJobIsDoneThoughAWorkerIsKilledInTheMiddle() throws Exception {
        Process process = start("Job", program(POOL, "Job"));
        try (BufferedReader reader = process.inputReader()) {
            List<String> lines = new ArrayList<>();
            for (String line; (line = reader.readLine()) != null;) {
                lines.add(line);
                if (lines.size() != 100) continue;
                ProcessHandle worker = process.children().findAny().orElseThrow();
                assertTrue(worker.destroyForcibly());
                worker.onExit().get(45, TimeUnit.SECONDS);
            }
            assertEquals(squares(true), lines);
            assertTrue(process.waitFor(45, TimeUnit.SECONDS));
            assertEquals(0, process.exitValue(), this::errors);
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void theJobIsTheSameWithThreads() throws Exception {
        String threads = "Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())";
        assertTrue(Files.readString(POOL).contains("`try (var pool = " + threads + ") {`"));
        String source = program(POOL, "Job").replace("WorkerPool.onEveryCore()", threads);
        assertTrue(source.contains(threads));
        assertEquals(squares(true), lines(start("Job", source), 0));
    }
}
