package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.jvm.Platforms;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import dev.procession.tests.points.Matrix;
import dev.procession.tests.storm.Storm;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Processes that use the queue with what the JDK has, also beside those that call the system.
class PortableTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";
    private static final long LANE_0_LOCK = 16;
    private static final int ROUNDS = 40;

    @TempDir(factory = SharedMemory.class, cleanup = CleanupMode.ON_SUCCESS)
    Path directory;

    // ---- storms and steps

    @ParameterizedTest
    @CsvSource({
        "MIXED,    LEASED, 2, 2,  1, 65536, 0",
        "PORTABLE, SHARED, 2, 2,  4,  8192, 7"
    })
    void aStormLosesNothing(Platforms platforms, Delivery delivery, int producers, int consumers, int run,
            long laneBytes,
            long bound) throws Exception {
        var outcome = Storm.run(new Storm.Plan(2, producers, consumers, true, true, Random64.seed(), delivery, run,
                laneBytes, bound, 5, 5), platforms, directory, millis -> {});
        System.err.println(outcome);
        assertTrue(outcome.isFaultless(),
                () -> outcome + "\n" + String.join("\n", outcome.findings()) + "\n" + outcome.folder());
        assertTrue(outcome.kills() >= 5 && outcome.stops() >= 5, outcome::toString);
        assertTrue(outcome.gets() > 0, outcome::toString);
    }

    @Test
    void whoStopsOrDiesBeforeAStepHoldsNobodyUp() throws Exception {
        var summary = Matrix.play(directory, "^(PRODUCER|LEASER|CREATOR)$",
                "LaneWriter.*(setRelease|getAndAdd)|LeaseWord|acquire",
                Runtime.getRuntime().availableProcessors() + 2, true, Platforms.MIXED, Random64.seed(), perMille -> {});
        System.err.println(summary);
        // what a role comes to is told by the test of all steps
        var failures = summary.failures().stream().filter(each -> !each.startsWith("never hit")).toList();
        assertTrue(failures.isEmpty(), () -> summary + "\n" + String.join("\n", failures));
        assertTrue(summary.kills() > 0 && summary.stops() > 0, summary::toString);
    }

    // ---- space for lanes

    private static final int THREADS = 6;

    /// Each makes a producer and puts one message, all at the same moment: what one reserves, another one is writing.
    @Test
    void whatIsPutWhileOthersMakeProducersIsThere() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            String where = directory.resolve("queue" + round).toString();
            LaneQueue.create(Path.of(where), new QueueGeometry(THREADS, 4096, 0), "").close();
            var peers = new ArrayList<Peer>();
            var puts = new ArrayList<CompletableFuture<Integer>>();
            for (int i = 0; i < THREADS; i++) peers.add(Child.kept("races " + i % 2, PORTABLE).peer());
            for (var peer : peers) peer.run(scope -> scope.open(where));
            long start = System.nanoTime() + 2_000_000;
            for (var peer : peers) {
                puts.add(peer.start(scope -> {
                    while (System.nanoTime() < start) Thread.onSpinWait();
                    scope.producer();
                    return scope.producer.tryPut(new byte[16]) ? 1 : 0;
                }));
            }
            for (var put : puts) assertEquals(1, Peer.join(put));
            peers.forEach(Peer::close);
            try (var queue = LaneQueue.open(Path.of(where));
                    var consumer = queue.newConsumer(Delivery.SHARED)) {
                assertEquals(THREADS, queue.size(), "round " + round);
                for (int i = 0; i < THREADS; i++) assertEquals(16, consumer.tryGet(new byte[16]), "round " + round);
            }
            Files.delete(Path.of(where));
        }
    }

    /// An heir writes nothing that is before the end of the log, nor lease words that others may be changing.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void anHeirChangesNothingThatWasPutOrClaimed(String flag) throws Exception {
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), new QueueGeometry(1, 1 << 18, 0, Leasing.DEFAULT), "").close();
        try (var heir = Child.start(PORTABLE);
                var holder = Child.start(flag)) {
            var held = holder.peer();
            held.run(scope -> scope.open(where).consumer(Delivery.LEASED));
            var next = heir.peer();
            next.run(scope -> scope.open(where));
            for (int put = 0; put < 60; put++) { // 60 heirs, over the first lap's end
                int number = put;
                next.run(scope -> {
                    try (var producer = scope.queue.newProducer()) {
                        producer.put(new byte[] {(byte) number});
                        producer.put(new byte[6000]);
                    }
                });
                held.run(scope -> {
                    var lease =
                            ((LeasingConsumer) scope.consumer).tryLease((m, at) -> assertEquals(number, m.getByte(0)));
                    assertEquals(1, lease.attempt());
                    lease.done();
                    ((LeasingConsumer) scope.consumer).tryLease((m, at) -> {}).done();
                    assertEquals(0, scope.queue.size());
                });
            }
        }
    }

    // ---- locks

    /// Who only reads a file's byte, or asks for a lock, has no lane.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aReadersLockDoesNotMakeAnybodyLookAlive(String flag) throws Exception {
        Path file = directory.resolve("queue");
        String where = file.toString();
        LaneQueue.create(file, new QueueGeometry(1, 4096, 0), "").close();
        try (var asks = Child.start(flag);
                var owner = Child.start(flag)) {
            var owns = owner.peer();
            owns.run(scope -> scope.open(where).producer());
            var peer = asks.peer();
            peer.run(scope -> scope.open(where));
            assertTrue(peer.test(scope -> scope.queue.stats().lanes().getFirst().owned()));
            owner.kill();
            try (var reader = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                reader.lock(LANE_0_LOCK, 1, true);
                assertFalse(peer.test(scope -> scope.queue.stats().lanes().getFirst().owned()));
            }
        }
    }

    /// An interrupt closes a channel in which the thread is, and with it all locks of the process would be gone.
    @Test
    void anInterruptedThreadKeepsItsLane() throws Exception {
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), new QueueGeometry(1, 1 << 20, 0), "").close();
        try (var one = Child.start(PORTABLE);
                var two = Child.start(PORTABLE)) {
            var peer = one.peer();
            assertEquals(30, peer.count(scope -> {
                Thread.currentThread().interrupt();
                scope.open(where).producer();
                int n = 0;
                while (n < 30 && scope.producer.tryPut(new byte[20_000])) n++;
                LaneQueue.open(Path.of(where)).close();
                assertEquals(n, scope.queue.size());
                assertTrue(Thread.interrupted());
                return n;
            }));
            var other = two.peer();
            other.run(scope -> scope.open(where));
            var thrown = assertThrows(QueueUnavailableException.class, () -> other.run(scope -> scope.producer()));
            assertTrue(thrown.getMessage().contains("living producer"), thrown.getMessage());
            assertThrows(QueueUnavailableException.class, () -> other.run(scope -> LaneQueue.delete(Path.of(where))));
        }
    }

    // ---- what is no queue of ours

    private void assertRefused(Path file, String why) {
        String where = file.toString();
        for (String flag : List.of(NATIVE, PORTABLE)) {
            try (var peer = Child.kept("opens", flag).peer()) {
                for (Peer.Step step : List.<Peer.Step>of(scope -> LaneQueue.open(Path.of(where)),
                        scope -> LaneQueue.delete(Path.of(where)))) {
                    var thrown = assertThrows(QueueUnavailableException.class, () -> peer.run(step));
                    assertTrue(thrown.getMessage().contains(why), thrown.getMessage());
                }
            }
        }
        assertTrue(Files.exists(file));
    }

    private Path queue() {
        Path file = directory.resolve("queue");
        LaneQueue.create(file, new QueueGeometry(1, 4096, 0), "").close();
        return file;
    }

    @Test
    void aQueueWithASecondNameIsRefused() throws Exception {
        Path file = queue();
        Files.createLink(directory.resolve("second"), file);
        assertRefused(file, "2 names");
    }

    @Test
    void aQueueThatOthersMayWriteIsRefused() throws Exception {
        Path file = queue();
        for (String mode : List.of("rw--w----", "rw-----w-", "rw-rw-rw-")) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
            assertRefused(file, "chmod 600");
        }
    }

    @Test
    void aQueueOfAnotherUserIsRefused() throws Exception {
        Path file = queue();
        try {
            Files.setAttribute(file, "unix:uid", 65534);
        } catch (IOException e) {
            assumeTrue(false, "may not give files away: " + e);
        }
        assertRefused(file, "user 65534");
    }

    @Test
    void aSymbolicLinkIsRefused() throws Exception {
        assertRefused(Files.createSymbolicLink(directory.resolve("link"), queue()), "symbolic link");
    }

    @Test
    void aQueueWithUnknownFeaturesIsOfAnotherRelease() throws Exception {
        Path file = queue();
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.wrap(new byte[] {0, 0, 64}), FileTest.NEEDED_FEATURES);
        }
        String where = file.toString();
        for (String flag : List.of(NATIVE, PORTABLE)) {
            try (var peer = Child.kept("opens", flag).peer()) {
                var thrown = assertThrows(QueueUnavailableException.class, () -> peer.run(scope -> scope.open(where)));
                assertTrue(thrown.getMessage().contains("use that release or a later one"), thrown.getMessage());
            }
        }
        LaneQueue.delete(file);
    }

    /// A creator that is killed when its file has its name leaves it a second one, which whoever comes next takes away.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aCreatorThatDiedBeforeItsLastStepLeavesAQueue(String flag) throws Exception {
        Path file = queue();
        String where = file.toString();
        Path temporary = Files.createLink(directory.resolve(".procession-1"), file);
        try (var peer = Child.kept("opens", flag).peer()) {
            peer.run(scope -> scope.open(where));
        }
        assertFalse(Files.exists(temporary));
    }

    // ---- names

    /// What java.nio and the system call a file is the same, whatever the locale can spell.
    @ParameterizedTest
    @CsvSource({"C, " + NATIVE, "C, " + PORTABLE, "C.utf8, " + NATIVE, "C.utf8, " + PORTABLE})
    void namesWithOtherLettersAreTheFilesThatTheyName(String locale, String flag) throws Exception {
        for (String code : List.of("UTF-8", "ISO-8859-1")) {
            Path folder = Files.createDirectory(directory.resolve(code));
            var command = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), flag,
                    "--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                    "-Dsun.jnu.encoding=" + code,
                    "-cp",
                    System.getProperty("java.class.path"), Named.class.getName(), folder.toString())
                    .redirectErrorStream(true);
            if (code.equals("UTF-8")) command.command().remove("-Dsun.jnu.encoding=UTF-8"); // as the locale has it
            command.environment().put("LC_ALL", locale);
            // of a name that this locale may not be able to spell
            assertEquals(0, new ProcessBuilder("sh", "-c", "mkdir -m 700 \"$(printf 'w\\303\\266rter\\344')\"")
                    .directory(folder.toFile()).start().waitFor());
            var process = command.start();
            String said = new String(process.getInputStream().readAllBytes());
            assertEquals(0, process.waitFor(), said);
            assertEquals("all is well", said.strip());
        }
    }

    /// Makes, opens and deletes a queue in a directory, and beside a file, as it finds them.
    static final class Named {
        private Named() {}

        public static void main(String[] arguments) throws Exception {
            Path folder;
            try (var all = Files.list(Path.of(arguments[0]))) {
                folder = all.findFirst().orElseThrow();
            }
            Path file = folder.resolve("queue");
            LaneQueue.create(file, new QueueGeometry(1, 4096, 0), "").close();
            assertTrue(Files.exists(file), "made elsewhere");
            Path odd = folder.resolve(folder.getFileName());
            try (var queue = LaneQueue.create(odd, new QueueGeometry(1, 4096, 0), "");
                    var again = LaneQueue.open(odd);
                    var beside = queue.openBeside(".dead", new QueueGeometry(1, 4096, 0), "")) {
                assertTrue(Files.exists(odd) && Files.exists(beside.path()), "made elsewhere");
                try (var producer = again.newProducer()) {
                    producer.put(new byte[1]);
                }
                assertEquals(1, queue.size());
                LaneQueue.open(beside.path()).close();
                try (var files = Files.list(folder)) {
                    assertEquals(3, files.count());
                }
            }
            try (var files = Files.list(folder)) {
                for (Path each : files.toList()) LaneQueue.delete(each);
            }
            try (var files = Files.list(folder)) {
                assertEquals(0, files.count());
            }
            System.out.println("all is well");
        }
    }
}
