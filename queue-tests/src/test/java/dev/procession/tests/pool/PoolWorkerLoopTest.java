package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.RemoteException;
import dev.procession.Worker;
import dev.procession.WorkerLostException;
import dev.procession.WorkerPool;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.PrintStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What tasks may do to the worker that runs them.
class PoolWorkerLoopTest {
    private static final String GRACE = "dev.procession.grace";
    /// Of one worker, which is to live through all that it is used for.
    private static final WorkerPool[] POOL = new WorkerPool[1];
    private @Nullable String graceBefore;

    @TempDir
    Path folder;

    @BeforeAll
    static void makePool() {
        POOL[0] = WorkerPool.of(1);
    }

    @AfterAll
    static void closePool() {
        POOL[0].close();
    }

    @BeforeEach
    void shortenGrace() {
        graceBefore = System.setProperty(GRACE, "0.2");
    }

    @AfterEach
    void restoreGrace() {
        if (graceBefore == null) System.clearProperty(GRACE);
        else System.setProperty(GRACE, graceBefore);
    }

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    private static void leaveThread() {
        Thread.ofPlatform().daemon(false).start(() -> {
            while (true) LockSupport.park();
        });
    }

    private static void interruptAll() {
        Thread.getAllStackTraces().keySet().forEach(Thread::interrupt);
    }

    // ---- exceptions whose methods throw

    /// Throws from each of its methods something that has no better ones.
    private static final class Hostile extends RuntimeException {
        private static final long serialVersionUID = 1;

        @Override
        public String getMessage() {
            throw new Hostile();
        }

        @Override
        public String toString() {
            throw new Hostile();
        }

        @Override
        public synchronized Throwable getCause() {
            throw new AssertionError("no cause");
        }

        @Override
        public StackTraceElement[] getStackTrace() {
            throw new StackOverflowError("no trace");
        }
    }

    private record HostileWhenWritten() implements Serializable {
        private Object writeReplace() {
            throw new Hostile();
        }
    }

    private record HostileWhenRead(long maker) implements Serializable {
        private Object readResolve() {
            if (maker != pid()) throw new Hostile();
            return this;
        }
    }

    @Test
    void exceptionsWhoseMethodsThrowAreOutcomesAndTheWorkerLives() throws Exception {
        WorkerPool pool = POOL[0];
        long worker = Patience.get(pool.submit(PoolWorkerLoopTest::pid));
        Throwable failure = Patience.failure(pool.submit(() -> {
            leaveThread();
            throw new Hostile();
        }));
        assertEquals(Hostile.class.getName(), assertInstanceOf(RemoteException.class, failure).className());
        HostileWhenRead argument = new HostileWhenRead(pid());
        List<Future<?>> all = List.of(pool.submit(() -> argument.hashCode()),
                pool.submit(() -> new HostileWhenWritten()), pool.submit(() -> new HostileWhenRead(pid())));
        List<String> said = List.of("could not be read in worker", "cannot be sent back",
                "result of the task could not be read");
        for (int i = 0; i < all.size(); i++) {
            failure = assertInstanceOf(UncheckedIOException.class, Patience.failure(all.get(i)));
            assertTrue(failure.getMessage().contains(said.get(i))
                    && failure.getMessage().contains(Hostile.class.getName()), failure.getMessage());
        }
        assertEquals(worker, Patience.get(pool.submit(PoolWorkerLoopTest::pid)));
    }

    // ---- deep ones

    private record Node(@Nullable Node next) implements Serializable {}

    private static Node deep() {
        Node deep = new Node(null);
        for (int i = 0; i < 100_000; i++) deep = new Node(deep);
        return deep;
    }

    @Test
    void whatIsTooDeepToBeSentIsSaid() throws Exception {
        WorkerPool pool = POOL[0];
        long worker = Patience.get(pool.submit(PoolWorkerLoopTest::pid));
        Node deep = deep();
        var refused = assertThrows(IllegalArgumentException.class, () -> pool.submit(() -> deep.next()));
        assertTrue(refused.getMessage().contains("too deep"), refused.getMessage());
        Throwable failure = Patience.failure(pool.submit(PoolWorkerLoopTest::deep));
        assertTrue(failure.getMessage().contains("cannot be sent back")
                && failure.getMessage().contains("StackOverflowError"), failure.getMessage());
        failure = Patience.failure(pool.submit(() -> {
            Exception thrown = new Exception("innermost");
            for (int i = 0; i < 20_000; i++) thrown = new Exception("outer", thrown);
            throw thrown;
        }));
        assertEquals("outer", failure.getMessage());
        assertEquals(worker, Patience.get(pool.submit(PoolWorkerLoopTest::pid)));
    }

    // ---- threads

    @Test
    void aTaskMayInterruptAllThreadsOfItsWorker() throws Exception {
        WorkerPool pool = POOL[0];
        long worker = Patience.get(pool.submit(PoolWorkerLoopTest::pid));
        for (int i = 0; i < 20; i++) {
            int n = i;
            assertEquals(n, Patience.get(pool.submit(() -> {
                interruptAll();
                return n;
            })));
        }
        Patience.get(pool.submit(() -> {
            Thread.ofPlatform().daemon().start(() -> { // which goes on during the tasks that follow
                for (int i = 0; i < 2_000; i++) {
                    interruptAll();
                    LockSupport.parkNanos(100_000);
                }
            });
        }));
        List<Future<Integer>> all = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            int n = i;
            all.add(pool.submit(() -> n));
        }
        for (int i = 0; i < 300; i++) assertEquals(i, Patience.get(all.get(i)));
        assertEquals(worker, Patience.get(pool.submit(PoolWorkerLoopTest::pid)));
    }

    @Test
    void workersWhoseThreadsWereInterruptedEndWithTheirParent() throws Exception {
        String file = folder.resolve("pids").toString();
        Worker program = Worker.builder().name("program").unstarted(() -> {
            WorkerPool pool = WorkerPool.of(2);
            for (int i = 0; i < 4; i++) {
                Patience.get(pool.submit(() -> {
                    Patience.note(file, "" + pid());
                    for (int n = 0; n < 10; n++) {
                        interruptAll();
                        Thread.interrupted();
                        Thread.sleep(10);
                    }
                    return 0;
                }));
            }
            Runtime.getRuntime().halt(9);
        });
        program.start();
        program.join();
        for (String pid : Patience.notes(file)) {
            ProcessHandle worker = ProcessHandle.of(Long.parseLong(pid)).orElse(null);
            if (worker == null) continue;
            try {
                Patience.await("the worker has ended", () -> !worker.isAlive());
            } finally {
                worker.destroyForcibly();
            }
        }
    }

    private static final class Answer implements Callable<String>, Serializable {
        private static final long serialVersionUID = 1;

        @Override
        public String call() {
            return getClass().getClassLoader().getClass().getSimpleName();
        }
    }

    /// Has a class of its own in place of [Answer], which a worker has from its parent.
    private static final class AnotherLoader extends ClassLoader {
        AnotherLoader() {
            super(PoolWorkerLoopTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.equals(Answer.class.getName())) return super.loadClass(name, resolve);
            Class<?> known = findLoadedClass(name);
            if (known != null) return known;
            try (InputStream in = Objects.requireNonNull(getResourceAsStream(name.replace('.', '/') + ".class"))) {
                byte[] bytes = in.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }

        static Callable<?> answer() throws Exception {
            Constructor<?> made = new AnotherLoader().loadClass(Answer.class.getName()).getDeclaredConstructor();
            made.setAccessible(true);
            return (Callable<?>) made.newInstance();
        }
    }

    @Test
    void workersGetClassesFromAProcessWhoseThreadsWereInterrupted() throws Exception {
        assertEquals("ParentClassLoader", Patience.get(POOL[0].submit(AnotherLoader.answer())));
        Thread.getAllStackTraces().keySet().stream().filter(each -> each.getName().startsWith("procession classes"))
                .forEach(Thread::interrupt);
        assertEquals("ParentClassLoader", Patience.get(POOL[0].submit(AnotherLoader.answer())));
        try (WorkerPool pool = WorkerPool.of(1)) {
            assertEquals("ParentClassLoader", Patience.get(pool.submit(AnotherLoader.answer())));
        }
    }

    @Test
    void whatTasksHaveStartedDoesNotKeepThePoolFromItsEnd() throws Exception {
        try (WorkerPool pool = WorkerPool.of(2)) {
            for (int i = 0; i < 4; i++) pool.execute(PoolWorkerLoopTest::leaveThread);
        }
    }

    private static final class Stuck extends PrintStream {
        Stuck() {
            super(nullOutputStream());
        }

        @Override
        public void print(@Nullable String text) {
            while (true) LockSupport.park();
        }
    }

    @Test
    void anInitializerThatFailsIsSaidWhateverElseItHasDone() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).initializer(() -> {
            leaveThread();
            System.setProperty(GRACE, "nonsense");
            System.setErr(new Stuck());
            interruptAll();
            throw new IOException("the initializer's");
        }).build()) {
            Throwable failure = Patience.failure(pool.submit(() -> 1));
            assertTrue(assertInstanceOf(WorkerLostException.class, failure).getMessage()
                    .contains("the initializer's"), failure.getMessage());
        }
    }

    @Test
    void aTaskThatExitsIsLostAlsoIfTheShutdownOfItsWorkerHangs() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).attempts(1).build()) {
            Throwable failure = Patience.failure(pool.submit(() -> {
                Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                    while (true) LockSupport.park();
                }));
                System.exit(5);
            }));
            assertInstanceOf(WorkerLostException.class, failure);
            assertEquals(1, Patience.get(pool.submit(() -> 1)));
        }
    }

    // ---- memory

    @Test
    void aTaskThatIsTooLargeFailsAloneAndTheWorkersLive() throws Exception {
        byte[] large = new byte[30 << 20];
        try (WorkerPool pool = WorkerPool.builder().size(1).jvmArguments("-Xmx24m").build()) {
            long worker = Patience.get(pool.submit(PoolWorkerLoopTest::pid));
            Future<Integer> bad = pool.submit(() -> large.length);
            List<Future<Integer>> others = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                int n = i;
                others.add(pool.submit(() -> n));
            }
            String message = String.valueOf(Patience.failure(bad).getMessage());
            assertTrue(message.contains("there is no memory for its 314"), message);
            for (int i = 0; i < 20; i++) assertEquals(i, Patience.get(others.get(i)));
            assertEquals(worker, Patience.get(pool.submit(PoolWorkerLoopTest::pid)));
        }
    }

    @Test
    void largeResultsComeOutOfASmallHeapOneAfterTheOther() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).jvmArguments("-Xmx48m").build()) {
            long worker = Patience.get(pool.submit(PoolWorkerLoopTest::pid));
            for (int i = 0; i < 3; i++) {
                assertEquals(6 << 20, Patience.get(pool.submit(() -> new byte[6 << 20])).length);
                String message = String.valueOf(Patience.failure(pool.submit(() -> new byte[20 << 20])).getMessage());
                assertTrue(message.contains("cannot be sent back") && message.contains("OutOfMemoryError"), message);
            }
            assertEquals(worker, Patience.get(pool.submit(PoolWorkerLoopTest::pid)));
        }
    }

    // ---- what belongs to the process

    private static final class FailsToInitialize {
        static final int VALUE = fail();

        private static int fail() {
            throw new IllegalStateException("not initialized");
        }
    }

    private static final class Odd extends Error {
        private static final long serialVersionUID = 1;

        Odd() {
            super(null, null, false, false);
        }

        private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
            in.defaultReadObject();
            throw new Odd();
        }

        private void writeObject(ObjectOutputStream out) throws IOException {
            out.defaultWriteObject();
        }
    }

    @Test
    void errorsOfAnyKindAreOutcomesAndTheWorkerLives() throws Exception {
        WorkerPool pool = POOL[0];
        long worker = Patience.get(pool.submit(PoolWorkerLoopTest::pid));
        Throwable first = Patience.failure(pool.submit(() -> FailsToInitialize.VALUE + 0));
        assertInstanceOf(ExceptionInInitializerError.class, first);
        assertEquals("not initialized", first.getCause().getMessage());
        assertInstanceOf(NoClassDefFoundError.class,
                Patience.failure(pool.submit(() -> FailsToInitialize.VALUE + 0)));
        assertEquals(Odd.class.getName(), assertInstanceOf(RemoteException.class,
                Patience.failure(pool.submit((Runnable & Serializable) () -> {
                    throw new Odd();
                }))).className());
        assertInstanceOf(InternalError.class, Patience.failure(pool.submit(() -> {
            throw new InternalError("by hand");
        })));
        assertEquals(worker, Patience.get(pool.submit(PoolWorkerLoopTest::pid)));
    }

    @Test
    void aTaskMayCloseTheStandardStreams() throws Exception {
        try (WorkerPool pool = WorkerPool.of(1)) {
            long worker = Patience.get(pool.submit(() -> {
                System.in.close();
                System.out.close();
                System.err.close();
                return pid();
            }));
            assertEquals(worker, Patience.get(pool.submit(() -> {
                System.setIn(null);
                System.setOut(null);
                System.setErr(null);
                return pid();
            })));
            assertEquals("later", Patience.failure(pool.submit(() -> {
                throw new IOException("later");
            })).getMessage());
            assertEquals(worker, Patience.get(pool.submit(PoolWorkerLoopTest::pid)));
        }
    }

    /// The pipes of a worker's output stay open as long as a process has them that the worker has started.
    @Test
    void theEndOfAWorkerIsNoticedWhenAProcessThatItHasStartedLivesOn() throws Exception {
        for (String program : List.of("sleep 60", "while true; do echo noise; done")) {
            String file = folder.resolve("pid").toString();
            try (WorkerPool pool = WorkerPool.builder().size(1).attempts(1).output((worker, line) -> {}).build()) {
                try {
                    Throwable failure = Patience.failure(pool.submit(() -> {
                        Patience.note(file, "" + new ProcessBuilder("sh", "-c", program).inheritIO().start().pid());
                        Runtime.getRuntime().halt(3);
                        return 0;
                    }));
                    assertTrue(failure.getMessage().contains("exited with code 3"), failure.getMessage());
                    assertEquals(1, Patience.get(pool.submit(() -> 1)));
                } finally {
                    for (String each : Patience.notes(file)) {
                        ProcessHandle.of(Long.parseLong(each)).ifPresent(left -> {
                            left.descendants().forEach(ProcessHandle::destroyForcibly);
                            left.destroyForcibly();
                        });
                    }
                }
            }
        }
    }
}
