package dev.procession;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;

/// What happens when this JVM ends, in this order, since workers may need the queues: non-daemon workers are waited for,
/// then queues are closed, so that those without a name of their own are removed.
final class AtExit {
    private static final Set<SharedQueue<?>> queues =
            Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));
    private static boolean hooked; // guarded by the class

    private AtExit() {}

    /// Called before the first worker is started or the first queue is made.
    ///
    /// @throws IllegalStateException if this JVM is ending already
    static synchronized void hook() {
        if (hooked) return;
        Runtime.getRuntime().addShutdownHook(new Thread(AtExit::run, "procession exit"));
        hooked = true;
    }

    static void close(SharedQueue<?> queue) {
        hook();
        queues.add(queue);
    }

    private static void run() {
        Worker.awaitAllAtExit();
        List<SharedQueue<?>> open;
        synchronized (queues) {
            open = List.copyOf(queues);
        }
        open.forEach(SharedQueue::close);
    }
}
