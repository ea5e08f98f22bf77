package dev.procession.core;

import java.nio.file.Path;
import java.util.function.Supplier;

/// What a handle consists of, and what any thread may ask of its queue. Its methods are those of [LaneQueue].
abstract class QueueState {
    final QueueFile file;
    final Lanes lanes;
    final Participants participants;
    final Bound bound;
    final EndOfStream end;

    QueueState(QueueFile file) {
        this.file = file;
        lanes = new Lanes(file);
        participants = new Participants(file, lanes);
        bound = new Bound(file, lanes, participants);
        end = new EndOfStream(participants);
    }

    /// {@return the file's absolute path}
    public Path path() {
        return file.path;
    }

    /// {@return whether the queue was made by [LaneQueue#createAnonymous(QueueGeometry, String)]}
    public boolean isAnonymous() {
        return file.anonymous;
    }

    /// {@return the queue's shape}
    public QueueGeometry geometry() {
        return file.geometry;
    }

    /// {@return the creator's description of the messages, possibly empty}
    public String label() {
        return file.label;
    }

    /// {@return the length of the longest possible message, in bytes}
    public int maxMessageBytes() {
        return file.geometry.maxMessageBytes();
    }

    /// {@return the size of the largest possible [Batch] in bytes, headers included: half a lane}
    public long maxBatchBytes() {
        return file.geometry.maxBatchBytes();
    }

    /// Whether the queue was empty at some moment during this call. After a put has returned, this is false until its
    /// message is taken; in a leased queue, until it is done.
    ///
    /// @return whether it was
    /// @throws QueueClosedException if this handle was closed
    public boolean isEmpty() {
        return ask(lanes::isEmpty);
    }

    /// Whether a queue with a bound on its items has reached it; false without one, see [Producer#hasRoom(int)].
    ///
    /// A place is taken from the beginning of an item's put until the item is taken, or done in a leased queue. A
    /// producer stopped in the middle of a put or holding a claim keeps its place, so a queue may be full with fewer
    /// items than its bound; one that is killed frees it. Costs two reads per lane while the queue is not full,
    /// otherwise up to the cost of [#size()].
    ///
    /// @return whether it has
    /// @throws QueueClosedException if this handle was closed
    public boolean isFull() {
        return ask(() -> file.geometry.bounded() && !bound.hasPlace(1, new Patience(file)));
    }

    /// {@return whether the last put through this handle that needed more memory found the file system full}
    public boolean isFileSystemFull() {
        return file.spaceMissing;
    }

    /// Counts the messages in the queue: put and not taken, or not done in a leased queue. Walks over all of them, some
    /// nanoseconds each; approximate with concurrent puts and gets.
    ///
    /// @return the number of messages
    /// @throws QueueClosedException if this handle was closed
    public long size() {
        return ask(lanes::size);
    }

    /// {@return a snapshot of the queue and its lanes, at the cost of [#size()]}
    ///
    /// @throws QueueClosedException if this handle was closed
    public QueueStats stats() {
        return ask(() -> QueueStats.read(participants));
    }

    /// Makes what shows the messages in the queue without taking them, from the first one on.
    ///
    /// @param lentToo in a leased queue: whether it shows what is lent, too; else only what a get would find
    /// @return a browser for one thread, of a moment; it need not be closed
    /// @throws QueueClosedException if this handle was closed
    public Browser newBrowser(boolean lentToo) {
        return ask(() -> new Browser(participants, lentToo));
    }

    final <T> T ask(Supplier<T> question) {
        file.enter();
        try {
            return question.get();
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            file.exit();
        }
    }

    /// {@return whether the queue was [shut down][LaneQueue#shutDown()], by any process}
    ///
    /// @throws QueueClosedException if this handle was closed
    public boolean isShutDown() {
        return ask(file::isShutDown);
    }

    @Override
    public String toString() {
        return "LaneQueue[" + file.path + ", " + file.geometry + "]";
    }
}
