package dev.procession.tests.storm;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.jvm.Points;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Journal;
import dev.procession.tests.kit.Peer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.DoubleStream;

/// How much throughput one producer and one consumer keep while another producer and another consumer are stopped in
/// the middle of an operation.
///
/// Two kinds of windows by turns. In one of them the two others are attached and idle, in the other they are stopped:
/// the producer with a ticket drawn and its message written but not published, the consumer right before it takes. Both
/// cost no processor time, so what differs is what is left of them in the queue.
///
/// @param idle messages a second while they were idle, the median
/// @param stopped messages a second while they were stopped, the median
/// @param kept the median of the ratios, pair by pair
/// @param pairs how many pairs of windows
public record Survivors(double idle, double stopped, double kept, int pairs) {
    /// What has to be kept.
    public static final double ENOUGH = 0.9;

    private static final long WINDOW_MILLIS = 400;
    private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(20);
    private static final int MESSAGE_BYTES = 64;

    /// Measures for about `seconds` seconds.
    ///
    /// @param parent the folder for the queue
    public static Survivors measure(Path parent, int seconds) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory(parent, "procession-survivors-");
        String file = folder.resolve("queue").toString();
        String count = folder.resolve("count").toString();
        int pairs = Math.max(3, (int) (seconds * 1000L / (2 * WINDOW_MILLIS)));
        var idle = new double[pairs];
        var stopped = new double[pairs];
        LaneQueue.create(Path.of(file), new QueueGeometry(4, 1 << 20, 0), "survivors").close();
        try (var puts = Child.start();
                var gets = Child.start();
                var stopsInPut = Child.start(Points.OPTION + "::");
                var stopsInGet = Child.start(Points.OPTION + "::")) {
            var producer = stopsInPut.peer();
            var consumer = stopsInGet.peer();
            producer.run(scope -> scope.open(file).producer());
            consumer.run(scope -> scope.open(file).consumer(Delivery.SHARED));
            puts.peer().start(scope -> {
                scope.open(file).producer();
                byte[] message = new byte[MESSAGE_BYTES];
                while (true) scope.producer.put(message);
            });
            gets.peer().start(scope -> {
                scope.open(file).consumer(Delivery.SHARED);
                var journal = new Journal(Path.of(count));
                byte[] message = new byte[MESSAGE_BYTES];
                for (long got = 0;;) if (scope.consumer.get(message, PATIENCE) != Consumer.EMPTY) journal.done(++got);
            });
            var journal = new Journal(Path.of(count));
            Await.until("the survivors have warmed up", () -> journal.result() > 500_000);
            for (int i = 0; i < pairs; i++) {
                idle[i] = perSecond(journal);
                var put = producer.start(scope -> {
                    Points.arm("LaneWriter.publish/setRelease", "1", "stop");
                    return scope.producer.tryPut(new byte[MESSAGE_BYTES]);
                });
                var get = consumer.start(scope -> {
                    Points.arm("SharedConsumer.take/compareAndSet", "1", "stop");
                    return scope.consumer.get(new byte[MESSAGE_BYTES], Long.MAX_VALUE);
                });
                stopsInPut.awaitStopped();
                stopsInGet.awaitStopped();
                stopped[i] = perSecond(journal);
                stopsInPut.resume();
                stopsInGet.resume();
                Peer.join(put);
                Peer.join(get);
            }
        } finally {
            try (var files = Files.list(folder)) {
                for (var each : files.toList()) Files.delete(each);
            }
            Files.delete(folder);
        }
        var ratios = new double[pairs];
        Arrays.setAll(ratios, i -> stopped[i] / idle[i]);
        return new Survivors(median(idle), median(stopped), median(ratios), pairs);
    }

    private static double perSecond(Journal journal) throws InterruptedException {
        long start = System.nanoTime();
        long before = journal.result();
        Thread.sleep(WINDOW_MILLIS);
        return (journal.result() - before) * 1e9 / (System.nanoTime() - start);
    }

    private static double median(double[] values) {
        double[] sorted = DoubleStream.of(values).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT,
                "kept=%.3f of the throughput: %.2f M msg/s while one producer and one consumer were"
                        + " idle, %.2f while they were stopped in the middle of a put and a get (medians of %d pairs "
                        + "of windows)",
                kept, idle / 1e6, stopped / 1e6, pairs);
    }
}
