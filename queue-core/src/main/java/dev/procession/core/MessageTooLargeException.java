package dev.procession.core;

/// A message is longer than a lane of the queue can hold, or than the buffer that it was to be copied into. Nothing has
/// been put or taken.
public class MessageTooLargeException extends QueueException {
    private static final long serialVersionUID = 1;

    /// Makes one; also for code that encodes messages.
    ///
    /// @param message which length, which limit, what to do
    public MessageTooLargeException(String message) {
        super(message);
    }

    /// Makes one about a message that no lane of the queue has room for, and says what to do.
    ///
    /// @param message which length, which limit
    /// @param bytes the length, or as much of it as is known
    public MessageTooLargeException(String message, long bytes) {
        super(message + (bytes <= Layout.MAX_LENGTH
                ? "; make the queue with larger lanes, which take up to " + Layout.MAX_LENGTH + " bytes"
                : "; no queue takes one of more than " + Layout.MAX_LENGTH
                        + " bytes, so put it in parts, or into a file"));
    }
}
