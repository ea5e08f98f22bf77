package dev.procession.bench;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// What processes did in a span of time, by the hardware counters of `perf stat`, where the machine has them.
final class Counters implements AutoCloseable {
    static final List<String> EVENTS = List.of("instructions:u", "cycles:u");

    private static final String COMMAND = "perf";

    private final List<String> events;
    private final Path folder;
    private final Process perf;
    /// Both ends are open for reading and writing: nothing waits for a process that is not there.
    private final RandomAccessFile control;
    private final RandomAccessFile acknowledged;
    private final FileInputStream answers;

    /// Nothing is counted yet.
    ///
    /// @param folder  does not exist yet, and is removed by [#close]
    Counters(List<String> events, List<Long> pids, Path folder) throws IOException, InterruptedException {
        this.events = events;
        this.folder = folder;
        Files.createDirectory(folder);
        String orders = folder.resolve("orders").toString();
        String acks = folder.resolve("acks").toString();
        new ProcessBuilder("mkfifo", orders, acks).inheritIO().start().waitFor();
        control = new RandomAccessFile(orders, "rw");
        acknowledged = new RandomAccessFile(acks, "rw");
        answers = new FileInputStream(acks);
        perf = new ProcessBuilder(COMMAND, "stat", "-x", ",", "-D", "-1", "-e", String.join(",", events), "-o",
                folder.resolve("out").toString(), "--control", "fifo:" + orders + "," + acks, "-p",
                pids.stream().map(Object::toString).collect(Collectors.joining(",")))
                .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        tell("ping");
    }

    /// Why there are none on this machine, in words; empty if there are.
    static String missing() throws InterruptedException {
        try {
            Process perf = new ProcessBuilder(COMMAND, "stat", "-x", ",", "-e", String.join(",", EVENTS), "true")
                    .redirectErrorStream(true).start();
            String said = new String(perf.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (perf.waitFor() != 0) return "perf stat failed";
            counts(said, EVENTS);
            return "";
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    void start() throws IOException, InterruptedException {
        tell("enable");
    }

    /// Returns the counts of the events since the start.
    double[] stop() throws IOException, InterruptedException {
        tell("disable");
        // After SIGTERM it says nothing.
        new ProcessBuilder("kill", "-INT", Long.toString(perf.pid())).inheritIO().start().waitFor();
        if (!perf.waitFor(10, TimeUnit.SECONDS)) throw new UnavailableException("perf stat has not ended");
        return counts(Files.readString(folder.resolve("out")), events);
    }

    private void tell(String order) throws IOException, InterruptedException {
        control.write((order + "\n").getBytes(StandardCharsets.US_ASCII));
        while (answers.available() == 0) {
            if (!perf.isAlive()) throw new UnavailableException("perf stat has ended before " + order);
            Thread.sleep(1);
        }
        answers.skipNBytes(answers.available());
    }

    /// Of lines like `67,,instructions:u,1200,100.00,,`.
    static double[] counts(String said, List<String> events) throws IOException {
        double[] counts = new double[events.size()];
        for (int i = 0; i < counts.length; i++) {
            String event = events.get(i);
            String count = said.lines().map(line -> line.split(",")).filter(f -> f.length > 2 && f[2].equals(event))
                    .map(f -> f[0]).findFirst()
                    .orElseThrow(() -> new UnavailableException("perf stat does not tell " + event));
            if (!count.matches("[0-9.]+")) throw new UnavailableException("perf stat says " + count + " of " + event);
            counts[i] = Double.parseDouble(count);
        }
        return counts;
    }

    /// The machine, or `perf`, does not count that. The message says why.
    static final class UnavailableException extends IOException {
        private static final long serialVersionUID = 1;

        UnavailableException(String message) {
            super(message);
        }
    }

    @Override
    public void close() throws IOException {
        perf.destroyForcibly();
        control.close();
        acknowledged.close();
        answers.close();
        Group.remove(folder);
    }
}
