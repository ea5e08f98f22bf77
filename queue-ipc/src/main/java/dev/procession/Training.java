package dev.procession;

import dev.procession.worker.AotCacheMaker;
import java.io.IOException;
import java.time.Duration;

/// The main class of the process that makes a startup cache, and what the worker does that the cache is made from.
final class Training {
    private Training() {}

    /// @param args see [AotCacheMaker#make]
    static void main(String[] args) throws IOException, InterruptedException {
        Task training = Training::train;
        AotCacheMaker.make(args, training, WorkerMain.TASKS);
    }

    /// Does once what workers do, and what those do that start workers.
    private static void train() throws Exception {
        WarmUp.run(WorkerMain.TASKS);
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64())) {
            Worker worker = Worker.of(() -> queue.put(ProcessHandle.current().pid()));
            worker.start();
            System.out.println(worker + " " + Worker.active() + " " + queue.get(Duration.ofMinutes(1)));
            worker.join();
            System.out.println(worker.exit() + " " + queue.isEmpty());
            queue.put(1L);
            queue.tryGet();
        }
        System.out.println(Worker.current());
    }
}
