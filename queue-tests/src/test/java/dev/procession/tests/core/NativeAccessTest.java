package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.procession.tests.SharedMemory;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Where native access is denied, all goes on with what the JDK has, and one warning says how to allow it.
class NativeAccessTest {
    private static final String MAIN = """
            package com.acme;

            import dev.procession.Codec;
            import dev.procession.SharedQueue;
            import dev.procession.core.LaneQueue;
            import java.nio.file.Path;

            public class Main {
                public static void main(String[] arguments) throws Exception {
                    if (arguments.length > 0) {
                        try (var answers = SharedQueue.open(Path.of(arguments[0]), Codec.utf8())) {
                            answers.put("from another process: " + LaneQueue.platform());
                        }
                        return;
                    }
                    try (var answers = SharedQueue.create(Codec.utf8())) {
                        answers.put("from this process: " + LaneQueue.platform());
                        var handle = ProcessHandle.current().info();
                        var command = new java.util.ArrayList<String>();
                        command.add(handle.command().orElseThrow());
                        command.addAll(java.util.List.of(handle.arguments().orElseThrow()));
                        command.add(answers.path().toString());
                        new ProcessBuilder(command).start().waitFor();
                        System.out.println(answers.get());
                        System.out.println(answers.get(java.time.Duration.ofSeconds(20)));
                    }
                }
            }
            """;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private Path classes;
    private String libraries; // only what is needed: not all that tests need can be modules

    @BeforeEach
    void compile() throws Exception {
        classes = Files.createDirectory(directory.resolve("classes"));
        libraries = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(path -> path
                        .matches(".*(queue-core|queue-ipc|agrona|jspecify|kryo5|jackson|picocli|progressbar|jline).*"))
                .collect(Collectors.joining(File.pathSeparator));
        Path source = Files.createDirectories(directory.resolve("com/acme")).resolve("Main.java");
        Files.writeString(source, MAIN);
        Path module = Files.writeString(directory.resolve("module-info.java"),
                "module com.acme { requires dev.procession; }");
        int status = ToolProvider.findFirst("javac").orElseThrow().run(System.out, System.err, "-p", libraries, "-d",
                classes.toString(), source.toString(), module.toString());
        assertEquals(0, status);
    }

    /// What it prints. Its standard error is the one warning, or nothing.
    private List<String> run(String warning, String... options) throws Exception {
        Path err = directory.resolve("err");
        var command = new ArrayList<String>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Ddev.procession.dir=" + Files.createDirectories(directory.resolve("home")), "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC"));
        Files.setPosixFilePermissions(directory.resolve("home"),
                java.nio.file.attribute.PosixFilePermissions.fromString("rwx------"));
        command.addAll(List.of(options));
        var process = new ProcessBuilder(command).redirectError(err.toFile()).start();
        var out = new String(process.getInputStream().readAllBytes()).lines().toList();
        if (!process.waitFor(40, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            fail("hangs: " + command);
        }
        String said = Files.readString(err);
        assertEquals(0, process.exitValue(), said);
        if (warning.isEmpty()) assertEquals("", said);
        assertTrue(said.contains(warning) && said.lines().filter(line -> line.startsWith("WARNING")).count() <= 1,
                said);
        return out;
    }

    private static final List<String> PORTABLE =
            List.of("from this process: portable", "from another process: portable");
    private static final List<String> LINUX = List.of("from this process: linux", "from another process: linux");
    private static final String DENIED = "--illegal-native-access=deny";

    @Test
    void deniedOnTheClassPath() throws Exception {
        String classPath = classes + File.pathSeparator + libraries;
        assertEquals(PORTABLE, run("--enable-native-access=ALL-UNNAMED", DENIED, "-cp", classPath, "com.acme.Main"));
        assertEquals(LINUX, run("", DENIED, "--enable-native-access=ALL-UNNAMED", "-cp", classPath, "com.acme.Main"));
    }

    @Test
    void deniedOnTheModulePath() throws Exception {
        String path = classes + File.pathSeparator + libraries;
        String main = "com.acme/com.acme.Main";
        assertEquals(PORTABLE, run("--enable-native-access=dev.procession.core", DENIED, "-p", path, "-m", main));
        assertEquals(LINUX, run("", DENIED, "--enable-native-access=dev.procession.core", "-p", path, "-m", main));
    }

    @Test
    void deniedInOneJarWithAllClasses() throws Exception {
        Path fat = directory.resolve("fat.jar");
        var manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, "com.acme.Main");
        try (var all = new JarOutputStream(Files.newOutputStream(fat), manifest)) {
            var names = new HashSet<>(Set.of("META-INF/MANIFEST.MF", "module-info.class"));
            for (String each : (classes + File.pathSeparator + libraries).split(File.pathSeparator)) {
                if (Files.isDirectory(Path.of(each))) {
                    addAll(Path.of(each), names, all);
                } else {
                    try (var library = FileSystems.newFileSystem(Path.of(each))) {
                        addAll(library.getPath("/"), names, all);
                    }
                }
            }
        }
        assertEquals(PORTABLE, run("--enable-native-access=ALL-UNNAMED", DENIED, "-jar", fat.toString()));
    }

    /// Adds the files whose names are not there yet.
    private static void addAll(Path root, Set<String> names, JarOutputStream jar) throws IOException {
        try (var files = Files.walk(root)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = root.relativize(file).toString();
                if (!names.add(name)) continue;
                jar.putNextEntry(new JarEntry(name));
                Files.copy(file, jar);
            }
        }
    }
}
