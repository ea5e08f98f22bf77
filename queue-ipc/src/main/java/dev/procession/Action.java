package dev.procession;

import java.io.Serializable;

/// What a [WorkerPool] does without a result: a [Runnable] that is able to travel to another process. A lambda in place
/// is one, so `pool.submit(() -> work(x))` needs no cast. What it captures is copied, as for a [Task].
@FunctionalInterface
public interface Action extends Runnable, Serializable {
}
