package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.procession.Worker;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// A worker has the classes and the rights of its parent, in whatever way that got them.
///
/// All of this holds for workers that are made of spare JVMs too, which the long run shows.
@ParameterizedClass(name = "with {0} spares")
@MethodSource("dev.procession.tests.Effort#spares")
class WorkerClassesTest {
    private static final String MAIN =
            """
            package app;

            import dev.procession.Codec;
            import dev.procession.SharedQueue;
            import dev.procession.Worker;

            public class Main {
                record Job(String text, SharedQueue<String> queue) implements dev.procession.Task {
                    public void run() throws Exception {
                        queue.put(text + " in " + Main.class.getModule().getName());
                    }
                }

                public static void main(String[] args) throws Exception {
                    int spares = Integer.getInteger("test.spares", 0);
                    Worker.keepWarm(spares);
                    while (Worker.spares() < spares) Thread.sleep(10);
                    try (SharedQueue<String> queue = SharedQueue.create(Codec.utf8())) {
                        String captured = args[0];
                        Worker lambda = Worker.of(
                                () -> queue.put(captured + " in " + Main.class.getModule().getName())).start();
                        lambda.join();
                        Worker object = Worker.of(new Job("object", queue)).start();
                        object.join();
                        System.out.println(lambda.exit() + ", " + queue.tryGet());
                        System.out.println(object.exit() + ", " + queue.tryGet());
                    }
                }
            }
            """;

    @Parameter
    int spares;

    @TempDir
    Path folder;

    // ---- class path

    @Test
    void aClassPathOfDirectoriesAndJarsIsInherited() throws Exception {
        Path classes = compile(null);
        Path jar = folder.resolve("app.jar");
        jar(jar, classes, new Manifest());
        for (Path application : List.of(classes, jar)) {
            List<String> arguments =
                    List.of("-cp", application + File.pathSeparator + System.getProperty("java.class.path"), "app.Main",
                            "text");
            assertEquals(
                    List.of("finished, text in null", "finished, object in null"),
                    run(arguments));
        }
    }

    @Test
    void anExecutableJarNamesTheClassPathInItsManifest() throws Exception {
        Path jar = folder.resolve("app.jar");
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, "app.Main");
        String urls = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(entry -> Path.of(entry).toUri().toString())
                .collect(Collectors.joining(" "));
        manifest.getMainAttributes().put(Attributes.Name.CLASS_PATH, urls);
        jar(jar, compile(null), manifest);
        assertEquals(
                List.of("finished, text in null", "finished, object in null"),
                run(List.of("-jar", jar.toString(), "text")));
    }

    // ---- module path

    @Test
    void aModulePathIsInherited() throws Exception {
        Path classes = compile("module app { requires dev.procession; }");
        Path jar = folder.resolve("app.jar");
        jar(jar, classes, new Manifest());
        for (Path application : List.of(classes, jar)) {
            assertEquals(
                    List.of("finished, text in app", "finished, object in app"),
                    run(List.of("-p", application + File.pathSeparator + modulePath(), "-m", "app/app.Main", "text")));
        }
    }

    @Test
    void anApplicationOnTheClassPathMayUseUsAsAModule() throws Exception {
        Path classes = compile(null);
        assertEquals(
                List.of("finished, text in null", "finished, object in null"),
                run(List.of(
                        "-p", modulePath(), "--add-modules", "dev.procession", "-cp", classes.toString(), "app.Main",
                        "text")));
    }

    // ---- rights

    static final class Rights {
        private Rights() {}

        public static void main(String[] args) throws Exception {
            Processes.keepWarm();
            Worker worker = Worker.of(() -> {
                Module base = Object.class.getModule();
                boolean asserts = false;
                assert asserts = true;
                System.out.println(
                        base.isOpen("java.util", Rights.class.getModule()) + " "
                                + base.isExported("sun.nio.ch", Rights.class.getModule()) + " "
                                + asserts + " " + System.getProperty("test.given") + " "
                                + System.getProperty("test.set")
                                + " " + Rights.class.getModule().isNativeAccessEnabled());
            });
            System.setProperty("test.set", "set by code");
            worker.start();
            worker.join();
        }
    }

    @Test
    void whatTheParentsCodeMayDoTheWorkersMayToo() throws Exception {
        Path file = folder.resolve("options");
        Files.writeString(file, "--add-opens\njava.base/java.util=ALL-UNNAMED\n\"-Dtest.given=a b\"\n");
        Processes.Jvm parent = Processes.Jvm.start(
                folder,
                List.of(
                        "@" + file, "-Dtest.spares=" + spares, "--add-exports", "java.base/sun.nio.ch=ALL-UNNAMED",
                        "-ea", "-Xmx99m"),
                Rights.class);
        assertEquals(0, parent.awaitEnd(), parent.output());
        assertEquals("true true true a b null true", parent.output());
    }

    // ----

    private List<String> run(List<String> arguments) throws Exception {
        String allowed = arguments.contains("-p") ? "dev.procession.core,ALL-UNNAMED" : "ALL-UNNAMED";
        List<String> all = new ArrayList<>(
                List.of("--enable-native-access=" + allowed, "-Dtest.spares=" + spares,
                        "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")); // most live for a moment
        all.addAll(arguments);
        try (Processes.Jvm parent = Processes.Jvm.start(folder, all)) {
            assertEquals(0, parent.awaitEnd(), parent.output());
            return parent.output().lines().toList();
        }
    }

    /// @param module the module descriptor, or null for the unnamed module
    private Path compile(String module) throws IOException {
        Path source = Files.createDirectories(folder.resolve("source/app"));
        Path classes = folder.resolve("classes");
        List<String> arguments = new ArrayList<>(List.of("-d", classes.toString(), "-p", modulePath()));
        if (module == null) {
            arguments.addAll(List.of("-cp", modulePath()));
        } else {
            arguments.add(Files.writeString(folder.resolve("source/module-info.java"), module).toString());
        }
        arguments.add(Files.writeString(source.resolve("Main.java"), MAIN).toString());
        int status = ToolProvider.findFirst("javac").orElseThrow().run(System.out, System.err,
                arguments.toArray(String[]::new));
        assertEquals(0, status, "javac");
        return classes;
    }

    private static void jar(Path jar, Path classes, Manifest manifest) throws IOException {
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest);
                Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry(classes.relativize(file).toString()));
                Files.copy(file, out);
                out.closeEntry();
            }
        }
    }

    /// Our modules and those that they require.
    private static String modulePath() {
        return Stream.of(
                "dev.procession.Worker",
                "dev.procession.core.Cpus",
                "picocli.CommandLine",
                "com.esotericsoftware.kryo.kryo5.Kryo",
                "org.jspecify.annotations.NullMarked")
                .map(WorkerClassesTest::location)
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static String location(String type) {
        try {
            URI location = Class.forName(type).getProtectionDomain().getCodeSource().getLocation().toURI();
            return Path.of(location).toString();
        } catch (ClassNotFoundException | URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
