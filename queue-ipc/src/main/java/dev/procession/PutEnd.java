package dev.procession;

import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import dev.procession.core.WaitStrategy;
import dev.procession.core.WaitLoop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What the threads of this process put with that use the same handle: one producer, made when it is first needed,
/// under a lock that is not held while a thread waits for room. It does not refer to the handle: see [Ends].
final class PutEnd<E> {
    private final LaneQueue queue;
    private final Codec<E> codec;
    private final ShortLock lock = new ShortLock();
    private final Turn turn = new Turn();
    private final Encoder encoder; // guarded by the lock, as is the producer
    private @Nullable Producer producer;

    PutEnd(LaneQueue queue, Codec<E> codec) {
        this.queue = queue;
        this.codec = codec;
        encoder = new Encoder(queue.maxMessageBytes());
    }

    /// @return false if there is no room now
    boolean tryPut(E item) {
        lock.lock();
        try {
            Producer producer = producer();
            encode(item);
            return producer.tryPut(encoder.array(), 0, encoder.length());
        } finally {
            lock.unlock();
        }
    }

    /// @return false if there was no room until the time-out was over
    boolean put(E item, long timeoutNanos) throws InterruptedException {
        byte[] bytes;
        lock.lock();
        try {
            Producer producer = producer();
            encode(item);
            if (producer.tryPut(encoder.array(), 0, encoder.length())) return true;
            if (timeoutNanos <= 0) return false;
            bytes = Arrays.copyOf(encoder.array(), encoder.length());
        } finally {
            lock.unlock();
        }
        WaitLoop waiting = queue.waitingForRoom(WaitStrategy.spinThenSleep(), () -> hasRoom(bytes.length));
        return turn.await(waiting, () -> tryPutBytes(bytes) ? Boolean.TRUE : null, timeoutNanos) != null;
    }

    boolean tryPutBytes(byte[] bytes) {
        lock.lock();
        try {
            return producer().tryPut(bytes);
        } finally {
            lock.unlock();
        }
    }

    private void encode(E item) {
        encoder.reset();
        try {
            codec.encode(item, encoder);
        } catch (IOException e) {
            throw new UncheckedIOException("codec " + codec.name() + " cannot encode a " + item.getClass().getName(),
                    e);
        }
    }

    private boolean hasRoom(int length) {
        lock.lock();
        try {
            return producer().hasRoom(length);
        } finally {
            lock.unlock();
        }
    }

    /// Whether this process puts, and its lane has no room for the shortest item.
    boolean isLaneFull() {
        lock.lock();
        try {
            return producer != null && !producer.hasRoom(0);
        } finally {
            lock.unlock();
        }
    }

    private Producer producer() {
        Producer producer = this.producer;
        if (producer == null) this.producer = producer = queue.newProducer(); // says so if the queue was closed
        return producer;
    }

    Path path() {
        return queue.path();
    }

    void close() {
        lock.lock();
        try {
            if (producer != null) producer.close();
        } finally {
            lock.unlock();
        }
    }
}
