package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Decoder;
import dev.procession.Encoder;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import dev.procession.core.LaneQueue;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files that only look as if they belonged to a queue, and queues whose file was moved.
class BesideTest {
    private static final QueueGeometry GEOMETRY = new QueueGeometry(2, 4096, 0);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    @Test
    void aQueueThatHasNoDeadLettersIsDeletedAlone() throws Exception {
        Path jobs = directory.resolve("jobs");
        Path other = directory.resolve("jobs.dead");
        try (var one = SharedQueue.create(jobs, Codec.utf8(), QueueOptions.DEFAULT);
                var two = SharedQueue.create(other, Codec.utf8(), QueueOptions.DEFAULT)) {
            one.put("a job");
            two.put("a dead job of somebody else");
        }
        SharedQueue.delete(jobs);
        assertFalse(Files.exists(jobs));
        try (var two = SharedQueue.open(other, Codec.utf8())) {
            assertEquals("a dead job of somebody else", two.get());
        }
    }

    private static final QueueOptions WITH_DEAD_LETTERS = QueueOptions.DEFAULT.leased().withMaxAttempts(1);

    @Test
    void aQueueThatCannotHaveItsDeadLettersIsNotThere() throws Exception {
        Path jobs = directory.resolve("jobs");
        Path other = directory.resolve("jobs.dead");
        Files.writeString(other, "not a queue");
        var thrown = assertThrows(dev.procession.QueueUnavailableException.class,
                () -> SharedQueue.create(jobs, Codec.utf8(), WITH_DEAD_LETTERS));
        assertTrue(thrown.getMessage().contains(other + " exists already"), thrown.getMessage());
        assertFalse(Files.exists(jobs));
        assertEquals("not a queue", Files.readString(other));
        Path longest = directory.resolve("j".repeat(251));
        assertThrows(dev.procession.QueueUnavailableException.class,
                () -> SharedQueue.create(longest, Codec.utf8(), WITH_DEAD_LETTERS));
        assertFalse(Files.exists(longest));
        Files.delete(other);
        SharedQueue.create(jobs, Codec.utf8(), WITH_DEAD_LETTERS).close();
        assertTrue(Files.exists(jobs) && Files.exists(other));
    }

    @Test
    void aQueueIsDeletedWithItsDeadLettersOrNotAtAll() throws Exception {
        Path jobs = directory.resolve("jobs");
        try (var queue = SharedQueue.create(jobs, Codec.utf8(), WITH_DEAD_LETTERS)) {
            queue.put("a job");
        }
        try (var dead = SharedQueue.open(directory.resolve("jobs.dead"), Codec.utf8())) {
            assertTrue(dead.isEmpty());
            assertThrows(dev.procession.QueueUnavailableException.class, () -> SharedQueue.delete(jobs));
        }
        try (var queue = SharedQueue.open(jobs, Codec.utf8())) {
            assertThrows(dev.procession.QueueUnavailableException.class, () -> SharedQueue.delete(jobs));
            assertTrue(queue.deadLetters().isEmpty());
            assertEquals("a job", queue.get());
        }
        SharedQueue.delete(jobs);
        try (var left = Files.list(directory)) {
            assertEquals(0, left.count());
        }
    }

    /// A codec that does not say how it is called.
    private record Nameless(boolean named) implements Codec<String> {
        @Override
        public String name() {
            if (named) return "once";
            throw new IllegalStateException("no name");
        }

        @Override
        public void encode(String value, Encoder to) {
            to.putUtf8(value);
        }

        @Override
        public String decode(Decoder from) throws IOException {
            return from.getUtf8(0, from.length());
        }
    }

    @Test
    void aCodecThatFailsToSayItsNameLeavesNothingOpen() {
        Path jobs = directory.resolve("jobs");
        SharedQueue.create(jobs, new Nameless(true), QueueOptions.DEFAULT).close();
        assertThrows(IllegalStateException.class, () -> SharedQueue.open(jobs, new Nameless(false)));
        SharedQueue.delete(jobs);
        assertFalse(Files.exists(jobs));
        assertThrows(IllegalStateException.class,
                () -> SharedQueue.create(jobs, new Nameless(false), QueueOptions.DEFAULT));
        assertFalse(Files.exists(jobs));
    }

    @Test
    void aQueueOfItsOwnIsNotTakenForOneThatBelongsToAnother() {
        Path other = directory.resolve("jobs.dead");
        LaneQueue.create(other, GEOMETRY, "numbers").close();
        try (var jobs = LaneQueue.create(directory.resolve("jobs"), GEOMETRY, "texts")) {
            var thrown = assertThrows(QueueUnavailableException.class,
                    () -> jobs.openBeside(".dead", GEOMETRY, "texts"));
            assertTrue(thrown.getMessage().contains("numbers") && thrown.getMessage().contains("jobs.dead"),
                    thrown.getMessage());
        }
    }

    @Test
    void anAnonymousQueueThatSomebodyHasGivenANameKeepsItsMessages() throws Exception {
        Path kept = directory.resolve("kept");
        try (var queue = LaneQueue.createAnonymous(GEOMETRY, "");
                var producer = queue.newProducer()) {
            producer.put(new byte[9]);
            try {
                Files.createLink(kept, queue.path());
            } catch (java.nio.file.FileSystemException e) {
                org.junit.jupiter.api.Assumptions.abort("on another file system: " + e);
            }
        }
        try (var queue = LaneQueue.open(kept)) {
            assertEquals(1, queue.size());
        }
    }

    @Test
    void aPathInAnArchiveIsNoPlaceForAQueue() throws Exception {
        try (var archive = FileSystems.newFileSystem(URI.create("jar:" + directory.resolve("a.zip").toUri()),
                Map.of("create", "true"))) {
            Path inside = archive.getPath(directory.resolve("queue").toString());
            for (org.junit.jupiter.api.function.Executable use : new org.junit.jupiter.api.function.Executable[] {
                () -> LaneQueue.create(inside, GEOMETRY, ""), () -> LaneQueue.open(inside),
                () -> LaneQueue.delete(inside)}) {
                var thrown = assertThrows(QueueUnavailableException.class, use);
                assertTrue(thrown.getMessage().contains("file system inside of this JVM"), thrown.getMessage());
            }
        }
        assertFalse(Files.exists(directory.resolve("queue")));
    }

    @Test
    void whatIsMissingIsSaidToBeMissingAndWhatIsDeniedDenied() throws Exception {
        String anonymous;
        try (var queue = LaneQueue.createAnonymous(GEOMETRY, "")) {
            anonymous = queue.path().toString();
        }
        var gone = assertThrows(QueueUnavailableException.class, () -> LaneQueue.open(Path.of(anonymous)));
        assertTrue(gone.getMessage().contains("was closed by the last process"), gone.getMessage());
        var missing = assertThrows(QueueUnavailableException.class, () -> LaneQueue.open(directory.resolve("no")));
        assertTrue(missing.getMessage().contains("not made yet, or was deleted"), missing.getMessage());
    }

    @Test
    void aMessageThatNoLaneTakesIsNotAskedToHaveALargerOne() {
        try (var queue = LaneQueue.create(directory.resolve("queue"), new QueueGeometry(1, 4096, 0), "");
                var producer = queue.newProducer()) {
            for (int length : new int[] {5000, 1 << 24, 2_000_000_000}) {
                var large = assertThrows(
                        dev.procession.core.MessageTooLargeException.class,
                        () -> producer.tryClaim(length));
                assertTrue(large.getMessage().contains("larger lanes"), large.getMessage());
            }
            var huge = assertThrows(dev.procession.core.MessageTooLargeException.class,
                    () -> producer.tryClaim(Integer.MAX_VALUE));
            assertTrue(huge.getMessage().contains("no queue takes") && !huge.getMessage().contains("larger lanes"),
                    huge.getMessage());
        }
    }
}
