package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Worker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// No worker is left behind, at any depth, by a process that kills its workers at its end.
class WorkersOfWorkersTest {
    /// The process that the test starts is 0, its worker 1, and so on.
    private static final int DEEPEST = 3;

    @TempDir
    Path folder;

    private final long[] pids = new long[DEEPEST + 1];
    private final List<Processes.Jvm> parents = new ArrayList<>();

    @AfterEach
    void endWhatIsLeft() throws IOException {
        parents.forEach(Processes.Jvm::close);
        long other = Long.parseLong(Files.readString(folder.resolve("other")));
        ProcessHandle.of(other).ifPresent(ProcessHandle::destroyForcibly);
        for (long pid : pids) if (pid != 0) ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }

    static final class Top {
        private Top() {}

        /// @param args the folder; the workers' shutdown hooks, `quick` or `stuck`; for each level `daemon` or `normal`
        public static void main(String[] args) throws Exception {
            live(0, args);
        }

        private static void live(int level, String[] args) throws Exception {
            Path folder = Path.of(args[0]);
            Runtime.getRuntime()
                    .addShutdownHook(new Thread(() -> end(folder, level, level > 0 && args[1].equals("stuck"))));
            if (level < DEEPEST) {
                boolean isDaemon = args[2 + level].equals("daemon");
                Worker worker = Worker.builder().daemon(isDaemon).start(() -> live(level + 1, args));
                Processes.awaitContent(folder.resolve("up-" + (level + 1)));
                write(folder.resolve("up-" + level), ProcessHandle.current().pid());
                while (!Files.exists(folder.resolve("kill-" + (level + 1)))) Thread.sleep(10);
                worker.kill();
            } else {
                write(folder.resolve("other"), new ProcessBuilder("sleep", "50").start().pid());
                write(folder.resolve("up-" + level), ProcessHandle.current().pid());
            }
            Thread.sleep(Long.MAX_VALUE);
        }

        private static void end(Path folder, int level, boolean isStuck) {
            try {
                write(folder.resolve("hook-" + level), "runs");
                if (isStuck) Thread.sleep(Long.MAX_VALUE);
            } catch (IOException | InterruptedException e) {
                throw new AssertionError(e);
            }
        }

        private static void write(Path file, Object text) throws IOException {
            Path made = Files.writeString(file.resolveSibling(file.getFileName() + ".made"), text.toString());
            Files.move(made, file);
        }
    }

    private Processes.Jvm start(String grace, String hooks, String... kinds) throws Exception {
        List<String> arguments = new ArrayList<>(List.of(folder.toString(), hooks));
        arguments.addAll(List.of(kinds));
        Path temporary = Files.createDirectory(folder.resolve("tmp"));
        Processes.Jvm top = Processes.Jvm.start(folder, Map.of("XDG_RUNTIME_DIR", temporary.toString()), List.of(
                "-Djava.io.tmpdir=" + temporary, "-Ddev.procession.startupCache=off",
                "-Ddev.procession.grace=" + grace),
                Top.class, arguments.toArray(String[]::new));
        parents.add(top);
        for (int level = DEEPEST; level >= 0; level--) {
            pids[level] = Long.parseLong(Processes.awaitContent(folder.resolve("up-" + level)));
        }
        return top;
    }

    private void nothingIsLeftInTheTemporaryFolder() throws IOException {
        try (Stream<Path> files = Files.walk(folder.resolve("tmp"))) {
            assertEquals(List.of(), files.filter(Files::isRegularFile).toList());
        }
    }

    private void awaitEndFrom(int level) throws Exception {
        for (int each = level; each <= DEEPEST; each++) {
            long pid = pids[each];
            Processes.await("process " + each + " has ended", () -> !Processes.runs(pid));
        }
    }

    @Test
    void withNoGraceTimeASignalEndsAll() throws Exception {
        start("0", "stuck", "normal", "normal", "normal");
        Processes.signal("TERM", pids[0]);
        awaitEndFrom(0);
        nothingIsLeftInTheTemporaryFolder();
    }

    @Test
    void oneThatIsKilledOtherwiseLeavesItsOwnWorkersAlone() throws Exception {
        start("PT1H", "quick", "normal", "normal", "daemon");
        Files.createFile(folder.resolve("kill-1")); // by Worker.kill()
        Processes.await("the killed one has ended", () -> !Processes.runs(pids[1]));
        Thread.sleep(500); // a parent that is gone is noticed within a fifth of a second
        assertTrue(Processes.runs(pids[0]) && Processes.runs(pids[2]) && Processes.runs(pids[3]));
        Processes.signal("KILL", pids[2]);
        awaitEndFrom(2);
        assertTrue(Processes.runs(pids[0]));
    }

    @Test
    void otherProcessesOfAKilledWorkerAreLeftAlone() throws Exception {
        start("0", "stuck", "normal", "normal", "normal");
        long other = Long.parseLong(Processes.awaitContent(folder.resolve("other")));
        Processes.signal("TERM", pids[0]);
        awaitEndFrom(0);
        assertTrue(Processes.runs(other));
    }

    @Test
    void aSecondSignalEndsAll() throws Exception {
        Processes.Jvm top = start("PT1H", "stuck", "normal", "normal", "normal");
        Processes.signal("TERM", pids[0]);
        for (int level = 0; level <= DEEPEST; level++) Processes.awaitContent(folder.resolve("hook-" + level));
        Thread.sleep(200); // a signal that follows at once belongs to the first
        Processes.signal("TERM", pids[0]);
        assertEquals(143, top.awaitEnd());
        awaitEndFrom(0);
        assertEquals("", top.output());
        nothingIsLeftInTheTemporaryFolder();
    }
}
