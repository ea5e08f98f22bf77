package dev.procession.tests.core;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.procession.core.Batch;
import dev.procession.core.Claim;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Makes the queues of `format3` by the library: each in a state worth reading.
final class FormatFiles {
    private static final long VERSION = 8, CHUNK_BYTES = 32, NEEDED = 48, OPTIONAL = 56, UUID = 80, BOOT_ID = 96;
    private static final long MADE_BY = 112, TICKET = 4096, MESSAGES = 4352, ROOM = 4608, SPARE = 5248, LANE = 6016;
    private static final long LANES_AT = 8192; // of up to eight lanes
    private static final long SIXTEEN_MIB = 1 << 24;

    /// @param refused what an error must say if it cannot be opened; empty if it can
    record Made(String about, String refused, Script script) {}

    interface Script {
        void make(Path file) throws IOException;
    }

    private FormatFiles() {}

    /// By the name of the text.
    static Map<String, Made> all() {
        var all = new LinkedHashMap<String, Made>();
        all.put("empty", new Made("A new queue, in which no lane was used yet.", "", FormatFiles::empty));
        all.put("tickets", new Made("""
                Three lanes in use of four. Records of one lane share tickets while no other producer draws one. The
                first message is taken. Lengths from 0 to 17.""", "", FormatFiles::tickets));
        all.put("jump", new Made("Chunks of 1 KiB: the third record and the fifth begin new ones.", "",
                FormatFiles::jump));
        all.put("jumps", new Made("""
                Two jumps in a row: to chunk 0, which was too short, since chunk 1 is in use, and from its start to
                chunk 3, for a record that takes two chunks.""", "", FormatFiles::jumps));
        all.put("head-at-jump", new Made("Empty: the head is at a jump, and the new chunk has no record.", "",
                FormatFiles::headAtJump));
        all.put("long", new Made("""
                The longest record that has its length in the header, the shortest that has it in a word, and a short
                one. The payloads are zeros but for their ends.""", "", FormatFiles::longRecord));
        all.put("bounded", new Made("""
                maxItems is 5. The first item of lane 0 was taken, and its third is after a jump; lane 1 announces one
                which its owner, that is gone, has not put.""", "", FormatFiles::bounded));
        all.put("leased", new Made("""
                One leased and abandoned, one given back, one done after them, and two that were never leased.""", "",
                FormatFiles::leased));
        all.put("leased-again", new Made("""
                The lease words are those of earlier jumps, and say nothing, but for one.""", "",
                FormatFiles::leasedAgain));
        all.put("batch", new Made("""
                A batch of three, with one ticket; another producer put during it, and drew a later ticket.""", "",
                FormatFiles::batch));
        all.put("old", new Made("""
                Tickets beyond 40 bits, so that headers have some near zero, and a jump count that comes round.""", "",
                FormatFiles::old));
        all.put("later", new Made("""
                Made by a later release: unknown bits of optionalFeatures, and spare words. To be ignored.""", "",
                file -> changed(file, OPTIONAL, 0xf0L, SPARE, 5L, SPARE + 5 * 128, -1L)));
        all.put("damaged-code", new Made("A header with the code 2^24 - 3.", "",
                file -> changed(file, LANES_AT + 16, 0xff_fffdL)));
        all.put("damaged-jump", new Made("A jump to a chunk that is beyond the lane.", "",
                file -> changed(file, LANES_AT, 2L << 24 | 0xff_ffffL)));
        all.put("damaged-jumps", new Made("Jumps that go in a circle.", "",
                file -> changed(file, LANES_AT, 1L << 24 | 0xff_ffffL, LANES_AT + 2048, 0xff_ffffL)));
        all.put("damaged-length", new Made("A record that would end after its lane.", "",
                file -> changed(file, LANES_AT, 4089L)));
        all.put("damaged-long", new Made("A length word that is too small.", "",
                file -> changed(file, LANES_AT, 0xff_fffeL, LANES_AT + 8, 3L)));
        all.put("version-2", new Made("Of format 2: its words are elsewhere.", "its format is 2",
                file -> changed(file, VERSION, 2L, 32L, 0L)));
        all.put("version-4", new Made("Of a later format.", "its format is 4", file -> changed(file, VERSION, 4L)));
        all.put("feature", new Made("With a needed feature that is unknown, made by release 9.9.", "9.9",
                file -> changed(file, NEEDED, 1L << 5, MADE_BY, 0x39_2e39L)));
        all.put("chunks", new Made("Chunks larger than half a lane.", "chunkBytes=4096",
                file -> changed(file, CHUNK_BYTES, 4096L)));
        all.put("cut-off", new Made("The last page is missing.", "has 12288 bytes, but its header says 16384",
                FormatFiles::cutOff));
        all.put("restart", new Made("Made before another start of the machine.", "restarted",
                file -> changed(file, BOOT_ID, 1L)));
        all.put("no-queue", new Made("Something else.", "is not a queue", file -> changed(file, 0, 1L)));
        return all;
    }

    // ---- what can be read

    private static void empty(Path file) {
        LaneQueue.create(file, new QueueGeometry(3, 4096, 0), "empty").close();
    }

    private static void tickets(Path file) {
        try (var queue = LaneQueue.create(file, new QueueGeometry(4, 4096, 0), "tickets");
                var a = queue.newProducer();
                var b = queue.newProducer();
                var c = queue.newProducer()) {
            put(a, "a1");
            put(a, "a2");
            put(b, "b1");
            put(a, "a3");
            put(c, "");
            put(b, "1234567");
            put(b, "12345678");
            put(c, "123456789");
            put(a, "12345678901234567");
            get(queue, 1);
        }
    }

    private static void jump(Path file) {
        try (var queue = LaneQueue.create(file, new QueueGeometry(1, 8192, 1024, 0, null), "jump");
                var producer = queue.newProducer()) {
            for (int i = 0; i < 5; i++) put(producer, i, 400);
        }
    }

    private static void jumps(Path file) {
        try (var queue = LaneQueue.create(file, new QueueGeometry(1, 8192, 1024, 0, null), "jumps");
                var producer = queue.newProducer()) {
            for (int i = 0; i < 3; i++) put(producer, i, 900);
            get(queue, 1);
            claim(producer, 900).abort();
            put(producer, 3, 1500);
            put(producer, 4, 10);
        }
    }

    private static void headAtJump(Path file) {
        try (var queue = LaneQueue.create(file, new QueueGeometry(1, 4096, 1024, 0, null), "head at a jump");
                var producer = queue.newProducer()) {
            put(producer, 0, 900);
            get(queue, 1);
            claim(producer, 900).abort();
        }
    }

    private static void longRecord(Path file) {
        try (var queue = LaneQueue.create(file, new QueueGeometry(1, 1L << 26, 0), "long");
                var producer = queue.newProducer()) {
            for (long length : new long[] {SIXTEEN_MIB - 5, SIXTEEN_MIB - 4, 3}) {
                byte[] message = new byte[(int) length];
                message[0] = 'a';
                message[message.length - 1] = 'z';
                put(producer, message);
            }
        }
    }

    private static void bounded(Path file) throws IOException {
        try (var queue = LaneQueue.create(file, new QueueGeometry(3, 4096, 1024, 5, null), "bounded");
                var a = queue.newProducer();
                var b = queue.newProducer()) {
            for (int i = 0; i < 3; i++) put(a, i, 400);
            put(b, "b1");
            get(queue, 1);
        }
        write(file, LANE + 256 + 128, 2);
    }

    private static void leased(Path file) {
        var geometry = new QueueGeometry(2, 65_536, 0, new Leasing(0, 7));
        try (var queue = LaneQueue.create(file, geometry, "leased");
                var producer = queue.newProducer();
                var consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
            for (String each : new String[] {"leased", "given back", "done", "never leased", "nor this"}) {
                put(producer, each);
            }
            Lease abandoned = lease(consumer);
            Lease second = lease(consumer);
            lease(consumer).done();
            second.giveBack();
            assert abandoned.attempt() == 1;
        }
    }

    private static void leasedAgain(Path file) {
        var geometry = new QueueGeometry(1, 65_536, 1024, 0, Leasing.DEFAULT);
        try (var queue = LaneQueue.create(file, geometry, "leased again");
                var producer = queue.newProducer();
                var consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
            for (int i = 0; i < 40; i++) { // to and fro between two chunks
                put(producer, i, 100);
                lease(consumer).done();
            }
            for (int i = 40; i < 44; i++) put(producer, i, 100);
            Lease abandoned = lease(consumer);
            assert abandoned.attempt() == 1;
        }
    }

    private static void batch(Path file) {
        try (var queue = LaneQueue.create(file, new QueueGeometry(2, 4096, 0), "batch");
                var a = queue.newProducer();
                var b = queue.newProducer()) {
            put(a, "before");
            Batch batch = notNull(a.tryBatch(3, 3 * a.batchBytes(10)));
            put(b, "meanwhile");
            for (String each : new String[] {"first", "second", "third"})
                batch.add(each.getBytes(UTF_8), 0, each.length());
            batch.commit();
            put(a, "after");
        }
    }

    private static void old(Path file) throws IOException {
        try (var queue = LaneQueue.create(file, new QueueGeometry(2, 4096, 1024, 0, null), "old")) {
            queue.newProducer().close(); // lane 0 is in use, so that the next one begins at its head
            write(file, TICKET, (1L << 41) - 3);
            write(file, LANE, -1L << 32);
            try (var a = queue.newProducer();
                    var b = queue.newProducer()) {
                for (int i = 0; i < 3; i++) {
                    put(a, i, 400);
                    put(b, 10 + i, 40);
                }
            }
        }
    }

    // ---- what cannot

    /// A queue of one lane with two messages, and words changed in it.
    private static void changed(Path file, long... offsetsAndWords) throws IOException {
        try (var queue = LaneQueue.create(file, new QueueGeometry(1, 4096, 0), "changed");
                var producer = queue.newProducer()) {
            put(producer, "first");
            put(producer, "second");
        }
        for (int i = 0; i < offsetsAndWords.length; i += 2) write(file, offsetsAndWords[i], offsetsAndWords[i + 1]);
    }

    private static void cutOff(Path file) throws IOException {
        LaneQueue.create(file, new QueueGeometry(1, 8192, 0), "cut off").close();
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(channel.size() - 4096);
        }
    }

    // ---- steps

    private static void put(Producer producer, String message) {
        put(producer, message.getBytes(UTF_8));
    }

    private static void put(Producer producer, int number, int length) {
        byte[] message = new byte[length];
        for (int i = 0; i < length; i++) message[i] = (byte) (number + i);
        put(producer, message);
    }

    private static void put(Producer producer, byte[] message) {
        if (!producer.tryPut(message)) throw new AssertionError("full");
    }

    private static Claim claim(Producer producer, int length) {
        return notNull(producer.tryClaim(length));
    }

    private static void get(LaneQueue queue, int messages) {
        try (Consumer consumer = queue.newConsumer(Delivery.SHARED)) {
            for (int i = 0; i < messages; i++) consumer.poll(message -> {}, 1);
        }
    }

    private static Lease lease(LeasingConsumer consumer) {
        return notNull(consumer.tryLease((message, lease) -> {}));
    }

    private static <T> T notNull(@Nullable T found) {
        if (found == null) throw new AssertionError();
        return found;
    }

    private static void write(Path file, long offset, long word) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            FormatFile.write(channel, offset, word);
        }
    }

    /// Makes a queue and leaves out what differs from one time to the next.
    static void make(Made made, Path file) throws IOException {
        made.script.make(file);
        write(file, UUID, 0x0011_2233_4455_4677L);
        write(file, UUID + 8, 0x8899_aabb_ccdd_eeffL);
        if (!made.refused.equals("restarted")) write(file, BOOT_ID, 0);
        write(file, BOOT_ID + 8, 0);
        if (!made.refused.equals("9.9")) write(file, MADE_BY, 0x74_7365_74L); // "test"
        for (long waiting : new long[] {MESSAGES, ROOM}) { // and the futex words
            write(file, waiting, 0);
            write(file, waiting + 128, 0);
        }
        for (long lane = 0; lane < 8 && Files.size(file) > LANES_AT; lane++) {
            write(file, LANE + 256 * lane + 136, 0); // owner
        }
    }
}
