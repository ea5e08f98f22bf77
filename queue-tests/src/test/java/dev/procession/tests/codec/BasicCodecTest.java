package dev.procession.tests.codec;

import static dev.procession.tests.codec.RoundTrip.decode;
import static dev.procession.tests.codec.RoundTrip.encode;
import static dev.procession.tests.codec.RoundTrip.sent;
import static dev.procession.tests.codec.RoundTrip.through;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.Encoder;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BasicCodecTest {
    private static final Map<String, Codec<?>> CODECS = Map.of("bytes", Codec.bytes(), "utf8", Codec.utf8(), "int32",
            Codec.int32(), "int64", Codec.int64(), "float64", Codec.float64(), "int32s", Codec.int32s(), "int64s",
            Codec.int64s(), "float32s", Codec.float32s(), "float64s", Codec.float64s());

    @Test
    void everyValueComesBackAsItWas() throws Exception {
        for (byte[] value : new byte[][] {{}, {0}, {-128, 127, 0, -1}, new byte[100_000]}) {
            byte[] back = through(Codec.bytes(), value);
            assertArrayEquals(value, back);
            assertNotSame(value, back);
        }
        for (String value : List.of("", "a", "hello", "Grüße", "日本語", "\ud83d\ude00", "\0", "\ufffd", "?",
                "x".repeat(100_000))) {
            assertEquals(value, through(Codec.utf8(), value));
        }
        for (int value : new int[] {0, 1, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertEquals(value, through(Codec.int32(), value));
        }
        for (long value : new long[] {0, 1, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
            assertEquals(value, through(Codec.int64(), value));
        }
        for (double value : new double[] {0, -0.0, 1, Double.MIN_VALUE, Double.MAX_VALUE, Double.NEGATIVE_INFINITY,
            Double.NaN, Double.longBitsToDouble(0x7ff8_0000_dead_beefL)}) {
            assertEquals(Double.doubleToRawLongBits(value),
                    Double.doubleToRawLongBits(through(Codec.float64(), value)));
        }
    }

    @Test
    void bytesAndTextTravelAsTheyAre() throws Exception {
        assertArrayEquals(new byte[] {1, 2, 3}, encode(Codec.bytes(), new byte[] {1, 2, 3}));
        assertArrayEquals(new byte[] {'h', 'i'}, encode(Codec.utf8(), "hi"));
    }

    @Test
    void aMessageOfAnotherLengthIsNoNumber() {
        for (int length : new int[] {0, 1, 3, 5, 7, 9, 16}) {
            for (Codec<?> codec : List.of(Codec.int32(), Codec.int64(), Codec.float64())) {
                IOException e = assertThrows(IOException.class, () -> decode(codec, new byte[length]));
                assertTrue(e.getMessage().contains("no " + codec.name()), e.getMessage());
                assertTrue(e.getMessage().contains("length=" + length), e.getMessage());
            }
        }
    }

    @Test
    void bytesThatAreNotUtf8AreNoText() {
        for (byte[] bad : new byte[][] {{-1}, {'a', (byte) 0xc3}, {(byte) 0xc0, (byte) 0x80},
            {(byte) 0xed, (byte) 0xa0, (byte) 0x80}, {(byte) 0xf8, 1, 2, 3}}) {
            IOException e = assertThrows(IOException.class, () -> decode(Codec.utf8(), bad));
            assertTrue(e.getMessage().contains("UTF-8"), e.getMessage());
        }
    }

    @Test
    void textThatUtf8CannotExpressFailsInThePuttingCaller() {
        assertThrows(IllegalArgumentException.class, () -> encode(Codec.utf8(), "\ud800"));
    }

    @Test
    void nullFailsAtOnceAndSaysWhichCodec() {
        CODECS.forEach((name, codec) -> {
            NullPointerException e = assertThrows(NullPointerException.class,
                    () -> codec.encode(null, new Encoder(10)));
            assertTrue(e.getMessage().contains(name), e.getMessage());
        });
    }

    @Test
    void aCodecThatWasSentToAnotherProcessIsTheSame() throws Exception {
        for (Map.Entry<String, Codec<?>> entry : CODECS.entrySet()) {
            assertEquals(entry.getKey(), entry.getValue().name());
            assertEquals(entry.getKey(), sent(entry.getValue()).name());
            assertEquals(entry.getValue(), sent(entry.getValue()));
        }
        assertEquals("after", through(sent(Codec.utf8()), "after"));
    }
}
