package dev.procession;

/// An item's bytes are more than half a lane of the queue, or than an [Encoder] takes. Nothing has been put.
public final class MessageTooLargeException extends dev.procession.core.MessageTooLargeException {
    private static final long serialVersionUID = 1;

    /// Makes one, in a codec.
    ///
    /// @param message which length, which limit, what to do
    public MessageTooLargeException(String message) {
        super(message);
    }

    MessageTooLargeException(String message, long bytes) {
        super(message, bytes);
    }
}
