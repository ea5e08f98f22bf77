package dev.procession;

import dev.procession.core.LaneQueue;
import dev.procession.core.QueueException;
import dev.procession.shutdown.ShutdownSequence;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;

/// The anonymous queues that this process has open. At its end they lose their names, unless another process has them
/// open; their memory stays for as long as some process has it mapped.
final class AnonymousQueues {
    private static final WeakHashMap<LaneQueue, Path> open = new WeakHashMap<>(); // these are guarded by the class
    private static final Set<Path> paths = new HashSet<>(); // also of queues that were collected without being closed
    private static boolean registered;
    private static boolean isOver; // the process ends, and names were given up already

    private AnonymousQueues() {}

    /// If the process is ending already, it loses its name at once: no worker is left that could open it.
    static synchronized void add(LaneQueue queue) {
        if (!registered) {
            isOver = !ShutdownSequence.add(ShutdownSequence.Stage.QUEUES, new AtExit());
            registered = true;
        }
        if (isOver) queue.leaveName();
        open.put(queue, queue.path());
        paths.add(queue.path());
    }

    static synchronized void remove(LaneQueue queue) {
        open.remove(queue);
        if (!open.containsValue(queue.path())) paths.remove(queue.path());
    }

    private static final class AtExit implements Runnable {
        @Override
        public void run() {
            List<LaneQueue> last;
            Set<Path> collected;
            synchronized (AnonymousQueues.class) {
                last = List.copyOf(open.keySet());
                collected = new HashSet<>(paths);
                isOver = true;
            }
            for (LaneQueue queue : last) {
                collected.remove(queue.path());
                try {
                    queue.leaveName();
                } catch (QueueException e) {
                    // it stays until another anonymous queue is made
                }
            }
            for (Path path : collected) {
                try {
                    LaneQueue.delete(path);
                } catch (QueueException e) {
                    // removed already, or another process still has it and will remove it
                }
            }
        }
    }
}
