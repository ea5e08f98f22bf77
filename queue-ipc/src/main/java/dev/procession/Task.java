package dev.procession;

import java.io.Serializable;

/// What a [Worker] does: the counterpart of `Runnable`, able to travel to another process and to throw.
///
/// A lambda is enough: `() -> hello(n, queue)`. What it captures is copied to the worker by Java serialization, so each
/// captured object has to be [Serializable]; a `SharedQueue` is, and arrives attached to the same queue. A lambda that
/// uses a field or an instance method of its surrounding object captures that whole object. An anonymous class in an
/// instance method may capture it whether it uses it or not; in a static method there is none to capture.
///
/// {@snippet file="ExamplesTest.java" region="task"}
///
/// Static fields are not captured: the worker is a new process, and initializes its classes anew. So a static
/// initializer that starts a worker would do so in each worker again; [Worker#start()] refuses that there. JShell's
/// variables look like local ones: the worker gets the values that those have at the start that the task uses.
///
/// A task may be of any class, wherever its loader has it from: see [Worker].
@FunctionalInterface
public interface Task extends Serializable {

    /// Runs in the worker process, on its main thread.
    ///
    /// @throws Exception whatever goes wrong; the worker prints it and fails with [WorkerExit.Failed]
    void run() throws Exception;
}
