package dev.procession.core;

/// A lease was ended by somebody who does not hold it any more: the message was lent again.
public final class LeaseLostException extends QueueException {
    private static final long serialVersionUID = 1;

    LeaseLostException(String message) {
        super(message);
    }
}
