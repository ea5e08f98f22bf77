package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.MessageTooLargeException;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Journal;
import dev.procession.tests.kit.Oracle;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import dev.procession.tests.kit.Workloads;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Many processes at full speed: nothing lost, nothing twice, nothing torn, each producer's messages in order.
class StressTest {
    private static final int PRODUCERS = 4;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    @ParameterizedTest
    @CsvSource({
        // consumers, delivery, messages a producer, lane bytes, bound, poll limit (0: get)
        "3, SHARED,     50000, 65536, 0,  0",
        "3, SHARED,     12000,  4096, 0,  0",
        "3, SHARED,     50000, 65536, 0, 16",
        "1, EXCLUSIVE,  50000, 65536, 0,  0",
        "1, EXCLUSIVE,  50000,  8192, 0, 50",
        "3, SHARED,      6000, 65536, 5,  0"
    })
    void fourProducersAndTheirConsumersLoseNothing(int consumers, Delivery delivery, int some, long laneBytes,
            long bound, int limit) throws Exception {
        int messages = Effort.of(1, 10) * some;
        long seed = Random64.seed();
        String file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(PRODUCERS + 3, laneBytes, bound), "stress").close();

        var peers = new ArrayList<Peer>();
        var getting = new ArrayList<CompletableFuture<Long>>();
        for (int i = 0; i < consumers; i++) {
            var peer = Child.kept("stress consumer " + i).peer();
            peers.add(peer);
            String journal = Workloads.journal(directory, "consumer" + i);
            peer.run(scope -> scope.open(file).consumer(delivery));
            getting.add(peer.start(scope -> limit == 0 ? Workloads.get(scope, journal, seed)
                    : Workloads.poll(scope, journal, seed, limit)));
        }
        var putting = new ArrayList<CompletableFuture<Long>>();
        for (int i = 0; i < PRODUCERS; i++) {
            var peer = Child.kept("stress producer " + i).peer();
            peers.add(peer);
            int number = i;
            String journal = Workloads.journal(directory, "producer" + i);
            peer.run(scope -> scope.open(file).producer());
            putting.add(peer.start(scope -> Workloads.put(scope, journal, number, seed, messages, 0)));
        }
        for (var end : putting) Peer.join(end);
        Workloads.announceEnd(directory);
        long gets = 0;
        for (var end : getting) gets += Peer.join(end);
        peers.forEach(Peer::close);

        var oracle = new Oracle();
        for (int i = 0; i < PRODUCERS; i++)
            oracle.producer(i, new Journal(Path.of(Workloads.journal(directory, "producer" + i))));
        for (int i = 0; i < consumers; i++)
            oracle.consumer(new Journal(Path.of(Workloads.journal(directory, "consumer" + i))));
        oracle.checkOnce(0).assertFaultless();
        assertEquals((long) PRODUCERS * messages, gets);
        assertEquals(gets, oracle.puts());
    }

    /// The lanes that a consumer must look at: the more, the longer a look, and the more happens meanwhile.
    private static final int LANES = 64;

    /// Makes producers for this peer's first and last free lane; all lanes are in use then.
    private static void spread(Peer.Scope scope) {
        var between = new ArrayList<Producer>();
        scope.producer();
        try {
            while (true) between.add(scope.queue.newProducer());
        } catch (QueueUnavailableException all) {
            scope.other = between.removeLast();
        }
        between.forEach(Producer::close);
    }

    /// One thread puts by turns into a lane that a look comes to early and one that it comes to late.
    @ParameterizedTest
    @CsvSource({"EXCLUSIVE, 0", "EXCLUSIVE, 8", "SHARED, 0", "SHARED, 8"})
    void whatWasPutEarlierComesEarlierHoweverFastTheNextFollows(Delivery delivery, int limit) {
        int messages = Effort.of(100_000, 1_000_000);
        long seed = Random64.seed();
        String file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(LANES, 4096, 0), "stress").close();
        try (var puts = Child.kept("stress producer 0").peer();
                var gets = Child.kept("stress consumer 0").peer()) {
            puts.run(scope -> spread(scope.open(file)));
            gets.run(scope -> scope.open(file).consumer(delivery));
            var putting = puts.start(scope -> {
                byte[] message = new byte[Long.BYTES];
                var random = new Random64(seed);
                for (int i = 0; i < messages; i++) {
                    ByteBuffer.wrap(message).putLong(0, i);
                    (random.below(2) == 0 ? scope.producer : scope.other).put(message);
                    for (int pause = random.below(4) == 0 ? random.below(200) : 0; pause > 0; pause--) {
                        Thread.onSpinWait();
                    }
                }
                return messages;
            });
            gets.run(scope -> {
                byte[] message = new byte[Long.BYTES];
                long[] next = {0};
                while (next[0] < messages) {
                    if (limit == 0) {
                        assertEquals(Long.BYTES, scope.consumer.get(message));
                        assertEquals(next[0]++, ByteBuffer.wrap(message).getLong(0));
                    } else {
                        scope.consumer.poll(m -> {
                            m.getBytes(0, message, 0, Long.BYTES);
                            assertEquals(next[0]++, ByteBuffer.wrap(message).getLong(0));
                        }, limit, Long.MAX_VALUE);
                    }
                }
            });
            assertEquals(messages, Peer.join(putting));
        }
    }

    /// Of two messages one process takes one at a time and puts it back, two into one lane and two into the other. So
    /// there always is one left, though each lane is empty again and again.
    @ParameterizedTest
    @CsvSource({"2, 0, 0", "4, 0, 0", "64, 0, 0", "4, 8, 0", "4, 0, 1"})
    void whileAMessageIsLeftNobodyIsToldThatThereIsNone(int lanes, long bound, int limit) throws Exception {
        int turns = Effort.of(30_000, 300_000);
        String file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(lanes, 4096, bound), "stress").close();
        try (var passes = Child.kept("stress consumer 0").peer();
                var looks = Child.kept("stress consumer 1").peer()) {
            looks.run(scope -> scope.open(file).consumer(Delivery.SHARED));
            passes.run(scope -> {
                spread(scope.open(file));
                scope.consumer(Delivery.SHARED);
                for (int i = 0; i < 2; i++) scope.producer.put(new byte[8]);
            });
            var passing = passes.start(scope -> {
                byte[] buffer = new byte[8];
                int empty = 0;
                for (int i = 0; i < 4 * turns; i++) {
                    while (take(scope, buffer, limit) == 0) empty++;
                    (i / 2 % 2 == 0 ? scope.other : scope.producer).put(buffer);
                }
                return empty;
            });
            int wrong = looks.call(scope -> {
                byte[] tooShort = new byte[0];
                int empty = 0;
                for (int turn = 0; turn < turns; turn++) {
                    if (scope.queue.isEmpty()) empty++;
                    try {
                        scope.consumer.tryGet(tooShort);
                        empty++;
                    } catch (MessageTooLargeException leftWhereItIs) {}
                }
                return empty;
            });
            assertEquals(0, wrong);
            assertEquals(0, Peer.join(passing));
            assertEquals(2, passes.count(scope -> scope.queue.size()));
        }
    }

    private static int take(Peer.Scope scope, byte[] buffer, int limit) {
        if (limit == 0) return scope.consumer.tryGet(buffer) == Consumer.EMPTY ? 0 : 1;
        return scope.consumer.poll(message -> message.getBytes(0, buffer, 0, buffer.length), limit);
    }
}
