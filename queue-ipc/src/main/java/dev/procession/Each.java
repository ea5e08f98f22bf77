package dev.procession;

import java.io.Serializable;

/// What a [WorkerPool] does with each of some items: it is able to travel to another process. What it captures is
/// copied, as for a [Task].
///
/// @param <T> the class of the items
@FunctionalInterface
public interface Each<T> extends Serializable {
    /// Runs in a worker.
    ///
    /// @param item one of the items
    /// @throws Exception whatever goes wrong
    void accept(T item) throws Exception;
}
