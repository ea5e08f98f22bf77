package dev.procession.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.procession.tests.kit.Child;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.LauncherConstants;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/// What becomes of a test that hangs, or leaves processes behind: JUnit runs such tests in another JVM, with a shorter
/// deadline.
@Tag("long")
class WatchdogTest {
    @TempDir
    Path folder;

    private Map<String, String> results(Class<?> tests) throws Exception {
        Path output = folder.resolve("output");
        Path results = folder.resolve("results");
        var builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Ddev.procession.tests.deadline=2", "-cp", System.getProperty("java.class.path"),
                WatchdogTest.class.getName(), tests.getName(), results.toString());
        builder.environment().put(Descendants.MARK, folder.toString());
        int status = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start().waitFor();
        String text = Files.readString(output);
        assertEquals(0, status, text);
        var byName = new TreeMap<String, String>();
        for (String line : Files.readAllLines(results)) byName.put(line.split("\t")[0], line.split("\t")[1]);
        return byName;
    }

    /// The other JVM.
    static void main(String[] args) throws Exception {
        var request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectClass(Class.forName(args[0])))
                .configurationParameter(LauncherConstants.STACKTRACE_PRUNING_ENABLED_PROPERTY_NAME, "false")
                .build();
        var results = new StringBuilder();
        LauncherFactory.create().execute(request, new TestExecutionListener() {
            @Override
            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                results.append(test.getDisplayName()).append('\t').append(result.getThrowable()
                        .map(thrown -> thrown.toString().lines().findFirst().orElseThrow()).orElse("passed"))
                        .append('\n');
            }
        });
        results.append("left\t").append(Descendants.all()).append('\n');
        Files.writeString(Path.of(args[1]), results);
        Runtime.getRuntime().halt(0); // threads that hang are still there
    }

    @Test
    void aTestThatHangsFailsByNameAndLeavesNoProcessAndTheNextOnesRun() throws Exception {
        var results = results(Hanging.class);
        for (String name : List.of("inANativeCall()", "onAProcessThatNoSignalEnds()", "inAStepBeforeIt()")) {
            assertTrue(results.get(name).contains("hangs: " + Hanging.class.getName()), results::toString);
            assertTrue(results.get(name).contains(name), results::toString);
        }
        // by the peer's own deadline, or on a busy machine by that of the test
        assertTrue(results.get("onAPeerThatIsStopped()").contains("hangs: "), results::toString);
        assertEquals("passed", results.get("theNextOne()"), results::toString);
        assertEquals("passed", results.get("theOneAfterThat()"), results::toString);
        assertEquals("[]", results.get("left"), results::toString);
    }

    @Test
    void aClassThatLeavesAProcessBehindFailsByName() throws Exception {
        var results = results(Leaving.class);
        assertEquals("passed", results.get("aProcess()"), results::toString);
        String left = results.get("WatchdogTest$Leaving");
        assertTrue(left.contains(Leaving.class.getName() + " leaves processes behind"), results::toString);
        assertEquals("[]", results.get("left"), results::toString);
    }

    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    static class Hanging {
        private Thread thread;

        @BeforeEach
        void rememberThread(TestInfo test) throws Exception {
            thread = Thread.currentThread();
            if (test.getDisplayName().equals("inAStepBeforeIt()")) inANativeCall();
        }

        @Test
        @Order(1)
        void onAPeerThatIsStopped() {
            try (var child = Child.start()) {
                try (var peer = child.peer()) {
                    peer.run(scope -> {});
                    child.stop();
                    peer.run(scope -> {});
                }
            }
        }

        @Test
        @Order(2)
        void inANativeCall() throws Exception {
            var linker = Linker.nativeLinker();
            @SuppressWarnings("restricted")
            var sleep = linker.downcallHandle(linker.defaultLookup().findOrThrow("sleep"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
            try {
                while (true) {
                    int ignored = (int) sleep.invokeExact(1);
                }
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }

        @Test
        @Order(3)
        void onAProcessThatNoSignalEnds() throws Exception {
            // and on one whose parent has ended
            var process = new ProcessBuilder("sh", "-c",
                    "(trap '' TERM INT HUP; while :; do sleep 1; done) & exec sleep 1000")
                    .start();
            while (process.getInputStream().read() >= 0) {}
        }

        @Test
        @Order(4)
        void theNextOne() {
            assertEquals(thread, Thread.currentThread());
        }

        @Test
        @Order(5)
        void inAStepBeforeIt() {}

        @Test
        @Order(6)
        void theOneAfterThat() {
            assertEquals(thread, Thread.currentThread());
        }
    }

    static class Leaving {
        @Test
        void aProcess() throws Exception {
            new ProcessBuilder("sh", "-c", "sleep 1000 & exit").start().waitFor();
        }
    }
}
