package dev.procession;

import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueException;
import dev.procession.core.QueueGeometry;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/// The file of a queue's dead letters, which is a queue of its own beside that of the queue.
final class DeadLetters {
    /// What its path has after that of the queue.
    private static final String SUFFIX = ".dead";

    private DeadLetters() {}

    /// Closes the queue if that fails, and removes it if it is new.
    static LaneQueue openBeside(LaneQueue queue, boolean isNew) {
        QueueGeometry same = queue.geometry();
        LaneQueue opened = null;
        try {
            Path path = queue.pathBeside(SUFFIX);
            if (isNew && !queue.isAnonymous() && Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                throw new QueueUnavailableException(path + " exists already, where the dead letters of "
                        + queue.path() + " are to be; remove or rename it first");
            }
            opened = queue.openBeside(SUFFIX, new QueueGeometry(same.lanes(), same.laneBytes(), 0), queue.label());
            return opened;
        } finally {
            if (opened == null) {
                queue.close();
                if (isNew && !queue.isAnonymous()) remove(queue.path());
            }
        }
    }

    private static void remove(Path file) {
        try {
            LaneQueue.delete(file);
        } catch (QueueException e) {
            // another process has opened it; what this one is told is why it failed
        }
    }

    /// Removes a queue's file, and that of its dead letters if it has any: both, or none if one is open elsewhere.
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
        boolean isThere = !anonymous || Files.exists(file);
        if (isThere && deadLetters != null) LaneQueue.delete(file, SUFFIX);
        else if (isThere) LaneQueue.delete(file);
        else if (deadLetters != null && Files.exists(deadLetters)) LaneQueue.delete(deadLetters);
    }
}
