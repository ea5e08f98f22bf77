package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.WorkerLostException;
import dev.procession.WorkerPool;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/// A pool applies a function to items, which travel one by one, or some together.
@ParameterizedClass(name = "in chunks of {0}")
@ValueSource(ints = {1, 3})
class PoolMapTest {
    private static final WorkerPool[] POOLS = new WorkerPool[4];

    @Parameter
    int chunk;

    @TempDir
    Path folder;

    @BeforeAll
    static void makePools() {
        for (int each : new int[] {1, 3}) POOLS[each] = WorkerPool.builder().size(2).chunk(each).build();
    }

    @AfterAll
    static void closePools() {
        for (int each : new int[] {1, 3}) POOLS[each].close();
    }

    private WorkerPool pool() {
        return POOLS[chunk];
    }

    private static List<Integer> numbers(int count) {
        return IntStream.range(0, count).boxed().toList();
    }

    @Test
    void mapGivesTheResultsInTheOrderOfTheItems() {
        List<Integer> expected = numbers(500).stream().map(n -> 2 * n).toList();
        assertEquals(expected, pool().map(numbers(500), n -> 2 * n).toList());
        assertEquals(expected, pool().map(numbers(500).stream(), n -> {
            if (n % 50 == 7) Thread.sleep(20); // others are faster
            return 2 * n;
        }).toList());
        assertEquals(List.of(), pool().map(List.<Integer>of(), n -> 2 * n).toList());
        assertEquals(Arrays.asList("null", "1"), pool().map(Arrays.asList(null, 1), n -> "" + n).toList());
        assertEquals(Arrays.asList(null, null), pool().map(List.of(1, 2), n -> null).toList());
    }

    @Test
    void mapUnorderedGivesEachResultWhenItIsThere() throws Exception {
        assertEquals(numbers(500), pool().mapUnordered(numbers(500), n -> n).sorted().toList());
        String gate = folder.resolve("gate").toString();
        List<Integer> came = new ArrayList<>();
        pool().mapUnordered(numbers(10).stream(), n -> {
            if (n == 0) Patience.await("the others", () -> !Patience.notes(gate).isEmpty());
            return n;
        }).forEach(n -> {
            came.add(n);
            if (came.size() == 10 - chunk) Patience.note(gate, "open"); // all but the chunk of the first
        });
        assertTrue(came.indexOf(0) >= 10 - chunk, came::toString);
        assertEquals(10, came.size());
    }

    @Test
    void forEachReturnsWhenAllIsDone() throws Exception {
        String file = folder.resolve("notes").toString();
        pool().forEach(numbers(100), n -> Patience.note(file, "" + n));
        assertEquals(numbers(100), Patience.notes(file).stream().map(Integer::valueOf).sorted().toList());
    }

    @Test
    void itemsAreTakenAsTheStreamIsRead() {
        AtomicInteger taken = new AtomicInteger();
        try (Stream<Integer> results = pool().map(Stream.iterate(0, n -> n + 1).peek(n -> taken.incrementAndGet()),
                n -> n)) {
            Iterator<Integer> reader = results.iterator();
            assertEquals(0, taken.get());
            for (int i = 0; i < 100; i++) {
                assertEquals(i, reader.next());
                int ahead = taken.get() - i;
                assertTrue(ahead <= 7 * chunk, ahead + " were taken ahead");
            }
        }
    }

    @Test
    void anItemThatFailsThrowsAtItsPlaceAndLosesNoOther() {
        List<String> seen = new ArrayList<>();
        try (Stream<Integer> results = pool().map(numbers(10), n -> {
            if (n == 2 || n == 3) throw new IOException("item " + n);
            return n;
        })) {
            Iterator<Integer> reader = results.iterator();
            while (true) {
                try {
                    if (!reader.hasNext()) break;
                    seen.add("" + reader.next());
                } catch (CompletionException e) {
                    seen.add(assertInstanceOf(IOException.class, e.getCause()).getMessage());
                }
            }
        }
        assertEquals(List.of("0", "1", "item 2", "item 3", "4", "5", "6", "7", "8", "9"), seen);
    }

    @Test
    void anItemThatCannotBeSentLosesNoOther() {
        int sent = 0;
        List<Object> items = new ArrayList<>(numbers(9));
        items.set(4, new Object());
        Iterator<String> reader = pool().map(items, n -> "" + n).iterator();
        List<String> failures = new ArrayList<>();
        while (true) {
            try {
                if (!reader.hasNext()) break;
                assertEquals("" + items.get(sent), reader.next());
            } catch (CompletionException e) {
                failures.add(sent + " " + assertInstanceOf(IllegalArgumentException.class, e.getCause()).getMessage());
            }
            sent++;
        }
        assertEquals(9, sent);
        assertEquals(1, failures.size(), failures::toString);
        assertTrue(failures.getFirst().startsWith("4 ") && failures.getFirst().contains("Object is not Serializable"),
                failures::toString);
    }

    @Test
    void aFunctionThatCannotBeSentFailsAtOnce() {
        Object captured = new Object();
        var thrown = assertThrows(IllegalArgumentException.class,
                () -> pool().map(numbers(3), n -> captured.hashCode()));
        assertTrue(thrown.getMessage().contains("Object is not Serializable"), thrown.getMessage());
    }

    @Test
    void aWorkerThatIsLostLosesItsChunkOnly() {
        Iterator<Integer> reader = pool().map(numbers(12), n -> {
            if (n == 7) Runtime.getRuntime().halt(9);
            return n;
        }).iterator();
        List<Integer> seen = new ArrayList<>();
        int lost = 0;
        while (true) {
            try {
                if (!reader.hasNext()) break;
                seen.add(reader.next());
            } catch (CompletionException e) {
                assertInstanceOf(WorkerLostException.class, e.getCause());
                lost++;
            }
        }
        assertEquals(chunk, lost);
        List<Integer> expected = new ArrayList<>(numbers(12));
        expected.removeIf(n -> n / chunk == 7 / chunk);
        assertEquals(expected, seen);
    }

    @Test
    void aSourceThatFailsThrowsAfterWhatItHasGiven() {
        List<Integer> seen = new ArrayList<>();
        Stream<Integer> source = numbers(10).stream().peek(n -> {
            if (n == 5) throw new IllegalStateException("source");
        });
        var thrown = assertThrows(IllegalStateException.class, () -> pool().map(source, n -> n).forEach(seen::add));
        assertEquals("source", thrown.getMessage());
        assertEquals(numbers(5), seen);
    }

    @Test
    void forEachDoesAllAndThenThrowsWhatWentWrong() throws Exception {
        String file = folder.resolve("notes").toString();
        var thrown = assertThrows(CompletionException.class, () -> pool().forEach(numbers(20), n -> {
            if (n % 10 == 5) throw new IOException("item " + n);
            Patience.note(file, "" + n);
        }));
        assertEquals(1, thrown.getSuppressed().length);
        assertEquals(List.of("item 15", "item 5"), Stream.of(thrown.getCause(), thrown.getSuppressed()[0])
                .map(Throwable::getMessage).sorted().toList());
        assertEquals(18, Patience.notes(file).size());
    }

    @Test
    void toCloseTheStreamCancelsTheRest() throws Exception {
        String file = folder.resolve("notes").toString();
        int firstChunk = chunk;
        AtomicBoolean isClosed = new AtomicBoolean();
        try (Stream<Integer> results = pool().map(numbers(100).stream().onClose(() -> isClosed.set(true)), n -> {
            if (n < firstChunk) return n;
            Patience.note(file, "started");
            Thread.sleep(600_000);
            return n;
        })) {
            assertEquals(0, results.iterator().next());
            Patience.await("both workers work", () -> Patience.notes(file).size() >= 2);
        }
        assertTrue(isClosed.get());
        assertEquals(5, Patience.get(pool().submit(() -> 5)));
        assertTrue(Patience.notes(file).size() <= 4, Patience.notes(file)::toString); // of those ahead hardly any
    }

    @Test
    void aReaderThatIsInterruptedStops() throws Exception {
        String file = folder.resolve("notes").toString();
        List<Throwable> thrown = new ArrayList<>();
        AtomicBoolean isInterrupted = new AtomicBoolean();
        Thread reader = Thread.ofPlatform().start(() -> {
            try {
                pool().forEach(numbers(10), n -> {
                    Patience.note(file, "started");
                    Thread.sleep(600_000);
                });
            } catch (CancellationException e) {
                thrown.add(e);
                isInterrupted.set(Thread.currentThread().isInterrupted());
            }
        });
        Patience.await("both workers work", () -> Patience.notes(file).size() >= 2);
        reader.interrupt();
        reader.join();
        assertEquals(1, thrown.size());
        assertTrue(isInterrupted.get());
        assertEquals(5, Patience.get(pool().submit(() -> 5))); // the rest is cancelled
    }

    @Test
    void aStreamOfAPoolThatIsShutDownThrows() throws Exception {
        WorkerPool ended = WorkerPool.builder().size(1).chunk(chunk).build();
        Iterator<Integer> reader = ended.map(Stream.iterate(0, n -> n + 1), n -> n).iterator();
        assertEquals(0, reader.next());
        ended.close();
        assertThrows(RejectedExecutionException.class, () -> {
            while (true) reader.next();
        });
        assertFalse(reader.hasNext());
    }

    @Test
    void aReaderThatIsInterruptedWhileThereIsNoRoomIsToldSo() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).maxQueued(1).chunk(1).build()) {
            var endless = IntStream.generate(() -> 0).boxed();
            Thread reader = Thread.currentThread();
            Thread.ofVirtual().start(() -> {
                while (reader.getState() != Thread.State.TIMED_WAITING) Thread.onSpinWait(); // with no limit, in fact
                reader.interrupt();
            });
            try (var results = pool.map(endless, n -> {
                Thread.sleep(600_000);
                return n;
            })) {
                assertThrows(CancellationException.class, () -> results.forEach(each -> {}));
                assertTrue(Thread.interrupted());
            }
            pool.shutdownNow();
        }
    }
}
