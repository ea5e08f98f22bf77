package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Random64;
import dev.procession.tests.storm.Storm;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// SIGKILL and SIGSTOP of anybody at random moments. What everybody did, with stamps of one clock, must be what one
/// queue does that takes one operation at a time. (KillTest aims its kills.)
class StormTest {
    @TempDir(factory = SharedMemory.class, cleanup = CleanupMode.ON_SUCCESS)
    Path directory;

    @ParameterizedTest
    @CsvSource({
        // delivery, producers, consumers, run, lane bytes, chunk bytes, bound
        "SHARED,    2, 2,  1,  65536, 16384, 0",
        "SHARED,    2, 2,  4,   8192,  1024, 7",
        "EXCLUSIVE, 2, 2, 16,   8192,  2048, 0",
        "LEASED,    2, 3,  1, 524288, 65536, 0"
    })
    void whateverIsStoppedOrKilledAndWhenNothingIsLostDoubledOrOutOfOrder(Delivery delivery, int producers,
            int consumers,
            int run, long laneBytes, long chunkBytes, long bound) throws Exception {
        int kills = Effort.of(5, 160);
        int stops = Effort.of(4, 80);
        var outcome =
                Storm.run(new Storm.Plan(1, producers, consumers, true, true, Random64.seed(), delivery, run, laneBytes,
                        chunkBytes, bound, kills, stops), directory, millis -> {});
        System.err.println(outcome);
        assertTrue(outcome.isFaultless(),
                () -> outcome + "\n" + String.join("\n", outcome.findings()) + "\n" + outcome.folder());
        assertTrue(outcome.kills() >= kills && outcome.stops() >= stops, outcome::toString);
        assertTrue(outcome.puts() > 100, outcome::toString); // a loaded machine is slow
        assertTrue(Files.notExists(outcome.folder()));
    }
}
