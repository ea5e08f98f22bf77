package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Action;
import dev.procession.Call;
import dev.procession.RemoteException;
import dev.procession.WorkerPool;
import java.io.IOException;
import java.io.InvalidObjectException;
import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a pool does as long as its workers live.
class WorkerPoolTest {
    private static @Nullable WorkerPool pool;

    @TempDir
    Path folder;

    @BeforeAll
    static void makePool() {
        pool = WorkerPool.of(2);
    }

    @AfterAll
    static void closePool() {
        pool().close();
    }

    private static WorkerPool pool() {
        if (pool == null) throw new AssertionError();
        return pool;
    }

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    // ---- tasks and results

    @Test
    void aTaskRunsInAnotherProcessAndItsResultComesBack() throws Exception {
        int six = 6;
        Future<Integer> answer = pool().submit(() -> six * 7);
        assertEquals(42, Patience.get(answer));
        assertNotEquals(pid(), Patience.get(pool().submit(WorkerPoolTest::pid)));
    }

    record Point(int x, List<String> names) implements Serializable {}

    @Test
    void resultsOfAnyKindComeBack() throws Exception {
        assertNull(Patience.get(pool().submit(() -> null)));
        assertEquals(1L << 40, Patience.get(pool().submit(() -> 1L << 40)));
        assertEquals("ü\ud800", Patience.get(pool().submit(() -> "ü\ud800")));
        assertEquals(new Point(1, List.of("a")), Patience.get(pool().submit(() -> new Point(1, List.of("a")))));
        assertArrayEquals(new int[][] {{1}, {2, 3}}, Patience.get(pool().submit(() -> new int[][] {{1}, {2, 3}})));
        assertSame(TimeUnit.DAYS, Patience.get(pool().submit(() -> TimeUnit.DAYS)));
        assertSame(int.class, Patience.get(pool().submit(() -> int.class)));
        Call<Integer> task = Patience.get(pool().submit(() -> (Call<Integer>) () -> 5));
        assertEquals(5, task.call());
    }

    /// javac finds the right one of the overloads, for lambdas and method references.
    @Test
    void lambdasNeedNoCast() throws Exception {
        String file = folder.resolve("notes").toString();
        assertNull(Patience.get(pool().submit(() -> Patience.note(file, "action"))));
        assertNull(Patience.get(pool().submit(() -> {
            Patience.note(file, "block");
        })));
        Future<Integer> value = pool().submit(() -> Patience.notes(file).size()); // throws an IOException
        assertEquals(2, Patience.get(value));
        Point point = new Point(7, List.of());
        assertEquals(7, Patience.get(pool().submit(point::x)));
        Action action = () -> Patience.note(file, "variable");
        assertNull(Patience.get(pool().submit(action)));
        assertEquals("mine", Patience.get(pool().submit(action, "mine")));
        pool().execute(() -> Patience.note(file, "executed"));
        Patience.await("it is executed", () -> Patience.notes(file).contains("executed"));
        Callable<Integer> callable = (Callable<Integer> & Serializable) () -> 8;
        assertEquals(8, Patience.get(pool().submit(callable)));
    }

    @Test
    void oneWorkerRunsTasksInTheOrderInWhichTheyWereSubmitted() throws Exception {
        String file = folder.resolve("notes").toString();
        try (WorkerPool one = WorkerPool.of(1)) {
            for (int i = 0; i < 200; i++) {
                int n = i;
                one.execute(() -> Patience.note(file, "" + n));
            }
        }
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 200; i++) expected.add("" + i);
        assertEquals(expected, Patience.notes(file));
    }

    @Test
    void bothWorkersWorkAtTheSameTime() throws Exception {
        String file = folder.resolve("notes").toString();
        Call<Boolean> meet = () -> {
            Patience.note(file, "here");
            Patience.await("the other one", () -> Patience.notes(file).size() == 2);
            return true;
        };
        Future<Boolean> one = pool().submit(meet);
        Future<Boolean> other = pool().submit(meet);
        assertTrue(Patience.get(one) && Patience.get(other));
    }

    @Test
    void aLargeTaskAndALargeResultArrive() throws Exception {
        byte[] large = new byte[6_000_000];
        Arrays.fill(large, (byte) 3);
        assertArrayEquals(large, Patience.get(pool().submit(() -> large.clone())));
    }

    @Test
    void manyThreadsSubmitVirtualOnesToo() throws Exception {
        List<CompletableFuture<Integer>> all = new ArrayList<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 500; i++) {
                int n = i;
                all.add(CompletableFuture.supplyAsync(() -> {
                    try {
                        return Patience.get(pool().submit(() -> n + 1));
                    } catch (Exception e) {
                        throw new AssertionError(e);
                    }
                }, threads));
            }
        }
        for (int i = 0; i < 500; i++) assertEquals(i + 1, all.get(i).join());
    }

    @Test
    void aTaskMayHaveAPoolOfItsOwn() throws Exception {
        assertEquals(3, Patience.get(pool().submit(() -> {
            try (WorkerPool inner = WorkerPool.of(1)) {
                return Patience.get(inner.submit(() -> 3));
            }
        })));
    }

    @Test
    void aWorkerKeepsNothingOfATaskForTheNext() throws Exception {
        try (WorkerPool one = WorkerPool.of(1)) {
            Patience.get(one.submit(() -> {
                Thread.currentThread().interrupt();
                Thread.currentThread().setContextClassLoader(null);
            }));
            assertTrue(Patience.get(one.submit(() -> !Thread.currentThread().isInterrupted()
                    && Thread.currentThread().getContextClassLoader() == ClassLoader.getSystemClassLoader())));
        }
    }

    // ---- what cannot be sent

    private static final class NotSerializable {}

    private record Holder(NotSerializable inside) implements Serializable {}

    @Test
    void aTaskThatCannotBeSentFailsAtSubmit() {
        Holder holder = new Holder(new NotSerializable());
        var thrown = assertThrows(IllegalArgumentException.class, () -> pool().submit(() -> holder.hashCode()));
        assertTrue(thrown.getMessage().contains("field inside of " + Holder.class.getName()), thrown.getMessage());
        Runnable plain = () -> {};
        thrown = assertThrows(IllegalArgumentException.class, () -> pool().submit(plain));
        assertTrue(thrown.getMessage().contains("lambda that is not Serializable"), thrown.getMessage());
    }

    @Test
    void aTaskCannotUseThePool() throws Exception {
        WorkerPool captured = pool();
        var thrown = assertThrows(IllegalArgumentException.class,
                () -> captured.submit(() -> Patience.get(captured.submit(() -> 1))));
        assertTrue(thrown.getMessage().contains("captures a pool"), thrown.getMessage());
        // in a static field there is none: the worker's own is null
        assertInstanceOf(AssertionError.class, Patience.failure(captured.submit(() -> pool().toString())));
    }

    @Test
    void aResultThatCannotBeSentIsSaidAndTheWorkerLives() throws Exception {
        try (WorkerPool one = WorkerPool.of(1)) {
            long before = Patience.get(one.submit(WorkerPoolTest::pid));
            Throwable failure = Patience.failure(one.submit(() -> new Holder(new NotSerializable())));
            assertInstanceOf(UncheckedIOException.class, failure);
            assertInstanceOf(NotSerializableException.class, failure.getCause());
            assertTrue(failure.getMessage().contains("cannot be sent back")
                    && failure.getMessage().contains("field inside of " + Holder.class.getName()),
                    failure.getMessage());
            assertEquals(before, Patience.get(one.submit(WorkerPoolTest::pid)));
        }
    }

    /// Can be written everywhere, and read in one process only.
    private record ReadableIn(long process) implements Serializable {
        private Object readResolve() throws InvalidObjectException {
            if (process != pid()) throw new InvalidObjectException("not to be read here");
            return this;
        }
    }

    @Test
    void aTaskOrResultThatCannotBeReadIsSaidAndTheWorkerLives() throws Exception {
        try (WorkerPool one = WorkerPool.of(1)) {
            long worker = Patience.get(one.submit(WorkerPoolTest::pid));
            ReadableIn here = new ReadableIn(pid());
            Throwable failure = Patience.failure(one.submit(() -> here.hashCode()));
            assertInstanceOf(UncheckedIOException.class, failure);
            assertTrue(failure.getMessage().contains("could not be read in worker")
                    && failure.getMessage().contains("not to be read here"), failure.getMessage());
            failure = Patience.failure(one.submit(() -> new ReadableIn(pid())));
            assertInstanceOf(UncheckedIOException.class, failure);
            assertTrue(failure.getMessage().contains("result of the task could not be read")
                    && failure.getMessage().contains("not to be read here"), failure.getMessage());
            assertEquals(worker, Patience.get(one.submit(WorkerPoolTest::pid)));
        }
    }

    // ---- exceptions

    private static final class OwnException extends Exception {
        private static final long serialVersionUID = 1;
        final int code;

        OwnException(int code, Throwable cause) {
            super("code " + code, cause);
            this.code = code;
        }
    }

    private static int throwOwn() throws OwnException {
        throw new OwnException(3, new IOException("below"));
    }

    @Test
    void anExceptionComesBackAsItself() throws Exception {
        OwnException thrown =
                assertInstanceOf(OwnException.class, Patience.failure(pool().submit(WorkerPoolTest::throwOwn)));
        assertEquals(3, thrown.code);
        assertEquals("code 3", thrown.getMessage());
        assertEquals("below", assertInstanceOf(IOException.class, thrown.getCause()).getMessage());
        assertTrue(List.of(thrown.getStackTrace()).toString().contains("throwOwn"));
        Throwable error = Patience.failure(pool().submit(() -> {
            throw new AssertionError("an error");
        }));
        assertEquals("an error", assertInstanceOf(AssertionError.class, error).getMessage());
    }

    private static int recurse(int n) {
        return recurse(n + 1) + recurse(n + 2);
    }

    @Test
    void aStackOverflowComesBackAndTheWorkerLives() throws Exception {
        assertInstanceOf(StackOverflowError.class, Patience.failure(pool().submit(() -> recurse(0))));
    }

    private static final class HeavyException extends RuntimeException {
        private static final long serialVersionUID = 1;

        @SuppressWarnings("serial")
        private final Object cargo;

        HeavyException(String message, Object cargo, Throwable cause) {
            super(message, cause);
            this.cargo = cargo;
        }

        @Override
        public String toString() {
            return super.toString() + (cargo == null ? "" : " with cargo");
        }

        private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
            in.defaultReadObject();
            if (cargo instanceof Long pid && pid != pid()) throw new InvalidObjectException("not here");
        }
    }

    private static int throwHeavy(Object cargo) {
        HeavyException thrown = new HeavyException("heavy", cargo, new HeavyException("inner", cargo, null));
        thrown.addSuppressed(new IOException("aside"));
        throw thrown;
    }

    @Test
    void anExceptionThatCannotBeSentOrReadHasAStandIn() throws Exception {
        for (boolean isSent : new boolean[] {false, true}) {
            Throwable failure = Patience.failure(pool().submit(
                    () -> throwHeavy(isSent ? pid() : new NotSerializable())));
            RemoteException standIn = assertInstanceOf(RemoteException.class, failure);
            assertEquals(HeavyException.class.getName(), standIn.className());
            assertEquals("heavy", standIn.getMessage());
            assertEquals(HeavyException.class.getName() + ": heavy with cargo", standIn.toString());
            assertTrue(List.of(standIn.getStackTrace()).toString().contains("throwHeavy"));
            assertEquals("inner", assertInstanceOf(RemoteException.class, standIn.getCause()).getMessage());
            assertEquals("aside", standIn.getSuppressed()[0].getMessage());
        }
    }

    private static final class HostileException extends RuntimeException {
        private static final long serialVersionUID = 1;
        @SuppressWarnings("serial")
        private final Object cargo = new NotSerializable();

        @Override
        public String getMessage() {
            throw new IllegalStateException("" + cargo.hashCode());
        }

        @Override
        public StackTraceElement[] getStackTrace() {
            throw new IllegalStateException();
        }
    }

    @Test
    void anExceptionWhoseMethodsThrowHasAStandInToo() throws Exception {
        RemoteException standIn = assertInstanceOf(RemoteException.class, Patience.failure(pool().submit(() -> {
            throw new HostileException();
        })));
        assertEquals(HostileException.class.getName(), standIn.className());
    }

    @Test
    void whatAnExecutedTaskThrowsGoesToTheHandlerForUncaughtExceptions() throws Exception {
        CompletableFuture<Throwable> handled = new CompletableFuture<>();
        var before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> handled.complete(thrown));
        try {
            pool().execute(() -> {
                throw new IllegalStateException("executed");
            });
            assertEquals("executed", Patience.get(handled).getMessage());
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    // ---- some at once

    private static List<Call<Integer>> three(Call<Integer> second) {
        return List.of(() -> 1, second, () -> 3);
    }

    @Test
    void invokeAllReturnsWhenAllAreDone() throws Exception {
        List<Future<Integer>> all = pool().invokeAll(three(() -> {
            throw new IOException("second");
        }));
        assertTrue(all.stream().allMatch(Future::isDone));
        assertEquals(1, all.get(0).get());
        assertEquals("second", all.get(1).exceptionNow().getMessage());
        assertEquals(3, all.get(2).get());
    }

    @Test
    void invokeAllCancelsWhatIsNotDoneInTime() throws Exception {
        String file = folder.resolve("notes").toString();
        Call<Integer> slow = () -> {
            Patience.await("never", () -> {
                Patience.note(file, "runs");
                return false;
            });
            return 2;
        };
        try (WorkerPool one = WorkerPool.of(1)) {
            Patience.get(one.submit(() -> 0)); // it is up
            List<Future<Integer>> all = one.invokeAll(three(slow), 2, TimeUnit.SECONDS);
            assertEquals(Future.State.SUCCESS, all.get(0).state());
            assertEquals(Future.State.CANCELLED, all.get(1).state());
            assertEquals(Future.State.CANCELLED, all.get(2).state());
            assertEquals(4, Patience.get(one.submit(() -> 4))); // the second was interrupted
        }
    }

    @Test
    void invokeAnyReturnsTheFirstSuccess() throws Exception {
        assertEquals(2, pool().invokeAny(List.of((Call<Integer>) () -> {
            throw new IOException("first");
        }, () -> 2)));
        var thrown = assertThrows(ExecutionException.class, () -> pool().invokeAny(List.of((Call<Integer>) () -> {
            throw new IOException("all");
        })));
        assertEquals("all", thrown.getCause().getMessage());
        assertThrows(IllegalArgumentException.class, () -> pool().invokeAny(List.<Call<Integer>>of()));
        assertThrows(TimeoutException.class, () -> pool().invokeAny(List.of((Call<Integer>) () -> {
            Thread.sleep(60_000);
            return 1;
        }), 10, TimeUnit.MILLISECONDS));
        assertFalse(pool().isShutdown());
    }
}
