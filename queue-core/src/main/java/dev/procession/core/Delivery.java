package dev.procession.core;

/// Who may consume, and what happens to the messages of a consumer that is killed.
public enum Delivery {
    /// One consumer at a time, which reads messages in place. After a kill the next consumer starts at the first message
    /// that was not finished, so some may be delivered again.
    EXCLUSIVE,

    /// Any number of consumers; each message goes to one of them. A killed one takes along at most what it had just taken.
    SHARED
}
