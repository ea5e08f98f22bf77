package dev.procession.bench;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/// The share of one core, in percent, that this process uses while its main thread waits for a message that does not
/// come.
final class IdleCpu implements Probe {
    private static final Duration WAIT = Duration.ofSeconds(1);
    private static final Path SELF = Path.of("/proc/self");

    private final AutoCloseable owned;
    private final Wait wait;

    private interface Wait {
        void forMessage() throws Exception;
    }

    private IdleCpu(AutoCloseable owned, Wait wait) {
        this.owned = owned;
        this.wait = wait;
    }

    static IdleCpu inQueue() {
        LaneQueue queue = LaneQueue.createAnonymous(QueueGeometry.DEFAULT, "");
        Consumer consumer = queue.newConsumer(Delivery.SHARED);
        byte[] target = new byte[16];
        return new IdleCpu(queue, () -> {
            if (consumer.get(target, WAIT.toNanos()) != Consumer.EMPTY) {
                throw new IllegalStateException("got a message that nobody has put");
            }
        });
    }

    /// A blocking read has no time-out, so another thread sends a byte when the time is over.
    static IdleCpu inSocket(Path directory) throws IOException {
        Path file = directory.resolve("socket");
        var address = UnixDomainSocketAddress.of(file);
        try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address)) {
            SocketChannel sender = SocketChannel.open(address);
            SocketChannel receiver = server.accept();
            Files.delete(file);
            return new IdleCpu(sender, () -> {
                Thread alarm = Thread.ofPlatform().daemon().start(() -> sendLater(sender));
                receiver.read(ByteBuffer.allocate(1));
                alarm.join();
            });
        }
    }

    private static void sendLater(SocketChannel to) {
        try {
            TimeUnit.NANOSECONDS.sleep(WAIT.toNanos());
            to.write(ByteBuffer.allocate(1));
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException("cannot end the wait", e);
        }
    }

    @Override
    public double[] sample() throws Exception {
        long before = CpuLoad.nanosOf(SELF);
        long start = System.nanoTime();
        wait.forMessage();
        return new double[] {100.0 * (CpuLoad.nanosOf(SELF) - before) / (System.nanoTime() - start)};
    }

    @Override
    public void close() {
        try {
            owned.close();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
