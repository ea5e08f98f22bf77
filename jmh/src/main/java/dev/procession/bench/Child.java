package dev.procession.bench;

import dev.procession.core.Cpus;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/// The main class of every measured JVM. Each seat that it holds is a thread, which pins itself, then obeys one command
/// a line from standard input and answers each by one line; between commands it sleeps. The JVM ends when its standard
/// input does, so also when the process that started it is killed.
///
///     create        makes the files of the group
///     open          attaches to them
///     run N POLICY  moves N messages: a producer waits for the common start, the last consumer gives it
///     start         gives the common start, and consumes nothing
///     drain N       gets N messages, without a start
///
/// A command begins with the number of the seat that it is for, and so does its answer, behind the word `reply`.
final class Child {
    /// Begins every answer; behind it stand the seat and `name=number` pairs. All other lines of a child's output are
    /// for people.
    static final String REPLY = "reply";

    /// Messages that a consumer asks for at once.
    private static final int LIMIT = 64;
    /// Messages put by one call, so that the loop is compiled as a method and not only entered in its middle.
    private static final int BURST = 1024;
    /// Messages after which one of several consumers tells the others how many it has got.
    private static final int PORTION = 512;
    private static final Path SCHEDSTAT = Path.of("/proc/thread-self/schedstat");
    private static final boolean SCHEDSTAT_IS_KNOWN = Files.isReadable(SCHEDSTAT);
    private static final long LONGEST_NANOS = 100_000_000_000L;

    private final int number;
    private final Transport transport;
    private final Path directory;
    private final Work work;
    private final Work.Seat seat;
    private final BlockingQueue<String> commands = new LinkedBlockingQueue<>();
    private final Waiting waiting = new Waiting();
    private final Payload payload;
    private final Payload.Check check;
    private final Histogram nanos = new Histogram(LONGEST_NANOS, 3);

    private Transport.@Nullable Sender sender;
    private Transport.@Nullable Receiver receiver;
    private @Nullable Signals signals;
    private long runs;
    private long sent;
    private long received;
    private long allReceived; // by all consumers, at the end of this run

    /// What a JVM is told on its command line. A seat's number in all of the group is its place in the list.
    ///
    /// @param seats  what this process does; null for a seat of another process
    record Assignment(Path directory, String system, Work work, List<Work.@Nullable Seat> seats) {
        List<String> toArguments() {
            var arguments = new ArrayList<>(List.of(directory.toString(), system, work.kind().name(),
                    Integer.toString(work.producers()), Integer.toString(work.consumers()),
                    Integer.toString(work.bytes()), work.content().name(), Integer.toString(work.rate())));
            for (Work.Seat s : seats) {
                arguments.add(s == null ? "-" : s.role() + ":" + s.number() + ":" + s.cpu());
            }
            return arguments;
        }

        static Assignment of(String[] a) {
            var work = new Work(Work.Kind.valueOf(a[2]), Integer.parseInt(a[3]), Integer.parseInt(a[4]),
                    Integer.parseInt(a[5]), Work.Content.valueOf(a[6]), Integer.parseInt(a[7]));
            var seats = new ArrayList<Work.@Nullable Seat>();
            for (int i = 8; i < a.length; i++) {
                String[] s = a[i].split(":");
                seats.add(s.length == 1 ? null
                        : new Work.Seat(Work.Role.valueOf(s[0]), Integer.parseInt(s[1]), Integer.parseInt(s[2])));
            }
            return new Assignment(Path.of(a[0]), a[1], work, seats);
        }
    }

    private Child(Assignment my, int number, Work.Seat seat) {
        this.number = number;
        this.seat = seat;
        transport = Transport.named(my.system());
        directory = my.directory();
        work = my.work();
        payload = new Payload(seat.number(), Math.max(work.bytes(), Payload.LEAST_BYTES));
        check = new Payload.Check(work.producers(), work.bytes(), work.consumers() == 1);
    }

    public static void main(String[] args) {
        Assignment my = Assignment.of(args);
        var children = new ArrayList<@Nullable Child>();
        for (Work.Seat seat : my.seats()) {
            Child child = seat == null ? null : new Child(my, children.size(), seat);
            children.add(child);
            if (child != null) {
                Thread.ofPlatform().name(seat.role() + " " + seat.number()).start(child::obeyAll);
            }
        }
        try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
            for (String line; (line = in.readLine()) != null;) {
                int space = line.indexOf(' ');
                opened(children.get(Integer.parseInt(line.substring(0, space)))).commands
                        .add(line.substring(space + 1));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            Group.remove(my.directory()); // if the process that started us was killed, no other will
            my.directory().getParent().toFile().delete(); // if this was the last group
            Runtime.getRuntime().halt(0);
        }
    }

    private void obeyAll() {
        try {
            if (!Cpus.pin(seat.cpu())) {
                throw new IllegalStateException("cannot pin this thread to cpu=" + seat.cpu());
            }
            for (;;) {
                System.out.println(REPLY + " " + number + obey(commands.take()));
            }
        } catch (Throwable e) {
            e.printStackTrace(System.out);
            System.out.flush();
            Runtime.getRuntime().halt(1);
        }
    }

    private String obey(String line) throws IOException, InterruptedException {
        String[] command = line.split(" ");
        long n = command.length > 1 ? Long.parseLong(command[1]) : 0;
        return switch (command[0]) {
            case "create" -> create();
            case "open" -> open();
            case "run" -> {
                long waitedBefore = waitedForCore();
                long start = System.nanoTime();
                String reply = run(n, Waiting.Policy.valueOf(command[2]));
                yield transport.waitsInKernel() ? reply : reply + " took=" + (System.nanoTime() - start) + " waited="
                        + (waitedForCore() - waitedBefore);
            }
            case "start" -> " at=" + signals().start(++runs, work.producers());
            case "drain" -> drain(n);
            default -> throw new IllegalArgumentException("command=" + line);
        };
    }

    /// Nanoseconds that this thread was ready to run while its core did something else; 0 if the system does not tell.
    private static long waitedForCore() throws IOException {
        return SCHEDSTAT_IS_KNOWN ? Long.parseLong(Files.readString(SCHEDSTAT).split(" ")[1]) : 0;
    }

    private String create() throws IOException {
        transport.create(file("there"), work);
        if (seat.role() == Work.Role.PING) {
            transport.create(file("back"), work);
        }
        return "";
    }

    private String open() throws IOException {
        signals = new Signals(file("signals"));
        switch (seat.role()) {
            case PRODUCER -> sender = transport.openSender(file("there"), work, payload);
            case CONSUMER -> receiver = transport.openReceiver(file("there"), work, check);
            case PING -> {
                sender = transport.openSender(file("there"), work, payload);
                receiver = transport.openReceiver(file("back"), work, check);
            }
            case PONG -> {
                receiver = transport.openReceiver(file("there"), work, check);
                sender = transport.openSender(file("back"), work, payload);
            }
            case LINE_PING, LINE_PONG, SCRIPT -> {}
        }
        return "";
    }

    private Path file(String name) {
        return directory.resolve(name);
    }

    private String run(long n, Waiting.Policy policy) throws InterruptedException {
        runs++;
        waiting.setPolicy(policy);
        nanos.reset();
        return switch (seat.role()) {
            case PRODUCER -> produce(n);
            case CONSUMER -> consume(n);
            case PING -> ping(n);
            case PONG -> pong(n);
            case LINE_PING -> linePing(n);
            case LINE_PONG -> linePong(n);
            case SCRIPT -> throw new IllegalArgumentException("seat=" + seat);
        };
    }

    // ---- one way

    private String produce(long n) {
        long start = signals().awaitStart(runs);
        switch (work.kind()) {
            case LATENCY -> sendOnTime(n, start);
            case PUT_LATENCY, STOPPED -> sendTimed(n);
            default -> send(n);
        }
        return " end=" + System.nanoTime() + " sent=" + payload.sum()
                + (nanos.getTotalCount() > 0 ? percentiles() : "");
    }

    private String consume(long n) {
        long start = isLast() ? signals().start(runs, work.producers() + work.consumers() - 1)
                : signals().awaitStart(runs);
        waiting.beforeFirst();
        String withOthers = "";
        if (work.consumers() > 1) {
            withOthers = receiveWithOthers(n);
        } else if (work.kind() == Work.Kind.LATENCY) {
            receiveOnTime(n, start);
        } else {
            receive(n);
        }
        return " start=" + start + " end=" + System.nanoTime() + withOthers + nothingIsLeft()
                + (nanos.getTotalCount() > 0 ? percentiles() : "");
    }

    private boolean isLast() {
        return seat.number() == 0;
    }

    private String drain(long n) {
        receive(n);
        return nothingIsLeft();
    }

    private void send(long n) {
        for (long end = sent + n; sent < end;) {
            sendBurst((int) Math.min(BURST, end - sent));
        }
        sender().flush();
    }

    private void sendBurst(int n) {
        Transport.Sender to = sender();
        for (int i = 0; i < n; i++) {
            payload.fill();
            while (!to.trySend()) {
                waiting.afterNothing(sent + i);
            }
        }
        sent += n;
    }

    /// Message i is due at start + i / rate; one that is late goes at once.
    private void sendOnTime(long n, long start) {
        for (long i = 0; i < n; i++) {
            long due = start + dueAfter(i);
            while (System.nanoTime() - due < 0) {}
            payload.fill();
            sendOne();
        }
    }

    private long dueAfter(long message) {
        return message * 1_000_000_000L / work.rate();
    }

    private void sendTimed(long n) {
        for (long i = 0; i < n; i++) {
            payload.fill();
            if (work.kind() == Work.Kind.STOPPED) {
                long start = System.nanoTime();
                sendOne();
                nanos.recordValue(System.nanoTime() - start);
            } else {
                sendOneTimed();
            }
        }
    }

    /// The put itself, without the wait for room.
    private void sendOneTimed() {
        for (;;) {
            long start = System.nanoTime();
            if (sender().trySend()) {
                nanos.recordValue(System.nanoTime() - start);
                break;
            }
            waiting.afterNothing(sent);
        }
        sent++;
    }

    private void receive(long n) {
        Transport.Receiver from = receiver();
        for (long end = received + n; received < end;) {
            int found = from.poll((int) Math.min(LIMIT, end - received));
            if (found == 0) {
                waiting.afterNothing(received);
            }
            received += found;
        }
    }

    /// Until all consumers together have got `n` more messages. How many that are is counted in portions. Whose portion
    /// ends the first eighth, or begins the last one, says when that was: what is between is measured, without the
    /// start of so many processes and without those that find nothing more at the end. Returns that, and how many looks
    /// in all of it found nothing.
    private String receiveWithOthers(long n) {
        Transport.Receiver from = receiver();
        long first = allReceived + n / 8;
        long last = allReceived + n - n / 8;
        allReceived += n;
        var reply = new StringBuilder();
        long empty = 0;
        for (long portion = 0;;) {
            int found = from.poll(LIMIT);
            received += found;
            portion += found;
            if (portion >= PORTION || found == 0 && portion > 0) {
                long before = signals().addGot(portion);
                long now = before + portion;
                portion = 0;
                if (before < first && now >= first) {
                    reply.append(" firstAt=").append(System.nanoTime()).append(" first=").append(now);
                }
                if (before < last && now >= last) {
                    reply.append(" lastAt=").append(System.nanoTime()).append(" last=").append(now);
                }
            }
            if (found == 0) {
                if (signals().got() >= allReceived) return reply.append(" empty=").append(empty).toString();
                empty++;
                waiting.afterNothing(received);
            }
        }
    }

    private void receiveOnTime(long n, long start) {
        Transport.Receiver from = receiver();
        for (long i = 0; i < n;) {
            int found = from.poll((int) Math.min(LIMIT, n - i));
            if (found == 0) {
                waiting.afterNothing(received);
                continue;
            }
            long now = System.nanoTime();
            for (long end = i + found; i < end; i++) {
                nanos.recordValue(Math.max(0, now - start - dueAfter(i)));
            }
            received += found;
        }
    }

    // ---- there and back

    private String ping(long n) throws InterruptedException {
        for (long i = 0; i < n; i++) {
            payload.fill();
            long start = System.nanoTime();
            sendOne();
            receiveOne();
            nanos.recordValue(System.nanoTime() - start);
        }
        return percentiles() + " sent=" + payload.sum() + nothingIsLeft();
    }

    private String pong(long n) throws InterruptedException {
        for (long i = 0; i < n; i++) {
            receiveOne();
            payload.fill();
            sendOne();
        }
        return " sent=" + payload.sum() + nothingIsLeft();
    }

    private String linePing(long n) {
        signals().linePing(n, nanos);
        return percentiles();
    }

    private String linePong(long n) {
        signals().linePong(received, n);
        received += 2 * n; // the line's last value: it counts questions and answers
        return "";
    }

    private void sendOne() {
        while (!sender().trySend()) {
            waiting.afterNothing(sent);
        }
        sent++;
    }

    private void receiveOne() throws InterruptedException {
        if (work.kind() == Work.Kind.WAKE_UP) {
            receiver().await();
        } else {
            while (receiver().poll(LIMIT) == 0) {
                waiting.afterNothing(received);
            }
        }
        received++;
    }

    // ---- what to say

    /// After the last message of a run nothing may come: a duplicate would.
    private String nothingIsLeft() {
        int more = work.kind() == Work.Kind.WAKE_UP ? 0 : receiver().poll(LIMIT);
        if (more != 0) {
            throw new Payload.CheckFailedException("more=" + more + " messages behind the last one");
        }
        return " received=" + check.sum();
    }

    private String percentiles() {
        return " p50=" + nanos.getValueAtPercentile(50) + " p90=" + nanos.getValueAtPercentile(90)
                + " p99=" + nanos.getValueAtPercentile(99) + " p99.9=" + nanos.getValueAtPercentile(99.9)
                + " p99.99=" + nanos.getValueAtPercentile(99.99) + " max=" + nanos.getMaxValue();
    }

    private Transport.Sender sender() {
        return opened(sender);
    }

    private Transport.Receiver receiver() {
        return opened(receiver);
    }

    private Signals signals() {
        return opened(signals);
    }

    private static <T> T opened(@Nullable T end) {
        if (end == null) {
            throw new IllegalStateException("not opened");
        }
        return end;
    }
}
