package dev.procession;

import java.time.Instant;
import java.util.List;

/// What a [WorkerPool] is doing, and has done.
///
/// @param size the number of its workers; while one is replaced, it is not counted
/// @param running the tasks that run, as far as is known
/// @param queued the number of tasks that wait for their first start
/// @param done the number of tasks that have returned
/// @param failed the number of tasks whose futures have failed, for whatever reason; those that were cancelled are in
///     neither number
/// @param retried how often a task was started again, as its worker had ended
/// @param replaced the number of workers that have ended before the pool was to end
public record PoolStats(int size, List<Running> running, int queued, long done, long failed, long retried,
        long replaced) {
    /// Copies the list.
    public PoolStats {
        running = List.copyOf(running);
    }

    /// A task that runs.
    ///
    /// @param worker where it runs: it knows its process id, its name and its core
    /// @param since when its start was known
    /// @param attempt how often it was started, this time included
    public record Running(Worker worker, Instant since, int attempt) {
    }
}
