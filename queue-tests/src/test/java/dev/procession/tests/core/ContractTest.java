package dev.procession.tests.core;

import static dev.procession.core.Consumer.EMPTY;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.core.Claim;
import dev.procession.core.Delivery;
import dev.procession.core.Message;
import dev.procession.core.MessageHandler;
import dev.procession.core.MessageTooLargeException;
import dev.procession.core.QueueClosedException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.SharedMemory;
import dev.procession.tests.kit.Load;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// What a queue does, wherever its two sides are and however it is consumed.
@ParameterizedClass
@MethodSource("dev.procession.tests.core.Variant#all")
class ContractTest {
    private static final QueueGeometry SMALL = new QueueGeometry(4, 4096, 0);

    @TempDir(factory = SharedMemory.class)
    Path directory;

    private final Variant variant;
    private Variant.@Nullable Site site;

    ContractTest(Variant variant) {
        this.variant = variant;
    }

    @AfterEach
    void closePeers() {
        if (site != null) site.close();
    }

    private Variant.Site site(QueueGeometry geometry) {
        return site = variant.new Site(directory, geometry);
    }

    private static void put(Peer peer, byte[] message) {
        peer.run(scope -> scope.producer.put(message));
    }

    private static void put(Peer peer, String message) {
        put(peer, message.getBytes(StandardCharsets.UTF_8));
    }

    private static boolean tryPut(Peer peer, byte[] message) {
        return peer.test(scope -> scope.producer.tryPut(message));
    }

    private static byte @Nullable [] take(Peer peer) {
        return peer.call(scope -> scope.take());
    }

    private static @Nullable String takeText(Peer peer) {
        byte[] message = take(peer);
        return message == null ? null : new String(message, StandardCharsets.UTF_8);
    }

    private static List<String> takeAllTexts(Peer peer) {
        var all = new ArrayList<String>();
        for (String text; (text = takeText(peer)) != null;) all.add(text);
        return all;
    }

    private static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        var random = new Random64(length);
        for (int i = 0; i < length; i++) bytes[i] = (byte) random.next();
        return bytes;
    }

    // ---- put and get

    @Test
    void aNewQueueIsEmpty() {
        var site = site(SMALL);
        var gets = site.consumer();
        assertTrue(gets.test(scope -> scope.queue.isEmpty()));
        assertFalse(gets.test(scope -> scope.queue.isFull()));
        assertEquals(0, gets.count(scope -> scope.queue.size()));
        assertNull(take(gets));
    }

    @Test
    void messagesComeInTheOrderInWhichTheyWerePut() {
        var site = site(QueueGeometry.DEFAULT);
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            for (int i = 0; i < 5_000; i++) scope.producer.put(Integer.toString(i).getBytes(StandardCharsets.UTF_8));
        });
        gets.run(scope -> {
            for (int i = 0; i < 5_000; i++) {
                assertEquals(Integer.toString(i), new String(scope.await(), StandardCharsets.UTF_8));
            }
            assertNull(scope.take());
        });
    }

    @Test
    void afterPutHasReturnedTheQueueIsNotEmptyAndTheMessageIsThere() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int i = 0; i < 300; i++) {
            byte[] message = bytes(i);
            put(puts, message);
            assertFalse(gets.test(scope -> scope.queue.isEmpty()));
            assertFalse(puts.test(scope -> scope.queue.isEmpty()));
            assertEquals(1, gets.count(scope -> scope.queue.size()));
            assertArrayEquals(message, take(gets));
            assertTrue(gets.test(scope -> scope.queue.isEmpty()));
            assertTrue(puts.test(scope -> scope.queue.isEmpty()));
        }
    }

    @Test
    void aGetWithATimeOutOfZeroOrLessDoesNotBlock() {
        var gets = site(SMALL).consumer();
        for (long timeout : new long[] {0, -1, Long.MIN_VALUE}) {
            assertEquals(EMPTY, gets.count(scope -> scope.consumer.get(new byte[8], timeout)));
            assertEquals(0, gets.count(scope -> scope.consumer.poll(message -> {}, 1, timeout)));
        }
    }

    @Test
    void aGetThatTimesOutHasWaitedAsLongAsItWasTold() {
        var gets = site(SMALL).consumer();
        long waited = gets.count(scope -> {
            long start = System.nanoTime();
            assertEquals(EMPTY, scope.consumer.get(new byte[8], TimeUnit.MILLISECONDS.toNanos(30)));
            assertEquals(0, scope.consumer.poll(message -> {}, 1, TimeUnit.MILLISECONDS.toNanos(30)));
            return System.nanoTime() - start;
        });
        assertTrue(waited >= TimeUnit.MILLISECONDS.toNanos(60), "waited=" + waited);
    }

    @Test
    void aWaitingGetIsGivenWhatIsPutMeanwhile() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int i = 0; i < 30; i++) {
            byte[] message = bytes(i);
            var waiting = gets.start(scope -> scope.await());
            put(puts, message);
            assertArrayEquals(message, Peer.join(waiting));
        }
    }

    @Test
    void messagesOfEveryLengthArriveWhole() {
        var site = site(new QueueGeometry(2, 1 << 16, 0));
        var puts = site.producer();
        var gets = site.consumer();
        int max = (int) gets.count(scope -> scope.queue.maxMessageBytes());
        var lengths = new ArrayList<Integer>();
        for (int length = 0; length <= 80; length++) lengths.add(length);
        lengths.addAll(List.of(127, 128, 129, 255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097));
        for (int less = 17; less >= 0; less--) lengths.add(max - less);
        for (int length : lengths) {
            byte[] message = bytes(length);
            put(puts, message);
            assertArrayEquals(message, take(gets), "length=" + length);
            byte[] framed = new byte[length + 9];
            System.arraycopy(message, 0, framed, 5, length);
            assertTrue(puts.test(scope -> scope.producer.tryPut(framed, 5, length)));
            assertArrayEquals(message, gets.call(scope -> {
                byte[][] got = new byte[1][];
                assertEquals(1, scope.consumer.poll(seen -> got[0] = seen.toBytes(), 5));
                return got[0];
            }), "length=" + length);
        }
    }

    @Test
    void aMessageOutsideTheHeapIsPutAsOneFromAnArray() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int length : new int[] {0, 1, 7, 8, 9, 33, 100, 1000}) {
            byte[] message = bytes(length);
            assertTrue(puts.test(scope -> {
                try (var arena = Arena.ofConfined()) {
                    var memory = arena.allocate(length + 11);
                    memory.asSlice(3).copyFrom(MemorySegment.ofArray(message));
                    return scope.producer.tryPut(memory, 3, length);
                }
            }));
            assertArrayEquals(message, take(gets), "length=" + length);
        }
    }

    @Test
    void aRangeOutsideItsArrayIsRefusedAndNothingIsPut() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        int[][] ranges = {{-1, 4}, {0, 9}, {8, 1}, {0, -1}, {Integer.MAX_VALUE, 4}, {4, Integer.MAX_VALUE}};
        for (int[] range : ranges) {
            assertThrows(RuntimeException.class,
                    () -> puts.call(scope -> scope.producer.tryPut(new byte[8], range[0], range[1])),
                    Arrays.toString(range));
        }
        assertNull(take(gets));
        put(puts, "next");
        assertEquals("next", takeText(gets));
    }

    @Test
    void aMessageLongerThanTheMaximumIsRefusedAndNothingIsPut() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        int max = (int) gets.count(scope -> scope.queue.maxMessageBytes());
        byte[] message = new byte[max + 1];
        var thrown = assertThrows(MessageTooLargeException.class, () -> put(puts, message));
        assertTrue(thrown.getMessage().contains(Integer.toString(max)), thrown.getMessage());
        assertTrue(thrown.getMessage().contains(Integer.toString(max + 1)), thrown.getMessage());
        assertThrows(MessageTooLargeException.class, () -> tryPut(puts, message));
        assertThrows(MessageTooLargeException.class,
                () -> puts.call(scope -> scope.producer.put(message, 0, max + 1, 1_000_000)));
        assertThrows(MessageTooLargeException.class,
                () -> puts.run(scope -> scope.producer.tryClaim(max + 1)));
        assertThrows(MessageTooLargeException.class,
                () -> puts.run(scope -> scope.producer.tryClaim(Integer.MAX_VALUE)));
        assertNull(take(gets));
        put(puts, "next");
        assertEquals("next", takeText(gets));
    }

    @Test
    void manyLapsOfMixedLengthsArriveWholeAndInOrder() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        long seed = Random64.seed();
        int max = (int) gets.count(scope -> scope.queue.maxMessageBytes());
        int count = 6_000;
        var putting = puts.start(scope -> {
            var load = new Load(seed, max);
            byte[] buffer = new byte[max];
            for (int i = 1; i <= count; i++) {
                int length = load.write(Load.id(1, i), buffer);
                if (!scope.producer.put(buffer, 0, length, TimeUnit.SECONDS.toNanos(30))) return false;
            }
            return true;
        });
        gets.run(scope -> {
            var load = new Load(seed, max);
            byte[] buffer = new byte[max];
            var random = new Random64(seed);
            long[] next = {1};
            while (next[0] <= count) {
                if (random.below(2) == 0) {
                    int length = scope.consumer.get(buffer, TimeUnit.SECONDS.toNanos(30));
                    assertEquals(Load.id(1, next[0]++), load.check(buffer, length));
                } else {
                    scope.consumer.poll(message -> {
                        message.getBytes(0, buffer, 0, message.length());
                        assertEquals(Load.id(1, next[0]++), load.check(buffer, message.length()));
                    }, 1 + random.below(20), TimeUnit.SECONDS.toNanos(30));
                }
            }
            assertNull(scope.take());
        });
        assertTrue(Peer.join(putting));
    }

    /// A message that takes a block, or a half of one.
    private byte[] blockwise() {
        return bytes(variant.delivery() == Delivery.LEASED ? 56 : 24);
    }

    /// How many of them a chunk holds, one of two in a lane: its end is left to a jump.
    private long blocksInAChunk() {
        long laneBytes = variant.shape(SMALL).laneBytes();
        return laneBytes / 2 / (variant.delivery() == Delivery.LEASED ? 64 : 32) - 1;
    }

    @Test
    void aFullLaneRefusesUntilAChunkOfItIsTaken() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        byte[] message = blockwise();
        long fit = blocksInAChunk();
        for (int round = 0; round < 10; round++) {
            long accepted = puts.count(scope -> {
                int n = 0;
                while (scope.producer.tryPut(message)) n++;
                return n;
            });
            assertEquals(round == 0 ? 2 * fit : fit, accepted);
            for (long i = round == 0 ? fit : fit - 1; i > 0; i--) {
                assertFalse(tryPut(puts, message));
                assertFalse(puts.test(scope -> scope.producer.hasRoom(message.length)));
                assertArrayEquals(message, take(gets));
            }
            // the head has come to the jump at the chunk's end, and passes it with the next look
            assertArrayEquals(message, take(gets));
            assertTrue(puts.test(scope -> scope.producer.hasRoom(message.length)));
        }
        assertTrue(tryPut(puts, message));
        int left = 0;
        while (take(gets) != null) left++;
        assertEquals(fit, left);
        put(puts, new byte[(int) gets.count(scope -> scope.queue.maxMessageBytes())]);
    }

    @Test
    void aPutIntoAFullLaneGivesUpAfterItsTimeOut() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            while (scope.producer.tryPut(new byte[24])) {}
        });
        for (long timeout : new long[] {0, -1, Long.MIN_VALUE}) {
            assertFalse(puts.test(scope -> scope.producer.put(new byte[24], 0, 24, timeout)));
        }
        long waited = puts.count(scope -> {
            long start = System.nanoTime();
            assertFalse(scope.producer.put(new byte[24], 0, 24, TimeUnit.MILLISECONDS.toNanos(30)));
            return System.nanoTime() - start;
        });
        assertTrue(waited >= TimeUnit.MILLISECONDS.toNanos(30), "waited=" + waited);
        takeAChunk(gets);
        assertTrue(puts.test(scope -> scope.producer.put(new byte[24], 0, 24, 0)));
    }

    /// Takes messages of up to a block until the head has left its chunk.
    private void takeAChunk(Peer gets) {
        for (long i = blocksInAChunk(); i >= 0; i--) assertNotNull(take(gets));
    }

    @Test
    void aWaitingPutGoesOnWhenAChunkIsTaken() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int i = 0; i < 10; i++) {
            puts.run(scope -> {
                while (scope.producer.tryPut(new byte[24])) {}
            });
            var waiting = puts.start(scope -> {
                scope.producer.put(new byte[24]);
                return true;
            });
            takeAChunk(gets);
            assertTrue(Peer.join(waiting));
        }
    }

    // ---- claim, commit, abort

    @Test
    void aClaimIsInvisibleUntilItIsCommitted() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        byte[] message = bytes(21);
        for (int i = 0; i < 300; i++) { // over the lane's end, too
            puts.run(scope -> claim(scope, 21).putBytes(0, message, 0, 21));
            assertNull(take(gets));
            assertTrue(gets.test(scope -> scope.queue.isEmpty()));
            assertEquals(0, gets.count(scope -> scope.queue.size()));
            puts.run(scope -> open(scope).commit());
            assertEquals(1, gets.count(scope -> scope.queue.size()));
            assertArrayEquals(message, take(gets));
        }
    }

    private static final ThreadLocal<Claim> OPEN = new ThreadLocal<>();

    private static Claim claim(Peer.Scope scope, int length) {
        Claim claim = scope.producer.tryClaim(length);
        if (claim == null) throw new AssertionError("full");
        assertEquals(length, claim.length());
        OPEN.set(claim);
        return claim;
    }

    private static Claim open(Peer.Scope scope) {
        return OPEN.get();
    }

    @Test
    void anAbortedClaimLeavesNothing() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int i = 0; i < 300; i++) {
            int length = i * 7 % 1000;
            puts.run(scope -> {
                var claim = claim(scope, length);
                for (int k = 0; k < length; k++) claim.putByte(k, (byte) -1);
                claim.abort();
            });
            assertNull(take(gets));
            byte[] message = bytes(i);
            put(puts, message);
            assertArrayEquals(message, take(gets));
        }
    }

    @Test
    void whatIsWrittenToAClaimIsWhatTheMessageShows() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            var claim = claim(scope, 30);
            claim.putByte(0, (byte) -7);
            claim.putInt(1, 0x01020304);
            claim.putLong(5, Long.MIN_VALUE + 9);
            claim.putDouble(13, Math.PI);
            claim.putBytes(21, new byte[] {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1}, 1, 9);
            claim.commit();
        });
        gets.run(scope -> {
            var seen = new AtomicInteger();
            scope.consumer.poll(message -> {
                assertEquals(30, message.length());
                assertEquals(-7, message.getByte(0));
                assertEquals(0x01020304, message.getInt(1));
                assertEquals(Long.MIN_VALUE + 9, message.getLong(5));
                assertEquals(Math.PI, message.getDouble(13));
                byte[] tail = new byte[11];
                message.getBytes(21, tail, 2, 9);
                assertArrayEquals(new byte[] {0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0}, tail);
                seen.incrementAndGet();
            }, 1);
            assertEquals(1, seen.get());
        });
    }

    @Test
    void aClaimAndAMessageAreBoundedByTheirLength() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            var claim = claim(scope, 12);
            for (int k = 0; k < 12; k++) claim.putByte(k, (byte) k);
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putByte(12, (byte) 0));
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putByte(-1, (byte) 0));
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putInt(9, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putLong(5, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putLong(-8, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putDouble(Integer.MAX_VALUE, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putBytes(8, new byte[8], 0, 5));
            assertThrows(IndexOutOfBoundsException.class, () -> claim.putBytes(0, new byte[8], 4, 5));
            claim.commit();
        });
        gets.run(scope -> {
            var seen = new AtomicInteger();
            scope.consumer.poll(message -> {
                for (int k = 0; k < 12; k++) assertEquals(k, message.getByte(k));
                assertThrows(IndexOutOfBoundsException.class, () -> message.getByte(12));
                assertThrows(IndexOutOfBoundsException.class, () -> message.getByte(-1));
                assertThrows(IndexOutOfBoundsException.class, () -> message.getInt(9));
                assertThrows(IndexOutOfBoundsException.class, () -> message.getLong(5));
                assertThrows(IndexOutOfBoundsException.class, () -> message.getDouble(Integer.MIN_VALUE));
                assertThrows(IndexOutOfBoundsException.class, () -> message.getBytes(8, new byte[8], 0, 5));
                assertThrows(IndexOutOfBoundsException.class, () -> message.getBytes(0, new byte[8], 4, 5));
                seen.incrementAndGet();
            }, 1);
            assertEquals(1, seen.get());
        });
    }

    @Test
    void whileAClaimIsOpenItsProducerPutsAndClaimsNothingElse() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            var claim = claim(scope, 8);
            assertThrows(IllegalStateException.class, () -> scope.producer.tryPut(new byte[8]));
            assertThrows(IllegalStateException.class, () -> scope.producer.put(new byte[8]));
            assertThrows(IllegalStateException.class, () -> scope.producer.tryClaim(8));
            claim.putLong(0, 42);
            claim.commit();
            scope.producer.put(new byte[3]);
        });
        assertArrayEquals(new byte[] {42, 0, 0, 0, 0, 0, 0, 0}, take(gets));
        assertArrayEquals(new byte[3], take(gets));
        assertNull(take(gets));
    }

    @Test
    void aFinishedClaimCannotBeUsed() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            for (boolean commit : new boolean[] {true, false}) {
                var claim = claim(scope, 8);
                claim.putLong(0, 1);
                if (commit) claim.commit();
                else claim.abort();
                assertThrows(RuntimeException.class, () -> claim.putLong(0, 2));
                assertThrows(IllegalStateException.class, claim::commit);
                assertThrows(IllegalStateException.class, claim::abort);
            }
        });
        assertArrayEquals(new byte[] {1, 0, 0, 0, 0, 0, 0, 0}, take(gets));
        assertNull(take(gets));
    }

    @Test
    void aClaimTakesItsPlaceInTheOrderWhenItIsCommitted() {
        var site = site(SMALL);
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        puts.run(scope -> claim(scope, 5).putBytes(0, "claim".getBytes(StandardCharsets.UTF_8), 0, 5));
        put(putsToo, "put meanwhile");
        puts.run(scope -> open(scope).commit());
        put(putsToo, "put later");
        assertEquals(List.of("put meanwhile", "claim", "put later"), takeAllTexts(gets));
    }

    @Test
    void aClaimThatItsProducerClosesOverIsGone() {
        var site = site(new QueueGeometry(1, 4096, 0));
        var puts = site.producer();
        var gets = site.consumer();
        put(puts, "before");
        puts.run(scope -> {
            claim(scope, 100).putLong(0, -1);
            scope.producer.close();
            scope.producer();
        });
        put(puts, "after");
        assertEquals(List.of("before", "after"), takeAllTexts(gets));
    }

    // ---- get and poll

    @Test
    void aTooSmallBufferLeavesTheMessage() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        put(puts, "eight by");
        var thrown = assertThrows(MessageTooLargeException.class, () -> gets.call(scope -> scope.take(new byte[7])));
        assertTrue(thrown.getMessage().contains("8") && thrown.getMessage().contains("7"), thrown.getMessage());
        assertThrows(MessageTooLargeException.class,
                () -> gets.call(scope -> scope.consumer.get(new byte[0], 1_000_000)));
        assertEquals(1, gets.count(scope -> scope.queue.size()));
        put(puts, "next");
        assertEquals("eight by", new String(gets.call(scope -> scope.take(new byte[8])), StandardCharsets.UTF_8));
        assertEquals("next", takeText(gets));
    }

    @Test
    void pollHandsOutNoMoreThanItsLimit() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int i = 0; i < 10; i++) put(puts, "m" + i);
        for (int limit : new int[] {1, 3, 4}) {
            gets.run(scope -> {
                var seen = new AtomicInteger();
                int handled = scope.consumer.poll(message -> seen.incrementAndGet(), limit);
                assertEquals(limit, handled);
                assertEquals(limit, seen.get());
            });
        }
        assertEquals(2, gets.count(scope -> scope.queue.size()));
        assertEquals(2, gets.count(scope -> scope.consumer.poll(message -> {}, Integer.MAX_VALUE)));
        assertEquals(0, gets.count(scope -> scope.consumer.poll(message -> {}, 1)));
    }

    @Test
    void pollAlternatesBetweenProducersAsTheyPut() {
        var site = site(SMALL);
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        for (int i = 0; i < 20; i++) put(i % 3 == 0 ? puts : putsToo, "m" + i);
        gets.run(scope -> {
            var seen = new ArrayList<String>();
            while (scope.consumer.poll(m -> seen.add(new String(m.toBytes(), StandardCharsets.UTF_8)), 8) > 0) {}
            for (int i = 0; i < 20; i++) assertEquals("m" + i, seen.get(i));
            assertEquals(20, seen.size());
        });
    }

    @Test
    void aHandlerThatThrowsHasTakenTheMessageUnlessItIsLent() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        boolean again = variant.delivery() == Delivery.LEASED; // what was not done comes again, in its place
        for (int i = 0; i < 10; i++) put(puts, "m" + i);
        gets.run(scope -> {
            var seen = new ArrayList<String>();
            var thrown = assertThrows(IllegalArgumentException.class, () -> scope.consumer.poll(message -> {
                String text = new String(message.toBytes(), StandardCharsets.UTF_8);
                seen.add(text);
                if (text.equals("m4")) throw new IllegalArgumentException("not this one");
            }, 8));
            assertEquals("not this one", thrown.getMessage());
            while (scope.consumer.poll(m -> seen.add(new String(m.toBytes(), StandardCharsets.UTF_8)), 8) > 0) {}
            if (again) assertEquals("m4", seen.remove(5));
            assertEquals(List.of("m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"), seen);
        });
        assertTrue(gets.test(scope -> scope.queue.isEmpty()));
    }

    @Test
    void aHandlerThatFailsWithAnErrorHasTakenTheMessageUnlessItIsLent() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        boolean again = variant.delivery() == Delivery.LEASED;
        for (int i = 0; i < 5; i++) put(puts, bytes(i));
        gets.run(scope -> {
            var seen = new ArrayList<Integer>();
            assertThrows(StackOverflowError.class, () -> scope.consumer.poll(message -> {
                seen.add(message.length());
                if (message.length() == 2) throw new StackOverflowError();
            }, 5));
            while (scope.consumer.poll(message -> seen.add(message.length()), 5) > 0) {}
            if (again) assertEquals(2, seen.remove(3));
            assertEquals(List.of(0, 1, 2, 3, 4), seen);
        });
    }

    @Test
    void aHandlerCannotUseOrCloseItsConsumer() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int i = 0; i < 5; i++) put(puts, bytes(i));
        gets.run(scope -> {
            var seen = new ArrayList<Integer>();
            MessageHandler handler = message -> {
                seen.add(message.length());
                assertThrows(IllegalStateException.class, () -> scope.consumer.tryGet(new byte[100]));
                assertThrows(IllegalStateException.class, () -> scope.consumer.poll(other -> {}, 1));
                assertThrows(IllegalStateException.class, () -> scope.consumer.close());
            };
            while (scope.consumer.poll(handler, 5) > 0) {}
            assertEquals(List.of(0, 1, 2, 3, 4), seen);
        });
        put(puts, bytes(9));
        assertArrayEquals(bytes(9), take(gets));
    }

    @Test
    void aMessageThatIsKeptBeyondItsHandlerShowsNothing() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        put(puts, bytes(20));
        gets.run(scope -> {
            var kept = new Message[1];
            assertEquals(1, scope.consumer.poll(message -> kept[0] = message, 1));
            assertEquals(0, kept[0].length());
            assertThrows(IndexOutOfBoundsException.class, () -> kept[0].getByte(0));
        });
    }

    // ---- size and bound

    @Test
    void sizeCountsTheMessagesOfAllProducers() {
        var site = site(SMALL);
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        long expected = 0;
        var random = new Random64(5);
        for (int i = 0; i < 400; i++) {
            int dice = random.below(7);
            if (dice < 2) expected += tryPut(puts, bytes(random.below(60))) ? 1 : 0;
            else if (dice < 4) expected += tryPut(putsToo, bytes(random.below(60))) ? 1 : 0;
            else expected -= take(gets) != null ? 1 : 0;
            assertEquals(expected, gets.count(scope -> scope.queue.size()));
            assertEquals(expected, puts.count(scope -> scope.queue.size()));
            boolean empty = expected == 0;
            assertEquals(empty, gets.call(scope -> scope.queue.isEmpty()));
        }
    }

    @Test
    void aBoundedQueueHoldsExactlyItsBound() {
        var site = site(new QueueGeometry(3, 4096, 7));
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        for (int i = 0; i < 7; i++) {
            assertFalse(gets.test(scope -> scope.queue.isFull()));
            assertTrue(tryPut(i % 2 == 0 ? puts : putsToo, bytes(i)));
        }
        for (int round = 0; round < 200; round++) {
            assertTrue(gets.test(scope -> scope.queue.isFull()));
            assertTrue(puts.test(scope -> scope.queue.isFull()));
            assertEquals(7, gets.count(scope -> scope.queue.size()));
            assertFalse(tryPut(puts, new byte[1]));
            assertFalse(tryPut(putsToo, new byte[1]));
            assertTrue(puts.test(scope -> scope.producer.tryClaim(1) == null));
            assertArrayEquals(bytes(round), take(gets));
            assertFalse(putsToo.test(scope -> scope.queue.isFull()));
            assertEquals(6, puts.count(scope -> scope.queue.size()));
            assertTrue(tryPut(round % 2 == 0 ? putsToo : puts, bytes(round + 7)));
        }
        int left = 0;
        while (take(gets) != null) left++;
        assertEquals(7, left);
    }

    @Test
    void aBoundOfOneIsABoundOfOne() {
        var site = site(new QueueGeometry(2, 4096, 1));
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        for (int i = 0; i < 300; i++) {
            assertTrue(tryPut(i % 3 == 0 ? puts : putsToo, bytes(i % 500)));
            assertFalse(tryPut(puts, new byte[0]));
            assertFalse(tryPut(putsToo, new byte[0]));
            assertArrayEquals(bytes(i % 500), take(gets));
            assertNull(take(gets));
        }
    }

    @Test
    void anAbortedClaimGivesItsPlaceBack() {
        var site = site(new QueueGeometry(2, 4096, 1));
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        for (int i = 0; i < 50; i++) {
            puts.run(scope -> claim(scope, 8).abort());
            assertTrue(tryPut(i % 2 == 0 ? puts : putsToo, bytes(8)));
            assertArrayEquals(bytes(8), take(gets));
        }
        assertTrue(gets.test(scope -> scope.queue.isEmpty()));
    }

    // ---- order over producers

    @Test
    void whatWasPutEarlierElsewhereComesEarlier() {
        var site = site(new QueueGeometry(4, 1 << 16, 0));
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        long seed = Random64.seed();
        var random = new Random64(seed);
        int next = 0;
        for (int i = 0; i < 1_500; i++) {
            var peer = random.below(2) == 0 ? puts : putsToo;
            for (int run = random.below(3); run >= 0; run--) put(peer, Integer.toString(next++));
            if (random.below(8) == 0) {
                int expected = next;
                gets.run(scope -> {
                    String text = null;
                    for (byte[] m; (m = scope.take()) != null;) {
                        String now = new String(m, StandardCharsets.UTF_8);
                        if (text != null) assertEquals(Integer.parseInt(text) + 1, Integer.parseInt(now));
                        text = now;
                    }
                    if (text != null) assertEquals(expected - 1, Integer.parseInt(text));
                });
            }
        }
    }

    // ---- lanes and owners

    @Test
    void aNewProducerGoesOnWhereThePreviousOwnerOfItsLaneStopped() {
        var site = site(new QueueGeometry(1, 4096, 0));
        var puts = site.producer();
        var putsToo = site.onlooker();
        var gets = site.consumer();
        puts.run(scope -> scope.producer.close());
        var expected = new ArrayList<String>();
        var seen = new ArrayList<String>();
        var random = new Random64(11);
        for (int i = 0; i < 200; i++) {
            var heir = i % 2 == 0 ? puts : putsToo;
            heir.run(scope -> scope.producer());
            for (int k = random.below(4); k >= 0; k--) {
                String text = i + "." + k + "x".repeat(random.below(150));
                put(heir, text);
                expected.add(text);
            }
            heir.run(scope -> scope.producer.close());
            if (random.below(3) == 0) seen.addAll(takeAllTexts(gets));
            else for (int k = random.below(4); k > 0; k--) {
                String text = takeText(gets);
                if (text != null) seen.add(text);
            }
        }
        seen.addAll(takeAllTexts(gets));
        assertEquals(expected, seen);
    }

    @Test
    void aPutThatFindsItsLaneFullTakesNoPlaceOfTheBound() {
        var site = site(new QueueGeometry(1, 4096, 2_000));
        var puts = site.producer();
        var gets = site.consumer();
        byte[] message = bytes(100);
        for (int round = 0; round < 3; round++) {
            long items = puts.count(scope -> {
                int n = 0;
                while (scope.producer.tryPut(message)) n++;
                for (int i = 0; i < 3_000; i++) assertFalse(scope.producer.tryPut(message));
                assertFalse(scope.producer.put(message, 0, message.length, 1_000_000));
                return n;
            });
            assertTrue(items > 0 && items < 2_000, "items=" + items);
            assertEquals(items, gets.count(scope -> scope.queue.size()));
            assertFalse(gets.test(scope -> scope.queue.isFull()));
            for (long i = 0; i < items; i++) assertArrayEquals(message, take(gets));
            assertNull(take(gets));
            assertEquals(0, gets.count(scope -> scope.queue.size()));
        }
    }

    @Test
    void aBoundSurvivesTheChangeOfOwners() {
        var site = site(new QueueGeometry(1, 4096, 3));
        var puts = site.producer();
        var putsToo = site.onlooker();
        var gets = site.consumer();
        put(puts, "a");
        put(puts, "b");
        puts.run(scope -> scope.producer.close());
        putsToo.run(scope -> scope.producer());
        assertEquals(2, putsToo.count(scope -> scope.queue.size()));
        assertTrue(tryPut(putsToo, new byte[1]));
        assertFalse(tryPut(putsToo, new byte[1]));
        assertEquals("a", takeText(gets));
        assertEquals(2, putsToo.count(scope -> scope.queue.size()));
        assertTrue(tryPut(putsToo, new byte[1]));
        assertFalse(tryPut(putsToo, new byte[1]));
    }

    @Test
    void whenAllLanesAreTakenANewProducerIsToldSo() {
        var site = site(new QueueGeometry(2, 4096, 0));
        var puts = site.producer();
        site.secondProducer();
        var third = site.onlooker();
        var thrown = assertThrows(QueueUnavailableException.class, () -> third.run(scope -> scope.producer()));
        assertTrue(thrown.getMessage().contains("lane"), thrown.getMessage());
        assertTrue(thrown.getMessage().contains("2"), thrown.getMessage());
        puts.run(scope -> scope.producer.close());
        third.run(scope -> scope.producer());
        put(third, "fits");
    }

    @Test
    void consumersOfOneKindExcludeThoseOfTheOther() {
        var site = site(SMALL);
        var gets = site.consumer();
        var late = site.onlooker();
        var kind = variant.delivery();
        if (kind == Delivery.LEASED) return; // that is for the queue to say, see LeaseTest
        var otherKind = kind == Delivery.EXCLUSIVE ? Delivery.SHARED : Delivery.EXCLUSIVE;
        var thrown = assertThrows(QueueUnavailableException.class, () -> late.run(scope -> scope.consumer(otherKind)));
        assertTrue(thrown.getMessage().toLowerCase().contains("consumer"), thrown.getMessage());
        if (kind == Delivery.EXCLUSIVE) {
            assertThrows(QueueUnavailableException.class, () -> late.run(scope -> scope.consumer(kind)));
        } else {
            late.run(scope -> {
                scope.consumer(kind);
                scope.consumer.close();
            });
            gets.run(scope -> scope.queue.newConsumer(kind).close()); // one of two of the same handle
        }
        // a refusal and another's close change nothing for who is there
        assertThrows(QueueUnavailableException.class, () -> late.run(scope -> scope.consumer(otherKind)));
        gets.run(scope -> scope.consumer.close());
        late.run(scope -> scope.consumer(otherKind));
        assertThrows(QueueUnavailableException.class, () -> gets.run(scope -> scope.consumer(kind)));
        late.run(scope -> scope.consumer.close());
        gets.run(scope -> scope.consumer(kind));
    }

    @Test
    void aNewConsumerGoesOnWhereThePreviousOneStopped() {
        var site = site(SMALL);
        var puts = site.producer();
        var putsToo = site.secondProducer();
        var gets = site.consumer();
        var next = site.onlooker();
        for (int i = 0; i < 10; i++) put(i % 3 == 0 ? puts : putsToo, "m" + i);
        assertEquals("m0", takeText(gets));
        for (long left = 3; left > 0;) {
            int limit = (int) left;
            left -= gets.count(scope -> scope.consumer.poll(message -> {}, limit));
        }
        gets.run(scope -> scope.consumer.close());
        var kind = variant.delivery();
        next.run(scope -> scope.consumer(kind));
        assertEquals("m4", takeText(next));
        next.run(scope -> scope.consumer.close());
        gets.run(scope -> scope.consumer(kind));
        assertEquals(List.of("m5", "m6", "m7", "m8", "m9"), takeAllTexts(gets));
    }

    @Test
    void whatWasPutStaysWhenEverybodyHasGone() {
        var site = site(SMALL);
        var puts = site.producer();
        put(puts, "kept");
        site.close();
        this.site = variant.new Site(site.file);
        var gets = this.site.consumer();
        assertEquals("kept", takeText(gets));
        assertNull(take(gets));
    }

    @Test
    void aClosedProducerConsumerOrQueueSaysSo() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            scope.producer.close();
            scope.producer.close();
            assertThrows(QueueClosedException.class, () -> scope.producer.tryPut(new byte[1]));
            assertThrows(QueueClosedException.class, () -> scope.producer.put(new byte[1]));
            assertThrows(QueueClosedException.class, () -> scope.producer.tryClaim(1));
        });
        gets.run(scope -> {
            scope.consumer.close();
            scope.consumer.close();
            assertThrows(QueueClosedException.class, () -> scope.consumer.tryGet(new byte[1]));
            assertThrows(QueueClosedException.class, () -> scope.consumer.poll(message -> {}, 1));
            assertThrows(QueueClosedException.class, () -> scope.consumer.get(new byte[1], 1_000_000));
        });
        gets.run(scope -> {
            scope.queue.close();
            scope.queue.close();
            assertThrows(QueueClosedException.class, () -> scope.queue.newProducer());
            assertThrows(QueueClosedException.class, () -> scope.queue.newConsumer(Delivery.SHARED));
            assertThrows(QueueClosedException.class, () -> scope.queue.size());
            assertThrows(QueueClosedException.class, () -> scope.queue.isEmpty());
        });
    }

    @Test
    void aProducerOrConsumerOfAClosedQueueFindsOutSoon() {
        var site = site(SMALL);
        var puts = site.producer();
        var gets = site.consumer();
        for (int i = 0; i < 10; i++) put(puts, "left behind");
        puts.run(scope -> {
            scope.queue.close();
            assertThrows(QueueClosedException.class, () -> {
                for (int i = 0; i < 2_000; i++) scope.producer.tryPut(new byte[8]);
            });
            assertThrows(QueueClosedException.class, () -> scope.producer.put(new byte[8]));
        });
        gets.run(scope -> {
            scope.queue.close();
            assertThrows(QueueClosedException.class, () -> {
                for (int i = 0; i < 2_000; i++) scope.consumer.tryGet(new byte[20]);
            });
            assertThrows(QueueClosedException.class, () -> scope.consumer.get(new byte[20], Long.MAX_VALUE));
        });
    }

    @Test
    void aPutThatFailsWhileItReadsItsMessageTakesNoPlace() {
        var site = site(new QueueGeometry(2, 4096, 1));
        var puts = site.producer();
        var gets = site.consumer();
        puts.run(scope -> {
            MemorySegment gone;
            try (var arena = Arena.ofConfined()) {
                gone = arena.allocate(8);
            }
            for (int i = 0; i < 3; i++) {
                assertThrows(IllegalStateException.class, () -> scope.producer.tryPut(gone, 0, 8));
            }
        });
        assertNull(take(gets));
        assertTrue(tryPut(puts, bytes(9)));
        assertArrayEquals(bytes(9), take(gets));
    }
}
