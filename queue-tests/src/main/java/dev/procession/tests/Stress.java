package dev.procession.tests;

import dev.procession.core.Delivery;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

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

    @Option(names = "--delivery", paramLabel = "shared|exclusive", defaultValue = "shared",
            description = "how the queue is consumed (default: ${DEFAULT-VALUE})")
    private String delivery;

    @Option(names = "--run", paramLabel = "N", defaultValue = "1",
            description = "consumers poll up to N messages at a time; 1: they get (default: ${DEFAULT-VALUE})")
    private int run;

    @Option(names = "--lane-bytes", paramLabel = "N", defaultValue = "65536",
            description = "size of a lane (default: ${DEFAULT-VALUE})")
    private long laneBytes;

    @Option(names = "--max-items", paramLabel = "N", defaultValue = "0",
            description = "a bound on the number of messages; 0: none (default: ${DEFAULT-VALUE})")
    private long maxItems;

    @Override
    public Integer call() throws Exception {
        PrintStream out = System.out;
        if (seed == null) seed = System.nanoTime() & 0xffff_ffffL;
        var plan = new Storm.Plan(seconds, producers, consumers, kills, stops, seed,
                Delivery.valueOf(delivery.toUpperCase(Locale.ROOT)), run, laneBytes, maxItems, 0, 0);
        out.println("seed=" + seed);
        Path memory = Path.of("/dev/shm");
        Path parent = Files.isWritable(memory) ? memory : Path.of(System.getProperty("java.io.tmpdir"));
        Storm.Outcome outcome;
        try (var progress = new Progress("storm", 1000L * seconds, " ms")) {
            outcome = Storm.run(plan, parent, progress::stepTo);
        }
        outcome.findings().stream().limit(SHOWN).forEach(out::println);
        if (!outcome.isFaultless()) {
            out.println(
                    outcome.findings().size() + " findings; logs, queue and all findings are in " + outcome.folder());
        }
        out.printf(Locale.ROOT, "%.1f kills/s, %.1f stops/s, %d answers \"empty\", %d redelivered%n",
                outcome.kills() / outcome.seconds(), outcome.stops() / outcome.seconds(), outcome.empties(),
                outcome.redelivered());
        out.println(outcome);
        return outcome.isFaultless() ? 0 : 1;
    }
}
