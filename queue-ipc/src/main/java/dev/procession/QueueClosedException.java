package dev.procession;

/// This handle was closed, possibly by another thread while this one waited. Other processes are not affected.
///
/// {@snippet file="ExamplesTest.java" region="closed"}
public final class QueueClosedException extends dev.procession.core.QueueClosedException {
    private static final long serialVersionUID = 1;

    QueueClosedException(String message) {
        super(message);
    }
}
