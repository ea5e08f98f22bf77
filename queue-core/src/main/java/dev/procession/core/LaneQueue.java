package dev.procession.core;

import dev.procession.core.os.Os;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// A queue of byte messages shared by processes: many producers, many consumers, one order.
///
/// {@snippet file="CoreExamples.java" region="put-get"}
///
/// The queue is a memory-mapped file of *lanes*. A lane is one producer's private log of *records*: a ring buffer in
/// chunks that grows under a backlog and shrinks after it. A shared counter deals out *tickets*: tickets order the
/// lanes, a lane orders its own records. A consumer takes the record with the smallest ticket.
///
///     ticket counter: 8
///
///     lane 0   | 3 | 3 | 7 | 0      producer A; it reused ticket 3 while no other producer put
///     lane 1   | 4 | 0              producer B
///     lane 2   | 5 | 6 | 0          producer C, which was killed; 6 is its last record
///                      ^ a zero header ends each log
///     taken in the order 3 3 4 5 6 7
///
/// Guarantees, whatever the instruction at which any process is stopped or killed:
///
/// - *Order*: if a put returned before another one began, its message is delivered first, across all producers.
/// - *Put* is wait-free while its lane has room; *get* is lock-free. A process stopped or killed in the middle of
///   either blocks no other.
/// - *Visibility*: after a put has returned, [#isEmpty()] is false until its message is taken.
/// - *kill -9* corrupts nothing, and neither loses nor duplicates a message whose put has returned, beyond what
///   [Delivery] says of a killed consumer's.
///
/// Limits: the queue does not survive a reboot; against a process of the same user that writes into the file on
/// purpose, it only detects damage; and a message taken by a consumer that is killed right afterwards is lost
/// ([Delivery#SHARED]; see [Delivery#LEASED]).
///
/// The package documentation holds the design and its proof. This object is a handle: thread-safe, one or more per
/// process. Producers and consumers are made from it; each of these is confined to one thread.
public final class LaneQueue extends QueueState implements AutoCloseable {
    private final Doorbell messages;
    private final Doorbell room;

    private LaneQueue(QueueFile file) {
        super(file);
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

    /// Makes a queue in a new file, which stays until [deleted][#delete]. It appears atomically: other processes
    /// see the whole file or none.
    ///
    /// @param file its path; `/dev/shm` is the fastest place
    /// @param geometry its shape
    /// @param label describes the messages, at most 64 bytes in UTF-8; may be empty
    /// @return a handle on it
    /// @throws QueueUnavailableException if there is a file of that name, or it cannot be made
    public static LaneQueue create(Path file, QueueGeometry geometry, String label) {
        return new LaneQueue(QueueFile.create(file, geometry, label, false));
    }

    /// Makes a queue in a file of the default directory. The file is removed by the last process that closes it; after
    /// a crash, by the next call of this method by the same user.
    ///
    /// The directory is the value of the system property `dev.procession.dir` if set; else the first of
    /// `$XDG_RUNTIME_DIR/procession`, `/dev/shm/procession-UID` and `procession-UID` below the directory for temporary
    /// files in which the queue can be made. It is made if missing, and used only if it belongs to this user and is
    /// inaccessible to others; if the name is taken, `procession-UID-2` is tried, and so on.
    ///
    /// @param geometry its shape
    /// @param label describes the messages, at most 64 bytes in UTF-8; may be empty
    /// @return a handle on it; other processes open its [path][#path()]
    /// @throws QueueUnavailableException if it cannot be made in any of them
    public static LaneQueue createAnonymous(QueueGeometry geometry, String label) {
        return new LaneQueue(Home.first(
                home -> QueueFile.create(Home.emptyName(home), geometry, label, true)));
    }

    /// Opens the queue whose path is this one's plus a suffix, and makes it if there is none. It is anonymous if this
    /// one is.
    ///
    /// @param suffix appended to the path
    /// @param geometry its shape, if it is made
    /// @param label describes its messages; must match if it exists
    /// @return a handle on it
    /// @throws QueueUnavailableException if it cannot be made or opened, or was made for another purpose
    public LaneQueue openBeside(String suffix, QueueGeometry geometry, String label) {
        return new LaneQueue(file.openBeside(suffix, geometry, label));
    }

    /// {@return the path used by [#openBeside(String, QueueGeometry, String)]}
    ///
    /// @param suffix appended to the path
    public Path pathBeside(String suffix) {
        return file.pathBeside(suffix);
    }

    /// Opens a queue that a process of this user has made on this machine since it booted.
    ///
    /// @param file its path
    /// @return a handle on it
    /// @throws QueueUnavailableException if there is none, it may not be used, or is not a queue
    /// @throws QueueCorruptedException if it was a queue, but its header is damaged
    public static LaneQueue open(Path file) {
        return new LaneQueue(QueueFile.open(file));
    }

    /// Removes a queue's file and the messages in it.
    ///
    /// @param file its path
    /// @param besides suffixes of what [#openBeside] has made, which is removed first, while this file is locked
    /// @throws QueueUnavailableException if there is none, it is not a queue, or a process has it open
    public static void delete(Path file, String... besides) {
        QueueFile.delete(file, besides);
    }

    /// Removes anonymous queues that no process has open: those of killed processes. [#createAnonymous] does so, too.
    public static void removeAbandoned() {
        try {
            Home.first(home -> {
                Home.removeAbandoned(home);
                return home;
            });
        } catch (QueueUnavailableException e) {
            // then there are none
        }
    }

    /// {@return the directory of anonymous queues: the user's own, inaccessible to others; made if it is missing}
    ///
    /// @throws QueueUnavailableException if it cannot be made, or cannot be trusted
    public static Path directory() {
        return Home.first(home -> home);
    }

    // ---- participants

    /// Makes a producer that waits by [WaitStrategy#spinThenSleep()]: [#newProducer(WaitStrategy)].
    ///
    /// @return a producer for one thread
    public Producer newProducer() {
        return newProducer(WaitStrategy.spinThenSleep());
    }

    /// Makes a producer. It gets the first lane without a living owner, and appends to the messages in it.
    ///
    /// @param strategy how its blocking puts wait
    /// @return a producer for one thread
    /// @throws QueueUnavailableException if every lane has a living owner, or there is no space for another lane
    /// @throws QueueClosedException if this handle was closed
    public Producer newProducer(WaitStrategy strategy) {
        Producer producer = tryNewProducer(strategy);
        if (producer == null) throw participants.noLane();
        return producer;
    }

    /// The same; waits while every lane has a living owner, up to the time-out.
    ///
    /// @param strategy how its blocking puts wait
    /// @param timeoutNanos the longest wait, in ns; zero or less: no wait; [Long#MAX_VALUE]: no limit
    /// @return a producer for one thread
    /// @throws InterruptedException if the thread is interrupted while it waits
    public Producer newProducer(WaitStrategy strategy, long timeoutNanos) throws InterruptedException {
        // the death of an owner rings no bell: this one is woken by its timers
        WaitLoop waiting = new WaitLoop(file, room, WaitStrategy.sleeping(), () -> WaitStrategy.LONGEST_NANOS);
        return participants.awaitProducer(() -> tryNewProducer(strategy), waiting, timeoutNanos);
    }

    private @Nullable Producer tryNewProducer(WaitStrategy strategy) {
        if (isShutDown()) throw file.wasShutDown(); // also if there is no lane
        return participants.tryNewProducer(lane -> new Producer(participants, bound, lane, room, strategy));
    }

    /// Makes a consumer that waits by [WaitStrategy#spinThenSleep()]: [#newConsumer(Delivery, WaitStrategy)].
    ///
    /// @param delivery exclusive or shared, or leased if the queue is: then it is a [LeasingConsumer]
    /// @return a consumer for one thread
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

    /// {@return a loop, for one wait of one thread, that waits until a message is available}
    ///
    /// @param strategy how it waits
    public WaitLoop waitingForMessages(WaitStrategy strategy) {
        boolean leased = file.geometry.leased();
        LongSupplier nap = () -> end.isToBeTold() ? 0
                : leased ? lanes.napBetweenLeases()
                : isEmpty() ? WaitStrategy.LONGEST_NANOS : 0;
        return new WaitLoop(file, messages, strategy, nap, leased);
    }

    /// {@return a loop, for one wait of one thread, that waits for room, of which only the caller can tell}
    ///
    /// @param strategy how it waits
    /// @param ready whether there is room; called right before each sleep
    public WaitLoop waitingForRoom(WaitStrategy strategy, BooleanSupplier ready) {
        return new WaitLoop(file, room, strategy, () -> ready.getAsBoolean() ? 0 : WaitStrategy.LONGEST_NANOS);
    }

    // ---- the end

    /// Shuts the queue down, in every process, for good: a put that begins after this call throws a
    /// [QueueShutDownException], gets go on until the queue is empty and then throw it, and threads that wait do, too.
    /// A put that overlaps the call may still arrive, even after gets have thrown: then the next one gets it. Holds
    /// even if this process is killed afterwards. Any thread may call it, also again.
    ///
    /// @throws QueueClosedException if this handle was closed
    public void shutDown() {
        shutDown(false);
    }

    /// The same; gets that begin after this call throw the exception at once, whatever is left.
    ///
    /// @throws QueueClosedException if this handle was closed
    public void shutDownNow() {
        shutDown(true);
    }

    private void shutDown(boolean now) {
        ask(() -> {
            end.shutDown(now);
            return true;
        });
    }

    /// Waits until all that was put before this call is taken, or done in a leased queue, whatever becomes of those who
    /// do it. Looks again after 5 ms, or a 16th of the wait so far up to 50 ms.
    ///
    /// @param timeoutNanos the longest wait, in ns; zero or less: no wait; [Long#MAX_VALUE]: no limit
    /// @return false if it was not until the time-out was over
    /// @throws InterruptedException if the thread is interrupted while it waits
    /// @throws QueueClosedException if this handle was closed, also while it waits
    /// @throws QueueShutDownException if something is left, and gets fail, since it was [shut down][#shutDownNow()]
    public boolean join(long timeoutNanos) throws InterruptedException {
        file.enter();
        try {
            return end.awaitDone(room, timeoutNanos);
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            file.exit();
        }
    }

    /// Prepares for the end of a process whose threads may use the queue until then: an anonymous queue's file loses
    /// its name as if this handle were closed, that is, now if no other handle of any process needs it, else when the
    /// last of those is closed or does the same. This handle and everything made from it remain usable, and may be
    /// closed as usual. Without its name the queue cannot be opened any more.
    ///
    /// Does nothing if the queue is not anonymous, or the handle is closed.
    ///
    /// @throws QueueUnavailableException if the file cannot be removed
    public void leaveName() {
        participants.leaveName();
    }

    /// Closes this handle. Threads that wait through it get a [QueueClosedException], and so does the next call that
    /// leaves its fast path; producers and consumers keep their lane or place until they are closed too; with the last
    /// of them the file is unmapped. Messages stay.
    @Override
    public void close() {
        participants.closeHandle();
    }

    /// {@return the platform of this process, for display: `linux`, which is the fast one, or `portable`}
    public static String platform() {
        return Os.CURRENT.name();
    }
}
