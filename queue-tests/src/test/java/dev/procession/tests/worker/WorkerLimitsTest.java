package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.WorkerExit.Failed;
import dev.procession.WorkerExit.Finished;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.Serial;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a worker is given may be as large as the system allows; if it is larger, `start()` says what, and what to do.
class WorkerLimitsTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    /// Of Linux, for an argument, or for a variable with its name.
    private static final int MOST = 131_071;

    @TempDir
    Path folder;

    private final List<String> lines = Collections.synchronizedList(new ArrayList<>());

    private Worker.Builder builder() {
        return Worker.builder().name("large").stdout(lines::add);
    }

    private List<String> run(Worker.Builder builder, Task task) throws Exception {
        Worker worker = builder.start(task);
        try {
            assertTrue(worker.join(LONG));
            assertEquals(new Finished(), worker.exit());
        } finally {
            worker.kill();
        }
        return lines;
    }

    private static Worker.Builder tooLarge(String what) {
        Worker.Builder builder = Worker.builder().name("large");
        return switch (what) {
            case "a variable" -> builder.environment("A", "x".repeat(MOST - 1));
            case "a variable's name" -> builder.environment("B".repeat(200_000), "x");
            case "characters of several bytes" -> builder.environment("C", "€".repeat(MOST / 2));
            case "the name" -> builder.name("n".repeat(MOST + 1));
            case "all variables" -> {
                for (int i = 0; i < 70; i++) builder.environment("V" + i, "x".repeat(100_000));
                yield builder;
            }
            default -> {
                for (int i = 0; i < 70; i++) builder.jvmArguments("-DV" + i + "=" + "x".repeat(90_000));
                yield builder;
            }
        };
    }

    private static String said(String what) {
        return switch (what) {
            case "a variable" ->
                "the environment variable A has, with its name, 131072 bytes, and the system takes 131071";
            case "a variable's name" -> "the environment variable BBBBB";
            case "characters of several bytes" -> "the environment variable C has";
            case "the name" -> "the argument \"nnnnnnn";
            case "all variables" -> "are together more than the system allows";
            default -> "its options and other arguments, 63";
        };
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"a variable", "a variable's name", "characters of several bytes", "the name", "all variables",
                "all options"})
    void whatIsTooLargeForTheSystemIsNamedByStart(String what) {
        Worker worker = tooLarge(what).unstarted(() -> {});
        for (int attempt = 0; attempt < 2; attempt++) {
            String message = assertThrows(UncheckedIOException.class, worker::start).getMessage();
            assertTrue(message.contains(said(what)), message);
            assertTrue(message.contains("Give the worker large values in another way"), message);
            assertTrue(message.length() < 1000, message);
        }
    }

    @Test
    void theLongestVariableThatTheSystemTakesArrives() throws Exception {
        assertEquals(List.of("131069"), run(builder().environment("A", "x".repeat(MOST - 2)),
                () -> System.out.println(System.getenv("A").length())));
    }

    @Test
    void optionsOfAnyLengthArriveWithLineEndsAndQuotes() throws Exception {
        String odd = "\n \"'\r\t\\#@";
        assertEquals(List.of("true true"), run(
                builder().jvmArguments("-Dshort=" + odd, "-Dlong=" + "x".repeat(200_000) + odd),
                () -> System.out.println(System.getProperty("short").equals(odd) + " "
                        + System.getProperty("long").equals("x".repeat(200_000) + odd))));
    }

    @Test
    void aLargeTaskArrives() throws Exception {
        byte[] large = new byte[50_000_000];
        large[large.length - 1] = 7;
        assertEquals(List.of("50000000 7"),
                run(builder(), () -> System.out.println(large.length + " " + large[large.length - 1])));
    }

    /// As large as a task can be, and larger.
    static final class Endless implements Task {
        @Serial
        private static final long serialVersionUID = 1;

        @Serial
        private void writeObject(ObjectOutputStream out) throws IOException {
            byte[] some = new byte[1 << 16];
            while (true) out.write(some);
        }

        @Override
        public void run() {}

        public static void main(String[] args) {
            try {
                Worker.builder().name("endless").start(new Endless());
            } catch (OutOfMemoryError e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    void aTaskThatDoesNotFitIntoMemoryIsCalledThat() throws Exception {
        try (Processes.Jvm parent = Processes.Jvm.start(folder, List.of("-Xmx40m"), Endless.class)) {
            assertEquals(0, parent.awaitEnd(), parent.output());
            assertTrue(Stream.of("Worker \"endless\" cannot take its task along: Java heap space", "by a queue")
                    .allMatch(parent.output()::contains), parent.output());
        }
    }

    static final class Mute extends RuntimeException {
        @Serial
        private static final long serialVersionUID = 1;

        @Override
        public String getMessage() {
            throw new IllegalStateException("no words for it");
        }
    }

    @Test
    void whatTheMessageOfAnExceptionThrewIsPartOfTheReport() throws Exception {
        Worker worker = Worker.builder().stderr(lines::add).start(() -> {
            throw new Mute();
        });
        assertTrue(worker.join(LONG));
        String said = "its getMessage() threw java.lang.IllegalStateException: no words for it";
        assertEquals("(" + said + ")", assertInstanceOf(Failed.class, worker.exit()).message());
        assertTrue(lines.stream().anyMatch(line -> line.contains(said)), lines.toString());
    }
}
