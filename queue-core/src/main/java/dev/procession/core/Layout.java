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

/// The file, declared once. Everything else (offsets, sizes, the table below, which a test compares) follows from here.
///
/// | offset | bytes | word | written by |
/// |---|---|---|---|
/// | 0 | 8 | magic | the creator, before the file has a name |
/// | 8 | 8 | version | the creator |
/// | 16 | 8 | lanes | the creator |
/// | 24 | 8 | laneBytes | the creator |
/// | 32 | 8 | maxItems | the creator |
/// | 40 | 8 | flags | the creator |
/// | 48 | 16 | uuid | the creator |
/// | 64 | 16 | bootId | the creator |
/// | 80 | 64 | label | the creator |
/// | 4096 | 8 | ticket | producers, by fetch-and-add |
/// | 4224 | 8 | lanesInUse | new producers; it only grows |
/// | 4352 | 8 | messagesWaiting | consumers before they sleep, producers before they wake them |
/// | 4480 | 4 | messagesFutex | producers, before they wake |
/// | 4608 | 8 | roomWaiting | producers before they sleep, consumers before they wake them |
/// | 4736 | 4 | roomFutex | consumers, before they wake |
/// | 4864 | 256 a lane | head, then announced and ownerPid 128 bytes on | consumers (head); the lane's owner (the others) |
/// | the next page | laneBytes a lane | records | the lane's owner |
///
/// A record is a header of one long and the payload, padded to 8 bytes. A header holds the low 40 bits of the ticket
/// above 24 bits of length + 1, so the header of a record is never zero. In a queue with an exact bound on its items a
/// second long follows the header: the record's number within its lane; there records are padded to 16 bytes.
final class Layout {
    /// Words that different parties write are this many bytes apart: two cache lines, since they are fetched in pairs.
    static final int SEPARATION = 128;
    static final int PAGE = 4096;

    private static final StructLayout HEADER = structLayout(
            JAVA_LONG.withName("magic"),
            JAVA_LONG.withName("version"),
            JAVA_LONG.withName("lanes"),
            JAVA_LONG.withName("laneBytes"),
            JAVA_LONG.withName("maxItems"),
            JAVA_LONG.withName("flags"),
            sequenceLayout(2, JAVA_LONG).withName("uuid"),
            sequenceLayout(2, JAVA_LONG).withName("bootId"),
            sequenceLayout(64, JAVA_BYTE).withName("label"),
            paddingLayout(PAGE - 144));

    private static final StructLayout SHARED = structLayout(
            alone(JAVA_LONG.withName("ticket")),
            alone(JAVA_LONG.withName("lanesInUse")),
            alone(JAVA_LONG.withName("messagesWaiting")),
            alone(JAVA_INT.withName("messagesFutex")),
            alone(JAVA_LONG.withName("roomWaiting")),
            alone(JAVA_INT.withName("roomFutex")));

    private static final StructLayout LANE = structLayout(
            alone(JAVA_LONG.withName("head")),
            structLayout(
                    JAVA_LONG.withName("announced"),
                    JAVA_LONG.withName("ownerPid"),
                    paddingLayout(SEPARATION - 16))
                    .withName("owner"));

    static final long MAGIC = 0x0073_7365_636f_7250L; // "Process" and a zero byte, in little endian order
    static final long VERSION = 1;
    static final long FLAG_ANONYMOUS = 1;

    static final long MAGIC_AT = at(HEADER, "magic");
    static final long VERSION_AT = at(HEADER, "version");
    static final long LANES_AT = at(HEADER, "lanes");
    static final long LANE_BYTES_AT = at(HEADER, "laneBytes");
    static final long MAX_ITEMS_AT = at(HEADER, "maxItems");
    static final long FLAGS_AT = at(HEADER, "flags");
    static final long UUID_AT = at(HEADER, "uuid");
    static final long BOOT_ID_AT = at(HEADER, "bootId");
    static final long LABEL_AT = at(HEADER, "label");
    static final int LABEL_BYTES = 64;

    static final long TICKET_AT = shared("ticket");
    static final long LANES_IN_USE_AT = shared("lanesInUse");
    static final long MESSAGES_WAITING_AT = shared("messagesWaiting");
    static final long MESSAGES_FUTEX_AT = shared("messagesFutex");
    static final long ROOM_WAITING_AT = shared("roomWaiting");
    static final long ROOM_FUTEX_AT = shared("roomFutex");

    private static final long DESCRIPTORS_AT = HEADER.byteSize() + SHARED.byteSize();
    private static final long HEAD_AT = at(LANE, "head");
    private static final long OWNER_AT = LANE.byteOffset(groupElement("owner"));
    private static final long ANNOUNCED_AT = OWNER_AT;
    private static final long OWNER_PID_AT = OWNER_AT + Long.BYTES;

    /// Bytes of a file lock that only says "attached": shared by all, taken alone by whoever removes the file.
    static final long ATTACHED_LOCK = 0;
    /// Shared by the consumers that share the queue, taken alone by an exclusive one.
    static final long CONSUMER_LOCK = 1;
    private static final long LANE_LOCKS = 16;

    private static final int LENGTH_BITS = 24;
    private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;
    private static final long TICKET_MASK = (1L << (Long.SIZE - LENGTH_BITS)) - 1;
    /// Two tickets nearer than this to each other, within their 40 bits, are compared as they are.
    private static final long NEAR = 1L << 38;

    /// Stands where the lane's end cut off the space: no ticket, and a length that no record has.
    static final long PADDING = LENGTH_MASK;

    /// The longest payload that a header can name, in bytes.
    static final int MAX_LENGTH = (int) LENGTH_MASK - 2;

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

    static long headAt(int lane) {
        return DESCRIPTORS_AT + lane * LANE.byteSize() + HEAD_AT;
    }

    static long announcedAt(int lane) {
        return DESCRIPTORS_AT + lane * LANE.byteSize() + ANNOUNCED_AT;
    }

    static long ownerPidAt(int lane) {
        return DESCRIPTORS_AT + lane * LANE.byteSize() + OWNER_PID_AT;
    }

    /// The offset of the first lane, which is also the size of all that is reserved when the file is made.
    static long lanesAt(int lanes) {
        return DESCRIPTORS_AT + lanes * LANE.byteSize() + PAGE - 1 & -PAGE;
    }

    static long laneLock(int lane) {
        return LANE_LOCKS + lane;
    }

    static long header(long ticket, int length) {
        return ticket << LENGTH_BITS | length + 1;
    }

    /// The length in a header that is neither zero nor PADDING; up to MAX_LENGTH + 1 if the header is not one of ours.
    static int length(long header) {
        return (int) (header & LENGTH_MASK) - 1;
    }

    /// A ticket in the place that it has in a header, with length 0: headers of smaller tickets compare as smaller.
    static long limit(long ticket) {
        return ticket << LENGTH_BITS;
    }

    /// Whether the header's ticket is below the one of the limit; both are less than 2^39 tickets apart.
    static boolean before(long header, long limit) {
        return header - limit < 0;
    }

    /// How far a header's ticket is from a full one, if it is less than 2^39.
    static long distance(long header, long ticket) {
        return header - (ticket << LENGTH_BITS) >> LENGTH_BITS;
    }

    static boolean isNear(long distance) {
        return -NEAR < distance && distance < NEAR;
    }

    /// The largest ticket not above `newest` that agrees with the 40 bits in the header.
    static long widen(long header, long newest) {
        return newest - (newest - (header >>> LENGTH_BITS) & TICKET_MASK);
    }
}
