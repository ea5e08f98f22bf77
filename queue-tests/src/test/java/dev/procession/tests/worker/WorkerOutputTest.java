package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Worker;
import dev.procession.WorkerExit;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// All of this holds for workers that are made of spare JVMs too, which the long run shows.
@ParameterizedClass(name = "with {0} spares")
@MethodSource("dev.procession.tests.Effort#spares")
class WorkerOutputTest {
    @Parameter
    int spares;

    @TempDir
    Path folder;

    private final PrintStream realOut = System.out;
    private final PrintStream realErr = System.err;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void catchOurOutput() throws Exception {
        System.setOut(new PrintStream(out, false, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, false, StandardCharsets.UTF_8));
        Processes.keepWarm(spares);
    }

    @AfterAll
    static void endSpares() {
        Worker.keepWarm(0);
    }

    @AfterEach
    void restoreOurOutput() {
        System.setOut(realOut);
        System.setErr(realErr);
    }

    @Test
    void whatAWorkerPrintsAppearsInTheParentsStreams() throws Exception {
        Worker worker = Worker.of(() -> {
            System.out.println("out: größe \ud83d\ude00");
            System.err.println("err: größe \ud83d\ude00");
        }).start();
        worker.join();
        assertEquals("out: größe \ud83d\ude00\n", out.toString(StandardCharsets.UTF_8));
        assertEquals("err: größe \ud83d\ude00\n", err.toString(StandardCharsets.UTF_8));
    }

    @Test
    void linesOfSeveralWorkersNeverMix() throws Exception {
        int workers = 4;
        int lines = 2000;
        List<Worker> all = new ArrayList<>();
        for (int n = 0; n < workers; n++) {
            int id = n;
            all.add(Worker.of(() -> {
                PrintStream unbuffered = new PrintStream(new FileOutputStream(FileDescriptor.out), true);
                for (int i = 0; i < lines; i++) {
                    String text = id + " " + i + " " + "abcdefghij".repeat(i % 150);
                    if (i % 3 == 0) { // in pieces
                        unbuffered.print(text.substring(0, text.length() / 2));
                        unbuffered.print(text.substring(text.length() / 2));
                        unbuffered.print('\n');
                    } else {
                        unbuffered.println(text);
                    }
                }
            }).start());
        }
        for (Worker worker : all) {
            worker.join();
        }
        int[] next = new int[workers];
        Pattern whole = Pattern.compile("([0-9]) ([0-9]+) ((abcdefghij)*)");
        for (String line : out.toString(StandardCharsets.UTF_8).split("\n")) {
            Matcher matcher = whole.matcher(line);
            assertTrue(matcher.matches(), line);
            int i = Integer.parseInt(matcher.group(2));
            assertEquals(next[Integer.parseInt(matcher.group(1))]++, i, line);
            assertEquals(i % 150 * 10, matcher.group(3).length(), line);
        }
        assertArrayEquals(new int[] {lines, lines, lines, lines}, next);
    }

    @Test
    void aLineOfAMegabyteStaysWhole() throws Exception {
        Worker one = Worker.of(() -> System.out.println("x".repeat(1_000_000))).start();
        Worker two = Worker.of(() -> {
            for (int i = 0; i < 1000; i++) {
                System.out.println("y");
            }
        }).start();
        one.join();
        two.join();
        List<String> lines = List.of(out.toString(StandardCharsets.UTF_8).split("\n"));
        assertEquals(1001, lines.size());
        assertTrue(lines.contains("x".repeat(1_000_000)));
    }

    @Test
    void bytesPassUnchangedAndTheLastLineNeedsNoEnd() throws Exception {
        Worker worker = Worker.of(() -> {
            System.out.write(randomBytes());
            System.out.flush();
            System.err.print("no line feed");
        }).start();
        worker.join();
        assertArrayEquals(randomBytes(), out.toByteArray());
        assertEquals("no line feed", err.toString(StandardCharsets.UTF_8));
    }

    private static byte[] randomBytes() {
        byte[] bytes = new byte[20_000_000]; // longer than any line may be
        new Random(1).nextBytes(bytes);
        Arrays.fill(bytes, 1_000_000, 12_000_000, (byte) 'x');
        return bytes;
    }

    @Test
    void nothingIsLostWhenTheWorkerIsKilled() throws Exception {
        Path up = folder.resolve("up");
        String file = up.toString();
        Worker worker = Worker.of(() -> {
            for (int i = 0; i < 1000; i++) {
                System.out.println("line " + i);
            }
            System.out.print("and a half");
            System.out.flush();
            Files.writeString(Path.of(file), "up");
            Thread.sleep(Long.MAX_VALUE);
        }).start();
        Processes.awaitContent(up);
        worker.kill();
        worker.join();
        assertEquals(new WorkerExit.Killed(9), worker.exit());
        String[] lines = out.toString(StandardCharsets.UTF_8).split("\n");
        assertEquals(1001, lines.length);
        assertEquals("line 999", lines[999]);
        assertEquals("and a half", lines[1000]);
    }

    @Test
    void aProcessThatTheWorkerLeavesBehindDoesNotHoldUpJoin() throws Exception {
        Path pid = folder.resolve("pid");
        String file = pid.toString();
        Worker worker = Worker.of(() -> {
            System.out.println("before");
            Process left = new ProcessBuilder("sleep", "600").inheritIO().start();
            Files.writeString(Path.of(file), "" + left.pid());
        }).start();
        worker.join();
        long left = Long.parseLong(Files.readString(pid));
        try {
            assertTrue(Processes.runs(left));
            assertEquals("before\n", out.toString(StandardCharsets.UTF_8));
            assertEquals(new WorkerExit.Finished(), worker.exit());
        } finally {
            ProcessHandle.of(left).ifPresent(ProcessHandle::destroyForcibly);
        }
    }

    @Test
    void eachLineGoesToACallbackIfThereIsOne() throws Exception {
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        List<String> errors = Collections.synchronizedList(new ArrayList<>());
        Worker worker = Worker.builder().stdout(lines::add).stderr(errors::add).start(() -> {
            System.out.print("größe\n\nthird\r\nlast");
            System.err.println("error");
        });
        worker.join();
        assertEquals(List.of("größe", "", "third", "last"), lines);
        assertEquals(List.of("error"), errors);
        assertEquals("", out.toString(StandardCharsets.UTF_8));
    }

    @Test
    void aCallbackThatThrowsDoesNotStopTheWorker() throws Exception {
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        Worker worker = Worker.builder()
                .stdout((String line) -> {
                    lines.add(line);
                    throw new IllegalStateException("from the callback");
                })
                .start(() -> {
                    for (int i = 0; i < 100_000; i++) { // more than a pipe holds
                        System.out.println("line " + i);
                    }
                });
        worker.join();
        assertEquals(new WorkerExit.Finished(), worker.exit());
        assertEquals("line 0", lines.getFirst());
        assertTrue(err.toString(StandardCharsets.UTF_8).contains("from the callback"));
    }

    @Test
    void outputCanGoToAFileOrNowhere() throws Exception {
        Path file = folder.resolve("out.txt");
        Worker worker = Worker.builder()
                .stdout(Redirect.to(file.toFile()))
                .stderr(Redirect.DISCARD)
                .start(() -> {
                    System.out.println("größe");
                    System.err.println("nobody reads this");
                });
        worker.join();
        assertEquals("größe\n", Files.readString(file));
        assertEquals("", out.toString(StandardCharsets.UTF_8) + err.toString(StandardCharsets.UTF_8));
    }

    @Test
    void aPipeThatNobodyReadsIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> Worker.builder().stdout(Redirect.PIPE));
        assertThrows(IllegalArgumentException.class, () -> Worker.builder().stderr(Redirect.from(folder.toFile())));
    }
}
