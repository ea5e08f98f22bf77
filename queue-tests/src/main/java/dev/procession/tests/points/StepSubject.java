package dev.procession.tests.points;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import dev.procession.core.QueueEndedException;
import dev.procession.tests.history.Clock;
import dev.procession.tests.history.History;
import dev.procession.tests.jvm.Points;
import dev.procession.tests.storm.Actor;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The process under test in a [StepScenario]: it plays one part after the other, until it comes to the step before
/// which it stops or kills itself. Run with [Points#OPTION] and `::`, which makes each access to shared memory such a
/// step.
final class StepSubject {
    private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(200);
    private static final int PUTS = 30;
    static final int MOST_OPERATIONS = 1 << 18;

    private StepSubject() {}

    /// @param arguments none; what it is to do comes by standard input, one part a line
    public static void main(String[] arguments) throws Exception {
        System.out.println("ready");
        var orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String order; (order = orders.readLine()) != null;) {
            String[] words = order.split(" ");
            try {
                play(StepScenario.Role.valueOf(words[0]), StepScenario.State.valueOf(words[6]), Path.of(words[1]),
                        Long.parseLong(words[2]), Integer.parseInt(words[7]),
                        () -> Points.arm(words[5].equals("-") ? "" : words[5], words[3], words[4]));
            } catch (Throwable thrown) {
                Points.arm("", "", "");
                if (!words[0].equals(StepScenario.Role.CREATOR.name())) thrown.printStackTrace();
                System.out.println("failed: " + thrown);
            }
            System.out.println("end");
        }
        Runtime.getRuntime().halt(0);
    }

    private static void play(StepScenario.Role role, StepScenario.State state, Path folder, long seed, int slack,
            Runnable arm)
            throws Exception {
        var file = folder.resolve("queue");
        var clock = new Clock(folder.resolve("clock"));
        var history = new History(folder.resolve("subject"), MOST_OPERATIONS);
        boolean later = state == StepScenario.State.ONE && role.takes();
        if (!later) arm.run();
        try {
            switch (role) {
                case CREATOR -> create(folder.resolve("queue"));
                case ONLOOKER -> lookOn(file);
                default -> {
                    try (var queue = LaneQueue.open(file)) {
                        var actor = new Actor(role.plan(seed), clock, queue, slack * PATIENCE,
                                StepScenario.maxMessageBytes(queue));
                        if (role.puts()) put(role, state, actor, queue, history);
                        else take(role, actor, queue, clock, history, later ? arm : null);
                    }
                }
            }
        } finally {
            Points.arm("", "", "");
        }
    }

    private static void put(StepScenario.Role role, StepScenario.State state, Actor actor, LaneQueue queue,
            History history) throws InterruptedException {
        try (var producer = queue.newProducer()) {
            if (role == StepScenario.Role.BATCHING_PRODUCER) {
                for (int i = 1, k = 0; i <= PUTS; k++) {
                    i += actor.putBatch(producer, StepScenario.SUBJECT, i, 1 + k % 4, history);
                    if (k % 3 == 0) {
                        var batch = producer.tryBatch(2, 64);
                        if (batch != null) batch.abort();
                    }
                }
                return;
            }
            for (int i = 1; i <= PUTS; i++) {
                if (state == StepScenario.State.BACKLOG && i % 10 == 5) awaitEmpty(producer, queue);
                // it begins with the one that waits
                int manner = role == StepScenario.Role.CLAIMING_PRODUCER ? 3 : (i + 2) % 3;
                actor.put(producer, StepScenario.SUBJECT, i, history, manner);
                if (manner == 3 && i % 5 == 0) {
                    var claim = producer.tryClaim(8);
                    if (claim != null) claim.abort();
                }
            }
        }
    }

    /// Waits until the backlog was taken, and then jumps, which gives its chunks back.
    private static void awaitEmpty(Producer producer, LaneQueue queue) throws InterruptedException {
        for (int i = 0; !queue.isEmpty() && i < 100; i++) Thread.sleep(1);
        var claim = producer.tryClaim((int) queue.geometry().chunkBytes() - 64);
        if (claim != null) claim.abort();
    }

    /// @param arm is run when it has seen the queue empty, and when there is a message after that
    private static void take(StepScenario.Role role, Actor actor, LaneQueue queue, Clock clock, History history,
            @Nullable Runnable arm) throws InterruptedException {
        try (var consumer = queue.newConsumer(role.delivery())) {
            if (arm != null) {
                actor.take(consumer, history, 1);
                while (queue.isEmpty() && clock.phase() != Clock.Phase.END) Thread.sleep(1);
                arm.run();
            }
            for (int i = 3; clock.phase() != Clock.Phase.END; i++) actor.take(consumer, history, i % 4);
        }
    }

    private static void create(Path file) {
        try (var queue = LaneQueue.create(file, StepScenario.GEOMETRY, StepScenario.LABEL)) {
            queue.isEmpty();
        }
    }

    /// All that one can do at a queue without putting or getting anything.
    private static void lookOn(Path file) {
        try (var queue = LaneQueue.open(file)) {
            queue.label();
            queue.isEmpty();
            queue.isFull();
            queue.size();
            queue.stats();
            queue.newConsumer(Delivery.SHARED).close();
            try (var producer = queue.newProducer()) {
                producer.hasRoom(100);
                producer.tryClaim(100);
            }
        }
        var own = file.resolveSibling("own");
        try (var queue = LaneQueue.create(own, StepScenario.GEOMETRY.withEndOfProducers(1), "");
                var consumer = queue.newConsumer(Delivery.SHARED)) {
            queue.newProducer().close();
            try {
                consumer.tryGet(new byte[8]);
                throw new AssertionError("it has not ended");
            } catch (QueueEndedException e) {
                queue.shutDown();
            }
        }
        LaneQueue.delete(own);
    }

    /// The names of all steps that a listing subject has told of.
    static TreeSet<String> names(Collection<String> lines) {
        var names = new TreeSet<String>();
        for (String line : lines) if (line.startsWith("point ")) names.add(line.substring(6));
        return names;
    }
}
