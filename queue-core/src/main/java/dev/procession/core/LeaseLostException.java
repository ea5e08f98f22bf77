package dev.procession.core;

/// A lease was ended by somebody who does not hold it any more: the message was lent again.
public class LeaseLostException extends QueueException {
    private static final long serialVersionUID = 1;

    /// For a library that has a subclass of its own.
    ///
    /// @param message what, where, and what to do
    protected LeaseLostException(String message) {
        super(message);
    }
}
