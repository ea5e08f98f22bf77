package dev.procession.bench;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.MessageHandler;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.util.Arrays;
import java.util.stream.IntStream;

/// What one more idle lane adds to a put and to a get, in nanoseconds: the lane of a producer that is attached, has put
/// one message, and puts nothing more. One thread puts and gets, through a queue with one lane in use and through one
/// with 64, in turns. Four figures:
///
/// - a put;
/// - a get in a stream: `poll`, with a limit of 64 messages and as many there;
/// - a get of one message by `tryGet`, with messages behind it;
/// - a get of the only message in the queue, by `tryGet`. It has to look at all lanes, and nothing shares the cost.
final class IdleLanes implements Probe {
    private static final int IDLE = 63;
    private static final int TURNS = 200;
    private static final int MESSAGES = 64; // in the queue at a time
    private static final int REPEATS = 16; // in each turn
    private static final int MESSAGE_BYTES = 16;

    private final Ends without;
    private final Ends with;

    IdleLanes(Delivery delivery) {
        without = new Ends(delivery, 0);
        with = new Ends(delivery, IDLE);
        for (int i = 0; i < 5; i++) {
            sample();
        }
    }

    /// The median turn of each queue, since a turn may be held up by anything. Their difference is what the idle lanes
    /// cost.
    @Override
    public double[] sample() {
        double[][] ofWithout = new double[TURNS][];
        double[][] ofWith = new double[TURNS][];
        for (int turn = 0; turn < TURNS; turn++) {
            ofWithout[turn] = without.nanosEach();
            ofWith[turn] = with.nanosEach();
        }
        return IntStream.range(0, ofWith[0].length)
                .mapToDouble(i -> (median(ofWith, i) - median(ofWithout, i)) / IDLE).toArray();
    }

    private static double median(double[][] turns, int figure) {
        return Result.quantile(Arrays.stream(turns).mapToDouble(turn -> turn[figure]).toArray(), 0.5);
    }

    @Override
    public void close() {
        without.queue.close();
        with.queue.close();
    }

    /// A queue, the producer of its last lane, and its consumer.
    private static final class Ends {
        private final byte[] message = new byte[MESSAGE_BYTES];
        private final byte[] target = new byte[MESSAGE_BYTES];
        private final LaneQueue queue;
        private final Consumer consumer;
        private final Producer producer;
        private long lengths;
        private final MessageHandler handler = m -> lengths += m.length();

        Ends(Delivery delivery, int idleLanes) {
            queue = LaneQueue.createAnonymous(
                    new QueueGeometry(idleLanes + 1, QueueGeometry.DEFAULT.laneBytes(), 0), "");
            consumer = queue.newConsumer(delivery);
            for (int i = 0; i < idleLanes; i++) {
                queue.newProducer().tryPut(message);
                consumer.tryGet(target);
            }
            producer = queue.newProducer();
        }

        /// Nanoseconds of one put, and of one get in each of the three ways.
        double[] nanosEach() {
            long put = 0;
            long poll = 0;
            long tryGet = 0;
            lengths = 0;
            for (int i = 0; i < REPEATS; i++) {
                long start = System.nanoTime();
                put(MESSAGES);
                long full = System.nanoTime();
                poll(MESSAGES);
                long empty = System.nanoTime();
                put(MESSAGES);
                long again = System.nanoTime();
                tryGet(MESSAGES);
                long end = System.nanoTime();
                put += full - start + again - empty;
                poll += empty - full;
                tryGet += end - again;
            }
            int gets = REPEATS * MESSAGES;
            double putEach = put / (2.0 * gets);
            long start = System.nanoTime();
            for (int i = 0; i < gets; i++) {
                put(1);
                tryGet(1);
            }
            double only = (System.nanoTime() - start) / (double) gets - putEach;
            if (lengths != 3L * gets * MESSAGE_BYTES) {
                throw new IllegalStateException("got bytes=" + lengths + " of " + 3L * gets * MESSAGE_BYTES);
            }
            return new double[] {putEach, poll / (double) gets, tryGet / (double) gets, only};
        }

        private void put(int messages) {
            for (int i = 0; i < messages; i++) {
                if (!producer.tryPut(message)) {
                    throw new IllegalStateException("no room in " + queue);
                }
            }
        }

        private void poll(int messages) {
            for (int left = messages; left > 0;) {
                left -= consumer.poll(handler, left);
            }
        }

        private void tryGet(int messages) {
            for (int i = 0; i < messages; i++) {
                lengths += consumer.tryGet(target);
            }
        }
    }
}
