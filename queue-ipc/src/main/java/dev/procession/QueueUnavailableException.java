package dev.procession;

/// The queue cannot be made, opened or used: the file exists already or is missing, is not ours or not a queue, the
/// disk is full, as many processes put as the queue has lanes, or get from it in another way.
///
/// {@snippet file="ExamplesTest.java" region="open-or-make"}
public final class QueueUnavailableException extends dev.procession.core.QueueUnavailableException {
    private static final long serialVersionUID = 1;

    QueueUnavailableException(String message) {
        super(message);
    }
}
