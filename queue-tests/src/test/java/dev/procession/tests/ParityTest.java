package dev.procession.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.WorkerPool;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// queue-ipc/PARITY.md names all that others have, and nothing of ours that there is not.
class ParityTest {
    private static final Path ROOT = Path.of("..");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    /// A class, nested ones, and a member.
    private static final Pattern NAME = Pattern.compile("([A-Z]\\w*)((?:\\.\\w+)*)(?:\\(.*\\))?");
    private static final List<String> PACKAGES = List.of("dev.procession", "dev.procession.core", "java.lang",
            "java.util", "java.util.concurrent", "java.util.stream", "java.nio.channels");

    /// What Python says of itself: a class or module, and its public names, on a line.
    private static final String PYTHON = """
            import multiprocessing, multiprocessing.pool, multiprocessing.queues, concurrent.futures
            def say(title, names): print(title, *[n for n in names if not n.startswith('_')])
            say('multiprocessing', multiprocessing.__all__)
            say('concurrent.futures', concurrent.futures.__all__)
            say('multiprocessing.Process', dir(multiprocessing.Process))
            for name in ('Queue', 'SimpleQueue', 'JoinableQueue'):
                say('multiprocessing.' + name, dir(getattr(multiprocessing.queues, name)))
            say('multiprocessing.Pool', dir(multiprocessing.pool.Pool))
            for name in ('AsyncResult', 'IMapIterator'):
                say('multiprocessing.pool.' + name, dir(getattr(multiprocessing.pool, name)))
            for name in ('ProcessPoolExecutor', 'Future'):
                say('concurrent.futures.' + name, dir(getattr(concurrent.futures, name)))
            """;

    private static List<String> lines;
    /// What the first columns of a section's tables name.
    private static final Map<String, Set<String>> THEIRS = new HashMap<>();
    /// What all other columns and the text name, with the line.
    private static final Map<String, String> OURS = new HashMap<>();

    @BeforeAll
    static void read() throws IOException {
        lines = Files.readAllLines(ROOT.resolve("queue-ipc/PARITY.md"));
        Set<String> theirs = new TreeSet<>();
        for (String line : lines) {
            boolean row = line.startsWith("| `");
            int first = row ? line.indexOf('|', 1) : 0;
            if (line.startsWith("## ")) THEIRS.put(line.substring(3).replace("`", ""), theirs = new TreeSet<>());
            else codes(line.substring(first)).forEach(name -> OURS.put(name, line));
            if (row) codes(line.substring(0, first)).forEach(theirs::add);
        }
    }

    private static Stream<String> codes(String text) {
        return CODE.matcher(text).results().map(code -> code.group(1));
    }

    private static void assertNamed(String section, Stream<String> names) {
        assertTrue(THEIRS.containsKey(section), section);
        assertEquals(List.of(), names.filter(name -> !THEIRS.get(section).contains(name)).toList(), section);
    }

    // ---- theirs

    @Test
    void allNamesOfPythonAreThere() throws Exception {
        List<String> said = python();
        assertEquals(11, said.size(), said.toString());
        for (String each : said) {
            List<String> names = List.of(each.split(" "));
            String title = names.getFirst();
            if (!title.equals("multiprocessing")) {
                assertNamed(title, names.stream().skip(1).filter(name -> !hasSection(title, name)));
                continue;
            }
            Set<String> all = new TreeSet<>(OURS.keySet());
            THEIRS.values().forEach(all::addAll);
            assertEquals(List.of(), names.stream().skip(1).filter(name -> !all.contains(name)).toList());
        }
    }

    private static boolean hasSection(String title, String name) {
        return THEIRS.containsKey(title + "." + name);
    }

    private static List<String> python() throws IOException, InterruptedException {
        Path output = Files.createTempFile("parity-", ".txt");
        try {
            Process process = new ProcessBuilder("python3", "-c", PYTHON).redirectErrorStream(true)
                    .redirectOutput(output.toFile()).start();
            try {
                assertTrue(process.waitFor(30, TimeUnit.SECONDS));
            } finally {
                process.destroyForcibly();
            }
            List<String> said = Files.readAllLines(output);
            assumeTrue(process.exitValue() == 0, () -> "no multiprocessing: " + said);
            return said;
        } catch (IOException e) {
            assumeTrue(false, "no python3: " + e);
            throw e;
        } finally {
            Files.deleteIfExists(output);
        }
    }

    @Test
    void allNamesOfJavaAreThere() {
        assumeTrue(Runtime.version().feature() == 25, "a newer one may have more");
        for (Class<?> each : List.of(Thread.class, Process.class, ExecutorService.class, BlockingQueue.class)) {
            assertNamed(each.getName(), Arrays.stream(each.getDeclaredMethods())
                    .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isSynthetic())
                    .map(Method::getName).filter(name -> !name.equals("toString")));
        }
    }

    // ---- ours

    @Test
    void whatIsCalledOursExists() {
        List<String> missing = new ArrayList<>();
        int found = 0;
        for (var each : OURS.entrySet()) {
            Matcher name = NAME.matcher(each.getKey());
            if (!name.matches() || name.group(1).endsWith("Test")) continue;
            if (exists(name.group(1), name.group(2))) found++;
            else missing.add(each.getKey() + " in: " + each.getValue());
        }
        assertEquals(List.of(), missing);
        assertTrue(found > 50, () -> OURS.keySet().toString());
    }

    private static boolean exists(String type, String members) {
        for (String each : PACKAGES) {
            try {
                Class<?> found = Class.forName(each + "." + type, false, ParityTest.class.getClassLoader());
                if (Modifier.isPublic(found.getModifiers())) return has(found, members);
            } catch (ClassNotFoundException e) {
                continue;
            }
        }
        return false;
    }

    /// @param members as `.Nested.method`, or empty
    private static boolean has(Class<?> type, String members) {
        if (members.isEmpty()) return true;
        String[] parts = members.substring(1).split("\\.", 2);
        for (Class<?> nested : type.getClasses()) {
            if (nested.getSimpleName().equals(parts[0])) return has(nested, members.substring(1 + parts[0].length()));
        }
        return parts.length == 1 && (Arrays.stream(type.getMethods()).anyMatch(each -> each.getName().equals(parts[0]))
                || Arrays.stream(type.getFields()).anyMatch(each -> each.getName().equals(parts[0])));
    }

    @Test
    void aNameThatIsNoneIsFound() {
        assertTrue(exists("Worker", ".Builder.name") && exists("SharedQueue", ".peek") && exists("Integer", ""));
        assertTrue(!exists("Worker", ".Builder.peek") && !exists("SharedQueue", ".poll") && !exists("Workers", ""));
        assertTrue(!exists("PutEnd", ".tryPut"), "is not public");
    }

    @Test
    void eachTestThatIsNamedExists() throws IOException {
        Set<String> tests;
        try (var files = Stream.of("queue-core", "queue-ipc", "queue-tests")
                .map(module -> ROOT.resolve(module + "/src/test/java")).flatMap(ParityTest::walk)) {
            tests = files.map(file -> file.getFileName().toString().replace(".java", "")).collect(Collectors.toSet());
        }
        Set<String> named = OURS.keySet().stream().filter(name -> name.matches("\\w+Test"))
                .collect(Collectors.toCollection(TreeSet::new));
        assertTrue(named.size() > 20, named.toString());
        named.removeAll(tests);
        assertEquals(Set.of(), named);
    }

    private static Stream<Path> walk(Path folder) {
        try {
            return Files.walk(folder);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /// Where there is something of ours, there is a test, but for what is the JDK's own.
    @Test
    void eachRowNamesATest() {
        assertEquals(List.of(), lines.stream()
                .filter(line -> line.startsWith("| `") && line.chars().filter(c -> c == '|').count() == 5)
                .filter(line -> line.matches("\\|[^|]*\\| `(Shared|Worker|Queue|Lease).*"))
                .filter(line -> !line.matches(".*`\\w+Test` \\|")).toList());
    }

    // ---- shown here

    @Test
    void aFutureTellsWhatBecameOfItsTask() throws Exception {
        try (WorkerPool pool = WorkerPool.of(1)) {
            Future<Integer> good = pool.submit(() -> 1);
            Future<Integer> bad = pool.submit(() -> Integer.parseInt("x"));
            assertEquals(1, good.get(30, TimeUnit.SECONDS));
            assertEquals(Future.State.SUCCESS, good.state());
            try {
                bad.get(30, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                assertEquals(e.getCause(), bad.exceptionNow());
            }
            assertEquals(Future.State.FAILED, bad.state());
            assertInstanceOf(NumberFormatException.class, bad.exceptionNow());
        }
    }
}
