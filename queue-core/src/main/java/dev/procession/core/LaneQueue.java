package dev.procession.core;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
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
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

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
/// killed right after it took it ([Delivery#SHARED]).
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

    private final Path path;
    private final Platform.OpenFile file;
    private final MemorySegment memory;
    private final long base;
    private final QueueGeometry geometry;
    private final String label;
    private final boolean anonymous;

    private volatile boolean closed;

    // guarded by this: locks of one open file do not exclude each other, so a handle keeps its own participants apart
    private final BitSet lanesHeld = new BitSet();
    private int participants = 1; // this handle, its producers and consumers
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
        Memory.setPlain(memory, base + Layout.FLAGS_AT, flags);
        Memory.setPlain(memory, base + Layout.UUID_AT, uuid.getMostSignificantBits());
        Memory.setPlain(memory, base + Layout.UUID_AT + Long.BYTES, uuid.getLeastSignificantBits());
        Memory.setPlain(memory, base + Layout.BOOT_ID_AT, boot.getMostSignificantBits());
        Memory.setPlain(memory, base + Layout.BOOT_ID_AT + Long.BYTES, boot.getLeastSignificantBits());
        Memory.copyIn(label, 0, memory, base + Layout.LABEL_AT, label.length);
        Memory.setRelease(memory, base + Layout.MAGIC_AT, Layout.MAGIC);
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
        return new QueueUnavailableException(e instanceof NoSuchFileException ? "no such directory: " + e.getMessage()
                : String.valueOf(e.getMessage()), e);
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
        // mappings of closed handles live until they are collected; the memory need not
        file.release(Layout.PAGE, file.mapping().byteSize() - Layout.PAGE);
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
        String wrong = QueueGeometry.wrong(lanes, laneBytes, maxItems);
        if (wrong != null) throw new QueueCorruptedException(path + ": the header says " + wrong);
        QueueGeometry g = new QueueGeometry((int) lanes, laneBytes, maxItems);
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
        for (int pass = 0; pass < LANE_PASSES; pass++) {
            if (pass > 0) LockSupport.parkNanos(LANE_PASS_NANOS);
            for (int lane = 0; lane < geometry.lanes(); lane++) {
                if (lanesHeld.get(lane) || !file.tryLock(Layout.laneLock(lane), false)) continue;
                Producer producer = null;
                try {
                    producer = new Producer(this, lane, strategy);
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
    /// @param delivery exclusive or shared
    /// @return a consumer for one thread
    /// @throws QueueUnavailableException if the consumers that are attached do not allow it
    /// @throws QueueClosedException if this handle was closed
    public Consumer newConsumer(Delivery delivery) {
        return newConsumer(delivery, WaitStrategy.spinThenSleep());
    }

    /// Makes a consumer.
    ///
    /// @param delivery exclusive or shared
    /// @param strategy how its blocking gets wait
    /// @return a consumer for one thread
    /// @throws QueueUnavailableException if the consumers that are attached do not allow it
    /// @throws QueueClosedException if this handle was closed
    public synchronized Consumer newConsumer(Delivery delivery, WaitStrategy strategy) {
        checkOpen();
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

    /// Makes what waits for a message to be there.
    ///
    /// @param strategy how it waits
    /// @return for one wait of one thread
    public Waiting waitingForMessages(WaitStrategy strategy) {
        return new Waiting(
                this, Layout.MESSAGES_WAITING_AT, Layout.MESSAGES_FUTEX_AT, strategy, () -> !isEmpty());
    }

    /// Makes what waits for room, of which only the caller knows whether it is there.
    ///
    /// @param strategy how it waits
    /// @param ready whether there is room; asked right before a sleep
    /// @return for one wait of one thread
    public Waiting waitingForRoom(WaitStrategy strategy, BooleanSupplier ready) {
        return new Waiting(this, Layout.ROOM_WAITING_AT, Layout.ROOM_FUTEX_AT, strategy, ready);
    }

    private void leave() {
        if (--participants > 0) return;
        file.unlock(Layout.ATTACHED_LOCK); // first, so that of two that leave at the same time one is the last
        if (anonymous && file.tryLock(Layout.ATTACHED_LOCK, false)) remove(path, file);
        file.close();
    }

    /// Closes this handle. Threads that wait through it get a [QueueClosedException], and so does the next call that has to look
    /// beyond what it knows; producers and consumers keep their lane or place until they are closed too. Messages stay.
    @Override
    public void close() {
        synchronized (this) {
            if (closed) return;
            closed = true;
            Waiting.wakeAll(memory, base, Layout.MESSAGES_WAITING_AT, Layout.MESSAGES_FUTEX_AT);
            Waiting.wakeAll(memory, base, Layout.ROOM_WAITING_AT, Layout.ROOM_FUTEX_AT);
            leave();
        }
    }

    boolean isClosed() {
        return closed;
    }

    void checkOpen() {
        if (closed) throw new QueueClosedException("this handle on " + path + " was closed");
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
    /// its message is taken.
    ///
    /// Empty lanes one after the other prove nothing: a message may be put into one that was read already, and later ones be
    /// emptied. It is proven when no head moved during the whole of a look that found nothing. Heads only grow, so
    /// their sum tells.
    ///
    /// @return whether it was
    /// @throws QueueClosedException if this handle was closed
    public boolean isEmpty() {
        checkOpen();
        for (int i = 0; i < RETRIES; i++) {
            int lanes = lanesInUse();
            long headsBefore = 0;
            for (int lane = 0; lane < lanes; lane++) headsBefore += head(lane);
            lanes = lanesInUse(); // part of the look; a lane that is new in it counts with head 0
            long heads = 0;
            for (int lane = 0; lane < lanes; lane++) {
                long head = head(lane);
                heads += head;
                boolean found = headerBehindPadding(lane, head) != 0;
                if (head(lane) != head) {
                    heads++; // moved: neither found nor empty
                } else if (found) {
                    return false;
                }
            }
            if (heads == headsBefore) return true;
        }
        throw corrupted(0, head(0), "heads never stand still");
    }

    /// Whether a queue with a bound on its items has reached it. Without such a bound this is always false: each producer's
    /// lane fills up by itself, see [Producer#hasRoom(int)].
    ///
    /// @return whether it has
    /// @throws QueueClosedException if this handle was closed
    public boolean isFull() {
        checkOpen();
        return geometry.counted() && countedItems() >= geometry.maxItems();
    }

    /// Counts the messages. With a bound on the items that reads two words for each lane; otherwise it walks along all
    /// messages, some nanoseconds for each. While others put and get, the result is one that was nearly right lately.
    ///
    /// @return how many
    /// @throws QueueClosedException if this handle was closed
    public long size() {
        checkOpen();
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

    void raiseLanesInUse(int lanes) {
        for (int seen; (seen = lanesInUse()) < lanes;) {
            Memory.compareAndSet(memory, base + Layout.LANES_IN_USE_AT, seen, lanes);
        }
    }

    private long head(int lane) {
        return Memory.getVolatile(memory, base + Layout.headAt(lane));
    }

    private long header(int lane, long position) {
        return Memory.getVolatile(memory, base + geometry.laneAt(lane) + (position & geometry.offsetMask()));
    }

    private long nextLap(long position) {
        return (position & -geometry.laneBytes()) + geometry.laneBytes();
    }

    private long headerBehindPadding(int lane, long position) {
        long header = header(lane, position);
        return header == Layout.PADDING ? header(lane, nextLap(position)) : header;
    }

    /// A lane's records from its head on. @param tail where the zero header is
    record Log(long head, long tail, long items) {}

    /// Walks a lane's headers. If the head moves meanwhile, the first records may be overwritten under the walk; then it starts
    /// over, or in the end takes what it has.
    Log walk(int lane) {
        for (int i = 0;; i++) {
            long head = head(lane);
            long at = head;
            long items = 0;
            boolean sound = true;
            for (long header; sound && (header = header(lane, at)) != 0;) {
                if (header == Layout.PADDING) {
                    at = nextLap(at);
                } else {
                    int length = Layout.length(header);
                    long size = recordBytes(length);
                    sound = length >= 0
                            && length <= geometry.maxMessageBytes()
                            && size <= nextLap(at) - at;
                    at += size;
                    items++;
                }
                sound &= at - head <= geometry.laneBytes();
            }
            boolean moved = head(lane) != head;
            if (sound && (!moved || i >= 8)) return new Log(head, at, items);
            if (!moved || i == RETRIES) throw corrupted(lane, at, "no record ends its log");
        }
    }

    long recordBytes(int length) {
        int prefix = geometry.prefixBytes();
        return prefix + length + prefix - 1 & -prefix;
    }

    /// The position behind the last record of a lane that nobody else writes.
    long tail(int lane) {
        long head = head(lane);
        long at = head;
        while (true) { // records that are taken meanwhile stay as they are: only the owner writes, and that is the caller
            long header = header(lane, at);
            if (header == 0) return at;
            long next = nextLap(at);
            if (header != Layout.PADDING) {
                int length = Layout.length(header);
                if (length < 0 || length > geometry.maxMessageBytes() || at + recordBytes(length) > next) {
                    throw corrupted(lane, at, "length=" + length + " is not a record's");
                }
                next = at + recordBytes(length);
            }
            at = next;
            if (at - head >= geometry.laneBytes()) throw corrupted(lane, at, "no zero header ends its log");
        }
    }

    boolean reserve(int lane, long offset, long bytes) {
        return file.reserve(geometry.laneAt(lane) + offset, bytes);
    }

    QueueCorruptedException corrupted(int lane, long position, String what) {
        return new QueueCorruptedException(
                path + " is damaged in lane " + lane + " at position " + position + ": " + what
                        + "; close it, and delete the file when its messages are no longer wanted");
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
