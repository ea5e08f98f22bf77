package dev.procession.examples;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/// Ten threads say hello.
public class HelloThreads {

    static void hello(int n) {
        try {
            Thread.sleep(ThreadLocalRandom.current().nextInt(100, 300));
        } catch (InterruptedException e) {
            return;
        }
        System.out.println("[" + n + "] Hello!");
    }

    public static void main() throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            int n = i;
            threads.add(new Thread(() -> hello(n)));
        }
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        System.out.println("Done!");
    }
}
