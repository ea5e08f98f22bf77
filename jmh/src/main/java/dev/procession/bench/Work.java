package dev.procession.bench;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// One kind of work that every system is given alike: so many producer processes, messages of so many bytes.
record Work(Kind kind, int producers, int bytes) {
    enum Kind {
        /// Producers on one core put, a consumer on the other gets; until it has got the last message.
        THROUGHPUT,
        /// One message there and one back, again and again, spinning, through two queues.
        ROUND_TRIP,
        /// Producers spread over the cores put until they are done; what they put is taken out after the clock stopped.
        PUT_ONLY,
        /// Two processes take turns in writing one word: what a round trip costs when there is no queue at all.
        LINE
    }

    /// The yardstick, measured in every round. It is no work that a system does.
    static final Work LINE = new Work(Kind.LINE, 1, Long.BYTES);

    static final List<Work> ALL = List.of(
            new Work(Kind.THROUGHPUT, 1, 16),
            new Work(Kind.THROUGHPUT, 1, 64),
            new Work(Kind.THROUGHPUT, 1, 256),
            new Work(Kind.THROUGHPUT, 1, 1024),
            new Work(Kind.THROUGHPUT, 4, 16),
            new Work(Kind.ROUND_TRIP, 1, 16),
            new Work(Kind.PUT_ONLY, 2, 16));

    private static final long MIB = 1 << 20;

    /// What a sample of this work yields, in the order of the sample's values. The first one names the work.
    List<String> figures() {
        return switch (kind) {
            case THROUGHPUT -> List.of("throughput " + producers + "P1C");
            case ROUND_TRIP -> List.of("round trip p50", "round trip p99");
            case PUT_ONLY -> List.of("put only " + producers + "P");
            case LINE -> List.of("line round trip p50", "line round trip p99");
        };
    }

    String unit() {
        return switch (kind) {
            case THROUGHPUT, PUT_ONLY -> "M msg/s";
            case ROUND_TRIP, LINE -> "ns";
        };
    }

    /// Bytes of memory for each producer. A ring that they share gets the sum.
    long laneBytes() {
        return kind == Kind.PUT_ONLY ? 64 * MIB : 4 * MIB;
    }

    /// Bytes of memory for one queue.
    long queueBytes() {
        return producers * laneBytes();
    }

    /// The most messages that a producer may put in one run. Put-only work must find room for all of them, with the
    /// largest record header of any system (16 bytes).
    long mostMessages() {
        return kind == Kind.PUT_ONLY ? laneBytes() * 9 / 10 / (bytes + 16) : Long.MAX_VALUE;
    }

    /// The processes that do this work, on two cores.
    List<Seat> seats(int firstCpu, int secondCpu) {
        return switch (kind) {
            case THROUGHPUT, PUT_ONLY -> Stream.concat(
                    IntStream.range(0, producers).mapToObj(i -> new Seat(
                            Role.PRODUCER, i, kind == Kind.PUT_ONLY && i % 2 == 1 ? secondCpu : firstCpu)),
                    Stream.of(new Seat(Role.CONSUMER, 0, secondCpu))).toList();
            case ROUND_TRIP -> List.of(new Seat(Role.PONG, 0, firstCpu), new Seat(Role.PING, 0, secondCpu));
            case LINE -> List.of(new Seat(Role.LINE_PONG, 0, firstCpu), new Seat(Role.LINE_PING, 0, secondCpu));
        };
    }

    @Override
    public String toString() {
        return figures().getFirst() + ", " + bytes + " B";
    }

    /// What a process does. The last seat of a work makes the queues.
    enum Role { PRODUCER, CONSUMER, PING, PONG, LINE_PING, LINE_PONG }

    /// One process: its role, its number among those of the same role, its core.
    record Seat(Role role, int number, int cpu) {}
}
