package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.WorkerPool;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What becomes of a pool when the process that made it ends, while some tasks run and others wait.
class PoolParentTest {
    @TempDir(factory = SharedMemory.class)
    Path home;

    @TempDir
    Path folder;

    /// A process with a pool.
    private Child program() {
        return Child.start("-Ddev.procession.dir=" + home.resolve("queues"));
    }

    /// Two tasks run, and more wait.
    private static void keepBusy(WorkerPool pool, String notes) throws Exception {
        for (int i = 0; i < 20; i++) {
            pool.submit(() -> {
                Patience.note(notes, "" + ProcessHandle.current().pid());
                while (true) Thread.onSpinWait();
            });
        }
        Patience.await("both run", () -> Patience.notes(notes).size() == 2);
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(home.resolve("queues"))) {
            return files.toList();
        }
    }

    /// A dead process that its parent has not asked about yet does not.
    private static boolean runs(String pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return "ZX".indexOf(stat.charAt(stat.lastIndexOf(')') + 2)) < 0;
        } catch (IOException e) {
            return false;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "INT", "HUP", "KILL"})
    void workersEndWithAProcessThatASignalEnds(String signal) throws Exception {
        String notes = folder.resolve("notes").toString();
        try (Child program = program()) {
            var unused = program.peer().start(scope -> {
                try (WorkerPool pool = WorkerPool.of(2)) {
                    keepBusy(pool, notes);
                    Thread.sleep(600_000);
                }
                return null;
            });
            Patience.await("both run", () -> Patience.notes(notes).size() == 2);
            assertEquals(0, new ProcessBuilder("kill", "-" + signal, "" + program.pid()).start().waitFor());
            assertTrue(program.process().waitFor(45, TimeUnit.SECONDS));
            for (String pid : Patience.notes(notes)) Patience.await(pid + " ends", () -> !runs(pid));
            assertEquals(2, Patience.notes(notes).size());
        }
        if (signal.equals("KILL")) {
            try (Child next = program()) { // removes what that one has left
                assertEquals(1, next.peer().count(scope -> {
                    try (WorkerPool pool = WorkerPool.of(1)) {
                        return Patience.get(pool.submit(() -> 1));
                    } finally {
                        new Thread(() -> System.exit(0)).start();
                    }
                }));
                next.awaitDeath();
            }
        }
        assertEquals(List.of(), files());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void workersEndWithAProcessThatExits(boolean isInTheMiddle) throws Exception {
        String notes = folder.resolve("notes").toString();
        try (Child program = program()) {
            var unused = program.peer().start(scope -> {
                WorkerPool pool = WorkerPool.of(2);
                if (isInTheMiddle) keepBusy(pool, notes);
                System.exit(0);
                return pool.isShutdown();
            });
            assertTrue(program.process().waitFor(45, TimeUnit.SECONDS));
            assertEquals(0, program.process().exitValue());
            for (String pid : Patience.notes(notes)) Patience.await(pid + " ends", () -> !runs(pid));
        }
        assertEquals(List.of(), files());
    }

    @Test
    void onSigtermTasksThatRunHaveTheGraceTime() throws Exception {
        String notes = folder.resolve("notes").toString();
        try (Child program = program()) {
            var unused = program.peer().start(scope -> {
                try (WorkerPool pool = WorkerPool.of(2)) {
                    Future<Integer> running = pool.submit(() -> {
                        Patience.note(notes, "started");
                        Patience.await("the signal", () -> Patience.notes(notes).contains("signal"));
                        for (long end = System.nanoTime() + 500_000_000; System.nanoTime() < end;) Thread.onSpinWait();
                        Patience.note(notes, "ended");
                        return 1;
                    });
                    return running.get();
                }
            });
            Patience.await("it runs", () -> !Patience.notes(notes).isEmpty());
            assertEquals(0, new ProcessBuilder("kill", "-TERM", "" + program.pid()).start().waitFor());
            Patience.note(notes, "signal");
            assertTrue(program.process().waitFor(45, TimeUnit.SECONDS));
        }
        assertEquals(List.of("started", "signal", "ended"), Patience.notes(notes));
        assertEquals(List.of(), files());
    }

    @Test
    void linesOfTwoWorkersComeWholeAndWithTheirNames() throws Exception {
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        try (WorkerPool pool = WorkerPool.builder().name("talks").size(2)
                .output((worker, line) -> lines.add(worker + " " + line)).build()) {
            for (int i = 0; i < 2; i++) {
                pool.submit(() -> {
                    String name = Thread.currentThread().getName();
                    for (int k = 0; k < 200; k++) System.out.println(name + "-".repeat(200) + k);
                });
            }
        }
        assertEquals(400, lines.size());
        for (String each : lines) assertTrue(each.matches("(talks-\\d+) \\1-{200}\\d+"), each);
    }
}
