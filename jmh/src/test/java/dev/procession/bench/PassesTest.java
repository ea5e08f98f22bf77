package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// When a run ends, by a clock and works made by hand.
class PassesTest {
    private static final Work A = Work.throughput(1, 1, 16);
    private static final Work B = Work.throughput(1, 1, 64);
    private static final Work C = Work.throughput(4, 1, 16);

    private final Map<Work, Long> minutesOf = new HashMap<>(Map.of(A, 1L, B, 1L, C, 1L));
    private final Set<Work> settled = new HashSet<>();
    private final List<Work> measured = new ArrayList<>();
    private long nanos;

    @Test
    void passesGoThroughAllWorksUntilTheTimeIsOver() throws Exception {
        assertEquals("2 passes and 1 of 3 works of the next, until 7 minutes were over", passes(7, 1));
        assertEquals(List.of(A, B, C, A, B, C, A), measured);
    }

    @Test
    void whatWouldTakeLongerThanTheTimeThatIsLeftIsNotBegun() throws Exception {
        minutesOf.put(B, 3L);

        assertEquals("1 pass and 1 of 3 works of the next, until 8 minutes were over", passes(8, 1));
        assertEquals(List.of(A, B, C, A), measured);
    }

    @Test
    void worksOfWhichAllFiguresAgreeAreLeftOutAndAfterTheLastOneTheRunEnds() throws Exception {
        settled.add(A);
        settled.add(C);

        assertEquals("3 passes, until all figures agreed", passes(60, 1));
        assertEquals(List.of(A, B, C, B, B), measured);
    }

    @Test
    void theFirstPassesLeaveNothingOut() throws Exception {
        settled.addAll(List.of(A, B, C));

        assertEquals("2 passes, until all figures agreed", passes(60, 2));
        assertEquals(List.of(A, B, C, A, B, C), measured);
    }

    @Test
    void aRunWithoutTimeMeasuresNothing() throws Exception {
        assertEquals("0 passes and 0 of 3 works of the next, until 0 minutes were over", passes(0, 1));
        assertEquals(List.of(), measured);
    }

    /// B is settled when it was measured three times.
    private String passes(int minutes, int least) throws Exception {
        var settings = new Bench.Settings(Duration.ofMinutes(minutes), least, 0, 1);
        var tasks = List.of(A, B, C).stream().map(work -> new Bench.Task(work, List.of())).toList();
        return Bench.passes(settings, tasks, () -> nanos, work -> settled.contains(work), (pass, task) -> {
            measured.add(task.work());
            nanos += Duration.ofMinutes(minutesOf.get(task.work())).toNanos();
            if (measured.stream().filter(B::equals).count() == 3) settled.add(B);
        });
    }
}
