/// The machinery behind [Worker][dev.procession.Worker]: it starts a JVM, hands it a task as bytes, passes on what it
/// writes and finds out how it ended. What a task and a queue are it does not know but by
/// [Tasks][dev.procession.worker.Tasks], so that this package depends on `dev.procession.shutdown`,
/// `dev.procession.classes` and the core only.
///
/// | where | class | |
/// |---|---|---|
/// | parent | `WorkerProcess` | one worker, from start to end |
/// | | `WorkerSettings`, `WorkerOutput` | what a builder says of it |
/// | | `WorkerCommand` | the command that starts its JVM |
/// | | `AotCache`, `AotCacheMaker` | what makes JVMs start faster |
/// | | `WarmPool` | JVMs that are up before there is a worker for them |
/// | | `ClassServer`, `ClassDirectory` | what gives the worker classes that are not on its class path |
/// | | `OutputPump` | passes on what it writes |
/// | | `Children` | all workers of this process, and what its end means for them |
/// | both | `TaskCodec`, `TaskClasses`, `JShellVariables` | the task as bytes |
/// | | `ExitRecord`, `Failure`, `EndSignals` | how it ended, and why |
/// | child | `ChildMain`, `SpareMain` | from the first instruction to the task |
@NullMarked
package dev.procession.worker;

import org.jspecify.annotations.NullMarked;
