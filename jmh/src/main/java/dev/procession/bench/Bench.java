package dev.procession.bench;

import dev.procession.cli.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/// Takes the samples. A fork goes through all works; at each, every system gets fresh processes and files, all alive at
/// once. They are warmed up, then measured in turns: a round is the bare cache line, system A, the line, B, the line.
/// Where the figure is a rate, a system is warm when its rate stands still; what the first second brings is a figure of
/// its own.
final class Bench implements AutoCloseable {
    /// @param rounds         samples of each system at each work in one fork
    /// @param forks          times that everything is done, with fresh processes and files
    /// @param sample         how long a sample should take
    /// @param warmUp         how long each system runs before its first sample, where its figure is no rate
    /// @param longestWarmUp  how long it runs at most, with each policy, until its rate stands still
    /// @param policies       those that are measured where they matter, else the first
    /// @param firstCpu       core of the producers
    /// @param secondCpu      core of the consumers
    record Settings(
            int rounds,
            int forks,
            Duration sample,
            Duration warmUp,
            Duration longestWarmUp,
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
    private static final double LEAST_CORE_SHARE = 0.97;
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

    /// Each round trip of the bare cache line so far.
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
            var warmUps = new LinkedHashMap<Subject, Map<Waiting.Policy, WarmUp>>();
            var cold = new LinkedHashMap<Contender, Result.Sample>();
            for (var entry : ready.entrySet()) {
                Subject each = entry.getValue();
                each.open();
                if (work.coldFigure().isEmpty()) {
                    warmUps.put(each, warmUp(each, work, policies));
                    continue;
                }
                double before = line(line, policies.getFirst());
                Optional<CpuLoad> loadBefore = load(each);
                Map<Waiting.Policy, WarmUp> its = warmUp(each, work, policies);
                warmUps.put(each, its);
                String disturbance = disturbanceSince(loadBefore, each).orElse("");
                double after = line(line, policies.getFirst());
                Objects.requireNonNull(its.get(policies.getFirst())).cold().ifPresent(rate -> cold.put(entry.getKey(),
                        new Result.Sample(fork, rate, before, after, disturbance, true)));
            }
            for (int round = 0; round < settings.rounds(); round++) {
                progress.next(where + ", round " + (round + 1) + "/" + settings.rounds());
                for (Waiting.Policy policy : policies) {
                    double nanos = line(line, policy);
                    for (var entry : ready.entrySet()) {
                        Sampled sampled = sample(entry.getValue(), line, nanos, policy);
                        nanos = sampled.lineAfter;
                        WarmUp warmUp = Objects.requireNonNull(warmUps.get(entry.getValue())).get(policy);
                        boolean isWarm = warmUp == null || warmUp.standsStill();
                        for (int i = 0; i < work.figures().size(); i++) {
                            if (Double.isNaN(sampled.figures[i])) continue; // a figure that this system does not have
                            result(work, work.figures().get(i), entry.getKey().name(), policy).samples()
                                    .add(new Result.Sample(fork, sampled.figures[i], sampled.lineBefore,
                                            sampled.lineAfter, sampled.disturbance.orElse(""), isWarm));
                        }
                    }
                }
            }
            cold.forEach((system, sample) -> result(work, work.coldFigure().orElseThrow(), system.name(),
                    policies.getFirst()).samples().add(sample));
        } finally {
            line.close();
            ready.values().forEach(Subject::close);
        }
    }

    /// Returns how each policy went, where that can be told.
    private Map<Waiting.Policy, WarmUp> warmUp(Subject subject, Work work, List<Waiting.Policy> policies)
            throws IOException, InterruptedException {
        var all = new EnumMap<Waiting.Policy, WarmUp>(Waiting.Policy.class);
        for (Waiting.Policy policy : policies) {
            if (work.isRate()) {
                all.put(policy, subject.warmUpUntilStill(settings.longestWarmUp(), policy));
            } else {
                subject.warmUp(settings.warmUp().dividedBy(policies.size()), policy);
            }
        }
        return all;
    }

    private double line(Subject line, Waiting.Policy policy) throws IOException, InterruptedException {
        double nanos = line.sample(LINE_SAMPLE, policy).figures()[0];
        lineNanos.add(nanos);
        return nanos;
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

    private record Sampled(double[] figures, double lineBefore, double lineAfter, Optional<String> disturbance) {}

    /// Takes a sample, again if something disturbed it, a few times at most.
    private Sampled sample(Subject subject, Subject line, double lineNow, Waiting.Policy policy)
            throws IOException, InterruptedException {
        double before = lineNow;
        for (int tries = 1;; tries++) {
            Optional<CpuLoad> loadBefore = load(subject);
            Subject.Sampled taken = subject.sample(settings.sample(), policy);
            Optional<String> load = disturbanceSince(loadBefore, subject);
            double after = line(line, policy);
            boolean moved = Cores.of(lineNanos).state(before, after) == Cores.State.MOVED;
            // Whether the cores have moved is not kept: in the end it is told from the lines, by all that the run saw.
            Optional<String> disturbance = load.or(() -> withoutCore(taken.coreShare()));
            if (disturbance.isEmpty() && !moved || tries == TRIES || repeatsLeft == 0) {
                return new Sampled(taken.figures(), before, after, disturbance);
            }
            repeatsLeft--;
            Thread.sleep(tries * PAUSE_BEFORE_REPEAT_MILLIS);
            before = line(line, policy);
        }
    }

    private static Optional<String> withoutCore(double coreShare) {
        return coreShare >= LEAST_CORE_SHARE ? Optional.empty()
                : Optional.of("a thread had its core for %.0f %% of the time".formatted(100 * coreShare));
    }

    /// Empty if it cannot be known.
    private Optional<CpuLoad> load(Subject subject) throws IOException {
        if (!loadIsKnown || subject.pids().isEmpty()) return Optional.empty();
        var pids = new ArrayList<>(subject.pids());
        pids.add(ProcessHandle.current().pid()); // what it costs to ask
        return Optional.of(CpuLoad.of(List.of(settings.firstCpu(), settings.secondCpu()), pids));
    }

    private Optional<String> disturbanceSince(Optional<CpuLoad> before, Subject subject) throws IOException {
        Optional<CpuLoad> now = before.isPresent() ? load(subject) : Optional.empty();
        return now.flatMap(n -> n.disturbanceSince(before.get()));
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
