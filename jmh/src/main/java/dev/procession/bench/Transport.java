package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// A queue that our own processes drive: one of them makes the file, then all open it.
interface Transport extends Contender {
    List<Transport> ALL = Stream.of(
            List.of(ProcessionTransport.exclusive()),
            TypedTransport.all(),
            List.of(AgronaTransport.manyToOne(),
                    AgronaTransport.oneToOne(),
                    ProcessionTransport.shared(),
                    ProcessionTransport.sharedEach(),
                    ProcessionTransport.leased(),
                    ProcessionTransport.batches(),
                    AgronaTransport.manyToOneChecked(),
                    AgronaTransport.oneToOneChecked(),
                    new AeronTransport(),
                    new ChronicleTransport(),
                    new SocketTransport(),
                    new PipeTransport(),
                    new CopyTransport()),
            HeapTransport.all()).flatMap(List::stream).toList();

    static Transport named(String name) {
        return ALL.stream().filter(t -> t.name().equals(name)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("system=" + name + " is unknown"));
    }

    /// What the JVMs of this system need on their command line.
    default List<String> jvmArguments() {
        return List.of();
    }

    /// Whether all run as threads of one JVM, because the queue is on its heap. Its file is then only a name.
    default boolean inOneJvm() {
        return false;
    }

    /// Whether the files must stay where they are; else their names are removed as soon as all have opened them.
    default boolean keepsFiles() {
        return false;
    }

    /// Whether a sender sleeps in the kernel until there is room; each time it has to wait a little for its core.
    default boolean waitsInKernel() {
        return false;
    }

    @Override
    default Subject subject(Work work, Place place) {
        return Group.of(this, work, place);
    }

    void create(Path file, Work work) throws IOException;

    /// Opens the queue for one producer, which sends the message of `payload` each time.
    Sender openSender(Path file, Work work, Payload payload) throws IOException;

    /// Opens the queue for one consumer, which shows every message to `check`.
    Receiver openReceiver(Path file, Work work, Payload.Check check) throws IOException;

    /// The producer's end. Used by one thread.
    interface Sender {
        /// Returns false when there is no room. A system that cannot refuse may wait.
        boolean trySend();

        /// After the last message of a run: sends what it has kept to send it together.
        default void flush() {}
    }

    /// The consumer's end. Used by one thread.
    interface Receiver {
        /// Takes up to `limit` messages. Returns how many; 0 when there is none.
        int poll(int limit);

        /// Sleeps until there are messages, and takes one or more. Returns how many.
        default int await() throws InterruptedException {
            throw new UnsupportedOperationException("cannot sleep");
        }
    }
}
