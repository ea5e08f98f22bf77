package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.procession.Codec;
import dev.procession.Lease;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.WorkerExit.Killed;
import dev.procession.tests.Keeping;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Ends that were asked for: queues work until the process is gone, nothing is printed but what the application prints,
/// and nobody waits for ever for a worker that does not end.
class OrderlyEndTest extends Keeping {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    Path folder;

    private Processes.Jvm start(List<String> options, Class<?> main, String... arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of("-Ddev.procession.startupCache=off"));
        all.addAll(options);
        return keep(Processes.Jvm.start(folder, all, main, arguments));
    }

    private long awaitPid(String name) throws Exception {
        return keepProcess(Long.parseLong(Processes.awaitContent(folder.resolve(name))));
    }

    private static void write(String file, Object text) throws IOException {
        Path made = Files.writeString(Path.of(file + ".made"), text.toString());
        Files.move(made, Path.of(file));
    }

    private static void onExit(Runnable hook) {
        Runtime.getRuntime().addShutdownHook(new Thread(hook));
    }

    // ---- queues work until the end

    private static void finishTheItemInHand(SharedQueue<String> jobs, SharedQueue<String> log) throws Exception {
        Thread main = Thread.currentThread();
        boolean[] isAsked = new boolean[1];
        onExit(() -> {
            isAsked[0] = true;
            try {
                main.join(LONG);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        try (Lease<String> lease = jobs.lease()) {
            log.put("started " + lease.value());
            while (!isAsked[0]) Thread.sleep(1);
            Thread.sleep(200); // an exit hook of ours would be done by now
            log.put("result of " + lease.value());
            lease.done();
            System.out.println("good bye");
        }
    }

    @Test
    void aWorkerThatIsAskedToEndPutsItsResultAndIsDoneWithItsLease() throws Exception {
        QueueOptions leased = QueueOptions.DEFAULT.leased();
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        try (var jobs = SharedQueue.create(Codec.utf8(), leased);
                var log = SharedQueue.create(Codec.utf8())) {
            jobs.put("job");
            Worker worker = Worker.builder()
                    .stdout(lines::add)
                    .stderr(lines::add)
                    .start(() -> finishTheItemInHand(jobs, log));
            assertEquals("started job", log.get(LONG));
            worker.terminate();
            assertTrue(worker.join(LONG));
            assertEquals(new Killed(15), worker.exit());
            assertEquals("result of job", log.tryGet());
            assertNull(jobs.tryLease());
            assertTrue(jobs.isEmpty());
        }
        assertEquals(List.of("good bye"), lines);
    }

    @Test
    void aShutdownHookOfAWorkerMayPut() throws Exception {
        try (var queue = SharedQueue.create(Codec.utf8())) {
            Worker worker = Worker.of(() -> {
                onExit(() -> {
                    try {
                        Thread.sleep(200); // an exit hook of ours would be done by now
                        queue.put("last words");
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
                queue.put("up");
                Thread.sleep(Long.MAX_VALUE);
            }).start();
            assertEquals("up", queue.get(LONG));
            worker.terminate();
            assertTrue(worker.join(LONG));
            assertEquals("last words", queue.tryGet());
        }
    }

    static final class HookThatGets {
        private HookThatGets() {}

        public static void main(String[] args) throws Exception {
            var queue = SharedQueue.create(Codec.utf8(), QueueOptions.DEFAULT.leased()
                    .withMaxAttempts(1));
            var same = SharedQueue.open(queue.path(), Codec.utf8());
            Worker.of(() -> queue.put("result")).start().join();
            onExit(() -> {
                try {
                    Thread.sleep(200); // an exit hook of ours would be done by now
                    System.out.println("name is there: " + Files.exists(queue.path()));
                    System.out.println("got " + same.get(LONG) + ", dead: " + same.deadLetters().size());
                    same.put("once more");
                    same.close();
                    System.out.println("got " + queue.get(LONG));
                    for (int i = 0; i < 1000; i++) queue.put("item " + i);
                    System.out.println("holds " + queue.size());
                    queue.close();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
            System.exit(3);
        }
    }

    static final class HookThatMakes {
        private HookThatMakes() {}

        public static void main(String[] args) {
            onExit(() -> {
                try (var queue = SharedQueue.create(Codec.utf8(), QueueOptions.DEFAULT.leased().withMaxAttempts(1))) {
                    queue.put("item");
                    System.out.println("got " + queue.get(LONG) + ", dead: " + queue.deadLetters().size());
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                try {
                    Worker.of(() -> {}).start();
                } catch (IllegalStateException e) {
                    System.out.println(e.getMessage());
                }
            });
        }
    }

    @Test
    void theFirstQueueOfAProcessMayBeMadeInAShutdownHookButNoWorker() throws Exception {
        Processes.Jvm parent = start(List.of(), HookThatMakes.class);
        assertEquals(0, parent.awaitEnd());
        assertEquals("got item, dead: 0\nthis process is about to end", parent.output());
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "portable"})
    void aShutdownHookOfTheParentUsesAndClosesQueuesWhoseNamesAreGone(String platform) throws Exception {
        Processes.Jvm parent = start(List.of("-Ddev.procession.platform=" + platform), HookThatGets.class);
        assertEquals(3, parent.awaitEnd());
        assertEquals("name is there: false\ngot result, dead: 0\ngot once more\nholds 1000", parent.output());
    }

    /// Two processes have a queue; each ends in turn or at the same time; the last takes the name along.
    static final class Holder {
        private Holder() {}

        public static void main(String[] args) throws Exception {
            SharedQueue<String> queue =
                    args[1].isEmpty() ? SharedQueue.create(Codec.utf8())
                            : SharedQueue.open(Path.of(args[1]), Codec.utf8());
            write(args[0], queue.path());
            Thread.sleep(Long.MAX_VALUE);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theLastProcessThatEndsTakesTheNameOfTheQueueAlong(boolean together) throws Exception {
        Path one = folder.resolve("one");
        Path two = folder.resolve("two");
        Processes.Jvm maker = start(List.of(), Holder.class, one.toString(), "");
        Path queue = Path.of(Processes.awaitContent(one));
        Processes.Jvm user = start(List.of(), Holder.class, two.toString(), queue.toString());
        Processes.awaitContent(two);
        Processes.signal("TERM", maker.process.pid());
        if (!together) {
            assertEquals(143, maker.awaitEnd());
            assertTrue(Files.exists(queue), "the other process has it");
        }
        Processes.signal("TERM", user.process.pid());
        assertEquals(143, maker.awaitEnd());
        assertEquals(143, user.awaitEnd());
        assertFalse(Files.exists(queue));
        assertEquals("", maker.output() + user.output());
    }

    // ---- an end that was asked for prints nothing

    static final class BlockedEverywhere {
        private BlockedEverywhere() {}

        public static void main(String[] args) throws Exception {
            var queue = SharedQueue.create(Codec.utf8());
            var up = SharedQueue.create(Codec.int64());
            Worker.of(() -> {
                up.put(ProcessHandle.current().pid());
                queue.get();
            }).start();
            write(args[0], up.get());
            new Thread(() -> {
                try {
                    queue.get();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }).start();
            queue.get();
        }
    }

    @ParameterizedTest
    @CsvSource({"TERM, 15", "INT, 2", "HUP, 1"})
    void consumersThatWaitPrintNothingWhenASignalEndsTheProcess(String signal, int number) throws Exception {
        assumeFalse(Processes.isIgnored(number), "SIG" + signal + " is ignored by whoever started the tests");
        Processes.Jvm parent = start(List.of(), BlockedEverywhere.class, folder.resolve("up").toString());
        long worker = awaitPid("up");
        Processes.signal(signal, worker); // as Ctrl-C does
        Processes.signal(signal, parent.process.pid());
        assertEquals(128 + number, parent.awaitEnd());
        assertEquals("", parent.output());
        assertFalse(Processes.runs(worker));
    }

    // ---- nobody waits for ever

    /// A worker whose shutdown hook does not end, and below it another one if there are to be two.
    static final class Stuck {
        private Stuck() {}

        public static void main(String[] args) throws Exception {
            String folder = args[0];
            int depth = Integer.parseInt(args[1]);
            Worker.of(() -> hang(folder, depth)).start();
            if (args[2].equals("sleep")) Thread.sleep(Long.MAX_VALUE);
        }

        private static void hang(String folder, int depth) throws Exception {
            onExit(() -> {
                try {
                    Thread.sleep(Long.MAX_VALUE);
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
            if (depth > 1) {
                Worker.of(() -> hang(folder, depth - 1)).start();
                Processes.awaitContent(Path.of(folder, "stuck-" + (depth - 1)));
            }
            write(folder + "/stuck-" + depth, ProcessHandle.current().pid());
            Thread.sleep(Long.MAX_VALUE);
        }
    }

    /// The grace of a worker's own workers is shorter, so that none is left behind.
    @ParameterizedTest
    @CsvSource({"sleep, 2", "return, 2", "sleep, PT2S"})
    void aWorkerThatDoesNotEndIsKilledAfterTheGraceTime(String main, String grace) throws Exception {
        Processes.Jvm parent =
                start(List.of("-Ddev.procession.grace=" + grace), Stuck.class, folder.toString(), "2", main);
        long outer = awaitPid("stuck-2");
        long inner = awaitPid("stuck-1");
        assertTrue(parent.process.isAlive());
        Processes.signal("TERM", parent.process.pid());
        int status = parent.awaitEnd(); // a signal that comes when the JVM is ending may still give its status
        assertTrue(status == 143 || main.equals("return") && status == 0, "status " + status);
        Processes.await("no worker is left", () -> !Processes.runs(outer) && !Processes.runs(inner));
        assertEquals("", parent.output());
    }

    @Test
    void aSecondSignalCutsTheGraceTimeShort() throws Exception {
        Processes.Jvm parent =
                start(List.of("-Ddev.procession.grace=PT1H"), Stuck.class, folder.toString(), "1", "sleep");
        long worker = awaitPid("stuck-1");
        Processes.signal("TERM", parent.process.pid());
        Thread.sleep(1000); // for a parent that would not wait
        assertTrue(parent.process.isAlive() && Processes.runs(worker));
        Processes.signal("TERM", parent.process.pid());
        assertEquals(143, parent.awaitEnd());
        assertFalse(Processes.runs(worker));
    }

    static final class OddGrace {
        private OddGrace() {}

        public static void main(String[] args) {
            for (String grace : args) {
                System.setProperty("dev.procession.grace", grace);
                try {
                    Worker.of(() -> {}).start();
                    System.out.println("started");
                } catch (IllegalArgumentException e) {
                    System.out.println(e.getMessage());
                }
            }
        }
    }

    @Test
    void aGraceTimeThatMakesNoSenseIsToldAtTheFirstStart() throws Exception {
        List<String> odd = List.of("soon", "-1", "PT", "1e3");
        Processes.Jvm parent = start(List.of(), OddGrace.class, odd.toArray(String[]::new));
        assertEquals(0, parent.awaitEnd());
        List<String> told = parent.output().lines().toList();
        assertEquals(odd.size(), told.size(), parent.output());
        for (int i = 0; i < odd.size(); i++) {
            assertTrue(told.get(i).startsWith("-Ddev.procession.grace=" + odd.get(i) + " is not"), parent.output());
        }
    }

    // ---- ends that come out of a callback

    static final class Exits {
        private Exits() {}

        public static void main(String[] args) throws Exception {
            switch (args[0]) {
                case "handler" -> {
                    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> System.exit(5));
                    start(line -> {
                        throw new IllegalStateException(line);
                    });
                }
                case "another thread" -> start(line -> {
                    Thread thread = new Thread(() -> System.exit(5));
                    thread.start();
                    try {
                        thread.join();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
                case "onExit" -> {
                    Worker worker = start(line -> {});
                    worker.onExit().thenRun(() -> System.exit(5));
                    Thread.sleep(Long.MAX_VALUE);
                }
                case "lock" -> {
                    Object lock = new Object();
                    synchronized (lock) {
                        boolean[] isCalled = new boolean[1];
                        start(line -> {
                            isCalled[0] = true;
                            synchronized (lock) {
                                throw new AssertionError("nobody lets go of the lock");
                            }
                        });
                        while (!isCalled[0]) Thread.sleep(1);
                        System.exit(5);
                    }
                }
                case "signal" -> start(line -> {
                    try {
                        new ProcessBuilder("kill", "" + ProcessHandle.current().pid()).start();
                        Thread.sleep(Long.MAX_VALUE);
                    } catch (IOException | InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
                default -> start(line -> System.exit(5));
            }
            Thread.sleep(Long.MAX_VALUE);
        }

        private static Worker start(Consumer<String> lines) {
            return Worker.builder().stdout(lines).start(() -> {
                for (int i = 0; i < 20_000; i++) System.out.println("line " + i + " ..........................");
            });
        }
    }

    @ParameterizedTest
    @CsvSource({"callback, 5", "handler, 5", "another thread, 5", "onExit, 5", "lock, 5", "signal, 143"})
    void anExitOutOfACallbackEndsTheProcess(String how, int status) throws Exception {
        Processes.Jvm parent = start(List.of("-Ddev.procession.grace=1"), Exits.class, how);
        assertEquals(status, parent.awaitEnd());
        assertEquals("", parent.output());
    }

    // ---- and what a callback throws

    static final class Throws {
        private Throws() {}

        public static void main(String[] args) throws Exception {
            for (String what : args) run(what);
        }

        private static void run(String what) throws Exception {
            int[] lines = new int[1];
            int[] reports = new int[1];
            if (what.equals("handler")) {
                Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {
                    reports[0]++;
                    throw new AssertionError("the handler throws too");
                });
                System.setErr(new PrintStream(OutputStream.nullOutputStream()));
            } else {
                Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> reports[0]++);
            }
            Worker worker = Worker.builder()
                    .stdout((String line) -> {
                        lines[0]++;
                        switch (what) {
                            case "stack" -> overflow(0);
                            case "linkage" -> throw new NoClassDefFoundError("x");
                            case "memory" -> throw new OutOfMemoryError("x");
                            default -> throw new AssertionError("expected: no output");
                        }
                    })
                    .start(() -> {
                        String line = "x".repeat(1000); // a hundred of them are more than a pipe holds
                        for (int i = 0; i < 300; i++) System.out.println(line);
                    });
            worker.join();
            System.out.println(what + ": " + worker.exit() + ", " + lines[0] + " lines, " + reports[0] + " reports");
        }

        private static int overflow(int depth) {
            return overflow(depth + 1) + 1;
        }
    }

    @Test
    void whateverACallbackThrowsIsReportedAndEachLineIsPassedOn() throws Exception {
        List<String> all = List.of("assertion", "linkage", "memory", "stack", "handler");
        Processes.Jvm parent = start(List.of("-Xss512k"), Throws.class, all.toArray(String[]::new));
        assertEquals(0, parent.awaitEnd());
        assertEquals(all.stream().map(what -> what + ": finished, 300 lines, 300 reports").toList(),
                parent.output().lines().toList());
    }
}
