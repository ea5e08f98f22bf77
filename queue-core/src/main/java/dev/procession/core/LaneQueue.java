package dev.procession.core;

import dev.procession.core.os.Os;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/// A queue of byte messages that processes share: many producers, many consumers, one order.
///
/// The queue is a memory-mapped file of *lanes*. A lane is one producer's private log of *records*; only its owner
/// writes it. A shared counter deals out *tickets*: tickets order the lanes, a lane orders its own records. A consumer
/// takes the record with the smallest ticket.
///
///     ticket counter: 8
///
///     lane 0   | 3 | 3 | 7 | 0      producer A; its records 3 and 3 came while nobody else put
///     lane 1   | 4 | 0              producer B
///     lane 2   | 5 | 6 | 0          producer C, which was killed; 6 is its last
///                      ^ a zero header ends each log
///     taken in the order 3 3 4 5 6 7
///
/// Guarantees, at any instruction of anybody:
///
/// - *Order*: if a put returned before another one began, its message is delivered first, whoever put them.
/// - *Put* is wait-free while its lane has room; *get* is lock-free. A process that is stopped or killed in the middle
///   of either holds nobody up.
/// - *Visibility*: when a put has returned, [#isEmpty()] is false until its message is taken.
/// - *kill -9* corrupts nothing, and loses or doubles no message whose put has returned, beyond what [Delivery] says of
///   a consumer's.
///
/// What it does not do: it does not survive a restart of the machine; it does not protect against a process of the same
/// user that writes into the file on purpose, beyond noticing; and a message that was put is lost to a consumer that is
/// killed right after it took it ([Delivery#SHARED]; see [Delivery#LEASED]).
///
/// How it works, and why, is in the package documentation. This object is a handle: thread-safe, one or more in each
/// process. Producers and consumers are made from it, and each of those belongs to one thread.
public final class LaneQueue implements AutoCloseable {
    final QueueFile file;
    final Lanes lanes;
    final Participants participants;
    final Bound bound;

    private final Doorbell messages;
    private final Doorbell room;

    private LaneQueue(QueueFile file) {
        this.file = file;
        lanes = new Lanes(file);
        participants = new Participants(file, lanes);
        bound = new Bound(file, lanes, participants);
        messages = Doorbell.forMessages(file);
        room = Doorbell.forRoom(file);
        boolean attached = false;
        try {
            Doorbell.attach(file);
            attached = true;
        } catch (InternalError e) { // truncated since it was mapped
            throw file.translate(e);
        } finally {
            if (!attached) file.open.close();
        }
    }

    // ---- create, open, delete

    /// Makes a queue in a new file, which stays until it is [deleted][#delete(Path)]. Others see the file whole or not
    /// at all.
    ///
    /// @param file its path; `/dev/shm` is the fastest place
    /// @param geometry its shape
    /// @param label what the creator says of its messages, at most 64 bytes in UTF-8; may be empty
    /// @return a handle on it
    /// @throws QueueUnavailableException if there is a file of that name, or it cannot be made
    public static LaneQueue create(Path file, QueueGeometry geometry, String label) {
        return new LaneQueue(QueueFile.create(file, geometry, label, 0));
    }

    /// Makes a queue in a file of the default directory. The file is removed by the last process that closes it; after
    /// a crash, by the next call of this method by the same user.
    ///
    /// That directory is the one that the system property `dev.procession.dir` names, if it is set; else the first of
    /// `$XDG_RUNTIME_DIR/procession`, `/dev/shm/procession-UID` and, below the directory for temporary files,
    /// `procession-UID` in which the queue can be made. It is made if it is missing, and only used if it belongs to
    /// this user and is closed to others; where something else stands in its place, it is `procession-UID-2`, and so
    /// on.
    ///
    /// @param geometry its shape
    /// @param label what the creator says of its messages, at most 64 bytes in UTF-8; may be empty
    /// @return a handle on it; others open its [path][#path()]
    /// @throws QueueUnavailableException if it cannot be made in any of them
    public static LaneQueue createAnonymous(QueueGeometry geometry, String label) {
        return new LaneQueue(Home.first(
                home -> QueueFile.create(Home.emptyName(home), geometry, label, Layout.FLAG_ANONYMOUS)));
    }

    /// Opens the queue whose path is this one's with something behind it, and makes it if there is none. It is
    /// anonymous if this one is.
    ///
    /// @param suffix what its name has behind this one's
    /// @param geometry its shape, if it is made
    /// @param label what its maker says of the messages, if it is made
    /// @return a handle on it
    /// @throws QueueUnavailableException if it cannot be made or opened, or was made for something else
    public LaneQueue openBeside(String suffix, QueueGeometry geometry, String label) {
        return new LaneQueue(file.openBeside(suffix, geometry, label));
    }

    /// Returns where [#openBeside(String, QueueGeometry, String)] looks.
    ///
    /// @param suffix what its name has behind this one's
    /// @return the path
    public Path pathBeside(String suffix) {
        return file.pathBeside(suffix);
    }

    /// Opens a queue that some process of this user has made on this machine.
    ///
    /// @param file its path
    /// @return a handle on it
    /// @throws QueueUnavailableException if there is none, it may not be used, or it is no queue
    /// @throws QueueCorruptedException if it was a queue, but its header is damaged
    public static LaneQueue open(Path file) {
        return new LaneQueue(QueueFile.open(file));
    }

    /// Removes a queue's file and the messages in it.
    ///
    /// @param file its path
    /// @throws QueueUnavailableException if there is none, it is no queue, or some process has it open
    public static void delete(Path file) {
        QueueFile.delete(file);
    }

    /// Returns the directory of anonymous queues, and makes it if it is missing: the user's own, closed to others.
    ///
    /// @return its path
    /// @throws QueueUnavailableException if it cannot be made, or cannot be trusted
    public static Path directory() {
        return Home.first(home -> home);
    }

    // ---- participants

    /// Makes a producer that waits by [WaitStrategy#spinThenSleep()].
    ///
    /// @return a producer for one thread
    /// @throws QueueUnavailableException if every lane has a living owner, or there is no space for another lane
    /// @throws QueueClosedException if this handle was closed
    public Producer newProducer() {
        return newProducer(WaitStrategy.spinThenSleep());
    }

    /// Makes a producer. It gets the first lane that has no living owner, and goes on behind the messages in it.
    ///
    /// @param strategy how its blocking puts wait
    /// @return a producer for one thread
    /// @throws QueueUnavailableException if every lane has a living owner, or there is no space for another lane
    /// @throws QueueClosedException if this handle was closed
    public Producer newProducer(WaitStrategy strategy) {
        return participants.newProducer(lane -> new Producer(participants, bound, lane, room, strategy));
    }

    /// Makes a consumer that waits by [WaitStrategy#spinThenSleep()].
    ///
    /// @param delivery exclusive or shared, or leased if the queue is: then it is a [LeasingConsumer]
    /// @return a consumer for one thread
    /// @throws QueueUnavailableException if the consumers that are attached do not allow it, or only one of the queue
    ///     and the delivery is leased
    /// @throws QueueClosedException if this handle was closed
    public Consumer newConsumer(Delivery delivery) {
        return newConsumer(delivery, WaitStrategy.spinThenSleep());
    }

    /// Makes a consumer.
    ///
    /// @param delivery exclusive or shared, or leased if the queue is: then it is a [LeasingConsumer]
    /// @param strategy how its blocking gets wait
    /// @return a consumer for one thread
    /// @throws QueueUnavailableException if the consumers that are attached do not allow it, or only one of the queue
    ///     and the delivery is leased
    /// @throws QueueClosedException if this handle was closed
    public Consumer newConsumer(Delivery delivery, WaitStrategy strategy) {
        WaitLoop waiting = waitingForMessages(strategy);
        Leasing leasing = file.geometry.leasing();
        return switch (delivery) {
            case SHARED -> participants.newConsumer(true, () -> new SharedConsumer(participants, waiting));
            case EXCLUSIVE -> participants.newConsumer(false, () -> new ExclusiveConsumer(participants, waiting));
            case LEASED -> participants.newLeasingConsumer(
                    number -> new LeasingConsumer(participants, waiting, number, leasing));
        };
    }

    /// Makes what waits for a message to be there.
    ///
    /// @param strategy how it waits
    /// @return for one wait of one thread
    public WaitLoop waitingForMessages(WaitStrategy strategy) {
        return new WaitLoop(file, messages, strategy,
                () -> file.geometry.leased() ? lanes.napBetweenLeases() : isEmpty() ? WaitStrategy.LONGEST_NANOS : 0);
    }

    /// Makes what waits for room, of which only the caller knows whether it is there.
    ///
    /// @param strategy how it waits
    /// @param ready whether there is room; asked right before a sleep
    /// @return for one wait of one thread
    public WaitLoop waitingForRoom(WaitStrategy strategy, BooleanSupplier ready) {
        return new WaitLoop(file, room, strategy, () -> ready.getAsBoolean() ? 0 : WaitStrategy.LONGEST_NANOS);
    }

    /// For a process that is about to end, and whose threads may use the queue until then: an anonymous queue's file
    /// goes as if this handle were closed, that is, it loses its name now if no other handle of any process needs it,
    /// else when the last of those is closed or does this too. But this handle and all that was made from it go on as
    /// before, and may be closed as usual. Nobody can open the queue any more when the name is gone.
    ///
    /// Does nothing if the queue is not anonymous, or the handle is closed.
    ///
    /// @throws QueueUnavailableException if the file cannot be removed
    public void leaveName() {
        participants.leaveName();
    }

    /// Closes this handle. Threads that wait through it get a [QueueClosedException], and so does the next call that
    /// has to look beyond what it knows; producers and consumers keep their lane or place until they are closed too;
    /// with the last of them the file is unmapped. Messages stay.
    @Override
    public void close() {
        participants.closeHandle();
    }

    // ---- what anybody may ask

    /// Returns the file's absolute path.
    ///
    /// @return the path
    public Path path() {
        return file.path;
    }

    /// Whether the queue was made by [#createAnonymous(QueueGeometry, String)], so that its last user removes it.
    ///
    /// @return whether it was
    public boolean isAnonymous() {
        return file.anonymous;
    }

    /// Returns the queue's shape.
    ///
    /// @return the geometry
    public QueueGeometry geometry() {
        return file.geometry;
    }

    /// Returns what the creator said of the messages.
    ///
    /// @return the label, possibly empty
    public String label() {
        return file.label;
    }

    /// Returns the length of the longest possible message.
    ///
    /// @return bytes
    public int maxMessageBytes() {
        return file.geometry.maxMessageBytes();
    }

    /// Whether there was a moment during this call at which the queue was empty. When a put has returned, this is false
    /// until its message is taken; in a leased queue, until it is done.
    ///
    /// @return whether it was
    /// @throws QueueClosedException if this handle was closed
    public boolean isEmpty() {
        return ask(lanes::isEmpty);
    }

    /// Whether a queue with a bound on its items has reached it. Without such a bound this is always false: each
    /// producer's lane fills up by itself, see [Producer#hasRoom(int)].
    ///
    /// A place is taken from when a producer begins to put an item until the item is taken, or done in a leased queue.
    /// A producer that was stopped in the middle of a put or holds a claim keeps its place, so a queue may be full with
    /// fewer items than its bound; one that was killed gives it back. Costs two reads a lane while the queue is not
    /// full, and otherwise up to what [#size()] does.
    ///
    /// @return whether it has
    /// @throws QueueClosedException if this handle was closed
    public boolean isFull() {
        return ask(() -> file.geometry.bounded() && !bound.hasPlace(new Patience(file)));
    }

    /// Counts the messages that are in the queue: that were put and are not taken, or not done in a leased queue. Walks
    /// along all of them, some nanoseconds for each. While others put and get, the result is one that was nearly right
    /// lately.
    ///
    /// @return how many
    /// @throws QueueClosedException if this handle was closed
    public long size() {
        return ask(lanes::size);
    }

    /// Takes a snapshot of the queue and its lanes, as slow as [#size()].
    ///
    /// @return the snapshot
    /// @throws QueueClosedException if this handle was closed
    public QueueStats stats() {
        return ask(() -> QueueStats.read(participants));
    }

    private <T> T ask(Supplier<T> question) {
        file.enter();
        try {
            return question.get();
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            file.exit();
        }
    }

    @Override
    public String toString() {
        return "LaneQueue[" + file.path + ", " + file.geometry + "]";
    }

    /// Whether the platform of this process is the fast one; for display.
    ///
    /// @return "linux" or "portable"
    public static String platform() {
        return Os.CURRENT.name();
    }
}
