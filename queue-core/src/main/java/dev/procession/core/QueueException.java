package dev.procession.core;

/// What can go wrong with a queue, beyond wrong arguments. The message says what, where, and what to do.
///
/// It is a [LeaseLostException], [MessageTooLargeException], [QueueClosedException], [QueueCorruptedException] or
/// [QueueUnavailableException].
public abstract class QueueException extends RuntimeException {
    private static final long serialVersionUID = 1;

    QueueException(String message) {
        super(message);
    }

    QueueException(String message, Throwable cause) {
        super(message, cause);
    }
}
