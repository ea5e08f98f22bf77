package dev.procession;

import dev.procession.codec.Format;
import dev.procession.codec.GrowingBuffer;
import dev.procession.core.Batch;
import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import dev.procession.core.WaitLoop;
import dev.procession.core.WaitStrategy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What the threads of this process put with that use the same handle: one producer, made when it is first needed,
/// under a lock that is not held while a thread waits for room. It does not refer to the handle: see [Ends].
final class PutEnd<E> {
    private final LaneQueue queue;
    private final Codec<E> codec;
    private final ShortLock lock = new ShortLock();
    private final Turn turn = new Turn();
    private final @Nullable Format<E> format; // the codec's, if it has one: through that, put and get take 4 ns more
    private final Encoder encoder; // guarded by the lock, as is the producer
    private final GrowingBuffer buffer; // what is in it
    private @Nullable Producer producer;
    private volatile boolean attached; // there is a producer
    private boolean closed; // guarded by the lock

    PutEnd(LaneQueue queue, Codec<E> codec) {
        this.queue = queue;
        this.codec = codec;
        format = codec instanceof FormatCodec<E> own ? own.format : null;
        encoder = new Encoder(queue.maxMessageBytes(), "an item for " + queue.path());
        buffer = encoder.buffer;
    }

    /// The end of a message that says that a queue is full.
    static String why(LaneQueue queue) {
        return queue.isFileSystemFull() ? ": its file system has no space left" : "";
    }

    /// @return false if there is no room now
    boolean tryPut(E item) {
        lock.lock();
        try {
            Producer producer = producer();
            encode(item);
            return producer.tryPut(buffer.array(), 0, buffer.length());
        } finally {
            lock.unlock();
        }
    }

    /// @return false if there was no room until the time-out was over
    boolean put(E item, long timeoutNanos) throws InterruptedException {
        long left = attach(timeoutNanos);
        byte[] bytes;
        lock.lock();
        try {
            Producer producer = producer();
            encode(item);
            if (producer.tryPut(buffer.array(), 0, buffer.length())) return true;
            if (left <= 0) return false;
            bytes = Arrays.copyOf(buffer.array(), buffer.length());
        } finally {
            lock.unlock();
        }
        WaitLoop waiting = queue.waitingForRoom(WaitStrategy.spinThenSleep(), () -> hasRoom(bytes.length));
        return turn.await(waiting, () -> tryPutBytes(bytes) ? Boolean.TRUE : null, left) != null;
    }

    /// @return false if there is no room for all now
    boolean tryPutAll(Collection<? extends E> items) {
        EncodedItems encoded = encodeAll(items);
        return encoded == null || tryPutAll(encoded);
    }

    /// Puts all items or none.
    ///
    /// @return false if there was no room until the time-out was over
    boolean putAll(Collection<? extends E> items, long timeoutNanos) throws InterruptedException {
        long left = attach(timeoutNanos);
        EncodedItems encoded = encodeAll(items);
        if (encoded == null || tryPutAll(encoded)) return true;
        if (left <= 0) return false;
        WaitLoop waiting = queue.waitingForRoom(WaitStrategy.spinThenSleep(), () -> hasRoom(encoded));
        return turn.await(waiting, () -> tryPutAll(encoded) ? Boolean.TRUE : null, left) != null;
    }

    /// @return null if there are none
    private @Nullable EncodedItems encodeAll(Collection<? extends E> items) {
        EncodedItems encoded = null;
        lock.lock();
        try {
            Producer producer = producer();
            for (E item : items) {
                encode(Objects.requireNonNull(item, "item"));
                if (encoded == null) encoded = new EncodedItems(queue);
                encoded.add(buffer.array(), buffer.length(), producer.batchBytes(buffer.length()));
            }
            return encoded;
        } finally {
            lock.unlock();
        }
    }

    private boolean tryPutAll(EncodedItems encoded) {
        lock.lock();
        try (Batch batch = producer().tryBatch(encoded.count(), encoded.batchBytes())) {
            if (batch == null) return false;
            encoded.addTo(batch);
            batch.commit();
            return true;
        } finally {
            lock.unlock();
        }
    }

    private boolean hasRoom(EncodedItems encoded) {
        lock.lock();
        try {
            return producer().hasRoom(encoded.count(), encoded.batchBytes());
        } finally {
            lock.unlock();
        }
    }

    /// Waits for a lane, if this process has none yet: without the lock, which a tryPut of another thread takes.
    ///
    /// @return what is left of the time-out
    private long attach(long timeoutNanos) throws InterruptedException {
        if (attached || timeoutNanos <= 0) return timeoutNanos;
        long start = System.nanoTime();
        Producer made = queue.newProducer(WaitStrategy.spinThenSleep(), timeoutNanos);
        boolean kept = false;
        lock.lock();
        try {
            kept = producer == null && !closed;
            if (kept) producer = made;
            attached = true;
        } finally {
            lock.unlock();
            if (!kept) made.close(); // another thread was faster; or this handle was closed, as the next call says
        }
        return timeoutNanos == Long.MAX_VALUE ? timeoutNanos : timeoutNanos - (System.nanoTime() - start);
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
        buffer.reset();
        try {
            if (format != null) {
                format.encode(item, buffer);
            } else {
                codec.encode(item, encoder);
            }
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
            return producer != null && !queue.isShutDown() && !producer.hasRoom(0);
        } finally {
            lock.unlock();
        }
    }

    private Producer producer() {
        Producer producer = this.producer;
        if (producer == null) {
            this.producer = producer = queue.newProducer(); // says so if the queue was closed
            attached = true;
        }
        return producer;
    }

    Path path() {
        return queue.path();
    }

    void close() {
        lock.lock();
        try {
            closed = true;
            if (producer != null) producer.close();
        } finally {
            lock.unlock();
        }
    }
}
