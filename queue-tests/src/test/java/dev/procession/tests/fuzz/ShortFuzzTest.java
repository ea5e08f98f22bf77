package dev.procession.tests.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.procession.tests.kit.Random64;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A run of `procession fuzz` that has hardly any time.
class ShortFuzzTest {
    @TempDir
    Path directory;

    /// However short the time, each way to reach the file has its turn.
    @Tag("long")
    @Test
    void noTimeIsTooShortForOneRoundInEachWay() throws Exception {
        assertEquals(3, Fuzz.run(directory, Random64.seed(), 0, Long.MAX_VALUE - 1, 1).rounds());
    }
}
