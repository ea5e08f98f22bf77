package dev.procession;

import java.io.Serializable;

/// What a [WorkerPool] applies to each of some items: a function that is able to travel to another process. What it
/// captures is copied, as for a [Task].
///
/// @param <T> the class of the items
/// @param <R> the class of the results
@FunctionalInterface
public interface Fn<T, R> extends Serializable {
    /// Runs in a worker.
    ///
    /// @param item one of the items
    /// @return the result, which travels back by Java serialization
    /// @throws Exception whatever goes wrong
    R apply(T item) throws Exception;
}
