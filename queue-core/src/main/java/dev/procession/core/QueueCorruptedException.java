package dev.procession.core;

/// The file holds something that no producer or consumer writes, or was truncated. Nothing read from it has been
/// returned; close this handle, and remove the file once the messages before the damage are no longer needed.
public class QueueCorruptedException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected QueueCorruptedException(String message) {
        super(message);
    }
}
