package dev.procession.examples;

import dev.procession.Codec;
import dev.procession.Lease;
import dev.procession.QueueOptions;
import dev.procession.QueueShutDownException;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import java.util.ArrayList;
import java.util.List;

/// Ten jobs for three workers. One job takes its first worker's life, and is done by another; one fails each time, and
/// is given up after three attempts.
public class LeasedJobs {

    static void work(SharedQueue<String> jobs) throws InterruptedException {
        while (true) {
            try (Lease<String> lease = jobs.lease()) { // given back unless it is done
                String job = lease.value();
                if (job.equals("job 4") && lease.attempt() == 1) Runtime.getRuntime().halt(1); // as kill -9
                if (job.equals("job 7")) throw new IllegalStateException("no luck");
                System.out.println(job + " is done, attempt " + lease.attempt());
                lease.done();
            } catch (IllegalStateException e) {
                System.out.println("failed: " + e.getMessage());
            } catch (QueueShutDownException e) {
                return;
            }
        }
    }

    public static void main() throws Exception {
        QueueOptions options = QueueOptions.DEFAULT.leased().withMaxAttempts(3);
        try (SharedQueue<String> jobs = SharedQueue.create(Codec.utf8(), options)) {
            for (int i = 1; i <= 10; i++) jobs.put("job " + i);
            List<Worker> workers = new ArrayList<>();
            for (int i = 0; i < 3; i++) workers.add(Worker.of(() -> work(jobs)).start());
            jobs.join(); // until all are done, or given up
            jobs.shutDown(); // nobody waits for more
            int dead = 0;
            for (Worker worker : workers) {
                worker.join();
                if (!worker.exit().isSuccess()) dead++;
            }
            System.out.println("All done; workers that died: " + dead);
            for (String job; (job = jobs.deadLetters().tryGet()) != null;) System.out.println("given up: " + job);
        }
    }
}
