package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Lease;
import dev.procession.QueueOptions;
import dev.procession.QueueShutDownException;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import dev.procession.tests.kit.Peer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What is made of queues in place of locks, events and barriers.
class TokenTest {
    private static final Duration LONG = Duration.ofSeconds(Peer.DEADLINE_SECONDS);

    @Test
    void aLeaseIsALockThatAKillGivesBack() throws Exception {
        try (var lock = SharedQueue.create(Codec.utf8(), QueueOptions.DEFAULT.leased());
                var locked = SharedQueue.create(Codec.utf8())) {
            lock.put("token");
            try (Lease<String> lease = lock.lease()) {
                assertEquals("token", lease.value());
                assertNull(lock.tryLease());
            }
            Worker worker = Worker.of(() -> {
                try (Lease<String> lease = lock.lease()) {
                    locked.put(lease.value());
                    lock.lease(); // has to wait for itself
                }
            }).start();
            assertEquals("token", locked.get(LONG));
            assertNull(lock.tryLease());
            worker.kill();
            try (Lease<String> lease = lock.lease(LONG)) {
                assertEquals("token", lease.value());
            }
            assertTrue(worker.join(LONG));
        }
    }

    @Test
    void aShutDownIsAnEventForAllWhoWait() throws Exception {
        try (var event = SharedQueue.create(Codec.utf8());
                var seen = SharedQueue.create(Codec.utf8())) {
            List<Worker> workers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                workers.add(Worker.of(() -> {
                    seen.put("waits");
                    try {
                        event.get();
                    } catch (QueueShutDownException e) {
                        seen.put("set");
                    }
                }).start());
            }
            for (Worker unused : workers) assertEquals("waits", seen.get(LONG));
            event.shutDown();
            assertTrue(event.isShutDown());
            for (Worker unused : workers) assertEquals("set", seen.get(LONG));
            for (Worker worker : workers) assertTrue(worker.join(LONG));
        }
    }

    @Test
    void twoQueuesAreABarrier() throws Exception {
        try (var arrived = SharedQueue.create(Codec.utf8());
                var pass = SharedQueue.create(Codec.utf8());
                var passed = SharedQueue.create(Codec.utf8())) {
            List<Worker> workers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                workers.add(Worker.of(() -> {
                    arrived.put("here");
                    pass.get();
                    passed.put("there");
                }).start());
            }
            for (Worker unused : workers) arrived.get(LONG);
            assertTrue(passed.isEmpty());
            for (Worker unused : workers) pass.put("go");
            for (Worker unused : workers) assertEquals("there", passed.get(LONG));
            for (Worker worker : workers) assertTrue(worker.join(LONG));
        }
    }
}
