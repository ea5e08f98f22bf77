package dev.procession.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The processes of one system at one work, with a queue of their own, that obey commands (see [Child]).
final class Group implements Subject {
    private static final Duration LONGEST_COMMAND = Duration.ofSeconds(120);
    private static final int LINES_KEPT = 40;
    private static final long GROWTH = 4;
    private static final long SHRINKAGE = 2; // one run that was held up should not make the next ones too short
    private static final long LEAST_ON_TIME = 5000; // messages at a fixed rate, for percentiles that say something
    private static final long STOP_AFTER_MILLIS = 20;
    private static final Duration STOPPED_AT_MOST = Duration.ofSeconds(1);
    private static final long END_SECONDS = 5;

    private final Work work;
    private final String system;
    private final Path directory;
    private final boolean keepsFiles;
    private final List<Work.Seat> seats;
    private final List<Hosted> hosted;
    private final List<Peer> peers = new CopyOnWriteArrayList<>();
    private final List<Member> members = new ArrayList<>();
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private double coreShare; // the least one among the replies of this sample
    private final Map<Waiting.Policy, Pace> paces = new EnumMap<>(Waiting.Policy.class);

    /// What was moved last, and in what time.
    private record Pace(long messages, long nanos) {}

    /// A process to be: its command line, and the seats that it will hold.
    record Hosted(List<String> command, List<Work.Seat> seats) {}

    /// A line that a process said, or null when it has ended.
    private record Event(Peer peer, @Nullable String line) {}

    /// The processes share files in the place's directory, which does not exist yet; the files are gone when all have
    /// opened them, unless they must be kept. The last seat makes them.
    Group(String system, Work work, Path directory, boolean keepsFiles, List<Hosted> hosted) {
        this.system = system;
        this.work = work;
        this.directory = directory;
        this.keepsFiles = keepsFiles;
        this.hosted = hosted;
        seats = hosted.stream().flatMap(h -> h.seats().stream()).toList();
    }

    /// One JVM for each seat, or one for all of them.
    static Group of(Transport transport, Work work, Contender.Place place) {
        List<Work.Seat> seats = work.seats(place.firstCpu(), place.secondCpu());
        var hosted = new ArrayList<Hosted>();
        if (transport.inOneJvm()) {
            hosted.add(new Hosted(java(transport, work, place, seats, seats), seats));
        } else {
            for (Work.Seat seat : seats) {
                hosted.add(new Hosted(java(transport, work, place, seats, List.of(seat)), List.of(seat)));
            }
        }
        return new Group(transport.name(), work, place.directory(), transport.keepsFiles(), hosted);
    }

    private static List<String> java(
            Transport transport, Work work, Contender.Place place, List<Work.Seat> all, List<Work.Seat> mine) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Nothing is allocated while a sample is taken; this collector has no threads of its own to disturb it.
        command.addAll(List.of("-XX:+UseSerialGC", "-Xms32m", "-Xmx256m", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(transport.jvmArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Child.class.getName()));
        var seats = new ArrayList<Work.@Nullable Seat>();
        all.forEach(seat -> seats.add(mine.contains(seat) ? seat : null));
        command.addAll(new Child.Assignment(place.directory(), transport.name(), work, seats).toArguments());
        return command;
    }

    @Override
    public void start() throws IOException {
        Files.createDirectory(directory);
        for (Hosted each : hosted) {
            var peer = new Peer(each);
            peers.add(peer);
            for (Work.Seat seat : each.seats()) {
                members.add(new Member(peer, members.size(), seat));
            }
        }
    }

    @Override
    public void open() throws InterruptedException, IOException {
        Member creator = members.getLast();
        creator.tell("create");
        replies(List.of(creator));
        members.forEach(m -> m.tell("open"));
        replies(members);
        if (!keepsFiles) {
            remove(directory);
        }
    }

    /// Removes the folder and the files of a group.
    static void remove(Path directory) {
        try (var paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException e) {
            // Others remove it, too, or there are new files; who ends last removes those.
        }
    }

    // ---- samples

    @Override
    public void warmUp(Duration length, Waiting.Policy policy) throws IOException, InterruptedException {
        if (work.isProbe()) return; // it has warmed up when it was opened
        long start = System.nanoTime();
        do {
            sample(length.dividedBy(4), policy);
        } while (System.nanoTime() - start < length.toNanos());
    }

    @Override
    public WarmUp warmUpUntilStill(Duration atMost, Waiting.Policy policy) throws IOException, InterruptedException {
        var warmUp = new WarmUp();
        for (long start = System.nanoTime(); !warmUp.standsStill() && System.nanoTime() - start < atMost.toNanos();) {
            Pace slice = slice(policy);
            // A slice may be much shorter if it was not known yet how many messages it needs. It tells nothing.
            if (slice.nanos >= WarmUp.SLICE.toNanos() / 2 || slice.messages >= work.mostMessages()) {
                warmUp.add(slice.messages * work.producers(), slice.nanos);
            }
        }
        return warmUp;
    }

    /// A rate over slices of work, the time between them included.
    Sampled sampleSlices(Duration length, Waiting.Policy policy) throws IOException, InterruptedException {
        long messages = 0;
        long nanos = 0;
        for (long start = System.nanoTime(); nanos < length.toNanos(); nanos = System.nanoTime() - start) {
            messages += slice(policy).messages * work.producers();
        }
        return new Sampled(new double[] {millionPerSecond(messages, nanos)}, 1, messages);
    }

    private Pace slice(Waiting.Policy policy) throws IOException, InterruptedException {
        sample(WarmUp.SLICE, policy);
        return Objects.requireNonNull(paces.get(policy));
    }

    /// So many messages as should take the wanted time, as far as is known by now.
    @Override
    public Sampled sample(Duration length, Waiting.Policy policy) throws IOException, InterruptedException {
        if (work.isProbe()) return new Sampled(run(1, policy), 1, 1);
        long n = work.rate() > 0
                ? Math.max(LEAST_ON_TIME, work.rate() * length.toNanos() / 1_000_000_000L)
                : messagesIn(length, paces.get(policy));
        coreShare = 1;
        long start = System.nanoTime();
        double[] figures = run(n, policy);
        paces.put(policy, new Pace(n, System.nanoTime() - start));
        return new Sampled(figures, coreShare, n * work.producers());
    }

    private long messagesIn(Duration length, @Nullable Pace last) {
        if (last == null) return work.leastMessages();
        long fitting = (long) ((double) last.messages * length.toNanos() / last.nanos);
        long next = Math.clamp(fitting, last.messages / SHRINKAGE, last.messages * GROWTH);
        return Math.clamp(next, work.leastMessages(), Math.max(work.mostMessages(), work.leastMessages()));
    }

    /// Lets every producer move `n` messages, checks that all arrived, and returns the figures of the work.
    private double[] run(long n, Waiting.Policy policy) throws IOException, InterruptedException {
        long all = n * work.producers();
        double[] figures;
        List<Map<String, Long>> replies = new ArrayList<>();
        if (seats.size() == 1) { // a script does all of it
            members.forEach(m -> m.tell("run " + n + " " + policy));
            replies.addAll(replies(members));
            Map<String, Long> reply = replies.getFirst();
            if (work.isProbe()) {
                figures = probed(reply);
            } else if (work.isRate()) {
                figures = new double[] {millionPerSecond(all, number(reply, "nanos"))};
            } else {
                figures = percentiles(replies);
            }
        } else {
            switch (work.kind()) {
                case THROUGHPUT, COLD, LATENCY, PUT_LATENCY, STOPPED -> {
                    members.forEach(m -> m.tell("run " + (m.isProducer() ? n : all) + " " + policy));
                    replies.addAll(work.kind() == Work.Kind.STOPPED ? repliesWhileOneStops() : replies(members));
                    figures = work.isRate() ? throughput(all, replies) : percentiles(replies);
                }
                case PUT_ONLY -> {
                    members.forEach(m -> m.tell(m == members.getLast() ? "start" : "run " + n + " " + policy));
                    replies.addAll(replies(members));
                    long start = number(replies.removeLast(), "at");
                    long end = replies.stream().mapToLong(r -> number(r, "end")).max().orElseThrow();
                    figures = new double[] {millionPerSecond(all, end - start)};
                    members.getLast().tell("drain " + all);
                    replies.addAll(replies(List.of(members.getLast())));
                }
                case ROUND_TRIP, WAKE_UP, LINE -> {
                    members.forEach(m -> m.tell("run " + n + " " + policy));
                    replies.addAll(replies(members));
                    figures = percentiles(replies);
                }
                default -> throw new AssertionError(work.kind());
            }
        }
        long sent = replies.stream().mapToLong(r -> r.getOrDefault("sent", 0L)).sum();
        long received = replies.stream().mapToLong(r -> r.getOrDefault("received", 0L)).sum();
        if (sent != received) {
            throw new FailedException(this + ": what arrived is not what was sent: checksum=" + received
                    + " expected=" + sent);
        }
        return figures;
    }

    /// Stops the first producer for good, wherever it is, and lets it go on when the others are done, or when it is
    /// clear that they wait for it.
    private List<Map<String, Long>> repliesWhileOneStops() throws IOException, InterruptedException {
        Member victim = members.getFirst();
        Thread.sleep(STOP_AFTER_MILLIS);
        signal("STOP", victim);
        try {
            List<Member> others = members.stream().filter(m -> m.isProducer() && m != victim).toList();
            awaitReplies(others, STOPPED_AT_MOST);
        } finally {
            signal("CONT", victim);
        }
        return replies(members);
    }

    private static void signal(String name, Member to) throws IOException, InterruptedException {
        int exit = new ProcessBuilder("kill", "-" + name, Long.toString(to.peer.process.pid())).start().waitFor();
        if (exit != 0) throw new FailedException("kill -" + name + " failed with exit code " + exit);
    }

    /// The worst of the processes that have any, for each percentile.
    private static double[] percentiles(List<Map<String, Long>> replies) {
        return Work.PERCENTILES.stream()
                .mapToDouble(p -> replies.stream().filter(r -> r.containsKey(p)).mapToLong(r -> number(r, p)).max()
                        .orElseThrow())
                .toArray();
    }

    private double[] probed(Map<String, Long> reply) {
        double[] figures = new double[work.figures().size()];
        for (int i = 0; i < figures.length; i++) {
            Long thousandths = reply.get("figure" + i);
            figures[i] = thousandths == null ? Double.NaN : thousandths / 1000.0;
        }
        return figures;
    }

    private double[] throughput(long all, List<Map<String, Long>> replies) {
        if (work.consumers() == 1) {
            long start = number(replies.getLast(), "start");
            long end = replies.stream().mapToLong(r -> number(r, "end")).max().orElseThrow();
            return new double[] {millionPerSecond(all * work.countedInMessage(), end - start)};
        }
        var together = new HashMap<String, Long>(); // each of these is said by one consumer, "empty" by all
        replies.forEach(r -> r.forEach((name, number) -> together.merge(name, number, Long::sum)));
        return new double[] {
            millionPerSecond(number(together, "last") - number(together, "first"),
                    number(together, "lastAt") - number(together, "firstAt")),
            (double) number(together, "empty") / all
        };
    }

    private static long number(Map<String, Long> reply, String name) {
        Long number = reply.get(name);
        if (number == null) throw new FailedException("no " + name + " in the reply " + reply);
        return number;
    }

    private static double millionPerSecond(long messages, long nanos) {
        return messages * 1e3 / nanos;
    }

    @Override
    public List<Long> pids() {
        if (work.kind() == Work.Kind.WORKER_START || work.kind() == Work.Kind.MEMORY) return List.of();
        return peers.stream().map(p -> p.process.toHandle()).flatMap(h -> Stream.concat(Stream.of(h), h.descendants()))
                .map(ProcessHandle::pid).toList();
    }

    // ---- commands and replies

    private final Map<Member, Map<String, Long>> pending = new HashMap<>(); // replies that nobody has taken yet

    /// One reply from each of `from`, in that order.
    private List<Map<String, Long>> replies(List<Member> from) throws InterruptedException {
        if (!awaitReplies(from, LONGEST_COMMAND)) {
            throw new FailedException(this + ": no answer in " + LONGEST_COMMAND.toSeconds() + " s from "
                    + from.stream().filter(m -> !pending.containsKey(m)).map(m -> m.seat.role()).toList());
        }
        var replies = new ArrayList<Map<String, Long>>();
        for (Member each : from) {
            Map<String, Long> reply = Objects.requireNonNull(pending.remove(each));
            replies.add(reply);
            if (reply.containsKey("waited") && spinsAlone(each)) {
                coreShare = Math.min(coreShare, 1 - (double) number(reply, "waited") / number(reply, "took"));
            }
        }
        return replies;
    }

    /// One that shares its core waits for the others, and one that sleeps waits to be woken: that disturbs nothing.
    private boolean spinsAlone(Member member) {
        return work.kind() != Work.Kind.WAKE_UP
                && seats.stream().filter(s -> s.cpu() == member.seat.cpu()).count() == 1;
    }

    /// Waits until each of `from` has replied; returns false if one has not in that time.
    private boolean awaitReplies(List<Member> from, Duration atMost) throws InterruptedException {
        long deadline = System.nanoTime() + atMost.toNanos();
        while (!pending.keySet().containsAll(from)) {
            Event event = events.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (event == null) return false;
            if (event.line == null) throw event.peer.failure();
            String[] words = event.line.split(" ");
            pending.put(members.get(Integer.parseInt(words[1])), numbers(words));
        }
        return true;
    }

    private static Map<String, Long> numbers(String[] words) {
        var numbers = new HashMap<String, Long>();
        for (String pair : words) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                numbers.put(pair.substring(0, equals), Long.parseLong(pair.substring(equals + 1)));
            }
        }
        return numbers;
    }

    @Override
    public String toString() {
        return work + ", " + system;
    }

    @Override
    public void close() {
        // a killed pool would leave its queues to the next process that makes some
        if (work.kind() == Work.Kind.POOL) peers.forEach(Peer::end);
        peers.forEach(p -> p.process.destroyForcibly());
        peers.forEach(p -> p.process.onExit().join());
        if (keepsFiles) {
            remove(directory);
        }
    }

    /// A seat, and the process that holds it.
    private record Member(Peer peer, int number, Work.Seat seat) {
        boolean isProducer() {
            return seat.role() == Work.Role.PRODUCER;
        }

        void tell(String command) {
            peer.tell(number + " " + command);
        }
    }

    private final class Peer {
        private final Hosted hosted;
        private final Process process;
        private final Deque<String> said = new ArrayDeque<>();    // guarded by itself

        Peer(Hosted hosted) throws IOException {
            this.hosted = hosted;
            var builder = new ProcessBuilder(hosted.command()).redirectErrorStream(true);
            builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"));
            process = builder.start();
            Thread.ofPlatform().daemon().name("output of " + process.pid()).start(this::listen);
        }

        void tell(String command) {
            try {
                process.outputWriter().append(command).append('\n').flush();
            } catch (IOException e) {
                // It has ended, and its end is already among the events.
            }
        }

        /// Lets it end by itself, if that does not take long.
        void end() {
            try {
                process.outputWriter().close();
                boolean unused = process.waitFor(END_SECONDS, TimeUnit.SECONDS);
            } catch (IOException e) {
                // it has ended
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        private void listen() {
            try (BufferedReader output = process.inputReader()) {
                for (String line; (line = output.readLine()) != null;) {
                    if (line.startsWith(Child.REPLY + " ")) {
                        events.add(new Event(this, line));
                    } else {
                        keep(line);
                    }
                }
            } catch (IOException e) {
                keep("cannot read its output: " + e.getMessage());
            } finally {
                events.add(new Event(this, null));
            }
        }

        private void keep(String line) {
            synchronized (said) {
                said.addLast(line);
                if (said.size() > LINES_KEPT) {
                    said.removeFirst();
                }
            }
        }

        FailedException failure() {
            int code = process.onExit().join().exitValue();
            synchronized (said) {
                return new FailedException(Group.this + ": the process of "
                        + hosted.seats().stream().map(s -> s.role() + " " + s.number()).toList()
                        + " ended with exit code " + code
                        + (said.isEmpty() ? "" : ", saying\n    " + String.join("\n    ", said)));
            }
        }
    }
}
