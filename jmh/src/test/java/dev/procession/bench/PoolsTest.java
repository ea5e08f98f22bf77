package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// One real sample of pools, in real processes: all of their figures are there, and none of their processes stay.
class PoolsTest {
    private static final Work POOL = Work.ALL.getLast();

    @TempDir
    private Path folder;

    @Test
    void aThreadPoolAndACopyHaveTheFiguresThatTheyCanHave() throws Exception {
        assertEquals(List.of("pool round trip", "pool tasks, empty", "pool tasks, 5 ms"), figures("thread-pool"));
        assertEquals(List.of("pool argument, 100 MiB"), figures("memcpy"));
    }

    @Test
    void aPoolOfProcessesHasAllFigures() throws Exception {
        assertEquals(POOL.figures(), figures("procession"));
    }

    @Test
    void inPythonTheyAreTheSameFigures() throws Exception {
        assumeTrue(Script.hasPython(), "there is no Python");
        assertEquals(List.of("pool tasks, empty"), figures("python-pool-chunked"));
        assertEquals(POOL.figures(), figures("python-executor"));
    }

    private List<String> figures(String system) throws Exception {
        Contender contender = Contender.all().stream().filter(c -> c.name().equals(system) && c.serves(POOL))
                .findFirst().orElseThrow();
        List<ProcessHandle> processes;
        double[] figures;
        try (Subject subject = contender.subject(POOL, new Contender.Place(folder.resolve(system), 0, 1))) {
            subject.start();
            subject.open();
            processes = subject.pids().stream().flatMap(pid -> ProcessHandle.of(pid).stream()).toList();
            figures = subject.sample(Duration.ofMillis(1), Waiting.Policy.RELAXED).figures();
        }
        for (ProcessHandle each : processes) {
            each.onExit().join();
        }
        return IntStream.range(0, figures.length).filter(i -> !Double.isNaN(figures[i]))
                .peek(i -> assertTrue(figures[i] > 0, POOL.figures().get(i) + "=" + figures[i]))
                .mapToObj(POOL.figures()::get).toList();
    }
}
