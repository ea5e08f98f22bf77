package dev.procession;

import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueException;
import dev.procession.core.QueueGeometry;
import java.nio.file.Files;
import java.nio.file.Path;

/// The file of a queue's dead letters, which is a queue of its own beside that of the queue.
final class DeadLetters {
    /// What its path has after that of the queue.
    private static final String SUFFIX = ".dead";

    private DeadLetters() {}

    /// Closes the queue if that fails.
    static LaneQueue openBeside(LaneQueue queue) {
        QueueGeometry same = queue.geometry();
        LaneQueue opened = null;
        try {
            opened = queue.openBeside(SUFFIX, new QueueGeometry(same.lanes(), same.laneBytes(), 0), queue.label());
            return opened;
        } finally {
            if (opened == null) queue.close();
        }
    }

    /// Removes a queue's file, and that of its dead letters if it has any.
    static void deleteWith(Path file) {
        Path deadLetters = null;
        boolean anonymous = false;
        try (LaneQueue queue = LaneQueue.open(file)) {
            Leasing leasing = queue.geometry().leasing();
            // of a queue that has none, what only has such a name is not ours
            if (leasing != null && leasing.maxAttempts() > 0) deadLetters = queue.pathBeside(SUFFIX);
            anonymous = queue.isAnonymous();
        } catch (QueueException damaged) {
            deadLetters = null; // it can be removed all the same, or that says why not
        }
        // the file of an anonymous one that no other process had went when it was closed
        if (!anonymous || Files.exists(file)) LaneQueue.delete(file);
        if (deadLetters != null && Files.exists(deadLetters)) LaneQueue.delete(deadLetters);
    }
}
