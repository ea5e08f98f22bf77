package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Call;
import dev.procession.Task;
import dev.procession.WorkerExit;
import dev.procession.WorkerLostException;
import dev.procession.WorkerPool;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Workers of a pool that end when they should not.
class WorkerLossTest {
    @TempDir
    Path folder;

    private String file() {
        return folder.resolve("notes").toString();
    }

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    private static int killMyself() throws Exception {
        new ProcessBuilder("kill", "-KILL", "" + pid()).start().waitFor();
        Thread.sleep(60_000);
        return 0;
    }

    private static WorkerLostException lost(Future<?> future) throws Exception {
        return assertInstanceOf(WorkerLostException.class, Patience.failure(future));
    }

    @Test
    void aTaskWhoseWorkerWasKilledIsStartedOnAnother() throws Exception {
        String file = file();
        try (WorkerPool pool = WorkerPool.of(2)) {
            Future<String> result = pool.submit(() -> {
                Patience.note(file, "" + pid());
                if (Patience.notes(file).size() == 1) killMyself();
                return "done by " + pid();
            });
            String done = Patience.get(result);
            List<String> pids = Patience.notes(file);
            assertEquals(2, pids.size());
            assertEquals("done by " + pids.get(1), done);
            assertNotEquals(pids.get(0), pids.get(1));
        }
    }

    @Test
    void aTaskIsStartedTwiceAtMostAndTheLossSaysWhy() throws Exception {
        String file = file();
        try (WorkerPool pool = WorkerPool.of(2)) {
            Future<Integer> exits = pool.submit(() -> {
                Patience.note(file, "start");
                System.err.println("about to exit");
                System.exit(7);
                return 0;
            });
            WorkerLostException lost = lost(exits);
            assertEquals(new WorkerExit.Exited(7), lost.exit().orElseThrow());
            assertEquals(List.of("about to exit"), lost.lastLines());
            assertTrue(lost.getMessage().contains("exited with code 7") && lost.getMessage().contains("about to exit")
                    && lost.getMessage().contains("attempt 2 of 2"), lost.getMessage());
            assertEquals(1, Patience.get(pool.submit(() -> 1)));
            assertEquals(2, Patience.notes(file).size());
            lost = lost(pool.submit(WorkerLossTest::killMyself));
            assertEquals(new WorkerExit.Killed(9), lost.exit().orElseThrow());
        }
    }

    @Test
    void withOneAttemptATaskIsNeverStartedAgain() throws Exception {
        String file = file();
        try (WorkerPool pool = WorkerPool.builder().size(2).attempts(1).build()) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                int n = i;
                all.add(pool.submit(() -> {
                    Patience.note(file, "" + n);
                    Runtime.getRuntime().halt(3);
                }));
            }
            for (Future<?> each : all) assertEquals(new WorkerExit.Exited(3), lost(each).exit().orElseThrow());
            assertEquals(5, Patience.get(pool.submit(() -> 5)));
            assertEquals(List.of("0", "1", "2", "3", "4", "5"), Patience.notes(file).stream().sorted().toList());
        }
    }

    /// The pool hears of the end of the first one when the second one runs the task already.
    @Test
    void aTaskIsStartedAgainBeforeTheEndOfItsWorkerIsKnown() throws Exception {
        String file = file();
        String gate = folder.resolve("gate").toString();
        CountDownLatch passOn = new CountDownLatch(1);
        try (WorkerPool pool = WorkerPool.builder().size(2).output((worker, line) -> {
            try {
                if (line.equals("last words")) passOn.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }).build()) {
            try {
                Future<Integer> result = pool.submit(() -> {
                    Patience.note(file, "start");
                    if (Patience.notes(file).size() == 1) {
                        System.out.println("last words");
                        Runtime.getRuntime().halt(1);
                    }
                    Patience.await("gate", () -> !Patience.notes(gate).isEmpty());
                    return 5;
                });
                Patience.await("it is started again", () -> Patience.notes(file).size() == 2);
                passOn.countDown();
                assertEquals(1, Patience.get(pool.submit(() -> 1))); // by the worker that replaces the first one
                assertFalse(result.isDone());
                Patience.note(gate, "open");
                assertEquals(5, Patience.get(result));
            } finally {
                passOn.countDown();
                Patience.note(gate, "open");
            }
        }
    }

    @Test
    void aWorkerWithoutMemoryIsReplaced() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).attempts(1).jvmArguments("-Xmx40m").build()) {
            WorkerLostException lost = lost(pool.submit(() -> {
                Thread.ofPlatform().start(LockSupport::park); // which would keep the process alive
                List<long[]> all = new ArrayList<>();
                while (true) all.add(new long[1 << 17]);
            }));
            assertTrue(lost.lastLines().toString().contains("OutOfMemoryError"), lost.getMessage());
            assertEquals(1, Patience.get(pool.submit(() -> 1)));
        }
    }

    @Test
    void aTaskThatIsTooLargeForTheWorkersHeapIsSaidAndTheWorkerLives() throws Exception {
        byte[] large = new byte[25 << 20];
        try (WorkerPool pool = WorkerPool.builder().size(1).jvmArguments("-Xmx40m").build()) {
            long before = Patience.get(pool.submit(WorkerLossTest::pid));
            String message = String.valueOf(Patience.failure(pool.submit(() -> large.length)).getMessage());
            assertTrue(message.contains("could not be read") && message.contains("OutOfMemoryError"), message);
            assertEquals(before, Patience.get(pool.submit(WorkerLossTest::pid)));
        }
    }

    @Test
    void anIdleWorkerThatIsKilledIsReplaced() throws Exception {
        try (WorkerPool pool = WorkerPool.of(1)) {
            long first = Patience.get(pool.submit(WorkerLossTest::pid));
            ProcessHandle.of(first).orElseThrow().destroyForcibly();
            assertNotEquals(first, Patience.get(pool.submit(WorkerLossTest::pid)));
        }
    }

    @Test
    void whenNoWorkerComesUpTheTasksFailWithTheReason() throws Exception {
        String file = file();
        Task initializer = () -> {
            Patience.note(file, "start");
            if (Patience.notes(file).size() <= 6) throw new IllegalStateException("not yet");
        };
        try (WorkerPool pool = WorkerPool.builder().size(1).initializer(initializer).build()) {
            Future<Integer> one = pool.submit(() -> 1);
            Future<Integer> two = pool.submit(() -> 2);
            WorkerLostException lost = lost(one);
            assertTrue(lost.getMessage().contains("IllegalStateException: not yet"), lost.getMessage());
            assertInstanceOf(WorkerExit.Failed.class, lost.exit().orElseThrow());
            lost(two);
            assertEquals(3, Patience.notes(file).size());
            lost(pool.submit(() -> 3)); // it is tried again, three times
            assertEquals(6, Patience.notes(file).size());
            assertEquals(4, Patience.get(pool.submit(() -> 4)));
        }
    }

    @Test
    void anInitializerThatFailsAndLeavesAThreadIsAFailureToo() throws Exception {
        String before = System.getProperty("dev.procession.grace");
        System.setProperty("dev.procession.grace", "0.1");
        try (WorkerPool pool = WorkerPool.builder().size(1).initializer(() -> {
            Thread.ofPlatform().start(LockSupport::park);
            throw new IllegalStateException("with a thread");
        }).build()) {
            assertTrue(lost(pool.submit(() -> 1)).getMessage().contains("with a thread"));
        } finally {
            if (before == null) System.clearProperty("dev.procession.grace");
            else System.setProperty("dev.procession.grace", before);
        }
    }

    @Test
    void aPoolWhoseJvmsDoNotStartCanBeClosed() throws Exception {
        Future<Integer> one;
        try (WorkerPool pool = WorkerPool.builder().size(2).jvmArguments("-XX:NoSuchOption").build()) {
            one = pool.submit(() -> 1);
        }
        assertTrue(lost(one).getMessage().contains("NoSuchOption"), () -> one.exceptionNow().getMessage());
    }

    @Test
    void aPoolThatCannotBeMadeLeavesNothing() {
        Object notSerializable = new Object();
        assertThrows(IllegalArgumentException.class,
                () -> WorkerPool.builder().initializer(() -> notSerializable.hashCode()).build());
    }

    @Test
    void tasksThatEndTheirWorkersDoNotTakeOthersAlong() throws Exception {
        try (WorkerPool pool = WorkerPool.of(2)) {
            List<Future<Integer>> all = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                int n = i;
                Call<Integer> task = () -> n % 10 == 5 ? killMyself() : n;
                all.add(pool.submit(task));
            }
            for (int i = 0; i < 40; i++) {
                if (i % 10 == 5) lost(all.get(i));
                else assertEquals(i, Patience.get(all.get(i)));
            }
        }
    }
}
