package dev.procession.core;

/// A message is longer than a lane of the queue can hold, or than the buffer to receive it. Nothing was put or taken.
public class MessageTooLargeException extends QueueException {
    private static final long serialVersionUID = 1;

    /// Makes one; also for codecs.
    ///
    /// @param message what is too long, the limit, and what to do
    public MessageTooLargeException(String message) {
        super(message);
    }

    /// Makes one about a message that no lane of the queue can hold, and appends what to do.
    ///
    /// @param message what is too long, and the limit
    /// @param bytes the length, or as much of it as is known
    public MessageTooLargeException(String message, long bytes) {
        super(message + (bytes <= QueueGeometry.LARGEST_MESSAGE
                ? "; make the queue with larger lanes, which take up to " + QueueGeometry.LARGEST_MESSAGE + " bytes"
                : "; no queue takes one of more than " + QueueGeometry.LARGEST_MESSAGE
                        + " bytes, so put it in parts, or into a file"));
    }
}
