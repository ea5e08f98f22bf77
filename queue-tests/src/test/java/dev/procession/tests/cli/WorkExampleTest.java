package dev.procession.tests.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.tests.cli.Command.Ended;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// `procession example`: the programs whose workers have something to do.
class WorkExampleTest {
    private static final Pattern COUNTED = Pattern.compile("process (\\d+) counted ([\\d,]+)");

    private static List<String> run(String example) throws Exception {
        Ended ended = Command.run("example", example);
        assertEquals(0, ended.status(), ended::toString);
        assertEquals("", ended.stderr());
        assertTrue(ended.stdout().chars().noneMatch(c -> c == '\r' || c == 0x1b), ended::toString);
        return ended.lines();
    }

    @Test
    void aPoolGivesTheRightResultInOrderThoughAWorkerIsKilled() throws Exception {
        List<String> lines = run("pool");
        assertEquals(List.of("200 of 400", "400 of 400", "200 of 400", "400 of 400", "283,146 primes below 4,000,000",
                "as by one worker"), lines.subList(0, 6));
        String size = Integer.toString(Runtime.getRuntime().availableProcessors());
        assertTrue(lines.get(6).matches("400 tasks, \\d+\\.\\d\\d s, \\d+\\.\\d\\d times as fast as one worker; "
                + size + " workers, 1 replaced"), lines::toString);
        assertEquals(7, lines.size());
    }

    @Test
    void onATerminalThePoolShowsABar() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "script makes a terminal");
        String line = String.join(" ", Command.line("example", "pool"));
        Process process =
                new ProcessBuilder("/usr/bin/script", "-qec", line, "/dev/null").redirectErrorStream(true).start();
        String screen = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), screen);
        assertTrue(screen.contains("\r[" + "=".repeat(20) + " ".repeat(20) + "] 200 of 400\r"), screen);
        assertTrue(screen.contains("as by one worker"), screen);
    }

    @Test
    void anExecutorOfProcessesGivesWhatOneOfThreadsDoes() throws Exception {
        List<Long> sums = IntStream.rangeClosed(1, 5)
                .mapToObj(i -> IntStream.range(0, 1000 * i).mapToLong(n -> (long) n * n).sum()).toList();
        assertEquals(List.of("threads: " + sums, "threads: in this process",
                "processes: " + sums, "processes: in another process"), run("executor"));
    }

    @Test
    void aPipelineEndsByItself() throws Exception {
        List<String> lines = run("pipeline");
        assertEquals(4, lines.size(), lines::toString);
        int sum = 0;
        for (String each : lines) {
            Matcher counted = COUNTED.matcher(each);
            if (counted.matches()) sum += Integer.parseInt(counted.group(2).replace(",", ""));
        }
        assertEquals(17_984, sum, lines::toString);
        assertTrue(lines.contains("17,984 primes below 200,000"), lines::toString);
    }

    @Test
    void aJobOutlivesItsWorkerAndIsGivenUpAfterThreeAttempts() throws Exception {
        List<String> lines = run("jobs");
        assertEquals(List.of("All done; workers that died: 1", "given up: job 7"),
                lines.subList(lines.size() - 2, lines.size()), lines::toString);
        assertEquals(3, lines.stream().filter("failed: no luck"::equals).count(), lines::toString);
        for (int i = 1; i <= 10; i++) {
            String done = "job " + i + " is done, attempt ";
            List<String> said = lines.stream().filter(each -> each.startsWith(done)).toList();
            assertEquals(i == 7 ? 0 : 1, said.size(), lines::toString);
            if (i == 4) assertEquals(done + 2, said.getFirst());
        }
        assertEquals(14, lines.size(), lines::toString);
    }
}
