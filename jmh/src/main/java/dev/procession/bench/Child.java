package dev.procession.bench;

import dev.procession.core.Cpus;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/// The main class of every measured process. It pins itself, then obeys one command a line from its standard input and
/// answers each by one line; between commands it sleeps. It ends when its standard input does, so also when the process
/// that started it is killed.
///
///     create     makes the files of the group
///     open       attaches to them
///     run N      moves N messages: a producer waits for the common start, a consumer gives it
///     start      gives the common start, and consumes nothing
///     drain N    gets N messages, without a start
final class Child {
    /// Begins every answer; behind it stand `name=number` pairs. All other lines of a child's output are for people.
    static final String REPLY = "reply";

    /// Messages that a consumer asks for at once.
    private static final int LIMIT = 64;
    /// Messages put by one call, so that the loop is compiled as a method and not only entered in its middle.
    private static final int BURST = 1024;
    private static final long LONGEST_ROUND_TRIP_NANOS = 10_000_000_000L;

    private final Assignment my;
    private final Waiting waiting;
    private final Payload payload;
    private final Payload.Check check;
    private final Histogram nanos = new Histogram(LONGEST_ROUND_TRIP_NANOS, 3);

    private Transport.@Nullable Sender sender;
    private Transport.@Nullable Receiver receiver;
    private @Nullable Signals signals;
    private long runs;
    private long sent;
    private long received;

    /// What a process is told on its command line.
    record Assignment(Path directory, String system, Work work, Work.Seat seat, Waiting.Policy policy) {
        List<String> toArguments() {
            return List.of(directory.toString(), system, work.kind().name(), Integer.toString(work.producers()),
                    Integer.toString(work.bytes()), seat.role().name(), Integer.toString(seat.number()),
                    Integer.toString(seat.cpu()), policy.name());
        }

        static Assignment of(String[] a) {
            var work = new Work(Work.Kind.valueOf(a[2]), Integer.parseInt(a[3]), Integer.parseInt(a[4]));
            var seat = new Work.Seat(Work.Role.valueOf(a[5]), Integer.parseInt(a[6]), Integer.parseInt(a[7]));
            return new Assignment(Path.of(a[0]), a[1], work, seat, Waiting.Policy.valueOf(a[8]));
        }
    }

    private Child(Assignment assignment) {
        my = assignment;
        waiting = new Waiting(my.policy());
        payload = new Payload(my.seat().number(), Math.max(my.work().bytes(), Payload.LEAST_BYTES));
        check = new Payload.Check(my.work().producers(), my.work().bytes());
    }

    public static void main(String[] args) throws Exception {
        BlockingQueue<String> commands = new LinkedBlockingQueue<>();
        Thread.ofPlatform().daemon().name("commands").start(() -> forward(commands));
        var child = new Child(Assignment.of(args));
        int cpu = child.my.seat().cpu();
        if (!Cpus.pin(cpu)) {
            throw new IllegalStateException("cannot pin this process to cpu=" + cpu);
        }
        for (;;) {
            System.out.println(REPLY + child.obey(commands.take()));
        }
    }

    private static void forward(BlockingQueue<String> commands) {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        try {
            for (String line; (line = in.readLine()) != null;) {
                commands.add(line);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            Runtime.getRuntime().halt(0);
        }
    }

    private String obey(String line) throws IOException {
        String[] command = line.split(" ");
        long n = command.length == 2 ? Long.parseLong(command[1]) : 0;
        return switch (command[0]) {
            case "create" -> create();
            case "open" -> open();
            case "run" -> run(n);
            case "start" -> " at=" + signals().start(++runs, my.work().producers());
            case "drain" -> drain(n);
            default -> throw new IllegalArgumentException("command=" + line);
        };
    }

    private String create() throws IOException {
        switch (my.seat().role()) {
            case CONSUMER -> transport().create(file("there"), my.work());
            case PING -> {
                transport().create(file("there"), my.work());
                transport().create(file("back"), my.work());
            }
            case PRODUCER, PONG, LINE_PING, LINE_PONG -> {}
        }
        return "";
    }

    private String open() throws IOException {
        signals = new Signals(file("signals"));
        switch (my.seat().role()) {
            case PRODUCER -> sender = transport().openSender(file("there"), payload.message());
            case CONSUMER -> receiver = transport().openReceiver(file("there"), check);
            case PING -> {
                sender = transport().openSender(file("there"), payload.message());
                receiver = transport().openReceiver(file("back"), check);
            }
            case PONG -> {
                receiver = transport().openReceiver(file("there"), check);
                sender = transport().openSender(file("back"), payload.message());
            }
            case LINE_PING, LINE_PONG -> {}
        }
        return "";
    }

    private Transport transport() {
        return Transport.named(my.system());
    }

    private Path file(String name) {
        return my.directory().resolve(name);
    }

    private String run(long n) {
        runs++;
        return switch (my.seat().role()) {
            case PRODUCER -> produce(n);
            case CONSUMER -> consume(n);
            case PING -> ping(n);
            case PONG -> pong(n);
            case LINE_PING -> linePing(n);
            case LINE_PONG -> linePong(n);
        };
    }

    private String produce(long n) {
        signals().awaitStart(runs);
        send(n);
        return " end=" + System.nanoTime() + " sent=" + payload.sum();
    }

    private String consume(long n) {
        long start = signals().start(runs, my.work().producers());
        waiting.beforeFirst();
        receive(n);
        return " nanos=" + (System.nanoTime() - start) + nothingIsLeft();
    }

    private String drain(long n) {
        receive(n);
        return nothingIsLeft();
    }

    private void send(long n) {
        for (long end = sent + n; sent < end;) {
            sendBurst((int) Math.min(BURST, end - sent));
        }
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

    private String ping(long n) {
        nanos.reset();
        for (long i = 0; i < n; i++) {
            payload.fill();
            long start = System.nanoTime();
            sendOne();
            receiveOne();
            nanos.recordValue(System.nanoTime() - start);
        }
        return percentiles() + " sent=" + payload.sum() + nothingIsLeft();
    }

    private String pong(long n) {
        for (long i = 0; i < n; i++) {
            receiveOne();
            payload.fill();
            sendOne();
        }
        return " sent=" + payload.sum() + nothingIsLeft();
    }

    private String linePing(long n) {
        nanos.reset();
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

    private void receiveOne() {
        while (receiver().poll(LIMIT) == 0) {
            waiting.afterNothing(received);
        }
        received++;
    }

    /// After the last message of a run nothing may come: a duplicate would.
    private String nothingIsLeft() {
        int more = receiver().poll(LIMIT);
        if (more != 0) {
            throw new Payload.CheckFailedException("more=" + more + " messages behind the last one");
        }
        return " received=" + check.sum();
    }

    private String percentiles() {
        return " p50=" + nanos.getValueAtPercentile(50) + " p99=" + nanos.getValueAtPercentile(99);
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
