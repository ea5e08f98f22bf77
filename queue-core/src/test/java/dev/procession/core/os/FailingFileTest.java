package dev.procession.core.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What fails half way leaves no file, lock or descriptor behind.
class FailingFileTest {
    private static final long BYTES = 8192;
    private static final long LOCK = 0;

    @TempDir
    Path folder;

    private static Platform platform(String name) {
        if (name.equals("portable")) return new PortablePlatform();
        assumeTrue(Os.CURRENT.name().equals("linux"));
        return Os.CURRENT;
    }

    private static long descriptors(Path folder) throws IOException {
        Path all = Path.of("/proc/self/fd");
        if (!Files.isDirectory(all)) return 0;
        try (var open = Files.list(all)) {
            return open.filter(each -> isBelow(folder, each)).count();
        }
    }

    private static boolean isBelow(Path folder, Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).startsWith(folder.toRealPath());
        } catch (IOException e) {
            return false; // closed meanwhile
        }
    }

    private List<Path> files() throws IOException {
        try (var all = Files.list(folder)) {
            return all.toList();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void aFileWhoseFirstBytesCannotBeWrittenIsNotThere(String name) throws IOException {
        var platform = platform(name);
        Path path = folder.resolve("file");
        for (Throwable thrown : List.of(new IllegalStateException("write"), new StackOverflowError("write"))) {
            var seen = assertThrows(thrown.getClass(),
                    () -> platform.create(path, BYTES, BYTES, LOCK, memory -> FailingFileTest.throwIt(thrown)));
            assertEquals("write", seen.getMessage());
            assertEquals(List.of(), files());
            assertEquals(0, descriptors(folder));
        }
        var file = platform.create(path, BYTES, BYTES, LOCK, memory -> {});
        assertThrows(FileAlreadyExistsException.class,
                () -> platform.create(path, BYTES, BYTES, LOCK, memory -> {}));
        assertEquals(List.of(path), files());
        file.close();
        assertEquals(0, descriptors(folder));
    }

    private static void throwIt(Throwable thrown) {
        if (thrown instanceof Error error) throw error;
        throw (RuntimeException) thrown;
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void aFileThatIsOpenCannotBeHadAlone(String name) throws IOException {
        var platform = platform(name);
        Path path = folder.resolve("file");
        var first = platform.create(path, BYTES, BYTES, LOCK, memory -> {});
        long open = descriptors(folder);
        assertNull(platform.open(path, BYTES, BYTES, LOCK, false));
        assertEquals(open, descriptors(folder));
        var second = platform.open(path, BYTES, BYTES, LOCK, true);
        assertNotNull(second);
        first.close();
        assertNull(platform.open(path, BYTES, BYTES, LOCK, false));
        second.close();
        var alone = platform.open(path, BYTES, BYTES, LOCK, false);
        assertNotNull(alone);
        assertNull(platform.open(path, BYTES, BYTES, LOCK, true));
        alone.close();
        assertEquals(0, descriptors(folder));
    }

    /// The number of its descriptor may be another file's by now: what it then says of locks must not be taken for an
    /// answer about this one.
    @ParameterizedTest
    @ValueSource(strings = {"linux"})
    void aFileThatIsDetachedHoldsAllForAliveAndTouchesNoOther(String name) throws IOException {
        var platform = platform(name);
        var file = platform.create(folder.resolve("file"), BYTES, BYTES, LOCK, memory -> {});
        assertFalse(file.isLocked(100));
        file.detach();
        var other = platform.create(folder.resolve("other"), BYTES, BYTES, LOCK, memory -> {}); // gets that number
        assertTrue(file.isLocked(100));
        assertFalse(file.tryLock(200, false));
        var third = platform.open(folder.resolve("other"), BYTES, BYTES, LOCK, true);
        assertNotNull(third);
        assertTrue(third.tryLock(200, false), "it was locked through the number of another file");
        file.unlock(LOCK);
        assertNull(platform.open(folder.resolve("other"), BYTES, BYTES, LOCK, false));
        third.close();
        assertNull(platform.open(folder.resolve("other"), BYTES, BYTES, LOCK, false), "it was unlocked");
        other.close();
        file.close();
    }
}
