package dev.procession;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A get of a leased queue that takes longer than the visibility time-out.
class LateGetTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    /// Strings, and what is done once while one is decoded.
    private static final class Slow implements Codec<String> {
        private static final long serialVersionUID = 1;

        transient Runnable meanwhile = () -> {};

        @Override
        public String name() {
            return "slow";
        }

        @Override
        public void encode(String value, Encoder to) {
            to.putUtf8(value);
        }

        @Override
        public String decode(Decoder from) throws IOException {
            Runnable once = meanwhile;
            meanwhile = () -> {};
            once.run();
            return from.getUtf8(0, from.length());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3})
    void doesNotReturnWhatAnotherOneHasGotMeanwhile(int maxAttempts) throws Exception {
        Path file = directory.resolve("queue");
        var options = QueueOptions.DEFAULT.leased().withVisibility(Duration.ofMillis(20)).withMaxAttempts(maxAttempts);
        var slow = new Slow();
        try (var queue = SharedQueue.create(file, slow, options);
                var other = SharedQueue.open(file, new Slow())) {
            queue.put("first");
            slow.meanwhile = () -> assertEquals("first", get(other));
            assertNull(queue.tryGet());
            assertTrue(queue.isEmpty());
            queue.put("second");
            slow.meanwhile = () -> {
                assertEquals("second", get(other));
                assertTrue(other.tryPut("third"));
            };
            assertEquals("third", queue.tryGet());
        }
        SharedQueue.delete(file);
    }

    @Test
    void returnsWhatNobodyElseWanted() throws Exception {
        var slow = new Slow();
        var options = QueueOptions.DEFAULT.leased().withVisibility(Duration.ofMillis(1));
        try (var queue = SharedQueue.create(slow, options)) {
            queue.put("mine");
            slow.meanwhile = () -> sleep(20);
            assertEquals("mine", queue.tryGet());
            assertTrue(queue.isEmpty());
        }
    }

    private static String get(SharedQueue<String> queue) {
        try {
            return queue.get(LONG);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
