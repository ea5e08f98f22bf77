package dev.procession.core;

/// Which consumers may be attached, and what happens to the messages of one that is killed. Exclusive or shared is a
/// property of the consumers attached at the same time; leased is a property of the queue, from its creation.
///
/// {@snippet file="CoreExamples.java" region="delivery"}
public enum Delivery {
    /// One consumer at a time, which reads messages in place. After a kill the next consumer starts at the first
    /// message that was not finished, so some may be redelivered.
    EXCLUSIVE,

    /// Any number of consumers; each message goes to one of them. A kill loses at most what that consumer had just
    /// taken.
    SHARED,

    /// Any number of consumers of a leased queue ([QueueGeometry#leasing()]): each message is leased to one of them,
    /// and leased again if that one is killed, gives it back or holds it for too long, until one says that it is done.
    LEASED
}
