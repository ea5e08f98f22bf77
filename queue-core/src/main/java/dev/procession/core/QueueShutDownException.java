package dev.procession.core;

/// The queue was shut down, by some process: [LaneQueue#shutDown()].
/// Nothing was put, or there is nothing left to get.
public class QueueShutDownException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected QueueShutDownException(String message) {
        super(message);
    }
}
