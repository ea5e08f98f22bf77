package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.Call;
import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.WorkerPool;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Pools that have little room: in the file system of their queues, or for tasks that wait.
class PoolRoomTest {
    @TempDir
    Path folder;

    private boolean mounted;

    @AfterEach
    void unmount() throws Exception {
        if (mounted) assertEquals(0, new ProcessBuilder("umount", "-l", small().toString()).start().waitFor());
    }

    private Path small() {
        return folder.resolve("small");
    }

    /// Runs something in a process whose queues are in a file system of 6 MiB.
    private void inLittleRoom(Task task) throws Exception {
        Files.createDirectory(small());
        Process mount = new ProcessBuilder("mount", "-t", "tmpfs", "-o", "mode=700,size=6m", "procession-test",
                small().toString()).redirectErrorStream(true).start();
        String said = new String(mount.getInputStream().readAllBytes());
        mounted = mount.waitFor() == 0;
        assumeTrue(mounted, "needs a file system of its own, and may not mount one: " + said.strip());
        Worker program = Worker.builder().daemon(true).environment("XDG_RUNTIME_DIR", small().toString()).start(task);
        boolean hasEnded = program.join(Duration.ofSeconds(50));
        if (!hasEnded) program.kill();
        program.join();
        assertTrue(hasEnded && program.exit().isSuccess(), program::toString);
    }

    /// They take some 7 MB.
    @Test
    void moreTasksThanTheFileSystemHoldsAreAllDone() throws Exception {
        String gate = folder.resolve("gate").toString();
        inLittleRoom(() -> {
            try (WorkerPool pool = WorkerPool.of(1)) {
                Future<?> first = pool.submit(() -> {
                    Patience.await("gate", () -> Files.exists(Path.of(gate)));
                    return null;
                });
                List<Future<Integer>> all = new ArrayList<>();
                for (int i = 0; i < 25_000; i++) {
                    int n = i;
                    all.add(pool.submit(() -> n));
                }
                Files.createFile(Path.of(gate));
                Patience.get(first);
                for (int i = 0; i < all.size(); i++) assertEquals(i, Patience.get(all.get(i)));
            }
        });
    }

    @Test
    void largeTasksLeaveRoomForResults() throws Exception {
        inLittleRoom(() -> {
            try (WorkerPool pool = WorkerPool.of(2)) {
                List<Future<byte[]>> all = new ArrayList<>();
                byte[] large = new byte[1_000_000];
                for (int i = 0; i < 30; i++) all.add(pool.submit(() -> large));
                for (Future<byte[]> each : all) assertEquals(1_000_000, Patience.get(each).length);
            }
        });
    }

    @Test
    void aTaskForWhichThereIsNoRoomAtAllFailsAndOthersGoOn() throws Exception {
        inLittleRoom(() -> {
            try (WorkerPool pool = WorkerPool.of(1)) {
                byte[] large = new byte[20_000_000];
                Future<Integer> tooLarge = pool.submit(() -> large.length);
                Future<Integer> next = pool.submit(() -> 2);
                Throwable why = assertInstanceOf(UncheckedIOException.class, Patience.failure(tooLarge));
                assertTrue(why.getMessage().contains("the file system of "), why::getMessage);
                assertEquals(2, Patience.get(next));
            }
        });
    }

    /// Runs until a file is there.
    private Callable<Integer> gated() {
        String gate = folder.resolve("gate").toString();
        String started = folder.resolve("started").toString();
        return (Call<Integer>) () -> {
            Patience.note(started, "runs");
            Patience.await("gate", () -> Files.exists(Path.of(gate)));
            return 1;
        };
    }

    private void awaitStart() throws Exception {
        String started = folder.resolve("started").toString();
        Patience.await("it runs", () -> !Patience.notes(started).isEmpty());
    }

    @Test
    void batchesKeepTheirTimeOutsAlsoWhileThereIsNoRoom() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).maxQueued(1).build()) {
            Future<Integer> first = pool.submit(gated());
            awaitStart();
            List<Callable<Integer>> tasks = new ArrayList<>();
            for (int i = 0; i < 4; i++) tasks.add((Call<Integer>) () -> 2);
            List<Future<Integer>> all = pool.invokeAll(tasks, 50, TimeUnit.MILLISECONDS);
            assertEquals(4, all.size());
            for (Future<Integer> each : all) assertTrue(each.isCancelled());
            assertThrows(TimeoutException.class, () -> pool.invokeAny(tasks, 50, TimeUnit.MILLISECONDS));
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, () -> pool.invokeAll(tasks));
            Files.createFile(folder.resolve("gate"));
            assertEquals(1, Patience.get(first));
        }
    }

    @Test
    void aCancelledTaskLeavesItsPlace() throws Exception {
        try (WorkerPool pool = WorkerPool.builder().size(1).maxQueued(2000).build()) {
            Future<Integer> first = pool.submit(gated());
            awaitStart();
            List<Future<?>> all = new ArrayList<>();
            while (true) {
                var next = pool.trySubmit(() -> 2);
                if (next.isEmpty()) break;
                all.add(next.get());
            }
            for (Future<?> each : all) assertTrue(each.cancel(false));
            for (int i = 0; i < 2000; i++) assertTrue(pool.trySubmit(() -> 3).isPresent());
            Files.createFile(folder.resolve("gate"));
            assertEquals(1, Patience.get(first));
        }
    }
}
