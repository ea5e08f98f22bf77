package dev.procession.core;

/// The queue cannot be made, opened or joined: the file exists already or is missing, is not this user's or not a
/// queue, the disk is full, every lane has a living owner, or consumers of another kind are attached.
public class QueueUnavailableException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected QueueUnavailableException(String message) {
        super(message);
    }

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    /// @param cause why
    protected QueueUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
