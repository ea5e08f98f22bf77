package dev.procession.core;

/// This handle was closed, possibly by another thread while this one was waiting. Other processes are not affected.
public class QueueClosedException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected QueueClosedException(String message) {
        super(message);
    }
}
