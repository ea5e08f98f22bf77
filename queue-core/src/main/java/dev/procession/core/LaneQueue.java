package dev.procession.core;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// A queue of byte messages that processes share: many producers, many consumers, one order.
///
/// The queue is a memory-mapped file of *lanes*. A lane is one producer's private log of *records*; only its owner writes
/// it. A shared counter deals out *tickets*: tickets order the lanes, a lane orders its own records. A consumer takes the
/// record with the smallest ticket.
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
/// - *Put* is wait-free while its lane has room; *get* is lock-free. A process that is stopped or killed in the middle of
///   either holds nobody up.
/// - *Visibility*: when a put has returned, [#isEmpty()] is false until its message is taken.
/// - *kill -9* corrupts nothing, and loses or doubles no message whose put has returned, beyond what [Delivery] says of
///   a consumer's.
///
/// What it does not do: it does not survive a restart of the machine; it does not protect against a process of the same
/// user that writes into the file on purpose, beyond noticing; and a message that was put is lost to a consumer that is
/// killed right after it took it ([Delivery#SHARED]; see [Delivery#LEASED]).
///
/// The algorithm follows the time-stamped queue of Dodds, Haas and Kirsch (A Scalable, Correct Time-Stamped Stack, POPL
/// 2015). This object is a handle: thread-safe, one or more in each process. Producers and consumers are made from it, and
/// each of those belongs to one thread.
public final class LaneQueue implements AutoCloseable {
    /// For so long it is believed that the owner of a lane lives: to ask costs half a microsecond.
    private static final long ALIVE_NANOS = 1_000_000;

    /// A lane may be locked for a moment by who asks, on a portable platform, whether its owner lives: so one pass is not enough.
    private static final int LANE_PASSES = 3;

    private static final long LANE_PASS_NANOS = 1_000_000;

    /// The longest sleep while leases are out.
    private static final long LEASE_NAP_NANOS = 5_000_000;

    private static final int BESIDE_TRIES = 20;

    private static final long FOUND = 1;

    private static final int LATE_FAULTS = 4;

    private static final String NO_RECORD = "there is no record";
    private static final String NO_END = "no zero header ends its log";

    static final String NEVER_STILL = "the lanes never stand still";

    /// What a look costs a lane, with the second look that proves the first.
    static final long STEPS_A_LANE = 32;

    private final Path path;
    private final Platform.OpenFile file;
    private final MemorySegment memory;
    private final long base;
    private final QueueGeometry geometry;
    private final String label;
    private final boolean anonymous;

    private volatile boolean unusable; // closed, or cut off
    private volatile boolean closed;
    private volatile boolean cutOff;

    /// Who may touch the mapping: all participants together, and each call of a thread that need not be one. It is unmapped
    /// when there is none.
    private final AtomicInteger users = new AtomicInteger(1);

    private @Nullable FutexProxy messagesProxy; // guarded by this, as is the next one
    private @Nullable FutexProxy roomProxy;

    // guarded by this: locks of one open file do not exclude each other, so a handle keeps its own participants apart
    private final BitSet lanesHeld = new BitSet();
    private final BitSet ownersHeld = new BitSet();
    private int participants = 1; // this handle, its producers and consumers; while there are any, the file is open
    private int sharedConsumers;
    private boolean exclusiveConsumer;
    private final long[] aliveUntil; // of each lane: until then its owner is believed to live

    /// An announced number of each lane that was found to be kept: as many items were put. For it nobody needs to ask again
    /// whether the lane's owner lives. Any thread may change it; an old value costs a question.
    private final long[] kept;

    // ---- create, open, delete

    /// Makes a queue in a new file, which stays until it is [deleted][#delete(Path)]. Others see the file whole or not at all.
    ///
    /// @param file its path; `/dev/shm` is the fastest place
    /// @param geometry its shape
    /// @param label what the creator says of its messages, at most 64 bytes in UTF-8; may be empty
    /// @return a handle on it
    /// @throws QueueUnavailableException if there is a file of that name, or it cannot be made
    public static LaneQueue create(Path file, QueueGeometry geometry, String label) {
        return create(file, geometry, label, 0);
    }

    /// Makes a queue in a file of the default directory. The file is removed by the last process that closes it; after a
    /// crash, by the next call of this method by the same user.
    ///
    /// That directory is the one that the system property `procession.dir` names, if it is set; else the first of
    /// `$XDG_RUNTIME_DIR/procession`, `/dev/shm/procession-UID` and, below the directory for temporary files,
    /// `procession-UID` in which the queue can be made. It is made if it is missing, and only used if it belongs to this user
    /// and is closed to others; where something else stands in its place, it is `procession-UID-2`, and so on.
    ///
    /// @param geometry its shape
    /// @param label what the creator says of its messages, at most 64 bytes in UTF-8; may be empty
    /// @return a handle on it; others open its [path][#path()]
    /// @throws QueueUnavailableException if it cannot be made in any of them
    public static LaneQueue createAnonymous(QueueGeometry geometry, String label) {
        return Home.first(home -> create(Home.emptyName(home), geometry, label, Layout.FLAG_ANONYMOUS));
    }

    private static LaneQueue create(Path path, QueueGeometry geometry, String label, long flags) {
        byte[] labelBytes = label.getBytes(StandardCharsets.UTF_8);
        if (labelBytes.length > Layout.LABEL_BYTES || label.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("label=\"" + label + "\" must have at most " + Layout.LABEL_BYTES
                    + " bytes in UTF-8, none of them zero");
        }
        checkFileSystem(path);
        try {
            Platform.OpenFile file = Platform.CURRENT.create(
                    path,
                    geometry.fileBytes(),
                    Layout.lanesAt(geometry.lanes()),
                    memory -> writeHeader(memory, geometry, labelBytes, flags));
            return new LaneQueue(path, file);
        } catch (FileAlreadyExistsException e) {
            throw new QueueUnavailableException(path + " exists already; open it, or delete it first", e);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    private static void writeHeader(MemorySegment memory, QueueGeometry geometry, byte[] label, long flags) {
        long base = Memory.base(memory);
        UUID uuid = UUID.randomUUID();
        UUID boot = bootId();
        Memory.setPlain(memory, base + Layout.VERSION_AT, Layout.VERSION);
        Memory.setPlain(memory, base + Layout.LANES_AT, geometry.lanes());
        Memory.setPlain(memory, base + Layout.LANE_BYTES_AT, geometry.laneBytes());
        Memory.setPlain(memory, base + Layout.MAX_ITEMS_AT, geometry.maxItems());
        Leasing leasing = geometry.leasing();
        if (leasing != null) {
            flags |= Layout.FLAG_LEASED;
            Memory.setPlain(memory, base + Layout.VISIBILITY_NANOS_AT, leasing.visibilityNanos());
            Memory.setPlain(memory, base + Layout.MAX_ATTEMPTS_AT, leasing.maxAttempts());
        }
        Memory.setPlain(memory, base + Layout.FLAGS_AT, flags);
        Memory.setPlain(memory, base + Layout.UUID_AT, uuid.getMostSignificantBits());
        Memory.setPlain(memory, base + Layout.UUID_AT + Long.BYTES, uuid.getLeastSignificantBits());
        Memory.setPlain(memory, base + Layout.BOOT_ID_AT, boot.getMostSignificantBits());
        Memory.setPlain(memory, base + Layout.BOOT_ID_AT + Long.BYTES, boot.getLeastSignificantBits());
        Memory.copyIn(label, 0, memory, base + Layout.LABEL_AT, label.length);
        Memory.setRelease(memory, base + Layout.MAGIC_AT, Layout.MAGIC);
    }

    /// Opens the queue whose path is this one's with something behind it, and makes it if there is none. It is anonymous if
    /// this one is.
    ///
    /// @param suffix what its name has behind this one's
    /// @param geometry its shape, if it is made
    /// @param label what its maker says of the messages, if it is made
    /// @return a handle on it
    /// @throws QueueUnavailableException if it cannot be made or opened, or was made for something else
    public LaneQueue openBeside(String suffix, QueueGeometry geometry, String label) {
        Path beside = pathBeside(suffix);
        for (int i = 0;; i++) { // another process may make it or remove it meanwhile
            try {
                if (Files.exists(beside)) return openOwn(beside, label);
                return create(beside, geometry, label, anonymous ? Layout.FLAG_ANONYMOUS : 0);
            } catch (QueueUnavailableException e) {
                if (i == BESIDE_TRIES) throw e;
                LockSupport.parkNanos(LANE_PASS_NANOS);
            }
        }
    }

    /// Returns where [#openBeside(String, QueueGeometry, String)] looks.
    ///
    /// @param suffix what its name has behind this one's
    /// @return the path
    public Path pathBeside(String suffix) {
        return Path.of(URI.create(path.toUri() + suffix)); // not by its text: some locales cannot spell each name
    }

    private LaneQueue openOwn(Path beside, String label) {
        LaneQueue opened = open(beside);
        if (opened.label.equals(label) && opened.anonymous == anonymous) return opened;
        opened.close();
        throw new QueueUnavailableException(
                beside + " is a queue of its own (label \"" + opened.label
                        + "\") in the place of the one that belongs to "
                        + path + "; rename one of them");
    }

    /// Opens a queue that some process of this user has made on this machine.
    ///
    /// @param file its path
    /// @return a handle on it
    /// @throws QueueUnavailableException if there is none, it may not be used, or it is no queue
    /// @throws QueueCorruptedException if it was a queue, but its header is damaged
    public static LaneQueue open(Path file) {
        checkFileSystem(file);
        try {
            return new LaneQueue(file, Platform.CURRENT.open(file, true));
        } catch (NoSuchFileException e) {
            throw new QueueUnavailableException("there is no queue at " + file + (Home.isAnonymous(file)
                    ? ": it was closed by the last process that had it open"
                    : "; it was not made yet, or was deleted"), e);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    private static QueueUnavailableException unavailable(IOException e) {
        String what = String.valueOf(e.getMessage());
        if (e instanceof NoSuchFileException) what = "no such directory: " + what;
        if (e instanceof AccessDeniedException denied) {
            what = "permission denied: " + what + " (" + Platform.denied(Path.of(denied.getFile())) + ")";
        }
        return new QueueUnavailableException(what, e);
    }

    private static void checkFileSystem(Path path) {
        if (path.getFileSystem().equals(FileSystems.getDefault())) return;
        throw new QueueUnavailableException(
                path + " is in a file system inside of this JVM (" + path.getFileSystem()
                        + "); a queue is a file of the system");
    }

    /// Removes a queue's file and the messages in it.
    ///
    /// @param file its path
    /// @throws QueueUnavailableException if there is none, it is no queue, or some process has it open
    public static void delete(Path file) {
        checkFileSystem(file);
        Platform.OpenFile open;
        try {
            open = Platform.CURRENT.open(file, false);
        } catch (NoSuchFileException e) {
            throw new QueueUnavailableException("there is no queue at " + file, e);
        } catch (IOException e) {
            throw unavailable(e);
        }
        try {
            if (Memory.getVolatile(open.mapping(), Memory.base(open.mapping()) + Layout.MAGIC_AT) != Layout.MAGIC) {
                throw new QueueUnavailableException(file + " is not a queue, so it was not removed");
            }
            remove(file, open);
        } finally {
            open.close();
        }
    }

    /// Removes a file that is locked by nobody else; but not what somebody has given another name.
    static void remove(Path path, Platform.OpenFile file) {
        try {
            if (!file.isAt(path) || !Files.deleteIfExists(path)) return;
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    /// Returns the directory of anonymous queues, and makes it if it is missing: the user's own, closed to others.
    ///
    /// @return its path
    /// @throws QueueUnavailableException if it cannot be made, or cannot be trusted
    public static Path directory() {
        return Home.first(home -> home);
    }

    /// Identifies this start of the machine: of a file on disk, a restart may have kept any subset of its pages.
    private static UUID bootId() {
        try {
            return UUID.fromString(Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip());
        } catch (IOException | IllegalArgumentException e) {
            return new UUID(0, 0);
        }
    }

    private LaneQueue(Path path, Platform.OpenFile file) {
        this.path = path.toAbsolutePath();
        this.file = file;
        memory = file.mapping();
        base = Memory.base(memory);
        boolean whole = false;
        try {
            geometry = readGeometry();
            label = readLabel();
            anonymous = (Memory.getPlain(memory, base + Layout.FLAGS_AT) & Layout.FLAG_ANONYMOUS) != 0;
            int counted = geometry.counted() ? geometry.lanes() : 0;
            aliveUntil = new long[counted];
            Arrays.fill(aliveUntil, System.nanoTime());
            kept = new long[counted];
            Waiting.attach(memory);
            Platform.CURRENT.closeWhenUnreachable(this, file);
            whole = true;
        } catch (InternalError e) { // cut off since it was mapped
            throw new QueueCorruptedException(path + " was cut off by another process; delete it, and make it again");
        } finally {
            if (!whole) file.close();
        }
    }

    private QueueGeometry readGeometry() {
        if (Memory.getVolatile(memory, base + Layout.MAGIC_AT) != Layout.MAGIC) {
            throw new QueueUnavailableException(path + " is not a queue: it does not begin as one");
        }
        long version = Memory.getPlain(memory, base + Layout.VERSION_AT);
        if (version != Layout.VERSION) {
            throw new QueueUnavailableException(
                    path + " was made by another version of Procession: its format is " + version
                            + ", this one reads " + Layout.VERSION + "; use the same version in all processes");
        }
        long lanes = Memory.getPlain(memory, base + Layout.LANES_AT);
        long laneBytes = Memory.getPlain(memory, base + Layout.LANE_BYTES_AT);
        long maxItems = Memory.getPlain(memory, base + Layout.MAX_ITEMS_AT);
        long flags = Memory.getPlain(memory, base + Layout.FLAGS_AT);
        if ((flags & ~Layout.KNOWN_FLAGS) != 0) {
            throw new QueueUnavailableException(
                    path + " was made by a newer version of Procession: it has flags that this one does not know (0x"
                            + Long.toHexString(flags & ~Layout.KNOWN_FLAGS)
                            + "); use the same version in all processes");
        }
        boolean leased = (flags & Layout.FLAG_LEASED) != 0;
        String wrong = QueueGeometry.wrong(lanes, laneBytes, maxItems, leased);
        Leasing leasing = null;
        if (wrong == null && leased) {
            long visibility = Memory.getPlain(memory, base + Layout.VISIBILITY_NANOS_AT);
            long attempts = Memory.getPlain(memory, base + Layout.MAX_ATTEMPTS_AT);
            wrong = Leasing.wrong(visibility, attempts);
            if (wrong == null) leasing = new Leasing(visibility, (int) attempts);
        }
        if (wrong != null) throw new QueueCorruptedException(path + ": the header says " + wrong);
        QueueGeometry g = new QueueGeometry((int) lanes, laneBytes, maxItems, leasing);
        if (memory.byteSize() != g.fileBytes()) {
            throw new QueueCorruptedException(path + " has " + memory.byteSize() + " bytes, but its header says "
                    + g.fileBytes() + "; it was cut off or overwritten");
        }
        UUID made = new UUID(
                Memory.getPlain(memory, base + Layout.BOOT_ID_AT),
                Memory.getPlain(memory, base + Layout.BOOT_ID_AT + Long.BYTES));
        UUID now = bootId();
        UUID unknown = new UUID(0, 0);
        if (!made.equals(now) && !made.equals(unknown) && !now.equals(unknown)) {
            throw new QueueUnavailableException(
                    path + " was made before the machine was restarted, so parts of it may be missing; delete it and make it again");
        }
        return g;
    }

    private String readLabel() {
        byte[] bytes = new byte[Layout.LABEL_BYTES];
        Memory.copyOut(memory, base + Layout.LABEL_AT, bytes, 0, bytes.length);
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) length++;
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
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
    public synchronized Producer newProducer(WaitStrategy strategy) {
        checkOpen();
        checkNotCutOff();
        for (int pass = 0; pass < LANE_PASSES; pass++) {
            if (pass > 0) LockSupport.parkNanos(LANE_PASS_NANOS);
            for (int lane = 0; lane < geometry.lanes(); lane++) {
                if (lanesHeld.get(lane) || !file.tryLock(Layout.laneLock(lane), false)) continue;
                Producer producer = null;
                try {
                    producer = new Producer(this, lane, strategy);
                } catch (InternalError e) {
                    throw fault(e);
                } finally {
                    if (producer == null) file.unlock(Layout.laneLock(lane));
                }
                lanesHeld.set(lane);
                participants++;
                return producer;
            }
        }
        throw new QueueUnavailableException("each of the " + geometry.lanes() + " lanes of " + path
                + " has a living producer; close one, or make the queue with more lanes");
    }

    synchronized void releaseLane(int lane) {
        file.unlock(Layout.laneLock(lane));
        lanesHeld.clear(lane);
        leave();
    }

    /// Makes a consumer that waits by [WaitStrategy#spinThenSleep()].
    ///
    /// @param delivery exclusive or shared, or leased if the queue is: then it is a [LeasingConsumer]
    /// @return a consumer for one thread
    /// @throws QueueUnavailableException if the consumers that are attached do not allow it, or only one of the queue and the
    ///     delivery is leased
    /// @throws QueueClosedException if this handle was closed
    public Consumer newConsumer(Delivery delivery) {
        return newConsumer(delivery, WaitStrategy.spinThenSleep());
    }

    /// Makes a consumer.
    ///
    /// @param delivery exclusive or shared, or leased if the queue is: then it is a [LeasingConsumer]
    /// @param strategy how its blocking gets wait
    /// @return a consumer for one thread
    /// @throws QueueUnavailableException if the consumers that are attached do not allow it, or only one of the queue and the
    ///     delivery is leased
    /// @throws QueueClosedException if this handle was closed
    public synchronized Consumer newConsumer(Delivery delivery, WaitStrategy strategy) {
        checkOpen();
        checkNotCutOff();
        try {
            return attachConsumer(delivery, strategy);
        } catch (InternalError e) {
            throw fault(e);
        }
    }

    private Consumer attachConsumer(Delivery delivery, WaitStrategy strategy) {
        Leasing leasing = geometry.leasing();
        if (leasing != null != (delivery == Delivery.LEASED)) {
            throw new QueueUnavailableException(path + (leasing != null ? " is a leased queue; use Delivery.LEASED"
                    : " is not a leased queue; make it with QueueGeometry.leasing"));
        }
        if (leasing != null) {
            Consumer consumer = new LeasingConsumer(this, strategy, attachOwner(), leasing);
            participants++;
            return consumer;
        }
        boolean shared = delivery == Delivery.SHARED;
        boolean conflict = exclusiveConsumer || !shared && sharedConsumers > 0;
        if (conflict || !(shared && sharedConsumers > 0) && !file.tryLock(Layout.CONSUMER_LOCK, shared)) {
            throw new QueueUnavailableException(path + (shared ? " has an exclusive consumer" : " has another consumer")
                    + "; close it first" + (shared ? "" : ", or use Delivery.SHARED in all of them"));
        }
        Consumer consumer = null;
        try {
            consumer = shared ? new SharedConsumer(this, strategy) : new ExclusiveConsumer(this, strategy);
        } finally {
            if (consumer == null && sharedConsumers == 0) file.unlock(Layout.CONSUMER_LOCK);
        }
        if (shared) sharedConsumers++;
        else exclusiveConsumer = true;
        participants++;
        return consumer;
    }

    synchronized void releaseConsumer(Delivery delivery) {
        if (delivery == Delivery.SHARED) sharedConsumers--;
        else exclusiveConsumer = false;
        if (sharedConsumers == 0) file.unlock(Layout.CONSUMER_LOCK);
        leave();
    }

    /// Draws a number that no other consumer has, and takes its lock.
    private int attachOwner() {
        BitSet holders = null;
        Patience patience = new Patience(this);
        for (int i = 0; i < Layout.MAX_OWNER; i++) {
            long drawn = Memory.getAndAdd(memory, base + Layout.ATTACHMENTS_AT, 1);
            int owner = (int) Long.remainderUnsigned(drawn, Layout.MAX_OWNER) + 1;
            // when the numbers have come round, a claim of its last holder's would look like one of ours; asked before, since
            // with the lock we make that holder look alive, and again with the lock, when it can claim no more
            boolean round = Long.compareUnsigned(drawn, Layout.MAX_OWNER) >= 0;
            if (round && holders == null) holders = holders(patience);
            if (ownersHeld.get(owner) || holders != null && holders.get(owner)) continue;
            if (!file.tryLock(Layout.ownerLock(owner), false)) continue;
            if (!round || !holders(patience).get(owner)) {
                ownersHeld.set(owner);
                return owner;
            }
            file.unlock(Layout.ownerLock(owner));
            patience.startOver(0, STEPS_A_LANE * geometry.lanes(), NEVER_STILL);
        }
        throw new QueueUnavailableException(path + " has " + Layout.MAX_OWNER + " consumers; close one");
    }

    synchronized boolean isOwnerAlive(int owner) {
        return ownersHeld.get(owner) || file.isLocked(Layout.ownerLock(owner));
    }

    synchronized void releaseOwner(int owner) {
        file.unlock(Layout.ownerLock(owner));
        ownersHeld.clear(owner);
        if (!isCutOff()) signalMessages(); // its leases
        leave();
    }

    /// Makes what waits for a message to be there.
    ///
    /// @param strategy how it waits
    /// @return for one wait of one thread
    public Waiting waitingForMessages(WaitStrategy strategy) {
        return new Waiting(
                this,
                Layout.MESSAGES_WAITING_AT,
                Layout.MESSAGES_FUTEX_AT,
                strategy,
                () -> geometry.leased() ? napBetweenLeases() : isEmpty() ? Waiting.LONGEST_NANOS : 0);
    }

    /// Makes what waits for room, of which only the caller knows whether it is there.
    ///
    /// @param strategy how it waits
    /// @param ready whether there is room; asked right before a sleep
    /// @return for one wait of one thread
    public Waiting waitingForRoom(WaitStrategy strategy, BooleanSupplier ready) {
        return new Waiting(
                this,
                Layout.ROOM_WAITING_AT,
                Layout.ROOM_FUTEX_AT,
                strategy,
                () -> ready.getAsBoolean() ? 0 : Waiting.LONGEST_NANOS);
    }

    private void leave() {
        if (--participants > 0) return;
        file.unlock(Layout.ATTACHED_LOCK); // first, so that of two that leave at the same time one is the last
        // asked with the lock: who removes a queue removes what is beside it after that, so one of two who leave does it
        if (anonymous && file.tryLock(Layout.ATTACHED_LOCK, false) && !Home.isBesideAnother(path)) remove(path, file);
        file.detach();
        exit();
    }

    /// Keeps the mapping until [#exit()], for a thread that may be neither a producer's nor a consumer's. Returns false if it is
    /// gone: this handle and all that was made from it were closed.
    boolean tryEnter() {
        for (int seen; (seen = users.get()) > 0;) {
            if (users.weakCompareAndSetVolatile(seen, seen + 1)) return true;
        }
        return false;
    }

    void enter() {
        checkOpen();
        if (!tryEnter()) checkOpen(); // it was closed in between
    }

    void exit() {
        if (users.decrementAndGet() == 0) file.close();
    }

    /// What virtual threads sleep on the word with.
    synchronized FutexProxy proxy(long futexOffset) {
        boolean messages = futexOffset == Layout.MESSAGES_FUTEX_AT;
        FutexProxy proxy = messages ? messagesProxy : roomProxy;
        if (proxy == null) {
            proxy = new FutexProxy(this, futexOffset);
            if (messages) messagesProxy = proxy;
            else roomProxy = proxy;
        }
        return proxy;
    }

    /// For a process that is about to end, and whose threads may use the queue until then: an anonymous queue's file goes as
    /// if this handle were closed, that is, it loses its name now if no other handle of any process needs it, else when the
    /// last of those is closed or does this too. But this handle and all that was made from it go on as before, and may be
    /// closed as usual. Nobody can open the queue any more when the name is gone.
    ///
    /// Does nothing if the queue is not anonymous, or the handle is closed.
    ///
    /// @throws QueueUnavailableException if the file cannot be removed
    public synchronized void leaveName() {
        if (!anonymous || participants == 0) return;
        file.unlock(Layout.ATTACHED_LOCK); // first, so that of two that leave at the same time one is the last
        if (!file.tryLock(Layout.ATTACHED_LOCK, false)) return;
        try {
            if (!Home.isBesideAnother(path) && file.isAt(path)) Files.deleteIfExists(path);
        } catch (IOException e) {
            throw unavailable(e);
        } finally {
            file.unlock(Layout.ATTACHED_LOCK);
        }
    }

    /// Closes this handle. Threads that wait through it get a [QueueClosedException], and so does the next call that has to look
    /// beyond what it knows; producers and consumers keep their lane or place until they are closed too; with the last of them the file is
    /// unmapped. Messages stay.
    @Override
    public void close() {
        synchronized (this) {
            if (closed) return;
            closed = true;
            unusable = true;
            if (!isCutOff()) {
                Waiting.wakeAll(memory, base, Layout.MESSAGES_WAITING_AT, Layout.MESSAGES_FUTEX_AT);
                Waiting.wakeAll(memory, base, Layout.ROOM_WAITING_AT, Layout.ROOM_FUTEX_AT);
            }
            leave();
        }
    }

    boolean isUsable() {
        return !unusable;
    }

    void checkOpen() {
        if (!unusable) return;
        if (closed) throw new QueueClosedException("this handle on " + path + " was closed");
        throw cutOff();
    }

    // ---- a file that somebody cut off

    /// Whether the file is shorter than it was. Then this handle is of no use any more, and neither is anything made from it.
    ///
    /// An access to what is gone is an InternalError, which the JVM may tell late: after the call that made the access,
    /// in the code that made that call. So those who do not come by here for other reasons ask now and then.
    boolean isCutOff() {
        if (!cutOff && file.size() < memory.byteSize()) {
            cutOff = true;
            unusable = true;
        }
        return cutOff;
    }

    void checkNotCutOff() {
        if (isCutOff()) throw cutOff();
    }

    /// Throws what an InternalError of the JVM means to the caller of this queue, or the error itself if it has nothing to do with
    /// it. It throws by itself, since a late fault can make a method that returns here return nothing.
    QueueCorruptedException fault(InternalError thrown) {
        for (int i = 0;; i++) {
            try {
                if (isCutOff()) throw cutOff();
                throw thrown;
            } catch (InternalError late) { // of another access of the same call
                if (late == thrown || i == LATE_FAULTS) throw thrown;
            }
        }
    }

    private QueueCorruptedException cutOff() {
        return new QueueCorruptedException(path + " was cut off by another process: it has " + file.size() + " of "
                + memory.byteSize() + " bytes; close it, delete it, and make it again");
    }

    // ---- what anybody may ask

    /// Returns the file's absolute path.
    ///
    /// @return the path
    public Path path() {
        return path;
    }

    /// Whether the queue was made by [#createAnonymous(QueueGeometry, String)], so that its last user removes it.
    ///
    /// @return whether it was
    public boolean isAnonymous() {
        return anonymous;
    }

    /// Returns the queue's shape.
    ///
    /// @return the geometry
    public QueueGeometry geometry() {
        return geometry;
    }

    /// Returns what the creator said of the messages.
    ///
    /// @return the label, possibly empty
    public String label() {
        return label;
    }

    /// Returns the length of the longest possible message.
    ///
    /// @return bytes
    public int maxMessageBytes() {
        return geometry.maxMessageBytes();
    }

    MemorySegment memory() {
        return memory;
    }

    /// Whether there was a moment during this call at which the queue was empty. When a put has returned, this is false until
    /// its message is taken; in a leased queue, until it is done.
    ///
    /// Empty lanes one after the other prove nothing: a message may be put into one that was read already, and later ones be
    /// emptied. It is proven by two looks in a row that found nothing and in which each lane ended at the same
    /// position. Those only grow, so their sum tells.
    ///
    /// @return whether it was
    /// @throws QueueClosedException if this handle was closed
    public boolean isEmpty() {
        enter();
        try {
            return looksEmpty();
        } catch (InternalError e) {
            throw fault(e);
        } finally {
            exit();
        }
    }

    private boolean looksEmpty() {
        Patience patience = new Patience(this);
        long before = -1; // no sum of positions, which are multiples of 8
        for (;; patience.startOver(0, STEPS_A_LANE * lanesInUse(), NEVER_STILL)) {
            long ends = 0;
            int lanes = lanesInUse(); // part of the look; a lane that is new in the second one counts with position 0
            for (int lane = 0; lane < lanes; lane++) {
                long first = first(lane, patience);
                if ((first & FOUND) != 0) return false;
                ends += first;
            }
            if (ends == before) return true;
            before = ends;
        }
    }

    /// The position of the lane's first record that is not done, with FOUND added, or of the zero header that ends its log.
    private long first(int lane, Patience patience) {
        for (long at = 0, head = 0;; patience.startOver(lane, (at - head) / Long.BYTES)) {
            head = head(lane);
            at = head;
            long header = header(lane, at);
            if (header == Layout.PADDING) header = header(lane, at = nextLap(at));
            boolean sound = true;
            while (geometry.leased() && header != 0 && state(lane, at) == Layout.DONE) {
                sound = isRecord(header, at) && at - head < geometry.laneBytes();
                if (!sound) break;
                at += geometry.recordBytes(Layout.length(header));
                header = header(lane, at);
                if (header == Layout.PADDING) header = header(lane, at = nextLap(at));
            }
            if (head(lane) != head) continue;
            if (!sound) throw corrupted(lane, at, NO_RECORD);
            return header == 0 ? at : at | FOUND;
        }
    }

    /// Whether a queue with a bound on its items has reached it. Without such a bound this is always false: each producer's
    /// lane fills up by itself, see [Producer#hasRoom(int)].
    ///
    /// A place is taken from when a producer begins to put an item until the item is taken, or done in a leased queue. A
    /// producer that was stopped in the middle of a put or holds a claim keeps its place, so a queue may be full with fewer
    /// items than its bound; one that was killed gives it back. Costs two reads a lane while the queue is not full, and otherwise
    /// up to what [#size()] does.
    ///
    /// @return whether it has
    /// @throws QueueClosedException if this handle was closed
    public boolean isFull() {
        enter();
        try {
            return geometry.counted() && !hasPlace(new Patience(this));
        } catch (InternalError e) {
            throw fault(e);
        } finally {
            exit();
        }
    }

    /// Counts the messages that are in the queue: that were put and are not taken, or not done in a leased queue. Walks along all
    /// of them, some nanoseconds for each. While others put and get, the result is one that was nearly right lately.
    ///
    /// @return how many
    /// @throws QueueClosedException if this handle was closed
    public long size() {
        enter();
        try {
            return countItems();
        } catch (InternalError e) {
            throw fault(e);
        } finally {
            exit();
        }
    }

    private long countItems() {
        Patience patience = new Patience(this);
        long items = 0;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) items += walk(lane, null, patience).items();
        // lanes are counted one after the other, so what moves on meanwhile may be counted twice
        return geometry.counted() ? Math.min(items, geometry.maxItems()) : items;
    }

    /// Takes a snapshot of the queue and its lanes, as slow as [#size()].
    ///
    /// @return the snapshot
    /// @throws QueueClosedException if this handle was closed
    public synchronized QueueStats stats() {
        checkOpen();
        try {
            return readStats();
        } catch (InternalError e) {
            throw fault(e);
        }
    }

    private QueueStats readStats() {
        List<QueueStats.Lane> lanes = new ArrayList<>();
        Patience patience = new Patience(this);
        long items = 0;
        int count = lanesInUse();
        for (int lane = 0; lane < count; lane++) {
            Log log = walk(lane, null, patience);
            items += log.items();
            lanes.add(new QueueStats.Lane(
                    log.head(),
                    log.items(),
                    log.tail() - log.head(),
                    Memory.getVolatile(memory, base + Layout.ownerPidAt(lane)),
                    lanesHeld.get(lane) || file.isLocked(Layout.laneLock(lane))));
        }
        return new QueueStats(Memory.getVolatile(memory, base + Layout.TICKET_AT), items, lanes);
    }

    // ---- lanes, read by somebody who neither puts nor takes

    int lanesInUse() {
        long lanes = Memory.getVolatile(memory, base + Layout.LANES_IN_USE_AT);
        if (lanes < 0 || lanes > geometry.lanes()) {
            throw new QueueCorruptedException(
                    path + " says that " + lanes + " of its " + geometry.lanes() + " lanes are in use");
        }
        return (int) lanes;
    }

    /// Says that these lanes are in use, so that consumers read them. Returns false if there is no space for that: the owners of
    /// those before the last may not have come to reserve any.
    boolean raiseLanesInUse(int lanes) {
        Patience patience = new Patience(this);
        for (int seen; (seen = lanesInUse()) < lanes; patience.startOver(seen)) {
            for (int lane = seen; lane < lanes; lane++) {
                if (!file.reservePage(geometry.laneAt(lane))) return false;
            }
            Memory.compareAndSet(memory, base + Layout.LANES_IN_USE_AT, seen, lanes);
        }
        return true;
    }

    long head(int lane) {
        return Memory.getVolatile(memory, base + Layout.headAt(lane));
    }

    private long header(int lane, long position) {
        return Memory.getVolatile(memory, base + geometry.laneAt(lane) + (position & geometry.offsetMask()));
    }

    private long nextLap(long position) {
        return QueueGeometry.nextLap(position, geometry.laneBytes());
    }

    private boolean isRecord(long header, long position) {
        int length = Layout.length(header);
        return length >= 0
                && length <= geometry.maxMessageBytes()
                && geometry.recordBytes(length) <= nextLap(position) - position;
    }

    /// A lane's records from its head on.
    ///
    /// @param tail where the zero header is
    /// @param items how many are not done
    /// @param lent how many of those are lent
    /// @param passed in a queue that counts its items: how many of the lane's are before the head or done
    private record Log(long head, long tail, long items, long lent, long passed) {}

    /// Walks a lane's headers. Memory behind the head may be used again, so a walk that the head overtakes starts over.
    ///
    /// @param holders gets the numbers of those who hold its records
    private Log walk(int lane, @Nullable BitSet holders, Patience patience) {
        long records = 0;
        again:
        for (;; patience.startOver(lane, records)) {
            long head = head(lane);
            long at = head;
            long items = 0;
            long lent = 0;
            long number = 0;
            records = 0;
            while (true) {
                long header = header(lane, at);
                if (records == 0 && header != Layout.PADDING && geometry.counted()) number = number(lane, at);
                if (head(lane) - at > 0) continue again;
                if (header == 0) return new Log(head, at, items, lent, number + records - items);
                long next = nextLap(at);
                if (header != Layout.PADDING) {
                    if (!isRecord(header, at)) throw corrupted(lane, at, NO_RECORD);
                    next = at + geometry.recordBytes(Layout.length(header));
                    records++;
                    int state = geometry.leased() ? state(lane, at) : Layout.FREE;
                    if (state != Layout.DONE) items++;
                    if (state == Layout.TAKEN) {
                        lent++;
                        if (holders != null) holders.set(Layout.owner(claimWord(lane, at)));
                    }
                }
                if (next - head(lane) >= geometry.laneBytes()) throw corrupted(lane, next, NO_END);
                // while others go on, the end may run away from the walk, but not for ever
                if (next - head >= geometry.laneBytes()) patience.runAfter(lane, next, NO_END);
                at = next;
            }
        }
    }

    /// The position behind the last record of a lane.
    long tail(int lane) {
        return walk(lane, null, new Patience(this)).tail();
    }

    /// Gets the space for a range of a lane behind its last record, and for the claim words from the block on in which it
    /// begins: while a lane is written for the first time nobody has claimed anything there.
    boolean reserve(int lane, long from, long to) {
        if (from == to) return true;
        long claims = geometry.claimBytes(from);
        long claimBytes = geometry.claimBytes(to) - claims;
        return file.reserve(geometry.laneAt(lane) + from, to - from)
                && (claimBytes == 0 || file.reserve(geometry.claimsAt(lane) + claims, claimBytes));
    }

    QueueCorruptedException corrupted(int lane, long position, String what) {
        return isCutOff() ? cutOff() : new QueueCorruptedException(
                path + " is damaged in lane " + lane + " at position " + position + ": " + what
                        + "; close it, and delete the file when its messages are no longer wanted");
    }

    // ---- leases

    /// The offset in the file of the claim word of the record at this position.
    long claimAt(int lane, long position) {
        return geometry.claimsAt(lane) + geometry.claimBytes(position & geometry.offsetMask());
    }

    private long claimWord(int lane, long position) {
        return Memory.getVolatile(memory, base + claimAt(lane, position));
    }

    private int state(int lane, long position) {
        return Layout.state(claimWord(lane, position), geometry.lap(position));
    }

    boolean replaceClaim(int lane, long position, long claim, long by) {
        return Memory.compareAndSet(memory, base + claimAt(lane, position), claim, by);
    }

    /// Moves the head over records that are done, one at a time, and so gives their space back.
    ///
    /// Whoever makes a record done calls this after it. Of two at the same time who are done with the record at the head and
    /// the one behind it, one at least sees the other's.
    void passDone(int lane, Patience patience) {
        long before = head(lane);
        long after = before;
        while (after - before < geometry.laneBytes()) { // no more than there was: the rest is somebody else's
            long head = head(lane);
            long at = head;
            long header = header(lane, at);
            if (header == Layout.PADDING) header = header(lane, at = nextLap(at));
            if (header == 0 || state(lane, at) != Layout.DONE) break;
            if (isRecord(header, at)) {
                long next = at + geometry.recordBytes(Layout.length(header));
                // the head has not moved since it was read: that proves the header
                if (Memory.compareAndSet(memory, base + Layout.headAt(lane), head, next)) {
                    after = next;
                    continue;
                }
            } else if (head(lane) == head) {
                throw corrupted(lane, at, NO_RECORD);
            }
            patience.startOver(lane);
        }
        // what is done has given up its place among the items, wherever the head is
        if (after != before || geometry.counted()) signalRoom(lane, before, after);
    }

    /// Wakes producers that wait for room, after a head was moved. Those of full lanes are not woken for each message: it would
    /// cost more than the message; but at each eighth of a lane, and when the lane is empty.
    void signalRoom(int lane, long before, long after) {
        if (Memory.getOpaque(memory, base + Layout.ROOM_WAITING_AT) == 0) return;
        long eighth = geometry.laneBytes() / 8;
        if (geometry.counted() || ((before ^ after) & -eighth) != 0 || header(lane, after) == 0) {
            Waiting.wake(memory, base, Layout.ROOM_WAITING_AT, Layout.ROOM_FUTEX_AT);
        }
    }

    void signalMessages() {
        Waiting.wake(memory, base, Layout.MESSAGES_WAITING_AT, Layout.MESSAGES_FUTEX_AT);
    }

    /// How long a consumer may sleep: the death of those who hold leases wakes nobody.
    private long napBetweenLeases() {
        Patience patience = new Patience(this);
        long nap = Waiting.LONGEST_NANOS;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) {
            Log log = walk(lane, null, patience);
            if (log.items() > log.lent() || head(lane) != log.head()) return 0;
            if (log.lent() > 0) nap = LEASE_NAP_NANOS;
        }
        return nap;
    }

    /// The numbers of all who hold leases.
    private BitSet holders(Patience patience) {
        BitSet holders = new BitSet();
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) walk(lane, holders, patience);
        return holders;
    }

    // ---- the exact number of items, in a queue that bounds it

    /// Whether one more item may be announced now.
    boolean hasPlace(Patience patience) {
        return countedItems(patience) < geometry.maxItems() || exactItems(patience) < geometry.maxItems();
    }

    /// Sums up what was announced in each lane, without what was taken from it. The number at the head is read first, so the
    /// sum may be too high while others go on, but never too low. It is also too high by what the dead have announced and
    /// not put, and by what is done behind a record that is not: [#exactItems(Patience)] is not.
    long countedItems(Patience patience) {
        long items = 0;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) {
            long number = numberAtHead(lane, patience);
            items += announced(lane) - number;
        }
        return items;
    }

    /// Counts the places that are taken. Changes nothing and holds nothing, so whoever is stopped in here is in nobody's way.
    ///
    /// For whoever has announced an item before, with a fence, the result is never too low. Take the items that are in the
    /// queue at some later time, and of their announcements the last one: its owner sees all the others. Each of those was
    /// made by somebody who lives, so the announced word has it; or by somebody who was dead before the owner was asked for,
    /// so that all its stores were done, and the log has it if it was put; or by an heir of the lane who came
    /// after that: then it was not before the last one. What has passed is read first and only grows.
    long exactItems(Patience patience) {
        long items = 0;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) items += places(lane, patience);
        return items;
    }

    private long places(int lane, Patience patience) {
        long passed = numberAtHead(lane, patience);
        if (announced(lane) - passed <= 0) return 0;
        if (geometry.leased()) passed = walk(lane, null, patience).passed();
        long announced = announced(lane);
        if (announced == kept[lane] || isLaneAlive(lane)) return announced - passed;
        Log log = walk(lane, null, patience); // after the question: whoever was dead then has put all that it ever will
        if (log.passed() + log.items() == announced) kept[lane] = announced;
        return log.items();
    }

    private synchronized boolean isLaneAlive(int lane) {
        if (lanesHeld.get(lane)) return true;
        long now = System.nanoTime();
        if (now - aliveUntil[lane] < 0) return true;
        if (!file.isLocked(Layout.laneLock(lane))) return false;
        aliveUntil[lane] = now + ALIVE_NANOS;
        return true;
    }

    private long announced(int lane) {
        return Memory.getVolatile(memory, base + Layout.announcedAt(lane));
    }

    private long numberAtHead(int lane, Patience patience) {
        for (;; patience.startOver(lane)) {
            long head = head(lane);
            long at = header(lane, head) == Layout.PADDING ? nextLap(head) : head;
            long number = number(lane, at);
            if (head(lane) == head) return number;
        }
    }

    private long number(int lane, long position) {
        return Memory.getVolatile(
                memory, base + geometry.laneAt(lane) + (position & geometry.offsetMask()) + Long.BYTES);
    }

    /// Returns the path and the shape, for messages and logs.
    @Override
    public String toString() {
        return "LaneQueue[" + path + ", " + geometry + "]";
    }

    /// Whether the platform of this process is the fast one; for display.
    ///
    /// @return "linux" or "portable"
    public static String platform() {
        return Platform.CURRENT.name();
    }
}
