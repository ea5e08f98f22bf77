package dev.procession.tests.storm;

import dev.procession.core.Batch;
import dev.procession.core.Consumer;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeaseHandler;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Producer;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.history.Clock;
import dev.procession.tests.history.History;
import dev.procession.tests.kit.Load;
import dev.procession.tests.kit.Random64;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/// A process of a storm, which is stopped and killed at any time. It warms up, says `ready`, and is told by its
/// standard input to be a producer or a consumer under some number. It ends when the clock says so.
public final class Actor {
    private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(20);
    private static final int WARM_UP_BURSTS = 5;
    /// How a producer puts: waits, array, segment, claim, batch.
    private static final int MANNERS = 5;
    /// The most messages in a batch.
    public static final int MOST_IN_BATCH = 8;

    private final Storm.Plan plan;
    private final Clock clock;
    private final LaneQueue queue;
    private final long patience; // nanoseconds
    private final Load load;
    private final byte[] buffer;

    private Actor(Storm.Plan plan, Clock clock, LaneQueue queue, long patience) {
        this(plan, clock, queue, patience, queue.maxMessageBytes());
    }

    /// @param patience how long it waits for room or a message, in nanoseconds
    /// @param longest of its messages, in bytes
    public Actor(Storm.Plan plan, Clock clock, LaneQueue queue, long patience, int longest) {
        this.plan = plan;
        this.clock = clock;
        this.queue = queue;
        this.patience = patience;
        load = new Load(plan.seed(), longest);
        buffer = new byte[longest];
    }

    /// @param arguments the folder of the storm, and its plan
    public static void main(String[] arguments) throws Exception {
        var folder = Path.of(arguments[0]);
        var plan = Storm.Plan.parse(arguments[1]);
        warmUp(folder, plan);
        var actor =
                new Actor(plan, new Clock(folder.resolve("clock")), LaneQueue.open(folder.resolve("queue")), PATIENCE);
        System.out.println("ready");
        var orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        String order = orders.readLine();
        if (order == null) return;
        Thread.ofPlatform().daemon().start(() -> endWith(orders));
        String[] words = order.split(" ");
        int number = Integer.parseInt(words[1]);
        var history = new History(folder.resolve(order.replace(' ', '-')), plan.operationsEach());
        var random = new Random64(plan.seed() ^ number);
        if (words[0].equals("producer")) actor.produce(number, history, random);
        else actor.consume(history, random);
        Runtime.getRuntime().halt(0); // as crash-only as everybody else's end
    }

    /// The storm's process is gone: so should all of its actors be.
    private static void endWith(BufferedReader orders) {
        try {
            while (orders.readLine() != null) {}
        } catch (IOException e) {
            // gone as well
        }
        Runtime.getRuntime().halt(0);
    }

    /// Does everything once at a queue of its own, so that in the storm it is killed in the middle of operations and
    /// not of the loading of classes.
    private static void warmUp(Path folder, Storm.Plan plan) throws InterruptedException {
        String name = "warm-" + ProcessHandle.current().pid();
        var file = folder.resolve(name);
        var clock = new Clock(folder.resolve(name + ".clock"));
        LaneQueue.create(file, plan.geometry(), "").close();
        var actor = new Actor(plan, clock, LaneQueue.open(file), PATIENCE);
        var puts = new History(folder.resolve(name + ".puts"), 1 << 16);
        var gets = new History(folder.resolve(name + ".gets"), 1 << 16);
        var random = new Random64(plan.seed());
        try (var producer = actor.queue.newProducer();
                var consumer = actor.queue.newConsumer(plan.delivery())) {
            long sequence = 0;
            for (int i = 0; i < WARM_UP_BURSTS; i++) {
                long most = plan.maxItems() == 0 ? 8 : Math.min(8, plan.maxItems()); // nobody takes meanwhile
                for (int k = 0; k < most; k++) {
                    if (i == MANNERS - 1) sequence += actor.putBatch(producer, 0, sequence + 1, (int) most, puts);
                    else if (actor.put(producer, 0, sequence + 1, puts, i)) sequence++;
                    if (i == MANNERS - 1) break;
                }
                for (int k = 0; k < 12; k++) actor.take(consumer, gets, k % 4);
            }
            actor.pause(random);
        }
        actor.queue.close();
        LaneQueue.delete(file);
        for (String suffix : new String[] {".clock", ".puts", ".gets"}) folder.resolve(name + suffix).toFile().delete();
    }

    // ---- putting

    private void produce(int number, History history, Random64 random) throws InterruptedException {
        var producer = queue.newProducer();
        long start = System.nanoTime();
        long sequence = 0;
        while (clock.phase() == Clock.Phase.WORK) {
            int manner = random.below(MANNERS);
            int burst = 1 << random.below(9);
            while (burst > 0 && clock.phase() == Clock.Phase.WORK) {
                int count = 1;
                if (manner < MANNERS - 1) put(producer, number, sequence + 1, history, manner);
                else count = putBatch(producer, number, sequence + 1, 1 + random.below(mostInBatch()), history);
                sequence += count;
                burst -= count;
            }
            pause(random);
            awaitTurn(start, sequence, plan.putsPerSecond(), history);
        }
    }

    /// Puts a message, if there is room for it before this producer loses patience. Returns whether it did.
    public boolean put(Producer producer, int number, long sequence, History history, int manner)
            throws InterruptedException {
        long id = Load.id(number, sequence);
        int length = load.write(id, buffer);
        history.begin(History.PUT, id, clock.stamp());
        boolean done = false;
        for (int i = 0; !done && i < 64; i++) {
            if (i > 0) history.beginAgain(clock.stamp());
            done = switch (manner) {
                case 0 -> producer.put(buffer, 0, length, patience);
                case 1 -> producer.tryPut(buffer, 0, length);
                case 2 -> producer.tryPut(MemorySegment.ofArray(buffer), 0, length);
                default -> claimAndCommit(producer, length);
            };
            history.beat();
            if (!done && clock.phase() != Clock.Phase.WORK) break;
            if (!done && manner > 0) Thread.sleep(1);
        }
        history.returned(done ? clock.stamp() : History.REFUSED);
        if (done) history.message();
        return done;
    }

    private int mostInBatch() {
        return (int) (plan.maxItems() == 0 ? MOST_IN_BATCH : Math.min(MOST_IN_BATCH, plan.maxItems()));
    }

    /// Puts messages that come at once or not at all; fewer than `most` if that is more than a batch may hold. Returns
    /// how many were tried, whether or not there was room for them.
    public int putBatch(Producer producer, int number, long sequence, int most, History history)
            throws InterruptedException {
        long bytes = 0;
        int count = 0;
        for (; count < most; count++) {
            long more = producer.batchBytes(load.length(Load.id(number, sequence + count)));
            if (bytes + more > queue.maxBatchBytes()) break;
            bytes += more;
        }
        long first = history.count();
        for (int i = 0; i < count; i++) {
            history.begin(i == 0 ? History.PUT : History.BESIDE, Load.id(number, sequence + i), clock.stamp());
        }
        boolean done = false;
        for (int i = 0; !done && i < 64; i++) {
            try (var batch = i == 0 ? producer.tryBatch(count, bytes) : producer.batch(count, bytes, patience)) {
                done = batch != null;
                if (batch != null) fillAndCommit(batch, number, sequence, count);
            }
            history.beat();
            if (!done && clock.phase() != Clock.Phase.WORK) break;
        }
        for (int i = 0; i < count; i++) {
            history.entryReturned(first + i, done ? clock.stamp() : History.REFUSED);
            if (done) history.message();
        }
        return count;
    }

    private void fillAndCommit(Batch batch, int number, long sequence, int count) {
        for (int i = 0; i < count; i++) {
            int length = load.write(Load.id(number, sequence + i), buffer);
            switch (i % 3) {
                case 0 -> batch.add(buffer, 0, length);
                case 1 -> batch.add(MemorySegment.ofArray(buffer), 0, length);
                default -> {
                    var claim = batch.claim(length);
                    claim.putBytes(0, buffer, 0, length);
                    claim.commit();
                }
            }
        }
        batch.commit();
    }

    private boolean claimAndCommit(Producer producer, int length) {
        var claim = producer.tryClaim(length);
        if (claim == null) return false;
        claim.putBytes(0, buffer, 0, length);
        claim.commit();
        return true;
    }

    // ---- getting

    private void consume(History history, Random64 random) throws InterruptedException {
        Consumer consumer = null;
        while (consumer == null) {
            try {
                consumer = queue.newConsumer(plan.delivery());
            } catch (QueueUnavailableException e) { // of exclusive consumers, one at a time; the others succeed it
                if (clock.phase() == Clock.Phase.END) return;
                history.beat();
                Thread.sleep(1);
            }
        }
        long start = System.nanoTime();
        while (clock.phase() != Clock.Phase.END) {
            int manner = random.below(4);
            for (int burst = 1 << random.below(8); burst > 0 && clock.phase() != Clock.Phase.END; burst--) {
                take(consumer, history, manner);
                history.beat();
            }
            if (clock.phase() == Clock.Phase.WORK && random.below(4) == 0) pause(random);
            awaitTurn(start, history.count(), plan.getsPerSecond(), history);
        }
    }

    public void take(Consumer consumer, History history, int manner) throws InterruptedException {
        if (manner == 3) {
            history.begin(History.IS_EMPTY, 0, clock.stamp());
            history.returned(queue.isEmpty() ? 1 : 0, clock.stamp());
        }
        if (consumer instanceof LeasingConsumer leasing) {
            if (plan.run() > 1 && manner > 0) pollLeases(leasing, history);
            else lease(leasing, history, manner);
        } else if (plan.run() > 1 || manner == 2) { // one message can be polled, too
            poll(consumer, history, manner);
        } else {
            history.begin(History.GET, 0, clock.stamp());
            int length = manner == 0 ? consumer.get(buffer, patience) : consumer.tryGet(buffer);
            long now = clock.stamp();
            history.returned(length == Consumer.EMPTY ? 0 : load.check(buffer, length), now);
            if (length != Consumer.EMPTY) history.message();
        }
    }

    private void poll(Consumer consumer, History history, int manner) throws InterruptedException {
        long begin = clock.stamp();
        long poll = history.count();
        history.begin(History.POLL, plan.run(), begin);
        consumer.poll(message -> {
            int length = message.length();
            message.getBytes(0, buffer, 0, length);
            history.begin(History.HANDED, load.check(buffer, length), begin);
            history.returned(clock.stamp());
            history.message();
        }, plan.run(), manner == 0 ? patience : 0);
        history.entryReturned(poll, clock.stamp());
    }

    /// Takes a lease, and finishes the message or gives it back.
    private void lease(LeasingConsumer consumer, History history, int manner) throws InterruptedException {
        history.begin(History.LEASE, 0, clock.stamp());
        long[] id = {0};
        LeaseHandler handler = (message, lease) -> {
            int length = message.length();
            message.getBytes(0, buffer, 0, length);
            id[0] = load.check(buffer, length);
            history.returned(id[0], clock.stamp());
            history.begin(History.ATTEMPT, lease.attempt(), clock.stamp());
        };
        Lease lease = manner == 0 ? consumer.lease(handler, patience) : consumer.tryLease(handler);
        if (lease == null) {
            history.returned(0, clock.stamp());
            return;
        }
        if (id[0] % 64 == 0) Thread.sleep(1);
        boolean done = id[0] % 8 != 0 || lease.attempt() > 1;
        history.begin(done ? History.DONE : History.RELEASE, id[0], clock.stamp());
        if (done) lease.done();
        else lease.giveBack();
        history.returned(clock.stamp());
        if (done) history.message();
    }

    /// Takes leases one after the other by a poll, which finishes each message when its handler has returned. How
    /// often a message was lent is not told.
    private void pollLeases(LeasingConsumer consumer, History history) {
        long begin = clock.stamp();
        long before = history.count();
        consumer.poll(message -> {
            long now = clock.stamp();
            if (history.count() > before) history.returned(now); // the last one is done
            int length = message.length();
            message.getBytes(0, buffer, 0, length);
            long id = load.check(buffer, length);
            history.begin(History.LEASE, id, begin);
            history.returned(clock.stamp());
            history.begin(History.ATTEMPT, 0, clock.stamp());
            history.message();
            history.begin(History.DONE, id, clock.stamp());
        }, plan.run());
        if (history.count() == before) history.begin(History.LEASE, 0, begin);
        history.returned(clock.stamp());
    }

    // ---- pace

    /// Now and then nothing happens for a while, so that the queue is full at times, and empty at others.
    private void pause(Random64 random) throws InterruptedException {
        switch (random.below(8)) {
            case 0 -> Thread.sleep(random.below(5));
            case 1 -> Thread.sleep(0, random.below(1_000_000));
            case 2 -> {
                for (int i = random.below(2000); i > 0; i--) Thread.onSpinWait();
            }
            case 3 -> Thread.yield();
            default -> {}
        }
    }

    /// Logs are kept in memory, so nobody does more than its share.
    private void awaitTurn(long start, long operations, long perSecond, History history) throws InterruptedException {
        while (operations > 1000 + (System.nanoTime() - start) / 1e9 * perSecond
                && clock.phase() == Clock.Phase.WORK) {
            history.beat();
            Thread.sleep(1);
        }
    }
}
