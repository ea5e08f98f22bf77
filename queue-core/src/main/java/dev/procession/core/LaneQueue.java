package dev.procession.core;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
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
    private static final String ANONYMOUS_PREFIX = "queue-";

    /// How often a reader starts over because somebody else was faster, before it believes in damage instead.
    static final int RETRIES = 1 << 20;

    private static final long DEAD_CHECK_NANOS = 1_000_000;

    /// A lane may be locked for a moment by who looks after the announcements of the dead: so one pass is not enough.
    private static final int LANE_PASSES = 3;

    private static final long LANE_PASS_NANOS = 1_000_000;

    /// The longest sleep while leases are out.
    private static final long LEASE_NAP_NANOS = 5_000_000;

    private static final int BESIDE_TRIES = 20;

    private static final long FOUND = 1;

    private static final int LATE_FAULTS = 4;

    private static final int MOST_LAPS = 64;

    private static final String NO_RECORD = "there is no record";

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
    private long deadCheckedNanos = System.nanoTime() - DEAD_CHECK_NANOS;

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

    /// Makes a queue in a file of the default directory: `$XDG_RUNTIME_DIR/procession`, else `/dev/shm/procession-UID`. The
    /// file is removed by the last process that closes it; after a crash, by the next call of this method by the same user.
    ///
    /// @param geometry its shape
    /// @param label what the creator says of its messages, at most 64 bytes in UTF-8; may be empty
    /// @return a handle on it; others open its [path][#path()]
    /// @throws QueueUnavailableException if it cannot be made
    public static LaneQueue createAnonymous(QueueGeometry geometry, String label) {
        try {
            Path home = home();
            removeAbandoned(home);
            return create(home.resolve(ANONYMOUS_PREFIX + UUID.randomUUID()), geometry, label, Layout.FLAG_ANONYMOUS);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    private static LaneQueue create(Path path, QueueGeometry geometry, String label, long flags) {
        byte[] labelBytes = label.getBytes(StandardCharsets.UTF_8);
        if (labelBytes.length > Layout.LABEL_BYTES || label.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("label=\"" + label + "\" must have at most " + Layout.LABEL_BYTES
                    + " bytes in UTF-8, none of them zero");
        }
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
    /// @throws QueueUnavailableException if it cannot be made or opened
    public LaneQueue openBeside(String suffix, QueueGeometry geometry, String label) {
        Path beside = path.resolveSibling(path.getFileName() + suffix);
        for (int i = 0;; i++) { // another process may make it or remove it meanwhile
            try {
                if (Files.exists(beside)) return open(beside);
                return create(beside, geometry, label, anonymous ? Layout.FLAG_ANONYMOUS : 0);
            } catch (QueueUnavailableException e) {
                if (i == BESIDE_TRIES) throw e;
                LockSupport.parkNanos(LANE_PASS_NANOS);
            }
        }
    }

    /// Opens a queue that some process of this user has made on this machine.
    ///
    /// @param file its path
    /// @return a handle on it
    /// @throws QueueUnavailableException if there is none, it may not be used, or it is no queue
    /// @throws QueueCorruptedException if it was a queue, but its header is damaged
    public static LaneQueue open(Path file) {
        try {
            return new LaneQueue(file, Platform.CURRENT.open(file, true));
        } catch (NoSuchFileException e) {
            throw new QueueUnavailableException("there is no queue at " + file + "; make it first", e);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    private static QueueUnavailableException unavailable(IOException e) {
        String what = String.valueOf(e.getMessage());
        if (e instanceof NoSuchFileException) what = "no such directory: " + what;
        if (e instanceof AccessDeniedException) what = "permission denied: " + what + "; it belongs to another user";
        return new QueueUnavailableException(what, e);
    }

    /// Removes a queue's file and the messages in it.
    ///
    /// @param file its path
    /// @throws QueueUnavailableException if there is none, it is no queue, or some process has it open
    public static void delete(Path file) {
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

    /// Removes a file that is locked by nobody else.
    private static void remove(Path path, Platform.OpenFile file) {
        try {
            if (file.isAt(path)) Files.deleteIfExists(path);
        } catch (IOException e) {
            throw unavailable(e);
        }
    }

    /// The directory of anonymous queues: the user's own, closed to others.
    private static Path home() throws IOException {
        String runtime = System.getenv("XDG_RUNTIME_DIR");
        Path shm = Path.of("/dev/shm");
        Path home;
        if (runtime != null && Files.isDirectory(Path.of(runtime))) {
            home = Path.of(runtime, "procession");
        } else if (Files.isDirectory(shm)) {
            home = shm.resolve("procession-" + Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } else {
            home = Path.of(System.getProperty("java.io.tmpdir"), "procession-" + System.getProperty("user.name"));
        }
        boolean posix = home.getFileSystem().supportedFileAttributeViews().contains("posix");
        try {
            if (!posix) Files.createDirectory(home);
            else
                Files.createDirectory(home,
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(home, LinkOption.NOFOLLOW_LINKS)) {
                throw new QueueUnavailableException(home + " is in the way of the directory for queues; remove it", e);
            }
        }
        if (posix && ((int) Files.getAttribute(home, "unix:mode", LinkOption.NOFOLLOW_LINKS) & 077) != 0) {
            throw new QueueUnavailableException(home + " is open to other users; chmod 700 it if it is yours");
        }
        return home;
    }

    private static void removeAbandoned(Path home) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(home, ANONYMOUS_PREFIX + "*")) {
            for (Path path : files) {
                Platform.OpenFile file;
                try {
                    file = Platform.CURRENT.open(path, false);
                } catch (IOException | QueueException e) {
                    continue; // in use, just removed, or not for us to remove
                }
                try {
                    remove(path, file);
                } finally {
                    file.close();
                }
            }
        }
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
            Waiting.attach(memory);
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
        boolean leased = (Memory.getPlain(memory, base + Layout.FLAGS_AT) & Layout.FLAG_LEASED) != 0;
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
        for (int i = 0; i < Layout.MAX_OWNER; i++) {
            long drawn = Memory.getAndAdd(memory, base + Layout.ATTACHMENTS_AT, 1);
            int owner = (int) Long.remainderUnsigned(drawn, Layout.MAX_OWNER) + 1;
            // when the numbers have come round, a claim of its last holder's would look like one of ours; asked before, since
            // with the lock we make that holder look alive, and again with the lock, when it can claim no more
            boolean round = Long.compareUnsigned(drawn, Layout.MAX_OWNER) >= 0;
            if (round && holders == null) holders = holders();
            if (ownersHeld.get(owner) || holders != null && holders.get(owner)) continue;
            if (!file.tryLock(Layout.ownerLock(owner), false)) continue;
            if (!round || !holders().get(owner)) {
                ownersHeld.set(owner);
                return owner;
            }
            file.unlock(Layout.ownerLock(owner));
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
        if (anonymous && file.tryLock(Layout.ATTACHED_LOCK, false)) remove(path, file);
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
        long before = -1; // no sum of positions, which are multiples of 8
        for (int i = 0; i < RETRIES; i++) {
            long ends = 0;
            int lanes = lanesInUse(); // part of the look; a lane that is new in the second one counts with position 0
            for (int lane = 0; lane < lanes; lane++) {
                long first = first(lane);
                if ((first & FOUND) != 0) return false;
                ends += first;
            }
            if (ends == before) return true;
            before = ends;
        }
        throw corrupted(0, head(0), "heads never stand still");
    }

    /// The position of the lane's first record that is not done, with FOUND added, or of the zero header that ends its log.
    private long first(int lane) {
        for (int i = 0; i < RETRIES; i++) {
            long head = head(lane);
            long at = head;
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
        throw corrupted(lane, head(lane), "its head never stands still");
    }

    /// Whether a queue with a bound on its items has reached it. Without such a bound this is always false: each producer's
    /// lane fills up by itself, see [Producer#hasRoom(int)].
    ///
    /// @return whether it has
    /// @throws QueueClosedException if this handle was closed
    public boolean isFull() {
        enter();
        try {
            return geometry.counted() && countedItems() >= geometry.maxItems();
        } catch (InternalError e) {
            throw fault(e);
        } finally {
            exit();
        }
    }

    /// Counts the messages. With a bound on the items that reads two words for each lane; otherwise it walks along all
    /// messages, some nanoseconds for each. While others put and get, the result is one that was nearly right lately.
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
        if (geometry.counted()) return Math.clamp(countedItems(), 0, geometry.maxItems());
        long items = 0;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) items += walk(lane).items();
        return items;
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
        long items = 0;
        int count = lanesInUse();
        for (int lane = 0; lane < count; lane++) {
            Log log = walk(lane);
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
        for (int seen; (seen = lanesInUse()) < lanes;) {
            for (int lane = seen; lane < lanes; lane++) if (!reserve(lane, 0, Layout.PAGE)) return false;
            Memory.compareAndSet(memory, base + Layout.LANES_IN_USE_AT, seen, lanes);
        }
        return true;
    }

    private long head(int lane) {
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
    private record Log(long head, long tail, long items, long lent) {}

    private Log walk(int lane) {
        return walk(lane, null);
    }

    /// Walks a lane's headers. Memory behind the head may be used again, so a walk that the head overtakes starts over.
    ///
    /// @param holders gets the numbers of those who hold its records
    private Log walk(int lane, @Nullable BitSet holders) {
        again:
        for (int i = 0; i < RETRIES; i++) {
            long head = head(lane);
            long at = head;
            long items = 0;
            long lent = 0;
            while (true) {
                long header = header(lane, at);
                if (head(lane) - at > 0) continue again;
                if (header == 0) return new Log(head, at, items, lent);
                long next = nextLap(at);
                if (header != Layout.PADDING) {
                    if (!isRecord(header, at)) throw corrupted(lane, at, NO_RECORD);
                    next = at + geometry.recordBytes(Layout.length(header));
                    int state = geometry.leased() ? state(lane, at) : Layout.FREE;
                    if (state != Layout.DONE) items++;
                    if (state == Layout.TAKEN) {
                        lent++;
                        if (holders != null) holders.set(Layout.owner(claimWord(lane, at)));
                    }
                }
                // while others go on, the end may run away from the walk, but not for long, and never so far from the head
                if (next - head(lane) >= geometry.laneBytes() || next - head >= MOST_LAPS * geometry.laneBytes()) {
                    throw corrupted(lane, next, "no zero header ends its log");
                }
                at = next;
            }
        }
        throw corrupted(lane, head(lane), "its head never stands still");
    }

    /// The position behind the last record of a lane.
    long tail(int lane) {
        return walk(lane).tail();
    }

    /// Gets the space for a range of a lane, and for its claim words.
    boolean reserve(int lane, long offset, long bytes) {
        return file.reserve(geometry.laneAt(lane) + offset, bytes)
                && (!geometry.leased()
                        || file.reserve(
                                geometry.claimsAt(lane) + geometry.claimBytes(offset), geometry.claimBytes(bytes)));
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
    void passDone(int lane) {
        long before = head(lane);
        long after = before;
        for (int i = 0; i < RETRIES; i++) {
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
                    i = 0;
                }
            } else if (head(lane) == head) {
                throw corrupted(lane, at, NO_RECORD);
            }
        }
        if (after != before) signalRoom(lane, before, after);
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
        long nap = Waiting.LONGEST_NANOS;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) {
            Log log = walk(lane);
            if (log.items() > log.lent() || head(lane) != log.head()) return 0;
            if (log.lent() > 0) nap = LEASE_NAP_NANOS;
        }
        return nap;
    }

    /// The numbers of all who hold leases.
    private BitSet holders() {
        BitSet holders = new BitSet();
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) walk(lane, holders);
        return holders;
    }

    // ---- the exact number of items, in a queue that bounds it

    /// Sums up what was announced in each lane, without what was taken from it. The number at the head is read first, so the
    /// sum may be too high while others go on, but never too low.
    long countedItems() {
        long items = 0;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) {
            long number = numberAtHead(lane);
            items += Memory.getVolatile(memory, base + Layout.announcedAt(lane)) - number;
        }
        return items;
    }

    private long numberAtHead(int lane) {
        for (int i = 0; i < RETRIES; i++) {
            long head = head(lane);
            long at = header(lane, head) == Layout.PADDING ? nextLap(head) : head;
            long number = number(lane, at);
            if (head(lane) == head) return number;
        }
        throw corrupted(lane, head(lane), "its head never stands still");
    }

    private long number(int lane, long position) {
        return Memory.getVolatile(
                memory, base + geometry.laneAt(lane) + (position & geometry.offsetMask()) + Long.BYTES);
    }

    /// A producer that died between announcing an item and putting it would take away a place for ever.
    synchronized void voidAnnouncementsOfTheDead() {
        long now = System.nanoTime();
        if (now - deadCheckedNanos < DEAD_CHECK_NANOS) return;
        deadCheckedNanos = now;
        int lanes = lanesInUse();
        for (int lane = 0; lane < lanes; lane++) {
            if (lanesHeld.get(lane) || !file.tryLock(Layout.laneLock(lane), false)) continue;
            try { // the lane is ours while we hold its lock
                Memory.setRelease(memory, base + Layout.announcedAt(lane), number(lane, tail(lane)));
            } finally {
                file.unlock(Layout.laneLock(lane));
            }
        }
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
