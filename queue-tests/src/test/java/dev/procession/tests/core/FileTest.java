package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueCorruptedException;
import dev.procession.core.QueueException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The file: made whole or not at all, opened only if it is a sound queue of ours, and never believed blindly.
class FileTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";
    private static final QueueGeometry GEOMETRY = new QueueGeometry(4, 4096, 0);

    /// The offset of each word, as the table in the layout's documentation has it.
    static final Map<String, Long> LAYOUT = layout();

    private static final long MAGIC = LAYOUT.get("magic");
    private static final long VERSION = LAYOUT.get("version");
    private static final long LANES = LAYOUT.get("lanes");
    private static final long LANE_BYTES = LAYOUT.get("laneBytes");
    private static final long CHUNK_BYTES = LAYOUT.get("chunkBytes");
    private static final long MAX_ITEMS = LAYOUT.get("maxItems");
    static final long NEEDED_FEATURES = LAYOUT.get("neededFeatures");
    static final long OPTIONAL_FEATURES = LAYOUT.get("optionalFeatures");
    static final long MADE_BY = LAYOUT.get("madeBy");
    private static final long BOOT_ID = LAYOUT.get("bootId");
    private static final long LABEL = LAYOUT.get("label");
    private static final long TICKET = LAYOUT.get("ticket");
    private static final long LANES_IN_USE = LAYOUT.get("lanesInUse");
    private static final long HEADS = LAYOUT.get("head");
    static final long EACH_LANE = 256;
    static final long OWNER = 128;
    /// The codes that stand for no length, in the low bits of a header.
    private static final long JUMP = 0xFFFFFF;
    private static final long LONG = 0xFFFFFE;
    private static final long NONE = 0xFFFFFD;
    private static final long LANE_0 = (HEADS + GEOMETRY.lanes() * EACH_LANE + 4095) / 4096 * 4096;

    private static Map<String, Long> layout() {
        var source = Path.of("..", "queue-core", "src", "main", "java", "dev", "procession", "core", "Layout.java");
        var row = Pattern.compile("/// \\| (\\d+) \\| (\\d+)[^|]*\\| (\\w+)");
        var offsets = new LinkedHashMap<String, Long>();
        long end = 0;
        try {
            for (String line : Files.readAllLines(source)) {
                var cells = row.matcher(line);
                if (!cells.find()) continue;
                long offset = Long.parseLong(cells.group(1));
                assertTrue(offset >= end, () -> "overlaps the row before: " + line);
                end = offset + Long.parseLong(cells.group(2));
                offsets.put(cells.group(3), offset);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return offsets;
    }

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private Path file;

    @BeforeEach
    void namePath() {
        file = directory.resolve("queue");
    }

    private void create() {
        LaneQueue.create(file, GEOMETRY, "file test").close();
    }

    private static void write(Path file, long offset, long value) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0, value), offset);
        }
    }

    static long read(Path file, long offset) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
            var word = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder());
            channel.read(word, offset);
            return word.getLong(0);
        }
    }

    /// Opens the file in another process, which must survive that.
    private <T extends Throwable> void assertRefused(Class<T> type, String flag, String... words) {
        String where = file.toString();
        try (var peer = Child.kept("opens", flag).peer()) {
            var thrown = assertThrows(type, () -> peer.run(scope -> scope.open(where)));
            assertTrue(thrown.getMessage().contains(where), thrown.getMessage());
            for (String word : words) assertTrue(thrown.getMessage().contains(word), thrown.getMessage());
        }
    }

    private void assertRefused(String... words) {
        assertRefused(QueueUnavailableException.class, NATIVE, words);
        assertRefused(QueueUnavailableException.class, PORTABLE);
    }

    private static void run(String... command) throws Exception {
        assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor(), () -> String.join(" ", command));
    }

    // ---- create, open, delete

    @Test
    void whoOpensAQueueSeesWhatItsCreatorSaid() {
        var geometry = new QueueGeometry(7, 8192, 1024, 99, null);
        String label = "ü".repeat(32); // 64 bytes
        LaneQueue.create(file, geometry, label).close();
        try (var queue = LaneQueue.open(file)) {
            assertEquals(geometry, queue.geometry());
            assertEquals(label, queue.label());
            assertEquals(file, queue.path());
        }
    }

    @Test
    void aQueueIsForItsUserOnly() throws Exception {
        create();
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }

    @Test
    void anIllegalGeometryOrLabelMakesNoFile() {
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(0, 4096, 0));
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(Integer.MAX_VALUE, 4096, 0));
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(4097, 4096, 0));
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(1, 4097, 0));
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(1, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(1, Long.MIN_VALUE, 0));
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(1, 1L << 33, 0));
        for (long chunk : new long[] {0, 512, 1025, 4096, -1024, Long.MIN_VALUE}) {
            assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(1, 4096, chunk, 0, null));
        }
        assertThrows(IllegalArgumentException.class, () -> new QueueGeometry(1, 4096, -1));
        assertThrows(IllegalArgumentException.class, () -> LaneQueue.create(file, GEOMETRY, "x".repeat(65)));
        assertThrows(IllegalArgumentException.class, () -> LaneQueue.create(file, GEOMETRY, "ü".repeat(33)));
        assertFalse(Files.exists(file));
    }

    @Test
    void anExistingFileIsNeverReplaced() throws Exception {
        Files.writeString(file, "somebody's diary");
        var thrown = assertThrows(QueueUnavailableException.class, () -> LaneQueue.create(file, GEOMETRY, ""));
        assertTrue(thrown.getMessage().contains("exists"), thrown.getMessage());
        assertEquals("somebody's diary", Files.readString(file));
        thrown = assertThrows(QueueUnavailableException.class, () -> LaneQueue.delete(file));
        assertEquals("somebody's diary", Files.readString(file));
        Files.delete(file);
        Files.createSymbolicLink(file, directory.resolve("elsewhere"));
        assertThrows(QueueUnavailableException.class, () -> LaneQueue.create(file, GEOMETRY, ""));
        assertFalse(Files.exists(directory.resolve("elsewhere")));
    }

    @Test
    void aMissingFileOrDirectoryIsSaidToBeMissing() {
        assertRefused("no queue");
        var nowhere = directory.resolve("nowhere").resolve("queue");
        var thrown = assertThrows(QueueUnavailableException.class, () -> LaneQueue.create(nowhere, GEOMETRY, ""));
        assertTrue(thrown.getMessage().contains("nowhere"), thrown.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void ofManyCreatorsOneWinsAndOpenersSeeAWholeQueueOrNone(String flag) throws Exception {
        var peers = new ArrayList<Peer>();
        for (int i = 0; i < 2; i++) {
            for (int k = 0; k < 3; k++) peers.add(Child.kept("races " + i, flag).peer());
        }
        for (int round = 0; round < 60; round++) {
            String where = directory.resolve("race" + round).toString();
            long start = System.nanoTime() + 2_000_000;
            var running = new ArrayList<CompletableFuture<String>>();
            for (int i = 0; i < peers.size(); i++) {
                boolean opens = i % 3 == 2;
                long at = start + i * 20_000L; // nanoTime is the machine's
                running.add(peers.get(i).start(scope -> {
                    while (System.nanoTime() < at) Thread.onSpinWait();
                    return opens ? open(where) : createOnce(where);
                }));
            }
            var ends = new ArrayList<String>();
            for (var end : running) ends.add(Peer.join(end));
            assertEquals(1, ends.stream().filter("made"::equals).count(), ends::toString);
            assertEquals(3, ends.stream().filter("exists"::equals).count(), ends::toString);
            assertEquals(2, ends.stream().filter("opened"::equals).count(), ends::toString);
        }
        peers.forEach(Peer::close);
        try (var names = Files.list(directory)) {
            assertEquals(60, names.count(), "temporary files are left");
        }
    }

    private static String createOnce(String where) {
        try (var queue = LaneQueue.create(Path.of(where), GEOMETRY, "raced for")) {
            return queue.size() == 0 ? "made" : "made with messages?";
        } catch (QueueUnavailableException e) {
            return e.getMessage().contains("exists") ? "exists" : e.toString();
        }
    }

    private static String open(String where) {
        while (true) {
            try (var queue = LaneQueue.open(Path.of(where))) {
                return queue.geometry().equals(GEOMETRY) && queue.label().equals("raced for") && queue.isEmpty()
                        ? "opened" : queue + " " + queue.label();
            } catch (QueueUnavailableException e) {
                if (!e.getMessage().contains("no queue")) return e.toString();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aQueueThatSomebodyHasOpenIsNotDeleted(String flag) {
        create();
        String where = file.toString();
        try (var holder = Child.kept("holds", flag).peer();
                var deleter = Child.kept("deletes", flag).peer()) {
            holder.run(scope -> scope.open(where));
            for (var peer : List.of(holder, deleter)) {
                var thrown = assertThrows(QueueUnavailableException.class,
                        () -> peer.run(scope -> LaneQueue.delete(Path.of(where))));
                assertTrue(thrown.getMessage().contains("open"), thrown.getMessage());
            }
            assertTrue(Files.exists(file));
            holder.run(scope -> scope.queue.close());
            deleter.run(scope -> LaneQueue.delete(Path.of(where)));
            assertFalse(Files.exists(file));
            assertThrows(QueueUnavailableException.class, () -> deleter.run(scope -> LaneQueue.delete(Path.of(where))));
        }
    }

    @Test
    void whoFailsToOpenAQueueDoesNotHoldIt() throws Exception {
        create();
        write(file, LANES, 3);
        assertRefused(QueueCorruptedException.class, NATIVE);
        assertRefused(QueueCorruptedException.class, PORTABLE);
        LaneQueue.delete(file);
        Files.writeString(file, "no queue".repeat(1_000));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        assertThrows(QueueUnavailableException.class, () -> LaneQueue.delete(file));
        assertRefused("not a queue");
    }

    @Test
    void anAnonymousQueueIsGoneWhenTheLastHasClosedIt() {
        String path;
        try (var peer = Child.kept("holds", NATIVE).peer()) {
            try (var queue = LaneQueue.createAnonymous(GEOMETRY, "")) {
                path = queue.path().toString();
                peer.run(scope -> scope.open(path));
            }
            assertTrue(Files.exists(Path.of(path)));
            peer.run(scope -> scope.producer());
        }
        assertFalse(Files.exists(Path.of(path)));
    }

    @Test
    void anAnonymousQueueOfTheDeadIsSweptAway() {
        var child = Child.start();
        String path = child.peer().call(scope -> {
            scope.queue = LaneQueue.createAnonymous(GEOMETRY, "");
            return scope.queue.path().toString();
        });
        LaneQueue.createAnonymous(GEOMETRY, "").close();
        assertTrue(Files.exists(Path.of(path)), "swept away while in use");
        child.kill();
        LaneQueue.createAnonymous(GEOMETRY, "").close();
        assertFalse(Files.exists(Path.of(path)));
    }

    // ---- what is no queue of ours

    @Test
    void anEmptyFileIsRefused() throws Exception {
        Files.createFile(file);
        assertRefused("0 bytes");
    }

    @Test
    void randomBytesAreRefused() throws Exception {
        var random = new Random64(Random64.seed());
        for (int length : new int[] {1, 8, 4095, 4096, 8192, 100_000}) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++) bytes[i] = (byte) random.next();
            Files.write(file, bytes);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
            assertRefused("not a queue");
            try (var peer = Child.kept("opens", NATIVE).peer()) {
                String where = file.toString();
                assertThrows(QueueUnavailableException.class,
                        () -> peer.run(scope -> LaneQueue.delete(Path.of(where))));
            }
            assertArrayEquals(bytes, Files.readAllBytes(file));
        }
    }

    @Test
    void aDirectoryIsRefused() throws Exception {
        Files.createDirectory(file);
        assertRefused("directory");
    }

    @Test
    void aSymbolicLinkIsRefused() throws Exception {
        create();
        Path link = directory.resolve("link");
        Files.createSymbolicLink(link, file);
        file = link;
        assertRefused("symbolic link");
    }

    @Test
    void aFifoIsRefusedWithoutWaitingForItsOtherEnd() throws Exception {
        run("mkfifo", "-m", "600", file.toString());
        assertRefused("regular");
    }

    @Test
    void aDeviceIsRefused() {
        file = Path.of("/dev/null");
        assertRefused("regular");
    }

    @Test
    void aHardLinkedQueueIsRefused() throws Exception {
        create();
        Files.createLink(directory.resolve("second"), file);
        assertRefused(QueueUnavailableException.class, NATIVE, "2 names");
    }

    @Test
    void aQueueThatOthersMayWriteIsRefused() throws Exception {
        create();
        for (String mode : List.of("rw--w----", "rw-----w-")) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
            assertRefused(QueueUnavailableException.class, NATIVE, "chmod");
        }
    }

    @Test
    void aQueueOfAnotherUserIsRefused() throws Exception {
        create();
        try {
            Files.setAttribute(file, "unix:uid", (int) Files.getAttribute(file, "unix:uid") == 65534 ? 65533 : 65534);
        } catch (IOException e) {
            assumeTrue(false, "may not give files away: " + e);
        }
        assertRefused(QueueUnavailableException.class, NATIVE, "user");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 4, 5})
    void aQueueOfAnotherFormatIsRefused(long format) throws Exception {
        create();
        long version = read(file, VERSION);
        write(file, VERSION, format);
        assertRefused("version", "its format is " + format, "reads " + version);
        write(file, VERSION, version);
        LaneQueue.open(file).close();
    }

    @ParameterizedTest
    @ValueSource(longs = {1L << 2, 1L << 62, Long.MIN_VALUE})
    void aQueueThatNeedsUnknownFeaturesIsOfALaterRelease(long feature) throws Exception {
        create();
        String release = text(read(file, MADE_BY));
        assertFalse(release.isEmpty());
        write(file, MADE_BY, ByteBuffer.wrap("7.8-next".getBytes(StandardCharsets.UTF_8))
                .order(ByteOrder.nativeOrder()).getLong());
        write(file, MADE_BY + 8, 0);
        write(file, NEEDED_FEATURES, feature);
        assertRefused("Procession 7.8-next", "features", Long.toHexString(feature));
        assertRefused(QueueUnavailableException.class, PORTABLE, "Procession 7.8-next", "features");
        LaneQueue.delete(file);
    }

    @Test
    void featuresThatAReaderMayIgnoreAreIgnored() throws Exception {
        create();
        write(file, OPTIONAL_FEATURES, ~1); // this release knows bit 0
        try (var queue = LaneQueue.open(file);
                var producer = queue.newProducer()) {
            producer.put(new byte[7]);
        }
        String where = file.toString();
        for (String flag : List.of(NATIVE, PORTABLE)) {
            try (var peer = Child.kept("opens", flag).peer()) {
                assertEquals(1, peer.count(scope -> scope.open(where).queue.size()));
            }
        }
        assertEquals(~1, read(file, OPTIONAL_FEATURES));
    }

    @Test
    void aQueueFromBeforeTheLastRestartIsRefused() throws Exception {
        create();
        write(file, BOOT_ID, read(file, BOOT_ID) ^ 1);
        assertRefused("restart");
    }

    @Test
    void aQueueWithoutItsFirstWordIsRefused() throws Exception {
        create();
        write(file, MAGIC, read(file, MAGIC) ^ 1 << 9);
        assertRefused("not a queue");
    }

    @ParameterizedTest
    @CsvSource({
        "lanes, 0", "lanes, -1", "lanes, 3", "lanes, 5", "lanes, 4097", "lanes, 1099511627776",
        "lanes, 9223372036854775807", "lanes, 4294967300", "neededFeatures, 2", "laneBytes, 0", "laneBytes, 2048",
        "laneBytes, 4095", "laneBytes, 8192", "laneBytes, -4096", "laneBytes, 4611686018427387904",
        "laneBytes, -9223372036854775808", "laneBytes, 8589934592", "chunkBytes, 0", "chunkBytes, 512",
        "chunkBytes, 2047", "chunkBytes, 4096", "chunkBytes, -2048", "chunkBytes, 4294969344",
        "chunkBytes, -9223372036854775808", "maxItems, -1", "maxItems, -9223372036854775808"
    })
    void aWrongGeometryIsDamage(String word, long value) throws Exception {
        create();
        assertEquals(4, read(file, LANES));
        assertEquals(4096, read(file, LANE_BYTES));
        assertEquals(2048, read(file, CHUNK_BYTES));
        assertEquals(0, read(file, MAX_ITEMS));
        write(file, LAYOUT.get(word), value);
        assertRefused(QueueCorruptedException.class, NATIVE);
        assertRefused(QueueCorruptedException.class, PORTABLE);
    }

    @Test
    void aFileOfTheWrongSizeIsDamage() throws Exception {
        create();
        long size = Files.size(file);
        for (long wrong : new long[] {4096, 8192, size - 4096, size - 1, size + 1, size + 4096}) {
            try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.truncate(Math.min(size, wrong));
                if (wrong > size) channel.write(ByteBuffer.allocate(1), wrong - 1);
            }
            assertRefused(QueueCorruptedException.class, NATIVE, Long.toString(wrong));
            assertRefused(QueueCorruptedException.class, PORTABLE);
            try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                if (wrong < size) channel.write(ByteBuffer.allocate(1), size - 1);
                else channel.truncate(size);
            }
        }
        LaneQueue.open(file).close();
    }

    // ---- the layout

    @Test
    void theFileIsLaidOutAsItsDocumentationDrawsIt() throws Exception {
        var geometry = new QueueGeometry(4, 8192, 77);
        try (var queue = LaneQueue.create(file, geometry, "label")) {
            long[] begin = {3, 4, 8192, 4096, 77, 0, 0};
            long[] at = {VERSION, LANES, LANE_BYTES, CHUNK_BYTES, MAX_ITEMS, NEEDED_FEATURES, OPTIONAL_FEATURES};
            for (int i = 0; i < at.length; i++) assertEquals(begin[i], read(file, at[i]));
            assertTrue(read(file, MAGIC) != 0);
            assertTrue(read(file, LAYOUT.get("uuid")) != 0);
            assertFalse(text(read(file, MADE_BY)).isEmpty());
            assertEquals("label", text(read(file, LABEL)));
            var boot = UUID.fromString(Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip());
            assertEquals(boot.getMostSignificantBits(), read(file, BOOT_ID));
            assertEquals(boot.getLeastSignificantBits(), read(file, BOOT_ID + 8));
            assertEquals(LANE_0 + 4 * 8192, Files.size(file));
            assertEquals(0, read(file, LANES_IN_USE));

            try (var zero = queue.newProducer();
                    var one = queue.newProducer();
                    var consumer = queue.newConsumer(Delivery.SHARED)) {
                assertEquals(2, read(file, LANES_IN_USE));
                long drawn = read(file, TICKET);
                zero.put(new byte[10]);
                one.put(new byte[20]);
                one.put(new byte[30]);
                long newest = read(file, TICKET) - 1; // whether the last put drew is the producer's affair
                assertTrue(newest == drawn + 1 || newest == drawn + 2);
                assertEquals(1, read(file, HEADS + OWNER));
                assertEquals(2, read(file, HEADS + EACH_LANE + OWNER));
                assertEquals(ProcessHandle.current().pid(), read(file, HEADS + OWNER + 8));
                // the header, the record's number in its lane, the payload; a multiple of 16 bytes in all
                assertEquals(header(drawn, 10 + 1), read(file, LANE_0));
                assertEquals(0, read(file, LANE_0 + 8));
                assertEquals(header(drawn + 1, 20 + 1), read(file, LANE_0 + 8192));
                assertEquals(header(newest, 30 + 1), read(file, LANE_0 + 8192 + 48));
                assertEquals(1, read(file, LANE_0 + 8192 + 48 + 8));
                assertEquals(0, read(file, LANE_0 + 8192 + 48 + 48));
                for (int i = 0; i < 3; i++) consumer.tryGet(new byte[30]);
                assertEquals(32, read(file, HEADS));
                assertEquals(96, read(file, HEADS + EACH_LANE));

                var waiting = CompletableFuture.supplyAsync(() -> {
                    try {
                        return consumer.get(new byte[30], Long.MAX_VALUE);
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
                long waitingBit = LAYOUT.get("messagesWaiting");
                long futex = LAYOUT.get("messagesFutex");
                Await.until("the consumer says that it waits", () -> (read(file, waitingBit) & 1) != 0);
                long before = read(file, futex) & 0xFFFF_FFFFL;
                zero.put(new byte[3]);
                assertEquals(3, Peer.join(waiting));
                assertTrue((read(file, futex) & 0xFFFF_FFFFL) > before);
                int n = 0;
                while (zero.tryPut(new byte[100])) n++;
                // after 32 + 32 bytes and 31 times 128 there is no room for another one and a header behind it
                assertEquals(62, n);
                assertEquals(header(1, JUMP), read(file, LANE_0 + 4032)); // to chunk 1
                assertEquals(33, read(file, LANE_0 + 4032 + 8)); // with the number of the record that is first there
                assertEquals(33, read(file, LANE_0 + 4096 + 8));
                assertEquals(100 + 1, read(file, LANE_0 + 4096) & 0xFFFFFF);
                assertEquals(0, read(file, LANE_0 + 4096 + 31 * 128));
                Await.until("the producer says that it waits", () -> {
                    // on a busy machine it may not come to sleep
                    assertFalse(zero.put(new byte[100], 0, 100, 20_000_000));
                    return (read(file, LAYOUT.get("roomWaiting")) & 1) == 1;
                });
                before = read(file, LAYOUT.get("roomFutex")) & 0xFFFF_FFFFL;
                consumer.tryGet(new byte[100]);
                assertTrue((read(file, LAYOUT.get("roomFutex")) & 0xFFFF_FFFFL) > before);
                assertEquals(64 + 128, read(file, HEADS));
                for (int i = 0; i < 31; i++) consumer.tryGet(new byte[100]);
                assertEquals((1L << 32) + 4096 + 128, read(file, HEADS)); // one jump so far
            }
        }
    }

    @Test
    void theLengthOfALongRecordIsInAWordOfItsOwn() throws Exception {
        for (long maxItems : new long[] {0, 5}) {
            Files.deleteIfExists(file);
            long header = maxItems == 0 ? 8 : 16;
            try (var queue = LaneQueue.create(file, new QueueGeometry(4, 1L << 26, maxItems), "");
                    var producer = queue.newProducer()) {
                int most = (1 << 24) - 5; // without that word
                producer.put(new byte[most]);
                byte[] message = new byte[most + 1];
                message[0] = 7;
                producer.put(message);
                assertEquals(header(0, most + 1), read(file, LANE_0));
                long second = LANE_0 + (1 << 24); // 2 MiB chunks: the first record has taken eight of them
                if (header + most + header > 1 << 24) second += 2 << 20;
                assertEquals(LONG, read(file, second) & 0xFFFFFF);
                assertEquals(most + 1, read(file, second + header));
                assertEquals(7, read(file, second + header + 8) & 0xFF);
                if (maxItems > 0) assertEquals(1, read(file, second + 8));
            }
        }
    }

    /// The text in the first eight bytes, up to a zero.
    private static String text(long value) {
        byte[] bytes = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(value).array();
        return new String(bytes, StandardCharsets.UTF_8).split("\0")[0];
    }

    // ---- damage to a queue in use

    private static long header(long ticket, long lengthField) {
        return ticket << 24 | lengthField;
    }

    /// What a victim in another process says of the damaged queue.
    private static void use(Peer.Scope scope, String where, Delivery delivery) {
        scope.open(where);
        scope.consumer(delivery);
        byte[] buffer = new byte[5000];
        for (int i = 0; i < 300; i++) if (scope.consumer.tryGet(buffer) < 0) break;
    }

    @ParameterizedTest
    @ValueSource(longs = {5000 + 1, 2042 + 1, 2033 + 1, 16_000_000, NONE - 1, NONE, LONG, 4096 + 1, 4089 + 1})
    void aRecordLongerThanAnyMessageIsDamage(long code) throws Exception {
        create();
        try (var queue = LaneQueue.open(file);
                var producer = queue.newProducer()) {
            for (int i = 0; i < 3; i++) producer.put(new byte[24]);
        }
        write(file, LANE_0 + 32, header(1, code));
        assertDamaged(1);
    }

    @ParameterizedTest
    @ValueSource(longs = {2, 3, 1 << 20, (1L << 40) - 1})
    void aJumpToNoChunkOfTheLaneIsDamage(long chunk) throws Exception {
        create();
        try (var queue = LaneQueue.open(file);
                var producer = queue.newProducer()) {
            for (int i = 0; i < 3; i++) producer.put(new byte[24]);
        }
        write(file, LANE_0 + 32, header(chunk, JUMP));
        assertDamaged(1);
    }

    /// Records and jumps that lead in a circle: their consumers may get messages again, but whoever walks says so.
    @ParameterizedTest
    @ValueSource(longs = {0, 32, 2048})
    void aCircleOfJumpsIsDamage(long from) throws Exception {
        create();
        try (var queue = LaneQueue.open(file);
                var producer = queue.newProducer()) {
            while (producer.tryPut(new byte[24])) {}
        }
        write(file, LANE_0 + from, header(0, JUMP));
        String where = file.toString();
        for (String flag : List.of(NATIVE, PORTABLE)) {
            try (var peer = Child.kept("meets damage", flag).peer()) {
                for (Peer.Step step : List.<Peer.Step>of(scope -> scope.queue.size(), scope -> scope.queue.stats(),
                        scope -> scope.producer())) {
                    var thrown = assertThrows(QueueCorruptedException.class, () -> peer.run(scope -> {
                        scope.open(where);
                        step.on(scope);
                    }));
                    assertTrue(thrown.getMessage().contains("lane 0"), thrown.getMessage());
                }
            }
            for (var delivery : List.of(Delivery.EXCLUSIVE, Delivery.SHARED)) {
                try (var peer = Child.kept("meets damage", flag).peer()) {
                    peer.run(scope -> {
                        try {
                            use(scope, where, delivery);
                        } catch (QueueCorruptedException expected) {}
                    });
                }
                write(file, HEADS, 0);
            }
        }
    }

    @Test
    void aRecordThatCrossesTheEndOfItsLaneIsDamage() throws Exception {
        create();
        try (var queue = LaneQueue.open(file);
                var producer = queue.newProducer()) {
            while (producer.tryPut(new byte[56])) {}
        }
        write(file, LANE_0 + 2048 + 30 * 64, header(0, 1000 + 1)); // 31 in each chunk
        assertDamaged(61);
    }

    /// After `sound` messages, everybody who comes to the damaged record says so, in whichever way he comes to it.
    private void assertDamaged(int sound) {
        String where = file.toString();
        for (String flag : List.of(NATIVE, PORTABLE)) {
            for (var delivery : List.of(Delivery.EXCLUSIVE, Delivery.SHARED)) {
                try (var peer = Child.kept("meets damage", flag).peer()) {
                    var thrown = assertThrows(QueueCorruptedException.class,
                            () -> peer.run(scope -> scope.open(where).queue.size()));
                    assertTrue(thrown.getMessage().contains("lane 0"), thrown.getMessage());
                }
                try (var peer = Child.kept("meets damage", flag).peer()) {
                    peer.run(scope -> scope.open(where).consumer(delivery));
                    int took = 0;
                    QueueCorruptedException thrown = null;
                    for (; took <= sound && thrown == null; took++) {
                        thrown = damage(peer);
                    }
                    assertTrue(thrown != null, "no damage found");
                    assertTrue(thrown.getMessage().contains(where) && thrown.getMessage().contains("lane 0"),
                            thrown.getMessage());
                }
            }
        }
    }

    private static @Nullable QueueCorruptedException damage(Peer peer) {
        try {
            peer.call(scope -> scope.consumer.tryGet(new byte[5000]));
            return null;
        } catch (QueueCorruptedException e) {
            return e;
        }
    }

    @Test
    void aRecordLongerThanAnyMessageIsDamageAlsoBesideAnotherLane() throws Exception {
        for (long ticket : new long[] {0, 1, 200}) {
            for (int broken = 0; broken < 2; broken++) {
                Files.deleteIfExists(file);
                create();
                try (var queue = LaneQueue.open(file);
                        var one = queue.newProducer();
                        var two = queue.newProducer()) {
                    for (int i = 0; i < 3; i++) {
                        one.put(new byte[24]);
                        two.put(new byte[24]);
                    }
                }
                write(file, LANE_0 + broken * 4096, header(ticket, 0xFFFFF0));
                String where = file.toString();
                for (var delivery : List.of(Delivery.EXCLUSIVE, Delivery.SHARED)) {
                    for (String flag : List.of(NATIVE, PORTABLE)) {
                        try (var peer = Child.kept("meets damage", flag).peer()) {
                            assertThrows(QueueCorruptedException.class,
                                    () -> peer.run(scope -> use(scope, where, delivery)));
                        }
                    }
                }
            }
        }
    }

    @Test
    void anImpossibleNumberOfLanesInUseIsDamage() throws Exception {
        create();
        for (long lanes : new long[] {5, -1, Long.MIN_VALUE, 1L << 32}) {
            write(file, LANES_IN_USE, lanes);
            for (var delivery : List.of(Delivery.EXCLUSIVE, Delivery.SHARED)) {
                String where = file.toString();
                try (var peer = Child.kept("meets damage").peer()) {
                    assertThrows(QueueCorruptedException.class, () -> peer.run(scope -> use(scope, where, delivery)));
                }
            }
        }
    }

    @Test
    void anImpossibleHeadIsDamageToItsProducer() throws Exception {
        String where = file.toString();
        for (long head : new long[] {1L << 40, Long.MIN_VALUE, -8192, 2048, 1L << 32, 1L << 32 | 2048}) {
            Files.deleteIfExists(file);
            create();
            try (var peer = Child.kept("meets damage").peer()) {
                peer.run(scope -> {
                    scope.open(where).producer();
                    scope.producer.put(new byte[8]);
                });
                write(file, HEADS, head);
                assertThrows(QueueCorruptedException.class, () -> peer.run(scope -> {
                    for (int i = 0; i < 1000; i++) scope.producer.tryPut(new byte[8]);
                }));
            }
        }
    }

    /// Whoever writes anything anywhere into the file gets messages or errors out of it, never a crash or a hang.
    @ParameterizedTest
    @CsvSource({"EXCLUSIVE, 0", "SHARED, 0", "SHARED, 9"})
    void anyBitsAreMessagesOrDamage(Delivery delivery, long maxItems) throws Exception {
        long seed = Random64.seed();
        var random = new Random64(seed);
        String where = file.toString();
        for (int round = 0; round < 150; round++) {
            Files.deleteIfExists(file);
            try (var queue = LaneQueue.create(file, new QueueGeometry(4, 4096, maxItems), "")) {
                try (var one = queue.newProducer();
                        var two = queue.newProducer()) {
                    for (int i = 0; i < 4; i++) {
                        one.put(new byte[random.below(100)]);
                        two.put(new byte[random.below(100)]);
                    }
                }
            }
            var what = new StringBuilder();
            for (int i = 1 + random.below(3); i > 0; i--) {
                long offset = switch (random.below(4)) {
                    case 0 -> TICKET + 8L * random.below(96);
                    case 1 -> HEADS + 128L * random.below(8) + 8L * random.below(2);
                    case 2 -> LANE_0 + 8L * random.below(100);
                    default -> LANE_0 + 4096 + 8L * random.below(100);
                };
                long value = switch (random.below(5)) {
                    case 0 -> random.next();
                    case 3 -> header(random.below(4), JUMP - random.below(4));
                    case 1 -> read(file, offset) ^ 1L << random.below(64);
                    case 2 -> read(file, offset) + random.below(40) - 20;
                    default -> header(random.below(20), random.below(1 << 24));
                };
                write(file, offset, value);
                what.append(' ').append(offset).append('=').append(value);
            }
            for (String flag : List.of(NATIVE, PORTABLE)) {
                try (var peer = Child.kept("meets damage", flag).peer()) {
                    peer.run(scope -> {
                        try {
                            scope.open(where);
                            scope.queue.isEmpty();
                            scope.queue.isFull();
                            scope.queue.size();
                            scope.queue.stats();
                        } catch (QueueException expected) {}
                        for (int i = 0; i < 3; i++) {
                            try {
                                scope.queue.newProducer().tryPut(new byte[40]);
                            } catch (QueueException expected) {}
                        }
                        try {
                            use(scope, where, delivery);
                        } catch (QueueException expected) {}
                    });
                } catch (Throwable thrown) {
                    throw new AssertionError("seed " + seed + ", round " + round + ", " + flag + what, thrown);
                }
            }
        }
    }
}
