package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Shared;
import dev.procession.Worker;
import dev.procession.WorkerPool;
import java.io.IOException;
import java.io.InvalidObjectException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A value that many tasks use.
class SharedTest {
    private static final WorkerPool[] POOL = new WorkerPool[1];

    @TempDir
    Path folder;

    @BeforeAll
    static void makePool() {
        POOL[0] = WorkerPool.of(2);
    }

    @AfterAll
    static void closePool() {
        POOL[0].close();
    }

    /// Notes where it is read.
    private static final class Table implements Serializable {
        private static final long serialVersionUID = 1;
        final int[] numbers;
        private final String file;

        Table(int[] numbers, String file) {
            this.numbers = numbers;
            this.file = file;
        }

        private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
            in.defaultReadObject();
            Patience.note(file, "" + ProcessHandle.current().pid());
        }
    }

    private static Path fileOf(Shared<?> shared) {
        String text = shared.toString();
        return Path.of(text.substring(text.indexOf('[') + 1, text.length() - 1));
    }

    @Test
    void aSharedValueIsReadOnceInEachWorker() throws Exception {
        String file = folder.resolve("notes").toString();
        int[] numbers = new int[500_000];
        numbers[499_999] = 7;
        Table table = new Table(numbers, file);
        try (Shared<Table> shared = POOL[0].broadcast(table)) {
            assertSame(table, shared.get());
            List<Future<Integer>> all = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                int n = i;
                all.add(POOL[0].submit(() -> n + shared.get().numbers[499_999]));
            }
            for (int i = 0; i < 100; i++) assertEquals(i + 7, Patience.get(all.get(i)));
            List<String> readers = Patience.notes(file);
            assertTrue(
                    !readers.isEmpty() && readers.size() <= 2 && readers.stream().distinct().count() == readers.size(),
                    readers.toString());
        }
    }

    @Test
    void aTaskMayReturnASharedValueAndPassItOn() throws Exception {
        List<String> words = List.of("one", "two");
        try (Shared<List<String>> shared = POOL[0].broadcast(words)) {
            assertSame(shared, Patience.get(POOL[0].submit(() -> shared)));
            assertEquals("two", Patience.get(POOL[0].submit(() -> {
                try (WorkerPool inner = WorkerPool.of(1)) {
                    return Patience.get(inner.submit(() -> shared.get().get(1)));
                }
            })));
        }
    }

    @Test
    void aSharedValueThatWasClosedIsGone() throws Exception {
        Shared<String> shared = POOL[0].broadcast("text");
        Path file = fileOf(shared);
        assertTrue(Files.exists(file));
        shared.close();
        shared.close();
        assertTrue(Files.notExists(file));
        assertThrows(IllegalStateException.class, shared::get);
        Throwable failure = Patience.failure(POOL[0].submit(() -> shared.get()));
        assertTrue(assertInstanceOf(IllegalStateException.class, failure).getMessage().contains("is gone"),
                failure.getMessage());
    }

    @Test
    void aSharedValueIsClosedWithItsPool() throws Exception {
        WorkerPool pool = WorkerPool.of(1);
        Shared<String> shared = pool.broadcast("text");
        Path file = fileOf(shared);
        Future<String> last = pool.submit(() -> shared.get() + "s");
        pool.close();
        assertEquals("texts", Patience.get(last));
        assertTrue(Files.notExists(file));
        assertThrows(IllegalStateException.class, shared::get);
        assertThrows(RejectedExecutionException.class, () -> pool.broadcast("late"));
    }

    @Test
    void aSharedValueOfAProcessThatEndsLeavesNoFile() throws Exception {
        String file = folder.resolve("path").toString();
        Worker program = Worker.of(() -> {
            WorkerPool pool = WorkerPool.of(1);
            Shared<String> shared = pool.broadcast("text");
            Patience.note(file, fileOf(shared).toString());
            Patience.get(pool.submit(() -> shared.get()));
            System.exit(0);
        });
        program.start();
        program.join();
        assertTrue(Files.notExists(Path.of(Patience.notes(file).get(0))));
    }

    @Test
    void aSharedValueOfAKilledProcessIsRemovedWithTheNextThatIsMade() throws Exception {
        String file = folder.resolve("path").toString();
        Worker program = Worker.of(() -> {
            Shared<String> shared = WorkerPool.of(1).broadcast("text");
            Patience.note(file, fileOf(shared).toString());
            Runtime.getRuntime().halt(137); // as SIGKILL
        });
        program.start();
        program.join();
        Path left = Path.of(Patience.notes(file).get(0));
        Patience.await("it is removed", () -> {
            POOL[0].broadcast("next").close();
            return Files.notExists(left);
        });
    }

    private record ReadableIn(long process) implements Serializable {
        private Object readResolve() throws InvalidObjectException {
            if (process != ProcessHandle.current().pid()) throw new InvalidObjectException("not to be read here");
            return this;
        }
    }

    @Test
    void whatCannotBeSharedIsSaid() throws Exception {
        Object[] notSerializable = {new Object()};
        var refused = assertThrows(IllegalArgumentException.class, () -> POOL[0].broadcast(notSerializable));
        assertTrue(refused.getMessage().contains("java.lang.Object is not Serializable"), refused.getMessage());
        try (Shared<ReadableIn> shared = POOL[0].broadcast(new ReadableIn(ProcessHandle.current().pid()))) {
            Throwable failure = Patience.failure(POOL[0].submit(() -> shared.get().process()));
            assertTrue(assertInstanceOf(UncheckedIOException.class, failure).getMessage()
                    .contains("not to be read here"), failure.getMessage());
        }
    }

    @Test
    void aValueThatIsTooLargeForAWorkerFailsItsTaskAlone() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).jvmArguments("-Xmx24m").build()) {
            Shared<byte[]> shared = pool.broadcast(new byte[30 << 20]);
            Throwable failure = Patience.failure(pool.submit(() -> shared.get().length));
            assertTrue(assertInstanceOf(UncheckedIOException.class, failure).getMessage()
                    .contains("there is no memory for its 314"), failure.getMessage());
            assertEquals(1, Patience.get(pool.submit(() -> 1)));
        }
    }
}
