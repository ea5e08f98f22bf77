package dev.procession.core;

/// What a consumer does with each message.
@FunctionalInterface
public interface MessageHandler {
    /// Receives one message. The object is the consumer's own and is used again: it may be read until this method
    /// returns, by this thread only.
    ///
    /// @param message the message, valid during this call
    void onMessage(Message message);
}
