package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// What the measured cores and the measured processes did up to now, from `/proc`. The difference of two says whether
/// other processes disturbed a sample: what the cores did neither for us nor in idleness, they did for others.
///
/// @param nanos   wall clock time of all cores together
/// @param idle    ticks without work; a tick is 10 ms of one core
/// @param stolen  ticks that the hypervisor gave to others
/// @param ours    nanoseconds that the measured processes ran
record CpuLoad(long nanos, long idle, long stolen, long ours) {
    private static final Path PROC = Path.of("/proc");
    private static final long TICK_NANOS = 10_000_000;
    private static final double FOREIGN_SHARE = 0.04;
    private static final double STOLEN_SHARE = 0.02;

    private static final int FIELD_IDLE = 4;
    private static final int FIELD_IO_WAIT = 5;
    private static final int FIELD_STEAL = 8;

    /// Whether this system tells.
    static boolean isKnown() {
        return Files.isReadable(PROC.resolve("stat")) && Files.isReadable(PROC.resolve("self/schedstat"));
    }

    static CpuLoad of(List<Integer> cpus, List<Long> pids) throws IOException {
        long ours = 0;
        for (long pid : pids) {
            ours += nanosOf(PROC.resolve(Long.toString(pid)));
        }
        long idle = 0;
        long stolen = 0;
        for (String line : Files.readAllLines(PROC.resolve("stat"))) {
            String[] field = line.split(" +");
            if (field[0].matches("cpu\\d+") && cpus.contains(Integer.parseInt(field[0].substring(3)))) {
                idle += Long.parseLong(field[FIELD_IDLE]) + Long.parseLong(field[FIELD_IO_WAIT]);
                stolen += Long.parseLong(field[FIELD_STEAL]);
            }
        }
        return new CpuLoad(cpus.size() * System.nanoTime(), idle, stolen, ours);
    }

    /// `schedstat` of every thread; the one of the process tells of its first thread only.
    static long nanosOf(Path process) throws IOException {
        long nanos = 0;
        try (Stream<Path> threads = Files.list(process.resolve("task"))) {
            for (Path thread : threads.toList()) {
                try {
                    String schedstat = Files.readString(thread.resolve("schedstat"));
                    nanos += Long.parseLong(schedstat.substring(0, schedstat.indexOf(' ')));
                } catch (IOException e) {
                    // That thread has just ended.
                }
            }
        }
        return nanos;
    }

    /// What disturbed us since `before`, in words; empty if nothing did.
    Optional<String> disturbanceSince(CpuLoad before) {
        double all = nanos - before.nanos;
        double steal = (stolen - before.stolen) * TICK_NANOS / all;
        // a tick may not have been counted yet
        double known = (idle - before.idle + 1) * TICK_NANOS + (ours - before.ours);
        double foreign = 1 - known / all - steal;
        if (steal > STOLEN_SHARE) {
            return Optional.of("%.0f %% of the cores stolen".formatted(100 * steal));
        }
        if (foreign > FOREIGN_SHARE) {
            return Optional.of("%.0f %% of the cores used by others".formatted(100 * foreign));
        }
        return Optional.empty();
    }
}
