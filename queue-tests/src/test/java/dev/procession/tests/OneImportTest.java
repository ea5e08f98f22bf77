package dev.procession.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.*;
import java.io.IOException;
import java.io.StreamCorruptedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A program with one import, `dev.procession.*`, can name all that it types.
class OneImportTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final QueueOptions SMALL = QueueOptions.DEFAULT.withLanes(2).withLaneBytes(1 << 16);

    @TempDir
    Path directory;

    record Point(int x, long y, double z, String name) {}

    /// A codec of a user's own.
    private static final class PointCodec implements Codec<Point> {
        private static final long serialVersionUID = 1;

        @Override
        public String name() {
            return "point";
        }

        @Override
        public void encode(Point value, Encoder to) {
            to.putInt(value.x);
            to.putLong(value.y);
            to.putDouble(value.z);
            to.putByte((byte) 7);
            to.putUtf8(value.name);
        }

        @Override
        public Point decode(Decoder from) throws IOException {
            if (from.length() < 21 || from.getByte(20) != 7) throw new StreamCorruptedException("no point: " + from);
            return new Point(from.getInt(0), from.getLong(4), from.getDouble(12),
                    from.getUtf8(21, from.length() - 21));
        }
    }

    @Test
    void aWorkerPutsItemsOfAnOwnCodecIntoACapturedQueue() throws Exception {
        try (SharedQueue<Point> queue = SharedQueue.create(new PointCodec(), SMALL)) {
            Worker worker = Worker.of(() -> {
                queue.put(new Point(1, 2, 3.5, "é"));
                queue.put(new Point(-1, Long.MIN_VALUE, Double.NaN, ""));
            });
            worker.start();
            assertEquals(new Point(1, 2, 3.5, "é"), queue.get(LONG));
            assertEquals(new Point(-1, Long.MIN_VALUE, Double.NaN, ""), queue.get(LONG));
            assertTrue(worker.join(LONG));
            WorkerExit exit = worker.exit();
            assertTrue(exit.isSuccess(), exit::toString);
        }
    }

    @Test
    void aCodecIsTriedOutWithoutAQueue() throws IOException {
        Encoder encoder = new Encoder(100);
        new PointCodec().encode(new Point(1, 2, 3, "name"), encoder);
        byte[] bytes = new byte[encoder.length()];
        System.arraycopy(encoder.array(), 0, bytes, 0, bytes.length);
        Decoder decoder = new Decoder(bytes);
        assertEquals(new Point(1, 2, 3, "name"), new PointCodec().decode(decoder));
        assertEquals("am", decoder.getUtf8(22, 2));
        assertThrows(IndexOutOfBoundsException.class, () -> decoder.getUtf8(22, 4));
        assertThrows(IndexOutOfBoundsException.class, () -> decoder.getUtf8(22, Integer.MAX_VALUE));
        assertThrows(IndexOutOfBoundsException.class, () -> decoder.getUtf8(22, -1));
        assertThrows(IOException.class, () -> new Decoder(new byte[] {(byte) 0xc3}).getUtf8(0, 1));
    }

    /// Keeps what it is called with.
    private static final class Keeping implements Codec<Long> {
        private static final long serialVersionUID = 1;

        private transient Decoder last;
        private transient boolean always = true;

        @Override
        public String name() {
            return "keeping";
        }

        @Override
        public void encode(Long value, Encoder to) {
            to.putLong(value);
        }

        @Override
        public Long decode(Decoder from) {
            always &= last == null || last == from;
            last = from;
            return from.getLong(0);
        }
    }

    @Test
    void oneDecoderReadsAllMessagesAndIsEmptyAfterwards() {
        for (QueueOptions options : List.of(SMALL.shared(), SMALL.exclusive(), SMALL.leased())) {
            Keeping codec = new Keeping();
            try (SharedQueue<Long> queue = SharedQueue.create(codec, options)) {
                for (long item = 0; item < 5; item++) queue.tryPut(item);
                for (long item = 0; item < 5; item++) assertEquals(item, queue.tryGet());
                assertTrue(codec.always, options::toString);
                assertEquals(0, codec.last.length());
                assertThrows(IndexOutOfBoundsException.class, () -> codec.last.getLong(0));
            }
        }
    }

    @Test
    void aLeaseThatTookTooLongIsLost() throws Exception {
        QueueOptions options = SMALL.leased().withVisibility(Duration.ofMillis(20)).withMaxAttempts(5);
        try (SharedQueue<String> queue = SharedQueue.create(Codec.utf8(), options)) {
            queue.put("slow");
            Lease<String> slow = queue.lease();
            try (Lease<String> again = queue.lease(LONG)) {
                try {
                    slow.done();
                    throw new AssertionError();
                } catch (LeaseLostException e) {
                    assertTrue(e.getMessage().contains("was lost"), e.getMessage());
                }
                again.giveBack();
            }
            Lease<String> third = queue.lease(LONG);
            assertEquals("slow", third.value());
            assertThrows(LeaseLostException.class, () -> {
                queue.lease(LONG).done();
                third.giveBack();
            });
            assertNull(queue.tryLease());
            assertTrue(queue.deadLetters().isEmpty());
        }
    }

    @Test
    void aClosedHandleSaysSoInEachCall() throws Exception {
        SharedQueue<String> queue = SharedQueue.create(Codec.utf8(), SMALL.leased());
        queue.put("x");
        queue.close();
        try {
            queue.put("x");
            throw new AssertionError();
        } catch (QueueClosedException e) {
            assertEquals("put", e.getStackTrace()[stackIndex(e, SharedQueue.class)].getMethodName());
        }
        assertThrows(QueueClosedException.class, () -> queue.put("x", LONG));
        assertThrows(QueueClosedException.class, () -> queue.tryPut("x"));
        assertThrows(QueueClosedException.class, queue::get);
        assertThrows(QueueClosedException.class, () -> queue.get(LONG));
        assertThrows(QueueClosedException.class, queue::tryGet);
        assertThrows(QueueClosedException.class, queue::lease);
        assertThrows(QueueClosedException.class, () -> queue.lease(LONG));
        assertThrows(QueueClosedException.class, queue::tryLease);
        assertThrows(QueueClosedException.class, queue::isEmpty);
        assertThrows(QueueClosedException.class, queue::isFull);
        assertThrows(QueueClosedException.class, queue::size);
    }

    private static int stackIndex(Throwable e, Class<?> type) {
        for (int i = 0; i < e.getStackTrace().length; i++) {
            if (e.getStackTrace()[i].getClassName().equals(type.getName())) return i;
        }
        throw new AssertionError("the stack trace is not that of the call", e);
    }

    @Test
    void aThreadThatWaitsIsToldOfTheClosing() throws Exception {
        SharedQueue<String> queue = SharedQueue.create(Codec.utf8(), SMALL);
        try (var threads = Executors.newSingleThreadExecutor()) {
            var waiting = threads.submit(() -> queue.get());
            queue.close();
            var thrown = assertThrows(ExecutionException.class, waiting::get);
            assertInstanceOf(QueueClosedException.class, thrown.getCause());
        }
    }

    @Test
    void whatIsWrongWithAFileIsSaid() throws Exception {
        Path file = directory.resolve("queue");
        assertThrows(QueueUnavailableException.class, () -> SharedQueue.open(file, Codec.utf8()));
        assertThrows(QueueUnavailableException.class, () -> SharedQueue.openExclusive(file, Codec.utf8()));
        assertThrows(QueueUnavailableException.class, () -> SharedQueue.delete(file));
        SharedQueue.create(file, Codec.utf8(), SMALL).close();
        assertThrows(QueueUnavailableException.class, () -> SharedQueue.create(file, Codec.utf8(), SMALL));
        try (SharedQueue<String> one = SharedQueue.openExclusive(file, Codec.utf8());
                SharedQueue<String> other = SharedQueue.open(file, Codec.utf8())) {
            assertNull(one.tryGet());
            var e = assertThrows(QueueUnavailableException.class, other::tryGet);
            assertInstanceOf(dev.procession.core.QueueUnavailableException.class, e, "for who catches that one");
            assertThrows(QueueUnavailableException.class, () -> SharedQueue.delete(file));
        }
        SharedQueue.delete(file);
        assertTrue(Files.notExists(file));
    }

    @Test
    void damageIsSaid() throws Exception {
        Path file = directory.resolve("queue");
        SharedQueue.create(file, Codec.utf8(), SMALL).close();
        Files.write(file, new byte[1], StandardOpenOption.APPEND); // so its size is not what the header says
        assertThrows(QueueCorruptedException.class, () -> SharedQueue.open(file, Codec.utf8()));
    }

    @Test
    void anItemThatIsTooLargeIsRefused() {
        try (SharedQueue<byte[]> queue = SharedQueue.create(Codec.bytes(), SMALL)) {
            var e = assertThrows(MessageTooLargeException.class, () -> queue.tryPut(new byte[1 << 20]));
            assertTrue(e.getMessage().contains("larger lanes"), e.getMessage());
            assertThrows(MessageTooLargeException.class, () -> queue.put(new byte[1 << 20]));
        }
        assertThrows(MessageTooLargeException.class, () -> new Encoder(3).putInt(1));
        try (SharedQueue<Object> queue = SharedQueue.create(Codec.object(), SMALL)) {
            assertThrows(MessageTooLargeException.class, () -> queue.tryPut(new byte[1 << 20]));
        }
    }

    @Test
    void aFullAndAnEmptyQueueAreToldByName() throws Exception {
        try (SharedQueue<Integer> queue = SharedQueue.create(Codec.int32(), SMALL.withMaxItems(1))) {
            assertThrows(QueueEmptyException.class, () -> queue.get(Duration.ZERO));
            queue.put(1);
            assertThrows(QueueFullException.class, () -> queue.put(2, Duration.ZERO));
        }
    }

    /// An exception of the library that a codec throws passes as it is.
    @Test
    void whatACodecThrowsOfTheseItselfIsNotReplaced() {
        var thrown = new MessageTooLargeException("mine");
        var codec = new Codec<String>() {
            private static final long serialVersionUID = 1;

            @Override
            public String name() {
                return "refusing";
            }

            @Override
            public void encode(String value, Encoder to) {
                throw thrown;
            }

            @Override
            public String decode(Decoder from) {
                throw new AssertionError();
            }
        };
        try (SharedQueue<String> queue = SharedQueue.create(codec, SMALL)) {
            assertSame(thrown, assertThrows(MessageTooLargeException.class, () -> queue.tryPut("x")));
        }
    }
}
