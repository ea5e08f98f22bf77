package dev.procession.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Where everything is in a file, and how large records are.
class QueueGeometryTest {
    static List<QueueGeometry> geometries() {
        var all = new ArrayList<QueueGeometry>();
        for (int lanes : new int[] {1, 2, 15, 16, 1023, 1024}) {
            for (long laneBytes : new long[] {4096, 1 << 16, 1 << 20, 1 << 30}) {
                for (long maxItems : new long[] {0, 1, Long.MAX_VALUE}) {
                    all.add(new QueueGeometry(lanes, laneBytes, maxItems));
                    if (laneBytes > 4096) all.add(new QueueGeometry(lanes, laneBytes, maxItems, Leasing.DEFAULT));
                }
            }
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("geometries")
    void nothingInTheFileOverlaps(QueueGeometry geometry) {
        var parts = new TreeMap<Long, Long>(); // begin and end
        long[] alone = {Layout.TICKET_OFFSET, Layout.LANES_IN_USE_OFFSET, Layout.MESSAGES_WAITING_OFFSET,
            Layout.MESSAGES_FUTEX_OFFSET,
            Layout.ROOM_WAITING_OFFSET, Layout.ROOM_FUTEX_OFFSET, Layout.NEXT_CONSUMER_ID_OFFSET};
        parts.put(0L, Layout.LABEL_OFFSET + Layout.LABEL_BYTES);
        for (long at : alone) assertEquals(null, parts.put(at, at + Layout.SEPARATION));
        for (int lane = 0; lane < geometry.lanes(); lane++) {
            long head = Layout.headOffset(lane);
            parts.put(head, head + Layout.SEPARATION);
            parts.put(Layout.announcedOffset(lane), Layout.announcedOffset(lane) + Long.BYTES);
            parts.put(Layout.ownerPidOffset(lane), Layout.ownerPidOffset(lane) + Long.BYTES);
            long records = geometry.laneOffset(lane);
            assertEquals(0, records % Layout.PAGE, "a lane begins on a page of its own");
            parts.put(records, records + geometry.laneBytes());
            long claims = geometry.leaseWordBytes(geometry.laneBytes());
            if (claims > 0) parts.put(geometry.leaseWordsOffset(lane), geometry.leaseWordsOffset(lane) + claims);
        }
        assertEquals(8 + geometry.lanes() * (geometry.leased() ? 5 : 4), parts.size());
        long end = 0;
        for (var part : parts.entrySet()) {
            long before = end;
            assertTrue(part.getKey() >= before, () -> "at " + part.getKey() + ", but what is before ends at " + before);
            end = part.getValue();
        }
        assertEquals(end, geometry.fileBytes());
    }

    @ParameterizedTest
    @MethodSource("geometries")
    void aRecordHoldsItsPayloadAndWastesLessThanItsAlignment(QueueGeometry geometry) {
        int alignment = geometry.alignment();
        for (int length : new int[] {0, 1, 7, 8, 9, 47, 48, 49, 55, 56, 57, 1000, geometry.maxMessageBytes()}) {
            int bytes = geometry.recordBytes(length);
            assertEquals(0, bytes % alignment);
            assertTrue(bytes >= geometry.headerBytes() + length && bytes < geometry.headerBytes() + length + alignment);
        }
        assertTrue(geometry.maxMessageBytes() <= Layout.MAX_LENGTH, "no header can name it");
        assertTrue(alignment >= geometry.headerBytes(), "the zero header of a full lane crosses its end");
        for (long position : new long[] {0, alignment, -alignment, Long.MAX_VALUE, Long.MIN_VALUE, 12345}) {
            long offset = position & geometry.offsetMask();
            assertTrue(offset % alignment == 0 && offset <= geometry.laneBytes() - alignment, "offset " + offset);
        }
    }

    @ParameterizedTest
    @CsvSource({"0, false", "5, false", "0, true", "5, true"})
    void theLongestMessageFitsIntoAnEmptyLaneWhereverItsEndIs(long maxItems, boolean leased) {
        var geometry = new QueueGeometry(1, 1 << 16, maxItems, leased ? Leasing.DEFAULT : null);
        long most = 0;
        for (int offset = 0; offset < geometry.laneBytes(); offset += geometry.alignment()) {
            most = Math.max(most, bytesToEnd(geometry, offset, geometry.maxMessageBytes()));
        }
        assertTrue(most <= geometry.laneBytes(), "it needs " + most);
        assertTrue(bytesToEnd(geometry, (int) geometry.laneBytes() / 2, geometry.maxMessageBytes() + 1) > geometry
                .laneBytes(), "a longer one would fit as well");
    }

    /// What a put needs at an offset: the padding before the record, the record, the zero header behind it.
    private static long bytesToEnd(QueueGeometry geometry, int offset, int length) {
        int size = geometry.recordBytes(length);
        long padding = offset + size > geometry.laneBytes() ? geometry.laneBytes() - offset : 0;
        return padding + size + geometry.headerBytes();
    }

    @Test
    void lapsGoOnWherePositionsComeRound() {
        var geometry = new QueueGeometry(1, 4096, 0);
        for (long position : new long[] {0, 4096, Long.MAX_VALUE - 4095, Long.MIN_VALUE, -4096}) {
            for (long at : new long[] {position, position + 8, position + 4088}) {
                assertEquals(position + 4096, QueueGeometry.nextLap(at, 4096));
                assertEquals(geometry.lap(position), geometry.lap(at));
                // within the bits of a lease word
                assertEquals(1, geometry.lap(at + 4096) - geometry.lap(at) & (1L << 38) - 1);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 4096, 0, false, lanes=0", "1025, 4096, 0, false, lanes=1025", "-1, 4096, 0, false, lanes=-1",
        "1, 0, 0, false, laneBytes=0", "1, 2048, 0, false, laneBytes=2048", "1, 4097, 0, false, laneBytes=4097",
        "1, 2147483648, 0, false, laneBytes=2147483648", "1, -4096, 0, false, laneBytes=-4096",
        "1, 32768, 0, true, laneBytes=32768", "1, 4096, -1, false, maxItems=-1"
    })
    void aValueOutOfItsRangeIsNamed(int lanes, long laneBytes, long maxItems, boolean leased, String named) {
        var e = assertThrows(IllegalArgumentException.class,
                () -> new QueueGeometry(lanes, laneBytes, maxItems, leased ? Leasing.DEFAULT : null));
        assertTrue(e.getMessage().startsWith(named + ", must be"), e.getMessage());
    }
}
