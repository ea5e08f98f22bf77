package dev.procession;

/// This handle was closed, possibly by another thread while this one waited. Other processes are not affected.
public final class QueueClosedException extends dev.procession.core.QueueClosedException {
    private static final long serialVersionUID = 1;

    QueueClosedException(String message) {
        super(message);
    }
}
