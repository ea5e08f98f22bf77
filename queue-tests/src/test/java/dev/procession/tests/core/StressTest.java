package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.Child;
import dev.procession.tests.Journal;
import dev.procession.tests.Oracle;
import dev.procession.tests.Peer;
import dev.procession.tests.Random64;
import dev.procession.tests.SharedMemory;
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
        "3, SHARED,    150000, 65536, 0,  0",
        "3, SHARED,     40000,  4096, 0,  0",
        "3, SHARED,    150000, 65536, 0, 16",
        "1, EXCLUSIVE, 150000, 65536, 0,  0",
        "1, EXCLUSIVE, 150000,  8192, 0, 50",
        "3, SHARED,     20000, 65536, 5,  0"
    })
    void fourProducersAndTheirConsumersLoseNothing(int consumers, Delivery delivery, int messages, long laneBytes,
            long bound, int limit) throws Exception {
        long seed = Random64.seed();
        String file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(PRODUCERS + 3, laneBytes, bound), "stress").close();

        var peers = new ArrayList<Peer>();
        var getting = new ArrayList<CompletableFuture<Long>>();
        for (int i = 0; i < consumers; i++) {
            var peer = Child.kept("stress consumer " + i).peer();
            peers.add(peer);
            String journal = Works.journal(directory, "consumer" + i);
            peer.run(scope -> scope.open(file).consumer(delivery));
            getting.add(peer.start(scope -> limit == 0 ? Works.get(scope, journal, seed)
                    : Works.poll(scope, journal, seed, limit)));
        }
        var putting = new ArrayList<CompletableFuture<Long>>();
        for (int i = 0; i < PRODUCERS; i++) {
            var peer = Child.kept("stress producer " + i).peer();
            peers.add(peer);
            int number = i;
            String journal = Works.journal(directory, "producer" + i);
            peer.run(scope -> scope.open(file).producer());
            putting.add(peer.start(scope -> Works.put(scope, journal, number, seed, messages, 0)));
        }
        for (var end : putting) Peer.join(end);
        Works.announceEnd(directory);
        long gets = 0;
        for (var end : getting) gets += Peer.join(end);
        peers.forEach(Peer::close);

        var oracle = new Oracle();
        for (int i = 0; i < PRODUCERS; i++)
            oracle.producer(i, new Journal(Path.of(Works.journal(directory, "producer" + i))));
        for (int i = 0; i < consumers; i++)
            oracle.consumer(new Journal(Path.of(Works.journal(directory, "consumer" + i))));
        oracle.checkOnce(0).assertFaultless();
        assertEquals((long) PRODUCERS * messages, gets);
        assertEquals(gets, oracle.puts());
    }

    /// Each of three processes takes a message and puts it back, over and over. There are more messages than processes,
    /// so there is always one left, though each lane is empty again and again.
    @ParameterizedTest
    @CsvSource({"0, 0", "0, 1", "8, 0"})
    void whileAMessageIsLeftNobodyIsToldThatThereIsNone(long bound, int limit) throws Exception {
        int processes = 3;
        String file = directory.resolve("queue").toString();
        LaneQueue.create(Path.of(file), new QueueGeometry(processes, 4096, bound), "stress").close();
        var peers = new ArrayList<Peer>();
        for (int i = 0; i < processes; i++) {
            var peer = Child.kept("stress consumer " + i).peer();
            peers.add(peer);
            peer.run(scope -> {
                scope.open(file).producer();
                scope.consumer(Delivery.SHARED);
            });
        }
        peers.getFirst().run(scope -> {
            for (byte i = 0; i <= processes; i++) scope.producer.put(new byte[] {i});
        });
        var passing = new ArrayList<CompletableFuture<Long>>();
        for (var peer : peers) {
            passing.add(peer.start(scope -> {
                byte[] buffer = new byte[1];
                long empty = 0;
                for (int i = 0; i < 60_000; i++) {
                    if (scope.queue.isEmpty()) empty++;
                    while ((limit == 0 ? scope.consumer.tryGet(buffer)
                            : scope.consumer.poll(message -> buffer[0] = message.getByte(0), limit)) <= 0)
                        empty++;
                    scope.producer.put(buffer);
                }
                return empty;
            }));
        }
        for (var end : passing) assertEquals(0, Peer.join(end));
        byte[] left = new byte[processes + 1];
        peers.getFirst().run(scope -> assertEquals(processes + 1, scope.queue.size()));
        for (int i = 0; i <= processes; i++) left[peers.getLast().call(scope -> scope.take())[0]]++;
        assertArrayEquals(new byte[] {1, 1, 1, 1}, left);
        peers.forEach(Peer::close);
    }
}
