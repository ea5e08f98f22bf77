package dev.procession;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EncoderTest {
    private static byte[] bytesOf(Encoder encoder) {
        return Arrays.copyOf(encoder.array(), encoder.length());
    }

    @Test
    void aDecoderReadsWhatWasPutAtUnalignedIndexes() {
        Encoder encoder = new Encoder(100);
        encoder.putByte((byte) -7);
        encoder.putInt(0x01020304);
        encoder.putLong(Long.MIN_VALUE + 5);
        encoder.putDouble(-0.0);
        encoder.putBytes(new byte[] {1, 2, 3});
        encoder.putBytes(new byte[] {9, 8, 7, 6}, 1, 2);
        encoder.putUtf8("é");
        Decoder message = new Decoder(bytesOf(encoder));
        assertEquals(28, message.length());
        assertEquals(-7, message.getByte(0));
        assertEquals(0x01020304, message.getInt(1));
        assertEquals(Long.MIN_VALUE + 5, message.getLong(5));
        assertEquals(Double.doubleToRawLongBits(-0.0), Double.doubleToRawLongBits(message.getDouble(13)));
        byte[] rest = new byte[7];
        message.getBytes(21, rest, 0, 7);
        assertArrayEquals(new byte[] {1, 2, 3, 8, 7, (byte) 0xc3, (byte) 0xa9}, rest);
    }

    @Test
    void largerLanesAreAdvisedOnlyWhereTheyWouldHelp() {
        var large = assertThrows(MessageTooLargeException.class, () -> new Encoder(100).putBytes(new byte[101]));
        assertTrue(large.getMessage().contains("larger lanes"), large.getMessage());
        var huge = new MessageTooLargeException("a message of 2 GiB", 1L << 31);
        assertTrue(huge.getMessage().contains("no queue takes"), huge.getMessage());
        assertFalse(huge.getMessage().contains("larger lanes"), huge.getMessage());
    }

    @Test
    void itGrowsWithoutLosingWhatIsThere() {
        Random random = new Random(1);
        byte[] expected = new byte[300_000];
        random.nextBytes(expected);
        Encoder encoder = new Encoder(expected.length);
        for (int start = 0; start < expected.length;) {
            int length = Math.min(random.nextInt(1000), expected.length - start);
            encoder.putBytes(expected, start, length);
            start += length;
        }
        assertArrayEquals(expected, bytesOf(encoder));
    }

    @Test
    void aMessageOfExactlyTheMaximumFitsAndOneByteMoreDoesNot() {
        Encoder encoder = new Encoder(12);
        encoder.putInt(1);
        encoder.putLong(2);
        MessageTooLargeException e = assertThrows(MessageTooLargeException.class, () -> encoder.putByte((byte) 3));
        assertTrue(e.getMessage().contains("length=13") && e.getMessage().contains("maxLength=12"), e.getMessage());
        assertEquals(12, encoder.length(), "nothing of it may be appended");
        encoder.reset();
        assertThrows(MessageTooLargeException.class, () -> encoder.putBytes(new byte[13]));
        assertEquals(0, encoder.length());
        encoder.putBytes(new byte[12]);
        assertEquals(12, encoder.length());
    }

    @Test
    void anEncoderForEmptyMessagesTakesNothing() {
        Encoder encoder = new Encoder(0);
        encoder.putBytes(new byte[0]);
        assertEquals(0, encoder.length());
        assertThrows(MessageTooLargeException.class, () -> encoder.putByte((byte) 0));
        assertThrows(IllegalArgumentException.class, () -> new Encoder(-1));
    }

    @Test
    void aPartOutsideOfTheArrayIsRefused() {
        Encoder encoder = new Encoder(100);
        assertThrows(IndexOutOfBoundsException.class, () -> encoder.putBytes(new byte[4], 2, 3));
        assertThrows(IndexOutOfBoundsException.class, () -> encoder.putBytes(new byte[4], -1, 1));
        assertThrows(IndexOutOfBoundsException.class, () -> encoder.putBytes(new byte[4], 0, -1));
        assertEquals(0, encoder.length());
    }

    @Test
    void whatIsWrittenToTheStreamIsAppended() throws Exception {
        Encoder encoder = new Encoder(10);
        OutputStream stream = encoder.asOutputStream();
        assertSame(stream, encoder.asOutputStream());
        encoder.putByte((byte) 1);
        stream.write(258);
        stream.write(new byte[] {3, 4, 5}, 0, 2);
        stream.close();
        encoder.putByte((byte) 5);
        assertArrayEquals(new byte[] {1, 2, 3, 4, 5}, bytesOf(encoder));
        assertThrows(MessageTooLargeException.class, () -> stream.write(new byte[6]));
    }

    @Test
    void halfASurrogatePairIsRefusedWhereverItIs() {
        Encoder encoder = new Encoder(1000);
        for (String bad : new String[] {"\ud83d", "\ude00", "0123456\ud83d", "01234567\ud83d", "?????????\ude00?",
            "\ud83d\ud83d\ude00", "\ude00\ud83d", "日本語の文字列\udc00です"}) {
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> encoder.putUtf8(bad));
            assertTrue(e.getMessage().contains("surrogate"), e.getMessage());
            assertEquals(0, encoder.length());
        }
    }

    @Test
    void halfASurrogatePairIsRefusedAtEveryIndex() {
        Encoder encoder = new Encoder(1000);
        for (int index = 0; index < 20; index++) {
            String bad = "a".repeat(index) + '\udc00' + "a".repeat(19 - index);
            assertThrows(IllegalArgumentException.class, () -> encoder.putUtf8(bad), "index " + index);
        }
    }

    @Test
    void everyOtherStringIsWrittenAsTheJdkDoes() {
        Random random = new Random(2);
        for (int i = 0; i < 2000; i++) {
            StringBuilder builder = new StringBuilder();
            int kind = random.nextInt(4);
            for (int n = random.nextInt(40); n > 0; n--) {
                int bound = new int[] {0x80, 0x100, 0xd800, Character.MAX_CODE_POINT + 1}[kind];
                int codePoint = random.nextBoolean() ? '?' : random.nextInt(bound);
                if (codePoint < Character.MIN_SURROGATE || codePoint > Character.MAX_SURROGATE) {
                    builder.appendCodePoint(codePoint);
                }
            }
            Encoder encoder = new Encoder(1000);
            encoder.putUtf8(builder.toString());
            assertArrayEquals(builder.toString().getBytes(StandardCharsets.UTF_8), bytesOf(encoder));
        }
    }

    @Test
    void anEncoderUsedAgainAllocatesNothingForNumbers() throws Exception {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Encoder encoder = new Encoder(100);
        Codec<Long> codec = Codec.int64();
        Long item = 123_456_789_012L;
        long thread = Thread.currentThread().threadId();
        int messages = 100_000;
        long fewest = Long.MAX_VALUE;
        for (int round = 0; round < 20; round++) { // the first ones compile
            long before = threads.getThreadAllocatedBytes(thread);
            for (int i = 0; i < messages; i++) {
                encoder.reset();
                codec.encode(item, encoder);
            }
            fewest = Math.min(fewest, threads.getThreadAllocatedBytes(thread) - before);
        }
        assertTrue(fewest < messages, fewest + " bytes for " + messages + " messages");
    }
}
