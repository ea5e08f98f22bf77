package dev.procession.tests;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;

/// Tests that close at their end what they keep, the last first.
public abstract class Keeping {
    private final List<AutoCloseable> kept = new ArrayList<>();

    @AfterEach
    void closeAll() throws Exception {
        for (var each : kept.reversed()) each.close();
    }

    protected <T extends AutoCloseable> T keep(T it) {
        kept.add(it);
        return it;
    }

    /// Kills the process at the end, if it is still there.
    protected long keepProcess(long pid) {
        keep(() -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
        return pid;
    }
}
