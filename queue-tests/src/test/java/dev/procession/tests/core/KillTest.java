package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.Effort;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Journal;
import dev.procession.tests.kit.Oracle;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import dev.procession.tests.kit.Workloads;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// SIGKILL at any time, of anybody: nothing that was put is lost or comes twice, and nobody else is held up.
@Tag("long")
class KillTest {
    private static final int STEADY = 2;

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private final Pool pool = new Pool();
    private final Oracle oracle = new Oracle();
    private final List<Peer> peers = new ArrayList<>();
    private String file;
    private long seed;
    private Random64 random;

    /// Children that are up and warm before they are needed, since a JVM takes longer to start than to kill.
    private final class Pool {
        private final ArrayDeque<StepSubject> next = new ArrayDeque<>();

        StepSubject take() {
            while (next.size() < Effort.of(2, 4)) next.add(new StepSubject(file));
            var victim = next.remove();
            victim.up.forEach(Peer::join);
            return victim;
        }

        void close() {
            next.forEach(victim -> victim.child.close());
        }
    }

    /// A process with two threads that have the queue open.
    private static final class StepSubject {
        final Child child = Child.start("-XX:TieredStopAtLevel=1", "-Xmx32m");
        final List<Peer> peers = List.of(child.peer(), child.peer());
        final Peer peer = peers.getFirst();
        final List<CompletableFuture<String>> up;

        StepSubject(String file) {
            up = peers.stream().map(peer -> peer.start(scope -> scope.open(file).queue.label())).toList();
        }
    }

    @BeforeEach
    void makeQueue() {
        seed = Random64.seed();
        random = new Random64(seed);
        file = directory.resolve("queue").toString();
        // the two steady producers and two more: each victim inherits a lane of an earlier one
        LaneQueue.create(Path.of(file), new QueueGeometry(STEADY + 2, 16384, 0), "kills").close();
    }

    @AfterEach
    void end() {
        pool.close();
        peers.forEach(Peer::close);
    }

    private Journal journal(String name) {
        return new Journal(Path.of(Workloads.journal(directory, name)));
    }

    private List<CompletableFuture<Long>> startSteadyProducers() {
        var putting = new ArrayList<CompletableFuture<Long>>();
        for (int i = 0; i < STEADY; i++) {
            var peer = Child.kept("steady producers").peer();
            peers.add(peer);
            int number = i;
            var where = file;
            long from = seed;
            String journal = Workloads.journal(directory, "producer" + i);
            peer.run(scope -> scope.open(where).producer());
            putting.add(peer.start(scope -> Workloads.put(scope, journal, number, from, Integer.MAX_VALUE, 8)));
            oracle.producer(i, journal("producer" + i));
        }
        return putting;
    }

    private CompletableFuture<Long> startSteadyConsumer(Delivery delivery) {
        var peer = Child.kept("steady consumer").peer();
        peers.add(peer);
        var where = file;
        long from = seed;
        String journal = Workloads.journal(directory, "consumer");
        peer.run(scope -> scope.open(where).consumer(delivery));
        return peer.start(scope -> delivery == Delivery.SHARED ? Workloads.get(scope, journal, from)
                : Workloads.poll(scope, journal, from, 32));
    }

    /// Lets the victim work for up to a few milliseconds more, and kills it.
    private void killSoon(Child victim) {
        long nanos = random.below(3) == 0 ? random.below(200_000) : random.below(6_000_000);
        long start = System.nanoTime();
        while (System.nanoTime() - start < nanos) Thread.onSpinWait();
        victim.kill();
    }

    /// Nobody is held up: each steady producer gets another message through.
    private void assertStillGoing() {
        for (int i = 0; i < STEADY; i++) {
            var journal = journal("producer" + i);
            long now = journal.result();
            Await.until("producer " + i + " goes on", () -> journal.result() > now);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"SHARED", "EXCLUSIVE"})
    void producersThatAreKilledInMidPutHarmNobody(Delivery delivery) throws Exception {
        int kills = Effort.of(12, 100);
        var getting = startSteadyConsumer(delivery);
        var putting = startSteadyProducers();
        for (int i = 0; i < kills; i++) {
            var victim = pool.take();
            for (int k = 0; k < 2; k++) {
                int number = 10 + 2 * i + k;
                String name = Workloads.journal(directory, "producer" + number);
                long from = seed;
                victim.peers.get(k).start(scope -> {
                    Workloads.becomeProducer(scope);
                    return Workloads.put(scope, name, number, from, Integer.MAX_VALUE, 0);
                });
                var journal = journal("producer" + number);
                oracle.producer(number, journal);
                long atLeast = random.below(20);
                Await.until("a victim puts", () -> journal.result() >= atLeast);
            }
            killSoon(victim.child);
            assertStillGoing();
        }
        Workloads.announceEnd(directory);
        for (var end : putting) Peer.join(end);
        Peer.join(getting);
        oracle.consumer(journal("consumer"));
        oracle.checkOnce(0).assertFaultless();
    }

    @Test
    void sharedConsumersThatAreKilledTakeAtMostOneMessageAlong() throws Exception {
        int kills = Effort.of(12, 60);
        var getting = startSteadyConsumer(Delivery.SHARED);
        var putting = startSteadyProducers();
        for (int i = 0; i < kills; i++) {
            var victim = pool.take();
            String name = Workloads.journal(directory, "victim" + i);
            long from = seed;
            victim.peer.start(scope -> {
                scope.consumer(Delivery.SHARED);
                return Workloads.get(scope, name, from);
            });
            long atLeast = random.below(20);
            var journal = journal("victim" + i);
            Await.until("victim " + i + " gets", () -> journal.length() >= atLeast);
            killSoon(victim.child);
            oracle.consumer(journal);
            assertStillGoing();
        }
        Workloads.announceEnd(directory);
        for (var end : putting) Peer.join(end);
        Peer.join(getting);
        oracle.consumer(journal("consumer"));
        oracle.checkOnce(kills).assertFaultless();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 16})
    void anExclusiveConsumerThatIsKilledIsSucceededAtItsFirstUnfinishedMessage(int limit) throws Exception {
        int kills = Effort.of(6, 25);
        var putting = startSteadyProducers();
        for (int i = 0; i <= kills; i++) {
            boolean last = i == kills;
            var victim = pool.take();
            String name = Workloads.journal(directory, "victim" + i);
            long from = seed;
            var working = victim.peer.start(scope -> {
                Workloads.becomeConsumer(scope, Delivery.EXCLUSIVE);
                return Workloads.poll(scope, name, from, limit);
            });
            long atLeast = 1 + random.below(60);
            var journal = journal("victim" + i);
            Await.until("consumer " + i + " gets", () -> journal.length() >= atLeast);
            if (last) {
                Workloads.announceEnd(directory);
                for (var end : putting) Peer.join(end);
                Peer.join(working);
            }
            killSoon(victim.child);
            oracle.consumer(journal);
            if (!last) assertTrue(putting.stream().noneMatch(CompletableFuture::isDone), "a producer gave up");
        }
        oracle.checkSuccession(limit).assertFaultless();
    }

    @Test
    void aKilledConsumerOfTheOtherKindIsOutOfTheWayAtOnce() {
        for (int round = 0; round < 6; round++) {
            var kind = round % 2 == 0 ? Delivery.EXCLUSIVE : Delivery.SHARED;
            var other = round % 2 == 0 ? Delivery.SHARED : Delivery.EXCLUSIVE;
            var holder = pool.take();
            holder.peer.run(scope -> scope.consumer(kind));
            try (var queue = LaneQueue.open(Path.of(file))) {
                assertThrows(QueueUnavailableException.class,
                        () -> queue.newConsumer(other));
                holder.child.kill();
                // the process is gone when kill() returns, and the kernel has dropped its locks before that
                queue.newConsumer(other).close();
            }
        }
    }

    @Test
    void theLaneOfAKilledProducerIsFreeAtOnceAndItsMessagesStay() throws Exception {
        for (int round = 0; round < 4; round++) {
            try (var queue = LaneQueue.open(Path.of(file))) {
                var holder = pool.take();
                int[] lanes = holder.peer.call(scope -> {
                    scope.producer();
                    scope.other = scope.queue.newProducer();
                    scope.producer.put(new byte[1]);
                    scope.other.put(new byte[2]);
                    return new int[] {scope.producer.lane(), scope.other.lane()};
                });
                try (var third = queue.newProducer();
                        var fourth = queue.newProducer()) {
                    assertEquals(Set.of(0, 1, 2, 3), Set.of(
                            lanes[0], lanes[1], third.lane(), fourth.lane()));
                    assertThrows(QueueUnavailableException.class, queue::newProducer);
                    holder.child.kill();
                    try (var heir = queue.newProducer();
                            var consumer = queue.newConsumer(Delivery.SHARED)) {
                        heir.put(new byte[3]);
                        for (int length = 1; length <= 3; length++) {
                            assertEquals(length, consumer.get(new byte[8], TimeUnit.SECONDS.toNanos(1)));
                        }
                    }
                }
            }
        }
    }
}
