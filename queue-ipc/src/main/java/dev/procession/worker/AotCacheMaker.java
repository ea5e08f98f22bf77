package dev.procession.worker;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The process that makes an [AotCache].
public final class AotCacheMaker {
    /// Most recently used caches that may stay when a new one is made: other Java versions, other applications.
    private static final int KEPT = 4;
    /// How long the making may take; it is a matter of seconds.
    private static final Duration LONGEST = Duration.ofMinutes(3);

    private AotCacheMaker() {}

    /// Ends this process, and those that it has started, when its standard input ends: then so has the process that
    /// started it, however it went; or when it has taken too long.
    private static void endInTime() {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                System.in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) {
                // as if it ended
            }
            end();
        });
        Thread.ofPlatform().daemon().start(() -> {
            try {
                Thread.sleep(LONGEST);
            } catch (InterruptedException e) {
                throw new AssertionError("no other thread knows this one", e);
            }
            end();
        });
    }

    private static void end() {
        AotCache.endDescendants(ProcessHandle.current());
        Making making = isMaking;
        if (making != null) {
            AotCache.delete(making.part);
            making.record.delete();
        }
        Runtime.getRuntime().halt(1);
    }

    /// What there is while it is made.
    ///
    /// @param part the file that is not whole yet
    /// @param record of the process that it is made from
    private record Making(Path part, ExitRecord record) {}

    private static volatile @Nullable Making isMaking; // in the making process

    /// Runs a worker that notes what it needs, from which the JVM makes the cache when it ends.
    ///
    /// @param args the file; the command that starts the worker
    /// @param training the worker's task
    /// @param tasks what is known of it
    /// @throws IOException if it cannot be made
    /// @throws InterruptedException not at all
    public static void make(String[] args, Object training, Tasks tasks) throws IOException, InterruptedException {
        endInTime();
        Path file = Path.of(args[0]);
        Path making = file.resolveSibling(AotCache.PART);
        try (FileChannel channel = FileChannel.open(
                file.resolveSibling(AotCache.LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock == null || Files.exists(file)) {
                return; // another process makes it, or has
            }
            AotCache.delete(making);
            ExitRecord record = ExitRecord.create();
            isMaking = new Making(making, record);
            List<String> command = new ArrayList<>(List.of(args).subList(1, args.length));
            command.addAll(1, List.of("-XX:AOTCacheOutput=" + making, "-D" + AotCache.SWITCH + "=making"));
            // No profiles (JEP 515): of so short a run they only make the compiler busy when a worker starts.
            command.addAll(
                    1,
                    List.of(
                            "-XX:+IgnoreUnrecognizedVMOptions",
                            "-XX:+UnlockDiagnosticVMOptions",
                            "-XX:-AOTRecordTraining"));
            command.addAll(ChildMain.arguments("startup-cache", true, -1, record));
            Process worker = new ProcessBuilder(command)
                    .redirectOutput(Redirect.DISCARD)
                    .redirectError(Redirect.DISCARD)
                    .start();
            TaskCodec.send(TaskCodec.pack(training, "startup-cache", tasks), worker.getOutputStream());
            boolean isWhole = worker.waitFor() == 0;
            record.delete();
            if (!isWhole) AotCache.delete(making);
            if (!Files.exists(making)) {
                Files.createFile(making); // empty: not to be tried again
            }
            deleteUnused(file.getParent()); // first: we may end as soon as there is a cache
            Files.move(making, file, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    private static void deleteUnused(Path directory) throws IOException {
        List<Path> caches;
        try (Stream<Path> files = Files.list(directory)) {
            caches = files.filter(file -> file.toString().endsWith(".aot"))
                    .sorted(Comparator.comparing(AotCacheMaker::lastUsed).reversed())
                    .toList();
        }
        for (Path unused : caches.subList(Math.min(KEPT - 1, caches.size()), caches.size())) {
            Files.deleteIfExists(unused);
        }
    }

    private static FileTime lastUsed(Path file) {
        try {
            return Files.getLastModifiedTime(file);
        } catch (IOException e) {
            return FileTime.fromMillis(0);
        }
    }
}
