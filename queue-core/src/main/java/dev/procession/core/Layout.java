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
///
/// | offset | bytes | word | written by |
/// |---|---|---|---|
/// | 0 | 8 | magic | the creator, before the file has a name |
/// | 8 | 8 | version | the creator |
/// | 16 | 8 | lanes | the creator |
/// | 24 | 8 | laneBytes | the creator |
/// | 32 | 8 | maxItems | the creator |
/// | 40 | 8 | flags | the creator |
/// | 48 | 8 | visibilityNanos | the creator |
/// | 56 | 8 | maxAttempts | the creator |
/// | 64 | 16 | uuid | the creator |
/// | 80 | 16 | bootId | the creator |
/// | 96 | 64 | label | the creator |
/// | 4096 | 8 | ticket | the next one to draw; producers, by fetch-and-add |
/// | 4224 | 8 | lanesInUse | new producers; monotonic |
/// | 4352 | 8 | messagesWaiting | bit 0: set by sleeping consumers, cleared by waking producers; bit 1: see Doorbell |
/// | 4480 | 4 | messagesFutex | producers, before the futex wake |
/// | 4608 | 8 | roomWaiting | bit 0: set by sleeping producers, cleared by waking consumers; bit 1: see Doorbell |
/// | 4736 | 4 | roomFutex | consumers, before the futex wake |
/// | 4864 | 8 | nextConsumerId | leasing consumers, by fetch-and-add |
/// | 4992 | 256 a lane | head; at +128 announced, ownerPid | head: consumers; the others: the lane's owner |
/// | the next page | laneBytes a lane | records | the lane's owner |
/// | after each lane of a leased queue | laneBytes / 8 | lease words | leasing consumers, by compare-and-set |
///
/// A record is a header of one long and the payload, padded to 8 bytes. A header holds the low 40 bits of the ticket
/// above 24 bits of length + 1, so it is never zero. With a bound on the items a second long follows the header: the
/// record's number within its lane; records are then padded to 16 bytes.
///
/// In a leased queue records are padded to blocks of 64 bytes, and each block has a lease word, outside the lane, so
/// that a payload is never mistaken for one. It describes the record that begins there; from the most significant bit:
/// 38 bits lap (position / laneBytes), 16 consumer id, 8 attempt, 2 state. A word of an earlier lap means that the
/// record is free, so producers never write lease words.
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
            JAVA_LONG.withName("maxItems"),
            JAVA_LONG.withName("flags"),
            JAVA_LONG.withName("visibilityNanos"),
            JAVA_LONG.withName("maxAttempts"),
            sequenceLayout(2, JAVA_LONG).withName("uuid"),
            sequenceLayout(2, JAVA_LONG).withName("bootId"),
            sequenceLayout(64, JAVA_BYTE).withName("label"),
            paddingLayout(PAGE - 160));

    private static final StructLayout SHARED = structLayout(
            alone(JAVA_LONG.withName("ticket")),
            alone(JAVA_LONG.withName("lanesInUse")),
            alone(JAVA_LONG.withName("messagesWaiting")),
            alone(JAVA_INT.withName("messagesFutex")),
            alone(JAVA_LONG.withName("roomWaiting")),
            alone(JAVA_INT.withName("roomFutex")),
            alone(JAVA_LONG.withName("nextConsumerId")));

    private static final StructLayout LANE = structLayout(
            alone(JAVA_LONG.withName("head")),
            structLayout(
                    JAVA_LONG.withName("announced"),
                    JAVA_LONG.withName("ownerPid"),
                    paddingLayout(SEPARATION - 16))
                    .withName("owner"));

    static final long MAGIC = 0x0073_7365_636f_7250L; // "Process" and a zero byte, little endian
    static final long VERSION = 2;
    static final long FLAG_ANONYMOUS = 1;
    static final long FLAG_LEASED = 2;
    static final long KNOWN_FLAGS = FLAG_ANONYMOUS | FLAG_LEASED;

    static final long MAGIC_OFFSET = at(HEADER, "magic");
    static final long VERSION_OFFSET = at(HEADER, "version");
    static final long LANES_OFFSET = at(HEADER, "lanes");
    static final long LANE_BYTES_OFFSET = at(HEADER, "laneBytes");
    static final long MAX_ITEMS_OFFSET = at(HEADER, "maxItems");
    static final long FLAGS_OFFSET = at(HEADER, "flags");
    static final long VISIBILITY_NANOS_OFFSET = at(HEADER, "visibilityNanos");
    static final long MAX_ATTEMPTS_OFFSET = at(HEADER, "maxAttempts");
    static final long UUID_OFFSET = at(HEADER, "uuid");
    static final long BOOT_ID_OFFSET = at(HEADER, "bootId");
    static final long LABEL_OFFSET = at(HEADER, "label");
    static final int LABEL_BYTES = 64;

    static final long TICKET_OFFSET = shared("ticket");
    static final long LANES_IN_USE_OFFSET = shared("lanesInUse");
    static final long MESSAGES_WAITING_OFFSET = shared("messagesWaiting");
    static final long MESSAGES_FUTEX_OFFSET = shared("messagesFutex");
    static final long ROOM_WAITING_OFFSET = shared("roomWaiting");
    static final long ROOM_FUTEX_OFFSET = shared("roomFutex");
    static final long NEXT_CONSUMER_ID_OFFSET = shared("nextConsumerId");

    private static final long DESCRIPTORS_OFFSET = HEADER.byteSize() + SHARED.byteSize();
    private static final long HEAD_OFFSET = at(LANE, "head");
    private static final long OWNER_OFFSET = LANE.byteOffset(groupElement("owner"));
    private static final long ANNOUNCED_OFFSET = OWNER_OFFSET;
    private static final long OWNER_PID_OFFSET = OWNER_OFFSET + Long.BYTES;

    /// File lock byte that marks an attached process: held shared by all of them, exclusively to remove the file.
    static final long ATTACHED_LOCK = 0;
    /// Held shared by shared consumers, exclusively by an exclusive one.
    static final long CONSUMER_LOCK = 1;
    private static final long LANE_LOCKS = 16;
    private static final long CONSUMER_ID_LOCKS = 4096;

    private static final int LENGTH_BITS = 24;
    private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;
    private static final long TICKET_MASK = (1L << (Long.SIZE - LENGTH_BITS)) - 1;
    /// A quarter of the 40-bit range: of tickets closer than this the sign of a 40-bit difference tells which is
    /// larger.
    private static final long NEAR = 1L << 38;

    /// Fills the rest of a lane before the wrap: no ticket, and a length that no record has.
    static final long PADDING = LENGTH_MASK;

    /// The longest payload that a header can describe, in bytes.
    static final int MAX_LENGTH = (int) LENGTH_MASK - 2;

    /// Alignment and granularity of records in a leased queue, in bytes: each block has a lease word.
    static final int BLOCK = 64;

    private static final int STATE_BITS = 2;
    private static final int ATTEMPT_BITS = 8;
    private static final int CONSUMER_ID_BITS = 16;
    private static final int LAP_SHIFT = STATE_BITS + ATTEMPT_BITS + CONSUMER_ID_BITS;
    /// Consumer ids are 1 to this.
    static final int MAX_CONSUMER_ID = (1 << CONSUMER_ID_BITS) - 1;
    /// The largest attempt number; [#nextAttempt(int)] says what follows it.
    static final int MAX_ATTEMPT = (1 << ATTEMPT_BITS) - 1;

    /// State of a record in its own lap; a lease word of an earlier lap reads as FREE.
    static final int FREE = 0;
    static final int LEASED = 1;
    static final int DONE = 2;
    /// The word is of a later lap: what was read of the record is stale.
    static final int PASSED = -1;

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

    static long header(long ticket, int length) {
        return ticket << LENGTH_BITS | length + 1;
    }

    /// The payload length in a header that is neither zero nor PADDING; -1 or MAX_LENGTH + 1 if the header is
    /// invalid.
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

    static long leaseWord(long lap, int consumerId, int attempt, int state) {
        return lap << LAP_SHIFT | (long) consumerId << STATE_BITS + ATTEMPT_BITS | (long) attempt << STATE_BITS | state;
    }

    /// FREE, LEASED, DONE or PASSED. Laps compare modulo 2^38.
    static int state(long word, long lap) {
        long ahead = word - (lap << LAP_SHIFT) >> LAP_SHIFT;
        return ahead == 0 ? (int) word & (1 << STATE_BITS) - 1 : ahead < 0 ? FREE : PASSED;
    }

    static int consumerId(long word) {
        return (int) (word >>> STATE_BITS + ATTEMPT_BITS) & MAX_CONSUMER_ID;
    }

    /// How often the record was leased in this lap, this word's lease included; 0 if never.
    static int attempts(long word, long lap) {
        return word >>> LAP_SHIFT == lap << LAP_SHIFT >>> LAP_SHIFT ? (int) (word >>> STATE_BITS) & MAX_ATTEMPT : 0;
    }

    /// The number of the next attempt. It wraps to 128, never to a small number, so that words differ for as long as
    /// possible.
    static int nextAttempt(int attempts) {
        return attempts < MAX_ATTEMPT ? attempts + 1 : MAX_ATTEMPT / 2 + 1;
    }
}
