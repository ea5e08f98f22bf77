package dev.procession.core;

/// The queue is empty, and all of its producers are gone, closed or dead: see [QueueGeometry#withEndOfProducers(int)].
public class QueueEndedException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected QueueEndedException(String message) {
        super(message);
    }
}
