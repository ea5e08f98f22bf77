package dev.procession.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The processes of one system at one work, with a queue of their own. They stay alive, warm and asleep between runs.
final class Group implements AutoCloseable {
    private static final Duration LONGEST_COMMAND = Duration.ofSeconds(120);
    private static final int LINES_KEPT = 40;

    private final Work work;
    private final String system;
    private final Path directory;
    private final List<Member> members = new CopyOnWriteArrayList<>();
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();

    /// A line that a member said, or null when it has ended.
    private record Event(Member member, @Nullable String line) {}

    /// The processes will share files in `directory`, which does not exist yet and is gone when they have opened them.
    Group(Work work, String system, Path directory) {
        this.work = work;
        this.system = system;
        this.directory = directory;
    }

    void start(List<Work.Seat> seats, List<String> jvmArguments, Waiting.Policy policy) throws IOException {
        Files.createDirectory(directory);
        for (Work.Seat seat : seats) {
            var assignment = new Child.Assignment(directory, system, work, seat, policy);
            members.add(new Member(seat, command(jvmArguments, assignment)));
        }
    }

    private static ProcessBuilder command(List<String> jvmArguments, Child.Assignment assignment) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Nothing is allocated while a sample is taken; this collector has no threads of its own to disturb it.
        command.addAll(List.of("-XX:+UseSerialGC", "-Xms32m", "-Xmx256m", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(jvmArguments);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Child.class.getName()));
        command.addAll(assignment.toArguments());
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"));
        return builder;
    }

    /// Makes the files, lets everybody open them, and removes their names, so that nobody can leave them behind.
    void open() throws InterruptedException, IOException {
        Member creator = members.getLast();
        creator.tell("create");
        replies(List.of(creator));
        members.forEach(m -> m.tell("open"));
        replies(members);
        Files.walk(directory).sorted((a, b) -> b.compareTo(a)).forEach(Group::delete);
    }

    private static void delete(Path path) {
        try {
            Files.delete(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Lets every producer move `n` messages, checks that all arrived, and returns the figures of the work.
    double[] run(long n) throws InterruptedException {
        long all = n * work.producers();
        double[] figures;
        List<Map<String, Long>> replies = new ArrayList<>();
        switch (work.kind()) {
            case THROUGHPUT -> {
                members.forEach(m -> m.tell("run " + (m == members.getLast() ? all : n)));
                replies.addAll(replies(members));
                figures = new double[] {millionPerSecond(all, replies.getLast().get("nanos"))};
            }
            case PUT_ONLY -> {
                members.forEach(m -> m.tell(m == members.getLast() ? "start" : "run " + n));
                replies.addAll(replies(members));
                long start = replies.removeLast().get("at");
                long end = replies.stream().mapToLong(r -> r.get("end")).max().orElseThrow();
                figures = new double[] {millionPerSecond(all, end - start)};
                members.getLast().tell("drain " + all);
                replies.addAll(replies(List.of(members.getLast())));
            }
            case ROUND_TRIP, LINE -> {
                members.forEach(m -> m.tell("run " + n));
                replies.addAll(replies(members));
                figures = new double[] {replies.getLast().get("p50"), replies.getLast().get("p99")};
            }
            default -> throw new AssertionError(work.kind());
        }
        long sent = replies.stream().mapToLong(r -> r.getOrDefault("sent", 0L)).sum();
        long received = replies.stream().mapToLong(r -> r.getOrDefault("received", 0L)).sum();
        if (sent != received) {
            throw new FailedException(this + ": what arrived is not what was sent: checksum=" + received
                    + " expected=" + sent);
        }
        return figures;
    }

    private static double millionPerSecond(long messages, long nanos) {
        return messages * 1e3 / nanos;
    }

    /// Process ids, for those who want to know what these processes cost.
    List<Long> pids() {
        return members.stream().map(m -> m.process.pid()).toList();
    }

    /// One reply from each of `from`, in that order.
    private List<Map<String, Long>> replies(List<Member> from) throws InterruptedException {
        Map<Member, Map<String, Long>> replies = new LinkedHashMap<>();
        long deadline = System.nanoTime() + LONGEST_COMMAND.toNanos();
        while (replies.size() < from.size()) {
            Event event = events.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (event == null) {
                throw new FailedException(this + ": no answer in " + LONGEST_COMMAND.toSeconds() + " s from "
                        + from.stream().filter(m -> !replies.containsKey(m)).map(m -> m.seat.role()).toList());
            }
            if (event.line == null) {
                throw event.member.failure();
            }
            replies.put(event.member, numbers(event.line));
        }
        return from.stream().map(replies::get).toList();
    }

    private static Map<String, Long> numbers(String reply) {
        var numbers = new HashMap<String, Long>();
        for (String pair : reply.substring(Child.REPLY.length()).strip().split(" ")) {
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

    /// Ends all processes. May be called by any thread, and again.
    @Override
    public void close() {
        members.forEach(m -> m.process.destroyForcibly());
        members.forEach(m -> m.process.onExit().join());
    }

    /// A process could not do its work, or what arrived is wrong.
    static final class FailedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        FailedException(String message) {
            super(message);
        }
    }

    private final class Member {
        private final Work.Seat seat;
        private final Process process;
        private final Deque<String> said = new ArrayDeque<>();    // guarded by itself

        Member(Work.Seat seat, ProcessBuilder builder) throws IOException {
            this.seat = seat;
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

        private void listen() {
            try (BufferedReader output = process.inputReader()) {
                for (String line; (line = output.readLine()) != null;) {
                    if (line.startsWith(Child.REPLY)) {
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
                return new FailedException(
                        Group.this + ": " + seat.role() + " " + seat.number() + " ended with exit code "
                                + code + (said.isEmpty() ? "" : ", saying\n    " + String.join("\n    ", said)));
            }
        }
    }
}
