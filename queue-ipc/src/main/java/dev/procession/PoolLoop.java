package dev.procession;

import dev.procession.PoolMessage.Kind;
import dev.procession.shutdown.ShutdownSequence;
import dev.procession.worker.WorkerSettings;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.TreeSet;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// What a worker of a [WorkerPool] does: it is lent a task, runs it, sends the outcome, is done with the lease. If it
/// ends in between, the next worker is lent the task.
///
/// A second thread, the only one that reads the control queue, hears what concerns this worker while it runs a task. It
/// leases each message and is done with it after it has acted: so as long as the queue is not empty, there is something
/// that this worker does not know yet. The main thread waits for that between the lease of a task and its start. So
/// what was cancelled before the lease is never started.
final class PoolLoop {
    private static final Duration ROOM = Duration.ofSeconds(5);
    /// An outcome that is shorter has room in what its lane has anyway.
    private static final int SMALL = 1 << 16;

    /// Before a task can change it.
    private static final long GRACE_NANOS = WorkerSettings.grace().toNanos();

    private static final byte[] NO_MEMORY =
            "A worker of a pool ends, since it has had an OutOfMemoryError:\n".getBytes(StandardCharsets.US_ASCII);

    private final int number;
    private final FileOutputStream error = new FileOutputStream(FileDescriptor.err);
    private final String name = Thread.currentThread().getName();
    private final ClassLoader loader = ClassLoader.getSystemClassLoader();
    private final SharedQueue<PoolMessage> tasks;
    private final SharedQueue<PoolMessage> results;
    private final SharedQueue<PoolMessage> control;
    private final Thread main = Thread.currentThread();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition heard = lock.newCondition();
    private final TreeSet<Long> cancelled = new TreeSet<>(); // these are guarded by the lock
    private long running; // 0: none
    private long asked; // of which it waits for the answer; 0: none
    private @Nullable Boolean answer;
    private boolean isStopped;
    private boolean isBusy; // from the start of a task until its outcome was sent
    private boolean isEnding; // a signal, or the task, makes this JVM end
    private boolean isOver;

    private PoolLoop(int number, SharedQueue<PoolMessage> tasks, SharedQueue<PoolMessage> results,
            SharedQueue<PoolMessage> control) {
        this.number = number;
        this.tasks = tasks;
        this.results = results;
        this.control = control;
    }

    /// @param most how many tasks it runs; 0: as many as there are
    static void run(String tasksAt, String resultsAt, String controlAt, int number, int most,
            @Nullable Task initializer) throws Exception {
        try (SharedQueue<PoolMessage> tasks = open(tasksAt);
                SharedQueue<PoolMessage> results = open(resultsAt);
                SharedQueue<PoolMessage> control = open(controlAt)) {
            // a task may exit, and a hook of the application's not return: then the pool would wait for the task
            ShutdownSequence.add(ShutdownSequence.Stage.HELPERS, PoolLoop::endSoon);
            PoolLoop loop = new PoolLoop(number, tasks, results, control);
            if (initializer != null) initializer.run();
            loop.begin();
            loop.run(most);
        } catch (Throwable e) {
            endSoon();
            throw e;
        }
    }

    /// After this process has begun to end. What was thrown goes on record, as of any worker; but the threads and hooks
    /// that the initializer or tasks have left must not keep it from its end.
    private static void endSoon() {
        long start = System.nanoTime();
        try {
            Thread.ofPlatform().daemon().name("end").start(() -> {
                for (long left; (left = GRACE_NANOS - (System.nanoTime() - start)) > 0;) {
                    boolean unused = Thread.interrupted(); // which would have it not park
                    LockSupport.parkNanos(left);
                }
                Runtime.getRuntime().halt(1);
            });
        } catch (Throwable e) { // no memory, or no more threads
            Runtime.getRuntime().halt(1);
        }
    }

    private static SharedQueue<PoolMessage> open(String address) {
        return SharedQueue.open(QueueAddress.pathOf(address), PoolMessage.CODEC);
    }

    private void begin() {
        boolean unused = ShutdownSequence.add(ShutdownSequence.Stage.TASKS, this::awaitTask);
        Thread.ofPlatform().daemon().name(name + " control").start(this::listen);
        put(new PoolMessage(Kind.READY, number, 0));
    }

    /// When this JVM ends, the task that runs has the grace time. No other one is begun: a lease ends with the process.
    private void awaitTask() {
        lock.lock();
        try {
            isEnding = true;
            long left = WorkerSettings.isEndedBySignal() ? GRACE_NANOS : 0;
            while (isBusy && left > 0) left = heard.awaitNanos(left);
        } catch (InterruptedException e) {
            // so be it
        } finally {
            lock.unlock();
        }
    }

    // ---- the control thread

    /// If this fails, the process ends: it would run what it must not.
    private void listen() {
        try {
            while (!isOver()) {
                try (Lease<PoolMessage> lease = control.lease()) {
                    hear(lease.value());
                    lease.done();
                } catch (InterruptedException e) { // a task may interrupt all threads that it finds
                    continue;
                }
                tellMain();
            }
            tasks.close(); // the main thread waits for more of them
        } catch (QueueClosedException e) {
            // it has run the last task that it was to run
        } catch (Throwable e) {
            halt(e);
        }
    }

    private boolean isOver() {
        lock.lock();
        try {
            return isOver;
        } finally {
            lock.unlock();
        }
    }

    private void tellMain() {
        lock.lock();
        try {
            heard.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void hear(PoolMessage message) {
        lock.lock();
        try {
            long id = message.id();
            switch (message.kind()) {
                case CANCEL, INTERRUPT -> {
                    if (running != id) cancelled.add(id);
                    else if (message.kind() == Kind.INTERRUPT) main.interrupt();
                }
                case GO, NO -> {
                    if (asked == id) answer = message.kind() == Kind.GO;
                }
                case STOP -> {
                    isStopped = true;
                    if (running != 0) main.interrupt();
                }
                case END -> isOver = true;
                default -> throw new IllegalStateException("not for a worker: " + message.kind());
            }
        } finally {
            lock.unlock();
        }
    }

    /// Not by an exception: other threads of the application could keep this process, with its lease, alive.
    private void halt(Throwable why) {
        try {
            endSoon(); // what follows is for a reader who may not read, and in the application's hands
            if (why instanceof OutOfMemoryError) error.write(NO_MEMORY); // which takes none
            why.printStackTrace();
        } catch (IOException e) {
            // its exit code is left to tell
        } finally {
            Runtime.getRuntime().halt(1);
        }
    }

    // ---- the main thread

    private void run(int most) {
        int count = 0;
        while (most == 0 || count < most) {
            try (Lease<PoolMessage> lease = tasks.lease()) {
                if (handle(lease)) count++;
            } catch (QueueClosedException e) {
                return;
            } catch (InterruptedException e) { // a thread that a task has left may do that
                continue;
            }
        }
    }

    /// @return whether it has run the task
    private boolean handle(Lease<PoolMessage> lease) {
        PoolMessage task = lease.value();
        long id = task.id();
        // what was lent before may have been started, or even have ended: only the pool knows
        boolean isToRun = (lease.attempt() == 1 || ask(id)) && begin(id);
        if (isToRun) {
            put(new PoolMessage(Kind.STARTED, number, id));
            send(id, run(task));
        } else {
            put(new PoolMessage(Kind.DROPPED, number, id));
        }
        try {
            lease.done();
        } catch (LeaseLostException | QueueClosedException e) {
            // the pool has its outcome, and has ended this worker meanwhile
        }
        notBusy();
        return isToRun;
    }

    private boolean ask(long id) {
        lock.lock();
        try {
            asked = id;
            answer = null;
        } finally {
            lock.unlock();
        }
        put(new PoolMessage(Kind.AGAIN, number, id));
        lock.lock();
        try {
            while (answer == null && !isOver) heard.awaitUninterruptibly();
            asked = 0;
            return Boolean.TRUE.equals(answer);
        } finally {
            lock.unlock();
        }
    }

    /// From here on it runs, unless it was cancelled before: then that is known here.
    private boolean begin(long id) {
        lock.lock();
        try {
            while (isEnding || !control.isEmpty() && !isOver) heard.awaitUninterruptibly();
            boolean isCancelled = cancelled.remove(id);
            cancelled.headSet(id).clear(); // those are lent already, as numbers grow in the order of the queue
            if (isCancelled || isOver) return false;
            running = id;
            isBusy = true;
            boolean unused = Thread.interrupted(); // it was not meant for this task
            if (isStopped) main.interrupt();
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void notBusy() {
        lock.lock();
        try {
            isBusy = false;
            heard.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private byte[] run(PoolMessage task) {
        main.setContextClassLoader(loader);
        try {
            return Outcome.of(task, name);
        } catch (OutOfMemoryError e) {
            halt(e);
            throw e;
        } finally {
            end();
        }
    }

    private void end() {
        lock.lock();
        try {
            running = 0;
            boolean unused = Thread.interrupted(); // it came too late
        } finally {
            lock.unlock();
        }
    }

    private void send(long id, byte[] outcome) {
        PoolMessage message = new PoolMessage(Kind.OUTCOME, number, id, outcome);
        while (true) {
            try {
                results.put(message, ROOM);
                return;
            } catch (InterruptedException e) {
                continue;
            } catch (QueueFullException e) {
                // the file system is full; while the pool has other results to take, there may be room soon
                if (message.length() <= SMALL || !results.isEmpty()) continue;
                message = unsent(message, e);
            } catch (MessageTooLargeException | OutOfMemoryError e) {
                if (message.length() <= SMALL) throw e;
                message = unsent(message, e);
            }
        }
    }

    private PoolMessage unsent(PoolMessage message, Throwable why) {
        byte[] outcome = Outcome.unsent(
                "The outcome of the task, " + message.length() + " bytes, cannot be sent back", why);
        return new PoolMessage(Kind.OUTCOME, number, message.id(), outcome);
    }

    private void put(PoolMessage message) {
        boolean isInterrupted = false;
        try {
            while (true) {
                try {
                    results.put(message);
                    return;
                } catch (InterruptedException e) {
                    isInterrupted = true;
                }
            }
        } finally {
            if (isInterrupted) main.interrupt();
        }
    }
}
