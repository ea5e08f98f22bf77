package dev.procession;

/// The queue was full until the time-out was over. Nothing has been put.
///
/// {@snippet file="ExamplesTest.java" region="full"}
public final class QueueFullException extends RuntimeException {
    private static final long serialVersionUID = 1;

    QueueFullException(String message) {
        super(message);
    }
}
