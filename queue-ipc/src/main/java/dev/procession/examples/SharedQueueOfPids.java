package dev.procession.examples;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/// Ten processes put their ids on a queue, and this process gets them.
public class SharedQueueOfPids {

    static void hello(SharedQueue<Long> queue) throws Exception {
        Thread.sleep(ThreadLocalRandom.current().nextInt(100, 300));
        queue.put(ProcessHandle.current().pid());
        System.out.println("[" + ProcessHandle.current().pid() + "] Hello!");
    }

    public static void main() throws Exception {
        SharedQueue<Long> queue = SharedQueue.create(Codec.int64());
        List<Worker> workers = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            workers.add(Worker.of(() -> hello(queue)));
        }
        for (Worker worker : workers) {
            worker.start();
        }
        for (Worker worker : workers) {
            worker.join();
        }
        List<Long> pids = new ArrayList<>();
        while (!queue.isEmpty()) {
            pids.add(queue.get());
        }
        System.out.println("Done!");
        System.out.println(pids.size());
        System.out.println(pids);
    }
}
