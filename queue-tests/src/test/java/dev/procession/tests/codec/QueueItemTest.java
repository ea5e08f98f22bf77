package dev.procession.tests.codec;

import static dev.procession.tests.codec.RoundTrip.decode;
import static dev.procession.tests.codec.RoundTrip.encode;
import static dev.procession.tests.codec.RoundTrip.through;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Lease;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A queue in an item arrives attached to the same queue.
class QueueItemTest {
    private static final Duration PATIENCE = Duration.ofSeconds(50);

    record Answer(int number) {
    }

    record Question(int number, SharedQueue<Answer> replyTo, List<SharedQueue<String>> logs) {
    }

    record Loop(SharedQueue<Loop> next) {
    }

    static final class Job {
        Object work;
        SharedQueue<?> results;
    }

    private static final Codec<Object> CODEC = Codec.object(SharedQueue.class, Job.class, Answer.class);

    private static <E> SharedQueue<E> small(Codec<E> codec) {
        return SharedQueue.create(codec, QueueOptions.DEFAULT.withLanes(4).withLaneBytes(1 << 16));
    }

    @Test
    void aWorkerAnswersThroughTheQueueInTheItem() throws Exception {
        Codec<Question> codec = Codec.record(Question.class);
        try (SharedQueue<Object> jobs = small(CODEC);
                SharedQueue<Question> questions = small(codec);
                SharedQueue<Answer> answers = small(Codec.record(Answer.class));
                SharedQueue<String> log = small(Codec.utf8());
                SharedQueue<Object> objects = small(Codec.object(Answer.class))) {
            Worker worker = Worker.of(() -> {
                Job job = (Job) jobs.get();
                @SuppressWarnings("unchecked")
                SharedQueue<Object> results = (SharedQueue<Object>) job.results;
                results.put(new Answer((int) job.work + 1));
                Question question = questions.get();
                question.replyTo().put(new Answer(question.number() + 1));
                question.logs().getFirst().put("done");
            });
            worker.start();
            Job job = new Job();
            job.work = 6;
            job.results = objects;
            jobs.put(job);
            questions.put(new Question(1, answers, List.of(log)));
            assertEquals(new Answer(7), objects.get(PATIENCE));
            assertEquals(new Answer(2), answers.get(PATIENCE));
            assertEquals("done", log.get(PATIENCE));
            assertTrue(worker.join(PATIENCE));
        }
    }

    @Test
    void queuesOfAllCodecsThatTheReaderKnowsTravel() throws Exception {
        Map<Codec<?>, Object> items =
                Map.of(Codec.bytes(), new byte[0], Codec.utf8(), "x", Codec.int32(), 1, Codec.int64(),
                        2L, Codec.float64(), 3d, Codec.record(Answer.class), new Answer(4), CODEC, "any",
                        Codec.object(), "none",
                        Codec.object(Answer.class), new Answer(5));
        for (Map.Entry<Codec<?>, Object> each : items.entrySet()) {
            try (SharedQueue<Object> queue = small(cast(each.getKey()));
                    SharedQueue<Object> back = cast(through(CODEC, queue))) {
                assertEquals(queue.path(), back.path());
                back.put(each.getValue());
                Object got = queue.get(PATIENCE);
                if (!(got instanceof byte[])) {
                    assertEquals(each.getValue(), got);
                }
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static <T> T cast(Object object) {
        return (T) object;
    }

    @Test
    void aQueueTravelsThroughItself() throws Exception {
        try (SharedQueue<Loop> queue = small(Codec.record(Loop.class)); SharedQueue<Object> other = small(CODEC)) {
            queue.put(new Loop(queue));
            Loop loop = queue.get(PATIENCE);
            loop.next().put(new Loop(null));
            assertNull(queue.get(PATIENCE).next());
            other.put(other);
            SharedQueue<Object> back = cast(other.get(PATIENCE));
            back.put("x");
            assertEquals("x", other.get(PATIENCE));
            loop.next().close();
            back.close();
        }
    }

    @Test
    void oneAddressIsOneHandleUntilThatIsClosed() throws Exception {
        try (SharedQueue<String> queue = small(Codec.utf8())) {
            List<?> two = (List<?>) through(CODEC, List.of(queue, queue));
            SharedQueue<String> handle = cast(two.getFirst());
            assertSame(handle, two.getLast());
            assertSame(handle, through(CODEC, queue));
            handle.close();
            SharedQueue<String> next = cast(through(CODEC, queue));
            next.put("x");
            assertEquals("x", queue.get(PATIENCE));
            next.close();
        }
    }

    @Test
    void aFileThatWasMadeAgainIsAnotherQueue(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("queue");
        QueueOptions options = QueueOptions.DEFAULT.withLanes(2).withLaneBytes(1 << 16);
        SharedQueue<String> queue = SharedQueue.create(file, Codec.utf8(), options);
        SharedQueue<String> old = cast(through(CODEC, queue));
        queue.close();
        Files.delete(file);
        try (SharedQueue<String> again = SharedQueue.create(file, Codec.utf8(), options);
                SharedQueue<String> back = cast(through(CODEC, again))) {
            back.put("x");
            assertEquals("x", again.get(PATIENCE));
            assertTrue(old.isEmpty());
        }
        old.close();
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        }
    }

    private static void await(Condition condition) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.holds()) {
            assertTrue(System.nanoTime() < end, "not within " + PATIENCE);
            System.gc();
            Thread.sleep(10);
        }
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    @Test
    void handlesThatNobodyHasAnyMoreAreClosedAtTheNextRead() throws Exception {
        try (SharedQueue<String> other = small(Codec.utf8())) {
            byte[] address = encode(CODEC, other);
            try (SharedQueue<?> held = cast(decode(CODEC, address))) {
                assertEquals(other.path(), held.path());
                long before = descriptors();
                for (int i = 0; i < 30; i++) {
                    try (SharedQueue<String> queue = small(Codec.utf8())) {
                        SharedQueue<String> back = cast(through(CODEC, queue));
                        back.put("x"); // it has a producer then
                        assertEquals("x", queue.get(PATIENCE));
                    }
                }
                await(() -> {
                    decode(CODEC, address);
                    return descriptors() <= before;
                });
            }
        }
    }

    @Test
    void aLeaseKeepsItsQueueOpen() throws Exception {
        QueueOptions options = QueueOptions.DEFAULT.withLanes(2).withLaneBytes(1 << 16).leased();
        try (SharedQueue<String> queue = SharedQueue.create(Codec.utf8(), options);
                SharedQueue<String> other = small(Codec.utf8())) {
            queue.put("x");
            Lease<String> lease = CodecLease.take(CODEC, queue);
            Object unreachable = new Object();
            WeakReference<Object> witness = new WeakReference<>(unreachable);
            unreachable = null;
            await(() -> witness.get() == null);
            ((SharedQueue<?>) through(CODEC, other)).close();
            lease.done();
            assertTrue(queue.isEmpty());
        }
    }

    private static final class CodecLease {
        static Lease<String> take(Codec<Object> codec, SharedQueue<String> queue) throws Exception {
            SharedQueue<String> back = cast(through(codec, queue));
            return back.lease(PATIENCE);
        }
    }

    @Test
    void aQueueIsRefusedByAWriterWhoseReaderDoesNotAllowIt() {
        try (SharedQueue<String> queue = small(Codec.utf8())) {
            Job job = new Job();
            job.results = queue;
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                    () -> encode(Codec.<Object>object(Job.class), job));
            assertTrue(e.getMessage().contains("list SharedQueue.class"), e.getMessage());
            assertTrue(e.getMessage().contains("results (" + Job.class.getName()), e.getMessage());
        }
    }

    record Stranger(int x) {
    }

    record Raw(SharedQueue<Object> queue) {
    }

    record Texts(SharedQueue<String> queue) {
    }

    @Test
    void aQueueWhoseCodecTheReaderDoesNotKnowIsRefusedByTheWriter() {
        for (Codec<?> codec : List.of(Codec.record(Stranger.class), Codec.object(Stranger.class))) {
            try (SharedQueue<?> queue = small(codec)) {
                IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> encode(CODEC, queue));
                assertTrue(e.getMessage().contains("add the missing classes to the list"), e.getMessage());
                assertThrows(IllegalArgumentException.class,
                        () -> encode(Codec.record(Texts.class), new Texts(cast(queue))));
            }
        }
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> Codec.record(Raw.class));
        assertTrue(e.getMessage().contains("SharedQueue"), e.getMessage());
    }

    @Test
    void aClosedQueueIsRefusedByTheWriter() {
        SharedQueue<String> queue = small(Codec.utf8());
        queue.close();
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> encode(CODEC, queue));
        assertTrue(e.getMessage().contains("was closed"), e.getMessage());
        assertThrows(IllegalArgumentException.class, () -> encode(Codec.record(Texts.class), new Texts(queue)));
    }

    @Test
    void aQueueThatIsGoneWhenItsAddressArrivesIsSaidToBe() throws Exception {
        SharedQueue<String> queue = small(Codec.utf8());
        byte[] object = encode(CODEC, queue);
        byte[] record = encode(Codec.record(Texts.class), new Texts(queue));
        queue.close();
        for (IOException e : List.of(assertThrows(IOException.class, () -> decode(CODEC, object)),
                assertThrows(IOException.class, () -> decode(Codec.record(Texts.class), record)))) {
            assertTrue(e.getMessage().contains("cannot attach to the queue " + queue.path()), e.getMessage());
            assertTrue(e.getMessage().contains("keep a queue open"), e.getMessage());
        }
    }

    @Test
    void forgedAddressesAreRefused(@TempDir Path directory) throws Exception {
        Path file = Files.writeString(directory.resolve("no-queue"), "x");
        Process made = new ProcessBuilder("mkfifo", directory.resolve("pipe").toString()).start();
        assertEquals(0, made.waitFor());
        try (SharedQueue<String> queue = small(Codec.utf8());
                SharedQueue<Object> objects = small(Codec.object(Answer.class))) {
            byte[] good = encode(CODEC, objects);
            for (int i = 0; i < good.length; i++) {
                for (int bit = 0; bit < 8; bit++) {
                    byte[] bad = good.clone();
                    bad[i] ^= (byte) (1 << bit);
                    try {
                        Object item = decode(CODEC, bad);
                        assertTrue(item instanceof SharedQueue<?> back && back.path().equals(objects.path())
                                || !(item instanceof SharedQueue<?>));
                    } catch (IOException e) {
                        // refused
                    }
                }
            }
            // the shortest form of an address: a record's
            for (String path : List.of("/dev/null", "/dev/zero", "relative", "", "/", file.toString(),
                    directory.resolve("pipe").toString(), "/no/such\0path", objects.path().toString())) {
                byte[] bytes = new byte[path.length() + 2];
                bytes[0] = (byte) (path.length() + 1);
                System.arraycopy(path.getBytes(StandardCharsets.US_ASCII), 0, bytes, 1, path.length());
                assertThrows(IOException.class, () -> decode(Codec.record(Texts.class), bytes), path);
            }
            assertFalse(queue.isFull());
        }
        assertEquals("x", Files.readString(file));
    }
}
