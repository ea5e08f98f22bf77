package dev.procession.bench;

import dev.procession.core.Delivery;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// Something that is measured within one process, and is no stream of messages between processes: how fast workers
/// start, what a queue costs that nobody uses.
interface Probe extends AutoCloseable {
    /// The figures of one sample, in the order and the unit of the work; not a number where the system has none.
    double[] sample() throws Exception;

    @Override
    void close();

    /// The main class of that process. It obeys one command a line, like [Child], and answers by
    /// `reply 0 figure0=N ...`:
    ///
    ///     0 create       nothing is to be made
    ///     0 open         gets ready: whatever is slow the first time only is over then
    ///     0 run N P      takes one sample; N and P say nothing here. Figures are in thousandths of their unit
    final class Main {
        private Main() {}

        /// @param args name of the system, folder for files, kind of work
        public static void main(String[] args) throws Exception {
            Probe probe = null;
            var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
            for (String line; (line = in.readLine()) != null;) {
                var reply = new StringBuilder(Child.REPLY + " 0");
                switch (line.split(" ")[1]) {
                    case "create" -> {}
                    case "open" -> probe = of(args[0], Path.of(args[1]), Work.Kind.valueOf(args[2]));
                    case "run" -> {
                        if (probe == null) throw new IllegalStateException("run before open");
                        double[] figures = probe.sample();
                        for (int i = 0; i < figures.length; i++) {
                            if (Double.isNaN(figures[i])) continue;
                            reply.append(" figure").append(i).append('=').append(Math.round(1000 * figures[i]));
                        }
                    }
                    default -> throw new IllegalArgumentException("command=" + line);
                }
                System.out.println(reply);
            }
            if (probe != null) probe.close();
        }

        private static Probe of(String system, Path folder, Work.Kind kind) throws Exception {
            return switch (kind) {
                case WORKER_START -> new WorkerStart(system.equals("procession-warm"));
                case MEMORY -> new IdleMemory(Transport.named(system), folder);
                case IDLE_LANES -> new IdleLanes(
                        system.equals("procession-shared") ? Delivery.SHARED : Delivery.EXCLUSIVE);
                case VIRTUAL_THREADS -> new VirtualThreads();
                case POOL -> Pools.of(system);
                case IDLE_CPU -> system.equals("unix-socket") ? IdleCpu.inSocket(folder) : IdleCpu.inQueue();
                default -> throw new IllegalArgumentException("kind=" + kind + " is measured between processes");
            };
        }
    }
}
