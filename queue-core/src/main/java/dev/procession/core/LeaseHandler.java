package dev.procession.core;

/// What a consumer does with each message that it is lent.
@FunctionalInterface
public interface LeaseHandler {
    /// Receives one message and the lease on it. The message object is the consumer's own and is used again: it may be
    /// read until this method returns, by this thread only. The lease lives on; it may be ended here or later.
    ///
    /// @param message a private copy, valid during this call
    /// @param lease the lease on it
    void onLease(Message message, Lease lease);
}
