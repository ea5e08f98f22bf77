package dev.procession.core;

/// A message is longer than a lane of the queue can hold, or than the buffer that it was to be copied into. Nothing has
/// been put or taken.
public final class MessageTooLargeException extends QueueException {
    private static final long serialVersionUID = 1;

    /// Makes one; also for code that encodes messages.
    ///
    /// @param message which length, which limit, what to do
    public MessageTooLargeException(String message) {
        super(message);
    }
}
