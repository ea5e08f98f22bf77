package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.Worker;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What killed processes have left is removed by the next one, but only if it was a process of the same user: others
/// can make directories with such names in the temporary one, and may have processes that use them.
class ForeignDirectoriesTest {
    private static final int SOMEBODY = 12345;

    @TempDir
    Path folder;

    private Path runtime;
    private Path temporary;

    @BeforeEach
    void places() throws IOException {
        runtime = Files.createDirectories(folder.resolve("r/procession"), mode("rwx------"));
        temporary = Files.createDirectory(folder.resolve("t"));
    }

    private static FileAttribute<?> mode(String permissions) {
        return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions));
    }

    /// What a killed parent leaves that its workers asked for classes.
    private Path leftByAParent(String tag) throws IOException {
        Path left = Files.createDirectory(temporary.resolve("procession-parent-1-" + tag), mode("rwx------"));
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(left.resolve("classes")));
        }
        Files.createFile(left.resolve("boot.jar"));
        return left;
    }

    /// What a parent and its worker leave that are killed together.
    private static Path leftByAWorker(Path home, String tag) throws IOException {
        Path left = Files.createDirectory(home.resolve("worker-1-2-" + tag), mode("rwx------"));
        for (String each : List.of("running", "end")) Files.createFile(left.resolve(each));
        return left;
    }

    private List<Path> leftByAll(String tag) throws IOException {
        return List.of(leftByAParent(tag), leftByAWorker(runtime, tag));
    }

    private static List<Path> existing(List<Path> paths) {
        return paths.stream().filter(Files::exists).toList();
    }

    static final class Starts {
        private Starts() {}

        public static void main(String[] args) throws Exception {
            // needs a directory for it
            Worker.builder().jvmArguments("-Dlong=" + "x".repeat(200_000)).start(() -> {}).join();
        }
    }

    private void startAWorker() throws Exception {
        try (Processes.Jvm parent =
                Processes.Jvm.start(folder, Map.of("XDG_RUNTIME_DIR", runtime.getParent().toString()),
                        List.of("-Djava.io.tmpdir=" + temporary, "-Ddev.procession.startupCache=off"), Starts.class)) {
            assertEquals(0, parent.awaitEnd(), parent.output());
            assertEquals("", parent.output());
        }
    }

    @Test
    void whatAnotherUsersProcessesHaveLeftStays() throws Exception {
        assumeTrue((int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0, "only root can give files away");
        List<Path> own = leftByAll("1");
        List<Path> foreign = leftByAll("2");
        List<Path> all = new ArrayList<>();
        for (Path directory : foreign) {
            try (Stream<Path> files = Files.walk(directory)) {
                all.addAll(files.toList());
            }
        }
        for (Path each : all) Files.setAttribute(each, "unix:uid", SOMEBODY);
        startAWorker();
        assertEquals(List.of(), existing(own));
        assertEquals(all, existing(all));
    }

    @Test
    void whatOthersCouldHaveChangedStays() throws Exception {
        List<Path> own = leftByAll("1");
        List<Path> open = leftByAll("2");
        for (Path each : open) Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxrwx---"));
        startAWorker();
        assertEquals(List.of(), existing(own));
        assertEquals(open, existing(open));
        assertTrue(Files.exists(open.getFirst().resolve("boot.jar")));
    }
}
