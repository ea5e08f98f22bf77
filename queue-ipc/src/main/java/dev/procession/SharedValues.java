package dev.procession;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;

/// The values that a [WorkerPool] has made for its tasks, and that are to be closed with it. Thread-safe.
final class SharedValues {
    private final Set<Shared<?>> open = new HashSet<>(); // these are guarded by this
    private boolean isClosed;

    /// @throws RejectedExecutionException if it is too late for another one
    synchronized void add(Shared<?> made) {
        if (isClosed) throw new RejectedExecutionException("The pool has ended.");
        open.add(made);
    }

    synchronized void remove(Shared<?> closed) {
        open.remove(closed);
    }

    void close() {
        List<Shared<?>> last;
        synchronized (this) {
            isClosed = true;
            last = List.copyOf(open);
        }
        last.forEach(Shared::close);
    }
}
