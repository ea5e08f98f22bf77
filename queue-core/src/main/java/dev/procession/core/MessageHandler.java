package dev.procession.core;

/// Called by a consumer with each message.
///
/// {@snippet file="CoreExamples.java" region="message-handler"}
@FunctionalInterface
public interface MessageHandler {
    /// Receives one message. The object is the consumer's and is reused: readable until this method returns, by this
    /// thread only.
    ///
    /// @param message the message, valid during this call
    void onMessage(Message message);
}
