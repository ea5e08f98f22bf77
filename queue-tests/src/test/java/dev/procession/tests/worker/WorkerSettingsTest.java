package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A task runs in a worker wherever it runs in a thread: however the parent got its classes. One program, in each of
/// the settings that Java programs are run in.
class WorkerSettingsTest {
    private static final String MAIN =
            """
            package app;

            import dev.procession.*;
            import java.time.Duration;
            import java.util.ServiceLoader;

            public class Main {
                public record Job(int number, String text) implements java.io.Serializable {}

                public static class Service implements Runnable {
                    public void run() {}
                }

                public static void main(String[] args) throws Exception {
                    int spares = Integer.getInteger("test.spares", 0);
                    Worker.keepWarm(spares);
                    while (Worker.spares() < spares) Thread.sleep(10);
                    String captured = args[0];
                    Job job = new Job(3, captured);
                    try (SharedQueue<Job> queue = SharedQueue.create(Codec.record(Job.class))) {
                        Worker outer = Worker.of(() -> {
                            queue.put(new Job(1, captured));
                            Worker inner = Worker.of(() -> queue.put(new Job(2, describe()))).start();
                            inner.join();
                            if (inner.exit().code() != 0) throw new IllegalStateException("inner " + inner.exit());
                        }).start();
                        Worker failing = Worker.of(() -> {
                            throw new IllegalArgumentException(job.text());
                        }).start();
                        for (Worker each : new Worker[] {outer, failing}) {
                            each.join();
                            System.out.println(each.exit());
                        }
                        System.out.println(queue.get(Duration.ZERO));
                        Job two = queue.get(Duration.ZERO);
                        System.out.println(two.text().equals(describe()) ? "alike" : two.text() + " but " + describe());
                    }
                }

                static String describe() throws Exception {
                    ClassLoader context = Thread.currentThread().getContextClassLoader();
                    String service = ServiceLoader.load(Runnable.class)
                            .findFirst()
                            .map(found -> found.getClass().getName())
                            .orElse("no service");
                    String text = "no text";
                    try (var in = Main.class.getResourceAsStream("text.txt")) {
                        if (in != null) text = new String(in.readAllBytes());
                    }
                    return (context == Main.class.getClassLoader()) + ", " + service + ", " + text + ", "
                            + Main.class.getPackage().getImplementationTitle();
                }
            }
            """;
    private static final List<String> RIGHT = List.of(
            "finished", "failed with java.lang.IllegalArgumentException: a b", "Job[number=1, text=a b]",
            "alike");

    @TempDir
    static Path program;

    @TempDir
    Path folder;

    private static Path source;
    private static Path classes;

    @BeforeAll
    static void compile() throws IOException {
        Path app = Files.createDirectories(program.resolve("source/app"));
        source = Files.writeString(app.resolve("Main.java"), MAIN);
        classes = program.resolve("classes");
        compile(classes, "-cp", ourClassPath(), source.toString());
        Files.writeString(classes.resolve("app/text.txt"), "text");
        Path services = Files.createDirectories(classes.resolve("META-INF/services"));
        Files.writeString(services.resolve("java.lang.Runnable"), "app.Main$Service");
    }

    // ---- where the classes are

    @Test
    void onTheClassPath() throws Exception {
        assertRuns("-cp", classes + File.pathSeparator + ourClassPath(), "app.Main", "a b");
    }

    @Test
    void onTheModulePath() throws Exception {
        Path module = Files.writeString(
                folder.resolve("module-info.java"),
                "module app { requires dev.procession; opens app; uses Runnable; }");
        Path modular = folder.resolve("modular");
        compile(modular, "-p", ourClassPath(), module.toString(), source.toString());
        assertRuns("-p", modular + File.pathSeparator + ourClassPath(), "-m", "app/app.Main", "a b");
    }

    @ParameterizedTest(name = "with {0} spares")
    @MethodSource("dev.procession.tests.Effort#spares")
    void inASpringBootJar(int spares) throws Exception {
        assertRuns("-Dtest.spares=" + spares, "-jar", springBootJar().toString(), "a b");
    }

    @ParameterizedTest(name = "with {0} spares")
    @MethodSource("dev.procession.tests.Effort#spares")
    void inASourceFile(int spares) throws Exception {
        assertRuns("-Dtest.spares=" + spares, "-cp", ourClassPath(), source.toString(), "a b");
    }

    /// As `mvn exec:java`, application servers and test frameworks do.
    @ParameterizedTest(name = "with our classes {0}")
    @ValueSource(strings = {"there too", "on the class path"})
    void inAClassLoaderOfTheApplication(String ours) throws Exception {
        Path loading = Files.writeString(
                folder.resolve("Loading.java"),
                """
                import java.net.*;
                import java.nio.file.Path;
                import java.util.stream.Stream;

                public class Loading {
                    public static void main(String[] args) throws Exception {
                        URL[] urls = Stream.of(args[0].split(java.io.File.pathSeparator))
                                .map(entry -> {
                                    try {
                                        return Path.of(entry).toUri().toURL();
                                    } catch (MalformedURLException e) {
                                        throw new AssertionError(e);
                                    }
                                })
                                .toArray(URL[]::new);
                        URLClassLoader loader = new URLClassLoader(urls, ClassLoader.getSystemClassLoader());
                        Thread.currentThread().setContextClassLoader(loader);
                        loader.loadClass("app.Main")
                                .getMethod("main", String[].class)
                                .invoke(null, (Object) new String[] {args[1]});
                    }
                }
                """);
        Path started = folder.resolve("started");
        compile(started, loading.toString());
        if (ours.equals("there too")) {
            assertRuns(
                    "-cp", started.toString(), "Loading", classes + File.pathSeparator + ourClassPath(), "a b");
        } else {
            assertRuns("-cp", started + File.pathSeparator + ourClassPath(), "Loading", classes.toString(), "a b");
        }
    }

    /// As Surefire and some IDEs do.
    @Test
    void inAJarThatOnlyNamesOthers() throws Exception {
        Manifest manifest = manifest("app.Main");
        manifest.getMainAttributes().put(
                Attributes.Name.CLASS_PATH,
                Stream.of((classes + File.pathSeparator + ourClassPath()).split(File.pathSeparator))
                        .map(entry -> Path.of(entry).toUri().toString())
                        .collect(Collectors.joining(" ")));
        Path jar = folder.resolve("only manifest.jar");
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        assertRuns("-jar", jar.toString(), "a b");
    }

    /// README's first program, as one would type it there: the queue is no captured local variable then.
    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"--execution=local", "--feedback=concise"})
    void inJShell(String option) throws Exception {
        Path script = Files.writeString(
                folder.resolve("script.jsh"),
                """
                import dev.procession.*;
                import java.time.Duration;
                record Job(int number, String text) { String twice() { return text + text + n; } }
                int n = 5;
                var unused = new Thread();
                var queue = SharedQueue.create(Codec.record(Job.class));
                String say(String what) { return what + " " + n; }
                Worker.of(() -> queue.put(new Job(n, say("hello")))).start();
                System.out.println(queue.get(Duration.ofSeconds(40)));
                class Sends implements Task { \
                public void run() throws Exception { queue.put(new Job(n + 1, "class")); } }
                Worker.of(new Sends()).start();
                System.out.println(queue.get(Duration.ofSeconds(40)));
                Worker nested = Worker.of(() -> \
                Worker.of(() -> queue.put(new Job(n, new Job(0, "x").twice()))).start().join());
                nested.start();
                System.out.println(queue.get(Duration.ofSeconds(40)));
                try (var pool = WorkerPool.builder().size(1).initializer(() -> System.out.println("pool starts " + n))\
                .build()) { System.out.println("pool " + pool.map(List.of(1, 2), i -> i * n).toList() \
                + pool.submit(() -> say("and")).get()); }
                Worker.of(() -> System.out.println(unused)).start();
                var failing = Worker.of(() -> { throw new IllegalStateException(say("no")); }).start();
                failing.join();
                System.out.println(failing.exit());
                queue.close();
                /exit
                """);
        List<String> lines = run(
                "-Djava.util.prefs.userRoot=" + folder, "--module",
                "jdk.jshell/jdk.internal.jshell.tool.JShellToolProvider",
                option, "-R--enable-native-access=ALL-UNNAMED", "-R-XX:TieredStopAtLevel=1", "-R-XX:+UseSerialGC",
                "--class-path", ourClassPath(), script.toString());
        assertEquals(
                List.of(
                        "Job[number=5, text=hello 5]", "Job[number=6, text=class]", "Job[number=5, text=xx5]",
                        "failed with java.lang.IllegalStateException: no 5"),
                lines.stream().filter(line -> line.startsWith("Job[") || line.startsWith("failed")).toList(),
                String.join("\n", lines));
        assertEquals(List.of("pool starts 5", "pool [5, 10]and 5"),
                lines.stream().filter(line -> line.startsWith("pool ")).toList(), String.join("\n", lines));
        assertTrue(
                lines.stream().anyMatch(line -> line.contains("JShell's variable unused")
                        && line.contains("java.lang.Thread is not Serializable. Make that class Serializable")),
                String.join("\n", lines));
    }

    // ---- what java there is

    @Tag("long")
    @Test
    void aRuntimeWithoutAJavaCommandSaysSoAndTakesOneThatIsNamed() throws Exception {
        Path image = folder.resolve("image");
        assertEquals(
                0,
                ToolProvider.findFirst("jlink").orElseThrow().run(
                        System.out, System.err, "--add-modules", "java.base,java.management,jdk.unsupported",
                        "--strip-native-commands", "--output", image.toString()),
                "jlink");
        Path launcher = Files.createDirectories(image.resolve("bin")).resolve("app");
        Files.copy(Path.of(Processes.java()), launcher);
        List<String> program = List.of("-cp", classes + File.pathSeparator + ourClassPath(), "app.Main", "a b");

        List<String> none = runWith(launcher, 1, program);
        assertTrue(
                none.getFirst().contains("Worker \"worker-1\" cannot be started: this Java runtime has no java command")
                        && none.getFirst().contains("-Ddev.procession.java=PATH"),
                String.join("\n", none));

        assertEquals(RIGHT, withoutTraces(runWith(launcher, 0, named(Processes.java(), program))));

        for (String wrong : List.of(folder + "/no", "/bin/true", source.toString(), "java", folder.toString())) {
            List<String> refused = runWith(launcher, 1, named(wrong, program));
            assertTrue(
                    refused.getFirst().contains("-Ddev.procession.java=" + wrong + " ")
                            && refused.getFirst().contains("It has to be the java command of a Java "),
                    String.join("\n", refused));
        }
    }

    private static List<String> named(String java, List<String> program) {
        List<String> all = new ArrayList<>(List.of("-Ddev.procession.java=" + java));
        all.addAll(program);
        return all;
    }

    @Test
    void aClassPathLongerThanAnArgumentMayBe() throws Exception {
        Path odd = Files.createDirectories(folder.resolve("a \"quoted\" back\\slash, 'it' # %41 äöü"));
        Path there = odd.resolve("classes");
        copy(classes, there);
        String many = Stream.iterate(1, i -> i + 1)
                .limit(4000)
                .map(i -> folder.resolve("there is no such folder " + i).toString())
                .collect(Collectors.joining(File.pathSeparator));
        String classPath = many + File.pathSeparator + there + File.pathSeparator + ourClassPath();
        Path file = Files.writeString(
                folder.resolve("arguments"),
                "-cp \"" + classPath.replace("\\", "\\\\").replace("\"", "\\\"") + "\"");
        assertRuns("@" + file, "app.Main", "a b");
    }

    // ----

    private void assertRuns(String... arguments) throws Exception {
        assertEquals(RIGHT, withoutTraces(run(arguments)));
    }

    private List<String> run(String... arguments) throws Exception {
        return runWith(Path.of(Processes.java()), 0, List.of(arguments));
    }

    private List<String> runWith(Path java, int expected, List<String> arguments) throws Exception {
        String allowed = arguments.contains("-p") ? "dev.procession.core,ALL-UNNAMED" : "ALL-UNNAMED";
        List<String> command = new ArrayList<>(List.of(java.toString(), "--enable-native-access=" + allowed,
                "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")); // it lives for a moment
        command.addAll(arguments);
        Path output = Files.createTempFile(folder, "output-", ".txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            process.getOutputStream().close();
            Processes.await("the program ends: " + command.getLast(), () -> !process.isAlive());
            assertEquals(expected, process.exitValue(), Files.readString(output));
            return Files.readAllLines(output);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) Files.copy(file, to.resolve(from.relativize(file)));
        }
    }

    private static List<String> withoutTraces(List<String> lines) {
        return lines.stream()
                .filter(line -> !line.startsWith("\t") && !line.startsWith("Exception in worker"))
                .toList();
    }

    private static void compile(Path to, String... arguments) {
        List<String> all = new ArrayList<>(List.of("-d", to.toString()));
        all.addAll(List.of(arguments));
        int status = ToolProvider.findFirst("javac").orElseThrow().run(System.out, System.err,
                all.toArray(String[]::new));
        assertEquals(0, status, "javac");
    }

    /// Laid out as Spring Boot's plugins do it.
    private Path springBootJar() throws Exception {
        Manifest manifest = manifest("org.springframework.boot.loader.launch.JarLauncher");
        manifest.getMainAttributes().putValue("Start-Class", "app.Main");
        manifest.getMainAttributes().putValue("Spring-Boot-Classes", "BOOT-INF/classes/");
        manifest.getMainAttributes().putValue("Spring-Boot-Lib", "BOOT-INF/lib/");
        manifest.getMainAttributes().put(Attributes.Name.IMPLEMENTATION_TITLE, "the application");
        Path jar = folder.resolve("application.jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest);
                Stream<Path> files = Files.walk(classes);
                JarFile loader = new JarFile(
                        location("org.springframework.boot.loader.launch.JarLauncher").toFile())) {
            for (JarEntry entry : loader.stream().filter(each -> each.getName().startsWith("org/")).toList()) {
                out.putNextEntry(new JarEntry(entry.getName()));
                loader.getInputStream(entry).transferTo(out);
            }
            for (String directory : List.of("BOOT-INF/", "BOOT-INF/classes/", "BOOT-INF/lib/")) {
                out.putNextEntry(new JarEntry(directory));
            }
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry("BOOT-INF/classes/" + classes.relativize(file)));
                Files.copy(file, out);
            }
            for (String library : ourClassPath().split(File.pathSeparator)) {
                byte[] content = Files.readAllBytes(Path.of(library));
                JarEntry entry = new JarEntry("BOOT-INF/lib/" + Path.of(library).getFileName());
                CRC32 checksum = new CRC32();
                checksum.update(content);
                entry.setMethod(JarEntry.STORED);
                entry.setSize(content.length);
                entry.setCrc(checksum.getValue());
                out.putNextEntry(entry);
                out.write(content);
            }
        }
        return jar;
    }

    private static Manifest manifest(String main) {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, main);
        return manifest;
    }

    /// Our jars and those that they need.
    private static String ourClassPath() {
        return Stream.of(
                "dev.procession.Worker",
                "dev.procession.core.Cpus",
                "com.esotericsoftware.kryo.kryo5.Kryo",
                "org.jspecify.annotations.NullMarked")
                .map(type -> location(type).toString())
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static Path location(String type) {
        try {
            return Path.of(Class.forName(type).getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (ClassNotFoundException | URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
