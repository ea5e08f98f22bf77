package dev.procession.core;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.MemoryLayout.paddingLayout;
import static java.lang.foreign.MemoryLayout.sequenceLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;

/// The file format, declared once. Offsets and sizes derive from it; a test checks the table below against it.
/// FORMAT.md says what each party must do with it.
///
/// | offset | bytes | word | written by |
/// |---|---|---|---|
/// | 0 | 8 | magic | the creator, before the file has a name |
/// | 8 | 8 | version | the creator |
/// | 16 | 8 | lanes | the creator |
/// | 24 | 8 | laneBytes | the creator |
/// | 32 | 8 | chunkBytes | the creator |
/// | 40 | 8 | maxItems | the creator |
/// | 48 | 8 | neededFeatures | the creator; a reader refuses bits that it does not know |
/// | 56 | 8 | optionalFeatures | the creator; a reader ignores bits that it does not know |
/// | 64 | 8 | visibilityNanos | the creator |
/// | 72 | 8 | maxAttempts | the creator |
/// | 80 | 16 | uuid | the creator |
/// | 96 | 16 | bootId | the creator |
/// | 112 | 32 | madeBy | the creator: its release, UTF-8 |
/// | 144 | 64 | label | the creator, UTF-8 |
/// | 208 | 8 | minProducers | the creator |
/// | 4096 | 8 | ticket | the next one to draw; producers, by fetch-and-add |
/// | 4224 | 8 | lanesInUse | new producers; monotonic |
/// | 4352 | 8 | messagesWaiting | bit 0: set by sleeping consumers, cleared by waking producers; bit 1: see Doorbell |
/// | 4480 | 4 | messagesFutex | producers, before the futex wake |
/// | 4608 | 8 | roomWaiting | bit 0: set by sleeping producers, cleared by waking consumers; bit 1: see Doorbell |
/// | 4736 | 4 | roomFutex | consumers, before the futex wake |
/// | 4864 | 8 | nextConsumerId | leasing consumers, by fetch-and-add |
/// | 4992 | 8 | shutDown | 0: open, 1: puts fail, 2: gets too; any thread, by compare-and-set; monotonic |
/// | 5120 | 8 | producersCome | how many were ever attached; they, by fetch-and-add, if the queue ends with them |
/// | 5248 | 768 | spare | nobody yet: six words, 128 bytes apart |
/// | 6016 | 256 a lane | head; at +128 announced, ownerPid | head: consumers; the others: the lane's owner |
/// | the next page | laneBytes a lane | chunks of records | the lane's owner |
/// | after each lane of a leased queue | laneBytes / 8 | lease words | leasing consumers, by compare-and-set |
///
/// A *position* in a lane is, from the most significant bit: 32 bits jump count, 32 bits offset in the lane.
///
/// A record is a header of one long and the payload, padded to 8 bytes. A header holds the low 40 bits of the ticket
/// above a code of 24 bits, which is the length + 1, so it is never zero. The codes from 2^24 - 3 on are no lengths:
///
/// | code | meaning |
/// |---|---|
/// | 2^24 - 3 | none: damage |
/// | 2^24 - 2 | a long record: the length is in one more long, right before the payload |
/// | 2^24 - 1 | a jump: the next header is at the start of the chunk whose number is in the upper 40 bits |
///
/// With a bound on the items a second long follows the header: the record's number within its lane; records are then
/// padded to 16 bytes.
///
/// In a leased queue records are padded to blocks of 64 bytes, and each block has a lease word, outside the lane, so
/// that a payload is never mistaken for one. It describes the record that begins there; from the most significant bit:
/// 32 bits jump count of its position, 16 consumer id, 14 attempt, 2 state. A word of another jump count means that
/// the record is free, so producers never write lease words.
final class Layout {
    /// Distance in bytes between words with different writers, against false sharing: two cache lines, since the
    /// adjacent-line prefetcher fetches pairs.
    static final int SEPARATION = 128;
    static final int PAGE = 4096;

    private static final StructLayout HEADER = structLayout(
            JAVA_LONG.withName("magic"),
            JAVA_LONG.withName("version"),
            JAVA_LONG.withName("lanes"),
            JAVA_LONG.withName("laneBytes"),
            JAVA_LONG.withName("chunkBytes"),
            JAVA_LONG.withName("maxItems"),
            JAVA_LONG.withName("neededFeatures"),
            JAVA_LONG.withName("optionalFeatures"),
            JAVA_LONG.withName("visibilityNanos"),
            JAVA_LONG.withName("maxAttempts"),
            sequenceLayout(2, JAVA_LONG).withName("uuid"),
            sequenceLayout(2, JAVA_LONG).withName("bootId"),
            sequenceLayout(32, JAVA_BYTE).withName("madeBy"),
            sequenceLayout(64, JAVA_BYTE).withName("label"),
            JAVA_LONG.withName("minProducers"),
            paddingLayout(PAGE - 216));

    private static final StructLayout SHARED = structLayout(
            alone(JAVA_LONG.withName("ticket")),
            alone(JAVA_LONG.withName("lanesInUse")),
            alone(JAVA_LONG.withName("messagesWaiting")),
            alone(JAVA_INT.withName("messagesFutex")),
            alone(JAVA_LONG.withName("roomWaiting")),
            alone(JAVA_INT.withName("roomFutex")),
            alone(JAVA_LONG.withName("nextConsumerId")),
            alone(JAVA_LONG.withName("shutDown")),
            alone(JAVA_LONG.withName("producersCome")),
            sequenceLayout(6, structLayout(JAVA_LONG, paddingLayout(SEPARATION - Long.BYTES)))
                    .withName("spare"));

    private static final StructLayout LANE = structLayout(
            alone(JAVA_LONG.withName("head")),
            structLayout(
                    JAVA_LONG.withName("announced"),
                    JAVA_LONG.withName("ownerPid"),
                    paddingLayout(SEPARATION - 16))
                    .withName("owner"));

    static final long MAGIC = 0x0073_7365_636f_7250L; // "Process" and a zero byte, little endian
    static final long VERSION = 3;
    static final long ANONYMOUS = 1;
    static final long LEASED_QUEUE = 2;
    /// The needed features that this release knows.
    static final long KNOWN_FEATURES = ANONYMOUS | LEASED_QUEUE;

    /// Optional: the queue ends with its producers.
    static final long ENDS_WITH_PRODUCERS = 1;

    static final long MAGIC_OFFSET = at(HEADER, "magic");
    static final long VERSION_OFFSET = at(HEADER, "version");
    static final long LANES_OFFSET = at(HEADER, "lanes");
    static final long LANE_BYTES_OFFSET = at(HEADER, "laneBytes");
    static final long CHUNK_BYTES_OFFSET = at(HEADER, "chunkBytes");
    static final long MAX_ITEMS_OFFSET = at(HEADER, "maxItems");
    static final long NEEDED_FEATURES_OFFSET = at(HEADER, "neededFeatures");
    static final long OPTIONAL_FEATURES_OFFSET = at(HEADER, "optionalFeatures");
    static final long VISIBILITY_NANOS_OFFSET = at(HEADER, "visibilityNanos");
    static final long MAX_ATTEMPTS_OFFSET = at(HEADER, "maxAttempts");
    static final long UUID_OFFSET = at(HEADER, "uuid");
    static final long BOOT_ID_OFFSET = at(HEADER, "bootId");
    static final long MADE_BY_OFFSET = at(HEADER, "madeBy");
    static final int MADE_BY_BYTES = 32;
    static final long LABEL_OFFSET = at(HEADER, "label");
    static final int LABEL_BYTES = 64;
    static final long MIN_PRODUCERS_OFFSET = at(HEADER, "minProducers");

    static final long TICKET_OFFSET = shared("ticket");
    static final long LANES_IN_USE_OFFSET = shared("lanesInUse");
    static final long MESSAGES_WAITING_OFFSET = shared("messagesWaiting");
    static final long MESSAGES_FUTEX_OFFSET = shared("messagesFutex");
    static final long ROOM_WAITING_OFFSET = shared("roomWaiting");
    static final long ROOM_FUTEX_OFFSET = shared("roomFutex");
    static final long NEXT_CONSUMER_ID_OFFSET = shared("nextConsumerId");
    static final long SHUT_DOWN_OFFSET = shared("shutDown");
    static final long PRODUCERS_COME_OFFSET = shared("producersCome");

    private static final long DESCRIPTORS_OFFSET = HEADER.byteSize() + SHARED.byteSize();
    private static final long HEAD_OFFSET = at(LANE, "head");
    private static final long OWNER_OFFSET = LANE.byteOffset(groupElement("owner"));
    private static final long ANNOUNCED_OFFSET = OWNER_OFFSET;
    private static final long OWNER_PID_OFFSET = OWNER_OFFSET + Long.BYTES;

    /// File lock byte that marks an attached process: held shared by all of them, exclusively to remove the file.
    static final long ATTACHED_LOCK = 0;
    /// Held shared by shared consumers, exclusively by an exclusive one.
    static final long CONSUMER_LOCK = 1;
    /// Held by the one sleeper that looks often whether a lease holder has died.
    static final long WATCH_LOCK = 2;
    private static final long LANE_LOCKS = 16;
    private static final long CONSUMER_ID_LOCKS = 8192;

    private static final int LENGTH_BITS = 24;
    private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;
    private static final long TICKET_MASK = (1L << (Long.SIZE - LENGTH_BITS)) - 1;
    /// A quarter of the 40-bit range: of tickets closer than this the sign of a 40-bit difference tells which is
    /// larger.
    private static final long NEAR = 1L << 38;

    private static final long JUMP_CODE = LENGTH_MASK;
    private static final long LONG_CODE = LENGTH_MASK - 1;

    /// The longest payload that a header can describe without one more word, in bytes.
    static final int MAX_SHORT = (int) LENGTH_MASK - 4;

    private static final int OFFSET_BITS = 32;
    /// position & OFFSET_MASK is the offset in the lane.
    static final long OFFSET_MASK = (1L << OFFSET_BITS) - 1;

    /// Alignment and granularity of records in a leased queue, in bytes: each block has a lease word.
    static final int BLOCK = 64;

    private static final int STATE_BITS = 2;
    private static final int ATTEMPT_BITS = 14;
    private static final int CONSUMER_ID_BITS = 16;
    /// Consumer ids are 1 to this.
    static final int MAX_CONSUMER_ID = (1 << CONSUMER_ID_BITS) - 1;
    /// The largest attempt number; [#nextAttempt(int)] says what follows it.
    static final int MAX_ATTEMPT = (1 << ATTEMPT_BITS) - 1;

    /// State of a record under its own jump count; a lease word of another one reads as FREE.
    static final int FREE = 0;
    static final int LEASED = 1;
    static final int DONE = 2;

    private Layout() {}

    private static MemoryLayout alone(MemoryLayout word) {
        return structLayout(word, paddingLayout(SEPARATION - word.byteSize()))
                .withName(word.name().orElseThrow());
    }

    private static long at(StructLayout in, String name) {
        return in.byteOffset(groupElement(name));
    }

    private static long shared(String name) {
        return HEADER.byteSize() + at(SHARED, name);
    }

    static long headOffset(int lane) {
        return DESCRIPTORS_OFFSET + lane * LANE.byteSize() + HEAD_OFFSET;
    }

    static long announcedOffset(int lane) {
        return DESCRIPTORS_OFFSET + lane * LANE.byteSize() + ANNOUNCED_OFFSET;
    }

    static long ownerPidOffset(int lane) {
        return DESCRIPTORS_OFFSET + lane * LANE.byteSize() + OWNER_PID_OFFSET;
    }

    /// The offset of the first lane; everything before it is allocated at creation.
    static long lanesOffset(int lanes) {
        return DESCRIPTORS_OFFSET + lanes * LANE.byteSize() + PAGE - 1 & -PAGE;
    }

    static long laneLock(int lane) {
        return LANE_LOCKS + lane;
    }

    static long consumerIdLock(int consumerId) {
        return CONSUMER_ID_LOCKS + consumerId;
    }

    // ---- positions

    static int jumps(long position) {
        return (int) (position >>> OFFSET_BITS);
    }

    static long offset(long position) {
        return position & OFFSET_MASK;
    }

    static long position(int jumps, long offset) {
        return (long) jumps << OFFSET_BITS | offset;
    }

    // ---- headers

    static long header(long ticket, int length) {
        return ticket << LENGTH_BITS | length + 1;
    }

    /// The header of a record longer than MAX_SHORT.
    static long longHeader(long ticket) {
        return ticket << LENGTH_BITS | LONG_CODE;
    }

    static boolean isLong(long header) {
        return (header & LENGTH_MASK) == LONG_CODE;
    }

    static long jumpTo(long chunk) {
        return chunk << LENGTH_BITS | JUMP_CODE;
    }

    static boolean isJump(long header) {
        return (header & LENGTH_MASK) == JUMP_CODE;
    }

    /// The number of the chunk that a jump leads to, 0 or more.
    static long chunk(long jump) {
        return jump >>> LENGTH_BITS;
    }

    /// The payload length in a header that is not zero; above MAX_SHORT, or -1, if the header is no short record's.
    static int length(long header) {
        return (int) (header & LENGTH_MASK) - 1;
    }

    /// A ticket shifted to its place in a header, length 0: headers of smaller tickets compare as smaller.
    static long key(long ticket) {
        return ticket << LENGTH_BITS;
    }

    /// Whether the header's ticket is below the limit's, both less than 2^39 tickets apart.
    static boolean before(long header, long limit) {
        return header - limit < 0;
    }

    /// Signed distance of a header's ticket from a full ticket, if below 2^39.
    static long distance(long header, long ticket) {
        return header - (ticket << LENGTH_BITS) >> LENGTH_BITS;
    }

    static boolean isNear(long distance) {
        return -NEAR < distance && distance < NEAR;
    }

    /// The largest ticket not above `newest` whose low 40 bits are the header's.
    static long widen(long header, long newest) {
        return newest - (newest - (header >>> LENGTH_BITS) & TICKET_MASK);
    }

    // ---- lease words

    static long leaseWord(long position, int consumerId, int attempt, int state) {
        return position & ~OFFSET_MASK
                | (long) consumerId << STATE_BITS + ATTEMPT_BITS
                | (long) attempt << STATE_BITS
                | state;
    }

    /// FREE, LEASED or DONE, for the record at a position. A word of another jump count is from an earlier use of the
    /// block (or zero, if it was never written or its space was given back), so the record is free; or from a later
    /// one, and then the head has passed the position, which every reader checks.
    static int state(long word, long position) {
        return jumps(word) == jumps(position) ? (int) word & (1 << STATE_BITS) - 1 : FREE;
    }

    static int consumerId(long word) {
        return (int) (word >>> STATE_BITS + ATTEMPT_BITS) & MAX_CONSUMER_ID;
    }

    /// The same word with the state DONE, and no consumer.
    static long done(long word) {
        return word & ~((long) MAX_CONSUMER_ID << STATE_BITS + ATTEMPT_BITS | (1 << STATE_BITS) - 1) | DONE;
    }

    /// How often the record at a position was leased, this word's lease included; 0 if never.
    static int attempts(long word, long position) {
        return jumps(word) == jumps(position) ? (int) (word >>> STATE_BITS) & MAX_ATTEMPT : 0;
    }

    /// The number of the next attempt. It wraps to 8,192, never to a small number, so that words differ for as long as
    /// possible.
    static int nextAttempt(int attempts) {
        return attempts < MAX_ATTEMPT ? attempts + 1 : MAX_ATTEMPT / 2 + 1;
    }
}
