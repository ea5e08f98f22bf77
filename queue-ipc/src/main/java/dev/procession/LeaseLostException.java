package dev.procession;

/// A lease was ended that is not held any more: it took longer than the visibility time-out, and the item was lent
/// again; or the handle that it was taken by was closed.
///
/// {@snippet file="ExamplesTest.java" region="lease-lost"}
public final class LeaseLostException extends dev.procession.core.LeaseLostException {
    private static final long serialVersionUID = 1;

    LeaseLostException(String message) {
        super(message);
    }
}
