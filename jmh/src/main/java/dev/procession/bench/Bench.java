package dev.procession.bench;

import dev.procession.cli.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/// Takes the samples. A pass goes through all works; at each, every system gets fresh processes and files, all alive at
/// once. They are warmed up, then measured in turns: a round is the bare cache line, system A, the line, B, the line.
/// Where the figure is a rate, a system is warm when its rate stands still.
///
/// Passes follow until the time is over, so that all works have equally many rounds but for one pass; works of which
/// all figures agree are left out of further ones. See [Run#isSettled].
final class Bench implements AutoCloseable {
    /// @param budget       how long the run may take
    /// @param leastPasses  passes through all works, if there is the time, however much the first ones agree
    /// @param firstCpu     core of the producers
    /// @param secondCpu    core of the consumers
    record Settings(Duration budget, int leastPasses, int firstCpu, int secondCpu) {}

    /// Samples of each system at each work in one pass: enough for a figure if the cores stay as they are, and some
    /// more for disturbances.
    static final int ROUNDS = Result.ENOUGH + 4;
    /// Of pools: their samples are long, and average over many tasks.
    private static final int POOL_ROUNDS = Result.ENOUGH + 1;
    static final Duration SAMPLE = Duration.ofMillis(100);
    /// With more processes than cores: each needs several time slices.
    static final Duration CROWDED_SAMPLE = Duration.ofMillis(200);
    static final Duration LONGEST_WARM_UP = Duration.ofSeconds(2);

    /// Where the figure is no rate.
    private static final Duration WARM_UP = Duration.ofMillis(500);
    private static final Duration LINE_SAMPLE = Duration.ofMillis(15);
    private static final Duration LINE_WARM_UP = Duration.ofMillis(150);
    private static final int TRIES = 4;
    private static final double LEAST_CORE_SHARE = 0.97;
    private static final long PAUSE_BEFORE_REPEAT_MILLIS = 100;

    private final Settings settings;
    private final Path home;
    private final Progress progress;
    private final long startNanos = System.nanoTime();
    private final List<Subject> subjects = new CopyOnWriteArrayList<>(); // all that were ever started
    private final Map<List<Object>, Result> results = new LinkedHashMap<>();
    private final List<Double> lineNanos = new ArrayList<>();
    private final boolean loadIsKnown = CpuLoad.isKnown();
    private String counters; // why there are none
    private int files;
    private int repeatsLeft; // of this work in this pass: if all is disturbed, it ends all the same

    /// `home`: an empty folder for the files of the queues, removed by [#close].
    Bench(Settings settings, Path home, Progress progress) throws InterruptedException {
        this.settings = settings;
        this.home = home;
        this.progress = progress;
        counters = Counters.missing();
    }

    /// A work, and who does it in turns.
    record Task(Work work, List<Contender> systems) {}

    /// Adds to the environment how far it came.
    Run run(List<Task> tasks, Map<String, Object> environment) throws IOException, InterruptedException {
        String passes = passes(settings, tasks, () -> System.nanoTime() - startNanos, work -> soFar().isSettled(work),
                (pass, task) -> {
                    progress.next("pass " + (pass + 1) + ", " + task.work);
                    measure(pass, task);
                });
        environment.put("measured", passes);
        environment.put("counters", counters.isEmpty() ? "there are instructions and cycles" : "none: " + counters);
        return new Run(environment, lineNanos, List.copyOf(results.values()));
    }

    /// What is done for one work in one pass.
    interface Visit {
        void measure(int pass, Task task) throws IOException, InterruptedException;
    }

    /// Goes through the works again and again. Ends if all of them are settled after the least number of passes, or if
    /// the next one would need more time than is left. Returns how far it came.
    ///
    /// @param nanos  since the run began
    static String passes(Settings settings, List<Task> tasks, LongSupplier nanos, Predicate<Work> isSettled,
            Visit visit) throws IOException, InterruptedException {
        long budget = settings.budget().toNanos();
        var nanosOfVisit = new HashMap<Work, Long>();
        for (int pass = 0;; pass++) {
            boolean all = pass < settings.leastPasses();
            List<Task> left = tasks.stream().filter(task -> all || !isSettled.test(task.work)).toList();
            String passes = pass + (pass == 1 ? " pass" : " passes");
            if (left.isEmpty()) return passes + ", until all figures agreed";
            for (int i = 0; i < left.size(); i++) {
                Work work = left.get(i).work;
                long start = nanos.getAsLong();
                if (start >= budget || start + nanosOfVisit.getOrDefault(work, 0L) > budget) {
                    return passes + " and " + i + " of " + left.size() + " works of the next, until "
                            + settings.budget().toMinutes() + " minutes were over";
                }
                visit.measure(pass, left.get(i));
                nanosOfVisit.put(work, nanos.getAsLong() - start);
            }
        }
    }

    /// How long a work takes on this machine is not known in the first pass.
    private boolean isTimeOver() {
        return System.nanoTime() - startNanos >= settings.budget().toNanos();
    }

    private Run soFar() {
        return new Run(Map.of(), lineNanos, List.copyOf(results.values()));
    }

    private void measure(int pass, Task task) throws IOException, InterruptedException {
        Work work = task.work;
        int rounds = work.kind() == Work.Kind.POOL ? POOL_ROUNDS : ROUNDS;
        repeatsLeft = rounds * task.systems.size();
        var ready = new LinkedHashMap<Contender, Subject>();
        Subject line = Group.of(ProcessionTransport.exclusive(), Work.LINE, place("line"));
        try {
            start(line);
            for (Contender system : task.systems) {
                Subject subject = work.kind() == Work.Kind.COLD
                        ? new FirstSecond(() -> (Group) system.subject(work, place(system.name())))
                        : system.subject(work, place(system.name()));
                ready.put(system, subject);
                start(subject);
            }
            line.open();
            line.warmUp(LINE_WARM_UP, Waiting.Policy.RELAXED);
            var policies = new HashMap<Contender, Waiting.Policy>();
            for (var entry : ready.entrySet()) {
                entry.getValue().open();
                policies.put(entry.getKey(), warmUp(entry.getValue(), work));
            }
            for (int round = pass * rounds; round < (pass + 1) * rounds && !isTimeOver(); round++) {
                double nanos = line(line);
                for (var entry : ready.entrySet()) {
                    Waiting.Policy policy = Objects.requireNonNull(policies.get(entry.getKey()));
                    Sampled sampled = sample(entry.getValue(), line, nanos, work, policy);
                    nanos = sampled.lineAfter;
                    for (int i = 0; i < sampled.figures.length; i++) {
                        if (Double.isNaN(sampled.figures[i])) continue; // the system has none
                        result(work, work.figures().get(i), entry.getKey().name()).samples()
                                .add(new Result.Sample(round, pass, policy, sampled.figures[i], sampled.lineBefore,
                                        sampled.lineAfter, sampled.disturbance.orElse("")));
                    }
                }
            }
            if (work.isCounted() && counters.isEmpty() && !isTimeOver()) {
                try {
                    for (var entry : ready.entrySet()) {
                        count(pass, work, entry.getKey(), entry.getValue(),
                                Objects.requireNonNull(policies.get(entry.getKey())), line);
                    }
                } catch (Counters.UnavailableException e) {
                    counters = String.valueOf(e.getMessage());
                }
            }
        } finally {
            line.close();
            ready.values().forEach(Subject::close);
        }
    }

    /// Takes samples of a system under the eyes of the counters. Their times are part of no figure.
    private void count(int pass, Work work, Contender system, Subject subject, Waiting.Policy policy, Subject line)
            throws IOException, InterruptedException {
        for (int round = pass * ROUNDS; round < (pass + 1) * ROUNDS; round++) {
            double before = line(line);
            Path folder = place("counters").directory();
            try (var perf = new Counters(Counters.EVENTS, subject.pids(), folder)) {
                perf.start();
                long messages = subject.sample(SAMPLE, policy).messages();
                double[] counts = perf.stop();
                double after = line(line);
                for (int i = 0; i < counts.length; i++) {
                    result(work, work.counted().get(i), system.name()).samples().add(new Result.Sample(round, pass,
                            policy, counts[i] / messages, before, after, ""));
                }
            }
        }
    }

    /// Returns the wait policy with which the system then takes its samples: the one that serves it better, where that
    /// decides the figure. A user of a queue chooses the policy that suits it, too.
    private static Waiting.Policy warmUp(Subject subject, Work work) throws IOException, InterruptedException {
        if (work.dependsOnPolicy()) {
            WarmUp relaxed = subject.warmUpUntilStill(LONGEST_WARM_UP, Waiting.Policy.RELAXED);
            WarmUp eager = subject.warmUpUntilStill(LONGEST_WARM_UP, Waiting.Policy.EAGER);
            return eager.rate() > relaxed.rate() ? Waiting.Policy.EAGER : Waiting.Policy.RELAXED;
        }
        if (work.kind() == Work.Kind.PUT_ONLY) {
            subject.warmUpUntilStill(LONGEST_WARM_UP, Waiting.Policy.RELAXED);
        } else {
            subject.warmUp(WARM_UP, Waiting.Policy.RELAXED);
        }
        return Waiting.Policy.RELAXED;
    }

    private double line(Subject line) throws IOException, InterruptedException {
        double nanos = line.sample(LINE_SAMPLE, Waiting.Policy.RELAXED).figures()[0];
        lineNanos.add(nanos);
        return nanos;
    }

    private Result result(Work work, String figure, String system) {
        return results.computeIfAbsent(List.of(work, figure, system), key -> new Result(work, figure, system));
    }

    private Contender.Place place(String system) {
        return new Contender.Place(home.resolve(files++ + "-" + system), settings.firstCpu(), settings.secondCpu());
    }

    private void start(Subject subject) throws IOException {
        subjects.add(subject);
        subject.start();
    }

    private record Sampled(double[] figures, double lineBefore, double lineAfter, Optional<String> disturbance) {}

    /// Takes a sample, again if something disturbed it, a few times at most.
    private Sampled sample(Subject subject, Subject line, double lineNow, Work work, Waiting.Policy policy)
            throws IOException, InterruptedException {
        double before = lineNow;
        for (int tries = 1;; tries++) {
            Optional<CpuLoad> loadBefore = load(subject);
            Subject.Sampled taken = subject.sample(work.isCrowded() ? CROWDED_SAMPLE : SAMPLE, policy);
            Optional<String> load = disturbanceSince(loadBefore, subject);
            double after = line(line);
            boolean moved = Cores.of(lineNanos).state(before, after) == Cores.State.MOVED;
            // Whether the cores have moved is not kept: in the end it is told from the lines, by all that the run saw.
            Optional<String> disturbance = load.or(() -> withoutCore(taken.coreShare()));
            if (disturbance.isEmpty() && !moved || tries == TRIES || repeatsLeft == 0
                    || isTimeOver()) {
                return new Sampled(taken.figures(), before, after, disturbance);
            }
            repeatsLeft--;
            Thread.sleep(tries * PAUSE_BEFORE_REPEAT_MILLIS);
            before = line(line);
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
