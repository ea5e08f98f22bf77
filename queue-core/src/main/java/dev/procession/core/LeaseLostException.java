package dev.procession.core;

/// A lease was ended after it was lost: the message had been leased to another consumer.
public class LeaseLostException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected LeaseLostException(String message) {
        super(message);
    }
}
