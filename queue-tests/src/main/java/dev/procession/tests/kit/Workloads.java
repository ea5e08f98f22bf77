package dev.procession.tests.kit;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.QueueUnavailableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/// What producers and consumers do in the tests that stop and kill them: all of it is written to their journals.
public final class Workloads {
    private static final long SHORTLY = TimeUnit.MILLISECONDS.toNanos(20);

    private Workloads() {}

    public static String journal(Path directory, String name) {
        return directory.resolve("journal." + name).toString();
    }

    /// Tells everybody that it is time to come to an end.
    public static void announceEnd(Path directory) throws IOException {
        Files.write(directory.resolve("end"), new byte[0]);
    }

    private static boolean isEnd(String journal) {
        return Files.exists(Path.of(journal).resolveSibling("end"));
    }

    /// Attaches as soon as there is a lane that nobody owns any more.
    public static void becomeProducer(Peer.Scope scope) {
        Await.until("a free lane", () -> {
            try {
                scope.producer();
                return true;
            } catch (QueueUnavailableException e) {
                return false;
            }
        });
    }

    /// Attaches as soon as the previous consumers are gone.
    public static void becomeConsumer(Peer.Scope scope, Delivery delivery) {
        Await.until("no consumer in the way", () -> {
            try {
                scope.consumer(delivery);
                return true;
            } catch (QueueUnavailableException e) {
                return false;
            }
        });
    }

    /// Puts `count` messages, or goes on until the end is announced; 0 `pauseEvery`: without a pause.
    public static long put(Peer.Scope scope, String file, int number, long seed, int count, int pauseEvery)
            throws InterruptedException {
        var load = new Load(seed, scope.queue.maxMessageBytes());
        byte[] buffer = new byte[scope.queue.maxMessageBytes()];
        var journal = new Journal(Path.of(file));
        long sequence = journal.intent();
        for (long last = sequence + count; sequence < last;) {
            int length = load.write(Load.id(number, ++sequence), buffer);
            journal.intend(sequence);
            if (!scope.producer.put(buffer, 0, length, TimeUnit.SECONDS.toNanos(Peer.DEADLINE_SECONDS))) {
                throw new AssertionError("stalled: no room for message " + sequence + " of producer " + number);
            }
            journal.done(sequence);
            if (pauseEvery > 0 && sequence % pauseEvery == 0) {
                if (isEnd(file)) break;
                Thread.sleep(1);
            }
        }
        return sequence;
    }

    /// Gets one message after the other until the end is announced and nothing is left.
    public static long get(Peer.Scope scope, String file, long seed) throws InterruptedException {
        var load = new Load(seed, scope.queue.maxMessageBytes());
        byte[] buffer = new byte[scope.queue.maxMessageBytes()];
        var journal = new Journal(Path.of(file));
        while (true) {
            boolean end = isEnd(file);
            int length = scope.consumer.get(buffer, SHORTLY);
            if (length != Consumer.EMPTY) journal.append(load.check(buffer, length));
            else if (end) return journal.length();
        }
    }

    /// Polls up to `limit` messages at a time until the end is announced and nothing is left.
    public static long poll(Peer.Scope scope, String file, long seed, int limit) throws InterruptedException {
        var load = new Load(seed, scope.queue.maxMessageBytes());
        byte[] buffer = new byte[scope.queue.maxMessageBytes()];
        var journal = new Journal(Path.of(file));
        while (true) {
            boolean end = isEnd(file);
            int handled = scope.consumer.poll(message -> {
                message.getBytes(0, buffer, 0, message.length());
                journal.append(load.check(buffer, message.length()));
            }, limit, SHORTLY);
            if (handled == 0 && end) return journal.length();
        }
    }
}
