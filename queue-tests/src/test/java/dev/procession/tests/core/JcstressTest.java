package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openjdk.jcstress.Main;

/// Runs the tests of `dev.procession.tests.jcstress`, shortly and in one configuration of the JVM. A longer run, in
/// eight of them, has its options in `-Djcstress`, see CONTRIBUTING.md; they come behind these, which they do not
/// repeat.
@Tag("long")
class JcstressTest {
    /// Unified: each test in one configuration of the JVM. Yielding: a busy machine gives both actors their turn. Few
    /// strides: each of their tries is a queue.
    private static final String OPTIONS =
            "-c 2 -f 1 -pth false -hs 128 -spinStyle THREAD_YIELD -strideSize 25 -strideCount 4";
    private static final String SHORT = "-af NONE -sc false -iters 1 -time 200";
    private static final String JVM = "--enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -XX:-UsePerfData";

    @TempDir
    Path directory;

    /// jcstress, which ends with the process that has started it, however that ended: here with that of the tests.
    static void main(String[] args) throws Exception {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                System.in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) {
                // as if it ended
            }
            ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
            Runtime.getRuntime().halt(1);
        });
        Main.main(args);
    }

    /// A class of tests at a time.
    @ParameterizedTest
    @ValueSource(strings = {"Bound", "Emptiness", "Jumping", "Leases", "Publication", "Taking", "Waking"})
    void twoThreadsSeeOfEachOtherOnlyWhatThePromisesAllow(String tests) throws IOException, InterruptedException {
        String chosen = System.getProperty("jcstress", "").trim();
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-Djava.io.tmpdir=" + directory));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), JcstressTest.class.getName()));
        command.addAll(List.of(OPTIONS.split(" ")));
        command.addAll(List.of((chosen.isEmpty() ? SHORT : chosen).split(" +")));
        command.addAll(List.of(chosen.isEmpty() ? "-jvmArgs" : "-jvmArgsPrepend", JVM));
        if ((" " + chosen).contains(" -t ")) assumeTrue(tests.equals("Bound"), "one run of those that are chosen");
        else command.addAll(List.of("-t", "\\.jcstress\\." + tests + "\\b"));
        Path log = directory.resolve("log");
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile()) // where it leaves its results
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        int status;
        try {
            status = process.waitFor();
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        String text = Files.readString(log, StandardCharsets.UTF_8);
        assertEquals(0, status, text);
        // it also ends well if it finds no test, or every JVM failed to start
        var totals = Pattern.compile("Results: (\\d+) planned; (\\d+) passed, 0 failed, 0 soft errs, 0 hard errs");
        String planned = "0";
        String passed = "0";
        for (var line = totals.matcher(text); line.find();) {
            planned = line.group(1);
            passed = line.group(2);
        }
        assertTrue(!planned.equals("0"), text);
        assertEquals(planned, passed, text);
        if (!chosen.isEmpty()) System.out.println(text);
    }
}
