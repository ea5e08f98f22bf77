package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
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
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Where the system says no: each time a clear error that names the file, and nobody dies.
class LimitsTest {
    private static final String PORTABLE = "-Ddev.procession.platform=portable";
    private static final String NATIVE = "-Ddev.procession.tests=native";
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 1 << 20, 0);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private static int run(String... command) throws Exception {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getInputStream().readAllBytes();
        return process.waitFor();
    }

    private static String refused(Peer peer, Peer.Step step) {
        return assertThrows(QueueUnavailableException.class, () -> peer.run(step)).getMessage();
    }

    private static void assertSays(String said, String... words) {
        for (String word : words) assertTrue(said.contains(word), said);
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aFileSizeLimitIsAnErrorAndNotASignal(String flag) throws Exception {
        String file = directory.resolve("queue").toString();
        String made = directory.resolve("made").toString();
        LaneQueue.create(Path.of(made), GEOMETRY, "").close();
        try (var child = Child.start(flag);
                var peer = child.peer()) {
            peer.run(scope -> scope.open(made).consumer(Delivery.SHARED)); // its classes are loaded
            assumeTrue(run("prlimit", "--pid", Long.toString(child.pid()), "--fsize=65536") == 0, "no prlimit");
            assertSays(refused(peer, scope -> LaneQueue.create(Path.of(file), GEOMETRY, "")), file);
            assertFalse(Files.exists(Path.of(file)));
            // what is there already can be used, as far as the limit goes
            long took = peer.count(scope -> {
                int n = 0;
                try {
                    scope.producer();
                } catch (QueueUnavailableException e) {
                    assertSays(e.getMessage(), made, "no space");
                    return n;
                }
                while (scope.producer.tryPut(new byte[1000])) n++;
                return n;
            });
            assertTrue(took < 1_100, "took=" + took);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aQueueHasUpTo4096Producers(String flag) {
        String file = directory.resolve("queue").toString();
        int lanes = 4096;
        LaneQueue.create(Path.of(file), new QueueGeometry(lanes, 4096, 0), "").close();
        try (var puts = Child.kept("many lanes", flag).peer();
                var gets = Child.kept("few lanes", flag).peer()) {
            puts.run(scope -> {
                scope.open(file);
                for (int i = 0; i < lanes; i++) {
                    scope.producer();
                    assertEquals(i, scope.producer.lane());
                    scope.producer.put(new byte[] {(byte) i, (byte) (i >> 8)});
                }
            });
            assertSays(refused(gets, scope -> scope.open(file).producer()), "4096 lanes", file);
            gets.run(scope -> {
                scope.consumer(Delivery.SHARED);
                assertEquals(lanes, scope.queue.size());
                for (int i = 0; i < lanes; i++) assertArrayEquals(new byte[] {(byte) i, (byte) (i >> 8)}, scope.take());
                assertTrue(scope.queue.isEmpty());
            });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aProcessWithoutFileDescriptorsIsToldSo(String flag) throws Exception {
        String file = directory.resolve("queue").toString();
        String other = directory.resolve("other").toString();
        LaneQueue.create(Path.of(file), GEOMETRY, "").close();
        LaneQueue.create(Path.of(other), GEOMETRY, "").close();
        try (var child = Child.start(flag);
                var peer = child.peer()) {
            peer.run(scope -> scope.open(other).consumer(Delivery.SHARED)); // its classes are loaded
            assumeTrue(run("prlimit", "--pid", Long.toString(child.pid()), "--nofile=256") == 0, "no prlimit");
            String said = refused(peer, scope -> {
                var held = new ArrayList<FileChannel>();
                try {
                    try {
                        while (true) held.add(FileChannel.open(Path.of("/dev/null"), StandardOpenOption.READ));
                    } catch (IOException none) {}
                    LaneQueue.open(Path.of(file));
                } finally {
                    for (var each : held) each.close();
                }
            });
            assertSays(said, file);
            peer.run(scope -> LaneQueue.open(Path.of(file)).close());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aReadOnlyFileSystemIsSaidToBeOne(String flag) throws Exception {
        String where = directory.toString();
        assumeTrue(run("mount", "-t", "tmpfs", "-o", "mode=700,size=8m", "procession-test", where) == 0, "no mount");
        try (var peer = Child.kept("read-only", flag).peer()) {
            String file = directory.resolve("queue").toString();
            String next = directory.resolve("next").toString();
            try (var maker = Child.start(flag)) { // whose mapping is gone with it
                maker.peer().run(scope -> LaneQueue.create(Path.of(file), GEOMETRY, "").close());
            }
            assertEquals(0, run("mount", "-o", "remount,ro", where));
            assertSays(refused(peer, scope -> LaneQueue.open(Path.of(file))), file, "ead-only");
            assertSays(refused(peer, scope -> LaneQueue.create(Path.of(next), GEOMETRY, "")), where, "ead-only");
            assertSays(refused(peer, scope -> LaneQueue.delete(Path.of(file))), file, "ead-only");
        } finally {
            run("umount", "-l", where);
        }
    }

    /// The whole process becomes another user's.
    @SuppressWarnings("restricted")
    private static void become(int uid) throws Throwable {
        var linker = Linker.nativeLinker();
        var setuid = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("setuid"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        assertEquals(0, (int) setuid.invokeExact(uid));
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void anotherUserIsToldThatItMayNot(String flag) throws Exception {
        assumeTrue((int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0, "needs to be root");
        String file = directory.resolve("queue").toString();
        String next = directory.resolve("next").toString();
        String where = directory.toString();
        LaneQueue.create(Path.of(file), GEOMETRY, "").close();
        try (var child = Child.start(flag)) {
            var peer = child.peer();
            peer.run(scope -> {
                LaneQueue.open(Path.of(file)).close(); // its classes are loaded
                become(65_534);
            });
            // the directory is its owner's only
            assertSays(refused(peer, scope -> LaneQueue.open(Path.of(file))), file, "ermission");
            assertSays(refused(peer, scope -> LaneQueue.create(Path.of(next), GEOMETRY, "")), where, "ermission");
            assertSays(refused(peer, scope -> LaneQueue.delete(Path.of(file))), file, "ermission");
            // so is the file
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
            assertSays(refused(peer, scope -> LaneQueue.open(Path.of(file))), file, "belongs to user 0");
            assertSays(refused(peer, scope -> LaneQueue.delete(Path.of(file))), file, "belongs to user 0");
            assertTrue(Files.exists(Path.of(file)));
        }
        LaneQueue.open(Path.of(file)).close();
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aSocketIsRefused(String flag) throws Exception {
        Path file = directory.resolve("queue");
        String where = file.toString();
        try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
                var peer = Child.kept("limits", flag).peer()) {
            server.bind(UnixDomainSocketAddress.of(file));
            assertSays(refused(peer, scope -> LaneQueue.open(Path.of(where))), where, "not a regular file");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aNameThatIsTooLongIsRefused(String flag) {
        String where = directory.resolve("q".repeat(256)).toString();
        try (var peer = Child.kept("limits", flag).peer()) {
            assertSays(refused(peer, scope -> LaneQueue.create(Path.of(where), GEOMETRY, "")), "qqqq", "too long");
            assertSays(refused(peer, scope -> LaneQueue.open(Path.of(where))), "qqqq", "too long");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void pathsMayBeRelativeAndHaveSpacesAndAnyLetters(String flag) throws Exception {
        String where = directory.resolve("a queue, für Ωmega\n").toString();
        try (var peer = Child.kept("limits", flag, "-Dsun.jnu.encoding=UTF-8").peer()) {
            peer.run(scope -> {
                var relative = Path.of("").toAbsolutePath().relativize(Path.of(where));
                try (var queue = LaneQueue.create(relative, GEOMETRY, "");
                        var producer = queue.newProducer()) {
                    assertEquals(Path.of(where), queue.path().normalize());
                    producer.put(new byte[] {7});
                }
                scope.open(where).consumer(Delivery.SHARED);
                assertArrayEquals(new byte[] {7}, scope.take());
            });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, PORTABLE})
    void aQueueWhoseNameIsGoneWorksForThoseWhoHaveItOpen(String flag) throws Exception {
        Path file = directory.resolve("queue");
        String where = file.toString();
        LaneQueue.create(file, GEOMETRY, "").close();
        try (var peer = Child.kept("limits", flag).peer()) {
            peer.run(scope -> scope.open(where).producer());
            Files.delete(file);
            peer.run(scope -> {
                scope.consumer(Delivery.SHARED);
                scope.producer.put(new byte[] {7});
                assertArrayEquals(new byte[] {7}, scope.take());
            });
            assertSays(refused(peer, scope -> LaneQueue.open(Path.of(where))), where, "no queue");
            LaneQueue.create(file, GEOMETRY, "").close(); // another one, of which the first knows nothing
            peer.run(scope -> {
                scope.producer.put(new byte[] {8});
                try (var another = LaneQueue.open(Path.of(where))) {
                    assertTrue(another.isEmpty());
                }
                assertArrayEquals(new byte[] {8}, scope.take());
            });
        }
    }
}
