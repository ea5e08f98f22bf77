package dev.procession.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.procession.Codec;
import dev.procession.QueueOptions;
import dev.procession.QueueShutDownException;
import dev.procession.SharedQueue;
import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.core.Cpus;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Worker processes on every core put, this process gets. First each greets and puts its process id; then all put as
/// fast as they can.
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description = "Starts a worker process on every core; they put, this process gets.")
final class Demo implements Callable<Integer> {
    private static final int MAX_WORKERS = LoadCheck.MAX_PRODUCERS; // and as many lanes as a queue can have

    @Option(
            names = "--workers",
            paramLabel = "N",
            description = "Start N workers, 1 to " + MAX_WORKERS + ", instead of one per core.")
    private @Nullable Integer workers;

    @Option(
            names = "--messages",
            paramLabel = "N",
            defaultValue = "1000000",
            description = "Let each worker put N messages; by default ${DEFAULT-VALUE}.")
    private int messages;

    @Option(names = "--json", description = "Print one JSON object and nothing else to the standard output.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    private int[] cpus = {}; // stays empty where workers are not pinned
    private int count; // of workers
    private boolean failed;
    private PrintStream out = System.out;

    @Override
    public Integer call() throws IOException, InterruptedException {
        cpus = Cpus.whole();
        int cores = cpus.length > 0 ? cpus.length : Runtime.getRuntime().availableProcessors();
        count = workers == null ? cores : workers;
        if (count < 1 || count > MAX_WORKERS) throw misuse("--workers=" + count + ", must be 1 to " + MAX_WORKERS);
        if (messages < 1) throw misuse("--messages=" + messages + ", must be 1 or more");
        if (json) out = System.err;

        List<Long> pids = greet();
        Load load = load();
        if (!load.check.equals("ok")) failed = true;

        if (json) {
            System.out.println(JSON.std.composeString()
                    .startObject()
                    .putObject("pids", pids)
                    .put("cores", cores)
                    .startObjectField("load")
                    .put("messages", load.messages)
                    .put("seconds", load.seconds)
                    .put("check", load.check)
                    .end()
                    .end()
                    .finish());
        }
        return failed ? CommandLine.ExitCode.SOFTWARE : CommandLine.ExitCode.OK;
    }

    // -- act 1

    private List<Long> greet() throws InterruptedException {
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64(), options())) {
            List<Worker> workers = start(n -> () -> hello(n, queue));
            shutDownAfter(workers, queue);
            List<Long> pids = new ArrayList<>();
            for (Long pid; (pid = next(queue)) != null;) {
                pids.add(pid);
            }
            join(workers);
            if (pids.size() != count) failed = true;
            out.println("Done!");
            out.println(pids.size());
            out.println(pids);
            return pids;
        }
    }

    private static void hello(int n, SharedQueue<Long> queue) throws InterruptedException {
        Thread.sleep(ThreadLocalRandom.current().nextInt(300));
        long pid = ProcessHandle.current().pid();
        int[] mine = Cpus.available();
        String core = mine.length == 1 ? "core " + mine[0] : "any core";
        System.out.println("hello from worker " + n + ", process " + pid + ", " + core);
        queue.put(pid);
    }

    // -- act 2

    private record Load(long messages, double seconds, String check) {}

    /// The clock runs from when all workers are ready until the last message is here.
    private Load load() throws InterruptedException {
        try (SharedQueue<Integer> ready = SharedQueue.create(Codec.int32(), options());
                SharedQueue<Integer> go = SharedQueue.create(Codec.int32());
                SharedQueue<Long> queue =
                        SharedQueue.create(Codec.int64(), options().exclusive())) {
            int itemsEach = messages;
            long items = (long) count * itemsEach;
            out.printf(Locale.ROOT, "%n%,d messages from %d workers ...%n", items, count);
            List<Worker> workers = start(n -> () -> {
                ready.put(n);
                go.get();
                put(n, itemsEach, queue);
            });
            shutDownAfter(workers, ready);
            shutDownAfter(workers, queue);
            for (int n = 0; n < count; n++) {
                if (next(ready) == null) break;
            }
            LoadCheck check = new LoadCheck(count, itemsEach);
            long start = System.nanoTime();
            for (int n = 0; n < count; n++) {
                go.put(n);
            }
            try (Progress progress = Progress.in(out, "messages", items)) {
                Long item;
                while (check.received() < items && (item = next(queue)) != null) {
                    check.accept(item);
                    if ((check.received() & 0xffff) == 0) progress.stepTo(check.received());
                }
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            join(workers);
            while (!queue.isEmpty()) {
                check.accept(queue.get()); // one too many
            }
            Load load = new Load(check.received(), seconds, check.verdict());
            out.printf(
                    Locale.ROOT,
                    "%,d messages in %.3f s, %,.0f per second, check: %s%n",
                    load.messages,
                    load.seconds,
                    load.messages / load.seconds,
                    load.check);
            return load;
        }
    }

    private static void put(int producer, int items, SharedQueue<Long> queue) throws InterruptedException {
        for (int number = 0; number < items; number++) {
            queue.put(LoadCheck.item(producer, number));
        }
    }

    // -- both

    /// However they end: so nothing is waited for that will not come.
    private static void shutDownAfter(List<Worker> workers, SharedQueue<?> queue) {
        CompletableFuture.allOf(workers.stream().map(Worker::onExit).toArray(CompletableFuture[]::new))
                .thenRun(queue::shutDown);
    }

    /// The next item, or null if no worker is left that could put one.
    private static <E> @Nullable E next(SharedQueue<E> queue) throws InterruptedException {
        try {
            return queue.get();
        } catch (QueueShutDownException e) {
            return null;
        }
    }

    private QueueOptions options() {
        return QueueOptions.DEFAULT.withLanes(Math.max(QueueOptions.DEFAULT.lanes(), count));
    }

    /// Starts the workers, each on its core. Are they more than cores, they share them in turn.
    private List<Worker> start(IntFunction<Task> tasks) {
        List<Worker> workers = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            Worker.Builder builder = Worker.builder().name("worker " + n).daemon(true).stdout(out::println);
            if (cpus.length > 0) builder.cpu(cpus[n % cpus.length]);
            workers.add(builder.start(tasks.apply(n)));
        }
        return workers;
    }

    private void join(List<Worker> workers) throws InterruptedException {
        for (Worker worker : workers) {
            worker.join();
            if (!worker.exit().isSuccess()) {
                failed = true;
                spec.commandLine().getErr().println(spec.qualifiedName() + ": " + worker);
            }
        }
    }

    private ParameterException misuse(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
