package dev.procession;

import java.io.Serializable;
import java.util.concurrent.Callable;

/// What a [WorkerPool] computes: a [Callable] that is able to travel to another process. A lambda in place is one, so
/// `pool.submit(() -> work(x))` needs no cast. What it captures is copied, as for a [Task].
///
/// @param <R> the class of the result, which travels back by Java serialization
@FunctionalInterface
public interface Call<R> extends Callable<R>, Serializable {
}
