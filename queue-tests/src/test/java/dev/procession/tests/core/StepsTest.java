package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Random64;
import dev.procession.tests.points.Matrix;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Before each step that a process makes on shared memory it is stopped, while everybody else goes on. Then it is
/// continued, or killed there. Which steps there are is read from the class files, so none is forgotten. (All states of
/// the queue, and several times at each step: `./procession stress --points`.)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class StepsTest {
    private static final int AT_A_TIME = Runtime.getRuntime().availableProcessors() + 2;

    @TempDir(factory = SharedMemory.class, cleanup = CleanupMode.ON_SUCCESS)
    Path directory;

    private static final Set<String> HIT = new TreeSet<>();

    /// Those that are left out usually are much like others.
    static List<String> roles() {
        var usual = List.of("^PRODUCER", "BOUNDED_PRODUCER", "SHARED_GETTER", "EXCLUSIVE_POLLER", "LEASER", "CREATOR");
        var others = List.of("CLAIMING_PRODUCER", "SHARED_POLLER", "BOUNDED_GETTER", "EXCLUSIVE_GETTER", "ONLOOKER");
        return Stream.concat(usual.stream(), Effort.LONG ? others.stream() : Stream.of()).toList();
    }

    @ParameterizedTest
    @MethodSource("roles")
    @Order(1)
    void whoStopsOrDiesBeforeAnyStepHoldsNobodyUp(String role) throws Exception {
        var summary = play(role, "");
        int points = summary.points() * 9 / 10; // on a busy machine it comes to some of them only now and then
        assertTrue(summary.kills() >= points && summary.stops() >= 2 * points, summary::toString);
    }

    /// Each role comes to some of the steps.
    @Test
    @Order(2)
    @Tag("long")
    void noStepIsLeftOut() throws Exception {
        var missing = Matrix.withinReach();
        assertTrue(missing.size() > 60, missing::toString);
        missing.removeAll(HIT);
        // else on a busy machine no role came to it in time; now they all take their time
        if (missing.isEmpty()) return;
        play("", missing.stream().map(Pattern::quote).collect(Collectors.joining("|")));
        missing.removeAll(HIT);
        assertTrue(missing.isEmpty(), () -> "never hit: " + missing);
    }

    private Matrix.Summary play(String role, String only) throws Exception {
        var summary = Matrix.play(directory, role, only, AT_A_TIME, true, Random64.seed(), perMille -> {});
        System.err.println(role + " " + summary);
        assertTrue(summary.isFaultless(), () -> summary + "\nnever hit: " + summary.neverHit() + "\n"
                + String.join("\n", summary.failures()));
        HIT.addAll(summary.hit());
        return summary;
    }
}
