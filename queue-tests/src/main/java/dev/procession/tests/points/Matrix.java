package dev.procession.tests.points;

import dev.procession.tests.jvm.Folders;
import dev.procession.tests.jvm.Jvm;
import dev.procession.tests.jvm.Platforms;
import dev.procession.tests.jvm.Points;
import dev.procession.tests.jvm.Weaver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Every step that any process makes on shared memory, in every role and state, and what becomes of all others if a
/// process is stopped or killed right before it. Which steps there are is read from the class files; which of them a
/// role makes in a state, it tells itself.
public final class Matrix {
    /// Steps that no scenario comes to, and why.
    private static final Map<String, String> OUT_OF_REACH = new TreeMap<>(Map.of(
            "FutexProxy.word/getIntVolatile", "only where virtual threads sleep; nothing is written there",
            "Message.copyOf/copyIn", "private memory",
            "Doorbell.attach/getAndBitwiseOr", "only where the kernel has no barrier for all processes"));

    private static final Set<String> ONLY_PORTABLE = Set.of("PortablePlatform$PortableFile.reservePage/getAndAdd");
    private static final Set<String> ONLY_NATIVE = Set.of();

    /// Step by step more seldom; the last is for steps that are made again and again.
    private static final int[] HITS = {1, 20};
    /// While there is one message and who looks for it is held up in the middle of its look, each time counts: a look
    /// reads three words of each of three lanes, the first lane's twice.
    private static final int[] HITS_OF_A_LOOK = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20};
    /// A step that is not made every time, such as a sleep or a lost race, is tried again with more and more slack, for
    /// on a busy machine nobody comes to a step in time; and in another state again.
    private static final int[] SLACK = {1, 1, 2, 4, 8, 16, 32, 64};

    /// What came of it.
    ///
    /// @param points the steps that there are
    /// @param hit those before which a process stopped or was killed
    /// @param neverHit those before which none ever stopped
    /// @param failures what went wrong, in words
    public record Summary(int points, int scenarios, int kills, int stops, Set<String> hit, List<String> neverHit,
            List<String> failures) {
        /// Whether all is well.
        public boolean isFaultless() {
            return neverHit.isEmpty() && failures.isEmpty();
        }

        @Override
        public String toString() {
            return "points=" + points + " scenarios=" + scenarios + " kills=" + kills + " stops=" + stops
                    + " never_hit="
                    + neverHit.size() + " failed=" + failures.size();
        }
    }

    private record Part(StepScenario.Role role, StepScenario.State state, long seed, int slack) {}

    private final Path folder;
    private final Pattern roles;
    private final Pattern only;
    private final boolean whole; // nothing is left out
    private final int workers;
    private final Platforms platforms;
    private final long seed;
    private final AtomicInteger scenarios = new AtomicInteger();
    private final AtomicInteger kills = new AtomicInteger();
    private final AtomicInteger stops = new AtomicInteger();
    private final AtomicInteger folders = new AtomicInteger();
    private final Set<String> listed = ConcurrentHashMap.newKeySet();
    private final Set<String> hit = ConcurrentHashMap.newKeySet();
    private final Set<String> listedByRole = ConcurrentHashMap.newKeySet();
    private final Set<String> hitByRole = ConcurrentHashMap.newKeySet();
    private final Collection<String> failures = new ConcurrentLinkedQueue<>();
    private final LinkedBlockingQueue<StepScenario.Stage> ahead = new LinkedBlockingQueue<>();
    private final Set<StepScenario.Stage> stages = ConcurrentHashMap.newKeySet();
    private List<String> command = List.of();

    private Matrix(Path folder, String roles, String only, int workers, Platforms platforms, long seed) {
        this.folder = folder;
        this.roles = Pattern.compile(roles, Pattern.CASE_INSENSITIVE);
        this.only = Pattern.compile(only);
        this.workers = workers;
        this.platforms = platforms;
        this.seed = seed;
        whole = roles.isEmpty() && only.isEmpty();
    }

    /// Plays all scenarios, some at a time.
    ///
    /// @param parent the folder in which the one for queues and logs is made; it stays if something failed
    /// @param roles a pattern in the names of the roles to play; empty for all
    /// @param only a pattern in the names of the steps; empty for all
    /// @param workers how many scenarios are played at a time
    /// @param quick leaves out states and hits, so that each step of each role is stopped at and killed at, once
    /// @param progress is told the per mille that are done
    public static Summary play(Path parent, String roles, String only, int workers, boolean quick, long seed,
            LongConsumer progress) throws IOException, InterruptedException {
        return play(parent, roles, only, workers, quick, Platforms.NATIVE, seed, progress);
    }

    /// Plays all scenarios with a process under test that uses the system in one of these ways.
    public static Summary play(Path parent, String roles, String only, int workers, boolean quick, Platforms platforms,
            long seed, LongConsumer progress) throws IOException, InterruptedException {
        var folder = Files.createTempDirectory(parent, "procession-points-");
        var matrix = new Matrix(folder, roles, only, workers, platforms, seed);
        var killer = new Thread(matrix::killAll);
        Runtime.getRuntime().addShutdownHook(killer);
        try {
            var summary = matrix.play(quick, progress);
            if (summary.isFaultless() || summary.points() == 0) Folders.delete(folder); // else it is the evidence
            return summary;
        } finally {
            matrix.killAll();
            Runtime.getRuntime().removeShutdownHook(killer);
        }
    }

    private Summary play(boolean quick, LongConsumer progress) throws IOException, InterruptedException {
        if (Stream.of(StepScenario.Role.values()).noneMatch(role -> roles.matcher(role.name()).find())) {
            return new Summary(0, 0, 0, 0, Set.of(), List.of(),
                    List.of("nothing was tested: no role matches " + roles));
        }
        Path first = Files.createDirectory(folder.resolve("first"));
        command = platforms.start(
                Jvm.command(true, order(StepScenario.Role.CREATOR, first) + order(StepScenario.Role.PRODUCER, first)
                        + order(StepScenario.Role.ONLOOKER, first), List.of(Points.OPTION + "::", "-Xmx128m"),
                        StepSubject.class))
                .getLast();
        for (int i = 0; i < workers; i++) startAhead();
        for (int slack : new int[] {1, 8, 64}) {
            var missing = slack == 1 ? null : missing();
            if (missing == null || !missing.isEmpty()) playParts(quick, slack, missing, progress);
        }
        if (listedByRole.isEmpty())
            failures.add("nothing was tested: no step matches " + only);
        // with lost races each role is lucky now and then; there is no time to wait for that in a build
        for (String each : listedByRole) if (!quick && !hitByRole.contains(each)) failures.add("never hit: " + each);
        var all = all();
        for (String name : hit) if (whole && !all.contains(name)) failures.add("not found in the class files: " + name);
        return new Summary(all.size(), scenarios.get(), kills.get(), stops.get(), Set.copyOf(hit),
                List.copyOf(missing()), List.copyOf(failures));
    }

    private TreeSet<String> all() throws IOException {
        var all = whole ? Weaver.points() : new TreeSet<>(listed);
        if (!whole) all.removeIf(name -> !only.matcher(name).find());
        return all;
    }

    private TreeSet<String> missing() throws IOException {
        var missing = all();
        missing.removeAll(hit);
        missing.removeAll(OUT_OF_REACH.keySet());
        missing.removeAll(platforms == Platforms.NATIVE ? ONLY_PORTABLE : ONLY_NATIVE);
        return missing;
    }

    /// All steps that a role can come to.
    public static Set<String> withinReach() throws IOException {
        var all = Weaver.points();
        all.removeAll(OUT_OF_REACH.keySet());
        all.removeAll(ONLY_PORTABLE);
        return all;
    }

    /// @param chosen the steps that are to be come to; null for all that there are
    private void playParts(boolean quick, int slack, @Nullable Set<String> chosen, LongConsumer progress)
            throws InterruptedException {
        var parts = new ArrayList<Part>();
        for (var role : StepScenario.Role.values()) {
            if (!roles.matcher(role.name()).find()) continue;
            for (var state : StepScenario.State.values()) {
                if (!role.has(state)) continue;
                // memory for long messages only where one is needed
                if (quick && state == StepScenario.State.LONG && only.pattern().isEmpty()) continue;
                parts.add(new Part(role, state, seed + parts.size(), slack));
            }
        }
        try (var threads = Executors.newFixedThreadPool(workers)) {
            var listings = new ArrayList<Future<Set<String>>>();
            for (var part : parts) listings.add(threads.submit(() -> list(part)));
            var playing = new ArrayList<Future<?>>();
            for (int i = 0; i < parts.size(); i++) {
                var part = parts.get(i);
                for (String name : listings.get(i).get()) {
                    listed.add(name);
                    if (!only.matcher(name).find() || chosen != null && !chosen.contains(name)) continue;
                    listedByRole.add(part.role + " before " + name);
                    playing.add(threads.submit(() -> playAll(part, name, quick)));
                }
            }
            for (int i = 0; i < playing.size(); i++) {
                playing.get(i).get();
                progress.accept(1000L * i / playing.size());
            }
        } catch (ExecutionException e) {
            failures.add(e.getCause().toString());
        }
    }

    private String order(StepScenario.Role role, Path first) {
        return role + " " + first + " 1 1 none - IDLE 1\n";
    }

    // ---- scenarios

    private Set<String> list(Part part) throws IOException, InterruptedException {
        var scenario = new StepScenario(nextFolder(), part.role, part.state, StepScenario.Fate.LISTING, "", 1,
                part.seed, part.slack);
        play(scenario);
        return StepSubject.names(scenario.told());
    }

    private Void playAll(Part part, String name, boolean quick) throws IOException, InterruptedException {
        if (quick && hitByRole.contains(part.role + " before " + name)) return null; // in another state
        boolean once = quick || part.state.isLikeAnother();
        var hits = once ? new int[] {1}
                : part.state == StepScenario.State.ONE && part.role.takes() && !part.role.isAlone() ? HITS_OF_A_LOOK
                : HITS;
        for (int times : hits) {
            boolean come = play(part, StepScenario.Fate.CONTINUED, name, times, part.slack);
            for (int slack : SLACK) {
                // in another state the role has come to it before: then it need not be waited for in this one
                boolean enough = slack > 2 && hitByRole.contains(part.role + " before " + name);
                if (times == 1 && !come && !enough)
                    come = play(part, StepScenario.Fate.CONTINUED, name, 1, Math.max(slack, part.slack));
            }
        }
        if (!once) play(part, StepScenario.Fate.KILLED, name, 1, part.slack);
        if (!play(part, StepScenario.Fate.STOPPED_AND_KILLED, name, 2, part.slack)) {
            play(part, StepScenario.Fate.STOPPED_AND_KILLED, name, 1, part.slack);
        }
        return null;
    }

    private boolean play(Part part, StepScenario.Fate fate, String name, int times, int slack)
            throws IOException, InterruptedException {
        return play(new StepScenario(nextFolder(), part.role, part.state, fate, name, times, part.seed, slack));
    }

    private Path nextFolder() throws IOException {
        return Files.createDirectory(folder.resolve("scenario-" + folders.incrementAndGet()));
    }

    private boolean play(StepScenario scenario) throws IOException, InterruptedException {
        var stage = ahead.take();
        scenarios.incrementAndGet();
        boolean come = false;
        boolean well = false;
        try {
            come = scenario.play(stage);
            well = true;
        } catch (AssertionError | RuntimeException e) {
            failures.add(scenario + " in " + scenario.folder() + ": " + e);
        }
        if (come) {
            hit.add(scenario.name);
            hitByRole.add(scenario.role + " before " + scenario.name);
            if (scenario.fate.isKill()) kills.incrementAndGet();
            if (scenario.fate != StepScenario.Fate.KILLED) stops.incrementAndGet();
        }
        if (well) Folders.delete(scenario.folder());
        if (well && !(come && scenario.fate.isKill())) {
            ahead.add(stage);
        } else {
            stage.close();
            stages.remove(stage);
            startAhead();
        }
        return come;
    }

    private void startAhead() throws IOException {
        var stage = new StepScenario.Stage(command);
        stages.add(stage);
        ahead.add(stage);
    }

    private void killAll() {
        stages.forEach(StepScenario.Stage::close);
    }
}
