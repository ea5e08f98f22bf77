package dev.procession;

import dev.procession.core.LaneQueue;

/// What there is to close of a handle, and not the handle itself: so [AttachedQueues] can close it when the handle is
/// unreachable. No call is under way then, as each keeps its handle reachable until it returns.
final class Ends {
    private final LaneQueue queue;
    private final PutEnd<?> puts;
    private final GetEnd<?> gets;
    private volatile boolean closed;

    Ends(LaneQueue queue, PutEnd<?> puts, GetEnd<?> gets) {
        this.queue = queue;
        this.puts = puts;
        this.gets = gets;
        if (queue.isAnonymous()) AnonymousQueues.add(queue);
    }

    boolean isClosed() {
        return closed;
    }

    void close() {
        closed = true;
        queue.close(); // first: threads that wait stop waiting
        puts.close();
        gets.close();
        AnonymousQueues.remove(queue); // last: what a codec made fail that closes its own queue is closed then
    }
}
