package dev.procession.tests.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Lease;
import dev.procession.core.LeasingConsumer;
import dev.procession.core.Message;
import dev.procession.core.QueueCorruptedException;
import dev.procession.core.QueueException;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The files of `format3`, which other programs may be tested against, are read as they say, by the library and by a
/// reader that follows FORMAT.md; and the library still writes them.
///
/// `-Dformat3=write` writes them anew.
class FormatTest {
    private static final Path TEXTS = Path.of("src", "test", "resources", "format3");
    private static final boolean WRITE = "write".equals(System.getProperty("format3"));

    @TempDir(factory = SharedMemory.class)
    Path directory;

    static Set<String> names() {
        return FormatFiles.all().keySet();
    }

    static List<String> refused() {
        var all = FormatFiles.all();
        return all.keySet().stream().filter(name -> !all.get(name).refused().isEmpty()).toList();
    }

    static List<String> opened() {
        return names().stream().filter(name -> !refused().contains(name)).toList();
    }

    static List<String> whole() {
        return opened().stream().filter(name -> !name.startsWith("damaged")).toList();
    }

    private static FormatFile text(String name) throws IOException {
        return FormatFile.parse(TEXTS.resolve(name + ".txt"));
    }

    private Path restored(String name) throws IOException {
        Path file = directory.resolve("queue-" + UUID.randomUUID());
        text(name).restore(file);
        return file;
    }

    // ---- the texts are what the library writes

    @ParameterizedTest
    @MethodSource("names")
    void theLibraryWritesTheFile(String name) throws IOException {
        var made = FormatFiles.all().get(name);
        Path file = directory.resolve("made");
        FormatFiles.make(made, file);
        var now = FormatFile.of(file, made.about());
        if (WRITE) Files.writeString(TEXTS.resolve(name + ".txt"), now.with(expected(file, made)).text());
        assertEquals(text(name).about(), now.about());
        assertEquals(text(name).size(), now.size());
        assertEquals(text(name).words(), now.words());
    }

    @Test
    void noTextIsLeftOver() throws IOException {
        try (var files = Files.list(TEXTS)) {
            Set<String> there = files.map(file -> file.getFileName().toString()).filter(file -> file.endsWith(".txt"))
                    .map(file -> file.replace(".txt", "")).collect(Collectors.toCollection(TreeSet::new));
            assertEquals(new TreeSet<>(names()), there);
        }
    }

    private static List<String> expected(Path file, FormatFiles.Made made) {
        if (!made.refused().isEmpty()) return List.of("refused " + made.refused());
        try (var queue = LaneQueue.open(file)) {
            boolean leased = queue.geometry().leasing() != null;
            List<String> expected = taken(queue, leased ? Delivery.LEASED : Delivery.SHARED);
            long maxItems = queue.geometry().maxItems();
            if (maxItems > 0) expected.add("places " + (maxItems - expected.size() + 1)); // all but "empty"
            return expected;
        }
    }

    // ---- reading

    @ParameterizedTest
    @MethodSource("names")
    void aReaderThatFollowsThePageAloneGetsWhatTheTextSays(String name) throws IOException {
        List<String> read = FormatReader.read(restored(name));
        var refused = text(name).expected("refused");
        if (refused.isEmpty()) {
            assertEquals(lines(text(name).expected()), lines(read));
        } else {
            assertTrue(read.getFirst().contains(refused.getFirst().substring("refused ".length())), read::getFirst);
        }
    }

    private static String lines(List<String> lines) {
        return String.join("\n", lines);
    }

    @ParameterizedTest
    @MethodSource("opened")
    void theLibraryGetsWhatTheTextSays(String name) throws IOException {
        var text = text(name);
        List<String> expected = text.expected().stream().filter(line -> !line.startsWith("places")).toList();
        for (Delivery delivery : Delivery.values()) {
            try (var queue = LaneQueue.open(restored(name))) {
                if ((queue.geometry().leasing() != null) != (delivery == Delivery.LEASED)) continue;
                if (!expected.getLast().equals("damaged")) {
                    int gets = text.expected("get").size();
                    assertEquals(gets, queue.size());
                    assertEquals(gets == 0, queue.isEmpty());
                }
                assertEquals(lines(expected), lines(taken(queue, delivery)), delivery.toString());
            }
        }
    }

    /// Takes all messages, one after the other.
    private static List<String> taken(LaneQueue queue, Delivery delivery) {
        List<String> taken = new ArrayList<>();
        try (Consumer consumer = queue.newConsumer(delivery)) {
            while (delivery == Delivery.LEASED ? lease((LeasingConsumer) consumer, taken)
                    : consumer.poll(message -> taken.add(line(message, 0)), 1) > 0) {}
            taken.add("empty");
        } catch (QueueCorruptedException damage) {
            taken.add("damaged");
        }
        return taken;
    }

    private static boolean lease(LeasingConsumer consumer, List<String> taken) {
        Lease lease = consumer.tryLease((message, each) -> taken.add(line(message, each.attempt())));
        if (lease != null) lease.done();
        return lease != null;
    }

    private static String line(Message message, int attempt) {
        return FormatFile.get(message.id().lane(), message.id().position(), attempt, message.toBytes());
    }

    @ParameterizedTest
    @MethodSource("refused")
    void whatMustBeRefusedIsRefusedWithAnErrorThatSaysWhy(String name) throws IOException {
        var refused = text(name).expected("refused");
        Path file = restored(name);
        var thrown = assertThrows(QueueException.class, () -> LaneQueue.open(file).close());
        String why = refused.getFirst().substring("refused ".length());
        assertTrue(thrown.getMessage().contains(why), thrown.getMessage());
        assertTrue(thrown.getMessage().contains(file.toString()), thrown.getMessage());
        boolean another = name.startsWith("version") || name.equals("feature");
        assertEquals(another, another && thrown instanceof QueueUnavailableException);
    }

    @ParameterizedTest
    @MethodSource("whole")
    void theNextProducerGoesOnAtTheEnd(String name) throws IOException {
        var text = text(name);
        byte[] more = new byte[50];
        Path file = restored(name);
        try (var queue = LaneQueue.open(file);
                var producer = queue.newProducer()) {
            var places = text.expected("places");
            int puts = places.isEmpty() ? 3 : Integer.parseInt(places.getFirst().substring("places ".length()));
            for (int i = 0; i < puts; i++) assertTrue(producer.tryPut(more), "put " + i);
            if (!places.isEmpty()) assertTrue(queue.isFull() && !producer.tryPut(more));
            assertEquals(text.expected("get").size() + puts, FormatReader.read(file).stream()
                    .filter(line -> line.startsWith("get")).count());
        }
    }
}
