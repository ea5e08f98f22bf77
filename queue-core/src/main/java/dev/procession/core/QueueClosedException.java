package dev.procession.core;

/// This handle was closed, possibly by another thread while this one waited. Other processes are not affected.
public final class QueueClosedException extends QueueException {
    private static final long serialVersionUID = 1;

    QueueClosedException(String message) {
        super(message);
    }
}
