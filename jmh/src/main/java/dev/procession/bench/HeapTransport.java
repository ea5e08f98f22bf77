package dev.procession.bench;

import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventPoller;
import com.lmax.disruptor.EventTranslatorOneArg;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.dsl.ProducerType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.MpmcArrayQueue;
import org.jctools.queues.MpscArrayQueue;

/// Queues between threads of one JVM. They hand over references, so every message is an array of its own; it belongs to
/// its consumer.
abstract sealed class HeapTransport<Q> implements Transport {
    /// What a message occupies beside its bytes: the header of the array, its padding, its place in the queue.
    private static final int HEADER_BYTES = 24;

    private final String name;
    final boolean manyConsumers;
    private final Map<Path, Q> queues = new ConcurrentHashMap<>(); // of this JVM, by the names of their files

    private HeapTransport(String name, boolean manyConsumers) {
        this.name = name;
        this.manyConsumers = manyConsumers;
    }

    static List<Transport> all() {
        return List.of(new Blocking(), new Passing("jctools-mpsc", false), new Passing("jctools-mpmc", true),
                new Disruptor());
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean serves(Work work) {
        return work.content() == Work.Content.BYTES && switch (work.kind()) {
            case THROUGHPUT -> (work.bytes() == 16 || work.bytes() == 1024 && work.producers() == 1)
                    && (work.producers() == 1 || work.producers() == 4)
                    && (work.consumers() == 1 || work.consumers() == 4 && manyConsumers);
            case ROUND_TRIP -> true;
            case WAKE_UP -> this instanceof Blocking;
            default -> false;
        };
    }

    /// Room for some million messages between two collections.
    @Override
    public List<String> jvmArguments() {
        return List.of("-Xms512m", "-Xmx512m", "-Xmn256m");
    }

    @Override
    public boolean inOneJvm() {
        return true;
    }

    @Override
    public void create(Path file, Work work) {
        long messages = work.queueBytes() / (work.bytes() + HEADER_BYTES);
        queues.put(file, queue(work, Math.toIntExact(Long.highestOneBit(messages))));
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) {
        return sender(queues.get(file), payload.message());
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) {
        return receiver(queues.get(file), check);
    }

    abstract Q queue(Work work, int capacity);

    abstract Sender sender(Q queue, byte[] message);

    abstract Receiver receiver(Q queue, Payload.Check check);

    /// `offer`, and `drainTo`, which takes the lock once for a run of messages.
    private static final class Blocking extends HeapTransport<ArrayBlockingQueue<byte[]>> {
        Blocking() {
            super("array-blocking-queue", true);
        }

        @Override
        ArrayBlockingQueue<byte[]> queue(Work work, int capacity) {
            return new ArrayBlockingQueue<>(capacity);
        }

        @Override
        Sender sender(ArrayBlockingQueue<byte[]> queue, byte[] message) {
            return () -> queue.offer(message.clone());
        }

        @Override
        Receiver receiver(ArrayBlockingQueue<byte[]> queue, Payload.Check check) {
            var taken = new ArrayList<byte[]>();
            return new Receiver() {
                @Override
                public int poll(int limit) {
                    int n = queue.drainTo(taken, limit);
                    for (int i = 0; i < n; i++) {
                        check.array(taken.get(i));
                    }
                    taken.clear();
                    return n;
                }

                @Override
                public int await() throws InterruptedException {
                    check.array(queue.take());
                    return 1;
                }
            };
        }
    }

    /// JCTools: `offer` and `drain`.
    private static final class Passing extends HeapTransport<MessagePassingQueue<byte[]>> {
        Passing(String name, boolean manyConsumers) {
            super(name, manyConsumers);
        }

        @Override
        MessagePassingQueue<byte[]> queue(Work work, int capacity) {
            return manyConsumers ? new MpmcArrayQueue<>(capacity) : new MpscArrayQueue<>(capacity);
        }

        @Override
        Sender sender(MessagePassingQueue<byte[]> queue, byte[] message) {
            return () -> queue.offer(message.clone());
        }

        @Override
        Receiver receiver(MessagePassingQueue<byte[]> queue, Payload.Check check) {
            MessagePassingQueue.Consumer<byte[]> handler = check::array;
            return limit -> queue.drain(handler, limit);
        }
    }

    /// The Disruptor copies messages into arrays that it made beforehand. Its wait strategy is for consumers that do
    /// not poll; this one costs a producer nothing.
    private static final class Disruptor extends HeapTransport<RingBuffer<byte[]>> {
        Disruptor() {
            super("disruptor", false);
        }

        @Override
        RingBuffer<byte[]> queue(Work work, int capacity) {
            ProducerType producers = work.producers() == 1 ? ProducerType.SINGLE : ProducerType.MULTI;
            return RingBuffer.create(producers, () -> new byte[work.bytes()], capacity, new BusySpinWaitStrategy());
        }

        @Override
        Sender sender(RingBuffer<byte[]> ring, byte[] message) {
            EventTranslatorOneArg<byte[], byte[]> copy =
                    (event, sequence, from) -> System.arraycopy(from, 0, event, 0, from.length);
            return () -> ring.tryPublishEvent(copy, message);
        }

        @Override
        Receiver receiver(RingBuffer<byte[]> ring, Payload.Check check) {
            EventPoller<byte[]> poller = ring.newPoller();
            ring.addGatingSequences(poller.getSequence());
            return new Polled(poller, check);
        }
    }

    /// Takes whatever is there, as a consumer of the Disruptor does: each poll looks through all of it, if there are
    /// many producers, so that polls for a few events would look at most of them again and again.
    private static final class Polled implements Transport.Receiver {
        private final EventPoller<byte[]> poller;
        private final EventPoller.Handler<byte[]> handler;
        private int taken;

        Polled(EventPoller<byte[]> poller, Payload.Check check) {
            this.poller = poller;
            handler = (event, sequence, isLast) -> {
                check.array(event);
                taken++;
                return true;
            };
        }

        @Override
        public int poll(int limit) {
            taken = 0;
            try {
                poller.poll(handler);
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) { // declared, but the handler has none to throw
                throw new IllegalStateException(e);
            }
            return taken;
        }
    }
}
