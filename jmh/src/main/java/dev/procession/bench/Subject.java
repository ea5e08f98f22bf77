package dev.procession.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/// A system at a work, measured again and again. Its processes stay alive, warm and asleep between samples.
///
/// Every method but `close` throws [FailedException] if a process could not do its work, or what arrived is wrong.
interface Subject extends AutoCloseable {
    /// Starts the processes, and does not wait for them.
    void start() throws IOException;

    /// Waits until all are ready.
    void open() throws IOException, InterruptedException;

    /// For a time.
    void warmUp(Duration length, Waiting.Policy policy) throws IOException, InterruptedException;

    /// Until its rate stands still, or `atMost` is over. For works whose figure is a rate.
    WarmUp warmUpUntilStill(Duration atMost, Waiting.Policy policy) throws IOException, InterruptedException;

    /// Takes a sample of about `length`.
    Sampled sample(Duration length, Waiting.Policy policy) throws IOException, InterruptedException;

    /// @param figures    of the work, in the order of [Work#figures]
    /// @param coreShare  of the time, that each thread which spins alone on a core had that core: the least of them;
    ///                   1 if there is no such thread, or the system does not tell
    /// @param messages   that were moved
    record Sampled(double[] figures, double coreShare, long messages) {}

    /// Ids of the processes that are measured, for those who want to know what else the cores did;
    /// empty if they come and go.
    List<Long> pids();

    /// Ends all processes. May be called by any thread, and again.
    @Override
    void close();

    /// A process could not do its work, or what arrived is wrong. The message is for people.
    final class FailedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        FailedException(String message) {
            super(message);
        }
    }
}
