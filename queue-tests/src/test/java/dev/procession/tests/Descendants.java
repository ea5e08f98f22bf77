package dev.procession.tests;

import dev.procession.tests.kit.Child;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/// The processes that tests have started, those included whose parents have ended: an environment variable that all
/// inherit tells whose they are.
public final class Descendants {
    /// Set by the build to something that other runs of the tests on this machine do not have.
    public static final String MARK = "PROCESSION_TESTS";

    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(Watchdog.SECONDS) * 2 / 5;

    private Descendants() {}

    /// Those that run now.
    public static Set<ProcessHandle> all() {
        var ancestors = Stream.iterate(ProcessHandle.current(), process -> process.parent().orElse(null))
                .takeWhile(process -> process != null)
                .collect(Collectors.toSet());
        return Stream.concat(ProcessHandle.current().descendants(),
                ProcessHandle.allProcesses().filter(Descendants::isMarked))
                .filter(process -> !ancestors.contains(process) && !"".equals(commandLine(process)))
                .collect(Collectors.toSet());
    }

    private static boolean isMarked(ProcessHandle process) {
        String mark = System.getenv(MARK);
        return mark != null && hasInEnvironment(process, mark + "\0");
    }

    private static boolean hasInEnvironment(ProcessHandle process, String mark) {
        try {
            return ("\0" + Files.readString(Path.of("/proc/" + process.pid() + "/environ"),
                    StandardCharsets.ISO_8859_1)).contains("\0" + MARK + "=" + mark);
        } catch (IOException e) {
            return false; // gone, or somebody else's
        }
    }

    /// Whether it has to do with the making of the cache from which workers start, once in a machine's life. It ends by
    /// itself.
    private static boolean makesCache(ProcessHandle process) {
        return Stream.iterate(process, each -> each.parent().orElse(null)).takeWhile(each -> each != null)
                .map(Descendants::commandLine)
                .anyMatch(line -> line.contains(" dev.procession.Training ")
                        || line.contains(" -Ddev.procession.startupCache=making "));
    }

    /// What part of the processors is busy with others than the tests of this build, in this second.
    static double shareOfOthers() throws IOException, InterruptedException {
        long busy = -busyTicks();
        long total = -totalTicks();
        var ours = ticks();
        Thread.sleep(1000);
        busy += busyTicks();
        total += totalTicks();
        for (var each : ticks().entrySet()) busy -= each.getValue() - ours.getOrDefault(each.getKey(), 0L);
        return (double) busy / Math.max(1, total);
    }

    private static long busyTicks() throws IOException {
        long[] ticks = cpuTicks();
        return LongStream.of(ticks).sum() - ticks[3] - ticks[4]; // idle, waiting for a disk
    }

    private static long totalTicks() throws IOException {
        return LongStream.of(cpuTicks()).sum();
    }

    private static long[] cpuTicks() throws IOException {
        String[] words = Files.readAllLines(Path.of("/proc/stat")).getFirst().split(" +");
        return Stream.of(words).skip(1).limit(8).mapToLong(Long::parseLong).toArray();
    }

    /// The processor time of each process of the tests.
    private static Map<Long, Long> ticks() {
        String mark = System.getenv(MARK);
        // it may run several test classes at a time
        String build = mark == null ? null : mark.replaceFirst("-[0-9]+$", "-");
        var ticks = new HashMap<Long, Long>();
        Stream.concat(Stream.of(ProcessHandle.current()), Stream.concat(ProcessHandle.current().descendants(),
                ProcessHandle.allProcesses().filter(process -> build != null && hasInEnvironment(process, build))))
                .forEach(process -> {
                    try {
                        String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
                        String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
                        ticks.put(process.pid(), Long.parseLong(words[11]) + Long.parseLong(words[12]));
                    } catch (IOException e) {
                        // gone
                    }
                });
        return ticks;
    }

    /// Empty of a process that is dead and that its parent has not asked about.
    private static String commandLine(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"), StandardCharsets.ISO_8859_1)
                    .replace('\0', ' ');
        } catch (IOException e) {
            return "";
        }
    }

    /// Has all JVMs among them print what their threads are doing, if they can.
    static void dumpThreads() throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("kill", "-QUIT"));
        for (var process : all()) {
            if (process.info().command().orElse("").endsWith("/java")) command.add(Long.toString(process.pid()));
        }
        if (command.size() == 2) return;
        new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
        Thread.sleep(1000); // they print it when they get to it, and nobody tells
    }

    /// Kills them, and those that they start meanwhile.
    static void killAll() {
        for (long start = System.nanoTime(); System.nanoTime() - start < PATIENCE_NANOS;) {
            var all = all();
            if (all.isEmpty()) return;
            all.forEach(ProcessHandle::destroyForcibly);
            Thread.onSpinWait();
        }
    }

    /// Gives those that are neither shared by all tests nor about to end, in words.
    static List<String> leftBehind() throws InterruptedException {
        for (long start = System.nanoTime();; Thread.sleep(20)) {
            var left = all();
            left.removeIf(process -> Child.isKept(process.pid()) || makesCache(process));
            if (left.isEmpty()) return List.of();
            if (System.nanoTime() - start > PATIENCE_NANOS) {
                return left.stream().map(process -> process.pid() + " " + commandLine(process)).toList();
            }
        }
    }
}
