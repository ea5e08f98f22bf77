package dev.procession.tests;

import dev.procession.cli.Progress;
import dev.procession.core.Delivery;
import dev.procession.tests.jvm.Folders;
import dev.procession.tests.jvm.Platforms;
import dev.procession.tests.points.Matrix;
import dev.procession.tests.storm.PoolStorm;
import dev.procession.tests.storm.Redelivery;
import dev.procession.tests.storm.Storm;
import dev.procession.tests.storm.Survivors;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Shows that the queue keeps its promises while its users are stopped and killed.
@Command(
        name = "stress",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        usageHelpAutoWidth = true,
        description = "Stops and kills processes while they put and get, then checks what each of them did.")
final class Stress implements Callable<Integer> {
    private static final int SHOWN = 20;

    @Option(names = "--seconds", paramLabel = "S", defaultValue = "10",
            description = "how long (default: ${DEFAULT-VALUE})")
    private int seconds;

    @Option(names = "--producers", paramLabel = "P", defaultValue = "2",
            description = "processes that put (default: ${DEFAULT-VALUE})")
    private int producers;

    @Option(names = "--consumers", paramLabel = "C", defaultValue = "2",
            description = "processes that get (default: ${DEFAULT-VALUE})")
    private int consumers;

    @Option(names = "--kills", description = "kill them (SIGKILL) at random moments; each is replaced at once")
    private boolean kills;

    @Option(names = "--stops",
            description = "stop them (SIGSTOP) at random moments, for up to 100 ms, some much longer")
    private boolean stops;

    @Option(names = "--seed", paramLabel = "N", description = "repeats the random choices of an earlier run")
    private Long seed;

    @Option(names = "--delivery", paramLabel = "shared|exclusive|leased", defaultValue = "shared",
            description = "how the queue is consumed (default: ${DEFAULT-VALUE})")
    private Delivery delivery;

    @Option(names = "--run", paramLabel = "N",
            description = "consumers poll up to N messages at a time; 1: they get (default: 1, exclusive: 16)")
    private int run;

    @Option(names = "--lane-bytes", paramLabel = "N", defaultValue = "65536",
            description = "size of a lane (default: ${DEFAULT-VALUE})")
    private long laneBytes;

    @Option(names = "--chunk-bytes", paramLabel = "N", defaultValue = "0",
            description = "size of a chunk of it; from 64 KiB on chunks are given back (default: a quarter of a lane)")
    private long chunkBytes;

    @Option(names = "--max-items", paramLabel = "N", defaultValue = "0",
            description = "a bound on the number of messages; 0: none (default: ${DEFAULT-VALUE})")
    private long maxItems;

    @Option(names = "--throughput",
            description = "also measure how much throughput a producer and a consumer keep while two "
                    + "others are stopped for good in the middle of an operation; at least 90 %% are wanted")
    private boolean throughput;

    @Option(names = "--redelivery", paramLabel = "N", defaultValue = "0",
            description = "also kill N holders of a lease, one after the other, and tell how soon the message was lent "
                    + "again")
    private int redelivery;

    @Option(names = "--points",
            description = "instead of at random moments, before every single step that a process makes on "
                    + "shared memory: in each role, with the queue idle, empty, with one message, full, near a jump, "
                    + "right after one, after a backlog, and with messages of more than 16 MiB")
    private boolean points;

    @Option(names = "--pool",
            description = "instead of a queue's processes, a WorkerPool's: its workers are killed and stopped while "
                    + "tasks run, wait, fail, take too long and are cancelled")
    private boolean pool;

    @Option(names = "--platform", paramLabel = "native|portable|mixed", defaultValue = "native",
            description = "how the processes use the system: natively, with what the JDK has, or some this way and "
                    + "some that way (default: ${DEFAULT-VALUE})")
    private Platforms platform;

    @Option(names = "--role", paramLabel = "REGEX", defaultValue = "",
            description = "with --points: only the roles that match")
    private String role;

    @Option(names = "--only", paramLabel = "REGEX", defaultValue = "",
            description = "with --points: only the steps that match")
    private String only;

    @Spec
    private CommandSpec command;

    @Override
    public Integer call() throws Exception {
        if (seconds < 1 || producers < 1 || consumers < 1 || run < 0 || redelivery < 0) {
            throw new ParameterException(command.commandLine(), "--seconds=" + seconds + " --producers=" + producers
                    + " --consumers=" + consumers + " --run=" + run + " --redelivery=" + redelivery
                    + ": each must be 1 or more");
        }
        if (pool) return runPoolStorm(System.out);
        platform.join();
        return points ? playMatrix(System.out) : runStorm(System.out);
    }

    private int playMatrix(PrintStream out) throws IOException, InterruptedException {
        if (seed == null) seed = 1L;
        Matrix.Summary summary;
        try (var progress = Progress.onStderr("points", 1000, "")) {
            summary = Matrix.play(Folders.memory(), role, only, Runtime.getRuntime().availableProcessors() + 2, false,
                    platform,
                    seed, progress::stepTo);
        }
        summary.neverHit().forEach(name -> out.println("never hit: " + name));
        summary.failures().stream().limit(SHOWN).forEach(out::println);
        out.println(summary);
        return summary.isFaultless() ? 0 : 1;
    }

    private int runPoolStorm(PrintStream out) throws IOException, InterruptedException {
        if (seed == null) seed = System.nanoTime() & 0xffff_ffffL;
        out.println("seed=" + seed);
        PoolStorm.Outcome outcome;
        try (var progress = Progress.onStderr("storm", 1000L * seconds, " ms")) {
            outcome = PoolStorm.run(new PoolStorm.Plan(seconds, seed, 1, 1), Folders.memory(), progress::stepTo);
        }
        outcome.findings().stream().limit(SHOWN).forEach(out::println);
        out.printf(Locale.ROOT, "%.1f kills/s, %.1f stops/s, %.0f tasks/s%n", outcome.kills() / outcome.seconds(),
                outcome.stops() / outcome.seconds(), outcome.tasks() / outcome.seconds());
        boolean wasTested = outcome.completed() > 0 && outcome.kills() > 0 && outcome.stops() > 0;
        if (!wasTested) out.println("nothing was tested: no task was completed, or no worker killed or stopped");
        out.println(outcome);
        return outcome.isFaultless() && wasTested ? 0 : 1;
    }

    private int runStorm(PrintStream out) throws Exception {
        if (run == 0) run = delivery == Delivery.EXCLUSIVE ? 16 : 1;
        if (seed == null) seed = System.nanoTime() & 0xffff_ffffL;
        if (chunkBytes == 0) chunkBytes = laneBytes / 4;
        var plan = new Storm.Plan(seconds, producers, consumers, kills, stops, seed,
                delivery, run, laneBytes, chunkBytes, maxItems, kills ? 1 : 0, stops ? 1 : 0);
        out.println("seed=" + seed);
        Storm.Outcome outcome;
        try (var progress = Progress.onStderr("storm", 1000L * seconds, " ms")) {
            outcome = Storm.run(plan, platform, Folders.memory(), progress::stepTo);
        }
        outcome.findings().stream().limit(SHOWN).forEach(out::println);
        if (!outcome.isFaultless()) {
            out.println(
                    outcome.findings().size() + " findings; logs, queue and all findings are in " + outcome.folder());
        }
        out.printf(Locale.ROOT, "%.1f kills/s, %.1f stops/s, %d answers \"empty\", %d redelivered%n",
                outcome.kills() / outcome.seconds(), outcome.stops() / outcome.seconds(), outcome.empties(),
                outcome.redelivered());
        if (redelivery > 0) {
            try (var progress = Progress.onStderr("redelivery", redelivery, "")) {
                out.println(Redelivery.measure(Folders.memory(), redelivery, progress::stepTo));
            }
        }
        boolean well = outcome.isFaultless();
        if (outcome.puts() == 0 || outcome.gets() == 0 || kills && outcome.kills() == 0
                || stops && outcome.stops() == 0) {
            out.println("nothing was tested: no message got through, or nobody was killed or stopped who was to be");
            well = false;
        }
        if (throughput) {
            var survivors = Survivors.measure(Folders.memory(), seconds);
            out.println(survivors);
            well &= survivors.kept() >= Survivors.ENOUGH;
        }
        out.println(outcome);
        return well ? 0 : 1;
    }
}
