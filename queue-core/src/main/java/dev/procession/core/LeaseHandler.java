package dev.procession.core;

/// Called by a consumer with each message that is leased to it.
///
/// {@snippet file="CoreExamples.java" region="lease-handler"}
@FunctionalInterface
public interface LeaseHandler {
    /// Receives one message and the lease on it. The message object is the consumer's and is reused: readable until
    /// this method returns, by this thread only. The lease outlives the call; it may be ended here or later.
    ///
    /// @param message a private copy, valid during this call
    /// @param lease the lease on it
    void onLease(Message message, Lease lease);
}
