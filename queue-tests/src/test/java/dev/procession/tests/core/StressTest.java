package dev.procession.tests.core;

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
}
