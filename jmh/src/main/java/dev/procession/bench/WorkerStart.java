package dev.procession.bench;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.Task;
import dev.procession.Worker;
import dev.procession.core.Cpus;
import java.time.Duration;
import java.util.List;

/// How long it takes until the first message of a new process is here, in milliseconds from `Worker.start()` until this
/// process has got it: of one worker, and of one on each core until the last of them has sent it.
///
/// This process has started workers before, as one has that starts many: its own classes are loaded, its calls
/// compiled, and the cache that makes workers start faster is there. If it keeps spare JVMs, they are ready again
/// before each start.
final class WorkerStart implements Probe {
    private static final int WARM_UPS = 5;
    private static final Duration LONGEST_START = Duration.ofSeconds(30);

    private final SharedQueue<Long> queue = SharedQueue.create(Codec.int64());
    private int spares;

    WorkerStart(boolean warm) throws InterruptedException {
        millisUntilAllHaveSent(List.of(Worker.of(sending(0))));
        // what the first worker's end starts is a process of its own, and busy for a second or two
        ProcessHandle.current().children().forEach(child -> child.onExit().join());
        spares = warm ? Cpus.available().length : 0;
        Worker.keepWarm(spares);
        for (int i = 0; i < WARM_UPS; i++) {
            sample();
        }
    }

    @Override
    public double[] sample() throws InterruptedException {
        double one = millisUntilAllHaveSent(List.of(Worker.of(sending(0))));
        double onEveryCore = millisUntilAllHaveSent(Worker.onEveryCore(this::sending));
        return new double[] {one, onEveryCore};
    }

    private Task sending(long number) {
        SharedQueue<Long> queue = this.queue; // the task takes along the queue and nothing else of this object
        return () -> queue.put(number);
    }

    private double millisUntilAllHaveSent(List<Worker> workers) throws InterruptedException {
        while (Worker.spares() < spares) {
            Thread.sleep(1);
        }
        long start = System.nanoTime();
        workers.forEach(Worker::start);
        for (int i = 0; i < workers.size(); i++) {
            queue.get(LONGEST_START);
        }
        double millis = (System.nanoTime() - start) / 1e6;
        for (Worker worker : workers) {
            worker.join(); // its end is part of no figure, so it may not run into the next one
        }
        return millis;
    }

    @Override
    public void close() {
        Worker.keepWarm(0);
        queue.close();
    }
}
