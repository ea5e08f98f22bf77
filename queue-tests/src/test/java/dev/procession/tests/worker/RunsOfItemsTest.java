package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.tests.kit.Peer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Items that are taken some at once, and arrays of numbers as items, between processes.
class RunsOfItemsTest {
    private static final Duration LONG = Duration.ofSeconds(Peer.DEADLINE_SECONDS);

    enum Kind {
        EXCLUSIVE(QueueOptions.DEFAULT.exclusive()), SHARED(QueueOptions.DEFAULT.shared()), LEASED(
                QueueOptions.DEFAULT.leased());

        private final QueueOptions options;

        Kind(QueueOptions options) {
            this.options = options;
        }
    }

    @ParameterizedTest
    @EnumSource
    void anotherProcessesArraysAreDrainedInOrder(Kind kind) throws Exception {
        int arrays = 5_000;
        try (var queue = SharedQueue.create(Codec.int64s(), kind.options.withMaxItems(500))) {
            var worker = Worker.of(() -> {
                for (long first = 0; first < arrays; first++) {
                    queue.put(LongStream.range(first, first + first % 100).toArray());
                }
            }).start();
            var got = new ArrayList<long[]>();
            while (got.size() < arrays) {
                got.add(queue.get(LONG));
                queue.drainTo(got, 100);
            }
            worker.join();
            assertEquals(0, queue.drainTo(got, 1));
            for (int first = 0; first < arrays; first++) {
                assertArrayEquals(LongStream.range(first, first + first % 100).toArray(), got.get(first));
            }
        }
    }

    /// The worker is gone before its action has returned for item 10.
    @ParameterizedTest
    @EnumSource
    void aKilledProcessTakesAlongNoMoreThanItHadTakenAtOnce(Kind kind) throws Exception {
        int items = 1_000;
        try (var queue = SharedQueue.create(Codec.int64(), kind.options);
                var handedOut = SharedQueue.create(Codec.int64())) {
            for (long item = 0; item < items; item++) queue.put(item);
            Worker.of(() -> queue.drain(item -> {
                handedOut.tryPut(item);
                if (item == 10) Runtime.getRuntime().halt(3);
            }, items)).start().join();
            var first = new ArrayList<Long>();
            handedOut.drainTo(first, items);
            assertEquals(numbers(0, 11), first);
            var rest = new ArrayList<Long>();
            assertEquals(queue.size(), queue.drainTo(rest, items));
            long next = rest.getFirst();
            assertTrue(kind == Kind.LEASED ? next == 11 : 11 <= next && next <= 64, () -> "then came " + next);
            assertEquals(numbers(next, items), rest);
        }
    }

    private static List<Long> numbers(long first, long end) {
        return LongStream.range(first, end).boxed().toList();
    }

    @Test
    void processesThatDrainTheSameQueueShareItsItems() throws Exception {
        int items = 20_000;
        int workers = 3;
        try (var queue = SharedQueue.create(Codec.int64());
                var done = SharedQueue.create(Codec.int64s())) {
            var all = new ArrayList<Worker>();
            for (int i = 0; i < workers; i++) {
                all.add(Worker.of(() -> {
                    for (boolean last = false; !last;) {
                        var some = new ArrayList<Long>();
                        some.add(queue.get());
                        queue.drainTo(some, 200);
                        last = some.remove(-1L);
                        while (some.remove(-1L)) queue.put(-1L); // is for another one
                        done.put(some.stream().mapToLong(each -> each).toArray());
                    }
                    done.put(new long[] {-1});
                }).start());
            }
            for (long item = 0; item < items; item++) queue.put(item);
            for (int i = 0; i < workers; i++) queue.put(-1L);
            var got = new ArrayList<Long>();
            for (int ended = 0; ended < workers;) {
                long[] some = done.get(LONG);
                if (some.length == 1 && some[0] == -1) {
                    ended++;
                } else {
                    for (long each : some) got.add(each);
                }
            }
            for (Worker worker : all) worker.join();
            assertEquals(numbers(0, items), got.stream().sorted().toList());
            assertTrue(queue.isEmpty());
        }
    }
}
