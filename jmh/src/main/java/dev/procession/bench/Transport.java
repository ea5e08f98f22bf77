package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// A system under test: a queue in a file that processes share. One process makes the file, then all open it.
interface Transport {
    /// All systems that can be measured. The first one is compared with each of the others.
    List<Transport> ALL = List.of(
            ProcessionTransport.exclusive(),
            AgronaTransport.manyToOne(),
            AgronaTransport.oneToOne(),
            ProcessionTransport.shared());

    static Transport named(String name) {
        return ALL.stream().filter(t -> t.name().equals(name)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("system=" + name + " is unknown"));
    }

    String name();

    boolean serves(Work work);

    /// What the JVMs of this system need on their command line.
    List<String> jvmArguments();

    void create(Path file, Work work) throws IOException;

    /// Opens the queue for one producer, which sends the content of `message` each time.
    Sender openSender(Path file, byte[] message) throws IOException;

    /// Opens the queue for one consumer, which shows every message to `check`.
    Receiver openReceiver(Path file, Payload.Check check) throws IOException;

    /// The producer's end. Used by one thread.
    interface Sender {
        /// Returns false when there is no room.
        boolean trySend();
    }

    /// The consumer's end. Used by one thread.
    interface Receiver {
        /// Takes up to `limit` messages. Returns how many; 0 when there is none.
        int poll(int limit);
    }
}
