package dev.procession.tests.core;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;

/// A queue's file as text: those of its words that are not zero, and what a reader must get. `format3/README.md` says
/// how it is written.
///
/// @param words by offset
/// @param expected what a reader must get: all other lines, in their order
record FormatFile(String about, long size, Map<Long, Long> words, List<String> expected) {
    private static final int STEP = 1 << 20;

    /// Reads such a text.
    static FormatFile parse(Path text) throws IOException {
        var about = new StringBuilder();
        long size = 0;
        var words = new TreeMap<Long, Long>();
        var expected = new ArrayList<String>();
        for (String line : Files.readAllLines(text)) {
            String[] parts = line.split(" ", 3);
            switch (parts[0]) {
                case "#" -> about.append(line.substring(1).strip()).append('\n');
                case "size" -> size = Long.parseLong(parts[1]);
                case "word" -> words.put(Long.parseLong(parts[1]), Long.parseUnsignedLong(parts[2], 16));
                default -> expected.add(line);
            }
        }
        return new FormatFile(about.toString().strip(), size, words, expected);
    }

    /// Reads the words of a queue's file.
    static FormatFile of(Path queue, String about) throws IOException {
        var words = new TreeMap<Long, Long>();
        byte[] zeros = new byte[STEP];
        try (var channel = FileChannel.open(queue)) {
            var buffer = ByteBuffer.allocate(STEP).order(ByteOrder.LITTLE_ENDIAN);
            for (long at = 0; at < channel.size(); at += STEP) {
                buffer.clear();
                while (buffer.hasRemaining() && channel.read(buffer, at + buffer.position()) > 0) {}
                buffer.flip();
                if (Arrays.equals(buffer.array(), 0, buffer.limit(), zeros, 0, buffer.limit())) continue;
                for (int i = 0; i + 8 <= buffer.limit(); i += 8) {
                    if (buffer.getLong(i) != 0) words.put(at + i, buffer.getLong(i));
                }
            }
            return new FormatFile(about, channel.size(), words, List.of());
        }
    }

    FormatFile with(List<String> expected) {
        return new FormatFile(about, size, words, expected);
    }

    /// Makes the file.
    void restore(Path queue) throws IOException {
        Files.createFile(queue, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (var channel = FileChannel.open(queue, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), size - 1);
            for (var word : words.entrySet()) write(channel, word.getKey(), word.getValue());
        }
    }

    static void write(FileChannel channel, long offset, long word) throws IOException {
        channel.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, word), offset);
    }

    /// The text.
    String text() {
        var text = new StringBuilder();
        about.lines().forEach(line -> text.append("# ").append(line).append('\n'));
        text.append("size ").append(size).append('\n');
        words.forEach((offset, word) -> text.append("word %d %016x\n".formatted(offset, word)));
        expected.forEach(line -> text.append(line).append('\n'));
        return text.toString();
    }

    /// What is expected of a reader, of one kind.
    List<String> expected(String kind) {
        return expected.stream().filter(line -> line.split(" ")[0].equals(kind)).toList();
    }

    /// The line for a message that a reader must get.
    static String get(int lane, long position, int attempt, byte[] payload) {
        int length = payload.length;
        while (length > 0 && payload[length - 1] == 0) length--;
        String hex = HexFormat.of().formatHex(payload, 0, Math.min(length, 32)) + (length > 32 ? "..." : "");
        return "get %d %x %d %d %08x %s".formatted(lane, position, attempt, payload.length, crc(payload), hex).strip();
    }

    private static long crc(byte[] payload) {
        var crc = new CRC32();
        crc.update(payload);
        return crc.getValue();
    }
}
