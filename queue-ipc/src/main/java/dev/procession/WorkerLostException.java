package dev.procession;

import java.io.Serial;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The cause of an [ExecutionException][java.util.concurrent.ExecutionException] of a [WorkerPool]: the process that
/// ran the task has ended, and the task was started as often as it may be; or no process of the pool comes up. The
/// message says which worker, how it ended, and what it last wrote.
///
/// {@snippet file="PoolExamplesTest.java" region="lost"}
public final class WorkerLostException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    private final @Nullable WorkerExit exit;
    private final String[] lastLines;

    WorkerLostException(String message, @Nullable WorkerExit exit, List<String> lastLines, @Nullable Throwable cause) {
        super(lastLines.isEmpty() ? message
                : message + " It last wrote:\n    " + String.join("\n    ", lastLines), cause);
        this.exit = exit;
        this.lastLines = lastLines.toArray(String[]::new);
    }

    /// How the worker ended: the last one that ran the task, or that did not come up.
    ///
    /// @return empty if it could not be started; the cause says why
    public Optional<WorkerExit> exit() {
        return Optional.ofNullable(exit);
    }

    /// The last lines that the worker wrote to its standard error, or, if there are none, to its standard output.
    ///
    /// @return at most 20
    public List<String> lastLines() {
        return List.of(lastLines);
    }
}
