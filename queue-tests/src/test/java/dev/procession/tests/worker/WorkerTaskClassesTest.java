package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.WorkerExit.Failed;
import dev.procession.WorkerExit.Finished;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.lang.ProcessBuilder.Redirect;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.spi.ToolProvider;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Each class of a task is in its worker what it is in the parent, whichever loader there has it; or the worker does
/// not start.
class WorkerTaskClassesTest {
    @TempDir
    Path folder;

    private final List<String> lines = Collections.synchronizedList(new ArrayList<>());

    // ---- which class it is

    @Test
    void aLoaderThatHasItsOwnVersionOfAClassOfTheClassPathHasItInTheWorkerToo() throws Exception {
        Path classes = compile(
                "dev/procession/tests/worker/Versioned",
                """
                package dev.procession.tests.worker;
                import dev.procession.*;
                class Versioned implements Task {
                    public void run() throws Exception {
                        System.out.println("from memory");
                        if (!Worker.current().get().name().contains(":")) Worker.of(new Versioned()).start().join();
                    }
                }
                """);
        assertInstanceOf(Finished.class, run(new Versioned()));
        assertInstanceOf(Finished.class, run(task(new MemoryLoader(classes, true), Versioned.class.getName())));
        assertEquals(List.of("from the class path", "from memory", "from memory"), lines);
    }

    @Test
    void anObjectMayBeOfALoaderThatTheTasksLoaderDoesNotKnow() throws Exception {
        Path plugin = compile(
                "Plugin",
                """
                public class Plugin implements java.util.concurrent.Callable<Object>, java.io.Serializable {
                    public Object call() { return "plugin by " + Inner.of(getClass()); }
                    interface Inner {
                        static String of(Class<?> type) { return type.getClassLoader().getClass().getSimpleName(); }
                    }
                }
                """);
        try (URLClassLoader loader = loader(plugin)) {
            Object made = loader.loadClass("Plugin").getConstructor().newInstance();
            Callable<?> call = (Callable<?>) made;
            assertInstanceOf(Finished.class, run(new Calls(call)));
            Object proxy = Proxy.newProxyInstance(loader, new Class<?>[] {Callable.class}, new Forward(call));
            assertInstanceOf(Finished.class, run(new Calls((Callable<?>) proxy)));
        }
        assertEquals(List.of("plugin by ParentClassLoader", "plugin by ParentClassLoader"), lines);
    }

    private record Calls(Callable<?> call) implements Task {
        @Override
        public void run() throws Exception {
            System.out.println(call.call());
        }
    }

    private record Forward(Callable<?> to) implements InvocationHandler, Serializable {
        @Override
        public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
            return method.invoke(to);
        }
    }

    @Test
    void manyWorkersGetManyAndLargeClassesAtOnceWithManyThreads() throws Exception {
        StringBuilder source = new StringBuilder(
                """
                import java.util.stream.IntStream;
                public class Large implements dev.procession.Task {
                    public void run() throws Exception {
                        Thread[] threads = new Thread[8];
                        int[] sums = new int[8];
                        for (int i = 0; i < 8; i++) {
                            int own = i;
                            threads[i] = new Thread(() -> sums[own] = sum());
                            threads[i].start();
                        }
                        for (Thread each : threads) each.join();
                        System.out.println(IntStream.of(sums).sum());
                    }
                    static int sum() { return 0
                """);
        String text = "x".repeat(60_000);
        for (int i = 0; i < 30; i++) {
            source.append("+ Part").append(i).append(".length()");
        }
        source.append("; }\n");
        for (int i = 0; i < 30; i++) {
            source.append(
                    "static class Part" + i + " { static int length() { return \"" + i + text + "\".length(); } }\n");
        }
        source.append("}\n");
        try (URLClassLoader loader = loader(compile("Large", source.toString()))) {
            List<Worker> workers = IntStream.range(0, 6)
                    .mapToObj(i -> builder().start(task(loader, "Large")))
                    .toList();
            for (Worker each : workers) {
                each.join();
                assertInstanceOf(Finished.class, each.exit());
            }
        }
        int length = 8 * (30 * 60_000 + 10 + 20 * 2);
        assertEquals(Collections.nCopies(6, Integer.toString(length)), lines);
    }

    @Test
    void aThreadThatIsInterruptedGetsItsClassesAndStaysInterrupted() throws Exception {
        Path classes = compile(
                "Interrupted",
                """
                public class Interrupted implements dev.procession.Task {
                    public void run() {
                        System.out.println(First.text());
                        Thread.currentThread().interrupt();
                        System.out.println(Second.text() + " " + Thread.currentThread().isInterrupted());
                    }
                    static class First { static String text() { return "first"; } }
                    static class Second { static String text() { return "second"; } }
                }
                """);
        try (URLClassLoader loader = loader(classes)) {
            assertInstanceOf(Finished.class, run(task(loader, "Interrupted")));
        }
        assertEquals(List.of("first", "second true"), lines);
    }

    // ---- what cannot be

    @Test
    void aTaskOfAClassWhoseBytesNobodyHasIsRefusedByStart() throws Exception {
        Path classes = compile("Unknown", taskThatPrints("Unknown", "never"));
        assertRefused("Unknown", "does not give its bytes", task(new MemoryLoader(classes, false), "Unknown"));
        byte[] bytes = Files.readAllBytes(compile(
                "dev/procession/tests/worker/Defined",
                "package dev.procession.tests.worker; " + taskThatPrints("Defined", "never")).resolve(
                        "dev/procession/tests/worker/Defined.class"));
        Class<?> defined = MethodHandles.lookup().defineClass(bytes);
        assertRefused("Defined", "does not give its bytes", (Task) defined.getConstructor().newInstance());
        Class<?> hidden = MethodHandles.lookup().defineHiddenClass(bytes, true).lookupClass();
        assertRefused("Defined", "hidden classes cannot be found", (Task) hidden.getConstructor().newInstance());
        assertRefused("Defined", "hidden classes cannot be found",
                new Calls(new Returns((Serializable) hidden.getConstructor().newInstance())));
        URLClassLoader loader = loader(classes);
        Task closed = task(loader, "Unknown");
        loader.close();
        assertRefused("Unknown", "has been closed", closed);
        try (URLClassLoader open = loader(classes)) {
            Task gone = task(open, "Unknown");
            Files.delete(classes.resolve("Unknown.class"));
            assertRefused("Unknown", "Unknown.class: their file is gone, the class was made at run time, or", gone);
        }
        assertEquals(List.of(), Worker.active());
    }

    private record Returns(Serializable value) implements Callable<Object>, Serializable {
        @Override
        public Object call() {
            return value;
        }
    }

    private static void assertRefused(String className, String reason, Task task) {
        Worker worker = Worker.builder().name("refused").unstarted(task);
        String message = assertThrows(IllegalArgumentException.class, worker::start).getMessage();
        assertTrue(
                message.contains("Worker \"refused\"") && message.contains(className) && message.contains(reason),
                message);
    }

    @Test
    void aClassThatTheParentsLoaderNoLongerGivesFailsTheTaskThatNeedsIt() throws Exception {
        Path classes = compile(
                "Later",
                """
                public class Later implements dev.procession.Task {
                    public void run() throws Exception {
                        System.out.println("up");
                        System.in.read();
                        while (!new java.io.File(System.getProperty("test.go")).exists()) Thread.sleep(5);
                        System.out.println(Late.text());
                    }
                    static class Late { static String text() { return "too late"; } }
                }
                """);
        Path go = folder.resolve("go");
        URLClassLoader loader = loader(classes);
        loader.loadClass("Later$Late");
        Worker worker = builder().jvmArguments("-Dtest.go=" + go).start(task(loader, "Later"));
        Processes.await("the worker is up", () -> lines.contains("up"));
        loader.close();
        Files.createFile(go);
        worker.join();
        Failed failed = assertInstanceOf(Failed.class, worker.exit());
        assertTrue(
                failed.toString().contains("NoClassDefFoundError: Later$Late: its class loader in the parent process"),
                failed.toString());
    }

    static final class Leaving {
        private Leaving() {}

        public static void main(String[] args) throws Exception {
            URLClassLoader loader = new URLClassLoader(new URL[] {Path.of(args[0]).toUri().toURL()});
            Worker.builder()
                    .stdout(Redirect.to(Path.of(args[1]).toFile()))
                    .start(task(loader, "Orphan"));
            Thread.sleep(100_000);
        }
    }

    @Test
    void aWorkerWhoseParentIsGoneSaysSoWhenItNeedsAClassFromThere() throws Exception {
        Path classes = compile(
                "Orphan",
                """
                public class Orphan implements dev.procession.Task {
                    public void run() throws Exception {
                        ProcessHandle parent = ProcessHandle.current().parent().get();
                        System.out.println("up");
                        while (parent.isAlive()) Thread.sleep(5);
                        try {
                            System.out.println(Late.text());
                        } catch (NoClassDefFoundError e) {
                            System.out.println(e.getMessage());
                        }
                        System.out.println("end");
                    }
                    static class Late { static String text() { return "too late"; } }
                }
                """);
        Path output = folder.resolve("output");
        Path temporary = Files.createDirectory(folder.resolve("t"));
        try (Processes.Jvm parent = Processes.Jvm.start(
                folder, List.of("-Djava.io.tmpdir=" + temporary), Leaving.class, classes.toString(),
                output.toString())) {
            Processes.awaitContent(output);
            assertEquals(1, countParents(temporary));
            parent.process.destroyForcibly().waitFor();
            Processes.await("the worker ends", () -> Files.readString(output).endsWith("end\n"));
        }
        assertTrue(
                Files.readString(output).contains(
                        "Orphan$Late: it would come from the parent process, which is gone"),
                Files.readString(output));

        // The next process that serves classes removes what that one has left behind, and its own at its end.
        assertEquals(1, countParents(temporary));
        Path named = Files.createDirectory(temporary.resolve("procession-parent-of-mine"));
        try (Processes.Jvm next = Processes.Jvm.start(
                folder, List.of("-Djava.io.tmpdir=" + temporary), Passing.class, classes.toString())) {
            assertEquals(0, next.awaitEnd(), next.output());
        }
        assertTrue(Files.exists(named));
        assertEquals(1, countParents(temporary));
    }

    static final class Passing {
        private Passing() {}

        public static void main(String[] args) throws Exception {
            URLClassLoader loader = new URLClassLoader(new URL[] {Path.of(args[0]).toUri().toURL()});
            Worker worker = Worker.of(task(loader, "Orphan")).start();
            worker.kill();
            worker.join();
        }
    }

    private static long countParents(Path temporary) throws IOException {
        try (Stream<Path> files = Files.list(temporary)) {
            return files.filter(file -> file.getFileName().toString().startsWith("procession-parent-")).count();
        }
    }

    @Test
    void aTaskOnTheClassPathNeedsNoneOfThis() throws Exception {
        try (SharedQueue<String> queue = SharedQueue.create(Codec.utf8())) {
            Worker worker = Worker.of(() -> queue.put(
                    Thread.currentThread().getContextClassLoader().getClass().getName() + Thread.getAllStackTraces()
                            .keySet().stream().anyMatch(thread -> thread.getName().startsWith("procession classes"))));
            worker.start().join();
            assertEquals(ClassLoader.getSystemClassLoader().getClass().getName() + "false", queue.tryGet());
        }
        assertFalse(lines.contains("never"));
    }

    // ----

    /// Has its classes in memory, and prefers them to those of its parent if it is to give their bytes to others.
    private static final class MemoryLoader extends ClassLoader {
        private final Path classes;
        private final boolean gives;

        MemoryLoader(Path classes, boolean gives) {
            super(WorkerTaskClassesTest.class.getClassLoader());
            this.classes = classes;
            this.gives = gives;
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            Path file = classes.resolve(name.replace('.', '/') + ".class");
            Class<?> known = findLoadedClass(name);
            if (known != null || !Files.exists(file)) {
                return known != null ? known : super.loadClass(name, resolve);
            }
            try {
                byte[] bytes = Files.readAllBytes(file);
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }

        @Override
        public InputStream getResourceAsStream(String name) {
            Path file = classes.resolve(name);
            try {
                return gives && Files.exists(file)
                        ? new ByteArrayInputStream(Files.readAllBytes(file))
                        : super.getResourceAsStream(name);
            } catch (IOException e) {
                return null;
            }
        }
    }

    private static URLClassLoader loader(Path classes) throws IOException {
        return new URLClassLoader(
                new URL[] {classes.toUri().toURL()}, WorkerTaskClassesTest.class.getClassLoader());
    }

    private static Task task(ClassLoader loader, String className) {
        try {
            Constructor<?> constructor = loader.loadClass(className).getDeclaredConstructor();
            constructor.setAccessible(true);
            return (Task) constructor.newInstance();
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static String taskThatPrints(String name, String text) {
        return "public class " + name + " implements dev.procession.Task { public void run() { System.out.println(\""
                + text + "\"); } }";
    }

    private Worker.Builder builder() {
        return Worker.builder().stdout(lines::add);
    }

    private Object run(Task task) throws InterruptedException {
        Worker worker = builder().start(task);
        worker.join();
        return worker.exit();
    }

    private Path compile(String name, String source) throws IOException {
        Path file = folder.resolve("source-" + name.replace('/', '.')).resolve(name + ".java");
        Files.createDirectories(file.getParent());
        Files.writeString(file, source);
        Path classes = folder.resolve("classes-" + name.replace('/', '.'));
        int status = ToolProvider.findFirst("javac").orElseThrow().run(
                System.out, System.err, "-d", classes.toString(), "-cp", System.getProperty("java.class.path"),
                file.toString());
        assertEquals(0, status, "javac");
        return classes;
    }
}

/// There is another one, which is made in the test.
class Versioned implements Task {
    private static final long serialVersionUID = 1;

    @Override
    public void run() {
        System.out.println("from the class path");
    }
}
