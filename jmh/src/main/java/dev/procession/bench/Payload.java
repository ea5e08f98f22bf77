package dev.procession.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The messages of one producer: numbered, and touched in every cache line.
///
///     bytes 0..7: producer (8 bits), sequence (56 bits) | one long in each further line | last 8 bytes: a mix of
///     the first
///
/// At least 16 bytes. Every system fills and checks its messages in the same way.
final class Payload {
    /// Bytes from one word that is touched to the next.
    static final int LINE = 64;
    static final int LEAST_BYTES = 2 * Long.BYTES;

    private static final int SEQUENCE_BITS = 56;
    private static final long MIX = 0x9e3779b97f4a7c15L;
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder()).withInvokeExactBehavior();

    private final byte[] message;
    private final int lastWord;
    private long next;
    private long sum;

    Payload(int producer, int bytes) {
        if (bytes < LEAST_BYTES || bytes % Long.BYTES != 0) {
            throw new IllegalArgumentException("bytes=" + bytes + " is not a multiple of 8 from 16 up");
        }
        message = new byte[bytes];
        lastWord = bytes - Long.BYTES;
        next = (long) producer << SEQUENCE_BITS;
    }

    /// The array that [#fill] writes to, always the same one.
    byte[] message() {
        return message;
    }

    /// The first word of the message that was made last.
    long first() {
        return next - 1;
    }

    static long first(byte[] message) {
        return (long) LONG.get(message, 0);
    }

    static void setFirst(byte[] message, long first) {
        LONG.set(message, 0, first);
    }

    /// Makes the next message.
    void fill() {
        long first = next++;
        long last = first * MIX;
        LONG.set(message, 0, first);
        long words = first + last;
        for (int at = LINE; at < lastWord; at += LINE) {
            LONG.set(message, at, first + at);
            words += first + at;
        }
        LONG.set(message, lastWord, last);
        sum += words;
    }

    /// The sum of all words written so far, to be compared with [Check#sum].
    long sum() {
        return sum;
    }

    /// The consumer's side: order of each producer's messages, their length, and the sum of all words.
    static final class Check {
        private final int bytes;
        private final boolean alone;
        private final long[] expected;
        private long sum;

        /// `alone`: this consumer gets every message, so that none may be missing between two of one producer.
        Check(int producers, int bytes, boolean alone) {
            this.bytes = bytes;
            this.alone = alone;
            expected = new long[producers];
            for (int i = 0; i < producers; i++) {
                expected[i] = (long) i << SEQUENCE_BITS;
            }
        }

        void first(long word, int length) {
            int producer = (int) (word >>> SEQUENCE_BITS);
            if (length != bytes || producer >= expected.length || word != expected[producer]) {
                if (alone || length != bytes || producer >= expected.length || word < expected[producer]) {
                    throw wrong(producer, word, length);
                }
            }
            expected[producer] = word + 1;
            sum += word;
        }

        /// A message in an array of its own.
        void array(byte[] message) {
            array(message, message.length);
        }

        /// A message at the start of an array.
        void array(byte[] message, int length) {
            long first = Payload.first(message);
            first(first, length);
            int last = length - Long.BYTES;
            for (int at = LINE; at < last; at += LINE) {
                line((long) LONG.get(message, at));
            }
            last(first, (long) LONG.get(message, last));
        }

        /// The number of an item, of which the caller has compared the rest and says that all is there.
        void number(long first) {
            first(first, bytes);
            sum += first * MIX;
        }

        void line(long word) {
            sum += word;
        }

        void last(long first, long word) {
            if (word != first * MIX) {
                throw new CheckFailedException("the last word of message " + Long.toHexString(first) + " is wrong: "
                        + Long.toHexString(word));
            }
            sum += word;
        }

        long sum() {
            return sum;
        }

        private CheckFailedException wrong(int producer, long word, int length) {
            String expectation = producer < expected.length
                    ? "expected=" + Long.toHexString(expected[producer])
                    : "producers=" + expected.length;
            return new CheckFailedException("wrong message: first word=" + Long.toHexString(word) + " " + expectation
                    + ", bytes=" + length + " expected=" + bytes);
        }
    }

    /// What arrived is not what was sent.
    static final class CheckFailedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        CheckFailedException(String message) {
            super(message);
        }
    }
}
