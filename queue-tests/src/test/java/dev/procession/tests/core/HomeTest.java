package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Where queues without a name live, and what is swept there.
class HomeTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 0);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    /// Makes a queue without a name, uses it, and says where it is.
    static final class Maker {
        private Maker() {}

        public static void main(String[] arguments) throws InterruptedException {
            try (var queue = LaneQueue.createAnonymous(GEOMETRY, "");
                    var producer = queue.newProducer();
                    var consumer = queue.newConsumer(Delivery.SHARED)) {
                producer.put(new byte[7]);
                System.out.println(consumer.tryGet(new byte[7]) == 7 ? "in " + queue.path().getParent() : "lost");
            } catch (QueueUnavailableException e) {
                System.out.println("refused: " + e.getMessage());
            }
        }
    }

    /// In a name space of its own, with a /dev/shm of its own: `$D` is this test's directory, `$X` the one for
    /// XDG_RUNTIME_DIR, which is there, and `$T` the one for temporary files.
    private String make(String setUp, String options) throws Exception {
        Path work = Files.createDirectory(directory.resolve("work"));
        Files.createDirectories(directory.resolve("tmp"));
        String script = """
                export D=/dev/shm/d X=/dev/shm/d/x T=/dev/shm/d/tmp XDG_RUNTIME_DIR=/dev/shm/d/x
                mount -t tmpfs -o mode=1777 procession-test /dev/shm && mkdir -m 700 $D $X $T || exit 99
                %s || exit 99
                exec "%s" %s -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData %s \
                -Djava.io.tmpdir=$T -cp "%s" '%s'
                """.formatted(setUp, Path.of(System.getProperty("java.home"), "bin", "java"),
                "--enable-native-access=ALL-UNNAMED", options, System.getProperty("java.class.path"),
                Maker.class.getName());
        boolean root = (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0;
        var process = new ProcessBuilder("unshare", root ? "-m" : "-rm", "sh", "-c", script)
                .directory(work.toFile())
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes());
        assertTrue(process.waitFor(30, TimeUnit.SECONDS), said);
        assumeTrue(process.exitValue() == 0, () -> "cannot be set up here: " + said);
        try (var left = Files.list(work)) {
            assertEquals(List.of(), left.toList(), "left in the working directory");
        }
        return said.strip();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "true                                                                    | /dev/shm/d/x/procession",
        "unset XDG_RUNTIME_DIR                                                   | /dev/shm/procession-0",
        "XDG_RUNTIME_DIR=                                                        | /dev/shm/procession-0",
        "XDG_RUNTIME_DIR=x                                                       | /dev/shm/procession-0",
        "XDG_RUNTIME_DIR=.                                                       | /dev/shm/procession-0",
        "XDG_RUNTIME_DIR=/nowhere                                                | /dev/shm/procession-0",
        "rmdir $X && touch $X                                                    | /dev/shm/procession-0",
        "chown 12345 $X                                                          | /dev/shm/procession-0",
        "mount -t tmpfs -o ro,mode=700 procession-test $X                        | /dev/shm/procession-0",
        "mount -t tmpfs -o size=4k,mode=700 procession-test $X && echo full >$X/f | /dev/shm/procession-0",
        "touch $X/procession                                                     | /dev/shm/d/x/procession-2",
        "mkdir -m 700 $X/procession && chown 12345 $X/procession                 | /dev/shm/d/x/procession-2",
        "mkdir -m 755 $X/procession                                              | /dev/shm/d/x/procession-2",
        "ln -s $T $X/procession                                                  | /dev/shm/d/x/procession-2",
        "ln -s nowhere $X/procession                                             | /dev/shm/d/x/procession-2",
        "rmdir $X && mkdir -m 777 /dev/shm/procession-0 && touch /dev/shm/procession-0-2 | /dev/shm/procession-0-3",
        "rmdir $X && chmod 777 /dev/shm                                          | /dev/shm/d/tmp/procession-0",
        "rmdir $X && mount -o remount,ro /dev/shm && mount -t tmpfs -o mode=1777 p $T | /dev/shm/d/tmp/procession-0",
    })
    void theHomeIsTheFirstPlaceThatIsOursAndCanBeWritten(String setUp, String home) throws Exception {
        assertEquals("in " + home, make(setUp, ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void nobodyIsInTheWayWhoMakesEachNameFirst(String flag) throws Exception {
        String said =
                make("rmdir $X; for i in '' -2 -3 -4 -5 -6 -7 -8 -9; do touch /dev/shm/procession-0$i; done", flag);
        assertTrue(said.matches("in /dev/shm/procession-0-[0-9a-f-]{36}"), said);
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void oneErrorSaysWhatWasTriedAndWhyItCannotBeUsed(String flag) throws Exception {
        String said = make("rmdir $X; chmod 777 /dev/shm $T", flag);
        assertTrue(said.startsWith("refused: ") && !said.contains("\n"), said);
        for (String part : List.of("-Ddev.procession.dir",
                "$XDG_RUNTIME_DIR: /dev/shm/d/x is not a directory that is there",
                "/dev/shm: /dev/shm can be written by all", "java.io.tmpdir: /dev/shm/d/tmp can be written by all")) {
            assertTrue(said.contains(part), said);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "true                            | $D/mine   | in /dev/shm/d/mine",
        "mkdir -m 700 $D/mine            | $D/mine   | in /dev/shm/d/mine",
        "mkdir -m 750 $D/mine            | $D/mine   | refused: .*/d/mine is open to other users; chmod 700 .*",
        "touch $D/mine                   | $D/mine   | refused: .*/d/mine is not a directory.*",
        "true                            | $D/no/dir | refused: .*/d/no/dir .*parent is not there.*",
        "true                            | work      | refused: .*\"work\" is not an absolute path.*",
        "true                            | ''        | refused: .*not set.*",
    })
    void theHomeThatIsSetIsTheOnlyOne(String setUp, String set, String answer) throws Exception {
        String said = make(setUp, "-Ddev.procession.dir=" + set);
        assertTrue(said.matches(answer), said);
    }

    // ---- the sweep

    private Child child(String flag) {
        return Child.start(flag, "-Ddev.procession.dir=" + directory);
    }

    private static void sweep(Peer peer) {
        peer.run(scope -> LaneQueue.createAnonymous(GEOMETRY, "").close());
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void onlyAnonymousQueuesOfOursThatNobodyHasAreSweptAway(String flag) throws Exception {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        String like = "queue-" + UUID.randomUUID();
        Path named = directory.resolve("queue-jobs");
        Path namedAlike = directory.resolve("queue-" + UUID.randomUUID());
        for (Path file : List.of(named, namedAlike)) {
            try (var queue = LaneQueue.create(file, GEOMETRY, "jobs");
                    var producer = queue.newProducer()) {
                producer.put(new byte[11]);
            }
        }
        Path notes = Files.write(directory.resolve("queue-notes.txt"), new byte[5000]);
        Path notesAlike = Files.write(directory.resolve(like), new byte[5000]);
        Files.setPosixFilePermissions(notesAlike, PosixFilePermissions.fromString("rw-------"));
        Path folder = Files.createDirectory(directory.resolve("queue-" + UUID.randomUUID()));
        Path fifo = directory.resolve("queue-" + UUID.randomUUID());
        assertEquals(0, new ProcessBuilder("mkfifo", "-m", "600", fifo.toString()).start().waitFor());

        try (var owner = child(flag);
                var sweeper = child(flag)) {
            var dies = owner.peer();
            var peer = sweeper.peer();
            String where = dies.call(scope -> {
                scope.queue = LaneQueue.createAnonymous(GEOMETRY, "");
                scope.queue.openBeside(".dead", GEOMETRY, "");
                return scope.queue.path().toString();
            });
            Path abandoned = Path.of(where);
            Path beside = Path.of(abandoned + ".dead");
            byte[] copy = Files.readAllBytes(beside); // an abandoned one of another version
            Path other = directory.resolve("queue-" + UUID.randomUUID());
            Files.write(other, copy);
            Path link = Files.createSymbolicLink(directory.resolve("queue-" + UUID.randomUUID()), other);
            Files.setPosixFilePermissions(other, PosixFilePermissions.fromString("rw-------"));
            long versionAt = FileTest.LAYOUT.get("version");
            write(other, versionAt, FileTest.read(other, versionAt) + 1);
            var kept = List.of(named, namedAlike, notes, notesAlike, folder, fifo, link, other, abandoned, beside);

            sweep(peer);
            for (Path each : kept) assertTrue(Files.exists(each, LinkOption.NOFOLLOW_LINKS), each + " is gone");
            assertEquals(0, peer.count(scope -> Files.readAllLines(Path.of("/proc/self/maps")).stream()
                    .filter(line -> line.contains(where)).count()), "mapped what is in use");

            owner.kill();
            write(other, versionAt, FileTest.read(other, versionAt) - 1);
            sweep(peer);
            for (Path each : List.of(abandoned, beside, other)) assertFalse(Files.exists(each), each + " is left");
            for (Path each : kept.subList(0, 7))
                assertTrue(Files.exists(each, LinkOption.NOFOLLOW_LINKS), each + " is gone");
        }
        for (Path file : List.of(named, namedAlike)) {
            try (var queue = LaneQueue.open(file)) {
                assertEquals(1, queue.size());
            }
        }
    }

    /// The dead letters of a queue stay while somebody has that queue, even if nobody has them.
    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void whatIsBesideAQueueInUseIsNotSweptAway(String flag) throws Exception {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        try (var one = child(flag);
                var two = child(flag);
                var sweeper = child(flag)) {
            var holder = one.peer();
            String path = holder.call(scope -> {
                scope.queue = LaneQueue.createAnonymous(GEOMETRY, "");
                return scope.queue.path().toString();
            });
            two.peer().run(scope -> {
                scope.open(path);
                scope.other = scope.queue.openBeside(".dead", GEOMETRY, "").newProducer();
                scope.other.put(new byte[13]);
            });
            two.kill();
            sweep(sweeper.peer());
            assertEquals(1, holder.count(scope -> {
                try (var dead = scope.queue.openBeside(".dead", GEOMETRY, "")) {
                    return dead.size();
                }
            }));
        }
    }

    private static void write(Path file, long offset, long value) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0, value), offset);
        }
    }
}
