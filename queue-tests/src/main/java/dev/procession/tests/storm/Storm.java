package dev.procession.tests.storm;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueException;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.history.Clock;
import dev.procession.tests.history.History;
import dev.procession.tests.history.LinearizabilityChecker;
import dev.procession.tests.jvm.Folders;
import dev.procession.tests.jvm.Jvm;
import dev.procession.tests.jvm.Platforms;
import dev.procession.tests.jvm.Signals;
import dev.procession.tests.kit.Load;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/// Processes that put and get as hard as they can, and one that stops and kills them at random moments. What they did
/// stands in their histories; the [LinearizabilityChecker] reads those in the end.
///
/// A killed process is replaced at once, from a pool of JVMs that are up and warm: they take longer to start than to
/// kill. A producer's lane is inherited by a later one.
public final class Storm {
    private static final long STALL_NANOS = TimeUnit.SECONDS.toNanos(20);
    private static final double KILLS_PER_SECOND = 14;
    private static final double STOPS_PER_SECOND = 12;
    private static final int WARM = 6; // JVMs ahead
    private static final long SHORT_STOP_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long LONG_STOP_NANOS = TimeUnit.MILLISECONDS.toNanos(2500);

    /// What a storm is to be.
    ///
    /// @param seconds how long it lasts
    /// @param run how many messages a consumer takes at a time: 1 by get, more by poll
    /// @param laneBytes the size of a lane, as small as can be: then it is full, and jumps, all the time
    /// @param chunkBytes the size of its chunks; from 64 KiB on they are given back after a backlog
    /// @param maxItems a bound on the number of messages, or 0
    /// @param leastKills it goes on until it has killed so often
    /// @param leastStops and stopped so often
    public record Plan(int seconds, int producers, int consumers, boolean kills, boolean stops, long seed,
            Delivery delivery,
            int run, long laneBytes, long chunkBytes, long maxItems, int leastKills, int leastStops) {
        private static final int USUAL_CHUNKS = 4;
        private static final long PUTS_PER_SECOND = 120_000; // in all; the logs are in memory
        private static final long MOST_PUTS = 20_000_000;

        /// A storm over lanes of four chunks.
        public Plan(int seconds, int producers, int consumers, boolean kills, boolean stops, long seed,
                Delivery delivery, int run, long laneBytes, long maxItems, int leastKills, int leastStops) {
            this(seconds, producers, consumers, kills, stops, seed, delivery, run, laneBytes, laneBytes / USUAL_CHUNKS,
                    maxItems, leastKills, leastStops);
        }

        static Plan parse(String text) {
            String[] s = text.split(",");
            return new Plan(Integer.parseInt(s[0]), Integer.parseInt(s[1]), Integer.parseInt(s[2]),
                    Boolean.parseBoolean(s[3]), Boolean.parseBoolean(s[4]), Long.parseLong(s[5]),
                    Delivery.valueOf(s[6]),
                    Integer.parseInt(s[7]), Long.parseLong(s[8]), Long.parseLong(s[9]), Long.parseLong(s[10]),
                    Integer.parseInt(s[11]), Integer.parseInt(s[12]));
        }

        String text() {
            return seconds + "," + producers + "," + consumers + "," + kills + "," + stops + "," + seed + "," + delivery
                    + ","
                    + run + "," + laneBytes + "," + chunkBytes + "," + maxItems + "," + leastKills + "," + leastStops;
        }

        QueueGeometry geometry() {
            return new QueueGeometry(producers + 2, laneBytes, chunkBytes, maxItems,
                    delivery == Delivery.LEASED ? Leasing.DEFAULT : null);
        }

        long putsPerSecond() {
            return Math.min(PUTS_PER_SECOND, MOST_PUTS / seconds) / producers;
        }

        long getsPerSecond() {
            return 3 * putsPerSecond() * producers / consumers;
        }

        long operationsEach() {
            return (seconds + Peer.DEADLINE_SECONDS) * Math.max(putsPerSecond(), getsPerSecond()) + (1 << 20);
        }
    }

    /// How a storm ended.
    ///
    /// @param folder where the logs and the queue's file are
    /// @param findings what is wrong, in words
    public record Outcome(long puts, long gets, long redelivered, long empties, int kills, int stops, long lost,
            long duplicated, long reordered, int stalled, double seconds, Path folder, List<String> findings) {
        /// Whether the queue kept its promises.
        public boolean isFaultless() {
            return lost + duplicated + reordered + stalled == 0;
        }

        @Override
        public String toString() {
            return "puts=" + puts + " gets=" + gets + " kills=" + kills + " stops=" + stops + " lost=" + lost
                    + " duplicated=" + duplicated + " reordered=" + reordered + " stalled=" + stalled;
        }
    }

    /// A process that takes part, or is about to.
    private final class Member {
        final Process process;
        final Path errors;
        boolean ready;
        String name = "";
        int number;
        boolean producer;
        Path log;
        History history;
        long continueAt; // 0: runs
        long progress; // beats, and messages of a producer
        long since; // this long it has been like that

        Member(int index) {
            try {
                errors = folder.resolve("errors-" + index);
                log = errors;
                process = new ProcessBuilder(commands.get(index % commands.size())).redirectError(errors.toFile())
                        .start();
            } catch (IOException e) {
                throw new AssertionError("cannot start a JVM", e);
            }
            history = none;
        }

        boolean isReady() {
            if (ready) return true;
            try {
                if (process.inputReader(StandardCharsets.US_ASCII).ready()) {
                    return ready = "ready".equals(process.inputReader(StandardCharsets.US_ASCII).readLine());
                }
                if (!process.isAlive()) throw new AssertionError("no JVM comes up: " + Files.readString(errors));
            } catch (IOException e) {
                throw new AssertionError(e);
            }
            return false;
        }

        void join(boolean producer) {
            this.producer = producer;
            number = ++lastNumber;
            name = (producer ? "producer" : "consumer") + " " + number;
            log = folder.resolve(name.replace(' ', '-'));
            history = new History(log, plan.operationsEach());
            since = System.nanoTime();
            note("joins: " + name + ", pid " + process.pid());
            try {
                process.getOutputStream().write((name + "\n").getBytes(StandardCharsets.US_ASCII));
                process.getOutputStream().flush();
            } catch (IOException e) {
                throw new AssertionError("pid " + process.pid() + " is gone", e);
            }
            members.add(this);
        }

        boolean isStalled(long now) {
            long made = producer ? history.messages() : history.beats();
            if (made != progress || continueAt != 0) {
                progress = made;
                since = now;
            }
            return now - since > STALL_NANOS;
        }
    }

    private final Plan plan;
    private final Platforms platforms;
    private final Path folder;
    private final Random64 random;
    private final Clock clock;
    private final History none;
    private List<List<String>> commands = List.of(); // each starts a JVM
    private final ArrayDeque<Member> pool = new ArrayDeque<>();
    private final List<Member> members = new ArrayList<>(); // those who live
    private final LinearizabilityChecker checker;
    private final List<String> findings = new ArrayList<>();
    private final StringBuilder events = new StringBuilder();
    private int started;
    private int lastNumber;
    private int kills;
    private int stops;
    private int stalled;
    private long passed; // messages put and got by those who are gone
    private long messages; // put and got in all, as last seen
    private long messagesSince;

    private Storm(Plan plan, Platforms platforms, Path folder) {
        this.plan = plan;
        this.platforms = platforms;
        this.folder = folder;
        random = new Random64(plan.seed());
        clock = new Clock(folder.resolve("clock"));
        none = new History(folder.resolve("none"), 1);
        checker = new LinearizabilityChecker(plan.delivery());
    }

    /// Runs a storm to its end.
    ///
    /// @param parent the folder in which its own is made; that one stays if something was wrong
    /// @param progress is told the milliseconds that have passed
    public static Outcome run(Plan plan, Path parent, LongConsumer progress) throws IOException, InterruptedException {
        return run(plan, Platforms.NATIVE, parent, progress);
    }

    /// Runs a storm of processes that use the system in these ways.
    public static Outcome run(Plan plan, Platforms platforms, Path parent, LongConsumer progress)
            throws IOException, InterruptedException {
        var storm = new Storm(plan, platforms, Files.createTempDirectory(parent, "procession-storm-"));
        var killer = new Thread(storm::killAll);
        Runtime.getRuntime().addShutdownHook(killer);
        try {
            var outcome = storm.run(progress);
            if (outcome.isFaultless()) storm.deleteAll();
            else storm.keepEvidence();
            return outcome;
        } finally {
            storm.killAll();
            Runtime.getRuntime().removeShutdownHook(killer);
        }
    }

    private Outcome run(LongConsumer progress) throws IOException, InterruptedException {
        try (var queue = LaneQueue.create(folder.resolve("queue"), plan.geometry(), "storm")) {
            commands = platforms.start(
                    Jvm.command(plan.kills(), "", List.of(), Actor.class, folder.toString(), plan.text()));
            for (int i = 0; i < plan.producers() + plan.consumers(); i++) replace(i < plan.producers());
            long start = System.nanoTime();
            rage(queue, start, progress);
            double seconds = (System.nanoTime() - start) / 1e9;
            calm(queue);
            if (stalled == 0) empty(queue);
            checker.decide();
            findings.addAll(checker.findings());
            return new Outcome(checker.puts(), checker.gets(), checker.redelivered(), checker.empties(), kills, stops,
                    checker.lost(), checker.duplicated(), checker.reordered(), stalled, seconds, folder, findings);
        }
    }

    // ---- the storm

    private void rage(LaneQueue queue, long start, LongConsumer progress) throws InterruptedException {
        long end = start + TimeUnit.SECONDS.toNanos(plan.seconds());
        long atTheLatest = start + TimeUnit.SECONDS.toNanos(plan.seconds() + Peer.DEADLINE_SECONDS);
        long killAt = plan.kills() ? start + random(KILLS_PER_SECOND) : Long.MAX_VALUE;
        long stopAt = plan.stops() ? start + random(STOPS_PER_SECOND) : Long.MAX_VALUE;
        messagesSince = start;
        for (long now = start; stalled == 0 && (now < end || isTooCalm() && now < atTheLatest); now =
                System.nanoTime()) {
            if (plan.kills() && pool.size() < WARM) pool.add(new Member(++started));
            if (now >= killAt && pool.stream().anyMatch(Member::isReady)) {
                kill(members.get(random.below(members.size())));
                killAt += random(KILLS_PER_SECOND); // from when it was due: so the rate is kept if the pool can keep it
                if (killAt < now - 1_000_000_000) killAt = now;
            }
            if (now >= stopAt) {
                stop(members.get(random.below(members.size())), now);
                stopAt = now + random(STOPS_PER_SECOND);
            }
            for (var member : members) {
                if (member.continueAt != 0 && now >= member.continueAt) resume(member);
            }
            watch(queue, now);
            progress.accept((now - start) / 1_000_000);
            Thread.sleep(0, 200_000 + random.below(600_000));
        }
    }

    private boolean isTooCalm() {
        return kills < plan.leastKills() || stops < plan.leastStops();
    }

    /// A time around 1/rate seconds, in nanoseconds.
    private long random(double perSecond) {
        return (long) (-Math.log((random.below(1 << 20) + 1) / (double) (1 << 20)) / perSecond * 1e9);
    }

    private void kill(Member victim) throws InterruptedException {
        victim.process.destroyForcibly();
        note("kills: " + victim.name + (victim.continueAt != 0 ? ", which is stopped" : ""));
        kills++;
        if (!victim.process.waitFor(STALL_NANOS, TimeUnit.NANOSECONDS))
            throw new AssertionError(victim.name + " lives");
        bury(victim, clock.stamp());
        replace(victim.producer);
    }

    private void stop(Member member, long now) {
        if (member.continueAt != 0) return;
        Signals.stop(member.process);
        stops++;
        member.continueAt = now + (random.below(16) == 0 ? random.below((int) LONG_STOP_NANOS)
                : random.below((int) SHORT_STOP_NANOS));
        note("stops: " + member.name);
    }

    private void resume(Member member) {
        Signals.resume(member.process);
        member.continueAt = 0;
        note("continues: " + member.name);
    }

    /// A warm JVM takes part.
    private void replace(boolean producer) throws InterruptedException {
        while (pool.size() < Math.max(1, plan.producers() + plan.consumers() - members.size())) {
            pool.add(new Member(++started));
        }
        while (true) {
            for (var member : pool) {
                if (member.isReady()) {
                    pool.remove(member);
                    member.join(producer);
                    return;
                }
            }
            Thread.sleep(0, 200_000);
        }
    }

    /// Keeps the history of one who is gone.
    private void bury(Member member, long death) {
        members.remove(member);
        passed += member.history.messages();
        checker.add(member.number, new History(member.log, Math.max(1, member.history.count())), death);
    }

    /// Looks whether a process that is not stopped gets nowhere, or all of them together.
    private void watch(LaneQueue queue, long now) {
        long sum = passed;
        for (var member : List.copyOf(members)) {
            sum += member.history.messages();
            if (member.isStalled(now)) stalled(queue, member.name + " has not got on for 20 s");
            if (!member.process.isAlive()) endedByItself(member);
        }
        if (sum != messages) {
            messages = sum;
            messagesSince = now;
        } else if (now - messagesSince > STALL_NANOS) {
            stalled(queue, "for 20 s no message was put or got");
        }
    }

    private void endedByItself(Member member) {
        stalled++;
        findings.add(member.name + " ended by itself with status " + member.process.exitValue() + ", see "
                + member.errors + ": " + firstLine(member.errors));
        bury(member, clock.stamp());
    }

    private static String firstLine(Path file) {
        try (var lines = Files.lines(file)) {
            return lines.filter(line -> !line.startsWith("Picked up")).findFirst().orElse("");
        } catch (IOException e) {
            return e.toString();
        }
    }

    // ---- its end

    private void calm(LaneQueue queue) throws InterruptedException {
        for (var member : members) if (member.continueAt != 0) resume(member);
        clock.enter(Clock.Phase.DRAIN);
        awaitEnd(queue, true);
        for (long start = System.nanoTime(); !queue.isEmpty() && stalled == 0; Thread.sleep(1)) {
            watch(queue, System.nanoTime());
            if (System.nanoTime() - start > 3 * STALL_NANOS) stalled(queue, "the consumers do not empty the queue");
        }
        clock.enter(Clock.Phase.END);
        awaitEnd(queue, false);
    }

    private void awaitEnd(LaneQueue queue, boolean producers) throws InterruptedException {
        long start = System.nanoTime();
        for (var member : List.copyOf(members)) {
            if (member.producer != producers) continue;
            long left = start + STALL_NANOS - System.nanoTime();
            if (member.process.waitFor(Math.max(0, left), TimeUnit.NANOSECONDS)) {
                if (member.process.exitValue() == 0) bury(member, 0);
                else endedByItself(member);
            } else {
                stalled(queue, member.name + " does not come to an end");
                member.process.destroyForcibly().waitFor();
                bury(member, clock.stamp());
            }
        }
    }

    /// What is left is got by this process.
    private void empty(LaneQueue queue) {
        byte[] buffer = new byte[queue.maxMessageBytes()];
        var load = new Load(plan.seed(), queue.maxMessageBytes());
        var history = new History(folder.resolve("rest"), plan.operationsEach());
        try (Consumer consumer = queue.newConsumer(plan.delivery())) {
            while (true) {
                history.begin(History.GET, 0, clock.stamp());
                int length = consumer.tryGet(buffer);
                history.returned(length == Consumer.EMPTY ? 0 : load.check(buffer, length), clock.stamp());
                if (length == Consumer.EMPTY) break;
            }
        } catch (AssertionError | QueueException e) {
            stalled++;
            findings.add("what is left cannot be got: " + e);
        }
        checker.add(0, history, 0);
    }

    // ---- evidence

    private void note(String event) {
        events.append(clock.stamp()).append(' ').append(event).append('\n');
    }

    /// Asks all who live what they are doing. Their stacks go to their files for errors.
    private void stalled(LaneQueue queue, String what) {
        stalled++;
        var text = new StringBuilder(what).append("; queue: ").append(queue.stats()).append(" empty=").append(
                queue.isEmpty());
        for (var member : members) {
            text.append("\n    ").append(member.name).append(", pid ").append(member.process.pid()).append(
                    member.continueAt != 0 ? ", stopped: " : ": ").append(member.history).append("; stacks: ").append(
                            member.errors);
            Signals.dump(member.process);
        }
        findings.add(text.toString());
        note("stalled: " + text);
        try {
            Thread.sleep(500); // while they print
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void keepEvidence() throws IOException {
        events.append("plan: ").append(plan).append('\n');
        Files.writeString(folder.resolve("events"), events);
        Files.write(folder.resolve("findings"), findings);
    }

    private void killAll() {
        for (var member : List.copyOf(members)) member.process.destroyForcibly();
        for (var member : List.copyOf(pool)) member.process.destroyForcibly();
    }

    private void deleteAll() throws IOException, InterruptedException {
        for (var member : pool) member.process.destroyForcibly().waitFor();
        Folders.delete(folder);
    }
}
