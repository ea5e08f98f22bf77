package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `perf stat` counts. Machines without hardware counters have a clock that is counted alike.
class CountersTest {
    private static final String CLOCK = "task-clock";

    @TempDir
    private Path folder;

    @Test
    void countsAreReadByTheirNames() throws IOException {
        String said =
                "# started\n\n4200,,cycles:u,1000,100.00,,\n6700,,instructions:u,1000,100.00,1.6,insn per cycle\n";

        assertArrayEquals(new double[] {6700, 4200}, Counters.counts(said, Counters.EVENTS));
    }

    @Test
    void whatTheMachineDoesNotCountIsNoCount() {
        String said = "6700,,instructions:u,1000,100.00,,\n<not supported>,,cycles:u,0,100.00,,\n";

        assertEquals("perf stat says <not supported> of cycles:u",
                assertThrows(IOException.class, () -> Counters.counts(said, Counters.EVENTS)).getMessage());
    }

    @Test
    void onlyWhatHappensBetweenStartAndStopIsCounted() throws Exception {
        assumeTrue(hasPerf(), "there is no perf that counts");
        Path file = folder.resolve("counters");
        long pid = ProcessHandle.current().pid();
        double[] counted;
        long nanos;
        try (var counters = new Counters(List.of(CLOCK), List.of(pid), file)) {
            spin(); // is not counted
            long start = System.nanoTime();
            counters.start();
            spin();
            counted = counters.stop();
            nanos = System.nanoTime() - start;
        }

        assertTrue(counted[0] > 0, "nothing was counted");
        long cores = Runtime.getRuntime().availableProcessors();
        assertTrue(counted[0] * 1e6 <= 1.1 * cores * nanos, counted[0] + " ms in " + nanos + " ns"); // it is in ms
        assertFalse(Files.exists(file), "its files are still there");
    }

    private static boolean hasPerf() throws InterruptedException {
        try {
            return new ProcessBuilder("perf", "stat", "-e", CLOCK, "true").redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private static void spin() {
        for (long start = System.nanoTime(); System.nanoTime() - start < 100_000_000;) {
            Thread.onSpinWait();
        }
    }
}
