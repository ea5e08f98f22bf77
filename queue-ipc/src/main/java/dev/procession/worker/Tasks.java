package dev.procession.worker;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// What this package has to be told of tasks and queues, which are the API's. `dev.procession` implements it, once: in
/// the main class of a worker's JVM, which hands it over here, as a parent does when it starts a worker.
public interface Tasks {
    /// Runs a task.
    ///
    /// @param task as it was given to [WorkerProcess#start]
    /// @throws Exception what the task throws
    void run(Object task) throws Exception;

    /// Does once what most tasks do, with classes of this library only: those of the application find everything
    /// untouched.
    ///
    /// @throws Exception if something of that fails
    void warmUp() throws Exception;

    /// Writes a queue that a task captures in a few words, so that no object stream is needed: see [TaskCodec].
    ///
    /// @param out where to
    /// @param captured anything
    /// @return false if it is no queue, or one that does not fit into a few words; nothing was written then
    /// @throws IOException if that fails
    boolean writeQueue(DataOutputStream out, @Nullable Object captured) throws IOException;

    /// Attaches to a queue that [#writeQueue] wrote.
    ///
    /// @param in where from
    /// @return the queue
    /// @throws IOException if that fails
    Object readQueue(DataInputStream in) throws IOException;
}
