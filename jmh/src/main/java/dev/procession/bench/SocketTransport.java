package dev.procession.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// A Unix domain socket: one connection for each producer, one write for each message, reads as large as can be. A
/// sender waits for room in the kernel. A receiver that spins reads without blocking, one that sleeps blocks in its
/// read.
final class SocketTransport implements Transport {
    /// Asked for; the kernel may allow less.
    private static final int KERNEL_BUFFER_BYTES = 4 << 20;

    /// Those of this process: it made them, so it accepts and the other side connects, whichever sends.
    private final Map<Path, ServerSocketChannel> servers = new ConcurrentHashMap<>();

    @Override
    public String name() {
        return "unix-socket";
    }

    @Override
    public boolean serves(Work work) {
        if (work.content() != Work.Content.BYTES || work.consumers() > 1) return false;
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
        var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(file), work.producers());
        servers.put(file, server);
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) throws IOException {
        return Frames.sender(connect(file), payload);
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) throws IOException {
        var receiver = new SocketReceiver();
        for (int i = 0; i < work.producers(); i++) {
            SocketChannel channel = connect(file);
            receiver.channels.add(channel);
            receiver.frames.add(new Frames(channel, work, check));
        }
        return receiver;
    }

    private SocketChannel connect(Path file) throws IOException {
        ServerSocketChannel server = servers.get(file);
        SocketChannel channel = server != null ? server.accept()
                : SocketChannel.open(UnixDomainSocketAddress.of(file));
        channel.setOption(StandardSocketOptions.SO_SNDBUF, KERNEL_BUFFER_BYTES);
        return channel;
    }

    private static final class SocketReceiver implements Receiver {
        private final List<SocketChannel> channels = new ArrayList<>();
        private final List<Frames> frames = new ArrayList<>();
        private boolean blocking = true;
        private int next;

        @Override
        public int poll(int limit) {
            setBlocking(false);
            return take(limit);
        }

        /// Only one connection can be slept on.
        @Override
        public int await() {
            setBlocking(true);
            for (;;) {
                int taken = take(1);
                if (taken > 0) return taken;
            }
        }

        /// A look at each connection, from the one that is next in turn.
        private int take(int limit) {
            int taken = 0;
            for (int i = 0; i < frames.size() && taken < limit; i++) {
                Frames each = frames.get(next);
                next = next + 1 == frames.size() ? 0 : next + 1;
                if (!each.hasWhole()) {
                    each.read();
                }
                taken += each.take(limit - taken);
            }
            return taken;
        }

        private void setBlocking(boolean wanted) {
            if (blocking == wanted) return;
            blocking = wanted;
            try {
                for (SocketChannel each : channels) {
                    each.configureBlocking(wanted);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
