package dev.procession.core;

/// The file holds something that no producer or consumer writes. Nothing that was read from it has been believed; this
/// handle should be closed, and the file removed once nobody needs the messages before the damage.
public class QueueCorruptedException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected QueueCorruptedException(String message) {
        super(message);
    }
}
