package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A process whose questions about locks fail takes nobody for dead.
class LockErrorTest {
    private static final int O_PATH = 010000000;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    /// Puts descriptors in the place of this process's own of a file that tell its size, but know nothing of locks:
    /// each question about one fails, with EBADF.
    @SuppressWarnings("restricted")
    static final class Descriptors {
        private Descriptors() {}

        static int spoil(Path file) throws Throwable {
            List<Integer> all = new ArrayList<>();
            try (DirectoryStream<Path> numbers = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
                for (Path each : numbers) {
                    try {
                        if (Files.readSymbolicLink(each).equals(file)) {
                            all.add(Integer.parseInt(each.getFileName().toString()));
                        }
                    } catch (IOException e) {
                        continue; // the one that lists them
                    }
                }
            }
            var linker = Linker.nativeLinker();
            var open = linker.downcallHandle(linker.defaultLookup().findOrThrow("open"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
                    Linker.Option.firstVariadicArg(2));
            var dup2 = linker.downcallHandle(linker.defaultLookup().findOrThrow("dup2"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
            try (Arena arena = Arena.ofConfined()) {
                int path = (int) open.invokeExact(arena.allocateFrom(file.toString()), O_PATH);
                for (int each : all) assertEquals(each, (int) dup2.invokeExact(path, each));
            }
            return all.size();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-Ddev.procession.tests=native", "-Ddev.procession.platform=portable"})
    void whoCannotAskAboutALockTakesItsHolderForAlive(String flag) throws Exception {
        String where = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(where), new QueueGeometry(1, 1 << 16, 0, Leasing.DEFAULT), "").close();
        try (var dead = Child.start(flag);
                var blind = Child.start(flag);
                var sees = Child.kept("sees", flag).peer()) {
            dead.peer().run(scope -> {
                scope.open(where).producer();
                scope.producer.put(new byte[1]);
                scope.consumer(Delivery.LEASED);
                Objects.requireNonNull(((LeasingConsumer) scope.consumer).tryLease((message, lease) -> {}));
            });
            var peer = blind.peer();
            peer.run(scope -> {
                scope.open(where).consumer(Delivery.LEASED);
                assertTrue(scope.queue.stats().lanes().getFirst().owned());
                assertTrue(Descriptors.spoil(Path.of(where)) > 0);
            });
            sees.run(scope -> scope.open(where).consumer(Delivery.LEASED));
            dead.kill();
            Await.until("it is dead",
                    () -> !sees.test(scope -> scope.queue.stats().lanes().getFirst().owned()));
            peer.run(scope -> {
                assertTrue(scope.queue.stats().lanes().getFirst().owned());
                for (int i = 0; i < 100; i++) {
                    assertNull(((LeasingConsumer) scope.consumer).tryLease((message, lease) -> {}));
                }
                assertFalse(scope.queue.isEmpty());
            });
            sees.run(scope -> {
                var lease = Objects.requireNonNull(((LeasingConsumer) scope.consumer).tryLease((message, at) -> {}));
                assertEquals(2, lease.attempt());
                lease.done();
            });
        }
    }
}
