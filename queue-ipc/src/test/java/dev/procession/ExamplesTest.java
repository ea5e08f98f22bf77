package dev.procession;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The examples in the Javadoc of this package. What is shown there is between `@start` and `@end`; all of it is
/// compiled here, and run unless it would start as many JVMs as there are cores.
@Timeout(value = 50, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ExamplesTest {
    record Order(String item, int count) {}

    private static final Order TEA = new Order("tea", 2);
    private static final Order MILK = new Order("milk", 1);

    private final List<Order> shipped = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch shippedOne = new CountDownLatch(1);

    @TempDir
    Path directory;

    private void ship(Order order) {
        shipped.add(order);
        shippedOne.countDown();
    }

    // ---- SharedQueue, QueueOptions, Lease

    @Test
    void aWorkerSaysHello() throws Exception {
        // @start region="hello"
        SharedQueue<String> queue = SharedQueue.create(Codec.utf8());
        Worker worker = Worker.of(() -> queue.put("hello from " + ProcessHandle.current().pid())).start();
        String hello = queue.get(Duration.ofSeconds(30)); // waits for the other process
        worker.join();
        queue.close();
        // @end
        assertEquals("hello from " + worker.pid(), hello);
    }

    @Test
    void aQueueInAFileOutlivesItsMaker() throws Exception {
        Path file = directory.resolve("orders");
        // @start region="file"
        // in one process
        try (var orders = SharedQueue.create(file, Codec.record(Order.class), QueueOptions.DEFAULT)) {
            orders.put(new Order("tea", 2)); // stays there when this process ends
        }
        // in another process of this user, at the same time or later
        try (var orders = SharedQueue.open(file, Codec.record(Order.class))) {
            for (Order order; (order = orders.tryGet()) != null;) ship(order);
        }
        SharedQueue.delete(file);
        // @end
        assertEquals(List.of(TEA), shipped);
        assertTrue(Files.notExists(file));
    }

    @Test
    void aQueueIsOpenedOrMade() throws Exception {
        Path file = directory.resolve("orders");
        try (var first = openOrMake(file); var second = openOrMake(file)) {
            first.put(TEA);
            assertEquals(TEA, second.tryGet());
        }
    }

    private static SharedQueue<Order> openOrMake(Path file) {
        // @start region="open-or-make"
        try {
            return SharedQueue.create(file, Codec.record(Order.class), QueueOptions.DEFAULT);
        } catch (QueueUnavailableException e) {
            return SharedQueue.open(file, Codec.record(Order.class)); // it exists, or this says what is wrong
        }
        // @end
    }

    @Test
    void optionsAreChained() throws Exception {
        List<Order> failed = new ArrayList<>();
        // @start region="options"
        QueueOptions options = QueueOptions.DEFAULT
                .withLanes(8) // as many processes may put
                .withMaxItems(1_000) // puts wait while there are so many items
                .leased() // an item is lent until it is done,
                .withVisibility(Duration.ofMinutes(1)) // or for a minute, if its holder hangs,
                .withMaxAttempts(3); // and three times at most: then it is a dead letter
        SharedQueue<Order> orders = SharedQueue.create(Codec.record(Order.class), options);
        // @end
        assertEquals(new QueueOptions(8, 2L << 30, 1_000, options.delivery(), Duration.ofMinutes(1), 3, 0),
                options);
        orders.put(TEA);
        for (int attempt = 1; attempt <= 3; attempt++) {
            try (Lease<Order> lease = orders.lease()) {
                assertEquals(attempt, lease.attempt());
            }
        }
        assertNull(orders.tryLease());
        // @start region="dead-letters"
        for (Order order; (order = orders.deadLetters().tryGet()) != null;) {
            failed.add(order); // it was lent three times and never done
        }
        // @end
        assertEquals(List.of(TEA), failed);
        orders.close();
    }

    @Test
    void aLeaseEndsAnItem() throws Exception {
        try (var orders = SharedQueue.create(Codec.record(Order.class), QueueOptions.DEFAULT.leased())) {
            orders.put(TEA);
            // @start region="lease"
            try (Lease<Order> lease = orders.lease()) {
                ship(lease.value());
                lease.done(); // without this, close() gives it back
            }
            // @end
            assertTrue(orders.isEmpty());
            assertEquals(List.of(TEA), shipped);
        }
    }

    @Test
    void aLeaseThatTookTooLongIsLost() throws Exception {
        List<Order> twice = new ArrayList<>();
        QueueOptions options = QueueOptions.DEFAULT.leased().withVisibility(Duration.ofMillis(1));
        try (var orders = SharedQueue.create(Codec.record(Order.class), options)) {
            orders.put(TEA);
            Lease<Order> lease = orders.lease();
            orders.lease(Duration.ofSeconds(30)).done();
            // @start region="lease-lost"
            try {
                lease.done();
            } catch (LeaseLostException e) {
                twice.add(lease.value()); // it took longer than the visibility time-out, and was lent again
            }
            // @end
        }
        assertEquals(List.of(TEA), twice);
    }

    @Test
    void timeOutsEndInExceptions() throws Exception {
        List<Order> refused = new ArrayList<>();
        try (var orders = SharedQueue.create(Codec.record(Order.class), QueueOptions.DEFAULT.withMaxItems(1))) {
            orders.put(TEA);
            Order order = MILK;
            // @start region="full"
            try {
                orders.put(order, Duration.ofMillis(20));
            } catch (QueueFullException e) {
                refused.add(order); // it was not put
            }
            // @end
            // @start region="empty"
            try {
                while (true) ship(orders.get(Duration.ofMillis(20)));
            } catch (QueueEmptyException e) {
                // nothing came for 20 ms
            }
            // @end
        }
        assertEquals(List.of(TEA), shipped);
        assertEquals(List.of(MILK), refused);
    }

    @Test
    void whatIsThereIsTakenAtOnce() throws Exception {
        try (var orders = SharedQueue.create(Codec.record(Order.class))) {
            orders.put(TEA);
            orders.put(MILK);
            // @start region="drain"
            List<Order> next = new ArrayList<>();
            next.add(orders.get()); // waits for one,
            orders.drainTo(next, 99); // and takes what else is there
            // @end
            assertEquals(List.of(TEA, MILK), next);
        }
    }

    record Shipment(String order) implements Runnable {
        @Override
        public void run() {
            System.getLogger("shipping").log(System.Logger.Level.DEBUG, order);
        }
    }

    @Test
    void aThreadPoolTakesItsTasksFromAQueue() throws Exception {
        // @start region="blocking-queue"
        SharedQueue<Runnable> queue = SharedQueue.create(Codec.object(Shipment.class));
        var pool = new ThreadPoolExecutor(2, 2, 0, TimeUnit.SECONDS, queue.asBlockingQueue());
        for (String order : List.of("tea", "milk", "bread")) pool.execute(new Shipment(order));
        pool.shutdown();
        // @end
        assertTrue(pool.awaitTermination(30, TimeUnit.SECONDS));
        assertEquals(3, pool.getCompletedTaskCount());
        queue.close();
    }

    @Test
    void closingAQueueEndsTheThreadThatGets() throws Exception {
        var orders = SharedQueue.create(Codec.record(Order.class));
        // @start region="closed"
        Thread shipping = Thread.startVirtualThread(() -> {
            try {
                while (true) ship(orders.get());
            } catch (QueueClosedException e) {
                // another thread of this process has called orders.close()
            } catch (InterruptedException e) {
                // likewise
            }
        });
        // @end
        orders.put(TEA);
        shippedOne.await();
        orders.close();
        shipping.join();
        assertEquals(List.of(TEA), shipped);
    }

    // ---- Codec, Encoder, Decoder, StandInException

    @Test
    void aRecordIsAnItem() throws Exception {
        // @start region="record"
        record Line(String item, int count) {}
        record Invoice(long number, List<Line> lines) {}

        SharedQueue<Invoice> invoices = SharedQueue.create(Codec.record(Invoice.class));
        invoices.put(new Invoice(1, List.of(new Line("tea", 2), new Line("milk", 1))));
        Invoice invoice = invoices.get();
        // @end
        assertEquals(new Invoice(1, List.of(new Line("tea", 2), new Line("milk", 1))), invoice);
        invoices.close();
    }

    @Test
    void aStreamOfNumbersIsPacked() throws Exception {
        // @start region="numbers"
        SharedQueue<long[]> ticks = SharedQueue.create(Codec.int64s(), QueueOptions.DEFAULT.exclusive());
        ticks.put(new long[] {101, 102, 103}); // 64 and more at once are the fastest
        long[] some = ticks.get();
        // @end
        assertArrayEquals(new long[] {101, 102, 103}, some);
        ticks.close();
    }

    // @start region="object"
    sealed interface Event permits Placed, Cancelled {}

    record Placed(Order order, Map<String, BigDecimal> prices) implements Event {}

    record Cancelled(Order order, @Nullable Exception reason) implements Event {}

    static final Codec<Event> EVENTS = Codec.object(Event.class, Order.class, OrderFailed.class);
    // @end

    static final class OrderFailed extends Exception {
        private static final long serialVersionUID = 1;

        OrderFailed(String message, Throwable cause) {
            super(message, cause);
        }
    }

    static final class NoMoreTea extends Exception {
        private static final long serialVersionUID = 1;
    }

    @Test
    void whatIsListedIsAnItem() throws Exception {
        try (SharedQueue<Event> events = SharedQueue.create(EVENTS)) {
            Event placed = new Placed(TEA, Map.of("tea", new BigDecimal("2.50")));
            events.put(placed);
            assertEquals(placed, events.get());
        }
    }

    @Test
    void aCauseThatIsNotListedHasAStandIn() throws Exception {
        String missing = "";
        try (SharedQueue<Event> events = SharedQueue.create(EVENTS)) {
            // @start region="stand-in"
            events.put(new Cancelled(new Order("tea", 2), new OrderFailed("no tea", new NoMoreTea())));

            if (events.get() instanceof Cancelled(Order order, OrderFailed failure)
                    && failure.getCause() instanceof StandInException cause) {
                missing = cause.className(); // EVENTS lists OrderFailed, but not NoMoreTea
            }
            // @end
        }
        assertEquals(NoMoreTea.class.getName(), missing);
    }

    record Reading(long nanos, double celsius, String sensor) {}

    // @start region="codec"
    static final class ReadingCodec implements Codec<Reading> {
        private static final long serialVersionUID = 1;

        @Override
        public String name() {
            return "reading, version 1";
        }

        // @start region="encode"
        @Override
        public void encode(Reading reading, Encoder to) {
            to.putLong(reading.nanos());
            to.putDouble(reading.celsius());
            to.putUtf8(reading.sensor()); // comes last, so it needs no length of its own
        }
        // @end

        // @start region="decode"
        @Override
        public Reading decode(Decoder from) throws IOException {
            if (from.length() < 16) throw new IOException("no reading: " + from);
            return new Reading(from.getLong(0), from.getDouble(8), from.getUtf8(16, from.length() - 16));
        }
        // @end
    }
    // @end

    @Test
    void aCodecIsTriedOutWithoutAQueue() throws Exception {
        // @start region="try-codec"
        Reading reading = new Reading(1, 21.5, "kitchen");
        Encoder encoder = new Encoder(1_000);
        new ReadingCodec().encode(reading, encoder);

        Decoder decoder = new Decoder(Arrays.copyOf(encoder.array(), encoder.length()));
        assertEquals(reading, new ReadingCodec().decode(decoder));
        // @end
    }

    // ---- Worker, Task, WorkerExit

    @Test
    void aWorkerEndsInOneOfFourWays() throws Exception {
        SharedQueue<Long> queue = SharedQueue.create(Codec.int64());
        // @start region="worker"
        Worker worker = Worker.of(() -> queue.put(ProcessHandle.current().pid()));
        worker.start();
        worker.join();
        // @end
        // @start region="exit"
        String report = switch (worker.exit()) {
            case WorkerExit.Finished() -> "all went well";
            case WorkerExit.Failed failed -> "its task threw " + failed.stackTrace();
            case WorkerExit.Exited(int code) -> "it called System.exit(" + code + ")";
            case WorkerExit.Killed(int signal) -> "signal " + signal + " ended it";
        };
        // @end
        assertEquals("all went well", report);
        assertEquals(worker.pid(), queue.tryGet());
        queue.close();
    }

    @Test
    void aBuilderMakesWorkersThatAreNotPlain() throws Exception {
        List<String> lines = new ArrayList<>();
        // @start region="builder"
        Worker worker = Worker.builder()
                .name("importer")
                .daemon(true)
                .jvmArguments("-Xmx256m")
                .environment("STAGE", "test")
                .stdout(line -> lines.add("importer: " + line))
                .start(() -> System.out.println("stage " + System.getenv("STAGE")));
        // @end
        worker.join();
        assertEquals(List.of("importer: stage test"), lines);
    }

    private record Guests(SharedQueue<String> names, Object cannotTravel) {
        // @start region="task"
        Worker greet(int n) {
            SharedQueue<String> names = this.names; // a task that uses the field would capture `this`
            return Worker.of(() -> names.put("guest " + n)).start();
        }
        // @end
    }

    @Test
    void aTaskCapturesLocalVariables() throws Exception {
        try (SharedQueue<String> names = SharedQueue.create(Codec.utf8())) {
            new Guests(names, new Object()).greet(7).join();
            assertEquals("guest 7", names.tryGet());
        }
    }

    /// Not run: as many JVMs as there are cores.
    static long sumOnEveryCore() throws InterruptedException {
        // @start region="every-core"
        SharedQueue<Long> sums = SharedQueue.create(Codec.int64());
        List<Worker> workers = Worker.onEveryCore(n -> () -> sums.put(sum(n)));
        workers.forEach(Worker::start);
        for (Worker worker : workers) worker.join();

        long all = 0;
        for (Long sum; (sum = sums.tryGet()) != null;) all += sum;
        // @end
        return all;
    }

    private static long sum(int n) {
        return n;
    }

    /// Not run: a spare that is made after the last start would come up for nothing.
    static void keepWarm() {
        // @start region="keep-warm"
        Worker.keepWarm(4);
        // @end
    }
}
