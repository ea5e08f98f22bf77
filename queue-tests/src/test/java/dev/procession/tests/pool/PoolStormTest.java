package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Random64;
import dev.procession.tests.storm.PoolStorm;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// The workers of a pool are killed and stopped at random moments, while its tasks run, fail, take too long and are
/// cancelled. (WorkerLossTest aims its kills.)
class PoolStormTest {
    @TempDir(factory = SharedMemory.class, cleanup = CleanupMode.ON_SUCCESS)
    Path directory;

    @Test
    void eachFutureIsCompletedOnceWithTheRightValueOrAnHonestLoss() throws Exception {
        int least = Effort.of(4, 60);
        var plan = new PoolStorm.Plan(Effort.of(1, 15), Random64.seed(), least, least);
        String parent = directory.toString();
        PoolStorm.Outcome outcome;
        try (Child child = Child.start()) {
            var storm = child.peer().start(scope -> PoolStorm.run(plan, Path.of(parent), millis -> {}));
            outcome = storm.get(Effort.of(50, 200), TimeUnit.SECONDS);
        }
        System.err.println(outcome);
        assertTrue(outcome.isFaultless(), () -> outcome + "\n" + String.join("\n", outcome.findings()));
        assertTrue(outcome.kills() >= least && outcome.stops() >= least, outcome::toString);
        assertTrue(outcome.completed() > 100, outcome::toString); // a loaded machine is slow
    }
}
