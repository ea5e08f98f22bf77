package dev.procession.bench;

import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The memory that a queue takes, in KiB: the pages of its file, all of which are memory, because the file is on a file
/// system in memory. First of a queue that a producer and a consumer have opened and through which a thousand messages
/// went, then of one through which more than its length went.
final class IdleMemory implements Probe {
    private static final Work WORK = Work.throughput(1, 1, 16);
    private static final int FEW = 1000;

    private final Transport system;
    private final Path directory;
    private int number;

    IdleMemory(Transport system, Path directory) {
        this.system = system;
        this.directory = directory;
    }

    @Override
    public double[] sample() throws IOException, InterruptedException {
        Path file = directory.resolve("queue" + number++);
        var payload = new Payload(0, WORK.bytes());
        var check = new Payload.Check(1, WORK.bytes(), true);
        create(file);
        try {
            Transport.Sender sender = system.openSender(file, WORK, payload);
            Transport.Receiver receiver = system.openReceiver(file, WORK, check);
            pass(FEW, sender, receiver, payload);
            double idle = kibibytes(file);
            pass(WORK.laneBytes() / WORK.bytes(), sender, receiver, payload);
            double busy = kibibytes(file);
            if (payload.sum() != check.sum()) {
                throw new Payload.CheckFailedException("checksum=" + check.sum() + " expected=" + payload.sum());
            }
            return new double[] {idle, busy};
        } finally {
            Files.delete(file);
        }
    }

    /// With one lane of the ring's size; but ours as one gets it without asking for anything, with lanes for 64
    /// producers.
    private void create(Path file) throws IOException {
        if (system instanceof ProcessionTransport) {
            LaneQueue.create(file, QueueGeometry.DEFAULT, "").close();
        } else {
            system.create(file, WORK);
        }
    }

    private static void pass(long messages, Transport.Sender sender, Transport.Receiver receiver, Payload payload) {
        for (long i = 0; i < messages; i++) {
            payload.fill();
            if (!sender.trySend()) {
                throw new IllegalStateException("no room for message " + i + ", though all before it were taken");
            }
            while (receiver.poll(1) == 0) {}
        }
    }

    /// What the system has given to the file, whichever processes have it mapped.
    private static double kibibytes(Path file) throws IOException, InterruptedException {
        Process stat = new ProcessBuilder("stat", "--format=%b %B", file.toString()).start();
        String[] blocks = stat.inputReader().readLine().split(" ");
        stat.waitFor();
        return Long.parseLong(blocks[0]) * Long.parseLong(blocks[1]) / 1024.0;
    }

    @Override
    public void close() {}
}
