package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.WorkerExit;
import dev.procession.core.Cpus;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// All of this holds for workers that are made of spare JVMs too, which the long run shows.
@ParameterizedClass(name = "with {0} spares")
@MethodSource("dev.procession.tests.Effort#spares")
class WorkerTest {
    @Parameter
    int spares;

    @BeforeEach
    void keepSpares() throws Exception {
        Processes.keepWarm(spares);
    }

    @AfterAll
    static void endSpares() {
        Worker.keepWarm(0);
    }

    @TempDir
    Path folder;

    // ---- what a worker is given

    @Test
    void aTaskRunsInAProcessOfItsOwn() throws Exception {
        String file = file("pid");
        Worker worker = Worker.of(() -> Files.writeString(Path.of(file), "" + ProcessHandle.current().pid()));
        worker.start();
        worker.join();
        assertEquals("" + worker.pid(), Files.readString(Path.of(file)));
        assertNotEquals(ProcessHandle.current().pid(), worker.pid());
    }

    @Test
    void aLambdaTakesAlongWhatItCaptures() throws Exception {
        String text = "naïve \ud83d\ude00 \ud800 \0"; // with half a surrogate pair
        String bulk = "длинный\ud800 ".repeat(20_000);
        int i = -7;
        long l = 1L << 62;
        double d = Double.MIN_VALUE;
        boolean b = true;
        String file = file("captured");
        runOne(() -> Files.writeString(Path.of(file), i + " " + l + " " + d + " " + b + " " + text.hashCode()));
        assertEquals(i + " " + l + " " + d + " " + b + " " + text.hashCode(), Files.readString(Path.of(file)));
        runOne(() -> Files.writeString(Path.of(file), bulk.length() + " " + bulk.hashCode()));
        assertEquals(bulk.length() + " " + bulk.hashCode(), Files.readString(Path.of(file)));
    }

    @Test
    void aLambdaTakesAlongObjectsThatReferToEachOther() throws Exception {
        Map<String, List<Integer>> map = new HashMap<>();
        List<Integer> list = new ArrayList<>(List.of(1, 2, 3));
        map.put("same", list);
        byte[] large = new byte[3_000_000];
        large[2_999_999] = 42;
        String file = file("objects");
        runOne(() -> Files.writeString(
                Path.of(file), map + " " + (map.get("same") == list) + " " + large.length + " " + large[2_999_999]));
        assertEquals("{same=[1, 2, 3]} true 3000000 42", Files.readString(Path.of(file)));
    }

    @Test
    void aLambdaTakesAlongNull() throws Exception {
        String nothing = null;
        String file = file("null");
        runOne(() -> Files.writeString(Path.of(file), "captured " + nothing));
        assertEquals("captured null", Files.readString(Path.of(file)));
    }

    private record Append(String file, String text) implements Task {
        @Override
        public void run() throws Exception {
            Files.writeString(Path.of(file), text);
        }
    }

    @Test
    void aTaskMayBeAnObjectOrAMethodReference() throws Exception {
        Append task = new Append(file("object"), "object");
        runOne(task);
        assertEquals("object", Files.readString(Path.of(task.file())));
        Append referred = new Append(file("reference"), "reference");
        runOne(referred::run);
        assertEquals("reference", Files.readString(Path.of(referred.file())));
    }

    @Test
    void aCapturedQueueIsTheSameQueueInTheWorker() throws Exception {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64());
                SharedQueue<Object> any = SharedQueue.create(Codec.object(ArrayList.class))) {
            runOne(() -> queue.put(ProcessHandle.current().pid()));
            assertNotEquals(ProcessHandle.current().pid(), queue.get(Duration.ZERO));
            runOne(() -> any.put(new ArrayList<>(List.of("a"))));
            assertEquals(List.of("a"), any.get(Duration.ZERO));
            SharedQueue<Long> again = queue;
            runOne(() -> queue.put(queue == again ? 1L : 0L));
            assertEquals(1, queue.get(Duration.ZERO), "one handle became two");
        }
    }

    private static final class NotSerializable {}

    private record Holder(String name, NotSerializable inside) implements Serializable {}

    private int field = 1;

    @Test
    void startRefusesATaskThatCannotTravelAndSaysWhy() {
        NotSerializable captured = new NotSerializable();
        Holder holder = new Holder("x", captured);
        assertRefused(() -> System.out.println(captured), NotSerializable.class.getName(), "the lambda in");
        assertRefused(() -> System.out.println(holder), NotSerializable.class.getName(), "field inside of");
        assertRefused(() -> System.out.println(field), WorkerTest.class.getName(), "its fields or instance methods");
        assertEquals(List.of(), Worker.active(), "no process was started");
    }

    private static void assertRefused(Task task, String... reasons) {
        Worker worker = Worker.builder().name("refused").unstarted(task);
        String message = assertThrows(IllegalArgumentException.class, worker::start).getMessage();
        for (String reason : reasons) {
            assertTrue(message.contains(reason), message);
        }
        assertTrue(message.contains("\"refused\""), message);
    }

    @Test
    void environmentVariablesAreInheritedSetAndRemoved() throws Exception {
        String file = file("environment");
        Worker.Builder builder = Worker.builder()
                .environment("PROCESSION_TEST", "a b=c")
                .environment("HOME", null);
        runOne(
                builder,
                () -> Files.writeString(
                        Path.of(file),
                        System.getenv("PROCESSION_TEST") + " " + System.getenv("HOME") + " " + System.getenv("PATH")));
        assertEquals("a b=c null " + System.getenv("PATH"), Files.readString(Path.of(file)));
    }

    @Test
    void jvmArgumentsReachTheWorkersJvm() throws Exception {
        String file = file("arguments");
        runOne(
                Worker.builder().jvmArguments("-Dtest.key=a b", "-Xmx64m").jvmArguments("-ea"),
                () -> Files.writeString(
                        Path.of(file),
                        System.getProperty("test.key") + " " + (Runtime.getRuntime().maxMemory() >> 20 <= 64)));
        assertEquals("a b true", Files.readString(Path.of(file)));
    }

    @Test
    void theWorkingDirectoryIsInheritedAndTheStandardInputIsEmpty() throws Exception {
        String file = file("input");
        runOne(() -> {
            InputStream in = System.in;
            Files.writeString(Path.of(file), in.read() + " " + Path.of("").toAbsolutePath());
        });
        assertEquals("-1 " + Path.of("").toAbsolutePath(), Files.readString(Path.of(file)));
    }

    // ---- names

    @Test
    void aWorkerKnowsWhoItIs() throws Exception {
        String file = file("name");
        Worker worker = Worker.builder().name("größe").daemon(true).unstarted(() -> {
            Worker self = Worker.current().orElseThrow();
            Files.writeString(
                    Path.of(file),
                    self.name() + " " + Thread.currentThread().getName() + " " + self.pid() + " " + self.isDaemon()
                            + " "
                            + self.isAlive());
        });
        worker.start();
        worker.join();
        assertEquals("größe größe " + worker.pid() + " true true", Files.readString(Path.of(file)));
        assertEquals("größe", worker.name());
        assertTrue(worker.isDaemon());
        assertTrue(Worker.current().isEmpty(), "this process was not started by a worker");
    }

    @Test
    void aWorkerCannotWaitForItself() throws Exception {
        Worker worker = Worker.of(() -> Worker.current().orElseThrow().join()).start();
        worker.join();
        WorkerExit.Failed failed = assertInstanceOf(WorkerExit.Failed.class, worker.exit());
        assertEquals(IllegalStateException.class.getName(), failed.exceptionClass());
    }

    @Test
    void workersWithoutANameAreNumbered() {
        String first = Worker.of(() -> {}).name();
        String second = Worker.of(() -> {}).name();
        assertTrue(first.matches("worker-[0-9]+"), first);
        assertNotEquals(first, second);
    }

    // ---- the life of a worker

    @Test
    void aWorkerThatWasNotStartedCanOnlyBeStarted() {
        Worker worker = Worker.builder().name("idle").unstarted(() -> {});
        assertFalse(worker.isAlive());
        assertNotStarted(worker::join);
        assertNotStarted(() -> worker.join(Duration.ZERO));
        assertNotStarted(worker::exit);
        assertNotStarted(worker::pid);
        assertNotStarted(worker::terminate);
        assertNotStarted(worker::kill);
        assertEquals(OptionalInt.empty(), worker.exitCode());
        assertFalse(worker.onExit().isDone());
        assertTrue(worker.toString().contains("not started"), worker.toString());
    }

    private static void assertNotStarted(org.junit.jupiter.api.function.Executable call) {
        String message = assertThrows(IllegalStateException.class, call).getMessage();
        assertTrue(message.contains("\"idle\" was not started"), message);
    }

    @Test
    void aWorkerCanBeStartedOnlyOnce() throws Exception {
        Worker worker = Worker.of(() -> {}).start();
        assertThrows(IllegalThreadStateException.class, worker::start);
        worker.join();
        assertThrows(IllegalThreadStateException.class, worker::start);
    }

    @Test
    void aRunningWorkerIsAliveAndActiveUntilItEnds() throws Exception {
        String go = file("go");
        Worker worker = Worker.of(() -> Processes.await("go", () -> Files.exists(Path.of(go)))).start();
        assertTrue(worker.isAlive());
        assertTrue(Worker.active().contains(worker));
        assertFalse(worker.join(Duration.ZERO));
        assertFalse(worker.join(Duration.ofMillis(-5)));
        assertFalse(worker.join(Duration.ofMillis(20)));
        assertEquals(OptionalInt.empty(), worker.exitCode());
        assertTrue(assertThrows(IllegalStateException.class, worker::exit).getMessage().contains("has not ended"));
        Files.createFile(Path.of(go));
        assertTrue(worker.join(Duration.ofMinutes(1)));
        assertFalse(worker.isAlive());
        assertFalse(Worker.active().contains(worker));
        assertEquals(OptionalInt.of(0), worker.exitCode());
        assertEquals(new WorkerExit.Finished(), worker.exit());
        assertTrue(worker.join(Duration.ZERO));
        worker.terminate(); // has no effect
        worker.kill();
        assertEquals(new WorkerExit.Finished(), worker.exit());
    }

    @Test
    void onExitTellsHowTheWorkerEnded() throws Exception {
        Worker worker = Worker.of(() -> System.exit(3));
        var before = worker.onExit();
        worker.onExit().complete(new WorkerExit.Finished()); // only this copy
        worker.start();
        assertEquals(new WorkerExit.Exited(3), before.get(1, TimeUnit.MINUTES));
        assertEquals(new WorkerExit.Exited(3), worker.onExit().getNow(null));
    }

    @Test
    void anInterruptedJoinLeavesTheWorkerAlone() throws Exception {
        String go = file("go");
        Worker worker = Worker.of(() -> Processes.await("go", () -> Files.exists(Path.of(go)))).start();
        FutureTask<Object> joining = new FutureTask<>(() -> assertThrows(InterruptedException.class, worker::join));
        Thread thread = new Thread(joining);
        thread.start();
        thread.interrupt();
        joining.get(1, TimeUnit.MINUTES);
        assertTrue(worker.isAlive());
        Files.createFile(Path.of(go));
        worker.join();
        assertEquals(new WorkerExit.Finished(), worker.exit());
    }

    @Test
    void manyWorkersRunAtTheSameTime() throws Exception {
        List<Worker> workers = new ArrayList<>();
        for (int n = 0; n < 6; n++) {
            String mine = file("meet-" + n);
            String place = folder.toString();
            workers.add(Worker.of(() -> { // each waits for all others
                Files.createFile(Path.of(mine));
                for (int other = 0; other < 6; other++) {
                    Path there = Path.of(place, "meet-" + other);
                    Processes.await(there + " exists", () -> Files.exists(there));
                }
            }));
        }
        workers.forEach(Worker::start);
        for (Worker worker : workers) {
            worker.join();
            assertEquals(new WorkerExit.Finished(), worker.exit());
        }
    }

    @Test
    void aWorkerMayStartWorkers() throws Exception {
        String file = file("nested");
        Worker worker = Worker.builder().name("outer").start(() -> {
            String outer = Worker.current().orElseThrow().name();
            Worker inner = Worker.of(() -> Files.writeString(
                    Path.of(file), outer + " " + Worker.current().orElseThrow().name()));
            inner.start();
            inner.join();
            if (!(inner.exit() instanceof WorkerExit.Finished)) {
                throw new IllegalStateException(inner.exit().toString());
            }
        });
        worker.join();
        assertEquals(new WorkerExit.Finished(), worker.exit());
        assertEquals("outer outer:1", Files.readString(Path.of(file)));
    }

    // ---- cores

    @Test
    void onEveryCoreMakesOneWorkerPerCoreInOrder() throws Exception {
        String place = folder.toString();
        IntFunction<Task> tasks = n -> () -> Files.createFile(Path.of(place, "core-" + n));
        List<Worker> workers = Worker.onEveryCore(tasks);
        int[] cpus = Cpus.whole();
        assumeTrue(cpus.length > 0, "this process may not use whole cores");
        assertEquals(cpus.length, workers.size());
        workers.forEach(Worker::start);
        for (int n = 0; n < cpus.length; n++) {
            workers.get(n).join();
            assertEquals(OptionalInt.of(cpus[n]), workers.get(n).cpu());
            assertTrue(Files.exists(Path.of(place, "core-" + n)));
        }
    }

    @Test
    void aPinnedWorkersWholeJvmRunsOnItsCore() throws Exception {
        int[] cpus = Cpus.available();
        FutureTask<Boolean> canPin = new FutureTask<>(() -> Cpus.pin(cpus[0]));
        Thread.ofPlatform().start(canPin);
        assumeTrue(canPin.get(), "this system cannot pin");
        String file = file("pinned");
        int cpu = cpus[cpus.length - 1];
        runOne(
                Worker.builder().cpu(cpu),
                () -> Files.writeString(
                        Path.of(file),
                        Runtime.getRuntime().availableProcessors() + " " + allowedToAnyThread() + " "
                                + Worker.current().orElseThrow().cpu().getAsInt()));
        assertEquals("1 " + cpu + " " + cpu, Files.readString(Path.of(file)));
        assertTrue(cpus.length == Cpus.available().length, "the starting thread is not pinned");
    }

    private static String allowedToAnyThread() throws Exception {
        Set<String> allowed = new TreeSet<>();
        for (String thread : Path.of("/proc/self/task").toFile().list()) {
            try (var lines = Files.lines(Path.of("/proc/self/task", thread, "status"))) {
                lines.filter(line -> line.startsWith("Cpus_allowed_list:"))
                        .forEach(line -> allowed.add(line.substring(line.indexOf(':') + 1).strip()));
            } catch (NoSuchFileException e) {
                continue; // the thread has ended
            }
        }
        return String.join(" and ", allowed);
    }

    @Test
    void aCoreThatThisProcessMayNotUseIsRefused() {
        int none = Arrays.stream(Cpus.available()).max().getAsInt() + 1;
        String message = assertThrows(IllegalArgumentException.class, () -> Worker.builder().cpu(none)).getMessage();
        assertTrue(message.contains("cpu=" + none), message);
    }

    // ----

    private String file(String name) {
        return folder.resolve(name).toString();
    }

    private static void runOne(Task task) throws InterruptedException {
        runOne(Worker.builder(), task);
    }

    private static void runOne(Worker.Builder builder, Task task) throws InterruptedException {
        Worker worker = builder.start(task);
        worker.join();
        assertEquals(new WorkerExit.Finished(), worker.exit());
    }
}
