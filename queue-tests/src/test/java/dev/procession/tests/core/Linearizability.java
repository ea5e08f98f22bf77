package dev.procession.tests.core;

import static org.jetbrains.lincheck.datastructures.ManagedStrategyGuaranteeKt.forClasses;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Producer;
import dev.procession.core.QueueGeometry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;

/// Lincheck's model checking of a queue in a real file: two producers, two shared consumers, against a sequential FIFO.
/// A process of its own, because Lincheck rewrites the classes it meets.
///
/// Lincheck 3.7 does not know accesses to memory segments as places where another thread may come in. So each method of
/// `SharedMemory`, through which all of them go, is declared to be one such step. It explores interleavings of
/// sequentially consistent steps; what the hardware adds to them is for jcstress to find.
public final class Linearizability {
    private static final int NOTHING = -1;
    private static final String CORE = "dev.procession.core.";

    /// A record of this length leaves no room for another one in a chunk of 1 KiB.
    private static final int MOST_OF_A_CHUNK = 1_000;

    private final LaneQueue queue;
    private final Producer[] producers = new Producer[2];
    private final Consumer[] consumers = new Consumer[2];
    private final byte[][] got = new byte[2][1];

    /// Made again for every run.
    public Linearizability() throws IOException {
        Path file = Path.of(System.getProperty("java.io.tmpdir"), "queue-" + System.nanoTime());
        queue = LaneQueue.create(file, new QueueGeometry(2, 4096, 1024, 0, null), "");
        Files.delete(file);
        for (int i = 0; i < 2; i++) {
            producers[i] = queue.newProducer();
            consumers[i] = queue.newConsumer(Delivery.SHARED);
        }
        byte[] most = new byte[MOST_OF_A_CHUNK]; // the next put into either lane jumps
        for (int i = 0; i < 2; i++) producers[i].tryPut(most);
        for (int i = 0; i < 2; i++) consumers[i].tryGet(most);
        // so that each knows that two lanes are in use, and that they are empty
        for (int i = 0; i < 2; i++) consumers[i].tryGet(got[i]);
    }

    @Operation(nonParallelGroup = "producer 0")
    public boolean put0(int message) {
        return producers[0].tryPut(new byte[] {(byte) message});
    }

    @Operation(nonParallelGroup = "producer 1")
    public boolean put1(int message) {
        return producers[1].tryPut(new byte[] {(byte) message});
    }

    /// Puts two messages at once. In no random scenario: one whose put began before may come between them.
    public boolean putBoth0(int message) {
        try (var batch = producers[0].tryBatch(2, 2 * producers[0].batchBytes(1))) {
            if (batch == null) return false;
            batch.add(new byte[] {(byte) message}, 0, 1);
            batch.add(new byte[] {(byte) (message + 1)}, 0, 1);
            batch.commit();
            return true;
        }
    }

    @Operation(nonParallelGroup = "consumer 0")
    public int get0() {
        return get(0);
    }

    @Operation(nonParallelGroup = "consumer 1")
    public int get1() {
        return get(1);
    }

    private int get(int consumer) {
        return consumers[consumer].tryGet(got[consumer]) == Consumer.EMPTY ? NOTHING : got[consumer][0] & 0xff;
    }

    @Operation
    public boolean isEmpty() {
        return queue.isEmpty();
    }

    /// What it has to look like.
    public static final class Fifo {
        private final Queue<Integer> queue = new ArrayDeque<>();

        public boolean put0(int message) {
            return queue.add(message & 0xff);
        }

        public boolean put1(int message) {
            return put0(message);
        }

        public boolean putBoth0(int message) {
            return put0(message) && put0(message + 1);
        }

        public int get0() {
            Integer first = queue.poll();
            return first == null ? NOTHING : first;
        }

        public int get1() {
            return get0();
        }

        public boolean isEmpty() {
            return queue.isEmpty();
        }
    }

    // ---- scenarios: what went before, two threads, what comes after

    private enum Scenario {
        /// The later put is delivered later, whoever looks at whichever lane between them.
        ORDER("", "put0 put1", "get1 get1", "get0"),
        /// A message in one lane or the other at all times: neither a get nor isEmpty() finds nothing.
        MOVING("put1", "put0 get0", "get1", "get0"), //
        LOOKING("put1", "put0 get0", "isEmpty", "get0"),
        /// Each of two messages goes to one consumer.
        CLAIMS("put0 put0", "get0", "get1", "get0"),
        /// Two in one batch come together and in their order.
        BATCH("put1", "putBoth0 get0", "get1 get1", "get0"), //
        EVERYBODY("", "put0 get0", "put1 get1", "get0");

        private final ExecutionScenario scenario;

        Scenario(String before, String one, String other, String after) {
            int[] lastMessage = {0};
            scenario = new ExecutionScenario(
                    actors(before, lastMessage),
                    List.of(actors(one, lastMessage), actors(other, lastMessage)),
                    actors(after, lastMessage),
                    null);
        }

        private static List<Actor> actors(String operations, int[] lastMessage) {
            var actors = new ArrayList<Actor>();
            try {
                for (String name : operations.split(" ")) {
                    if (name.startsWith("put")) {
                        var method = Linearizability.class.getMethod(name, int.class);
                        actors.add(new Actor(method, List.of(++lastMessage[0])));
                        if (name.startsWith("putBoth")) lastMessage[0]++;
                    } else if (!name.isEmpty()) {
                        actors.add(new Actor(Linearizability.class.getMethod(name), List.of()));
                    }
                }
            } catch (NoSuchMethodException e) {
                throw new IllegalArgumentException(operations, e);
            }
            return actors;
        }
    }

    /// Checks the scenarios, then random ones.
    ///
    /// @param args how many runs of each scenario, and how many random scenarios
    public static void main(String[] args) {
        int runs = Integer.parseInt(args[0]);
        if (runs < 1) throw new IllegalArgumentException("runs=" + runs + " would check nothing");
        for (var each : Scenario.values()) {
            var options = options(runs).iterations(0);
            options.addCustomScenario(each.scenario);
            options.check(Linearizability.class);
            System.out.println("checked " + each);
        }
        options(runs).iterations(Integer.parseInt(args[1])).threads(2).actorsPerThread(3).actorsBefore(2)
                .actorsAfter(2).check(Linearizability.class);
        System.out.println("checked at random: linearizable");
    }

    private static ModelCheckingOptions options(int runs) {
        var options = new ModelCheckingOptions().invocationsPerIteration(runs).sequentialSpecification(Fifo.class)
                .minimizeFailedScenario(false);
        options.addGuarantee(forClasses(CORE + "SharedMemory").allMethods().treatAsAtomic());
        // what touches no shared memory, or only to wake somebody: other threads need not come in there
        options.addGuarantee(forClasses(CORE + "Layout", CORE + "QueueGeometry", CORE + "Doorbell", CORE + "WaitLoop")
                .allMethods()
                .ignore());
        options.addGuarantee(forClasses(CORE + "Consumer", CORE + "LaneScan", CORE + "SharedConsumer",
                CORE + "Lanes", CORE + "LaneWriter", CORE + "Producer")
                .methods("end", "isShort", "recordBytes", "laneWithSmallestTicket", "noOther",
                        "isSafeToTake",
                        "signalRoom", "checkUsable")
                .ignore());
        return options;
    }
}
