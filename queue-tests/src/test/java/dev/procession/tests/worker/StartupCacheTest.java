package dev.procession.tests.worker;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.procession.Worker;
import dev.procession.core.Cpus;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The cache that makes workers start faster. Our own classes have to come from jars for it, as they do for everybody
/// who does not build us.
@Tag("long")
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
            Worker.Builder builder = Worker.builder().jvmArguments(args);
            if (Boolean.getBoolean("test.own")) builder.environment("JAVA_TOOL_OPTIONS", "-Dits=own");
            Worker worker = builder.start(() -> System.out.println("cache: " + mappedCache()));
            worker.join();
            System.out.println(worker.exit());
            awaitCache(System.getProperty("test.await", ""));
            Thread.sleep(Duration.ofSeconds(Integer.getInteger("test.seconds", 0)));
            Worker.of(() -> {}).start().join();
        }

        /// Goes on as a program with workers does, until there is a cache of this Java version in this folder.
        private static void awaitCache(String folder) throws Exception {
            if (folder.isEmpty()) return;
            String name = "worker-" + Runtime.version();
            long start = System.nanoTime();
            do {
                if (System.nanoTime() - start > 40_000_000_000L) {
                    System.out.println(LATE);
                    return;
                }
                Worker.of(() -> {}).start().join();
                Thread.sleep(200);
            } while (caches(Path.of(folder)).stream()
                    .noneMatch(file -> file.getFileName().toString().startsWith(name)));
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
        return run(Map.of(), options, workerOptions);
    }

    private String run(Map<String, String> environment, List<String> options, String... workerOptions)
            throws Exception {
        ProcessBuilder builder = builder(options, Starter.class, workerOptions);
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertTrue(process.waitFor(1, TimeUnit.MINUTES));
        return Files.readAllLines(folder.resolve("output")).stream()
                .filter(line -> !line.contains("Picked up ")) // which a JVM says of variables with options
                .collect(joining("\n"));
    }

    private Process start(List<String> options, Class<?> main, String... arguments) throws IOException {
        return builder(options, main, arguments).start();
    }

    private ProcessBuilder builder(List<String> options, Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>(List.of(Processes.java(), "--enable-native-access=ALL-UNNAMED"));
        command.addAll(options);
        command.addAll(List.of("-cp", classPath, main.getName()));
        command.addAll(List.of(arguments));
        Path output = folder.resolve("output");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("XDG_CACHE_HOME", cacheHome.toString());
        return builder;
    }

    private List<Path> caches() throws IOException {
        return caches(cacheFolder);
    }

    private static List<Path> caches(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".aot")).toList();
        }
    }

    private static final String WITHOUT = "cache: none\nfinished";
    private static final String LATE = "no cache yet";

    /// Has a program go on until it has made a cache. That has a low priority: on a machine that is busy with other
    /// things it may get nowhere.
    private void make(Map<String, String> environment, String... options) throws Exception {
        List<String> all = new ArrayList<>(List.of(options));
        all.add("-Dtest.await=" + cacheFolder);
        String output = run(environment, all);
        double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
        boolean isBusy = load > 2 * Runtime.getRuntime().availableProcessors();
        assumeFalse(isBusy && output.endsWith(LATE), "too much other load to make a cache");
        assertEquals(WITHOUT, output);
    }

    @Test
    void theFirstUseMakesACacheThatAllLaterWorkersUse() throws Exception {
        Files.createDirectory(
                cacheFolder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Files.writeString(cacheFolder.resolve("making"), "a part that somebody has left who was killed");
        // options in variables are not for workers, so they are at odds with nothing
        Map<String, String> variables = Map.of("JDK_JAVA_OPTIONS", "-XX:+UseParallelGC", "JAVA_TOOL_OPTIONS", "-Da=b");
        make(variables);
        assertEquals(1, caches().size());
        Path cache = caches().getFirst();
        assertTrue(Files.size(cache) > 1_000_000, "it is one that works");
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(cacheFolder)));
        assertEquals("cache: " + cache + "\nfinished", run(List.of()));
        assertEquals("cache: " + cache + "\nfinished", run(List.of("-Dany=property", "-Xmx100m"), "-Xmx99m", "-Dan=y"));
        assertEquals("cache: " + cache + "\nfinished", run(variables, List.of()));
        assertEquals(List.of(cache), caches());

        // where it could not be used it is not
        assertEquals(WITHOUT, run(List.of(), "-XX:+UseZGC"));
        assertEquals(WITHOUT, run(List.of(), "--add-opens=java.base/java.lang=ALL-UNNAMED"));
        assertEquals(WITHOUT, run(List.of("-Ddev.procession.startupCache=off")));
        assertEquals(WITHOUT, run(List.of("-Dtest.own=true"))); // variables that are for the worker
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
        make(Map.of(), opens);
        assertTrue(caches().stream().anyMatch(file -> !old.containsKey(file)));
        assertEquals(4, caches().size());
        old.forEach((file, stays) -> assertEquals(stays, Files.exists(file), file.toString()));
        assertTrue(run(List.of(opens)).startsWith("cache: " + cacheFolder));
        assertEquals(WITHOUT, run(List.of()), "made for other rights");
    }

    /// A program with workers that goes on; it tells its process id, and those of its children that make a cache.
    static final class GoesOn {
        private GoesOn() {}

        public static void main(String[] args) throws Exception {
            Processes.await("a cache is being made", () -> {
                Worker.of(() -> {}).start().join();
                Thread.sleep(100);
                return makers(ProcessHandle.current()).count() >= 2; // and the one that it starts
            });
            Files.writeString(
                    Path.of(args[0] + ".made"),
                    makers(ProcessHandle.current()).map(String::valueOf).collect(joining(" ")));
            Files.move(Path.of(args[0] + ".made"), Path.of(args[0]));
            Processes.await("go", () -> Files.exists(Path.of(args[0] + ".go")));
        }

        private static Stream<Long> makers(ProcessHandle of) {
            return of.descendants().filter(each -> isMaker(each.pid())).map(ProcessHandle::pid);
        }

        private static boolean isMaker(long pid) {
            try {
                String command = Files.readString(Path.of("/proc/" + pid + "/cmdline"));
                return command.contains("dev.procession.Training") || command.contains("AOTCacheOutput");
            } catch (IOException e) {
                return false; // it has ended
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"return", "KILL"})
    void whatMakesTheCacheEndsWithTheProgram(String how) throws Exception {
        Path up = folder.resolve("up");
        Process program = start(List.of(), GoesOn.class, up.toString());
        try {
            List<Long> makers = Stream.of(Processes.awaitContent(up).split(" ")).map(Long::valueOf).toList();
            for (long each : makers) {
                if (isMadeFrom(each)) Processes.signal("STOP", each); // so that it cannot be over too early
            }
            if (how.equals("return")) Files.createFile(folder.resolve("up.go"));
            else Processes.signal(how, program.pid());
            assertTrue(program.waitFor(1, TimeUnit.MINUTES));
            Processes.await("the makers have ended", () -> makers.stream().noneMatch(StartupCacheTest::runs));
            try (Stream<Path> files = Files.list(cacheFolder)) {
                assertEquals(List.of("lock"), files.map(file -> file.getFileName().toString()).toList());
            }
        } finally {
            program.destroyForcibly();
        }
        assertEquals(List.of(), caches());
    }

    /// Whether it is the JVM that the cache is made from.
    private static boolean isMadeFrom(long pid) throws IOException {
        return Files.readString(Path.of("/proc/" + pid + "/cmdline")).contains("\0-XX:AOTCacheOutput");
    }

    private static boolean runs(long pid) {
        try {
            return Processes.runs(pid);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"?", "missing"})
    void withoutAHomeNothingIsMadeAnywhere(String home) throws Exception {
        Path place = Files.createDirectory(folder.resolve("place"));
        String resolved = home.equals("missing") ? place.resolve("missing").toString() : home;
        ProcessBuilder builder = builder(List.of("-Duser.home=" + resolved, "-Dtest.seconds=3"), Starter.class);
        builder.environment().remove("XDG_CACHE_HOME");
        Process process = builder.directory(place.toFile()).start();
        assertTrue(process.waitFor(1, TimeUnit.MINUTES));
        assertEquals(WITHOUT, Files.readString(folder.resolve("output")).strip());
        try (Stream<Path> files = Files.list(place)) {
            assertEquals(List.of(), files.toList());
        }
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
