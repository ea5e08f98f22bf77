package dev.procession.bench;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.nio.file.Path;
import java.util.List;

/// Our own queue through its public API, all checks included: `tryPut` of the message's array, `poll` with a handler.
final class ProcessionTransport implements Transport {
    private final String name;
    private final Delivery delivery;

    private ProcessionTransport(String name, Delivery delivery) {
        this.name = name;
        this.delivery = delivery;
    }

    /// The consumer is the only one, and reads in place.
    static Transport exclusive() {
        return new ProcessionTransport("procession", Delivery.EXCLUSIVE);
    }

    /// The consumer could have others beside it: it takes a run of messages by one compare-and-set, and reads a copy.
    static Transport shared() {
        return new ProcessionTransport("procession-shared", Delivery.SHARED);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean serves(Work work) {
        return delivery == Delivery.EXCLUSIVE || work.kind() == Work.Kind.THROUGHPUT;
    }

    @Override
    public List<String> jvmArguments() {
        return List.of();
    }

    @Override
    public void create(Path file, Work work) {
        LaneQueue.create(file, new QueueGeometry(work.producers(), work.laneBytes(), 0), "").close();
    }

    @Override
    public Sender openSender(Path file, byte[] message) {
        Producer producer = LaneQueue.open(file).newProducer();
        return () -> producer.tryPut(message);
    }

    @Override
    public Receiver openReceiver(Path file, Payload.Check check) {
        Consumer consumer = LaneQueue.open(file).newConsumer(delivery);
        MessageHandler handler = message -> {
            int length = message.length();
            long first = message.getLong(0);
            check.first(first, length);
            int last = length - Long.BYTES;
            for (int at = Payload.LINE; at < last; at += Payload.LINE) {
                check.line(message.getLong(at));
            }
            check.last(first, message.getLong(last));
        };
        return limit -> consumer.poll(handler, limit);
    }
}
