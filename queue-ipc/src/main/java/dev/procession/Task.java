package dev.procession;

import java.io.Serializable;

/// What a [Worker] does: the counterpart of `Runnable`, able to travel to another process and to throw.
///
/// A lambda is enough: `() -> hello(n, queue)`. What it captures is copied to the worker by Java serialization, so each
/// captured object has to be [Serializable]; a `SharedQueue` is, and arrives attached to the same queue. A lambda or
/// anonymous class that uses a field or an instance method of its surrounding object captures that whole object.
/// Static fields are not captured: the worker is a new process and initializes its own.
@FunctionalInterface
public interface Task extends Serializable {

    /// Runs in the worker process, on its main thread.
    ///
    /// @throws Exception whatever goes wrong; the worker prints it and fails with [WorkerExit.Failed]
    void run() throws Exception;
}
