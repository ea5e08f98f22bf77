package dev.procession.tests.fuzz;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeaseLostException;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Producer;
import dev.procession.tests.fuzz.Mutator.Good;
import dev.procession.tests.kit.Journal;
import dev.procession.tests.kit.Random64;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Meets files that were changed and does with them all that can be done. Each call must give a value or a
/// QueueException in little time and memory, and whatever happened, afterwards the file is not held open.
final class FileUser {
    /// Rounds before the time is looked at: classes are loaded and methods compiled in them.
    private static final int WARM_UP = 200;

    private static final long SHORTLY_NANOS = 200_000;

    private static final FileAttribute<?> MINE = PosixFilePermissions.asFileAttribute(
            PosixFilePermissions.fromString("rw-------"));

    private record Named(String name, Meter.Call call) {}

    private final long seed;
    private final Path file;
    private final List<Good> goods;
    private final Journal journal;
    private final Meter meter = new Meter();
    private final byte[] buffer = meter.buffer();

    private @Nullable LaneQueue queue;
    private final List<Producer> producers = new ArrayList<>();
    private @Nullable Consumer consumer;
    private final List<Lease> leases = new ArrayList<>();

    private FileUser(long seed, Path directory, Path journal) throws IOException {
        this.seed = seed;
        file = directory.resolve("queue");
        goods = Mutator.goods(directory);
        this.journal = new Journal(journal);
    }

    /// Plays the rounds from `first` to `last` until the time is over; the journal tells which one is on.
    static Meter.Tally meet(String directory, String journal, long seed, long first, long last, long nanos)
            throws Exception {
        var user = new FileUser(seed, Path.of(directory), Path.of(journal));
        long end = System.nanoTime() + nanos;
        for (int i = 0; i < WARM_UP; i++) user.play(-1 - i);
        user.meter.begin();
        long round = first;
        do { // at least one, however slow the machine is
            user.journal.intend(round);
            user.play(round++);
        } while (round <= last && System.nanoTime() < end);
        return user.meter.tally(round - first);
    }

    private void play(long round) throws Exception {
        var random = new Random64(Random64.mix(seed) + round);
        var good = goods.get(random.below(goods.size()));
        var mutator = new Mutator(random);
        byte[] bytes = good.bytes().clone();
        mutator.mutate(good, bytes);
        boolean late = random.below(2) == 0; // it is changed when everybody has it open
        try {
            write(late ? good.bytes() : bytes);
            if (late) {
                meter.call("open", () -> queue = LaneQueue.open(file));
                meter.call("newProducer", () -> producers.add(open().newProducer()));
                meter.call("newConsumer", () -> consumer = open().newConsumer(good.delivery()));
                write(bytes);
            }
            for (var each : calls(random, good)) meter.call(each.name, each.call);
            meter.call("close", this::close);
            assertLeft(good);
        } catch (Exception | Error thrown) {
            Path evidence = file.resolveSibling("evidence." + round);
            Files.write(evidence, bytes);
            throw new AssertionError("seed " + seed + ", round " + round + ", " + good + (late ? ", while open" : "")
                    + "; changed:" + mutator.changes() + "; the file: " + evidence, thrown);
        }
    }

    private void write(byte[] bytes) throws IOException {
        try (var channel = FileChannel.open(file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), MINE)) {
            channel.write(ByteBuffer.wrap(bytes), 0);
        }
    }

    private LaneQueue open() {
        if (queue == null) queue = LaneQueue.open(file);
        return queue;
    }

    private Consumer consumer(Good good) {
        if (consumer == null) consumer = open().newConsumer(good.delivery());
        return consumer;
    }

    private Producer producer(Random64 random) {
        int most = Math.min(3, open().geometry().lanes()); // one more would wait for a lane
        if (producers.isEmpty() || producers.size() < most && random.below(3) == 0) {
            producers.add(open().newProducer());
        }
        return producers.get(random.below(producers.size()));
    }

    /// All that can be done, in some order, some of it several times.
    private List<Named> calls(Random64 random, Good good) {
        var calls = new ArrayList<Named>();
        calls.add(new Named("isEmpty", () -> open().isEmpty()));
        calls.add(new Named("isFull", () -> open().isFull()));
        calls.add(new Named("size", () -> open().size()));
        calls.add(new Named("stats", () -> open().stats()));
        calls.add(new Named("browse", () -> {
            var browser = open().newBrowser(random.below(2) == 0);
            for (int i = 0; i < 1_000 && browser.next(message -> meter.see(message, open())); i++) {}
        }));
        for (int i = 0; i < 4; i++) {
            calls.add(new Named("tryGet", () -> Meter.assertLength(consumer(good).tryGet(buffer), open())));
            calls.add(new Named("poll", () -> consumer(good).poll(message -> meter.see(message, open()),
                    1 + random.below(40))));
            if (good.delivery() == Delivery.LEASED) {
                calls.add(new Named("lease", () -> lease((LeasingConsumer) consumer(good), random)));
                calls.add(new Named("end lease", () -> end(random)));
            }
            calls.add(new Named("tryPut", () -> producer(random).tryPut(buffer, 0, length(random))));
            calls.add(new Named("claim", () -> {
                var claim = producer(random).tryClaim(length(random));
                if (claim == null) return;
                claim.putBytes(0, buffer, 0, claim.length());
                if (random.below(3) == 0) claim.abort();
                else claim.commit();
            }));
            calls.add(new Named("batch", () -> batch(producer(random), random)));
        }
        calls.add(new Named("hasRoom", () -> producer(random).hasRoom(length(random))));
        if (random.below(8) == 0) {
            calls.add(new Named("waiting put", () -> producer(random).put(buffer, 0, length(random), SHORTLY_NANOS)));
            calls.add(new Named("waiting get", () -> consumer(good).get(buffer, SHORTLY_NANOS)));
        }
        calls.add(new Named("get all", () -> {
            for (int i = 0; i < 1_000 && consumer(good).tryGet(buffer) >= 0; i++) {}
        }));
        if (random.below(4) == 0) calls.add(new Named("close", this::close));
        Collections.shuffle(calls, new Random(random.next()));
        return calls;
    }

    private void batch(Producer producer, Random64 random) {
        int count = 1 + random.below(4);
        long most = open().geometry().maxItems();
        if (most > 0 && count > most) count = (int) most;
        int length = random.below(100);
        long bytes = count * producer.batchBytes(length);
        if (bytes > open().maxBatchBytes()) return;
        try (var batch = producer.tryBatch(count, bytes)) {
            if (batch == null) return;
            for (int i = random.below(2); i < count; i++) batch.add(buffer, 0, length);
            if (random.below(3) > 0) batch.commit();
        }
    }

    private void lease(LeasingConsumer consumer, Random64 random) {
        var lease = consumer.tryLease((message, unused) -> meter.see(message, open()));
        if (lease != null) leases.add(lease);
    }

    /// Its claim may have been written over, so it may be lost.
    private void end(Random64 random) {
        if (leases.isEmpty()) return;
        var lease = leases.remove(random.below(leases.size()));
        try {
            if (random.below(3) == 0) lease.giveBack();
            else lease.done();
        } catch (LeaseLostException expected) {}
    }

    private int length(Random64 random) {
        int max = open().maxMessageBytes();
        return random.below(4) == 0 ? random.below(max + 1) : random.below(100);
    }

    private void close() {
        if (leases.size() % 2 == 0) leases.forEach(Lease::close); // a lease that is left open is given back later
        leases.clear();
        while (!producers.isEmpty()) producers.removeLast().close();
        if (consumer != null) consumer.close();
        consumer = null;
        if (queue != null) queue.close();
        queue = null;
    }

    /// Nobody holds the file any more: it can be removed, as only one that nobody has open can be.
    private void assertLeft(Good good) throws IOException {
        write(Arrays.copyOf(good.bytes(), 4096));
        LaneQueue.delete(file);
    }
}
