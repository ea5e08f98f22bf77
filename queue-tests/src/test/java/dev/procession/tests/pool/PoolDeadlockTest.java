package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.procession.Worker;
import dev.procession.WorkerExit;
import dev.procession.WorkerLostException;
import dev.procession.WorkerPool;
import dev.procession.tests.Effort;
import java.io.IOException;
import java.io.InvalidObjectException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What CPython tests its executors with, as each of these has made one of them hang: a process that crashes, exits or
/// fails while a task or a result is on its way, also with one that is larger than any buffer.
class PoolDeadlockTest {
    enum Place { WRITING_THE_TASK, READING_THE_TASK, RUNNING, WRITING_THE_RESULT, READING_THE_RESULT }

    enum What { CRASH, EXIT, ERROR }

    private static final WorkerPool[] POOL = new WorkerPool[1];

    @BeforeAll
    static void makePool() {
        POOL[0] = WorkerPool.builder().size(2).attempts(1).build();
    }

    @AfterAll
    static void closePool() {
        POOL[0].close();
    }

    /// What goes wrong where it is to, in the pool's process or in the worker's.
    private static final class Bomb implements Serializable {
        private static final long serialVersionUID = 1;
        private final Place place;
        private final What what;
        private final long pool;
        private final byte[] payload;

        Bomb(Place place, What what, int bytes) {
            this.place = place;
            this.what = what;
            pool = ProcessHandle.current().pid();
            payload = new byte[bytes];
        }

        private void explodeAt(Place in, Place out) throws IOException {
            if (place != (ProcessHandle.current().pid() == pool ? in : out)) return;
            explode();
        }

        private void explode() throws IOException {
            switch (what) {
                case CRASH -> Runtime.getRuntime().halt(137); // as SIGKILL
                case EXIT -> System.exit(3);
                default -> throw new InvalidObjectException("boom");
            }
        }

        private void writeObject(ObjectOutputStream out) throws IOException {
            out.defaultWriteObject();
            explodeAt(Place.WRITING_THE_TASK, Place.WRITING_THE_RESULT);
        }

        private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
            in.defaultReadObject();
            explodeAt(Place.READING_THE_RESULT, Place.READING_THE_TASK);
        }

        Bomb run() throws IOException {
            if (place == Place.RUNNING) explode();
            return this;
        }
    }

    static List<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (int bytes : new int[] {0, 1_000_000, 100_000_000}) {
            for (Place place : Place.values()) {
                boolean isHere = place == Place.WRITING_THE_TASK || place == Place.READING_THE_RESULT;
                for (What what : isHere ? List.of(What.ERROR) : List.of(What.values())) {
                    // of the largest, one that is on its way to the worker and one back
                    boolean isUsual = bytes <= 1_000_000 || what == What.CRASH && place != Place.RUNNING;
                    if (isUsual || Effort.LONG) cases.add(Arguments.of(place, what, bytes));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest(name = "{1} while {0}, {2} bytes")
    @MethodSource("cases")
    void nothingWaitsForEverAndThePoolGoesOn(Place place, What what, int bytes) throws Exception {
        assumeTrue(Files.getFileStore(Path.of("/dev/shm")).getUsableSpace() > 10L * bytes, "small /dev/shm");
        Bomb bomb = new Bomb(place, what, bytes);
        Future<Integer> before = POOL[0].submit(() -> 1);
        if (place == Place.WRITING_THE_TASK) {
            var thrown = assertThrows(IllegalArgumentException.class, () -> POOL[0].submit(() -> bomb.run()));
            assertTrue(thrown.getMessage().contains("boom"), thrown.getMessage());
        } else {
            Throwable failure = Patience.failure(POOL[0].submit(() -> bomb.run()));
            if (what == What.ERROR) {
                assertEquals(place == Place.RUNNING ? InvalidObjectException.class : UncheckedIOException.class,
                        failure.getClass());
                assertTrue(failure.getMessage().contains("boom"), failure.getMessage());
            } else {
                WorkerExit exit = assertInstanceOf(WorkerLostException.class, failure).exit().orElseThrow();
                assertEquals(what == What.EXIT ? new WorkerExit.Exited(3) : new WorkerExit.Killed(9), exit);
            }
        }
        Future<Integer> after = POOL[0].submit(() -> 2);
        assertEquals(1, Patience.get(before));
        assertEquals(2, Patience.get(after));
    }

    @Test
    void aProcessThatExitsWhileItReadsAResultEnds() throws Exception {
        Worker program = Worker.of(() -> {
            Bomb bomb = new Bomb(Place.READING_THE_RESULT, What.EXIT, 1_000_000);
            try (WorkerPool pool = WorkerPool.of(2)) {
                pool.submit(() -> bomb.run()).get();
            }
        });
        program.start();
        program.join();
        assertEquals(new WorkerExit.Exited(3), program.exit());
    }

    /// The worker crashes while this process puts, and the other way round.
    @Test
    void crashesWhileMuchIsOnItsWayLoseNothingElse() throws Exception {
        byte[] payload = new byte[100_000];
        Bomb bomb = new Bomb(Place.RUNNING, What.CRASH, 100_000);
        Future<?>[] all = new Future<?>[60];
        for (int i = 0; i < all.length; i++) {
            all[i] = i % 20 == 10 ? POOL[0].submit(() -> bomb.run()) : POOL[0].submit(() -> payload.clone());
        }
        for (int i = 0; i < all.length; i++) {
            if (i % 20 == 10) assertInstanceOf(WorkerLostException.class, Patience.failure(all[i]));
            else assertEquals(100_000, ((byte[]) Patience.get(all[i])).length);
        }
    }

    @Test
    void aPoolCanBeShutDownWhileItsWorkersCrash() throws Exception {
        Bomb bomb = new Bomb(Place.RUNNING, What.CRASH, 0);
        Future<Bomb> last;
        try (WorkerPool pool = WorkerPool.of(2)) {
            pool.submit(() -> bomb.run());
            last = pool.submit(() -> bomb.run());
        }
        assertInstanceOf(WorkerLostException.class, Patience.failure(last));
    }
}
