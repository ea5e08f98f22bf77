package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Worker;
import dev.procession.core.Cpus;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The cache that makes workers start faster. Our own classes have to come from jars for it, as they do for everybody who
/// does not build us.
class StartupCacheTest {
    @TempDir
    Path folder;

    private Path cacheHome;
    private Path cacheFolder;
    private String classPath;

    @BeforeEach
    void jarsAndAHomeForTheCache() throws IOException {
        cacheHome = Files.createDirectory(folder.resolve("cache"));
        cacheFolder = cacheHome.resolve("procession");
        List<String> entries = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            boolean ours = entry.equals(location(Worker.class)) || entry.equals(location(Cpus.class));
            entries.add(ours && Files.isDirectory(Path.of(entry)) ? jar(Path.of(entry)) : entry);
        }
        classPath = String.join(File.pathSeparator, entries);
    }

    private static String location(Class<?> type) {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().getPath()).toString();
    }

    private String jar(Path classes) throws IOException {
        Path jar = Files.createTempFile(folder, "ours", ".jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
                Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry(classes.relativize(file).toString()));
                Files.copy(file, out);
                out.closeEntry();
            }
        }
        return jar.toString();
    }

    /// Prints which cache its worker has in memory.
    static final class Starter {
        private Starter() {}

        public static void main(String[] args) throws Exception {
            Worker worker =
                    Worker.builder().jvmArguments(args).start(() -> System.out.println("cache: " + mappedCache()));
            worker.join();
            System.out.println(worker.exit());
        }

        private static String mappedCache() throws IOException {
            try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
                return lines.filter(line -> line.endsWith(".aot"))
                        .map(line -> line.substring(line.indexOf('/')))
                        .findFirst()
                        .orElse("none");
            }
        }
    }

    private String run(List<String> options, String... workerOptions) throws Exception {
        List<String> command = new ArrayList<>(List.of(Processes.java(), "--enable-native-access=ALL-UNNAMED"));
        command.addAll(options);
        command.addAll(List.of("-cp", classPath, Starter.class.getName()));
        command.addAll(List.of(workerOptions));
        Path output = folder.resolve("output");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("XDG_CACHE_HOME", cacheHome.toString());
        Process process = builder.start();
        assertTrue(process.waitFor(1, TimeUnit.MINUTES));
        return Files.readString(output).strip();
    }

    private Path awaitCache() throws Exception {
        Processes.await("a cache is made", () -> !caches().isEmpty());
        assertEquals(1, caches().size());
        return caches().getFirst();
    }

    private List<Path> caches() throws IOException {
        if (!Files.exists(cacheFolder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(cacheFolder)) {
            return files.filter(file -> file.toString().endsWith(".aot")).toList();
        }
    }

    private static final String WITHOUT = "cache: none\nfinished";

    @Test
    void theFirstUseMakesACacheThatAllLaterWorkersUse() throws Exception {
        assertEquals(WITHOUT, run(List.of()));
        Path cache = awaitCache();
        assertTrue(Files.size(cache) > 1_000_000, "it is one that works");
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(cacheFolder)));
        assertEquals("cache: " + cache + "\nfinished", run(List.of()));
        assertEquals("cache: " + cache + "\nfinished", run(List.of("-Dany=property", "-Xmx100m"), "-Xmx99m", "-Dan=y"));
        assertEquals(List.of(cache), caches());

        // where it could not be used it is not
        assertEquals(WITHOUT, run(List.of(), "-XX:+UseZGC"));
        assertEquals(WITHOUT, run(List.of(), "--add-opens=java.base/java.lang=ALL-UNNAMED"));
        assertEquals(WITHOUT, run(List.of("-Dprocession.startupCache=off")));
        assertEquals(List.of(cache), caches());

        // and whatever happens to the file, workers start, and say nothing about it
        byte[] good = Files.readAllBytes(cache);
        Files.write(cache, java.util.Arrays.copyOf(good, 100_000));
        assertEquals(WITHOUT, run(List.of()));
        Files.write(cache, new byte[1000]);
        assertEquals(WITHOUT, run(List.of()));
        Files.write(cache, new byte[0]);
        assertEquals(WITHOUT, run(List.of()));
        Files.write(cache, good);
        assertEquals("cache: " + cache + "\nfinished", run(List.of()));
    }

    @Test
    void otherClassesOrRightsGetACacheOfTheirOwnAndUnusedOnesGo() throws Exception {
        Files.createDirectory(
                cacheFolder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Map<Path, Boolean> old = new LinkedHashMap<>();
        for (int i = 0; i < 10; i++) {
            Path unused = Files.createFile(cacheFolder.resolve("worker-old-" + i + ".aot"));
            Files.setLastModifiedTime(unused, FileTime.fromMillis(1_000_000_000_000L + i * 1000L));
            old.put(unused, i >= 7); // with the new one, four may stay
        }
        String opens = "--add-opens=java.base/java.lang=ALL-UNNAMED";
        assertEquals(WITHOUT, run(List.of(opens)));
        Processes.await("a cache is made", () -> caches().stream().anyMatch(file -> !old.containsKey(file)));
        Processes.await("old ones are deleted", () -> caches().size() == 4);
        old.forEach((file, stays) -> assertEquals(stays, Files.exists(file), file.toString()));
        assertTrue(run(List.of(opens)).startsWith("cache: " + cacheFolder));
        assertEquals(WITHOUT, run(List.of()), "made for other rights");
    }

    @Test
    void aFolderThatOthersCanReachIsNotTrusted() throws Exception {
        Files.createDirectory(cacheFolder);
        Files.setPosixFilePermissions(cacheFolder, PosixFilePermissions.fromString("rwxrwx---"));
        assertEquals(WITHOUT, run(List.of()));
        Path elsewhere = Files.createDirectory(
                folder.resolve("elsewhere"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Files.delete(cacheFolder);
        Files.createSymbolicLink(cacheFolder, elsewhere);
        assertEquals(WITHOUT, run(List.of()));
        Thread.sleep(200); // for a maker that should not be
        assertFalse(Files.exists(elsewhere.resolve("lock")));
    }
}
