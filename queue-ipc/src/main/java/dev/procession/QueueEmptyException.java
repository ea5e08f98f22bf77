package dev.procession;

/// The queue was empty until the time-out was over.
///
/// {@snippet file="ExamplesTest.java" region="empty"}
public final class QueueEmptyException extends RuntimeException {
    private static final long serialVersionUID = 1;

    QueueEmptyException(String message) {
        super(message);
    }
}
