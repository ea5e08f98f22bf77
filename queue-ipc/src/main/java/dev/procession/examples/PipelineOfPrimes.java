package dev.procession.examples;

import dev.procession.Codec;
import dev.procession.QueueEndedException;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Three stages of workers: two say numbers, three count the primes among them, one adds up. Each stage ends when the
/// one before it is gone.
public class PipelineOfPrimes {
    private static final int SAYING = 2;
    private static final int COUNTING = 3;
    private static final int NUMBERS = 200_000;

    static void say(int first, SharedQueue<Integer> numbers) throws InterruptedException {
        for (int n = first; n < NUMBERS; n += SAYING) numbers.put(n);
    }

    static void count(SharedQueue<Integer> numbers, SharedQueue<Integer> counts) throws InterruptedException {
        int primes = 0;
        try {
            while (true) if (isPrime(numbers.get())) primes++;
        } catch (QueueEndedException e) { // all numbers are here, and those that said them gone
            counts.put(primes);
        }
        System.out.printf(Locale.ROOT, "process %d counted %,d%n", ProcessHandle.current().pid(), primes);
    }

    static void add(SharedQueue<Integer> counts) throws InterruptedException {
        int sum = 0;
        try {
            while (true) sum += counts.get();
        } catch (QueueEndedException e) {
            System.out.printf(Locale.ROOT, "%,d primes below %,d%n", sum, NUMBERS);
        }
    }

    private static boolean isPrime(int n) {
        for (int divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor == 0) return false;
        return n >= 2;
    }

    public static void main() throws Exception {
        QueueOptions options = QueueOptions.DEFAULT;
        try (var numbers = SharedQueue.create(Codec.int32(), options.withEndOfProducers(SAYING));
                var counts = SharedQueue.create(Codec.int32(), options.withEndOfProducers(COUNTING))) {
            List<Worker> workers = new ArrayList<>();
            for (int i = 0; i < SAYING; i++) {
                int first = i;
                workers.add(Worker.of(() -> say(first, numbers)));
            }
            for (int i = 0; i < COUNTING; i++) workers.add(Worker.of(() -> count(numbers, counts)));
            workers.add(Worker.of(() -> add(counts)));
            for (Worker each : workers) {
                each.start().onExit().thenAccept(exit -> {
                    if (exit.isSuccess()) return;
                    numbers.shutDown(); // it may have died before it put anything: then nobody knows of it
                    counts.shutDown();
                });
            }
            for (Worker each : workers) each.join();
        }
    }
}
