package dev.procession.examples;

import dev.procession.Worker;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/// Ten processes say hello.
public class HelloProcesses {

    static void hello() throws Exception {
        Thread.sleep(ThreadLocalRandom.current().nextInt(100, 300));
        System.out.println("[" + ProcessHandle.current().pid() + "] Hello!");
    }

    public static void main() throws Exception {
        List<Worker> workers = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            workers.add(Worker.of(() -> hello()));
        }
        for (Worker worker : workers) {
            worker.start();
        }
        for (Worker worker : workers) {
            worker.join();
        }
        System.out.println("Done!");
    }
}
