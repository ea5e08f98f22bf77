package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Waits, but not for ever.
final class Patience {
    private static final Duration LONG = Duration.ofSeconds(45);

    private Patience() {}

    static <R> R get(Future<R> future) throws Exception {
        return future.get(LONG.toSeconds(), TimeUnit.SECONDS);
    }

    /// What the task has thrown, or what is said in its place.
    static Throwable failure(Future<?> future) throws Exception {
        try {
            return fail("it returned " + future.get(LONG.toSeconds(), TimeUnit.SECONDS));
        } catch (ExecutionException e) {
            return e.getCause();
        } catch (TimeoutException e) {
            return fail("not done within " + LONG);
        }
    }

    static void await(String what, Callable<Boolean> condition) throws Exception {
        for (long start = System.nanoTime(); !condition.call(); Thread.sleep(5)) {
            if (System.nanoTime() - start > LONG.toNanos()) fail("not within " + LONG + ": " + what);
        }
    }

    /// Adds a line to a file, as one write.
    static void note(String file, String line) {
        try {
            Files.writeString(Path.of(file), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    static List<String> notes(String file) throws IOException {
        return Files.exists(Path.of(file)) ? Files.readAllLines(Path.of(file)) : List.of();
    }
}
