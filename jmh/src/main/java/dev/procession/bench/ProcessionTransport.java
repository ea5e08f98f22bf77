package dev.procession.bench;

import dev.procession.core.Batch;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeaseHandler;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Message;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import dev.procession.core.WaitStrategy;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Our own queue through its public API, all checks included: `tryPut` of the message's array, and one of its gets.
final class ProcessionTransport implements Transport {
    private static final int IN_BATCH = 64;

    private final String name;
    private final Delivery delivery;
    private final boolean runs;
    private final boolean batches;

    private ProcessionTransport(String name, Delivery delivery, boolean runs, boolean batches) {
        this.name = name;
        this.delivery = delivery;
        this.runs = runs;
        this.batches = batches;
    }

    /// The consumer is the only one, and reads in place: `poll`.
    static Transport exclusive() {
        return new ProcessionTransport("procession", Delivery.EXCLUSIVE, true, false);
    }

    /// The consumer may have others beside it: it takes a run of messages by one compare-and-set, and reads a copy:
    /// `poll`.
    static Transport shared() {
        return new ProcessionTransport("procession-shared", Delivery.SHARED, true, false);
    }

    /// The same, but each message by its own compare-and-set, so that a kill loses one at the most: `tryGet`.
    static Transport sharedEach() {
        return new ProcessionTransport("procession-shared-each", Delivery.SHARED, false, false);
    }

    /// Each message is lent, read in a copy, and then done, so that a kill loses none: `tryLease`, `done`.
    static Transport leased() {
        return new ProcessionTransport("procession-leased", Delivery.LEASED, false, false);
    }

    /// As [#exclusive], but 64 messages are put at once, all or none: `tryBatch`, `add`, `commit`.
    static Transport batches() {
        return new ProcessionTransport("procession-batch", Delivery.EXCLUSIVE, true, true);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean serves(Work work) {
        if (work.content() != Work.Content.BYTES) return false;
        if (batches) return work.kind() == Work.Kind.THROUGHPUT && work.consumers() == 1 && work.bytes() <= 1024;
        return switch (work.kind()) {
            case THROUGHPUT -> delivery != Delivery.EXCLUSIVE || work.consumers() == 1;
            case COLD, PUT_ONLY, ROUND_TRIP, WAKE_UP, LATENCY, PUT_LATENCY, STOPPED -> delivery == Delivery.EXCLUSIVE;
            default -> false;
        };
    }

    @Override
    public void create(Path file, Work work) {
        var geometry = delivery == Delivery.LEASED
                ? new QueueGeometry(work.producers(), work.laneBytes(), 0, Leasing.DEFAULT)
                : new QueueGeometry(work.producers(), work.laneBytes(), 0);
        LaneQueue.create(file, geometry, "").close();
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) {
        Producer producer = LaneQueue.open(file).newProducer();
        byte[] message = payload.message();
        return batches ? new BatchSender(producer, message) : () -> producer.tryPut(message);
    }

    private static final class BatchSender implements Sender {
        private final Producer producer;
        private final byte[] message;
        private @Nullable Batch batch; // the open one
        private int added;

        BatchSender(Producer producer, byte[] message) {
            this.producer = producer;
            this.message = message;
        }

        @Override
        public boolean trySend() {
            if (batch == null) {
                batch = producer.tryBatch(IN_BATCH, IN_BATCH * producer.batchBytes(message.length));
                if (batch == null) return false;
                added = 0;
            }
            batch.add(message, 0, message.length);
            if (++added == IN_BATCH) flush();
            return true;
        }

        @Override
        public void flush() {
            if (batch == null) return;
            batch.commit();
            batch = null;
        }
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) {
        Consumer consumer = LaneQueue.open(file).newConsumer(delivery,
                work.kind() == Work.Kind.WAKE_UP ? WaitStrategy.sleeping() : WaitStrategy.spinThenSleep());
        if (consumer instanceof LeasingConsumer leasing) return leases(leasing, check);
        if (!runs) return one(consumer, new byte[work.bytes()], check);
        MessageHandler handler = message -> show(message, check);
        return new Receiver() {
            @Override
            public int poll(int limit) {
                return consumer.poll(handler, limit);
            }

            @Override
            public int await() throws InterruptedException {
                return consumer.poll(handler, 1, Long.MAX_VALUE);
            }
        };
    }

    private static Receiver leases(LeasingConsumer consumer, Payload.Check check) {
        LeaseHandler handler = (message, lease) -> show(message, check);
        return limit -> {
            for (int taken = 0; taken < limit; taken++) {
                Lease lease = consumer.tryLease(handler);
                if (lease == null) return taken;
                lease.done();
            }
            return limit;
        };
    }

    private static Receiver one(Consumer consumer, byte[] message, Payload.Check check) {
        return limit -> {
            for (int taken = 0; taken < limit; taken++) {
                int length = consumer.tryGet(message);
                if (length == Consumer.EMPTY) return taken;
                check.array(message, length);
            }
            return limit;
        };
    }

    private static void show(Message message, Payload.Check check) {
        int length = message.length();
        long first = message.getLong(0);
        check.first(first, length);
        int last = length - Long.BYTES;
        for (int at = Payload.LINE; at < last; at += Payload.LINE) {
            check.line(message.getLong(at));
        }
        check.last(first, message.getLong(last));
    }
}
