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
        for (int lanes : new int[] {1, 15, 4096}) {
            for (long laneBytes : new long[] {4096, 1 << 16, 1 << 30, 1L << 32}) {
                for (long maxItems : new long[] {0, 1, Long.MAX_VALUE}) {
                    long least = Math.max(1024, laneBytes / 4096);
                    for (long chunkBytes : new long[] {least, laneBytes / 2}) {
                        all.add(new QueueGeometry(lanes, laneBytes, chunkBytes, maxItems, null));
                        if (laneBytes == 4096) continue;
                        all.add(new QueueGeometry(lanes, laneBytes, chunkBytes, maxItems, Leasing.DEFAULT));
                    }
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
            long words = geometry.leaseWordBytes(geometry.laneBytes());
            if (words > 0) parts.put(records + geometry.laneBytes(), records + geometry.laneBytes() + words);
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
        int most = geometry.maxMessageBytes();
        for (int length : new int[] {0, 1, 7, 8, 9, 47, 48, 49, 55, 56, 57, 1000, most - 1, most}) {
            long bytes = geometry.recordBytes(length);
            int before = geometry.payloadOffset(length);
            assertEquals(0, bytes % alignment);
            assertTrue(bytes >= before + length && bytes < before + (long) length + alignment);
            assertEquals(length > Layout.MAX_SHORT ? Long.BYTES : 0, before - geometry.headerBytes());
        }
        assertTrue(alignment >= geometry.headerBytes(), "the header after the last record of a chunk crosses its end");
        for (long position : new long[] {0, alignment, -alignment, Long.MAX_VALUE, Long.MIN_VALUE, 12345}) {
            long offset = geometry.offset(position);
            assertTrue(offset % alignment == 0 && offset >= 0 && offset <= geometry.laneBytes() - alignment,
                    "offset " + offset);
        }
    }

    /// One run of chunks is in use, at worst the two in the middle; the record needs one of the halves around it.
    @ParameterizedTest
    @MethodSource("geometries")
    void theLongestMessageAndTheNextHeaderTakeHalfALane(QueueGeometry geometry) {
        int most = geometry.maxMessageBytes();
        long half = geometry.laneBytes() / 2;
        assertTrue(geometry.recordBytes(most) + geometry.headerBytes() <= half, "it is longer");
        assertTrue(geometry.maxBatchBytes() + geometry.headerBytes() <= half, "the longest batch is longer");
        assertTrue(geometry.recordBytes(most) <= geometry.maxBatchBytes(), "it is no batch");
        assertTrue(most == QueueGeometry.LARGEST_MESSAGE
                || geometry.payloadOffset(most) + most + 1L > geometry.maxBatchBytes(), "a longer one would fit");
    }

    @Test
    void aJumpLeadsToTheStartOfAChunkAlsoIfItIsDamaged() {
        for (QueueGeometry geometry : geometries()) {
            int chunks = geometry.chunks();
            assertEquals(geometry.laneBytes(), chunks * geometry.chunkBytes());
            for (long chunk : new long[] {0, 1, chunks - 1}) {
                assertTrue(geometry.isTarget(Layout.jumpTo(chunk)));
                assertEquals(chunk * geometry.chunkBytes(), geometry.target(Layout.jumpTo(chunk)));
            }
            for (long chunk : new long[] {chunks, chunks + 1, 1L << 31, 1L << 32, (1L << 40) - 1}) {
                long jump = Layout.jumpTo(chunk);
                assertTrue(!geometry.isTarget(jump), () -> "chunk " + chunk + " of " + chunks);
                long target = geometry.target(jump);
                assertTrue(target >= 0 && target < geometry.laneBytes() && target % geometry.chunkBytes() == 0);
            }
        }
    }

    @Test
    void positionsAreJumpsAndOffsetAndCompareByJumpsFirst() {
        for (int jumps : new int[] {0, 1, 1 << 16, Integer.MAX_VALUE, Integer.MIN_VALUE, -1}) {
            long last = 0;
            for (long offset : new long[] {0, 8, 1L << 31, (1L << 32) - 8}) {
                long position = Layout.position(jumps, offset);
                assertEquals(jumps, Layout.jumps(position));
                assertEquals(offset, Layout.offset(position));
                if (offset > 0) assertTrue(position - last > 0);
                last = position;
            }
            assertTrue(Layout.position(jumps + 1, 0) - last > 0, "after " + jumps + " jumps");
        }
    }

    @Test
    void chunksAreOfTwoMebibytesOrOfHalfALane() {
        assertEquals(2 << 20, QueueGeometry.DEFAULT.chunkBytes());
        assertEquals(2 << 20, new QueueGeometry(1, 4 << 20, 0).chunkBytes());
        assertEquals(1 << 20, new QueueGeometry(1, 2 << 20, 0).chunkBytes());
        assertEquals(2048, new QueueGeometry(1, 4096, 0).chunkBytes());
        assertEquals(1 << 15, new QueueGeometry(1, 1 << 16, 0, Leasing.DEFAULT).chunkBytes());
        assertEquals(2048, new QueueGeometry(1, 1L << 32, 0).chunks());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 4096, 2048, 0, false, lanes=0", "4097, 4096, 2048, 0, false, lanes=4097",
        "-1, 4096, 2048, 0, false, lanes=-1", "1, 0, 1024, 0, false, laneBytes=0",
        "1, 2048, 1024, 0, false, laneBytes=2048", "1, 4097, 1024, 0, false, laneBytes=4097",
        "1, 8589934592, 2097152, 0, false, laneBytes=8589934592", "1, -4096, 1024, 0, false, laneBytes=-4096",
        "1, 32768, 1024, 0, true, laneBytes=32768", "1, 4096, 2048, -1, false, maxItems=-1",
        "1, 4096, 512, 0, false, chunkBytes=512", "1, 4096, 4096, 0, false, chunkBytes=4096",
        "1, 4096, 1025, 0, false, chunkBytes=1025", "1, 4096, 0, 0, false, chunkBytes=0",
        "1, 4096, -2048, 0, false, chunkBytes=-2048", "1, 8388608, 1024, 0, false, chunkBytes=1024"
    })
    void aValueOutOfItsRangeIsNamed(
            int lanes, long laneBytes, long chunkBytes, long maxItems, boolean leased, String named) {
        var leasing = leased ? Leasing.DEFAULT : null;
        var e = assertThrows(IllegalArgumentException.class,
                () -> new QueueGeometry(lanes, laneBytes, chunkBytes, maxItems, leasing));
        assertTrue(e.getMessage().startsWith(named + ", must be"), e.getMessage());
    }
}
