package dev.procession;

/// The queue's file holds something that no process that puts or gets writes. Nothing that was read from it has been
/// believed; this handle should be closed, and the file removed once the items before the damage are not needed.
public final class QueueCorruptedException extends dev.procession.core.QueueCorruptedException {
    private static final long serialVersionUID = 1;

    QueueCorruptedException(String message) {
        super(message);
    }
}
