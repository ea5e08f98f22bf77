package dev.procession.codec;

import dev.procession.core.Message;
import java.io.IOException;
import java.io.StreamCorruptedException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// The formats without state. Each is a record, so that it is serializable and equal to every other of its kind.
public final class BasicFormats {
    private BasicFormats() {}

    /// The format of this name, or null if there is none.
    public static @Nullable Format<?> named(String name) {
        return switch (name) {
            case "bytes" -> new Bytes();
            case "utf8" -> new Utf8();
            case "int32" -> new Int32();
            case "int64" -> new Int64();
            case "float64" -> new Float64();
            case "int32s" -> new Int32s();
            case "int64s" -> new Int64s();
            case "float32s" -> new Float32s();
            case "float64s" -> new Float64s();
            default -> null;
        };
    }

    public static boolean contain(Format<?> format) {
        return format.equals(named(format.name()));
    }

    public record Bytes() implements Format<byte[]> {
        @Override
        public String name() {
            return "bytes";
        }

        @Override
        public void encode(byte[] value, GrowingBuffer to) {
            to.putBytes(requireItem(value, "bytes"));
        }

        @Override
        public byte[] decode(Message from) {
            return from.toBytes();
        }
    }

    public record Utf8() implements Format<String> {
        @Override
        public String name() {
            return "utf8";
        }

        @Override
        public void encode(String value, GrowingBuffer to) {
            to.putUtf8(requireItem(value, "utf8"));
        }

        @Override
        public String decode(Message from) throws IOException {
            return stringOf(from.toBytes());
        }
    }

    public record Int32() implements Format<Integer> {
        @Override
        public String name() {
            return "int32";
        }

        @Override
        public void encode(Integer value, GrowingBuffer to) {
            to.putInt(requireItem(value, "int32"));
        }

        @Override
        public Integer decode(Message from) throws IOException {
            requireLength(from, Integer.BYTES, "int32");
            return from.getInt(0);
        }
    }

    public record Int64() implements Format<Long> {
        @Override
        public String name() {
            return "int64";
        }

        @Override
        public void encode(Long value, GrowingBuffer to) {
            to.putLong(requireItem(value, "int64"));
        }

        @Override
        public Long decode(Message from) throws IOException {
            requireLength(from, Long.BYTES, "int64");
            return from.getLong(0);
        }
    }

    public record Float64() implements Format<Double> {
        @Override
        public String name() {
            return "float64";
        }

        @Override
        public void encode(Double value, GrowingBuffer to) {
            to.putDouble(requireItem(value, "float64"));
        }

        @Override
        public Double decode(Message from) throws IOException {
            requireLength(from, Double.BYTES, "float64");
            return from.getDouble(0);
        }
    }

    public record Int32s() implements Format<int[]> {
        @Override
        public String name() {
            return "int32s";
        }

        @Override
        public void encode(int[] value, GrowingBuffer to) {
            to.putInts(requireItem(value, "int32s"), 0, value.length);
        }

        @Override
        public int[] decode(Message from) throws IOException {
            var array = new int[count(from, Integer.BYTES, "int32s")];
            from.getBytes(0, MemorySegment.ofArray(array), 0, (long) array.length * Integer.BYTES);
            return array;
        }
    }

    public record Int64s() implements Format<long[]> {
        @Override
        public String name() {
            return "int64s";
        }

        @Override
        public void encode(long[] value, GrowingBuffer to) {
            to.putLongs(requireItem(value, "int64s"), 0, value.length);
        }

        @Override
        public long[] decode(Message from) throws IOException {
            var array = new long[count(from, Long.BYTES, "int64s")];
            from.getBytes(0, MemorySegment.ofArray(array), 0, (long) array.length * Long.BYTES);
            return array;
        }
    }

    public record Float32s() implements Format<float[]> {
        @Override
        public String name() {
            return "float32s";
        }

        @Override
        public void encode(float[] value, GrowingBuffer to) {
            to.putFloats(requireItem(value, "float32s"), 0, value.length);
        }

        @Override
        public float[] decode(Message from) throws IOException {
            var array = new float[count(from, Float.BYTES, "float32s")];
            from.getBytes(0, MemorySegment.ofArray(array), 0, (long) array.length * Float.BYTES);
            return array;
        }
    }

    public record Float64s() implements Format<double[]> {
        @Override
        public String name() {
            return "float64s";
        }

        @Override
        public void encode(double[] value, GrowingBuffer to) {
            to.putDoubles(requireItem(value, "float64s"), 0, value.length);
        }

        @Override
        public double[] decode(Message from) throws IOException {
            var array = new double[count(from, Double.BYTES, "float64s")];
            from.getBytes(0, MemorySegment.ofArray(array), 0, (long) array.length * Double.BYTES);
            return array;
        }
    }

    static <T> T requireItem(@Nullable T value, String codec) {
        if (value == null) { // no lambda for the message: it would be allocated for every item
            throw new NullPointerException("an item is null: the codec " + codec + " takes no null");
        }
        return value;
    }

    /// The string that these bytes are in UTF-8. The decoder of `String` replaces what is malformed, so the strict
    /// one is asked where a replacement character shows up; that one may also be genuine.
    public static String stringOf(byte[] utf8) throws IOException {
        String string = new String(utf8, StandardCharsets.UTF_8);
        if (string.indexOf('\ufffd') >= 0) {
            try {
                StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8));
            } catch (CharacterCodingException e) {
                throw corrupted("the message has bytes that are not UTF-8, length=" + utf8.length, e);
            }
        }
        return string;
    }

    static StreamCorruptedException corrupted(String message, Throwable cause) {
        var e = new StreamCorruptedException(message);
        e.initCause(cause);
        return e;
    }

    private static void requireLength(Message message, int length, String codec) throws IOException {
        if (message.length() != length) {
            throw new StreamCorruptedException("the message is no " + codec + ": length=" + message.length()
                    + " bytes, must be " + length);
        }
    }

    /// How many elements a message is that has nothing else.
    private static int count(Message message, int elementBytes, String codec) throws IOException {
        if (message.length() % elementBytes != 0) {
            throw new StreamCorruptedException("the message is no " + codec + ": length=" + message.length()
                    + " bytes, must be a multiple of " + elementBytes);
        }
        return message.length() / elementBytes;
    }
}
