package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.Await;
import dev.procession.tests.Child;
import dev.procession.tests.Journal;
import dev.procession.tests.Load;
import dev.procession.tests.Oracle;
import dev.procession.tests.Peer;
import dev.procession.tests.Random64;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.Works;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Before each step that a process makes on shared memory it is stopped, while everybody else goes on. Then it is
/// continued, or killed there. Which steps there are is what the process tells itself, so none is forgotten.
class StepsTest {
    private static final int MESSAGES = 60;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 0);
    private static final QueueGeometry BOUNDED = new QueueGeometry(2, 4096, 8);

    @TempDir(factory = SharedMemory.class)
    Path root;

    private enum Role {
        PRODUCER(GEOMETRY, Delivery.SHARED), PRODUCER_OF_A_BOUNDED_QUEUE(BOUNDED, Delivery.SHARED), SHARED_CONSUMER(
                GEOMETRY, Delivery.SHARED), CONSUMER_OF_A_BOUNDED_QUEUE(BOUNDED,
                        Delivery.SHARED), EXCLUSIVE_CONSUMER(GEOMETRY, Delivery.EXCLUSIVE);

        final QueueGeometry geometry;
        final Delivery delivery;

        Role(QueueGeometry geometry, Delivery delivery) {
            this.geometry = geometry;
            this.delivery = delivery;
        }

        boolean puts() {
            return this == PRODUCER || this == PRODUCER_OF_A_BOUNDED_QUEUE;
        }

        /// What the process under test does.
        Object play(Peer.Scope scope, String file, String journal, long seed) throws Exception {
            scope.open(file);
            if (puts()) {
                scope.producer();
                return Works.put(scope, journal, 1, seed, MESSAGES, 0);
            }
            scope.consumer(delivery);
            return delivery == Delivery.SHARED ? Works.get(scope, journal, seed) : Works.poll(scope, journal, seed, 4);
        }
    }

    private enum Fate {
        CONTINUED, KILLED
    }

    static List<Arguments> rolesAndFates() {
        return Stream.of(Role.values()).flatMap(role -> Stream.of(Fate.values()).map(fate -> Arguments.of(role, fate)))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("rolesAndFates")
    void whoStopsBeforeAnyStepHoldsNobodyUp(Role role, Fate fate) throws Exception {
        long seed = Random64.seed();
        Set<String> names = steps(role, seed);
        assertTrue(names.size() >= 10, names::toString);
        var scenes = new ArrayDeque<Scene>();
        for (String name : names) scenes.add(new Scene(role, fate, name, fate == Fate.CONTINUED ? 1 : 2, seed));
        var ahead = new ArrayDeque<Scene>();
        try {
            while (!scenes.isEmpty() || !ahead.isEmpty()) {
                while (ahead.size() < 2 && !scenes.isEmpty()) ahead.add(scenes.remove().start());
                var scene = ahead.remove();
                try {
                    boolean hit = scene.playAndEnd();
                    // some steps, such as a sleep or a lost race, are not made that often or not every time
                    for (int i = 0; !hit && i < 8; i++) {
                        scene = new Scene(role, fate, scene.name, 1, seed).start();
                        hit = scene.playAndEnd();
                    }
                    assertTrue(hit, "never hit");
                } catch (Throwable thrown) {
                    throw new AssertionError(scene.toString(), thrown);
                }
            }
        } finally {
            ahead.forEach(scene -> scene.child.close());
        }
    }

    /// The names of all steps that the role makes, as it tells them itself.
    private Set<String> steps(Role role, long seed) throws Exception {
        var scene = new Scene(role, Fate.CONTINUED, "", 0, seed).start();
        assertFalse(scene.playAndEnd());
        var names = new TreeSet<String>();
        for (String line : scene.told.split("\n")) if (line.startsWith("point ")) names.add(line.substring(6));
        return names;
    }

    /// One process under test at one queue, and all others, who are threads of this JVM.
    private final class Scene {
        final Role role;
        final Fate fate;
        final String name;
        final int hit;
        final long seed;
        final Path directory;
        final String file;
        final Journal journal;
        final Oracle oracle = new Oracle();
        Child child;
        Peer peer;
        String told = "";

        Scene(Role role, Fate fate, String name, int hit, long seed) throws Exception {
            this.role = role;
            this.fate = fate;
            this.name = name;
            this.hit = hit;
            this.seed = seed;
            directory = Files.createTempDirectory(root, "scene");
            file = directory.resolve("queue").toString();
            journal = journal("under test");
        }

        private Journal journal(String who) {
            return new Journal(Path.of(Works.journal(directory, who)));
        }

        Scene start() {
            child = Child.start("-XX:TieredStopAtLevel=1", "-Ddev.procession.points="
                    + (hit == 0 ? "::list" : name + ":" + hit + ":stop"));
            peer = child.peer();
            try (var queue = LaneQueue.create(Path.of(file), role.geometry, "steps")) {
                leaveTraces(queue);
            }
            return this;
        }

        /// Fills both lanes with earlier laps, so that no zero is there by chance, and leaves them empty.
        private void leaveTraces(LaneQueue queue) {
            var random = new Random64(seed);
            byte[] trace = new byte[200];
            Arrays.fill(trace, (byte) 0x41);
            try (var one = queue.newProducer();
                    var two = queue.newProducer();
                    var consumer = queue.newConsumer(role.delivery)) {
                for (int i = 0; i < 200; i++) {
                    assertTrue(one.tryPut(trace, 0, random.below(200)));
                    assertTrue(two.tryPut(trace, 0, random.below(200)));
                    assertTrue(consumer.tryGet(trace) >= 0);
                    assertTrue(consumer.tryGet(trace) >= 0);
                }
            }
        }

        /// Returns false if the process never came to its step.
        boolean playAndEnd() throws Exception {
            try {
                return play();
            } finally {
                child.close();
            }
        }

        private boolean play() throws Exception {
            var part = role;
            String where = file;
            String journal = Works.journal(directory, "under test");
            long from = seed;
            peer.run(scope -> {});
            try (var queue = LaneQueue.open(Path.of(file))) {
                return role.puts() ? playProducer(queue, () -> peer.start(s -> tell(s, part, where, journal, from)))
                        : playConsumer(queue, () -> peer.start(s -> tell(s, part, where, journal, from)));
            }
        }

        /// Plays the part and returns what was printed meanwhile.
        private static String tell(Peer.Scope scope, Role role, String file, String journal, long seed)
                throws Exception {
            var before = System.out;
            var printed = new ByteArrayOutputStream();
            System.setOut(new PrintStream(printed, true));
            try {
                role.play(scope, file, journal, seed);
                return printed.toString();
            } finally {
                System.setOut(before);
            }
        }

        private boolean playProducer(LaneQueue queue, Supplier<CompletableFuture<String>> start) throws Exception {
            try (var consumer = queue.newConsumer(role.delivery);
                    var producer = queue.newProducer()) {
                var got = journal("consumer");
                var load = new Load(seed, queue.maxMessageBytes());
                var under = start.get();
                // at first nobody makes room, so that it comes to wait for some; then there is room now and then
                for (long since = System.nanoTime(); !child.isStopped();) {
                    if (under.isDone()) {
                        told = Peer.join(under);
                        return false;
                    }
                    boolean quiet = System.nanoTime() - since < TimeUnit.MILLISECONDS.toNanos(15);
                    if (quiet || !take(consumer, load, got)) Thread.sleep(1);
                }
                oracle.producer(1, this.journal);
                putAndTake(queue, producer, consumer, load, 0, got);
                if (fate == Fate.CONTINUED) {
                    child.resume();
                    while (!under.isDone()) if (!take(consumer, load, got)) Thread.sleep(1);
                    Peer.join(under);
                } else {
                    child.kill();
                    try (var heir = queue.newProducer()) { // there are two lanes, so it is the dead one's
                        putAndTake(queue, heir, consumer, load, 2, got);
                    }
                }
                while (take(consumer, load, got)) {}
                assertTrue(queue.isEmpty());
                assertEquals(0, queue.size());
                oracle.consumer(got);
                oracle.checkOnce(0).assertFaultless();
                return true;
            }
        }

        private boolean take(Consumer consumer, Load load, Journal got) {
            byte[] buffer = new byte[4096];
            int length = consumer.tryGet(buffer);
            if (length == Consumer.EMPTY) return false;
            got.append(load.check(buffer, length));
            return true;
        }

        /// Others put and get as if nobody had stopped: each message is there as soon as its put has returned.
        private void putAndTake(LaneQueue queue, Producer producer, Consumer consumer, Load load, int number,
                Journal got) throws Exception {
            var journal = journal("producer" + number);
            oracle.producer(number, journal);
            byte[] buffer = new byte[queue.maxMessageBytes()];
            for (int i = 1; i <= MESSAGES; i++) {
                int length = load.write(Load.id(number, i), buffer);
                journal.intend(i);
                while (!producer.tryPut(buffer, 0, length)) assertTrue(take(consumer, load, got), "full and empty");
                journal.done(i);
                assertFalse(queue.isEmpty());
                do assertTrue(take(consumer, load, got), "a message that was put is not there");
                while (got.last() != Load.id(number, i));
            }
        }

        private boolean playConsumer(LaneQueue queue, Supplier<CompletableFuture<String>> start) throws Exception {
            boolean shared = role.delivery == Delivery.SHARED;
            var load = new Load(seed, queue.maxMessageBytes());
            try (var filler = Peer.here();
                    var producer = queue.newProducer()) {
                // there is a backlog, and a producer that waits for room
                String where = file;
                String fillers = Works.journal(directory, "producer0");
                long from = seed;
                filler.run(scope -> scope.open(where).producer());
                oracle.producer(0, journal("producer0"));
                var filling = filler.start(scope -> Works.put(scope, fillers, 0, from, 3 * MESSAGES, 0));
                Thread.sleep(15);
                var under = start.get();
                var puts = journal("producer2");
                oracle.producer(2, puts);
                Await.until("it comes to its step, or there is no more to get", () -> child.isStopped()
                        || under.isDone() || filling.isDone() && queue.isEmpty());
                // there is one message now and then, and it sleeps in between
                byte[] buffer = new byte[queue.maxMessageBytes()];
                for (int i = 1; i <= 20 && !child.isStopped() && !under.isDone(); i++) {
                    puts.intend(i);
                    int length = load.write(Load.id(2, i), buffer);
                    assertTrue(producer.put(buffer, 0, length, TimeUnit.SECONDS.toNanos(20)));
                    puts.done(i);
                    Thread.sleep(i % 5);
                }
                if (!child.isStopped()) Works.announceEnd(directory);
                Await.until("it comes to its step, or to its end", () -> child.isStopped() || under.isDone());
                if (under.isDone()) {
                    told = Peer.join(under);
                    return false;
                }
                if (shared) {
                    try (var consumer = queue.newConsumer(Delivery.SHARED)) {
                        var got = journal("consumer");
                        drain(queue, consumer, load, got, filling);
                        oracle.consumer(got);
                    }
                }
                if (fate == Fate.CONTINUED) {
                    child.resume();
                    Peer.join(filling);
                    Works.announceEnd(directory);
                    Peer.join(under);
                } else {
                    child.kill();
                }
                oracle.consumer(this.journal);
                if (!shared && fate == Fate.KILLED) {
                    try (var consumer = queue.newConsumer(Delivery.EXCLUSIVE)) {
                        var got = journal("consumer");
                        drain(queue, consumer, load, got, filling);
                        oracle.consumer(got);
                    }
                }
                Peer.join(filling);
                assertTrue(queue.isEmpty());
                if (shared) oracle.checkOnce(fate == Fate.KILLED ? 1 : 0).assertFaultless();
                else oracle.checkSuccession(4).assertFaultless();
                return true;
            }
        }

        private void drain(LaneQueue queue, Consumer consumer, Load load, Journal got, CompletableFuture<?> filling)
                throws Exception {
            while (!filling.isDone() || !queue.isEmpty()) if (!take(consumer, load, got)) Thread.sleep(1);
        }

        @Override
        public String toString() {
            return role + " before " + name + ", hit " + hit + ", " + fate + " (seed " + seed + ")";
        }
    }
}
