package dev.procession;

import dev.procession.core.MessageId;
import dev.procession.core.QueueException;
import java.lang.ref.Reference;

/// An item that is lent: no other consumer gets it until it is given back, the process that has it ends or closes the
/// queue, or the queue's visibility time-out is over. It is gone when it is done.
///
/// {@snippet file="ExamplesTest.java" region="lease"}
///
/// Thread-safe: may be ended by another thread than the one that took it.
///
/// @param <E> the item's type
public final class Lease<E> implements AutoCloseable {
    private final Object handle; // kept reachable: one that is not is closed, and its leases are given back
    private final dev.procession.core.Lease lease;
    private final E value;

    Lease(Object handle, dev.procession.core.Lease lease, E value) {
        this.handle = handle;
        this.lease = lease;
        this.value = value;
    }

    /// Returns the item.
    ///
    /// @return the item
    public E value() {
        return value;
    }

    /// Returns how often the item was lent, this time included.
    ///
    /// @return 1 for the first time; after 16,383 times a number between 8,192 and 16,383
    public int attempt() {
        return lease.attempt();
    }

    /// Returns what names the item for good: the same each time that it is lent, in every process, and no other item's,
    /// of whatever queue.
    ///
    /// @return its id
    public MessageId id() {
        return lease.id();
    }

    /// The item is finished: it is not lent again.
    ///
    /// @throws LeaseLostException if it was lent again meanwhile, to a consumer that may finish it too, or the queue's
    ///     handle was closed
    /// @throws IllegalStateException if this lease was done or given back already
    public void done() {
        try {
            lease.done();
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(handle);
        }
    }

    /// Gives the item back at once, at its old place in the order. This process sees it there with its next look,
    /// others within some milliseconds.
    ///
    /// @throws LeaseLostException if it was lent again meanwhile, or the queue's handle was closed
    /// @throws IllegalStateException if this lease was done or given back already
    public void giveBack() {
        try {
            lease.giveBack();
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(handle);
        }
    }

    /// Returns the item's id and attempt, for messages and logs.
    @Override
    public String toString() {
        return "Lease[" + id() + ", attempt " + attempt() + "]";
    }

    /// Gives the item back, unless the lease is done, given back, or lost.
    @Override
    public void close() {
        try {
            lease.close();
        } catch (QueueException e) {
            throw OwnException.of(e);
        } finally {
            Reference.reachabilityFence(handle);
        }
    }
}
