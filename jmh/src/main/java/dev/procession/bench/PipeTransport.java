package dev.procession.bench;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/// A named pipe that all producers write to, each message by one write; which the system does not mix with others' up
/// to 4 KiB. It holds 64 KiB; Java cannot ask for more. A receiver that spins asks how much is there before it reads,
/// because the read would block; one that sleeps just reads.
final class PipeTransport implements Transport {
    /// `PIPE_BUF` of Linux.
    private static final int MOST_UNMIXED_BYTES = 4096;

    @Override
    public String name() {
        return "pipe";
    }

    @Override
    public boolean serves(Work work) {
        if (work.content() != Work.Content.BYTES || work.consumers() > 1) return false;
        if (work.producers() > 1 && Frames.HEADER_BYTES + work.bytes() > MOST_UNMIXED_BYTES) return false;
        return switch (work.kind()) {
            case THROUGHPUT, ROUND_TRIP, WAKE_UP, LATENCY, STOPPED -> true;
            default -> false;
        };
    }

    @Override
    public boolean waitsInKernel() {
        return true;
    }

    @Override
    public void create(Path file, Work work) throws IOException {
        Process mkfifo = new ProcessBuilder("mkfifo", file.toString()).inheritIO().start();
        int exit = mkfifo.onExit().join().exitValue();
        if (exit != 0) throw new IOException("mkfifo " + file + " failed with exit code " + exit);
    }

    /// Waits until the pipe is opened for reading. So does the reader for a writer.
    @Override
    public Sender openSender(Path file, Work work, Payload payload) throws IOException {
        return Frames.sender(new FileOutputStream(file.toFile()).getChannel(), payload);
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) throws IOException {
        var in = new FileInputStream(file.toFile());
        var frames = new Frames(in.getChannel(), work, check);
        return new Receiver() {
            @Override
            public int poll(int limit) {
                if (!frames.hasWhole() && isReadable(in)) {
                    frames.read();
                }
                return frames.take(limit);
            }

            @Override
            public int await() {
                while (!frames.hasWhole()) {
                    frames.read();
                }
                return frames.take(1);
            }
        };
    }

    private static boolean isReadable(FileInputStream in) {
        try {
            return in.available() > 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
