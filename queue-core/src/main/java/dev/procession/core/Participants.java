package dev.procession.core;

import dev.procession.core.os.Os;
import java.util.Arrays;
import java.util.BitSet;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The participants of one handle, and liveness: each participant holds a lock on a byte of the file, which the kernel
/// drops when its process is gone. The handle itself is one. After the last of them the file is closed, and an
/// anonymous queue that no other process has open is removed.
///
/// Locks of one open file do not exclude each other, so a handle keeps its own participants apart. Thread-safe.
final class Participants {
    /// Maximum age of a check that a lane's owner is alive, in ns: a check costs half a microsecond.
    private static final long ALIVE_NANOS = 1_000_000;

    /// Passes over the lanes: on the portable platform a liveness check locks a lane for a moment, so one pass may miss
    /// it.
    private static final int LANE_PASSES = 3;

    private static final long WARN_NANOS = 1_000_000_000;

    final QueueFile file;
    final Lanes lanes;

    // guarded by this
    private final BitSet lanesHeld = new BitSet();
    private final BitSet consumerIdsHeld = new BitSet();
    private int participants = 1; // this handle, its producers and consumers; the file is open while there are any
    private int sharedConsumers;
    private boolean exclusiveConsumer;
    private final long[] aliveUntil; // per lane: until then, in ns, its owner counts as alive

    Participants(QueueFile file, Lanes lanes) {
        this.file = file;
        this.lanes = lanes;
        aliveUntil = new long[file.geometry.bounded() ? file.geometry.lanes() : 0];
        Arrays.fill(aliveUntil, System.nanoTime());
    }

    // ---- producers

    /// Makes a producer for the first lane that has no living owner; null if there is none.
    ///
    /// @param make called while the lane is locked for it
    synchronized <P> @Nullable P tryNewProducer(IntFunction<P> make) {
        file.checkOpen();
        file.checkNotTruncated();
        for (int pass = 0; pass < LANE_PASSES; pass++) {
            if (pass > 0) QueueFile.pause();
            for (int lane = 0; lane < file.geometry.lanes(); lane++) {
                P producer = withLane(lane, make);
                if (producer == null) continue;
                lanesHeld.set(lane);
                participants++;
                return producer;
            }
        }
        return null;
    }

    /// Tries until there is one, up to the time-out.
    <P> P awaitProducer(Supplier<@Nullable P> attempt, WaitLoop waiting, long timeoutNanos)
            throws InterruptedException {
        P producer = attempt.get();
        if (producer == null) waiting.start(timeoutNanos);
        boolean warned = false;
        for (long start = System.nanoTime(); producer == null && timeoutNanos > 0 && waiting.pause();) {
            producer = attempt.get();
            if (producer != null || warned || System.nanoTime() - start < WARN_NANOS) continue;
            warned = true;
            Os.warn("a put waits: " + noLane().getMessage());
        }
        if (producer == null) throw noLane();
        return producer;
    }

    /// Calls a function with the lane locked; null if it has a living owner. The lane stays locked unless the result is
    /// null.
    private <P> @Nullable P withLane(int lane, IntFunction<? extends @Nullable P> action) {
        if (lanesHeld.get(lane) || !file.open.tryLock(Layout.laneLock(lane), false)) return null;
        P result = null;
        try {
            result = action.apply(lane);
            return result;
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            if (result == null) file.open.unlock(Layout.laneLock(lane));
        }
    }

    QueueUnavailableException noLane() {
        return new QueueUnavailableException("each of the " + file.geometry.lanes() + " lanes of " + file.path
                + " has a living producer; close one" + (file.geometry.lanes() < QueueGeometry.MAX_LANES
                        ? ", or make the queue with more lanes"
                        : "; no queue has more lanes"));
    }

    /// Gives back what a backlog has left in a lane whose owner is gone, as an heir would; only while there are lanes
    /// that were never used, so that no new producer has to wait for this one.
    synchronized void giveBackUnowned(int lane) {
        if (lanes.lanesInUse() < file.geometry.lanes()) withLane(lane, unowned -> {
            LaneSpace unused = new LaneSpace(lanes, unowned, true);
            return null;
        });
    }

    synchronized void releaseLane(int lane) {
        lanesHeld.clear(lane);
        try {
            file.open.unlock(Layout.laneLock(lane));
            if (!file.isTruncated()) {
                lanes.signalRoom(); // a thread may wait for a lane
                if (file.geometry.endsWithProducers()) lanes.signalMessages();
            }
        } catch (InternalError e) {
            // truncated just now
        } finally {
            leave();
        }
    }

    synchronized boolean isLaneOwned(int lane) {
        return lanesHeld.get(lane) || file.open.isLocked(Layout.laneLock(lane));
    }

    /// Whether all producers that the queue waits for have come, and at some moment during this call none was attached.
    ///
    /// The lanes are asked one after the other, so one that is asked early may get an owner, and its predecessor, in a
    /// lane that is asked late, leave after that. But an owner is counted before it is attached: if the count is the
    /// same after the last lane was asked, none has come in between.
    synchronized boolean areProducersGone() {
        long come = producersCome();
        if (come < file.geometry.minProducers()) return false;
        int inUse = lanes.lanesInUse();
        for (int lane = 0; lane < inUse; lane++) {
            if (isLaneOwned(lane)) return false;
        }
        return producersCome() == come;
    }

    private long producersCome() {
        // pairs with the fetch-and-add in LaneWriter's constructor
        return SharedMemory.getVolatile(file.memory, file.base + Layout.PRODUCERS_COME_OFFSET);
    }

    /// The same, from a check at most ALIVE_NANOS old.
    synchronized boolean isLaneAlive(int lane) {
        if (lanesHeld.get(lane)) return true;
        long now = System.nanoTime();
        if (now - aliveUntil[lane] < 0) return true;
        if (!file.open.isLocked(Layout.laneLock(lane))) return false;
        aliveUntil[lane] = now + ALIVE_NANOS;
        return true;
    }

    // ---- consumers

    /// Makes a consumer of a queue that is not leased.
    ///
    /// @param make called while the consumers' byte is locked for it
    synchronized <C> C newConsumer(boolean shared, Supplier<C> make) {
        checkUsable(false);
        boolean conflict = exclusiveConsumer || !shared && sharedConsumers > 0;
        if (conflict || !(shared && sharedConsumers > 0) && !file.open.tryLock(Layout.CONSUMER_LOCK, shared)) {
            throw new QueueUnavailableException(
                    file.path + (shared ? " has an exclusive consumer" : " has another consumer")
                            + "; close it first" + (shared ? "" : ", or let all of them be shared ones"));
        }
        C consumer = null;
        try {
            consumer = make.get();
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            if (consumer == null && sharedConsumers == 0) file.open.unlock(Layout.CONSUMER_LOCK);
        }
        if (shared) sharedConsumers++;
        else exclusiveConsumer = true;
        participants++;
        return consumer;
    }

    /// Makes a consumer of a leased queue.
    ///
    /// @param make called with an id that no other consumer has
    synchronized <C> C newLeasingConsumer(IntFunction<C> make) {
        checkUsable(true);
        C consumer = null;
        int consumerId = 0;
        try {
            consumerId = drawConsumerId();
            consumer = make.apply(consumerId);
        } catch (InternalError e) {
            throw file.translate(e);
        } finally {
            if (consumer == null && consumerId != 0) file.open.unlock(Layout.consumerIdLock(consumerId));
        }
        consumerIdsHeld.set(consumerId);
        participants++;
        return consumer;
    }

    private void checkUsable(boolean leased) {
        file.checkOpen();
        file.checkNotTruncated();
        if (file.geometry.leased() == leased) return;
        throw new QueueUnavailableException(file.path + (leased
                ? " is not a leased queue; make it with QueueGeometry.leasing"
                : " is a leased queue; its consumers have to be leasing ones, too"));
    }

    synchronized void releaseConsumer(boolean shared) {
        if (shared) sharedConsumers--;
        else exclusiveConsumer = false;
        try {
            if (sharedConsumers == 0) file.open.unlock(Layout.CONSUMER_LOCK);
        } finally {
            leave();
        }
    }

    /// Draws an id that no other consumer has, and locks its byte.
    private int drawConsumerId() {
        BitSet holders = null;
        Patience patience = new Patience(file);
        for (int i = 0; i < Layout.MAX_CONSUMER_ID; i++) {
            // pairs with other processes' draws; atomic add: two must not draw the same id
            long drawn = SharedMemory.getAndAdd(file.memory, file.base + Layout.NEXT_CONSUMER_ID_OFFSET, 1);
            int consumerId = (int) Long.remainderUnsigned(drawn, Layout.MAX_CONSUMER_ID) + 1;
            // once ids wrap, a lease of an id's last holder would pass for ours. Checked before locking, which makes
            // that holder look alive, and again with the lock, when it can claim no more
            boolean round = Long.compareUnsigned(drawn, Layout.MAX_CONSUMER_ID) >= 0;
            if (round && holders == null) holders = lanes.holders(patience);
            if (consumerIdsHeld.get(consumerId) || holders != null && holders.get(consumerId)) continue;
            if (!file.open.tryLock(Layout.consumerIdLock(consumerId), false)) continue;
            boolean free = false;
            try {
                free = !round || !lanes.holders(patience).get(consumerId);
                if (free) return consumerId;
            } finally {
                if (!free) file.open.unlock(Layout.consumerIdLock(consumerId));
            }
            patience.startOver(0, Lanes.STEPS_A_LANE * file.geometry.lanes(), Lanes.NEVER_STILL);
        }
        throw new QueueUnavailableException(file.path + " has " + Layout.MAX_CONSUMER_ID + " consumers; close one");
    }

    synchronized boolean isConsumerAlive(int consumerId) {
        return consumerIdsHeld.get(consumerId) || file.open.isLocked(Layout.consumerIdLock(consumerId));
    }

    synchronized void releaseConsumerId(int consumerId) {
        consumerIdsHeld.clear(consumerId);
        try {
            file.open.unlock(Layout.consumerIdLock(consumerId));
            if (!file.isTruncated()) lanes.signalMessages(); // its leases are free
        } catch (InternalError e) {
            // truncated just now
        } finally {
            leave();
        }
    }

    // ---- the end

    private void leave() {
        assert participants > 0;
        if (--participants > 0) return;
        try {
            removeIfLast();
        } finally {
            try {
                file.open.detach();
            } finally {
                file.exit();
            }
        }
    }

    /// Gives up the attached lock, and removes an anonymous queue's file if no other handle has that lock.
    private void removeIfLast() {
        file.open.unlock(Layout.ATTACHED_LOCK); // first, so that of two that leave concurrently one is the last
        if (!file.anonymous || !file.open.tryLock(Layout.ATTACHED_LOCK, false)) return;
        // under the lock: the last handle of a queue is closed before that of the queue beside it, by the same process
        if (!Home.isBesideAnother(file.path)) QueueFile.remove(file.path, file.open);
    }

    /// See [LaneQueue#leaveName()].
    synchronized void leaveName() {
        if (!file.anonymous || participants == 0) return;
        try {
            removeIfLast();
        } finally {
            file.open.unlock(Layout.ATTACHED_LOCK);
        }
    }

    /// The handle itself leaves, once, and wakes threads that wait through it.
    synchronized void closeHandle() {
        if (!file.close()) return;
        try {
            if (!file.isTruncated()) Doorbell.ringBoth(file);
        } catch (InternalError e) {
            // truncated just now: sleepers find out by their timers
        } finally {
            leave();
        }
    }
}
