package dev.procession;

/// The queue was shut down, by some process: [SharedQueue#shutDown()].
/// Nothing was put, or there is nothing left to get.
public final class QueueShutDownException extends dev.procession.core.QueueShutDownException {
    private static final long serialVersionUID = 1;

    QueueShutDownException(String message) {
        super(message);
    }
}
