package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

/// Near and far cores are told apart by round trips made by hand.
class CoresTest {
    @Test
    void twoGroupsOfLinesAreNearAndFar() {
        Cores cores = cores(372, 110, 111, 109, 370, 118, 365, 112, 401);

        double threshold = cores.nearBelow().orElseThrow();
        assertTrue(118 < threshold && threshold < 365, "threshold=" + threshold);
        assertEquals(Cores.State.NEAR, cores.state(110, 130));
        assertEquals(Cores.State.FAR, cores.state(360, 400));
    }

    @Test
    void whatChangesWhileASampleIsTakenHasMoved() {
        Cores cores = cores(372, 110, 111, 109, 370, 118, 365);

        assertEquals(Cores.State.MOVED, cores.state(110, 370));
        assertEquals(Cores.State.MOVED, cores.state(370, 110));
        double threshold = cores.nearBelow().orElseThrow();
        assertEquals(Cores.State.MOVED, cores.state(0.9 * threshold, 1.1 * threshold));
        assertEquals(Cores.State.MOVED, cores(110, 111).state(110, 370), "also before the threshold is known");
    }

    @Test
    void linesThatAreAlikeAreOneState() {
        Cores cores = cores(110, 111, 118, 121, 135, 109, 125);

        assertTrue(cores.nearBelow().isEmpty(), cores::toString);
        assertEquals(Cores.State.ALIKE, cores.state(110, 135));
    }

    @Test
    void aFewSlowLinesAreNoState() {
        assertTrue(cores(110, 111, 118, 370, 112, 371).nearBelow().isEmpty(), "two of six");
        assertTrue(cores().nearBelow().isEmpty());
        double[] lines = DoubleStream.generate(() -> 110).limit(200).toArray();
        lines[7] = lines[70] = lines[170] = 370;
        assertTrue(cores(lines).nearBelow().isEmpty(), "three of two hundred");
    }

    private static Cores cores(double... lineNanos) {
        return Cores.of(DoubleStream.of(lineNanos).boxed().toList());
    }

    @Test
    void theOrderOfLinesSaysNothing() {
        assertEquals(Cores.of(List.of(110.0, 370.0, 111.0, 371.0, 112.0, 372.0)),
                Cores.of(List.of(372.0, 371.0, 370.0, 112.0, 111.0, 110.0)));
    }
}
