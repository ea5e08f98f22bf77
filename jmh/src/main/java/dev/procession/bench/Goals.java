package dev.procession.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What Procession wants to reach, each goal against something that is measured in the same run.
final class Goals {
    private static final String EXCLUSIVE = "procession";
    private static final String SHARED = "procession-shared";
    private static final String SHARED_EACH = "procession-shared-each";
    private static final String LEASED = "procession-leased";
    private static final String TYPED = "procession-typed";
    private static final String MANY_TO_ONE = "agrona-many-to-one";
    private static final String ONE_TO_ONE = "agrona-one-to-one";
    private static final String STREAM = "throughput 1P1C";

    static final List<Goal> ALL = List.of(
            ratio("1P1C, 16 B", EXCLUSIVE, MANY_TO_ONE, STREAM, 16).atLeast(2.5),
            ratio("1P1C, 64 B", EXCLUSIVE, MANY_TO_ONE, STREAM, 64).atLeast(1.8),
            ratio("1P1C, 256 B", EXCLUSIVE, MANY_TO_ONE, STREAM, 256).atLeast(1.3),
            ratio("1P1C, 1 KiB", EXCLUSIVE, MANY_TO_ONE, STREAM, 1 << 10).atLeast(1.2, 1.5),
            ratio("1P1C, 16 B", EXCLUSIVE, ONE_TO_ONE, STREAM, 16).atLeast(2),
            ratio("1P1C, 64 B", EXCLUSIVE, ONE_TO_ONE, STREAM, 64).atLeast(1.4),
            ratio("1P1C, 256 B", EXCLUSIVE, ONE_TO_ONE, STREAM, 256).atLeast(1.2),
            ratio("1P1C, 1 KiB", EXCLUSIVE, ONE_TO_ONE, STREAM, 1 << 10).atLeast(1),
            ratio("4P1C, 16 B", EXCLUSIVE, MANY_TO_ONE, "throughput 4P1C", 16).atLeast(1.6, 1.5),
            ratio("8P1C, 16 B", EXCLUSIVE, MANY_TO_ONE, "throughput 8P1C", 16).atLeast(1.6, 1.5),
            ratio("4P1C, 16 B, first second", EXCLUSIVE, MANY_TO_ONE, "first second 4P1C", 16).atLeast(1),
            ratio("64 longs a message", TYPED, ONE_TO_ONE, "throughput 1P1C packed longs", Payload.LEAST_BYTES)
                    .atLeast(2),
            ratio("1P1C, 16 B, a CAS a run", SHARED, EXCLUSIVE, STREAM, 16).atLeast(0.9),
            ratio("1P1C, 16 B, a CAS a message", SHARED_EACH, EXCLUSIVE, STREAM, 16).atLeast(0.5),
            ratio("1P1C, 16 B, a lease a message", LEASED, EXCLUSIVE, STREAM, 16).atLeast(0.3),
            new Goal("4P4C, 16 B, to our own 4P1C", Kind.RATIO, new Figure(SHARED, "throughput 4P4C", 16),
                    new Figure(EXCLUSIVE, "throughput 4P1C", 16)).atLeast(0.6),
            ratio("round trip p50, spinning", EXCLUSIVE, ONE_TO_ONE, "round trip p50", 16).atMost(1),
            new Goal("round trip p50, spinning, to a bare line", Kind.RATIO_TO_LINE,
                    new Figure(EXCLUSIVE, "round trip p50", 16), null).atMost(1.15, 1.3),
            ratio("round trip p50, sleeping", EXCLUSIVE, "futex", "wake-up p50", 16).atMost(1.3),
            ratio("typed queue of int64", TYPED, "python-queue", "throughput 1P1C int64", Payload.LEAST_BYTES)
                    .atLeast(200),
            ratio("worker start to first message", EXCLUSIVE, "python-spawn", "worker start", 16).atMost(1.5),
            ratio("worker start from a spare", "procession-warm", "python-forkserver", "worker start", 16)
                    .atMost(0.9),
            pool("a pool's task and its result", "python-executor", "pool round trip").atMost(0.2),
            pool("a pool's tasks, empty, 1,000 in flight", "python-executor", "pool tasks, empty").atLeast(20),
            pool("a pool's tasks of 5 ms", "thread-pool", "pool tasks, 5 ms").atLeast(0.97),
            pool("a pool's argument of 100 MiB", "memcpy", "pool argument, 100 MiB").atLeast(0.333),
            new Goal("idle queue, KiB", Kind.VALUE, new Figure(EXCLUSIVE, "idle queue", 16), null).atMost(128),
            new Goal("one more idle lane, ns a put", Kind.VALUE, new Figure(EXCLUSIVE, "idle lane, put", 16), null)
                    .atMost(1),
            new Goal("one more idle lane, ns a get", Kind.VALUE, new Figure(EXCLUSIVE, "idle lane, get", 16), null)
                    .atMost(1));

    private Goals() {}

    /// All goals, in the state of the cores that the run is of.
    static List<Reached> reached(Run run) {
        return ALL.stream().map(goal -> goal.reached(run)).toList();
    }

    private static Goal ratio(String name, String ours, String theirs, String figure, int bytes) {
        return new Goal(name, Kind.RATIO, new Figure(ours, figure, bytes), new Figure(theirs, figure, bytes));
    }

    private static Goal pool(String name, String theirs, String figure) {
        return ratio(name, EXCLUSIVE, theirs, figure, 16);
    }

    enum Kind {
        /// Our figure divided by the peer's, round by round.
        RATIO,
        /// Our figure divided by the round trip of a bare cache line in the same round.
        RATIO_TO_LINE,
        /// Our figure itself.
        VALUE
    }

    /// One figure of one system.
    record Figure(String system, String name, int bytes) {
        private Optional<Result> in(Run run) {
            return run.find(system, name, bytes);
        }
    }

    /// @param wanted     the least that is wanted, or the most
    /// @param wantedFar  the same of far cores
    record Goal(String name, Kind kind, Figure ours, @Nullable Figure theirs, boolean isAtLeast, double wanted,
            double wantedFar) {
        private Goal(String name, Kind kind, Figure ours, @Nullable Figure theirs) {
            this(name, kind, ours, theirs, true, Double.NaN, Double.NaN);
        }

        private Goal atLeast(double wanted) {
            return atLeast(wanted, wanted);
        }

        private Goal atLeast(double wanted, double wantedFar) {
            return new Goal(name, kind, ours, theirs, true, wanted, wantedFar);
        }

        private Goal atMost(double wanted) {
            return atMost(wanted, wanted);
        }

        private Goal atMost(double wanted, double wantedFar) {
            return new Goal(name, kind, ours, theirs, false, wanted, wantedFar);
        }

        /// Who is compared.
        String systems() {
            return theirs == null ? ours.system : ours.system + " / " + theirs.system;
        }

        private String unit() {
            return kind == Kind.VALUE ? "" : "x";
        }

        private Reached reached(Run run) {
            double limit = run.state().equals("far") ? wantedFar : wanted;
            String limitText = (isAtLeast ? "\u2265 " : "\u2264 ") + Report.plain(limit) + unit();
            Optional<Result> mine = ours.in(run);
            Optional<Result> its = theirs == null ? mine : theirs.in(run);
            if (mine.isEmpty() || its.isEmpty()) return new Reached(this, limitText, Verdict.NOT_MEASURED, "");
            Result value = switch (kind) {
                case RATIO -> mine.get().ratioTo(its.get());
                case RATIO_TO_LINE -> mine.get().ratioToLine();
                case VALUE -> mine.get();
            };
            if (!value.isShown()) return new Reached(this, limitText, Verdict.LEFT_OUT, value.text());
            return new Reached(this, limitText, verdict(value, limit), value.text() + unit());
        }

        /// Open if rounds disagree about it, a quarter of them at least on either side.
        private Verdict verdict(Result value, double limit) {
            boolean low = meets(value.quantile(0.25), limit);
            boolean high = meets(value.quantile(0.75), limit);
            return low && high ? Verdict.MET : low || high ? Verdict.OPEN : Verdict.MISSED;
        }

        private boolean meets(double value, double limit) {
            return isAtLeast ? value >= limit : value <= limit;
        }
    }

    enum Verdict {
        MET, MISSED, OPEN, LEFT_OUT, NOT_MEASURED;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /// @param wanted  in this state of the cores
    /// @param text    what was reached
    record Reached(Goal goal, String wanted, Verdict verdict, String text) {
        List<String> row() {
            return List.of(goal.name(), goal.systems(), wanted, text, verdict.toString());
        }
    }

    /// As a table, with its head, of those that were measured.
    static List<List<String>> table(Run run) {
        var rows = new ArrayList<List<String>>();
        rows.add(List.of("work", "compared", "goal", "reached", ""));
        reached(run).stream().filter(r -> r.verdict != Verdict.NOT_MEASURED).map(Reached::row).forEach(rows::add);
        return rows;
    }
}
