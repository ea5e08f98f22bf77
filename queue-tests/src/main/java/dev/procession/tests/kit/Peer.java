package dev.procession.tests.kit;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// One thread that works on a queue, in this JVM ([#here]) or in another process ([Child#peer]). A test says
/// what is to be done as a lambda over the peer's [Scope]; the lambda travels, so it may capture nothing but
/// serializable values, and what it returns or throws travels back.
public final class Peer implements AutoCloseable {
    /// No single step of a test takes longer than this; a step that does is a hang. (A whole test may take a little
    /// longer, see Watchdog.)
    public static final long DEADLINE_SECONDS = Long.getLong("dev.procession.tests.deadline", 50) * 4 / 5;

    /// The longest message that [Scope#take()] and [Scope#await()] have room for.
    private static final int MOST_BYTES = 1 << 20;

    /// Something to do in a peer.
    @FunctionalInterface
    public interface Action<R extends @Nullable Object> extends Serializable {
        R on(Scope scope) throws Throwable;
    }

    /// Something to do in a peer that gives nothing back.
    @FunctionalInterface
    public interface Step extends Serializable {
        void on(Scope scope) throws Throwable;
    }

    /// A question to a peer.
    @FunctionalInterface
    public interface Question extends Serializable {
        boolean on(Scope scope) throws Throwable;
    }

    /// A number that a peer finds out.
    @FunctionalInterface
    public interface Count extends Serializable {
        long on(Scope scope) throws Throwable;
    }

    /// The JVM a peer lives in.
    interface Host {
        CompletableFuture<@Nullable Object> submit(int peer, Action<?> action);

        /// Ends a peer that hangs, if that is possible.
        void abandon(int peer);
    }

    /// What was to be done has not come to its end.
    private static final class Hang extends AssertionError {
        private static final long serialVersionUID = 1;

        Hang(Throwable cause) {
            super("hangs: no end within " + DEADLINE_SECONDS + " s", cause);
        }
    }

    /// What a peer works with. Lives in the peer's own JVM.
    public static final class Scope {
        private static final Map<Path, LaneQueue> OPENED_LAST = new ConcurrentHashMap<>();

        /// The peer's handle.
        public LaneQueue queue;
        /// The peer's producer, after [#producer()].
        public Producer producer;
        /// The peer's consumer, after [#consumer(Delivery)].
        public Consumer consumer;
        /// A second producer, for tests that need two in one thread.
        public @Nullable Producer other;

        private byte[] buffer = {};

        @SuppressWarnings("NullAway") // set by the first step of every test that uses them
        private Scope() {}

        /// Opens a handle of this peer's own.
        public Scope open(String file) {
            queue = LaneQueue.open(Path.of(file));
            OPENED_LAST.put(Path.of(file), queue);
            return this;
        }

        /// Uses the handle that another peer of this JVM opened.
        public Scope share(String file) {
            queue = OPENED_LAST.get(Path.of(file));
            return this;
        }

        public void producer() {
            producer = queue.newProducer();
        }

        public void consumer(Delivery delivery) {
            consumer = queue.newConsumer(delivery);
        }

        /// The next message, or null.
        public byte @Nullable [] take() {
            return take(buffer());
        }

        /// The next message, copied into a buffer first, or null.
        public byte @Nullable [] take(byte[] buffer) {
            int length = consumer.tryGet(buffer);
            return length == Consumer.EMPTY ? null : Arrays.copyOf(buffer, length);
        }

        /// Waits for the next message as long as a test step may last.
        public byte[] await() throws InterruptedException {
            byte[] buffer = buffer();
            int length = consumer.get(buffer, TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS));
            if (length == Consumer.EMPTY) throw new AssertionError("no message within the deadline");
            return Arrays.copyOf(buffer, length);
        }

        private byte[] buffer() {
            int length = Math.min(queue.maxMessageBytes(), MOST_BYTES); // by default a message may have a gibibyte
            if (buffer.length < length) buffer = new byte[length];
            return buffer;
        }

        private void close() {
            if (producer != null) producer.close();
            if (other != null) other.close();
            if (consumer != null) consumer.close();
            if (queue != null) {
                OPENED_LAST.remove(queue.path(), queue);
                queue.close();
            }
        }
    }

    /// Peers that are threads of the JVM that this code runs in.
    static final class Threads implements Host {
        private record Member(Scope scope, ExecutorService thread) {}

        private final Map<Integer, Member> members = new ConcurrentHashMap<>();

        @Override
        public CompletableFuture<@Nullable Object> submit(int peer, Action<?> action) {
            var member = members.computeIfAbsent(peer, number -> new Member(new Scope(),
                    Executors.newSingleThreadExecutor(Thread.ofPlatform().name("peer-" + number).daemon().factory())));
            var result = new CompletableFuture<@Nullable Object>();
            member.thread.execute(() -> {
                try {
                    result.complete(action.on(member.scope));
                } catch (Throwable thrown) {
                    result.completeExceptionally(thrown);
                }
                if (action == END) {
                    members.remove(peer);
                    member.thread.shutdown();
                }
            });
            return result;
        }

        @Override
        public void abandon(int peer) {
            var member = members.remove(peer);
            if (member != null) member.thread.shutdownNow();
        }
    }

    /// The last action of a peer.
    enum End implements Action<@Nullable Object> {
        INSTANCE;

        @Override
        public @Nullable Object on(Scope scope) {
            scope.close();
            return null;
        }
    }

    private static final End END = End.INSTANCE;
    private static final Threads HERE = new Threads();

    private final Host host;
    private final int number;
    private volatile @Nullable CompletableFuture<?> last; // action

    Peer(Host host, int number) {
        this.host = host;
        this.number = number;
    }

    /// A new peer that is a thread of this JVM.
    public static Peer here() {
        return new Peer(HERE, Child.nextNumber());
    }

    /// Starts an action and does not wait for its end.
    @SuppressWarnings("unchecked")
    public <R extends @Nullable Object> CompletableFuture<R> start(Action<R> action) {
        var started = (CompletableFuture<R>) host.submit(number, action);
        last = started;
        return started;
    }

    /// Carries out an action and gives what it returned; throws what it threw.
    public <R extends @Nullable Object> R call(Action<R> action) {
        return join(start(action));
    }

    /// Asks a question; throws what it threw.
    public boolean test(Question question) {
        return call(scope -> Boolean.valueOf(question.on(scope)));
    }

    /// Finds out a number; throws what it threw.
    public long count(Count count) {
        return call(scope -> Long.valueOf(count.on(scope)));
    }

    /// Carries out a step; throws what it threw.
    public void run(Step step) {
        call(scope -> {
            step.on(scope);
            return null;
        });
    }

    /// Waits for the end of an action, no longer than [#DEADLINE_SECONDS]; throws what it threw.
    public static <R extends @Nullable Object> R join(CompletableFuture<R> started) {
        try {
            return started.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw Peer.<RuntimeException>sneaky(e.getCause());
        } catch (TimeoutException e) {
            Child.dumpThreads();
            var hang = new Hang(e);
            started.completeExceptionally(hang);
            throw hang;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /// Closes what the peer has opened, and ends it. One that hangs is not asked again: its process is killed, or its
    /// thread left alone.
    @Override
    public void close() {
        var before = last;
        if (before != null && before.isCompletedExceptionally() && before.exceptionNow() instanceof Hang) {
            host.abandon(number);
        } else {
            call(END);
        }
    }
}
