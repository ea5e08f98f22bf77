package dev.procession.core;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;

/// The examples of the API documentation: compiled here, shown there by region.
final class CoreExamples {
    private CoreExamples() {}

    static void putAndGet() throws InterruptedException {
        // @start region="put-get"
        try (LaneQueue queue = LaneQueue.createAnonymous(QueueGeometry.DEFAULT, "greetings");
                Producer producer = queue.newProducer();
                Consumer consumer = queue.newConsumer(Delivery.SHARED)) { // or in another process: open(queue.path())
            producer.put("hello".getBytes(UTF_8));
            byte[] buffer = new byte[64];
            int length = consumer.get(buffer);
            System.out.println(new String(buffer, 0, length, UTF_8));
        }
        // @end
    }

    static void producer(LaneQueue queue, byte[] message) throws InterruptedException {
        // @start region="producer"
        try (Producer producer = queue.newProducer()) {
            boolean put = producer.tryPut(message); // false: the queue is full
            if (!put) put = producer.put(message, 0, message.length, 1_000_000_000); // waits for room, 1 s at most
            if (!put) throw new IllegalStateException("no room for a second");
        }
        // @end
    }

    static void claim(Producer producer, long id, double price) {
        // @start region="claim"
        Claim claim = producer.tryClaim(Long.BYTES + Double.BYTES);
        if (claim != null) { // null: the queue is full
            claim.putLong(0, id);
            claim.putDouble(Long.BYTES, price);
            claim.commit();
        }
        // @end
    }

    static boolean batch(Producer producer, List<byte[]> orders) {
        // @start region="batch"
        long bytes = 0;
        for (byte[] order : orders) bytes += producer.batchBytes(order.length);
        try (Batch batch = producer.tryBatch(orders.size(), bytes)) {
            if (batch == null) return false; // the queue is full; nothing was put
            for (byte[] order : orders) batch.add(order, 0, order.length); // if this throws, close() aborts
            batch.commit(); // consumers see all of them from here on
        }
        // @end
        return true;
    }

    static void consumer(LaneQueue queue, AtomicBoolean running, LongAdder sum) throws InterruptedException {
        // @start region="consumer"
        try (Consumer consumer = queue.newConsumer(Delivery.EXCLUSIVE)) {
            while (running.get()) {
                consumer.poll(message -> sum.add(message.getLong(0)), 100, 1_000_000_000); // up to 100, waits up to 1 s
            }
        }
        // @end
    }

    static void messageHandler(Consumer consumer, Map<Integer, Integer> lengths) {
        // @start region="message-handler"
        MessageHandler handler = message -> lengths.merge(message.length(), 1, Integer::sum);
        int handled;
        do handled = consumer.poll(handler, 100);
        while (handled > 0);
        // @end
    }

    static void message(Consumer consumer, Map<Long, String> names) {
        // @start region="message"
        consumer.poll(message -> {
            long id = message.getLong(0);
            byte[] name = new byte[message.length() - Long.BYTES];
            message.getBytes(Long.BYTES, name, 0, name.length);
            names.put(id, new String(name, UTF_8)); // not the message itself: it is reused
        }, 10);
        // @end
    }

    static void leasing(Path file) {
        // @start region="leasing"
        Leasing leasing = new Leasing(Duration.ofSeconds(30).toNanos(), 3);
        QueueGeometry geometry = new QueueGeometry(64, 4 << 20, 0, leasing);
        try (LaneQueue queue = LaneQueue.create(file, geometry, "jobs");
                Consumer worker = queue.newConsumer(Delivery.LEASED)) {
            worker.poll(message -> System.out.println(message.length()), 1);
        }
        // @end
    }

    static void leasingConsumer(LaneQueue queue, List<byte[]> results) throws InterruptedException {
        // @start region="leasing-consumer"
        try (LeasingConsumer consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
            Lease lease;
            while ((lease = consumer.lease((message, held) -> results.add(message.toBytes()), 1_000_000_000)) != null) {
                lease.done(); // a kill before this: another consumer gets the message
            }
        }
        // @end
    }

    static void lease(LeasingConsumer consumer, List<byte[]> results) {
        // @start region="lease"
        List<byte[]> received = new ArrayList<>();
        try (Lease lease = consumer.tryLease((message, held) -> received.add(message.toBytes()))) {
            if (lease == null) return; // every message is leased or done
            results.addAll(received); // if this throws, close() gives the message back
            lease.done();
        }
        // @end
    }

    static void leaseHandler(LeasingConsumer consumer, List<byte[]> results) {
        // @start region="lease-handler"
        LeaseHandler handler = (message, lease) -> {
            results.add(message.toBytes()); // if this throws, the lease is given back
            lease.done();
        };
        boolean found = consumer.tryLease(handler) != null;
        // @end
    }

    static void waitStrategy(LaneQueue queue, byte[] message, byte[] buffer) throws InterruptedException {
        // @start region="wait-strategy"
        try (Producer producer = queue.newProducer(WaitStrategy.spinning()); // has a core of its own
                Consumer consumer = queue.newConsumer(Delivery.SHARED, WaitStrategy.sleeping())) { // seldom has work
            producer.put(message);
            consumer.get(buffer);
        }
        // @end
    }

    static int waitLoop(LaneQueue queue, Consumer consumer, byte[] buffer) throws InterruptedException {
        // @start region="wait-loop"
        WaitLoop waiting = queue.waitingForMessages(WaitStrategy.spinThenSleep());
        waiting.start(1_000_000_000);
        int length;
        do {
            synchronized (consumer) { // shared by threads, which lock it for a look and not for the wait
                length = consumer.tryGet(buffer);
            }
        } while (length == Consumer.EMPTY && waiting.pause());
        // @end
        return length;
    }

    static void geometry(Path file) {
        // @start region="geometry"
        QueueGeometry geometry = new QueueGeometry(8, 1 << 16, 1000); // 8 producers, 64 KiB each, 1000 messages in all
        try (LaneQueue queue = LaneQueue.create(file, geometry, "orders")) {
            System.out.println(queue.maxMessageBytes()); // 32736: half a lane less two headers
        }
        // @end
    }

    static void delivery(LaneQueue queue, byte[] buffer) {
        // @start region="delivery"
        try (Consumer one = queue.newConsumer(Delivery.SHARED);
                Consumer other = queue.newConsumer(Delivery.SHARED)) { // EXCLUSIVE: QueueUnavailableException
            one.tryGet(buffer); // the first message
            other.tryGet(buffer); // the second one
        }
        // @end
    }

    static boolean cpus(int worker) {
        // @start region="cpus"
        int[] cpus = Cpus.available(); // empty if the platform cannot tell
        boolean pinned = false;
        if (cpus.length > 0) pinned = Cpus.pin(cpus[worker % cpus.length]);
        // @end
        return pinned;
    }
}
