package dev.procession;

import dev.procession.PoolMessage.Kind;
import dev.procession.core.QueueException;
import dev.procession.shutdown.ShutdownSequence;
import dev.procession.worker.Failure;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// What a [WorkerPool] does: it puts tasks, and one thread takes what the workers put, completes futures, and replaces
/// workers that have ended.
///
/// The queue of the workers' reports is in total order, and the pool itself puts there that a worker has ended. So when
/// that is taken, all that this worker ever put has been taken before, and its last report says what it was doing. The
/// leased queue lends that task again, at its place; the next worker does not start it before it has asked, and what
/// it asks comes after all that the dead one has put, too. So a task whose outcome has arrived is not run again, one
/// that was started as often as it may be is not started again, and each future is completed once.
final class PoolKeeper {
    private static final long SECOND = 1_000_000_000;

    private enum State { RUNNING, SHUT_DOWN, STOPPED }

    private final PoolSettings settings;
    private final SharedQueue<PoolMessage> results;
    final SharedValues shared = new SharedValues();
    private final PoolProgress progress;
    private final CountDownLatch terminated = new CountDownLatch(1);

    private final ReentrantLock lock = new ReentrantLock();
    private final PoolTimers timers = new PoolTimers(this::wake); // all that follows is guarded by the lock
    private final PoolStaff staff;
    private final PoolTasks tasks;
    private final PoolLimits limits;
    private State state = State.RUNNING;
    private boolean isEnding; // the workers were told to end
    private long retried;
    private long replaced;

    PoolKeeper(PoolSettings settings) {
        this.settings = settings;
        staff = new PoolStaff(settings, timers);
        int lanes = Math.clamp(2L * settings.size() + 16, 256, 4096); // those of workers that have just ended, too
        results = PoolSettings.queue(QueueOptions.DEFAULT.withLanes(lanes).exclusive());
        tasks = new PoolTasks(settings, timers, lock);
        limits = new PoolLimits(settings, timers, tasks, staff);
        progress = new PoolProgress(settings.listener(), this::stats);
    }

    /// Starts the workers, and the thread. If a worker cannot be started, all is undone.
    void start() {
        boolean isUp = false;
        try {
            wake(); // so that it has room for that, also when the file system is full
            for (PoolWorker worker; (worker = hire()) != null;) start(worker);
            Thread.ofPlatform().daemon().name(settings.name() + " results").start(this::run);
            isUp = true;
        } finally {
            if (!isUp) {
                staff.killAll();
                close();
            }
        }
    }

    // ---- tasks

    /// Takes a task.
    ///
    /// @param nanos how long to wait for room; [Long#MAX_VALUE]: for ever
    /// @return false if there is no room
    /// @throws RejectedExecutionException if the pool was shut down
    boolean put(PoolTask<?> task, byte[] packed, long nanos) throws InterruptedException {
        task.progress = progress;
        lock.lock();
        try {
            if (!tasks.put(task, packed, nanos, this::requireRunning)) return false;
            progress.changed();
            if (staff.hasSomethingToDo()) wake();
            return true;
        } finally {
            lock.unlock();
        }
    }

    void requireRunning() {
        lock.lock();
        try {
            if (state != State.RUNNING) {
                throw new RejectedExecutionException("Pool \"" + settings.name() + "\" was shut down.");
            }
        } finally {
            lock.unlock();
        }
    }

    /// When this has returned, no worker starts the task any more.
    void cancelled(PoolTask<?> task, boolean interrupt) {
        lock.lock();
        try {
            if (tasks.get(task.id) != task) return; // no worker has it, or will have it
            task.isToEnd = interrupt;
            boolean isInQueue = task.packed == null;
            if (isInQueue) staff.tellAll(interrupt ? Kind.INTERRUPT : Kind.CANCEL, task.id);
            if (task.runsOn == null) tasks.doneBefore(task);
            else if (interrupt) limits.killLater(task.runsOn, task);
            if (state != State.RUNNING) wake(); // it may have been the last
        } finally {
            lock.unlock();
        }
    }

    private void wake() {
        try {
            boolean unused = results.tryPut(new PoolMessage(Kind.WAKE, 0, 0)); // if it is full, the thread is awake
        } catch (QueueClosedException e) {
            // it has ended
        }
    }

    // ---- the thread that takes results

    private void run() {
        boolean isOver = false;
        while (!isOver) {
            try {
                PoolMessage message = next();
                PoolTask<?> completed = message == null ? null : take(message);
                // without the lock: it may run code of the application
                if (completed != null) completed.complete(Objects.requireNonNull(message));
                if (message != null && message.kind() != Kind.WAKE) progress.changed();
                hireSome();
                isOver = isOver();
            } catch (InterruptedException e) { // some interrupt all threads that they find
                continue;
            } catch (QueueException e) { // damaged, say
                isOver = breakOff(e);
            } catch (Throwable e) { // no memory, say: there may be some soon
                LockSupport.parkNanos(SECOND / 10);
            }
        }
        close();
    }

    private boolean breakOff(QueueException why) {
        lock.lock();
        try {
            state = State.STOPPED;
            isEnding = true;
            staff.killAll();
            tasks.failAll(new WorkerLostException("Pool \"" + settings.name() + "\" cannot go on: " + why, null,
                    List.of(), why));
            return true;
        } finally {
            lock.unlock();
        }
    }

    private @Nullable PoolMessage next() throws InterruptedException {
        long nanos = runTimers(); // first: there may always be a message
        PoolMessage message = results.tryGet();
        if (message != null) return message;
        if (nanos == Long.MAX_VALUE) return results.get();
        try {
            return results.get(Duration.ofNanos(nanos));
        } catch (QueueEmptyException e) {
            return null;
        }
    }

    private long runTimers() {
        lock.lock();
        try {
            return timers.run();
        } finally {
            lock.unlock();
        }
    }

    /// @return the task of which it is the outcome
    private @Nullable PoolTask<?> take(PoolMessage message) {
        lock.lock();
        try {
            PoolWorker worker = staff.get(message.worker());
            PoolTask<?> task = tasks.get(message.id());
            switch (message.kind()) {
                case READY -> {
                    if (worker != null) worker.isReady = true;
                }
                case STARTED -> {
                    if (worker != null && task != null) started(worker, task);
                }
                case AGAIN -> {
                    if (worker != null) worker.tell(mayStart(task) ? Kind.GO : Kind.NO, message.id());
                }
                case OUTCOME -> {
                    if (worker != null) finished(worker);
                    if (task != null) tasks.remove(task);
                    return task;
                }
                case DROPPED -> {
                    if (task != null) dropped(task);
                }
                case ENDED -> {
                    if (worker != null) ended(worker);
                }
                default -> {}
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    private void started(PoolWorker worker, PoolTask<?> task) {
        staff.works();
        worker.starts(task);
        task.starts(worker);
        if (task.starts > 1) retried++;
        tasks.started(task);
        limits.started(worker, task);
    }

    /// The worker that ran the task, if there is one, is dead, and all that it has put is known.
    private boolean mayStart(@Nullable PoolTask<?> task) {
        if (task == null || task.isDone() || state == State.STOPPED) return false;
        if (task.starts >= settings.attempts()) return false; // it fails when it is known how that worker has ended
        if (task.runsOn != null) task.runsOn.runs = null;
        task.runsOn = null;
        return true;
    }

    private void finished(PoolWorker worker) {
        worker.runs = null;
        if (++worker.finished == settings.recycleAfter()) {
            timers.after(settings.grace().toNanos(), worker::kill); // if threads that tasks have left do not let it end
        }
    }

    private void dropped(PoolTask<?> task) {
        boolean isLost = task.runsOn != null; // it fails when it is known how that worker has ended
        tasks.remove(task);
        if (!isLost) task.cancel(false); // if it was not before: the pool was stopped
    }

    // ---- workers

    private void start(PoolWorker worker) {
        worker.start();
        lock.lock();
        try {
            worker.started();
        } finally {
            lock.unlock();
        }
        worker.tellEnd(results);
    }

    /// As many as are missing. They are started without the lock, as that takes some milliseconds.
    private void hireSome() {
        while (true) {
            PoolWorker worker = null;
            try {
                worker = hire();
                if (worker == null) return;
                start(worker);
            } catch (RuntimeException | OutOfMemoryError e) {
                notStarted(worker, e);
            }
        }
    }

    /// @return null if none is missing
    private @Nullable PoolWorker hire() {
        lock.lock();
        try {
            if (isEnding || state == State.STOPPED || ShutdownSequence.hasBegun()) return null;
            if (!staff.isShort(state == State.RUNNING ? Integer.MAX_VALUE : tasks.open())) return null;
            PoolWorker worker = staff.hire(tasks.queue(), results);
            for (long each : tasks.done()) worker.tell(Kind.CANCEL, each);
            return worker;
        } finally {
            lock.unlock();
        }
    }

    private void notStarted(@Nullable PoolWorker worker, Throwable why) {
        lock.lock();
        try {
            if (worker != null) {
                worker.kill(); // if it was
                staff.remove(worker);
            }
            staff.missed(false, tasks.isRoomForWorker());
            if (staff.isHopeless()) {
                giveUp(new WorkerLostException("No worker of pool \"" + settings.name() + "\" can be started: "
                        + Failure.text(why), null, List.of(), why));
            }
        } finally {
            lock.unlock();
        }
    }

    private void ended(PoolWorker worker) {
        staff.remove(worker);
        if (!isEnding) replaced++;
        if (worker.started == 0 && !isEnding) staff.missed(worker.wasKilled(), tasks.isRoomForWorker());
        PoolTask<?> task = worker.runs;
        worker.runs = null; // what watches it has nothing to do any more
        if (task != null) {
            task.runsOn = null;
            boolean isLost = task.starts >= settings.attempts() || state == State.STOPPED;
            if (isLost) task.fail(worker.lost(whileRunning(task)));
            if (task.isDone()) tasks.doneBefore(task);
        }
        boolean isLast = staff.isEmpty() && !isEnding;
        if (isLast && (state == State.STOPPED || staff.isHopeless())) giveUp(worker.lost(whenLast(worker)));
    }

    private String whileRunning(PoolTask<?> task) {
        return "while it ran this task, in attempt " + task.starts + " of " + settings.attempts() + ".";
    }

    private String whenLast(PoolWorker worker) {
        if (state == State.STOPPED) return "when the pool was shut down.";
        return (worker.isReady ? "before it was given a task" : "before it was up")
                + ", as did those before it; no worker of the pool is left.";
    }

    /// There is no worker, and there will be none before the next task. No process holds a task any more.
    private void giveUp(WorkerLostException why) {
        staff.giveUp();
        tasks.failAll(why);
        tasks.renewQueue();
    }

    // ---- the end

    void shutDown() {
        lock.lock();
        try {
            if (state == State.RUNNING) state = State.SHUT_DOWN;
            tasks.wakeAll();
            wake();
        } finally {
            lock.unlock();
        }
    }

    /// @return those that no worker has started
    List<Runnable> stop() {
        List<Runnable> never = List.of();
        lock.lock();
        try {
            if (state != State.STOPPED && !isEnding) {
                state = State.STOPPED;
                never = tasks.takeBack(); // first: a worker that is interrupted takes the next one
                staff.tellAll(Kind.STOP, 0);
                staff.killAllLater();
            }
            tasks.wakeAll();
            wake();
        } finally {
            lock.unlock();
        }
        return never;
    }

    private boolean isOver() {
        lock.lock();
        try {
            if (state == State.RUNNING) return false;
            if (!isEnding && tasks.open() == 0) {
                isEnding = true;
                staff.tellAll(Kind.END, 0);
                staff.killAllLater();
            }
            return isEnding && staff.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    private void close() {
        lock.lock();
        try {
            staff.closeAll();
            tasks.close();
        } finally {
            lock.unlock();
        }
        results.close();
        shared.close();
        terminated.countDown();
        progress.changed();
    }

    // ---- asking

    PoolStats stats() {
        lock.lock();
        try {
            return new PoolStats(staff.size(), staff.running(), tasks.waiting(), progress.done.sum(),
                    progress.failed.sum(), retried, replaced);
        } finally {
            lock.unlock();
        }
    }

    boolean isShutDown() {
        lock.lock();
        try {
            return state != State.RUNNING;
        } finally {
            lock.unlock();
        }
    }

    boolean isTerminated() {
        return terminated.getCount() == 0;
    }

    boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
        return terminated.await(timeout, unit);
    }
}
