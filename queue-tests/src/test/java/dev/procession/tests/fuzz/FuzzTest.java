package dev.procession.tests.fuzz;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Random64;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whoever may write the file may damage what is in it, and nothing else: the processes that use it live, and get
/// messages or errors in little time and memory. `procession fuzz` does the same for longer.
class FuzzTest {
    @TempDir(factory = SharedMemory.class)
    Path directory;

    @Test
    void anyDamageToAFileGivesMessagesOrErrorsInLittleTimeAndMemory() throws Exception {
        var tally = Fuzz.run(directory, Random64.seed(), 0, Effort.of(250, 50_000), TimeUnit.HOURS.toNanos(1));
        assertTrue(tally.rounds() >= 3 * Effort.of(250, 50_000), tally::toString);
        assertTrue(tally.damages() > tally.rounds() / 10, tally::toString);
        assertTrue(tally.values() > tally.rounds(), tally::toString);
    }

    @Test
    void bitsThatChangeUnderProducersAndConsumersGiveMessagesOrErrors() throws Exception {
        var tally = Meter.Tally.NONE;
        for (int i = 0; i < 4 && (tally.damages() == 0 || tally.values() < 100); i++) { // again on a busy machine
            tally = tally.plus(Fuzz.flip(directory, Random64.seed(), TimeUnit.SECONDS.toNanos(Effort.of(1, 60))));
        }
        assertTrue(tally.damages() > 0, tally::toString);
        assertTrue(tally.values() >= 100, tally::toString);
    }
}
