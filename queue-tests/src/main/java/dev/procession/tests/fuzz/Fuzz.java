package dev.procession.tests.fuzz;

import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.jvm.Folders;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Journal;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Damages queue files and uses them, in another process, which must live: each call gives a value or says what is
/// wrong with the file, in little time and memory.
///
/// Every change follows from the seed and the number of the round, so `--seed` and `--round` of a failure repeat it.
@Command(name = "fuzz", mixinStandardHelpOptions = true, showDefaultValues = true,
        description = "Damages queue files at random and uses them: no call may crash, hang, allocate much, or throw"
                + " anything but a QueueException. Exit status 1 if one does; the file is kept then.")
public final class Fuzz implements Callable<Integer> {
    /// A call that has not ended after this long never will.
    private static final long HANG_NANOS = TimeUnit.SECONDS.toNanos(60);

    /// How long a file is flipped before there is a new one.
    private static final long ROUND_NANOS = TimeUnit.MILLISECONDS.toNanos(300);

    /// How a process reaches the file: by address, with checks of each access, and by what the JDK has everywhere.
    private static final List<String> WAYS =
            List.of("-Ddev.procession.bounds=unchecked", "-Ddev.procession.bounds=checked",
                    "-Ddev.procession.platform=portable");

    @Option(names = "--seconds", paramLabel = "S", description = "how long")
    private int seconds = 20;

    @Option(names = "--seed", paramLabel = "N", description = "what the changes follow from; default: the clock")
    private long seed = System.nanoTime();

    @Option(names = "--round", paramLabel = "R", description = "only this round, in every way to reach the file")
    private @Nullable Long round;

    @Option(names = "--live", description = "flip bits of a file while producers and consumers use it")
    private boolean live;

    @Spec
    private CommandSpec command;

    @Override
    public Integer call() throws Exception {
        if (seconds < 1) {
            throw new ParameterException(command.commandLine(), "--seconds=" + seconds + ", must be 1 or more");
        }
        if (round != null && (live || round < 0)) {
            throw new ParameterException(command.commandLine(),
                    "--round=" + round + ", must be 0 or more, and not with --live");
        }
        System.err.println("seed=" + seed);
        Path directory = Files.createTempDirectory(Folders.memory(), "procession-fuzz-");
        try {
            long nanos = TimeUnit.SECONDS.toNanos(seconds);
            System.out.println(live ? flip(directory, seed, nanos)
                    : run(directory, seed, round == null ? 0 : round, round == null ? Long.MAX_VALUE - 1 : round,
                            nanos));
            Folders.delete(directory);
            return 0;
        } catch (AssertionError e) {
            e.printStackTrace();
            System.out.println("failed, seed=" + seed + "; evidence in " + directory);
            return 1;
        }
    }

    /// Plays rounds in each way, one process after the other, and counts what came of them.
    ///
    /// @param directory where files may be, and evidence is left
    /// @param nanos how long, for all of them
    /// @return what came of all of them
    /// @throws AssertionError if a call did what it must not, with the seed and the round
    static Meter.Tally run(Path directory, long seed, long first, long last, long nanos) throws IOException {
        var all = Meter.Tally.NONE;
        for (String way : WAYS) {
            all = all.plus(tested(way, run(directory, way, seed, first, last, nanos / WAYS.size())));
        }
        return all;
    }

    /// A run in which no call was made has shown nothing.
    private static Meter.Tally tested(String way, Meter.Tally tally) {
        if (tally.rounds() < 1 || tally.values() + tally.damages() + tally.refusals() < 1) {
            throw new AssertionError("nothing was tested: " + way + ", " + tally);
        }
        return tally;
    }

    private static Meter.Tally run(Path directory, String way, long seed, long first, long last, long nanos)
            throws IOException {
        Path journalFile = directory.resolve("journal");
        var journal = new Journal(journalFile);
        String where = directory.toString();
        String log = journalFile.toString();
        try (var child = Child.start(way)) {
            var tally = child.peer().start(scope -> FileUser.meet(where, log, seed, first, last, nanos));
            return await(tally, journal, way + ", seed " + seed);
        } finally {
            Files.deleteIfExists(journalFile);
        }
    }

    /// Waits for the end as long as there is progress.
    private static <R> R await(CompletableFuture<R> running, Journal journal, String what) {
        long last = journal.intent();
        for (long since = System.nanoTime();;) {
            try {
                return running.get(1, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                if (journal.intent() != last) {
                    last = journal.intent();
                    since = System.nanoTime();
                } else if (System.nanoTime() - since > HANG_NANOS) {
                    Child.dumpThreads();
                    throw new AssertionError("hangs: " + what + ", round " + last, e);
                }
            } catch (ExecutionException e) {
                throw new AssertionError(what + ", round " + journal.intent(), e.getCause());
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /// Flips bits of files while producers and consumers of other processes use them, and counts what came of it.
    ///
    /// @param directory where files may be
    /// @param nanos how long
    /// @return what came of all of them
    /// @throws AssertionError if a call did what it must not, with the seed and the round
    static Meter.Tally flip(Path directory, long seed, long nanos) throws IOException {
        var random = new Random64(seed);
        var all = Meter.Tally.NONE;
        long end = System.nanoTime() + nanos;
        for (String way : WAYS) {
            long left = (end - System.nanoTime()) / (WAYS.size() - WAYS.indexOf(way));
            var ofThisWay = Meter.Tally.NONE;
            try (var flipper = Child.start(); var one = Child.start(way); var two = Child.start(way)) {
                // one round to get warm, and at least one that counts
                flip(directory, random, way, flipper, List.of(one, two), false);
                long until = System.nanoTime() + left;
                do {
                    ofThisWay = ofThisWay.plus(flip(directory, random, way, flipper, List.of(one, two), true));
                } while (System.nanoTime() < until);
            }
            all = all.plus(tested(way, ofThisWay));
        }
        return all;
    }

    private static Meter.Tally flip(Path directory, Random64 random, String way, Child flipper, List<Child> users,
            boolean warm) throws IOException {
        Path path = directory.resolve("queue");
        var target = Flipper.Target.values()[random.below(3)];
        boolean leased = random.below(3) == 0;
        boolean givenBack = random.below(4) == 0;
        long laneBytes = givenBack ? 8 * Mutator.GIVEN_BACK : leased ? 1 << 16 : random.below(2) == 0 ? 4096 : 16384;
        long chunkBytes = givenBack ? Mutator.GIVEN_BACK : Math.max(1024, laneBytes >> 1 + random.below(6));
        var geometry = new QueueGeometry(2 + random.below(10), laneBytes, chunkBytes, random.below(2) * 20,
                leased ? new Leasing(random.below(2) * 1_000_000, 0) : null);
        var deliveries = Mutator.deliveries(geometry);
        var delivery = deliveries.get(random.below(deliveries.size()));
        LaneQueue.create(path, geometry, "").close();
        String file = path.toString();
        long lanesBytes = Mutator.lanesBytes(geometry);
        long seed = random.next();
        var running = new ArrayList<CompletableFuture<Meter.Tally>>();
        for (var user : users) {
            running.add(user.peer().start(scope -> Flipper.use(file, null, seed, ROUND_NANOS, warm)));
            running.add(user.peer().start(scope -> Flipper.use(file, delivery, seed, ROUND_NANOS, warm)));
        }
        long nanos = warm ? ROUND_NANOS : 1;
        var flips = flipper.peer().start(scope -> Flipper.flip(file, target, lanesBytes, seed, nanos));
        var all = Meter.Tally.NONE;
        try {
            for (var user : running) all = all.plus(Peer.join(user));
            Peer.join(flips);
        } catch (RuntimeException | Error thrown) {
            throw new AssertionError(way + ", " + target + ", " + delivery + ", " + geometry, thrown);
        }
        Files.delete(path);
        return all;
    }
}
