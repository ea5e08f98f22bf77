package dev.procession;

import dev.procession.PoolMessage.Kind;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The tasks of a [WorkerPool] that no worker is done with. Guarded by the pool's lock.
///
/// Those that wait are kept here. Only the next few are put ahead into the leased queue that the workers share, so that
/// each worker finds one when it is done with its own. So the pool's own tasks cannot fill the file system of the
/// queues, on which the workers' reports depend; and one that is cancelled while it waits is gone at once.
final class PoolTasks {
    private static final QueueOptions LEASED = QueueOptions.DEFAULT.withLanes(4).leased();
    /// What is sure to fit into the queue, in bytes: a little less than half a lane.
    private static final long LONGEST = LEASED.laneBytes() / 2 - 4096;
    private static final long SECOND = 1_000_000_000;
    /// How often it is tried again whether there is room in memory.
    private static final long LOOK = SECOND / 50;

    /// So many are ahead in any case, but for the number of workers.
    private static final int FEW_AHEAD = 2;
    /// So many if they are small: workers that run empty tasks never wait for this process.
    private static final int MOST_AHEAD = 1024;
    private static final int MOST_BYTES_AHEAD = 1 << 19;
    /// For these it is looked whether they leave room for results.
    private static final int LARGE = 1 << 16;
    private static final long WORKER_BYTES = 1 << 20;

    private final PoolSettings settings;
    private final PoolTimers timers;
    private final Condition room;
    private final Map<Long, PoolTask<?>> all = new HashMap<>();
    private final LinkedHashMap<Long, PoolTask<?>> here = new LinkedHashMap<>(); // not in the queue, by number
    private SharedQueue<PoolMessage> queue = PoolSettings.queue(LEASED);
    private int open;
    private int waiting; // for their first start
    private final LinkedHashMap<Long, PoolTask<?>> ahead = new LinkedHashMap<>(); // in it, and not known to have left
    private long bytesAhead;
    private long lastId;
    private long lastStarted;
    private long fullSince; // in terms of System.nanoTime
    private boolean isFull; // the file system, when it was last tried
    private boolean isToLook;

    PoolTasks(PoolSettings settings, PoolTimers timers, ReentrantLock lock) {
        this.settings = settings;
        this.timers = timers;
        room = lock.newCondition();
    }

    SharedQueue<PoolMessage> queue() {
        return queue;
    }

    /// How many there are without which the pool may not end: not done yet, or running.
    int open() {
        return open;
    }

    int waiting() {
        return waiting;
    }

    /// @return null if it has none of that number
    @Nullable
    PoolTask<?> get(long id) {
        return all.get(id);
    }

    /// The numbers of those in the queue that are not to be started any more.
    List<Long> done() {
        List<Long> done = new ArrayList<>();
        all.forEach((id, task) -> {
            if (task.isDone()) done.add(id);
        });
        return done;
    }

    // ---- to the queue

    /// Takes a task. It gets its number here.
    ///
    /// @param nanos how long to wait for room, without the lock; [Long#MAX_VALUE]: for ever
    /// @param check throws if the pool takes no more tasks
    /// @return false if there is no room
    /// @throws IllegalArgumentException if it is too large
    boolean put(PoolTask<?> task, byte[] packed, long nanos, Runnable check) throws InterruptedException {
        if (packed.length > LONGEST) {
            throw new IllegalArgumentException("The task, with all that it captures, has " + packed.length
                    + " bytes in serialized form, which is too much for a pool: pass large data in files.");
        }
        long left = nanos;
        while (true) {
            check.run();
            if (waiting < settings.maxQueued()) break;
            if (left <= 0) return false;
            left = room.awaitNanos(left);
        }
        task.id = ++lastId;
        task.packed = packed;
        task.length = packed.length;
        all.put(task.id, task);
        here.put(task.id, task);
        task.waits = true;
        waiting++;
        task.isOpen = true;
        open++;
        fill();
        return true;
    }

    /// Puts the next ones ahead.
    void fill() {
        while (!here.isEmpty()) {
            PoolTask<?> next = here.firstEntry().getValue();
            byte[] packed = next.packed;
            if (packed == null || !isRoomAhead(packed.length)) return;
            try {
                if (!queue.tryPut(new PoolMessage(Kind.TASK, 0, next.id, packed))) {
                    full(next);
                    return;
                }
            } catch (MessageTooLargeException e) {
                unsent(next, "it is too large", e);
                continue;
            }
            isFull = false;
            here.remove(next.id);
            next.packed = null;
            ahead.put(next.id, next);
            bytesAhead += next.length;
        }
    }

    private boolean isRoomAhead(int length) {
        if (length >= LARGE && all.size() > here.size()) {
            File file = queue.path().toFile();
            long usable = file.getUsableSpace();
            // results need room, too: first nothing more is put ahead, then workers get nothing to do
            if (!ahead.isEmpty() && usable < file.getTotalSpace() / 2) return false;
            if (usable < WORKER_BYTES + 4L * length) return false;
        }
        if (ahead.size() < settings.size() + FEW_AHEAD) return true;
        return ahead.size() < MOST_AHEAD && bytesAhead + length <= MOST_BYTES_AHEAD;
    }

    /// There may be room soon. But if there is nothing of this pool that could make room, the task fails.
    private void full(PoolTask<?> task) {
        long now = System.nanoTime();
        boolean isAlone = all.size() == here.size();
        if (!isFull || !isAlone) fullSince = now;
        isFull = true;
        if (now - fullSince > SECOND) {
            isFull = false;
            unsent(task, "there is no room in memory, as the file system of " + queue.path() + " is full", null);
        }
        if (isToLook) return;
        isToLook = true;
        timers.after(LOOK, () -> {
            isToLook = false;
            fill();
        });
    }

    private void unsent(PoolTask<?> task, String why, @Nullable Throwable cause) {
        String message = "The task, " + task.length + " bytes in serialized form, cannot be sent to a worker: " + why;
        remove(task);
        task.fail(new UncheckedIOException(message + ".", new IOException(message, cause)));
    }

    // ---- from the queue

    /// It is started, or will not be.
    void waitsNoMore(PoolTask<?> task) {
        if (!task.waits) return;
        task.waits = false;
        waiting--;
        room.signal();
    }

    /// A worker has said that it starts it.
    void started(PoolTask<?> task) {
        waitsNoMore(task);
        leftQueue(task);
        lastStarted = Math.max(lastStarted, task.id);
        fill();
        if (!task.isDone()) return;
        // it was cancelled too late: it runs, and the pool waits for it
        if (!task.isOpen) open++;
        task.isOpen = true;
    }

    private void leftQueue(PoolTask<?> task) {
        if (ahead.remove(task.id) != null) bytesAhead -= task.length;
    }

    /// The first one that a worker has been lent, but has not said so, although a later one was started.
    ///
    /// @return null if there is none
    @Nullable
    PoolTask<?> overtaken() {
        var first = ahead.firstEntry();
        return first == null || first.getKey() > lastStarted ? null : first.getValue();
    }

    /// It is done, and no worker runs it.
    void doneBefore(PoolTask<?> task) {
        waitsNoMore(task);
        if (here.remove(task.id) != null) all.remove(task.id);
        task.packed = null;
        close(task);
    }

    private void close(PoolTask<?> task) {
        if (!task.isOpen) return;
        task.isOpen = false;
        open--;
    }

    /// No worker has it, or will have it.
    void remove(PoolTask<?> task) {
        task.runsOn = null;
        all.remove(task.id);
        doneBefore(task);
        leftQueue(task);
        fill();
    }

    /// Those that wait for room look what there is.
    void wakeAll() {
        room.signalAll();
    }

    /// Takes all that no worker holds.
    ///
    /// @return those that no worker has started
    List<Runnable> takeBack() {
        List<PoolTask<?>> back = new ArrayList<>();
        List<PoolTask<?>> rest = new ArrayList<>(here.values());
        here.clear(); // so that nothing is put ahead any more
        for (Lease<PoolMessage> next; (next = queue.tryLease()) != null;) {
            try (Lease<PoolMessage> lease = next) {
                PoolTask<?> task = all.get(lease.value().id());
                lease.done();
                if (task == null) continue;
                if (lease.attempt() == 1) {
                    back.add(task);
                } else { // it may have been started, by a worker that is gone
                    remove(task);
                    task.cancel(false);
                }
            }
        }
        back.addAll(rest);
        List<Runnable> never = new ArrayList<>();
        for (PoolTask<?> each : back) {
            remove(each);
            Runnable givenBack = each.isDone() ? null : each.givenBack;
            if (givenBack == null) {
                each.cancel(false);
            } else {
                each.giveBack();
                never.add(givenBack);
            }
        }
        return never;
    }

    void failAll(Exception why) {
        List<PoolTask<?>> failed = new ArrayList<>(all.values());
        all.clear();
        here.clear();
        open = 0;
        waiting = 0;
        ahead.clear();
        bytesAhead = 0;
        for (PoolTask<?> each : failed) {
            each.waits = each.isOpen = false;
            each.packed = null;
            each.fail(why);
        }
        room.signalAll();
    }

    /// Whether the file system of the queues has what a worker needs to come up: else there may be room later.
    boolean isRoomForWorker() {
        return queue.path().toFile().getUsableSpace() >= WORKER_BYTES;
    }

    /// Begins anew with an empty one. There is no worker any more that has the old one.
    void renewQueue() {
        queue.close();
        queue = PoolSettings.queue(LEASED);
    }

    void close() {
        queue.close();
    }
}
