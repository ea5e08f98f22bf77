package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.Matrix;
import dev.procession.tests.Random64;
import dev.procession.tests.SharedMemory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// Before each step that a process makes on shared memory it is stopped, while everybody else goes on. Then it is
/// continued, or killed there. Which steps there are is read from the class files, so none is forgotten. (All states of the
/// queue, and several times at each step: `./procession stress --points`.)
class StepsTest {
    private static final int AT_A_TIME = Runtime.getRuntime().availableProcessors() + 2;

    @TempDir(factory = SharedMemory.class, cleanup = CleanupMode.ON_SUCCESS)
    Path directory;

    @Test
    void whoStopsOrDiesBeforeAnyStepHoldsNobodyUp() throws Exception {
        var summary = Matrix.play(directory, "", "", AT_A_TIME, true, Random64.seed(), perMille -> {});
        System.err.println(summary);
        assertTrue(summary.isFaultless(), () -> summary + "\nnever hit: " + summary.neverHit() + "\n"
                + String.join("\n", summary.failures()));
        assertTrue(summary.points() > 60, summary::toString);
        assertTrue(summary.kills() > summary.points() && summary.stops() > 2 * summary.points(), summary::toString);
    }
}
