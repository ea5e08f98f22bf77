package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// How often a call starts over before it takes the file for damaged.
class PatienceTest {
    private static final int USUAL = 10_000; // what others may cost a call that is unlucky
    private static final int TOO_MANY = 1 << 20;

    @TempDir
    Path folder;

    private OpenQueue opened;
    private Patience patience;

    @BeforeEach
    void open() {
        opened = new OpenQueue(folder, new QueueGeometry(1, 4096, 0));
        patience = new Patience(opened.queue.file);
    }

    @AfterEach
    void close() {
        opened.close();
    }

    private static void assertEnds(Runnable startOver) {
        var e = assertThrows(QueueCorruptedException.class, () -> {
            for (int i = 0; i < TOO_MANY; i++) startOver.run();
        });
        assertTrue(e.getMessage().contains("lane 0"), e.getMessage());
    }

    @Test
    void aCallStartsOverManyTimesButNotForEver() {
        for (int i = 0; i < USUAL; i++) patience.startOver(0);
        assertEnds(() -> patience.startOver(0));
    }

    @Test
    void stepsInVainCountTooButNeverSoMuchThatLongMessagesAreGivenUpSoon() {
        for (int i = 0; i < 1000; i++) patience.startOver(0, 1 << 20);
        assertEnds(() -> patience.startOver(0, 1 << 20));
    }

    @Test
    void theNextCallHasAllOfIt() {
        for (int call = 0; call < 50; call++) {
            for (int i = 0; i < USUAL; i++) patience.startOver(0);
            patience.renew();
        }
    }

    @Test
    void anEndThatRunsAwayIsFollowedForLongButNotForEver() {
        for (int i = 0; i < USUAL; i++) patience.runAfter(0, i, "it runs away");
        var e = assertThrows(QueueCorruptedException.class, () -> {
            for (long i = 0; i < 64L * TOO_MANY; i++) patience.runAfter(0, i, "it runs away");
        });
        assertTrue(e.getMessage().contains("it runs away"), e.getMessage());
    }
}
