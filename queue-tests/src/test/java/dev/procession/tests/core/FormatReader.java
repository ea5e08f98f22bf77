package dev.procession.tests.core;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads a queue's file that no process has open, by FORMAT.md alone: nothing here is from the library.
final class FormatReader {
    private static final long MAGIC = 0x0073_7365_636f_7250L;

    /// A record that can be taken; one without a payload: here the lane is damaged.
    record Record(int lane, long position, long ticket, int attempt, byte @Nullable [] payload) {}

    private final FileChannel file;
    private final int lanes;
    private final long laneBytes;
    private final long chunkBytes;
    private final long maxItems;
    private final boolean leased;
    private final int h; // bytes before the payload of a short record
    private final int a; // alignment of records
    private long items;

    private FormatReader(FileChannel file) throws IOException {
        this.file = file;
        if (file.size() < 4096) throw new IOException(file.size() + " bytes");
        if (word(0) != MAGIC) throw new IOException("is not a queue");
        if (word(8) != 3) throw new IOException("its format is " + word(8));
        if ((word(48) & ~3) != 0) throw new IOException("made by Procession " + text(112, 32) + ", with features");
        leased = (word(48) & 2) != 0;
        lanes = (int) within("lanes", 1, word(16), 4096);
        laneBytes = powerOfTwo("laneBytes", leased ? 65_536 : 4096, word(24), 1L << 32);
        chunkBytes = powerOfTwo("chunkBytes", Math.max(1024, laneBytes / 4096), word(32), laneBytes / 2);
        maxItems = within("maxItems", 0, word(40), Long.MAX_VALUE);
        long size = laneAt(lanes);
        if (file.size() != size) throw new IOException("has " + file.size() + " bytes, but its header says " + size);
        String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
        String made = "%016x%016x".formatted(word(96), word(104));
        if (!made.matches("0*") && !made.equals(boot.replace("-", ""))) {
            throw new IOException("made before the machine was restarted");
        }
        h = maxItems > 0 ? 16 : 8;
        a = leased ? 64 : h;
    }

    /// What `FormatFile` has as expected, in the order of delivery.
    static List<String> read(Path path) throws IOException {
        try (var file = FileChannel.open(path)) {
            FormatReader reader;
            try {
                reader = new FormatReader(file);
            } catch (IOException refused) {
                return List.of("refused " + refused.getMessage());
            }
            return reader.all();
        }
    }

    // ---- words

    private long word(long offset) throws IOException {
        return bytes(offset, 8).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private ByteBuffer bytes(long offset, int count) throws IOException {
        var bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining() && file.read(bytes, offset + bytes.position()) > 0) {}
        return bytes.flip();
    }

    private String text(long offset, int most) throws IOException {
        return StandardCharsets.UTF_8.decode(bytes(offset, most)).toString().replaceFirst("\0.*", "");
    }

    private static long within(String name, long least, long value, long most) throws IOException {
        if (value < least || value > most) throw new IOException(name + "=" + value);
        return value;
    }

    private static long powerOfTwo(String name, long least, long value, long most) throws IOException {
        if (Long.bitCount(value) != 1) throw new IOException(name + "=" + value);
        return within(name, least, value, most);
    }

    private long laneAt(int lane) {
        long first = (6016 + 256L * lanes + 4095) / 4096 * 4096;
        return first + lane * (laneBytes + (leased ? laneBytes / 8 : 0));
    }

    // ---- records

    private List<String> all() throws IOException {
        List<ArrayDeque<Record>> logs = new ArrayList<>();
        for (int lane = 0; lane < word(4224); lane++) logs.add(walk(lane));
        List<String> all = new ArrayList<>();
        while (true) {
            ArrayDeque<Record> next = null; // the lane with the smallest ticket
            for (var log : logs) {
                if (log.isEmpty()) continue;
                if (next == null || log.getFirst().ticket - next.getFirst().ticket < 0) next = log;
            }
            if (next == null) break;
            Record record = next.removeFirst();
            if (record.payload == null) {
                all.add("damaged");
                return all;
            }
            all.add(FormatFile.get(record.lane, record.position, record.attempt, record.payload));
        }
        all.add("empty");
        if (maxItems > 0) all.add("places " + (maxItems - items)); // no owner lives: nothing counts but the logs
        return all;
    }

    /// All records of a lane that can be taken: no process has the file open, so each lease is abandoned.
    private ArrayDeque<Record> walk(int lane) throws IOException {
        var log = new ArrayDeque<Record>();
        long position = word(6016 + 256L * lane);
        long ticket = word(4096) - 1;
        int jumps = 0; // in a row
        while (true) {
            long offset = position & 0xffff_ffffL & laneBytes - a;
            long at = laneAt(lane) + offset;
            long header = word(at);
            if (header == 0) return log;
            long code = header & 0xff_ffff;
            if (code == 0xff_ffff) {
                long chunk = header >>> 24;
                if (chunk >= laneBytes / chunkBytes || ++jumps > laneBytes / chunkBytes) break;
                position = (position >>> 32) + 1 << 32 | chunk * chunkBytes;
                continue;
            }
            jumps = 0;
            boolean isLong = code == 0xff_fffe;
            long length = isLong ? word(at + h) : code - 1;
            long before = h + (isLong ? 8 : 0);
            long size = (before + length + a - 1) / a * a;
            long most = laneBytes / 2 - a - h - (isLong ? 8 : 0);
            if (code == 0 || code == 0xff_fffd || isLong && length < (1 << 24) - 4) break;
            if (length > Math.min(most, (1L << 31) - 65) || offset + size + h > laneBytes) break;
            long newest = word(4096) - 1;
            ticket = newest - (newest - (header >>> 24) & (1L << 40) - 1);
            long lease = leased ? word(laneAt(lane) + laneBytes + offset / 64 * 8) : 0;
            boolean valid = leased && lease >>> 32 == position >>> 32;
            if (!valid || (lease & 3) != 2) {
                int attempt = valid ? (int) (lease >>> 2 & 0x3fff) : 0;
                log.add(new Record(lane, position, ticket, leased ? attempt + 1 : 0,
                        bytes(at + before, (int) length).array()));
                items++;
            }
            position += size;
        }
        log.add(new Record(lane, position, ticket, 0, null));
        return log;
    }
}
