package dev.procession;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// What goes between a [WorkerPool] and its workers, in three kinds of queues: tasks to the workers, outcomes and
/// reports to the pool, and what concerns one worker, in a queue of its own.
///
/// @param kind   what it says
/// @param worker the number of the worker that puts it, or that it is about; 0: the pool itself
/// @param id     the number of the task that it is about; 0: none
/// @param body   the task, or its outcome; null if there is no memory for it here
/// @param length of the body, in bytes
record PoolMessage(Kind kind, int worker, long id, byte @Nullable [] body, int length) {
    enum Kind {
        /// To any worker: a task.
        TASK,

        /// From a worker: it is up, and its initializer has returned.
        READY,
        /// It is about to start a task.
        STARTED,
        /// It was lent a task that was lent before, and waits for [#GO] or [#NO].
        AGAIN,
        /// The outcome of a task.
        OUTCOME,
        /// It was lent a task that is not to be started any more.
        DROPPED,

        /// From the pool to itself: a worker has ended. All that this worker ever put has been taken before.
        ENDED,
        /// There is something new to wait for.
        WAKE,

        /// To one worker: a task is not to be started any more.
        CANCEL,
        /// The same; if it runs, it is interrupted.
        INTERRUPT,
        /// It may start the task that it has asked for.
        GO,
        /// It may not.
        NO,
        /// Whatever it runs is interrupted, from now on.
        STOP,
        /// There will be no more tasks.
        END
    }

    private static final Kind[] KINDS = Kind.values();
    private static final int HEADER = 1 + Integer.BYTES + Long.BYTES;
    private static final byte[] NOTHING = {};

    static final Codec<PoolMessage> CODEC = new Bytes();

    PoolMessage(Kind kind, int worker, long id) {
        this(kind, worker, id, NOTHING);
    }

    PoolMessage(Kind kind, int worker, long id, byte[] body) {
        this(kind, worker, id, body, body.length);
    }

    private static final class Bytes implements Codec<PoolMessage> {
        private static final long serialVersionUID = 1;

        @Override
        public String name() {
            return "pool message";
        }

        @Override
        public void encode(PoolMessage value, Encoder to) {
            to.putByte((byte) value.kind.ordinal());
            to.putInt(value.worker);
            to.putLong(value.id);
            if (value.body != null) to.putBytes(value.body);
        }

        @Override
        public PoolMessage decode(Decoder from) throws IOException {
            int length = from.length() - HEADER;
            if (length < 0 || from.getByte(0) < 0 || from.getByte(0) >= KINDS.length) {
                throw new IOException("no message of a pool");
            }
            Kind kind = KINDS[from.getByte(0)];
            byte[] body = length == 0 ? NOTHING : copy(from, length);
            return new PoolMessage(kind, from.getInt(1), from.getLong(1 + Integer.BYTES), body, length);
        }

        /// A task or result that is too large for this process must not look like one that was never there.
        private static byte @Nullable [] copy(Decoder from, int length) {
            try {
                byte[] body = new byte[length];
                from.getBytes(HEADER, body, 0, length);
                return body;
            } catch (OutOfMemoryError e) {
                return null;
            }
        }
    }
}
