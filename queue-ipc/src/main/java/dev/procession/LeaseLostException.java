package dev.procession;

/// A lease was ended that is not held any more: the item was lent again.
///
/// {@snippet file="ExamplesTest.java" region="lease-lost"}
public final class LeaseLostException extends dev.procession.core.LeaseLostException {
    private static final long serialVersionUID = 1;

    LeaseLostException(String message) {
        super(message);
    }
}
