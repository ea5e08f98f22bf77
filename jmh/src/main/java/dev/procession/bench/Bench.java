package dev.procession.bench;

import dev.procession.cli.Progress;
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

/// Takes the samples. A fork goes through all works; at each, every system gets fresh processes and files, all alive at
/// once. They are warmed up, then measured in turns: a round is the bare cache line, system A, B, C.
final class Bench implements AutoCloseable {
    /// @param rounds     samples of each system at each work in one fork
    /// @param forks      times that everything is done, with fresh processes and files
    /// @param sample     how long a sample should take
    /// @param warmUp     how long each system runs before its first sample
    /// @param policies   those that are measured where they matter, else the first
    /// @param firstCpu   core of the producers
    /// @param secondCpu  core of the consumers
    record Settings(
            int rounds,
            int forks,
            Duration sample,
            Duration warmUp,
            List<Waiting.Policy> policies,
            int firstCpu,
            int secondCpu) {
        List<Waiting.Policy> policies(Work work) {
            return work.dependsOnPolicy() ? policies : policies.subList(0, 1);
        }
    }

    private static final Duration LINE_SAMPLE = Duration.ofMillis(15);
    private static final Duration LINE_WARM_UP = Duration.ofMillis(150);
    private static final int TRIES = 4;
    private static final long PAUSE_BEFORE_REPEAT_MILLIS = 100;

    private final Settings settings;
    private final Path home;
    private final Progress progress;
    private final List<Subject> subjects = new CopyOnWriteArrayList<>(); // all that were ever started
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

    List<Result> run(List<Task> tasks) throws IOException, InterruptedException {
        repeatsLeft = settings.forks() * settings.rounds() * tasks.size(); // if all is disturbed, it ends all the same
        for (int fork = 0; fork < settings.forks(); fork++) {
            for (Task task : tasks) {
                measure(fork, task.work, task.systems);
            }
        }
        return List.copyOf(results.values());
    }

    /// A work, and who does it in turns.
    record Task(Work work, List<Contender> systems) {}

    /// The round trip of the bare cache line in each round so far.
    List<Double> lineNanos() {
        return lineNanos;
    }

    private void measure(int fork, Work work, List<Contender> systems) throws IOException, InterruptedException {
        String where = "fork " + (fork + 1) + "/" + settings.forks() + ", " + work;
        progress.next(where + ", warm-up");
        List<Waiting.Policy> policies = settings.policies(work);
        var ready = new LinkedHashMap<Contender, Subject>();
        Subject line = line();
        try {
            start(line);
            for (Contender system : systems) {
                Subject subject = system.subject(work, place(system.name()));
                ready.put(system, subject);
                start(subject);
            }
            line.open();
            line.warmUp(LINE_WARM_UP, policies.getFirst());
            for (Subject each : ready.values()) {
                each.open();
                for (Waiting.Policy policy : policies) {
                    each.warmUp(settings.warmUp().dividedBy(policies.size()), policy);
                }
            }
            for (int round = 0; round < settings.rounds(); round++) {
                progress.next(where + ", round " + (round + 1) + "/" + settings.rounds());
                for (Waiting.Policy policy : policies) {
                    double nanos = line.sample(LINE_SAMPLE, policy)[0];
                    lineNanos.add(nanos);
                    for (var entry : ready.entrySet()) {
                        Sampled sampled = sample(entry.getValue(), policy);
                        for (int i = 0; i < work.figures().size(); i++) {
                            if (Double.isNaN(sampled.figures[i])) continue; // a figure that this system does not have
                            String disturbance = sampled.disturbance.orElse("");
                            result(work, work.figures().get(i), entry.getKey().name(), policy).samples()
                                    .add(new Result.Sample(fork, sampled.figures[i], nanos, disturbance));
                        }
                    }
                }
            }
        } finally {
            line.close();
            ready.values().forEach(Subject::close);
        }
    }

    private Result result(Work work, String figure, String system, Waiting.Policy policy) {
        return results.computeIfAbsent(figure + "|" + work.bytes() + "|" + system + "|" + policy,
                key -> new Result(work, figure, system, policy));
    }

    private Subject line() {
        Contender.Place place = place("line");
        return Group.of(ProcessionTransport.exclusive(), Work.LINE, place);
    }

    private Contender.Place place(String system) {
        return new Contender.Place(home.resolve(subjects.size() + "-" + system), settings.firstCpu(),
                settings.secondCpu());
    }

    private void start(Subject subject) throws IOException {
        subjects.add(subject);
        subject.start();
    }

    private record Sampled(double[] figures, Optional<String> disturbance) {}

    /// Takes a sample, again if other load disturbed it, a few times at most.
    private Sampled sample(Subject subject, Waiting.Policy policy) throws IOException, InterruptedException {
        if (!loadIsKnown || subject.pids().isEmpty())
            return new Sampled(subject.sample(settings.sample(), policy), Optional.empty());
        List<Integer> cpus = List.of(settings.firstCpu(), settings.secondCpu());
        var pids = new ArrayList<>(subject.pids());
        pids.add(ProcessHandle.current().pid()); // what it costs to ask
        for (int tries = 1;; tries++) {
            CpuLoad before = CpuLoad.of(cpus, pids);
            double[] figures = subject.sample(settings.sample(), policy);
            Optional<String> disturbance = CpuLoad.of(cpus, pids).disturbanceSince(before);
            if (disturbance.isEmpty() || tries == TRIES || repeatsLeft == 0) return new Sampled(figures, disturbance);
            repeatsLeft--;
            Thread.sleep(tries * PAUSE_BEFORE_REPEAT_MILLIS);
        }
    }

    /// Ends all processes and removes all files. May be called by any thread, also while the bench runs, and again.
    @Override
    public void close() {
        subjects.forEach(Subject::close);
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
