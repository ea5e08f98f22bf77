package dev.procession.tests.jcstress;

import dev.procession.core.Claim;
import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Message;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A queue in a real file, mapped twice as two processes would: producer and consumer 0 are at one handle, producer and
/// consumer 1 at the other. Each belongs to one actor at a time. Producer 0 has the first lane and producer 1 the last;
/// those between are in use and empty.
///
/// jcstress makes a new state for every single try, and a new file for each would be most of the work. So a state draws
/// a rig from a [Pool], and its arbiter gives it back by asking for the [#rest()]. The lanes are small, and
/// jumps come by all the time.
final class Rig {
    /// What a get that found no message is written as.
    static final String NONE = "-";

    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder()).withInvokeExactBehavior();
    private static final String[] NAMES = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    private static final long STEP = 0x9E3779B97F4A7C15L;

    /// The rigs of one test that no state has at present.
    static final class Pool {
        private final QueueGeometry geometry;
        private final Delivery delivery;
        private final Queue<Rig> idle = new ConcurrentLinkedQueue<>();

        Pool(QueueGeometry geometry, Delivery delivery) {
            this.geometry = geometry;
            this.delivery = delivery;
        }

        /// An empty queue.
        Rig draw() {
            Rig rig = idle.poll();
            if (rig == null) rig = new Rig(this);
            rig.serial++;
            rig.arrived.set(0);
            return rig;
        }
    }

    private final Pool pool;
    final LaneQueue[] handles = new LaneQueue[2];
    private final Producer[] producers = new Producer[2];
    private final Consumer[] consumers;
    private final byte[][] toPut;
    private final byte[][] got;
    private final AtomicInteger arrived = new AtomicInteger();
    private long serial;

    private Rig(Pool pool) {
        this.pool = pool;
        try {
            Path memory = Path.of("/dev/shm");
            Path directory = Files.isWritable(memory) ? Files.createTempDirectory(memory, "procession-test-")
                    : Files.createTempDirectory("procession-test-");
            Path file = directory.resolve("queue");
            handles[0] = LaneQueue.create(file, pool.geometry, "jcstress");
            handles[1] = LaneQueue.open(file);
            Files.delete(file); // nobody else needs its name, and nothing stays behind if this process is killed
            Files.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        consumers = new Consumer[pool.delivery == Delivery.EXCLUSIVE ? 1 : 2];
        int max = handles[0].maxMessageBytes();
        toPut = new byte[producers.length][max];
        got = new byte[consumers.length][max];
        var all = new ArrayList<Producer>();
        for (int lane = 0; lane < pool.geometry.lanes(); lane++) all.add(handles[lane > 0 ? 1 : 0].newProducer());
        producers[0] = all.removeFirst();
        producers[1] = all.removeLast();
        all.forEach(Producer::close);
        for (int i = 0; i < consumers.length; i++) {
            consumers[i] = handles[handles.length - 1 - i].newConsumer(pool.delivery);
        }
    }

    /// Waits a moment for the other actor: two that begin at the same time meet in the queue much more often. One of
    /// them then lets the other go ahead by up to some 100 ns, in every try by another bit.
    void meet() {
        boolean first = arrived.getAndIncrement() == 0;
        for (int i = 0; i < 1_000 && arrived.get() < 2; i++) Thread.onSpinWait();
        long ahead = serial * STEP;
        if (first == ahead < 0) for (long i = ahead >>> 58 & 31; i > 0; i--) arrived.get();
    }

    // ---- messages: nobody but the one who put it can have written such bytes

    /// Puts message `number`, 1 to 9, of `length` bytes, 8 or more; false if the queue is full.
    boolean put(int producer, int number, int length) {
        return producers[producer].tryPut(message(producer, number, length), 0, length);
    }

    /// Does the same in place.
    boolean putInPlace(int producer, int number, int length) {
        Claim claim = producers[producer].tryClaim(length);
        if (claim == null) return false;
        claim.putBytes(0, message(producer, number, length), 0, length);
        claim.commit();
        return true;
    }

    /// Puts messages from 1 on while there is room, up to 8: how many there are.
    int fill(int producer, int length) {
        int number = 1;
        while (number <= 8 && put(producer, number, length)) number++;
        return number - 1;
    }

    /// Puts messages 1 to `count` at once; false if the queue is full.
    boolean putBatch(int producer, int count, int length) {
        try (var batch = producers[producer].tryBatch(count, count * producers[producer].batchBytes(length))) {
            if (batch == null) return false;
            for (int number = 1; number <= count; number++) batch.add(message(producer, number, length), 0, length);
            batch.commit();
            return true;
        }
    }

    private byte[] message(int producer, int number, int length) {
        byte[] bytes = toPut[producer];
        long id = serial << 32 | (long) length << 8 | number;
        for (int i = 0; i < length; i += Long.BYTES) setWord(bytes, i, length, id + i * STEP);
        return bytes;
    }

    /// Takes a message: its name, or [#NONE]. Whatever is not exactly what was put into this state's queue is "torn".
    String get(int consumer) {
        int length = consumers[consumer].tryGet(got[consumer]);
        return name(consumer, length);
    }

    private String name(int consumer, int length) {
        if (length == Consumer.EMPTY) return NONE;
        byte[] bytes = got[consumer];
        if (length < Long.BYTES) return "torn";
        long id = (long) LONG.get(bytes, 0);
        int number = (int) (id & 0xff);
        if (id >>> 32 != (serial & 0xffffffffL) || (id >>> 8 & 0xffffff) != length || number >= NAMES.length)
            return "torn";
        for (int i = 0; i < length; i += Long.BYTES) {
            if (word(bytes, i, length) != (id + i * STEP & mask(length - i))) return "torn";
        }
        return NAMES[number];
    }

    /// Takes a lease, if there is a message.
    @Nullable
    Lent lease(int consumer) {
        var names = new String[1];
        Lease lease = ((LeasingConsumer) consumers[consumer])
                .tryLease((message, unused) -> names[0] = name(consumer, message));
        return lease == null ? null : new Lent(lease, names[0]);
    }

    record Lent(Lease lease, String name) {
        static String name(@Nullable Lent lent) {
            return lent == null ? NONE : lent.name;
        }
    }

    /// Takes up to `limit` messages by one poll: their names, or [#NONE].
    String poll(int consumer, int limit) {
        var names = new StringBuilder();
        consumers[consumer].poll(message -> names.append(name(consumer, message)), limit);
        return names.isEmpty() ? NONE : names.toString();
    }

    private String name(int consumer, Message message) {
        message.getBytes(0, got[consumer], 0, message.length());
        return name(consumer, message.length());
    }

    boolean putWaiting(int producer, int number, int length, long timeoutNanos) {
        try {
            return producers[producer].put(message(producer, number, length), 0, length, timeoutNanos);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    String getWaiting(int consumer, long timeoutNanos) {
        try {
            return name(consumer, consumers[consumer].get(got[consumer], timeoutNanos));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /// Takes all that is left: the names in their order, or [#NONE]. After that the rig is the next test's.
    String rest() {
        var names = new StringBuilder();
        for (String name; !(name = get(0)).equals(NONE);) names.append(name);
        if (!handles[0].isEmpty()) names.append("not empty");
        pool.idle.add(this);
        return names.isEmpty() ? NONE : names.toString();
    }

    /// The same, if it has to be these: "the rest" then.
    String restFrom(int first, int last) {
        var expected = new StringBuilder();
        for (int number = first; number <= last; number++) expected.append(number);
        String rest = rest();
        return rest.contentEquals(expected) ? "the rest" : rest + " of " + expected;
    }

    private static long mask(int bytes) {
        return bytes >= Long.BYTES ? -1 : (1L << bytes * Byte.SIZE) - 1;
    }

    private static void setWord(byte[] bytes, int at, int length, long word) {
        if (length - at >= Long.BYTES) LONG.set(bytes, at, word);
        else for (int i = at; i < length; i++, word >>>= Byte.SIZE) bytes[i] = (byte) word;
    }

    private static long word(byte[] bytes, int at, int length) {
        if (length - at >= Long.BYTES) return (long) LONG.get(bytes, at);
        long word = 0;
        for (int i = length; --i >= at;) word = word << Byte.SIZE | bytes[i] & 0xff;
        return word;
    }
}
