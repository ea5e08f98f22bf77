package dev.procession;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;

/// What the `submit` methods of a [WorkerPool] return: the future of a task that runs in another process.
///
/// The result is read, from its serialized form, by the first thread that asks for it. What its class does then
/// concerns no other task; but a time-out of [get][Future#get(long, java.util.concurrent.TimeUnit)] does not cut it
/// short.
///
/// @param <R> the class of the result
public interface PoolFuture<R> extends Future<R> {
    /// The result as it comes, for what is to follow it. It is read, and what depends on it directly is run, by a
    /// virtual thread.
    ///
    /// @return a new future; what the caller does with it has no effect on the task
    CompletableFuture<R> toCompletableFuture();

    /// The worker that runs the task, or was the last to start it; it knows its process id, its name, and its core.
    ///
    /// @return empty as long as none is known to have started it
    Optional<Worker> worker();

    /// How often the task was started, as far as is known: more than once after a worker has ended while it ran it.
    ///
    /// @return 0 as long as it waits for the first time
    int attempt();
}
