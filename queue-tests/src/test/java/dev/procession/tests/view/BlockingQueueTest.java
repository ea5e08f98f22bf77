package dev.procession.tests.view;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.procession.Codec;
import dev.procession.QueueClosedException;
import dev.procession.QueueEndedException;
import dev.procession.QueueOptions;
import dev.procession.QueueShutDownException;
import dev.procession.SharedQueue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What the tests of `java.util.concurrent` ask of a `BlockingQueue`, of ours; and what becomes of it at its end.
class BlockingQueueTest {
    private static final int SIZE = 20;

    private static SharedQueue<Integer> empty(Kind kind) {
        return SharedQueue.create(Codec.int32(), kind.options(QueueOptions.DEFAULT).withMaxItems(SIZE));
    }

    private static SharedQueue<Integer> full(Kind kind) {
        SharedQueue<Integer> queue = empty(kind);
        for (int i = 0; i < SIZE; i++) assertTrue(queue.tryPut(i));
        return queue;
    }

    private static List<Integer> numbers(int from, int to) {
        return IntStream.range(from, to).boxed().toList();
    }

    /// A thread that does something for which it may have to wait, and its outcome.
    private static final class Waiter<R> implements AutoCloseable {
        private final FutureTask<R> task;
        private final Thread thread;

        Waiter(Callable<R> action) {
            task = new FutureTask<>(action);
            thread = Thread.ofPlatform().daemon().start(task);
        }

        void interruptOnceItWaits() throws Exception {
            awaitThatItWaits();
            thread.interrupt();
        }

        void awaitThatItWaits() throws Exception {
            for (long start = System.nanoTime(); !waits(); Thread.sleep(1)) {
                if (task.isDone()) fail("it has not waited: " + task.get());
                if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(30)) fail("it does not wait");
            }
        }

        private boolean waits() {
            return Arrays.stream(thread.getStackTrace()).anyMatch(each -> each.getClassName().endsWith(".WaitLoop"));
        }

        R get() throws Exception {
            return task.get(30, TimeUnit.SECONDS);
        }

        Throwable thrown() {
            return assertThrows(ExecutionException.class, this::get).getCause();
        }

        @Override
        public void close() {
            thread.interrupt();
        }
    }

    // ---- put

    @ParameterizedTest
    @EnumSource
    void nullIsRefused(Kind kind) {
        try (var queue = empty(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            assertThrows(NullPointerException.class, () -> view.offer(null));
            assertThrows(NullPointerException.class, () -> view.add(null));
            assertThrows(NullPointerException.class, () -> view.put(null));
            assertThrows(NullPointerException.class, () -> view.offer(null, 1, TimeUnit.SECONDS));
            assertThrows(NullPointerException.class, () -> view.addAll(null));
            assertThrows(NullPointerException.class, () -> view.addAll(Arrays.asList(1, null, 2)));
            assertEquals(List.of(1), List.copyOf(view), "those before it are put");
            assertThrows(NullPointerException.class, () -> view.drainTo(null));
            assertThrows(NullPointerException.class, () -> view.drainTo(null, 1));
            assertFalse(view.contains(null));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aFullOneTakesNoMore(Kind kind) throws Exception {
        try (var queue = empty(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            for (int i = 0; i < SIZE; i++) {
                assertEquals(SIZE - i, view.remainingCapacity());
                assertEquals(i, view.size());
                assertTrue(view.add(i));
            }
            assertEquals(0, view.remainingCapacity());
            assertFalse(view.offer(SIZE));
            assertFalse(view.offer(SIZE, 1, TimeUnit.MILLISECONDS));
            assertFalse(view.offer(SIZE, -1, TimeUnit.DAYS));
            assertThrows(IllegalStateException.class, () -> view.add(SIZE));
            assertThrows(IllegalStateException.class, () -> view.addAll(List.of(SIZE)));
            assertEquals(numbers(0, SIZE), List.copyOf(view));
            assertEquals(0, view.take());
            assertEquals(1, view.remainingCapacity());
            assertTrue(view.offer(SIZE, Long.MAX_VALUE, TimeUnit.DAYS));
        }
    }

    @Test
    void withoutABoundTheCapacityIsUnlimited() {
        try (var queue = SharedQueue.create(Codec.int32())) {
            assertEquals(Integer.MAX_VALUE, queue.asBlockingQueue().remainingCapacity());
        }
        try (var queue = SharedQueue.create(Codec.int32(), QueueOptions.DEFAULT.withMaxItems(Long.MAX_VALUE >> 8))) {
            assertEquals(Integer.MAX_VALUE, queue.asBlockingQueue().remainingCapacity());
        }
    }

    @Test
    void itCannotBeAddedOrDrainedToItself() {
        try (var queue = full(Kind.SHARED)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            assertThrows(IllegalArgumentException.class, () -> view.addAll(view));
            assertThrows(IllegalArgumentException.class, () -> view.drainTo(view));
            assertThrows(IllegalArgumentException.class, () -> view.drainTo(view, 0));
            assertThrows(IllegalArgumentException.class, () -> view.drainTo(queue.asBlockingQueue()));
            assertEquals(SIZE, view.size());
        }
    }

    @ParameterizedTest
    @EnumSource
    void aPutWaitsForRoom(Kind kind) throws Exception {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            try (var put = new Waiter<>(() -> {
                view.put(SIZE);
                return view.offer(SIZE + 1, 30, TimeUnit.SECONDS);
            })) {
                put.awaitThatItWaits();
                assertEquals(SIZE, view.size());
                assertEquals(0, view.take());
                assertEquals(1, view.take());
                assertTrue(put.get());
            }
            assertEquals(numbers(2, SIZE + 2), List.copyOf(view));
        }
    }

    // ---- take

    @ParameterizedTest
    @EnumSource
    void itIsFirstInFirstOut(Kind kind) throws Exception {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            assertEquals(0, view.element());
            assertEquals(0, view.peek());
            assertEquals(0, view.take());
            assertEquals(1, view.peek());
            assertEquals(1, view.poll());
            assertEquals(2, view.poll(1, TimeUnit.SECONDS));
            assertEquals(3, view.poll(0, TimeUnit.SECONDS));
            assertEquals(4, view.poll(-1, TimeUnit.SECONDS));
            assertEquals(5, view.remove());
            view.clear();
            assertTrue(view.isEmpty());
            assertEquals(SIZE, view.remainingCapacity());
            assertNull(view.peek());
            assertNull(view.poll());
            assertNull(view.poll(0, TimeUnit.SECONDS));
            assertNull(view.poll(1, TimeUnit.MILLISECONDS));
            assertThrows(NoSuchElementException.class, view::element);
            assertThrows(NoSuchElementException.class, view::remove);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aTakeWaitsForAnItem(Kind kind) throws Exception {
        try (var queue = empty(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            try (var take = new Waiter<>(view::take)) {
                take.awaitThatItWaits();
                view.put(1);
                assertEquals(1, take.get());
            }
            try (var poll = new Waiter<>(() -> view.poll(Long.MAX_VALUE, TimeUnit.DAYS))) {
                poll.awaitThatItWaits();
                view.put(2);
                assertEquals(2, poll.get());
            }
        }
    }

    // ---- interrupts

    @ParameterizedTest
    @EnumSource
    void anInterruptEndsTheWait(Kind kind) throws Exception {
        try (var full = full(kind);
                var empty = empty(kind)) {
            BlockingQueue<Integer> noRoom = full.asBlockingQueue();
            BlockingQueue<Integer> nothing = empty.asBlockingQueue();
            List<Callable<Object>> waits = List.of(nothing::take, () -> nothing.poll(1, TimeUnit.HOURS),
                    () -> noRoom.offer(1, 1, TimeUnit.HOURS), () -> {
                        noRoom.put(1);
                        return "put";
                    });
            for (Callable<Object> wait : waits) {
                try (var waiter = new Waiter<>(wait)) {
                    waiter.interruptOnceItWaits();
                    assertEquals(InterruptedException.class, waiter.thrown().getClass());
                }
            }
            assertEquals(numbers(0, SIZE), List.copyOf(noRoom));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aThreadThatIsInterruptedDoesNotBeginToWait(Kind kind) {
        try (var queue = empty(kind)) {
            queue.tryPut(0);
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            List<Callable<Object>> waits = List.of(view::take, () -> view.poll(1, TimeUnit.HOURS),
                    () -> view.offer(1, 1, TimeUnit.HOURS), () -> {
                        view.put(1);
                        return "put";
                    });
            for (Callable<Object> wait : waits) {
                Thread.currentThread().interrupt();
                assertThrows(InterruptedException.class, wait::call);
                assertFalse(Thread.interrupted());
            }
            Thread.currentThread().interrupt();
            assertTrue(view.offer(1)); // these do not wait
            assertEquals(0, view.poll());
            assertTrue(Thread.interrupted());
        }
    }

    // ---- drain

    @ParameterizedTest
    @EnumSource
    void itIsDrained(Kind kind) throws Exception {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            List<Integer> to = new ArrayList<>();
            assertEquals(0, view.drainTo(to, 0));
            assertEquals(0, view.drainTo(to, -1));
            assertEquals(5, view.drainTo(to, 5));
            assertEquals(SIZE - 5, view.drainTo(to));
            assertEquals(0, view.drainTo(to));
            assertEquals(numbers(0, SIZE), to);
            try (var take = new Waiter<>(view::take)) {
                take.awaitThatItWaits();
                assertEquals(0, view.drainTo(to));
                view.add(7);
                assertEquals(7, take.get());
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void drainingMakesRoomForAPutThatWaits(Kind kind) throws Exception {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            try (var put = new Waiter<>(() -> view.offer(SIZE, 30, TimeUnit.SECONDS))) {
                put.awaitThatItWaits();
                List<Integer> to = new ArrayList<>();
                int count = view.drainTo(to);
                assertTrue(count >= SIZE && count == to.size(), to.toString());
                assertTrue(put.get());
                view.drainTo(to);
                assertEquals(numbers(0, SIZE + 1), to);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatCannotBeAddedIsNotLost(Kind kind) {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            List<Integer> to = new ArrayList<>() {
                private static final long serialVersionUID = 1;

                @Override
                public boolean add(Integer item) {
                    if (item == 3) throw new IllegalArgumentException("3");
                    return super.add(item);
                }
            };
            assertThrows(IllegalArgumentException.class, () -> view.drainTo(to));
            assertEquals(numbers(0, 3), to);
            assertEquals(3, view.peek());
            assertEquals(SIZE - 3, view.size());
            assertEquals(numbers(3, SIZE), List.copyOf(view));
            assertEquals(numbers(3, SIZE), IntStream.range(3, SIZE).mapToObj(i -> view.poll()).toList());
        }
    }

    @Test
    void whatADrainHasLeftIsNotSeenAnyMoreWhenItsHandleIsClosed() {
        var queue = full(Kind.SHARED);
        assertThrows(IllegalStateException.class, () -> queue.drain(item -> {
            throw new IllegalStateException(item.toString());
        }, SIZE));
        assertEquals(0, queue.peek());
        queue.close();
        assertThrows(QueueClosedException.class, queue::peek);
        assertThrows(QueueClosedException.class, () -> queue.asBlockingQueue().peek());
    }

    // ---- look

    @ParameterizedTest
    @EnumSource
    void aLookTakesNothing(Kind kind) {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            assertTrue(view.contains(SIZE - 1));
            assertFalse(view.contains(SIZE));
            assertTrue(view.containsAll(numbers(3, 9)));
            assertFalse(view.containsAll(numbers(3, SIZE + 1)));
            assertEquals(numbers(0, SIZE), Arrays.asList(view.toArray()));
            assertEquals(numbers(0, SIZE), Arrays.asList(view.toArray(new Integer[0])));
            assertEquals(numbers(0, SIZE), view.stream().toList());
            assertEquals(numbers(0, SIZE).toString(), view.toString());
            assertEquals(SIZE, view.size());
        }
    }

    @ParameterizedTest
    @EnumSource
    void anIteratorIsWeaklyConsistent(Kind kind) {
        try (var queue = empty(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            view.addAll(numbers(0, 5));
            Iterator<Integer> iterator = view.iterator();
            assertEquals(0, iterator.next());
            for (int i = 0; i < 3; i++) assertEquals(i, view.poll());
            view.addAll(numbers(5, 9));
            List<Integer> rest = new ArrayList<>();
            iterator.forEachRemaining(rest::add);
            assertTrue(rest.containsAll(numbers(3, 5)), rest.toString());
            assertEquals(rest.stream().distinct().sorted().toList(), rest);
            assertThrows(NoSuchElementException.class, iterator::next);
            assertEquals(numbers(3, 9), List.copyOf(view));
        }
    }

    @Test
    void aLongLookEndsThoughOthersGoOnPutting() {
        try (var queue = SharedQueue.create(Codec.int32())) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            view.addAll(numbers(0, 5));
            int seen = 0;
            for (Integer each : view) {
                assertEquals(seen++, each);
                view.add(100 + each);
            }
            assertEquals(5, seen);
        }
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsRemovedButFromTheHead(Kind kind) {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            var refused = assertThrows(UnsupportedOperationException.class, () -> view.remove(3));
            assertTrue(refused.getMessage().contains(queue.path() + " can be removed from the head only"),
                    refused.getMessage());
            Iterator<Integer> iterator = view.iterator();
            iterator.next();
            assertThrows(UnsupportedOperationException.class, iterator::remove);
            assertThrows(UnsupportedOperationException.class, () -> view.removeIf(each -> each == 3));
            assertThrows(UnsupportedOperationException.class, () -> view.removeAll(List.of(3)));
            assertThrows(UnsupportedOperationException.class, () -> view.retainAll(List.of(3)));
            assertFalse(view.removeAll(List.of(SIZE)));
            assertEquals(SIZE, view.size());
        }
    }

    @Test
    void whatIsLentIsInTheQueueButNotNext() throws Exception {
        try (var queue = empty(Kind.LEASED)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            view.addAll(numbers(0, 3));
            var lease = queue.lease();
            assertEquals(1, view.peek());
            assertEquals(1, queue.peek());
            assertEquals(numbers(0, 3), List.copyOf(view));
            assertEquals(1, view.poll());
            assertEquals(List.of(0, 2), List.copyOf(view));
            lease.close(); // given back
            assertEquals(0, view.peek());
            assertEquals(0, queue.lease().value());
            assertEquals(2, view.poll());
            assertNull(view.peek());
            assertNull(view.poll());
            assertEquals(1, view.size());
            assertEquals(List.of(0), List.copyOf(view));
        }
    }

    @Test
    void aLongItemIsSeenAsAWhole() {
        try (var queue = SharedQueue.create(Codec.bytes())) {
            for (int each : new int[] {5_000_000, 1, 0, 70_000, 4_096, 4_097}) queue.tryPut(bytes(each));
            assertEquals(5_000_000, queue.peek().length);
            for (byte[] each : queue.asBlockingQueue()) assertTrue(Arrays.equals(bytes(each.length), each));
            assertEquals(6, queue.asBlockingQueue().toArray().length);
        }
    }

    private static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = (byte) (i * 31 + length);
        return bytes;
    }

    // ---- the end

    @ParameterizedTest
    @EnumSource
    void afterAShutDownWhatIsThereIsTaken(Kind kind) throws Exception {
        try (var queue = full(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            try (var put = new Waiter<>(() -> view.offer(SIZE, 1, TimeUnit.HOURS))) {
                put.awaitThatItWaits();
                queue.shutDown();
                assertEquals(QueueShutDownException.class, put.thrown().getClass());
            }
            assertThrows(QueueShutDownException.class, () -> view.offer(1));
            assertThrows(QueueShutDownException.class, () -> view.add(1));
            assertEquals(0, view.take());
            List<Integer> to = new ArrayList<>();
            assertEquals(SIZE - 1, view.drainTo(to));
            assertEquals(numbers(1, SIZE), to);
            assertThrows(QueueShutDownException.class, view::take);
            assertThrows(QueueShutDownException.class, view::poll);
            assertThrows(QueueShutDownException.class, () -> view.poll(1, TimeUnit.HOURS));
            assertNull(view.peek());
            assertEquals(0, view.drainTo(to));
            assertFalse(view.iterator().hasNext());
            assertTrue(view.isEmpty());
            view.clear();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aShutDownWakesWhatTakes(Kind kind) throws Exception {
        try (var queue = empty(kind);
                var take = new Waiter<>(queue.asBlockingQueue()::take)) {
            take.awaitThatItWaits();
            queue.shutDown();
            assertEquals(QueueShutDownException.class, take.thrown().getClass());
        }
    }

    @Test
    void aTakeEndsWithTheLastProducer() throws Exception {
        var options = QueueOptions.DEFAULT.withEndOfProducers();
        try (var queue = SharedQueue.create(Codec.int32(), options)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            try (var producer = SharedQueue.open(queue.path(), Codec.int32())) {
                producer.asBlockingQueue().put(1);
            }
            assertEquals(1, view.peek());
            assertEquals(1, view.take());
            assertThrows(QueueEndedException.class, view::take);
            assertThrows(QueueEndedException.class, view::poll);
            assertEquals(0, view.drainTo(new ArrayList<>()));
            assertNull(view.peek());
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsClosedSaysSo(Kind kind) throws Exception {
        var queue = full(kind);
        BlockingQueue<Integer> view = queue.asBlockingQueue();
        Iterator<Integer> iterator = view.iterator();
        assertEquals(0, iterator.next());
        try (var put = new Waiter<>(() -> view.offer(SIZE, 1, TimeUnit.HOURS))) {
            put.awaitThatItWaits();
            queue.close();
            assertEquals(QueueClosedException.class, put.thrown().getClass());
        }
        List<Callable<Object>> calls = List.of(view::take, view::poll, view::peek, view::size, view::isEmpty,
                () -> view.offer(1), () -> view.drainTo(new ArrayList<>()), view::iterator, iterator::next,
                queue::peek, view::remainingCapacity, view::toArray);
        for (Callable<Object> call : calls) assertThrows(QueueClosedException.class, call::call);
    }

    // ---- many threads

    @ParameterizedTest
    @EnumSource
    void manyThreadsTakeEachItemOnce(Kind kind) throws Exception {
        int each = 2_000;
        try (var queue = empty(kind)) {
            BlockingQueue<Integer> view = queue.asBlockingQueue();
            List<CompletableFuture<List<Integer>>> takers = new ArrayList<>();
            List<CompletableFuture<?>> putters = new ArrayList<>();
            for (int t = 0; t < 3; t++) {
                takers.add(CompletableFuture.supplyAsync(() -> IntStream.range(0, each)
                        .mapToObj(i -> interruptibly(view::take)).toList(), Thread::startVirtualThread));
                int first = t * each;
                putters.add(CompletableFuture.runAsync(() -> {
                    for (int i = first; i < first + each; i++) {
                        int item = i;
                        interruptibly(() -> view.offer(item, 1, TimeUnit.HOURS));
                    }
                }, Thread::startVirtualThread));
            }
            List<Integer> all = new ArrayList<>();
            for (CompletableFuture<List<Integer>> taker : takers) all.addAll(taker.get(40, TimeUnit.SECONDS));
            assertEquals(numbers(0, 3 * each), all.stream().sorted().toList());
            for (CompletableFuture<?> putter : putters) putter.get(40, TimeUnit.SECONDS);
        }
    }

    private static <R> R interruptibly(Callable<R> action) {
        try {
            return action.call();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
