package dev.procession.core;

/// Who may consume, and what happens to the messages of a consumer that is killed. Exclusive or shared is for the
/// consumers that are attached at the same time; leased is for the queue, from its making.
public enum Delivery {
    /// One consumer at a time, which reads messages in place. After a kill the next consumer starts at the first
    /// message that was not finished, so some may be delivered again.
    EXCLUSIVE,

    /// Any number of consumers; each message goes to one of them. A killed one takes along at most what it had just
    /// taken.
    SHARED,

    /// Any number of consumers of a leased queue ([QueueGeometry#leasing()]): a message is lent to one of them, and
    /// lent again if that one is killed, gives it back, or holds it for too long, until somebody says that it is done.
    LEASED
}
