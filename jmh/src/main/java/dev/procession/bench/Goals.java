package dev.procession.bench;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What Procession wants to reach, each goal against something that is measured in the same run.
final class Goals {
    private static final String EXCLUSIVE = "procession";
    private static final String SHARED = "procession-shared";
    private static final String SHARED_EACH = "procession-shared-each";
    private static final String TYPED = "procession-typed";
    private static final String MANY_TO_ONE = "agrona-many-to-one";
    private static final String ONE_TO_ONE = "agrona-one-to-one";
    private static final String ONE_TO_ONE_WORK = "throughput 1P1C";
    private static final String INT64 = "throughput 1P1C int64";

    static final List<Goal> ALL = List.of(
            ratio("1P1C, 16 B", EXCLUSIVE, MANY_TO_ONE, ONE_TO_ONE_WORK, 16).atLeast(4),
            ratio("1P1C, 64 B", EXCLUSIVE, MANY_TO_ONE, ONE_TO_ONE_WORK, 64).atLeast(2.5),
            ratio("1P1C, 256 B", EXCLUSIVE, MANY_TO_ONE, ONE_TO_ONE_WORK, 256).atLeast(1.6),
            ratio("1P1C, 1 KiB", EXCLUSIVE, MANY_TO_ONE, ONE_TO_ONE_WORK, 1 << 10).atLeast(1.9),
            ratio("1P1C, 16 KiB", EXCLUSIVE, "memcpy", ONE_TO_ONE_WORK, 16 << 10).atLeast(0.9),
            ratio("1P1C, 1 MiB", EXCLUSIVE, "memcpy", ONE_TO_ONE_WORK, 1 << 20).atLeast(0.9),
            ratio("1P1C, 16 B", EXCLUSIVE, ONE_TO_ONE, ONE_TO_ONE_WORK, 16).atLeast(2.5),
            ratio("1P1C, 64 B", EXCLUSIVE, ONE_TO_ONE, ONE_TO_ONE_WORK, 64).atLeast(1.3),
            ratio("1P1C, 256 B", EXCLUSIVE, ONE_TO_ONE, ONE_TO_ONE_WORK, 256).atLeast(1.2),
            ratio("1P1C, 1 KiB", EXCLUSIVE, ONE_TO_ONE, ONE_TO_ONE_WORK, 1 << 10).atLeast(1.05),
            ratio("4P1C, 16 B", EXCLUSIVE, MANY_TO_ONE, "throughput 4P1C", 16).atLeast(3),
            ratio("8P1C, 16 B", EXCLUSIVE, MANY_TO_ONE, "throughput 8P1C", 16).atLeast(2.5),
            ratio("4P1C, 16 B, p99.99 of put", EXCLUSIVE, MANY_TO_ONE, "put latency 4P1C p99.99", 16).atMost(0.5),
            ratio("8P1C, 16 B, p99.99 of put", EXCLUSIVE, MANY_TO_ONE, "put latency 8P1C p99.99", 16).atMost(0.5),
            ratio("put only, 2 producers in parallel, 16 B", EXCLUSIVE, MANY_TO_ONE, "put only 2P", 16).atLeast(3),
            ratio("1P1C, 16 B, a CAS a run", SHARED, EXCLUSIVE, ONE_TO_ONE_WORK, 16).atLeast(0.85),
            ratio("4P1C, 16 B, a CAS a run", SHARED, EXCLUSIVE, "throughput 4P1C", 16).atLeast(0.85),
            ratio("1P1C, 16 B, a CAS a message", SHARED_EACH, MANY_TO_ONE, ONE_TO_ONE_WORK, 16)
                    .atLeast(1.5),
            new Goal("4P4C, 16 B, to our own 4P1C", Kind.RATIO, new Figure(SHARED, "throughput 4P4C", 16),
                    new Figure(EXCLUSIVE, "throughput 4P1C", 16)).atLeast(0.5),
            ratio("round trip p50, spinning", EXCLUSIVE, ONE_TO_ONE, "round trip p50", 16).atMost(0.95),
            new Goal("round trip p50, spinning, to a bare line", Kind.RATIO_TO_LINE,
                    new Figure(EXCLUSIVE, "round trip p50", 16), null).atMost(1.2),
            ratio("round trip p50, sleeping", EXCLUSIVE, "futex", "wake-up p50", 16).atMost(1.3),
            ratio("1P1C, 16 B", EXCLUSIVE, "aeron-ipc", ONE_TO_ONE_WORK, 16).atLeast(8),
            ratio("1P1C, 16 B", EXCLUSIVE, "chronicle-queue", ONE_TO_ONE_WORK, 16).atLeast(50),
            ratio("1P1C, 16 B", EXCLUSIVE, "python-queue", ONE_TO_ONE_WORK, 16).atLeast(400),
            ratio("1P1C, typed queue of int64", TYPED, "python-queue", INT64, Payload.LEAST_BYTES).atLeast(200),
            new Goal("typed int64 over raw bytes, ns a message", Kind.EXTRA_NANOS,
                    new Figure(TYPED, INT64, Payload.LEAST_BYTES),
                    new Figure("procession-raw", INT64, Payload.LEAST_BYTES)).atMost(10),
            ratio("worker start to first message", EXCLUSIVE, "python-spawn", "worker start", 16).atMost(0.8),
            ratio("worker start from a warm pool", "procession-warm", "python-forkserver", "worker start", 16)
                    .atMost(1),
            new Goal("idle queue, KiB", Kind.VALUE, new Figure(EXCLUSIVE, "idle queue", 16), null).atMost(128),
            new Goal("one more idle lane, ns a put", Kind.VALUE, new Figure(EXCLUSIVE, "idle lane, put", 16), null)
                    .atMost(1),
            new Goal("one more idle lane, ns a get", Kind.VALUE, new Figure(EXCLUSIVE, "idle lane, get", 16), null)
                    .atMost(1));

    private Goals() {}

    /// All goals of which the run has figures, and all others as not measured.
    static List<Reached> reached(Run run) {
        return ALL.stream().map(goal -> goal.reached(run)).toList();
    }

    private static Goal ratio(String name, String ours, String theirs, String figure, int bytes) {
        return new Goal(name, Kind.RATIO, new Figure(ours, figure, bytes), new Figure(theirs, figure, bytes));
    }

    enum Kind {
        /// Our figure divided by the peer's; round by round if both were measured in the same rounds.
        RATIO,
        /// Our figure divided by the round trip of a bare cache line in the same round.
        RATIO_TO_LINE,
        /// How many nanoseconds more a message takes us than the peer. Both figures are throughputs.
        EXTRA_NANOS,
        /// Our figure itself.
        VALUE
    }

    /// One figure of one system.
    record Figure(String system, String name, int bytes) {
        private Optional<Result> in(Run run) {
            return run.better(this::isOf);
        }

        private boolean isOf(Result result) {
            return result.system().equals(system) && result.figure().equals(name) && result.work().bytes() == bytes;
        }
    }

    /// @param wanted  the least that is wanted, or the most
    record Goal(String name, Kind kind, Figure ours, @Nullable Figure theirs, boolean isAtLeast, double wanted) {
        private Goal(String name, Kind kind, Figure ours, @Nullable Figure theirs) {
            this(name, kind, ours, theirs, true, Double.NaN);
        }

        private Goal atLeast(double wanted) {
            return new Goal(name, kind, ours, theirs, true, wanted);
        }

        private Goal atMost(double wanted) {
            return new Goal(name, kind, ours, theirs, false, wanted);
        }

        /// Who is compared.
        String systems() {
            return theirs == null ? ours.system : ours.system + " / " + theirs.system;
        }

        String wantedText() {
            return (isAtLeast ? ">= " : "<= ") + Report.number(wanted) + unit();
        }

        String unit() {
            return switch (kind) {
                case RATIO, RATIO_TO_LINE -> "x";
                case EXTRA_NANOS, VALUE -> "";
            };
        }

        private Reached reached(Run run) {
            if (isLeftOut(run, this.ours) || this.theirs != null && isLeftOut(run, this.theirs))
                return new Reached(this, Verdict.DISTURBED, Optional.empty());
            Optional<Result> ours = this.ours.in(run);
            Optional<Result> theirs = this.theirs == null ? ours : this.theirs.in(run);
            if (ours.isEmpty() || theirs.isEmpty()) return new Reached(this, Verdict.NOT_MEASURED, Optional.empty());
            Result value = value(ours.get(), theirs.get());
            return new Reached(this, verdict(value), Optional.of(value).filter(Result::isKnown));
        }

        /// Whether it was measured, and no sample of it counts.
        private static boolean isLeftOut(Run run, Figure figure) {
            return figure.in(run).isEmpty() && run.results().stream().anyMatch(figure::isOf);
        }

        private Result value(Result ours, Result theirs) {
            return switch (kind) {
                case RATIO -> ours.ratioTo(theirs);
                case RATIO_TO_LINE -> ours.ratioToLine();
                case EXTRA_NANOS -> ours.extraNanosOver(theirs);
                case VALUE -> ours;
            };
        }

        private Verdict verdict(Result value) {
            if (!value.isKnown()) return Verdict.DISTURBED;
            if (isInDoubt(value)) return Verdict.UNSTEADY;
            double median = value.median();
            return (isAtLeast ? median >= wanted : median <= wanted) ? Verdict.MET : Verdict.MISSED;
        }

        /// A difference may be near 0, where any two values differ by more than a quarter.
        private boolean isInDoubt(Result value) {
            return switch (kind) {
                case RATIO, RATIO_TO_LINE -> value.isUnsteady();
                case EXTRA_NANOS, VALUE -> value.quantile(0.25) <= wanted && wanted < value.quantile(0.75);
            };
        }
    }

    enum Verdict {
        // disturbed: no round is left in which none of the samples is left out
        MET, MISSED, UNSTEADY, DISTURBED, NOT_MEASURED;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /// @param value  empty if it was not measured
    record Reached(Goal goal, Verdict verdict, Optional<Result> value) {
        String valueText() {
            return value.map(v -> Report.number(v.median()) + goal.unit()).orElse("-");
        }

        String quartilesText() {
            return value.map(Report::quartiles).orElse("");
        }
    }
}
