package dev.procession.tests.storm;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.jvm.Folders;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;

/// How soon a message is lent again after the process that held it was killed: between the end of that process, as its
/// parent is told it, and the moment at which a waiting consumer has the lease.
public final class Redelivery {
    private static final int AHEAD = 3; // processes that are started before they are needed

    private Redelivery() {}

    /// Kills so many holders, one after the other.
    ///
    /// @param parent the folder in which the queue's is made
    /// @param progress is told how many there were
    /// @return one line with the times
    public static String measure(Path parent, int rounds, IntConsumer progress) throws Exception {
        Path folder = Files.createTempDirectory(parent, "procession-redelivery-");
        String file = folder.resolve("queue").toString();
        long[] nanos = new long[rounds];
        var ahead = new ArrayDeque<Child>();
        try (var queue = LaneQueue.create(Path.of(file), new QueueGeometry(1, 1 << 20, 0, Leasing.DEFAULT), "");
                var producer = queue.newProducer();
                var consumer = (LeasingConsumer) queue.newConsumer(Delivery.LEASED)) {
            for (int round = 0; round < rounds; round++) {
                while (ahead.size() < AHEAD) ahead.add(Child.start("-XX:TieredStopAtLevel=1"));
                try (var child = ahead.remove()) {
                    producer.put(new byte[16]);
                    child.peer().run(scope -> {
                        scope.open(file).consumer(Delivery.LEASED);
                        if (((LeasingConsumer) scope.consumer).tryLease((message, lease) -> {}) == null) {
                            throw new AssertionError("nothing to lease");
                        }
                    });
                    var exit = child.process().onExit().thenApply(process -> System.nanoTime());
                    Thread.ofPlatform().start(child::kill);
                    var lease = consumer.lease((message, given) -> {},
                            TimeUnit.SECONDS.toNanos(Peer.DEADLINE_SECONDS));
                    long lent = System.nanoTime();
                    if (lease == null || lease.attempt() != 2) throw new AssertionError("not lent again");
                    lease.done();
                    nanos[round] = lent - exit.get();
                }
                progress.accept(round + 1);
            }
        } finally {
            ahead.forEach(Child::close);
            Folders.delete(folder);
        }
        Arrays.sort(nanos);
        return String.format(Locale.ROOT, "redelivered=%d p50=%.1f p99=%.1f max=%.1f ms after the end of the holder",
                rounds, nanos[rounds / 2] / 1e6, nanos[(int) (rounds * 0.99)] / 1e6, nanos[rounds - 1] / 1e6);
    }
}
