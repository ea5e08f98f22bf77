package dev.procession.tests.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.Worker;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A queue can be used, and so read, without what starts and ends workers.
class QueueAloneTest {
    @TempDir
    Path folder;

    private static final Pattern OURS = Pattern.compile("dev\\.procession\\.[\\w.$]+");

    /// The classes of the library that a JVM had by its end.
    private Set<String> loadedBy(Class<?> main) throws Exception {
        Path log = folder.resolve("classes");
        List<String> options = List.of("-Ddev.procession.startupCache=off", "-Xlog:class+load:file=" + log);
        try (Processes.Jvm jvm = Processes.Jvm.start(folder, options, main, folder.toString())) {
            assertEquals(0, jvm.awaitEnd(), jvm.output());
            assertEquals("well", jvm.output().lines().toList().getLast(), jvm.output());
        }
        try (var lines = Files.lines(log)) {
            return lines.map(OURS::matcher)
                    .filter(name -> name.find() && !name.group().startsWith("dev.procession.tests."))
                    .map(name -> name.group())
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static boolean isOfWorkers(String type) {
        return type.startsWith("dev.procession.worker.") || type.startsWith("dev.procession.classes.")
                || type.matches("dev\\.procession\\.Worker\\b.*");
    }

    /// Ends with queues that nobody has closed, in an orderly way.
    static final class Uses {
        private Uses() {}

        record Point(int x, int y) {
        }

        public static void main(String[] args) throws Exception {
            SharedQueue<Long> queue = SharedQueue.create(Codec.int64());
            queue.put(1L, Duration.ofSeconds(1));
            SharedQueue<?> other = copyOf(queue);
            if ((Long) other.get(Duration.ofSeconds(1)) != 1L || !queue.isEmpty()) throw new IllegalStateException();
            QueueOptions leased = QueueOptions.DEFAULT.leased().withMaxAttempts(2);
            try (SharedQueue<Point> points = SharedQueue.create(Codec.record(Point.class), leased)) {
                points.put(new Point(1, 2));
                points.lease().giveBack();
                points.lease().done();
                if (!points.deadLetters().isEmpty()) throw new IllegalStateException();
            }
            Path file = Path.of(args[0], "queue");
            try (SharedQueue<Object> objects = SharedQueue.create(file, Codec.object(), QueueOptions.DEFAULT)) {
                objects.put(List.of("a", 1));
                objects.get();
            }
            SharedQueue.delete(file);
            System.out.println("well");
        }

        private static SharedQueue<?> copyOf(SharedQueue<?> queue) throws Exception {
            var bytes = new ByteArrayOutputStream();
            try (var out = new ObjectOutputStream(bytes)) {
                out.writeObject(queue);
            }
            try (var in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
                return (SharedQueue<?>) in.readObject();
            }
        }
    }

    @Test
    void aProcessThatOnlyUsesQueuesLoadsNothingThatHasToDoWithWorkers() throws Exception {
        Set<String> loaded = loadedBy(Uses.class);
        assertTrue(loaded.contains("dev.procession.SharedQueue"), loaded::toString);
        assertEquals(List.of(), loaded.stream().filter(QueueAloneTest::isOfWorkers).toList());
    }

    /// So that the other test can fail.
    static final class Starts {
        private Starts() {}

        public static void main(String[] args) throws Exception {
            Worker worker = Worker.of(() -> System.out.println("well")).start();
            worker.join();
        }
    }

    @Test
    void aProcessThatStartsAWorkerDoes() throws Exception {
        Set<String> loaded = loadedBy(Starts.class);
        assertTrue(loaded.stream().filter(QueueAloneTest::isOfWorkers).count() > 10, loaded::toString);
    }
}
