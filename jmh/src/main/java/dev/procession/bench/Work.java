package dev.procession.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/// One kind of work that every system is given alike.
///
/// @param producers  processes that put
/// @param consumers  processes that get
/// @param bytes      of a message
/// @param content    what the messages are
/// @param rate       messages a second of a producer; 0: as fast as it can
record Work(Kind kind, int producers, int consumers, int bytes, Content content, int rate) {
    enum Kind {
        /// Producers on one core put, consumers on the other get; until the last message has been got.
        THROUGHPUT,
        /// The same by new processes, in their first second: see [FirstSecond].
        COLD,
        /// Producers spread over the cores put until they are done; what they put is taken out after the clock stopped.
        PUT_ONLY,
        /// One message there and one back, again and again, spinning, through two queues.
        ROUND_TRIP,
        /// The same with both sides asleep while they wait.
        WAKE_UP,
        /// One way at a fixed rate: from the moment at which a message was due to be sent until it was got. So a
        /// message that had to wait for an earlier one is charged for it: no coordinated omission.
        LATENCY,
        /// How long each put takes while all producers put as fast as they can.
        PUT_LATENCY,
        /// How long each put takes, waiting for room included, while one producer is stopped (SIGSTOP) wherever it is.
        STOPPED,
        /// From the start of a worker process until its first message has been got.
        WORKER_START,
        /// What a queue occupies.
        MEMORY,
        /// What one more lane costs that is in use and has nothing to give.
        IDLE_LANES,
        /// CPU time of a process that waits for a message.
        IDLE_CPU,
        /// What an item costs that one of 10,000 virtual threads waits for.
        VIRTUAL_THREADS,
        /// What tasks cost in a pool of processes: see [Pools].
        POOL,
        /// Two processes take turns in writing one word: what a round trip costs when there is no queue at all.
        LINE
    }

    enum Content {
        BYTES, INT64,
        /// 100 characters.
        UTF8,
        /// A record of five fields.
        RECORD,
        /// A small graph of objects.
        OBJECT,
        /// A stream of longs, 64 to a message, all of them written and read: see [PackedLongs].
        PACKED_LONGS
    }

    /// The yardstick, measured in every round. It is no work that a system does.
    static final Work LINE = of(Kind.LINE, 1, 1, Long.BYTES);

    /// From a few words up to what a file is read in.
    private static final int[] SIZES = {16, 64, 256, 1 << 10, 16 << 10, 1 << 20};

    static final List<Work> ALL = all();

    private static final long MIB = 1 << 20;

    private static List<Work> all() {
        var works = new ArrayList<Work>();
        for (int bytes : SIZES) {
            works.add(throughput(1, 1, bytes));
        }
        for (int producers : new int[] {4, 8}) {
            works.add(throughput(producers, 1, 16));
        }
        works.add(throughput(4, 1, 1024));
        works.add(throughput(1, 4, 16));
        works.add(throughput(4, 4, 16));
        works.add(of(Kind.COLD, 4, 1, 16));
        works.add(of(Kind.PUT_ONLY, 2, 1, 16));
        for (Content content : new Content[] {Content.INT64, Content.UTF8, Content.RECORD, Content.OBJECT,
            Content.PACKED_LONGS}) {
            works.add(new Work(Kind.THROUGHPUT, 1, 1, Payload.LEAST_BYTES, content, 0));
        }
        works.add(of(Kind.ROUND_TRIP, 1, 1, 16));
        works.add(of(Kind.WAKE_UP, 1, 1, 16));
        works.add(new Work(Kind.LATENCY, 1, 1, 16, Content.BYTES, 10_000));
        works.add(of(Kind.PUT_LATENCY, 4, 1, 16));
        works.add(of(Kind.STOPPED, 4, 1, 16));
        works.add(of(Kind.WORKER_START, 1, 1, 16));
        works.add(of(Kind.MEMORY, 1, 1, 16));
        works.add(of(Kind.IDLE_LANES, 1, 1, 16));
        works.add(of(Kind.IDLE_CPU, 1, 1, 16));
        works.add(of(Kind.VIRTUAL_THREADS, 1, 1, 16));
        works.add(of(Kind.POOL, 1, 1, 16));
        return List.copyOf(works);
    }

    static Work throughput(int producers, int consumers, int bytes) {
        return of(Kind.THROUGHPUT, producers, consumers, bytes);
    }

    private static Work of(Kind kind, int producers, int consumers, int bytes) {
        return new Work(kind, producers, consumers, bytes, Content.BYTES, 0);
    }

    /// What a sample of this work yields, in the order of the sample's values. The first one names the work.
    List<String> figures() {
        return switch (kind) {
            case THROUGHPUT -> {
                String name = "throughput " + producers + "P" + consumers + "C" + (content == Content.BYTES ? ""
                        : " " + content.name().toLowerCase(Locale.ROOT).replace('_', ' '));
                yield consumers == 1 ? List.of(name) : List.of(name, name + EMPTY_LOOKS);
            }
            case COLD -> List.of("first second " + producers + "P" + consumers + "C");
            case PUT_ONLY -> List.of("put only " + producers + "P");
            case ROUND_TRIP -> percentiles("round trip");
            case WAKE_UP -> percentiles("wake-up");
            case LATENCY -> percentiles("latency at " + rate + "/s");
            case PUT_LATENCY -> percentiles("put latency " + producers + "P" + consumers + "C");
            case STOPPED -> percentiles("put latency, one of " + producers + " stopped");
            case WORKER_START -> List.of("worker start", "workers start on every core");
            case MEMORY -> List.of("idle queue", "busy queue");
            case IDLE_LANES -> List.of("idle lane, put", "idle lane, poll", "idle lane, get", "idle lane, lone get");
            case IDLE_CPU -> List.of("CPU of a waiter");
            case VIRTUAL_THREADS -> List.of("item to one of 10,000 virtual threads");
            case POOL -> List.of("pool round trip", "pool tasks, empty", "pool tasks, 5 ms", "pool tasks, 1 KiB",
                    "pool tasks, 1 MiB", "pool argument, 100 MiB");
            case LINE -> percentiles("line round trip");
        };
    }

    private static final List<String> COUNTED = List.of(", instructions", ", cycles");
    private static final String EMPTY_LOOKS = ", empty looks";

    /// As a child's reply names them.
    static final List<String> PERCENTILES = List.of("p50", "p90", "p99", "p99.9", "p99.99", "max");

    private static List<String> percentiles(String of) {
        return PERCENTILES.stream().map(p -> of + " " + p).toList();
    }

    /// Whether the figures are the percentiles of one time.
    boolean isPercentiles() {
        return figures().size() == PERCENTILES.size();
    }

    /// Of one of its figures.
    String unit(String figure) {
        if (figure.endsWith(EMPTY_LOOKS) || isCount(figure)) return "a message";
        return switch (kind) {
            case THROUGHPUT, COLD, PUT_ONLY -> content == Content.PACKED_LONGS ? "M longs/s" : "M msg/s";
            case ROUND_TRIP, WAKE_UP, LATENCY, PUT_LATENCY, STOPPED, IDLE_LANES, VIRTUAL_THREADS, LINE -> "ns";
            case WORKER_START -> "ms";
            case POOL -> isPoolTime(figure) ? "µs" : figure.contains("argument") ? "MiB/s" : "tasks/s";
            case MEMORY -> "KiB";
            case IDLE_CPU -> "% of a core";
        };
    }

    /// How many of what a throughput counts are in a message.
    int countedInMessage() {
        return content == Content.PACKED_LONGS ? PackedLongs.COUNT : 1;
    }

    /// Whether it is measured within one process: see [Probe].
    boolean isProbe() {
        return switch (kind) {
            case WORKER_START, MEMORY, IDLE_LANES, IDLE_CPU, VIRTUAL_THREADS, POOL -> true;
            default -> false;
        };
    }

    /// Whether instructions and cycles of a message are counted, too, where the machine can.
    boolean isCounted() {
        return kind == Kind.THROUGHPUT && bytes == 16 && consumers == 1;
    }

    /// The figures of these, in the order of [Counters#EVENTS].
    List<String> counted() {
        return COUNTED.stream().map(each -> figures().getFirst() + each).toList();
    }

    private static boolean isCount(String figure) {
        return COUNTED.stream().anyMatch(figure::endsWith);
    }

    /// Whether its first figure is a rate.
    boolean isRate() {
        return kind == Kind.THROUGHPUT || kind == Kind.COLD || kind == Kind.PUT_ONLY;
    }

    /// Whether a larger one of this figure is the better one.
    boolean moreIsBetter(String figure) {
        if (kind == Kind.POOL) return !isPoolTime(figure);
        return isRate() && !figure.endsWith(EMPTY_LOOKS) && !isCount(figure);
    }

    private static boolean isPoolTime(String figure) {
        return figure.endsWith("round trip");
    }

    /// Whether this figure is a difference or a count that may be 0 or below.
    boolean mayBeZero(String figure) {
        return kind == Kind.IDLE_LANES || figure.endsWith(EMPTY_LOOKS);
    }

    /// The title of the table that this figure stands in.
    String table(String figure) {
        if (figure.endsWith(EMPTY_LOOKS)) return "Looks of several consumers that found nothing, for each message";
        if (isCount(figure)) {
            return "Instructions and cycles a message, of all processes together, their waiting included";
        }
        return switch (kind) {
            case THROUGHPUT -> (content != Content.BYTES ? "Items of a type, 1 producer and 1 consumer"
                    : producers == 1 && consumers == 1 ? "1 producer and 1 consumer"
                    : "Several producers (P) or consumers (C)") + ", million a second";
            case COLD -> "The first second of new processes, million messages a second";
            case PUT_ONLY -> "Several producers (P) or consumers (C), million a second";
            case ROUND_TRIP -> "Round trip, spinning, ns";
            case WAKE_UP -> "Round trip, sleeping, ns";
            case LATENCY -> String.format(Locale.ROOT, "One way at %,d a second, ns", rate);
            case PUT_LATENCY -> "A put under load, " + producers + " producers, ns";
            case STOPPED -> "A put, room included, while one of " + producers + " producers is stopped, ns";
            case WORKER_START -> "From the start of a worker to its first message, ms";
            case MEMORY -> "Memory of a queue, KiB";
            case IDLE_LANES -> "What one more idle lane costs, ns";
            case IDLE_CPU -> "CPU of a process that waits, % of a core";
            case VIRTUAL_THREADS -> "An item to one of 10,000 virtual threads that wait, ns";
            case POOL -> isPoolTime(figure) ? "A task of a pool, from its submission to its result, µs"
                    : figure.contains("argument") ? "An argument of a pool's task, MiB a second"
                    : "Tasks of a pool, a second";
            case LINE -> "A bare cache line, ns";
        };
    }

    /// The head of its column there.
    String column(String figure) {
        if (isPercentiles()) return figure.substring(figure.lastIndexOf(' ') + 1);
        if (isCount(figure)) return figure.replace("throughput ", "");
        return switch (kind) {
            case THROUGHPUT,
                    COLD ->
                content != Content.BYTES ? content.name().toLowerCase(Locale.ROOT).replace('_', ' ')
                        : producers == 1 && consumers == 1 ? Report.size(bytes)
                        : producers + "P" + consumers + "C, " + Report.size(bytes);
            case PUT_ONLY -> producers + "P, put only";
            case WORKER_START -> figure.endsWith("core") ? "on every core" : "one";
            case MEMORY, IDLE_LANES -> figure.replace("idle lane, ", "");
            case POOL -> isPoolTime(figure) ? "" : figure.replaceFirst("pool \\w+, ", "");
            default -> "";
        };
    }

    /// Whether there are more processes than cores.
    boolean isCrowded() {
        return seats(0, 1).size() > 2 && kind != Kind.PUT_ONLY;
    }

    /// Whether what a loop does after it found nothing decides the figure.
    boolean dependsOnPolicy() {
        return kind == Kind.THROUGHPUT;
    }

    /// Bytes of memory for each producer. A ring that they share gets the sum.
    long laneBytes() {
        return kind == Kind.PUT_ONLY ? 64 * MIB : Math.max(4 * MIB, 16L * bytes);
    }

    /// Bytes of memory for one queue.
    long queueBytes() {
        return producers * laneBytes();
    }

    /// The fewest messages that a producer puts in one run.
    long leastMessages() {
        return Math.clamp((16 * MIB) / bytes, 50, 10_000);
    }

    /// The most messages that a producer may put in one run. Put-only work must find room for all of them, with the
    /// largest record header of any system (16 bytes).
    long mostMessages() {
        return kind == Kind.PUT_ONLY ? laneBytes() * 9 / 10 / (bytes + 16) : Long.MAX_VALUE;
    }

    /// The processes that do this work, on two cores. The last one makes the queues and gives the start.
    List<Seat> seats(int firstCpu, int secondCpu) {
        return switch (kind) {
            case THROUGHPUT, COLD, PUT_ONLY, LATENCY, PUT_LATENCY, STOPPED -> Stream.concat(
                    Stream.iterate(0, i -> i < producers, i -> i + 1).map(i -> new Seat(
                            Role.PRODUCER, i, kind == Kind.PUT_ONLY && i % 2 == 1 ? secondCpu : firstCpu)),
                    Stream.iterate(consumers - 1, i -> i >= 0, i -> i - 1)
                            .map(i -> new Seat(Role.CONSUMER, i, secondCpu)))
                    .toList();
            case ROUND_TRIP, WAKE_UP -> List.of(new Seat(Role.PONG, 0, firstCpu), new Seat(Role.PING, 0, secondCpu));
            case LINE -> List.of(new Seat(Role.LINE_PONG, 0, firstCpu), new Seat(Role.LINE_PING, 0, secondCpu));
            case WORKER_START, MEMORY, IDLE_LANES, IDLE_CPU, VIRTUAL_THREADS, POOL -> List.of();
        };
    }

    @Override
    public String toString() {
        return figures().getFirst() + ", " + bytes + " B";
    }

    /// What a process, or a thread of the only one, does.
    enum Role { PRODUCER, CONSUMER, PING, PONG, LINE_PING, LINE_PONG, SCRIPT }

    /// Its role, its number among those of the same role, its core.
    record Seat(Role role, int number, int cpu) {}
}
