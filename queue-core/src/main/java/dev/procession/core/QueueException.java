package dev.procession.core;

/// A failure of a queue, other than an invalid argument. The message says what, where, and what to do.
public abstract class QueueException extends RuntimeException {
    private static final long serialVersionUID = 1;

    QueueException(String message) {
        super(message);
    }

    QueueException(String message, Throwable cause) {
        super(message, cause);
    }
}
