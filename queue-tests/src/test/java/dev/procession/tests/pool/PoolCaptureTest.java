package dev.procession.tests.pool;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Call;
import dev.procession.PoolFuture;
import dev.procession.WorkerPool;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What lambdas capture, of which the forms of some are written without Java serialization.
class PoolCaptureTest {
    private static WorkerPool pool;

    @BeforeAll
    static void makePool() {
        pool = WorkerPool.of(1);
    }

    @AfterAll
    static void closePool() {
        pool.close();
    }

    @Test
    void bytesOfAnyLengthGoThereAndComeBack() throws Exception {
        for (int length : new int[] {0, 1, 100, 1 << 20}) {
            byte[] bytes = new byte[length];
            Arrays.fill(bytes, (byte) -7);
            assertArrayEquals(bytes, pool.submit(() -> bytes).get());
        }
        byte[] none = nothing();
        assertNull(pool.submit(() -> none).get());
    }

    private static byte[] nothing() {
        return null;
    }

    @Test
    void anArrayThatIsCapturedTwiceIsOneThere() throws Exception {
        byte[] one = {1};
        byte[] same = one;
        byte[] other = {1};
        assertTrue(pool.submit(() -> one == same).get());
        assertEquals(false, pool.submit(() -> one == other).get());
    }

    @Test
    void whatATaskCapturesIsCopiedWhenItIsSubmitted() throws Exception {
        byte[] bytes = {1};
        Future<Integer> first = pool.submit(() -> {
            Thread.sleep(20);
            return (int) bytes[0];
        });
        bytes[0] = 2;
        assertEquals(1, first.get());
    }

    /// Many tasks of one lambda, and of different ones with the same parts, among each other.
    @Test
    void eachTaskHasItsOwnCaptures() throws Exception {
        List<PoolFuture<String>> futures = IntStream.range(0, 300).mapToObj(i -> pool.submit(each(i))).toList();
        for (int i = 0; i < futures.size(); i++) {
            assertEquals(i % 3 == 0 ? "a" + i : i % 3 == 1 ? "b" + i : "c" + i + ".0", futures.get(i).get());
        }
    }

    private static Call<String> each(int number) {
        double fraction = number;
        return switch (number % 3) {
            case 0 -> () -> "a" + number;
            case 1 -> () -> "b" + number;
            default -> () -> "c" + fraction;
        };
    }
}
