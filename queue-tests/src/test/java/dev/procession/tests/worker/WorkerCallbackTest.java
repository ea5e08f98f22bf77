package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Worker;
import dev.procession.WorkerExit.Finished;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a callback may do with the worker whose output it gets: all but wait for it.
class WorkerCallbackTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    private Worker worker = Worker.of(() -> {});

    @AfterEach
    void end() {
        if (worker.isAlive()) worker.kill();
    }

    private interface Action {
        void accept(Worker worker) throws Exception;
    }

    private static Action waitingBy(String how) {
        return switch (how) {
            case "join()" -> Worker::join;
            case "join(Duration)" -> worker -> worker.join(LONG);
            case "get()" -> worker -> worker.onExit().get();
            case "get(time)" -> worker -> worker.onExit().get(30, TimeUnit.SECONDS);
            case "onExit().join()" -> worker -> worker.onExit().join();
            default -> worker -> worker.onExit().thenApply(exit -> "then").copy().join();
        };
    }

    /// Starts a worker that writes a line, and gives what the callback throws.
    private Throwable thrownIn(boolean isError, Action action) throws Exception {
        CompletableFuture<Worker> started = new CompletableFuture<>();
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        Consumer<String> callback = line -> {
            try {
                action.accept(started.join());
                thrown.complete(new AssertionError("nothing was thrown"));
            } catch (Throwable e) {
                thrown.complete(e);
            }
        };
        Worker.Builder builder = Worker.builder();
        worker = (isError ? builder.stderr(callback) : builder.stdout(callback))
                .start(() -> (isError ? System.err : System.out).println("a line"));
        started.complete(worker);
        Throwable result = thrown.get(LONG.toSeconds(), TimeUnit.SECONDS);
        assertTrue(worker.join(LONG), "it ends");
        assertEquals(new Finished(), worker.exit());
        return result;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"join()", "join(Duration)", "get()", "get(time)", "onExit().join()",
                "a stage that depends on it"})
    void toWaitForTheWorkerInACallbackOfItsOutputIsRefused(String how) throws Exception {
        for (boolean isError : new boolean[] {false, true}) {
            Throwable thrown = thrownIn(isError, waitingBy(how));
            assertInstanceOf(IllegalStateException.class, thrown);
            assertTrue(thrown.getMessage().startsWith("Worker \"" + worker.name()
                    + "\" cannot be waited for in a callback of its own output"), thrown.getMessage());
        }
    }

    @Test
    void aCallbackMayAskAndEndTheWorkerWaitForOthersAndStartThem() throws Exception {
        Throwable thrown = thrownIn(false, worker -> {
            assertTrue(worker.isAlive() && worker.exitCode().isEmpty() && !worker.onExit().isDone());
            worker.onExit().thenRun(() -> {});
            Worker other = Worker.of(() -> {}).start();
            other.join();
            assertEquals(new Finished(), other.onExit().get());
        });
        assertEquals("nothing was thrown", thrown.getMessage());
    }

    @Test
    void whatFollowsTheEndMayWaitForIt() throws Exception {
        Worker worker = Worker.of(() -> System.out.println()).start();
        this.worker = worker;
        CompletableFuture<String> after = worker.onExit().thenApply(exit -> {
            try {
                worker.join();
                return worker.onExit().get() + " " + worker.exit();
            } catch (Exception e) {
                return e.toString();
            }
        });
        assertEquals("finished finished", after.get(LONG.toSeconds(), TimeUnit.SECONDS));
    }
}
