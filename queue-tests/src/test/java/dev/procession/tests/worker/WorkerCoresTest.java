package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.core.Cpus;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// How many workers there are and where, and what they have from the process that starts them.
class WorkerCoresTest {
    @TempDir
    Path folder;

    static final class OnEveryCore {
        private OnEveryCore() {}

        public static void main(String[] args) throws Exception {
            List<Worker> workers = Worker.onEveryCore(n -> () -> System.out.println("ran"));
            for (Worker worker : workers) worker.start();
            for (Worker worker : workers) worker.join();
            System.out.println(workers.size() + " of " + Runtime.getRuntime().availableProcessors() + ", pinned "
                    + workers.stream().filter(worker -> worker.cpu().isPresent()).count());
        }
    }

    private String onEveryCore(List<String> options) throws Exception {
        List<String> all = new ArrayList<>(options);
        all.add("-Ddev.procession.startupCache=off");
        try (Processes.Jvm jvm = Processes.Jvm.start(folder, all, OnEveryCore.class)) {
            assertEquals(0, jvm.awaitEnd(), jvm.output());
            return jvm.output().lines().filter(line -> !line.startsWith("WARNING")).toList().getLast();
        }
    }

    @ParameterizedTest
    @CsvSource({"1", "3"})
    void thereAreAsManyWorkersAsTheJvmMayUseProcessors(int processors) throws Exception {
        assumeTrue(Cpus.available().length > 0);
        String pinned = Cpus.available().length == processors ? "" + processors : "0";
        assertEquals(
                processors + " of " + processors + ", pinned " + pinned,
                onEveryCore(List.of("-XX:ActiveProcessorCount=" + processors)));
    }

    @Test
    void wholeCoresGetAWorkerEachThatIsPinned() throws Exception {
        int cores = Cpus.whole().length;
        assumeTrue(cores > 0);
        assertEquals(cores + " of " + cores + ", pinned " + cores, onEveryCore(List.of()));
    }

    @ParameterizedTest
    @CsvSource({"-Ddev.procession.platform=portable", "--illegal-native-access=deny"})
    void wherePinningIsNotPossibleThereAreWorkersAllTheSame(String option) throws Exception {
        int processors = Runtime.getRuntime().availableProcessors();
        assertEquals(
                processors + " of " + processors + ", pinned 0",
                onEveryCore(List.of("-Ddev.procession.platform=portable", option)));
    }

    /// Needs root, and control groups that can be made.
    @Test
    void aContainerWithHalfACoreGetsOneWorker() throws Exception {
        assumeTrue(Cpus.available().length > 1);
        Path group = group();
        assumeTrue(group != null, "cannot make a control group with a quota");
        try {
            Process shell = new ProcessBuilder(
                    "sh", "-c", "echo $$ > " + group.resolve("cgroup.procs") + " && exec \"$@\"", "sh",
                    Processes.java(), "--enable-native-access=ALL-UNNAMED", "-Ddev.procession.startupCache=off",
                    "-cp", System.getProperty("java.class.path"), OnEveryCore.class.getName())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(shell.getInputStream().readAllBytes());
            assertEquals(0, shell.waitFor(), output);
            assertTrue(output.endsWith("1 of 1, pinned 0\n"), output);
        } finally {
            Processes.await("the control group is empty", () -> {
                try {
                    Files.deleteIfExists(group);
                    return true;
                } catch (IOException e) {
                    return false;
                }
            });
        }
    }

    private static Path group() {
        String name = "procession-test-" + ProcessHandle.current().pid();
        for (String root : List.of("/sys/fs/cgroup", "/sys/fs/cgroup/cpu")) {
            Path group = Path.of(root, name);
            try {
                Files.createDirectory(group);
                if (Files.exists(group.resolve("cpu.max"))) {
                    Files.writeString(group.resolve("cpu.max"), "50000 100000");
                    return group;
                }
                if (Files.exists(group.resolve("cpu.cfs_quota_us"))) {
                    Files.writeString(group.resolve("cpu.cfs_quota_us"), "50000");
                    return group;
                }
                Files.delete(group);
            } catch (IOException e) {
                continue; // not here
            }
        }
        return null;
    }

    // ---- daemons

    private static String whatItsWorkersAre() throws InterruptedException {
        Worker asIs = Worker.of(() -> {});
        Worker not = Worker.builder().daemon(false).unstarted(() -> {});
        return asIs.isDaemon() + " " + not.isDaemon();
    }

    @ParameterizedTest
    @CsvSource({"true, true false", "false, false false"})
    void theWorkersOfADaemonAreDaemonsUnlessSomebodySaysOtherwise(boolean daemon, String expected) throws Exception {
        List<String> lines = new ArrayList<>();
        Worker worker = Worker.builder()
                .daemon(daemon)
                .stdout(lines::add)
                .start(() -> System.out.println(whatItsWorkersAre()));
        worker.join();
        assertEquals(List.of(expected), lines);
        assertFalse(Worker.of(() -> {}).isDaemon());
    }

    // ---- a handle

    private static Task with(byte[] load) {
        return () -> {
            if (load.length > 0) Thread.sleep(Long.MAX_VALUE);
        };
    }

    @Test
    void aTaskThatWasHandedOverIsNotKept() throws Exception {
        List<WeakReference<Object>> kept = new ArrayList<>();
        Supplier<Worker> start = () -> {
            byte[] load = new byte[50_000_000];
            Task task = with(load);
            kept.add(new WeakReference<>(task));
            kept.add(new WeakReference<>(load));
            return Worker.of(task).start();
        };
        Worker worker = start.get();
        try {
            long[] used = new long[1];
            Processes.await("the task, its load and its packed form are gone", () -> {
                System.gc();
                Runtime runtime = Runtime.getRuntime();
                used[0] = runtime.totalMemory() - runtime.freeMemory();
                return used[0] < 50_000_000 && kept.stream().allMatch(each -> each.get() == null);
            });
            assertTrue(worker.isAlive());
        } finally {
            worker.kill();
            worker.join();
        }
    }
}
