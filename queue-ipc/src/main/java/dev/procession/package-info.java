/// Parallel work that feels like threads, done by processes: [Worker][dev.procession.Worker] starts them, and a
/// [SharedQueue][dev.procession.SharedQueue] carries objects between them. A
/// [WorkerPool][dev.procession.WorkerPool] is an `ExecutorService` made of both.
///
/// {@snippet file="ExamplesTest.java" region="hello"}
///
/// `import dev.procession.*` is enough for all that a program names. What goes wrong with a queue is thrown as one of
/// the exceptions here. All but [QueueFullException][dev.procession.QueueFullException] and
/// [QueueEmptyException][dev.procession.QueueEmptyException], the ends of time-outs, extend
/// [QueueException][dev.procession.core.QueueException] of `dev.procession.core`, which catches them together.
@NullMarked
package dev.procession;

import org.jspecify.annotations.NullMarked;
