package dev.procession;

/// The queue is empty, and all of its producers are gone, closed or dead: see [QueueOptions#withEndOfProducers()].
public final class QueueEndedException extends dev.procession.core.QueueEndedException {
    private static final long serialVersionUID = 1;

    QueueEndedException(String message) {
        super(message);
    }
}
