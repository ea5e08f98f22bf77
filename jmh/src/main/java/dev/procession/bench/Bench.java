package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/// Takes the samples. A fork goes through all works; at each, every system gets a group of fresh processes and files,
/// all alive at once. They are warmed up, then measured in turns: a round is the bare cache line, system A, B, C.
final class Bench implements AutoCloseable {
    /// @param rounds     samples of each system at each work in one fork
    /// @param forks      times that everything is done, with fresh processes and files
    /// @param sample     how long a sample should take
    /// @param warmUp     how long each system runs before its first sample
    /// @param firstCpu   core of the producers
    /// @param secondCpu  core of the consumer
    record Settings(
            int rounds,
            int forks,
            Duration sample,
            Duration warmUp,
            Waiting.Policy policy,
            int firstCpu,
            int secondCpu) {}

    private static final Duration LINE_SAMPLE = Duration.ofMillis(15);
    private static final Duration LINE_WARM_UP = Duration.ofMillis(150);
    private static final int TRIES = 4;
    private static final long PAUSE_BEFORE_REPEAT_MILLIS = 100;

    private final Settings settings;
    private final Path home;
    private final Progress progress;
    private final List<Group> groups = new CopyOnWriteArrayList<>(); // all that were ever started
    private final Map<String, Result> results = new LinkedHashMap<>();
    private final List<Double> lineNanos = new ArrayList<>();
    private final boolean loadIsKnown = CpuLoad.isKnown();
    private int repeatsLeft;

    /// `home`: an empty folder for the files of the queues, removed by [#close].
    Bench(Settings settings, Path home, Progress progress) {
        this.settings = settings;
        this.home = home;
        this.progress = progress;
    }

    List<Result> run(List<Work> works, List<Transport> systems) throws IOException, InterruptedException {
        repeatsLeft = settings.forks() * settings.rounds() * works.size(); // if all is disturbed, it ends all the same
        for (int fork = 0; fork < settings.forks(); fork++) {
            try (Group group = start(Work.LINE, "line", List.of())) {
                group.open();
                var line = new Paced(group, Work.LINE, LINE_SAMPLE);
                line.warmUp(LINE_WARM_UP);
                for (Work work : works) {
                    measure(fork, work, systems.stream().filter(s -> s.serves(work)).toList(), line);
                }
            }
        }
        return List.copyOf(results.values());
    }

    /// The round trip of the bare cache line in each round so far.
    List<Double> lineNanos() {
        return lineNanos;
    }

    private void measure(int fork, Work work, List<Transport> systems, Paced line)
            throws IOException, InterruptedException {
        String where = "fork " + (fork + 1) + "/" + settings.forks() + ", " + work;
        progress.next(where + ", warm-up");
        var paced = new LinkedHashMap<Transport, Paced>();
        try {
            for (Transport system : systems) {
                Group group = start(work, system.name(), system.jvmArguments());
                paced.put(system, new Paced(group, work, settings.sample()));
            }
            for (Paced each : paced.values()) {
                each.group.open();
                each.warmUp(settings.warmUp());
            }
            for (int round = 0; round < settings.rounds(); round++) {
                progress.next(where + ", round " + (round + 1) + "/" + settings.rounds());
                double nanos = line.run()[0];
                lineNanos.add(nanos);
                for (var entry : paced.entrySet()) {
                    Sampled sampled = sample(entry.getValue());
                    for (int i = 0; i < work.figures().size(); i++) {
                        String disturbance = sampled.disturbance.orElse("");
                        result(work, work.figures().get(i), entry.getKey().name()).samples()
                                .add(new Result.Sample(fork, sampled.figures[i], nanos, disturbance));
                    }
                }
            }
        } finally {
            paced.values().forEach(p -> p.group.close());
        }
    }

    private Result result(Work work, String figure, String system) {
        return results.computeIfAbsent(
                figure + "|" + work.bytes() + "|" + system, key -> new Result(work, figure, system));
    }

    private Group start(Work work, String system, List<String> jvmArguments) throws IOException {
        var group = new Group(work, system, home.resolve(groups.size() + "-" + system));
        groups.add(group);
        group.start(work.seats(settings.firstCpu(), settings.secondCpu()), jvmArguments, settings.policy());
        return group;
    }

    /// A group, and how many messages make a run of the wanted length, as far as is known by now.
    private static final class Paced {
        private static final long LEAST_MESSAGES = 10_000;
        private static final long GROWTH = 4;
        private static final long SHRINKAGE = 2; // one run that was held up should not make the next ones too short

        private final Group group;
        private final long mostMessages;
        private final Duration wanted;
        private long messages;

        Paced(Group group, Work work, Duration wanted) {
            this.group = group;
            this.wanted = wanted;
            mostMessages = work.mostMessages();
            messages = LEAST_MESSAGES;
        }

        void warmUp(Duration length) throws InterruptedException {
            long start = System.nanoTime();
            do {
                run();
            } while (System.nanoTime() - start < length.toNanos());
        }

        double[] run() throws InterruptedException {
            long start = System.nanoTime();
            double[] figures = group.run(messages);
            double share = (double) wanted.toNanos() / (System.nanoTime() - start);
            long next = Math.clamp((long) (messages * share), messages / SHRINKAGE, messages * GROWTH);
            messages = Math.clamp(next, LEAST_MESSAGES, mostMessages);
            return figures;
        }
    }

    private record Sampled(double[] figures, Optional<String> disturbance) {}

    /// Takes a sample, again if other load disturbed it, a few times at most.
    private Sampled sample(Paced paced) throws IOException, InterruptedException {
        if (!loadIsKnown) return new Sampled(paced.run(), Optional.empty());
        List<Integer> cpus = List.of(settings.firstCpu(), settings.secondCpu());
        for (int tries = 1;; tries++) {
            CpuLoad before = CpuLoad.of(cpus, paced.group.pids());
            double[] figures = paced.run();
            Optional<String> disturbance = CpuLoad.of(cpus, paced.group.pids()).disturbanceSince(before);
            if (disturbance.isEmpty() || tries == TRIES || repeatsLeft == 0) return new Sampled(figures, disturbance);
            repeatsLeft--;
            Thread.sleep(tries * PAUSE_BEFORE_REPEAT_MILLIS);
        }
    }

    /// Ends all processes and removes all files. May be called by any thread, also while the bench runs, and again.
    @Override
    public void close() {
        groups.forEach(Group::close);
        if (!Files.exists(home)) return;
        try (var paths = Files.walk(home)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            System.err.println("bench: cannot remove " + home + ": " + e);
        }
    }
}
