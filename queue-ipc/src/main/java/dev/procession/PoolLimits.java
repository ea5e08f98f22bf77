package dev.procession;

import dev.procession.PoolMessage.Kind;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// How long tasks of a [WorkerPool] may run. Guarded by the pool's lock.
final class PoolLimits {
    private static final long SECOND = 1_000_000_000;

    private final PoolSettings settings;
    private final PoolTimers timers;
    private final PoolTasks tasks;
    private final PoolStaff staff;
    private @Nullable PoolTask<?> overtaken; // when it was looked last
    private boolean isLooking;

    PoolLimits(PoolSettings settings, PoolTimers timers, PoolTasks tasks, PoolStaff staff) {
        this.settings = settings;
        this.timers = timers;
        this.tasks = tasks;
        this.staff = staff;
    }

    void started(PoolWorker worker, PoolTask<?> task) {
        if (task.isDone() && task.isToEnd) killLater(worker, task);
        if (settings.timeLimitNanos() == Long.MAX_VALUE) return;
        worker.mayRunUntil = System.nanoTime() + settings.timeLimitNanos();
        if (!worker.isWatched) watch(worker);
        if (!isLooking) look();
    }

    /// A worker may be stopped after it was lent a task, and before it says that it starts it. Of tasks that are
    /// overtaken for the time limit it is not known which worker has them: one that does not hear is killed.
    private void look() {
        isLooking = true;
        timers.after(Math.max(settings.timeLimitNanos(), SECOND), () -> {
            isLooking = false;
            PoolTask<?> before = overtaken;
            overtaken = tasks.overtaken();
            if (overtaken == null) return; // looked for again when one is started
            if (overtaken == before) staff.killDeafLater();
            look();
        });
    }

    /// With one timer for each worker, not for each task: most tasks end long before their time. The limit is also for
    /// a task whose future is done: one that was cancelled without an interrupt keeps its worker from others.
    private void watch(PoolWorker worker) {
        worker.isWatched = true;
        timers.after(worker.mayRunUntil - System.nanoTime(), () -> {
            worker.isWatched = false;
            PoolTask<?> task = worker.runs;
            if (task == null) return; // the next one is watched when it is started
            if (System.nanoTime() - worker.mayRunUntil < 0) watch(worker);
            else timeOut(worker, task);
        });
    }

    private void timeOut(PoolWorker worker, PoolTask<?> task) {
        task.fail(new TimeoutException("The task ran in worker " + worker + " for longer than "
                + Duration.ofNanos(settings.timeLimitNanos()) + ", the pool's time limit."));
        worker.tell(Kind.INTERRUPT, task.id);
        killLater(worker, task);
    }

    /// If it has not given up the task within the grace time.
    void killLater(PoolWorker worker, PoolTask<?> task) {
        timers.after(settings.grace().toNanos(), () -> {
            if (worker.runs == task) worker.kill();
        });
    }
}
