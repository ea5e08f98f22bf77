package dev.procession;

import dev.procession.core.LaneQueue;
import dev.procession.core.QueueException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;

/// What happens when this JVM ends, in this order, since workers may need the queues: spare JVMs end, non-daemon workers
/// are waited for, then anonymous queues that nobody closed are removed, unless another process has them open.
final class AtExit {
    private static boolean hooked; // these three are guarded by the class
    private static final WeakHashMap<SharedQueue<?>, Path> open = new WeakHashMap<>();
    private static final Set<Path> paths = new HashSet<>(); // also of queues that were collected without being closed

    private AtExit() {}

    /// Called before the first worker or spare JVM is started or the first anonymous queue is made.
    ///
    /// @throws IllegalStateException if this JVM is ending already
    static synchronized void hook() {
        if (hooked) return;
        Runtime.getRuntime().addShutdownHook(new Thread(AtExit::run, "procession exit"));
        hooked = true;
    }

    static synchronized void remove(SharedQueue<?> queue) {
        hook();
        open.put(queue, queue.path());
        paths.add(queue.path());
    }

    static synchronized void forget(SharedQueue<?> queue) {
        open.remove(queue);
        if (!open.containsValue(queue.path())) paths.remove(queue.path());
    }

    private static synchronized List<SharedQueue<?>> open() {
        return List.copyOf(open.keySet());
    }

    private static void run() {
        SpareJvm.endAll();
        Worker.awaitAllAtExit();
        Set<Path> left;
        synchronized (AtExit.class) {
            left = Set.copyOf(paths);
        }
        open().forEach(SharedQueue::close);
        for (Path path : left) {
            try {
                LaneQueue.delete(path);
            } catch (QueueException e) {
                // removed already, or another process still has it and will remove it
            }
        }
    }
}
