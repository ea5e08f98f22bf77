package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.KryoException;
import com.esotericsoftware.kryo.kryo5.io.Input;

/// An input that believes a length only if there are as many bytes left as the elements take at least, beside those
/// that the collections around them have announced. Otherwise collections that are nested 256 deep could each
/// announce as many elements as the message has bytes.
final class CheckedInput extends Input {
    private int announced; // elements that are not read yet, of which each takes a byte or more

    /// Reads how many elements follow; call [#beginElement] before each.
    int readCount() {
        int n = readVarInt(true);
        require(n, 1);
        announced += n;
        return n;
    }

    void beginElement() {
        announced--;
    }

    void require(int elements, int elementBytes) {
        int left = limit() - position() - announced;
        if (elements < 0 || elements > left / elementBytes) {
            throw new KryoException("it announces " + elements + " elements where " + left + " bytes are left");
        }
    }

    @Override
    public String readString() {
        requireCharacters();
        return super.readString();
    }

    /// A string that is long or has not only ASCII characters starts with their number plus one, or 0 for null.
    private void requireCharacters() {
        int start = position();
        if (readVarIntFlag()) {
            int lengthPlusOne = readVarIntFlag(true);
            require(Math.max(0, lengthPlusOne - 1), 1);
        }
        setPosition(start);
    }

    @Override
    public byte[] readBytes(int length) {
        require(length, 1);
        return super.readBytes(length);
    }

    @Override
    public long[] readLongs(int length) {
        require(length, Long.BYTES);
        return super.readLongs(length);
    }
}
