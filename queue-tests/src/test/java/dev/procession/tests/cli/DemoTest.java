package dev.procession.tests.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.procession.core.Cpus;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.cli.Command.Ended;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `procession demo`.
class DemoTest {
    private static final Pattern GREETING =
            Pattern.compile("hello from worker (\\d+), process (\\d+), (core (\\d+)|any core)");

    private static int cores() {
        int cpus = Cpus.available().length;
        return cpus > 0 ? cpus : Runtime.getRuntime().availableProcessors();
    }

    private static Set<Long> greeters(Stream<String> lines) {
        return lines.map(GREETING::matcher)
                .filter(Matcher::matches)
                .map(greeting -> Long.valueOf(greeting.group(2)))
                .collect(Collectors.toSet());
    }

    @Test
    void onEveryCoreAWorkerGreetsAndAllTheirProcessIdsArrive() throws Exception {
        Ended demo = Command.run("demo", "--messages", "1000");
        assertEquals(0, demo.status(), demo::toString);
        List<String> lines = demo.lines();
        int done = lines.indexOf("Done!");
        assertEquals(cores(), done, demo::toString);
        Set<String> workers = new HashSet<>();
        Set<String> cpus = new HashSet<>();
        for (String line : lines.subList(0, done)) {
            Matcher greeting = GREETING.matcher(line);
            assertTrue(greeting.matches(), line);
            workers.add(greeting.group(1));
            cpus.add(greeting.group(3));
        }
        assertEquals(cores(), workers.size(), demo::toString);
        assertEquals(Math.max(1, Cpus.available().length), cpus.size(), demo::toString);
        assertEquals(Integer.toString(cores()), lines.get(done + 1));
        Set<Long> pids = Stream.of(lines.get(done + 2).replaceAll("[\\[\\] ]", "").split(","))
                .map(Long::valueOf)
                .collect(Collectors.toSet());
        assertEquals(greeters(lines.stream()), pids, demo::toString);
    }

    @Test
    void theLoadIsCountedTimedAndCheckedInPlainLines() throws Exception {
        Ended demo = Command.run("demo", "--messages", "300000");
        assertEquals(0, demo.status(), demo::toString);
        String last = demo.lines().getLast();
        String count = String.format(Locale.ROOT, "%,d", 300_000L * cores());
        assertTrue(last.matches(count + " messages in \\d+\\.\\d+ s, [\\d,]+ per second, check: ok"), demo::toString);
        assertTrue((demo.stdout() + demo.stderr()).chars().noneMatch(c -> c == '\r' || c == 0x1b), demo::toString);
    }

    @Test
    void onATerminalABarShowsTheProgress() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "script makes a terminal");
        String line = String.join(" ", Command.line("demo", "--messages", "300000"));
        Process process =
                new ProcessBuilder("/usr/bin/script", "-qec", line, "/dev/null").redirectErrorStream(true).start();
        String screen = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), screen);
        assertTrue(Pattern.compile("\rmessages +\\d+% \\[").matcher(screen).find(), screen);
        assertTrue(screen.contains("check: ok"), screen);
    }

    @Test
    void jsonIsAloneOnStandardOutput() throws Exception {
        Ended demo = Command.run("demo", "--json", "--messages", "50000");
        assertEquals(0, demo.status(), demo::toString);
        assertEquals(1, demo.lines().size(), demo::toString);
        Map<String, Object> json = JSON.std.mapFrom(demo.stdout());
        assertEquals(Set.of("pids", "cores", "load"), json.keySet());
        assertEquals(cores(), json.get("cores"));
        List<?> pids = assertInstanceOf(List.class, json.get("pids"));
        assertEquals(cores(), pids.size());
        Set<Long> distinct = pids.stream().map(pid -> ((Number) pid).longValue()).collect(Collectors.toSet());
        assertEquals(greeters(demo.stderr().lines()), distinct, demo::toString);
        assertEquals(cores(), distinct.size());
        Map<?, ?> load = assertInstanceOf(Map.class, json.get("load"));
        assertEquals(Set.of("messages", "seconds", "check"), load.keySet());
        assertEquals(50_000L * cores(), ((Number) load.get("messages")).longValue());
        assertTrue(((Number) load.get("seconds")).doubleValue() > 0, demo::toString);
        assertEquals("ok", load.get("check"));
    }

    @Test
    void moreWorkersThanCoresShareTheCores() throws Exception {
        int workers = cores() + 1;
        Ended demo = Command.run("demo", "--json", "--messages", "1000", "--workers", Integer.toString(workers));
        assertEquals(0, demo.status(), demo::toString);
        Map<String, Object> json = JSON.std.mapFrom(demo.stdout());
        assertEquals(workers, Set.copyOf((List<?>) json.get("pids")).size(), demo::toString);
        assertEquals(cores(), json.get("cores"));
        assertEquals(1000 * workers, ((Map<?, ?>) json.get("load")).get("messages"));
        assertEquals(workers, greeters(demo.stderr().lines()).size(), demo::toString);
    }

    /// Kills a worker in the middle of the load: its items stop coming, and the demo has to say so.
    @Test
    void aKilledWorkerFailsTheCheck() throws Exception {
        Process demo = new ProcessBuilder(Command.line("demo", "--json", "--messages", "1000000000", "--workers", "2"))
                .start();
        try (BufferedReader stderr = demo.errorReader()) {
            for (String line; (line = stderr.readLine()) != null && !line.contains("messages from");) {}
            // Those of the first act have ended: its workers were joined.
            List<ProcessHandle> workers;
            do {
                Thread.sleep(10);
                workers = demo.children().filter(child -> isNamed(child, "worker ")).toList();
            } while (workers.size() < 2 && demo.isAlive());
            for (ProcessHandle worker : workers) {
                worker.destroyForcibly();
            }
            while (stderr.readLine() != null) {}
            assertTrue(demo.waitFor(2, TimeUnit.MINUTES));
            assertEquals(1, demo.exitValue());
            Map<String, Object> json = JSON.std.mapFrom(demo.inputReader());
            Map<?, ?> load = (Map<?, ?>) json.get("load");
            assertNotEquals("ok", load.get("check"));
            assertTrue(((Number) load.get("messages")).longValue() < 2_000_000_000L);
        } finally {
            demo.destroyForcibly();
        }
    }

    private static boolean isNamed(ProcessHandle process, String argument) {
        try { // the JDK tells no arguments if they take more than a page
            return Stream.of(Files.readString(Path.of("/proc/" + process.pid() + "/cmdline")).split("\0"))
                    .anyMatch(each -> each.startsWith(argument));
        } catch (IOException e) {
            return false; // it is gone
        }
    }

    private static List<Path> queues(Path home) throws IOException {
        try (Stream<Path> files = Files.list(home)) {
            return files.filter(file -> file.getFileName().toString().startsWith("queue-")).toList();
        }
    }

    @Test
    void anInterruptEndsItWithItsWorkersAndWithoutAWord(@TempDir(factory = SharedMemory.class) Path home)
            throws Exception {
        List<String> line = Command.line("demo", "--messages", "1000000000");
        line.add(1, "-Ddev.procession.dir=" + home);
        Process demo = new ProcessBuilder(line).start();
        try (BufferedReader stdout = demo.inputReader()) {
            for (String said; (said = stdout.readLine()) != null && !said.contains("messages from");) {}
            List<ProcessHandle> workers;
            do {
                Thread.sleep(10);
                workers = demo.children().filter(child -> isNamed(child, "worker ")).toList();
            } while (workers.size() < cores() && demo.isAlive());
            Thread.sleep(500);
            assertNotEquals(List.of(), queues(home));
            new ProcessBuilder("kill", "-INT", Long.toString(demo.pid())).start().waitFor();
            assertTrue(demo.waitFor(1, TimeUnit.MINUTES));
            assertEquals(130, demo.exitValue());
            assertEquals("", new String(demo.getErrorStream().readAllBytes()));
            for (ProcessHandle worker : workers) {
                worker.onExit().get(1, TimeUnit.MINUTES);
            }
            assertEquals(List.of(), queues(home));
        } finally {
            demo.destroyForcibly();
        }
    }
}
