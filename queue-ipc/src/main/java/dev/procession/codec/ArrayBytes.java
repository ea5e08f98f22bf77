package dev.procession.codec;

import dev.procession.core.Message;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Numbers of a message to an array, in bulk: piece by piece through an array of bytes that stays in the nearest cache,
/// as that is what a message copies to.
public final class ArrayBytes {
    private static final int PIECE_BYTES = 4 << 10;

    /// Used again, so that nothing is allocated but the array that is asked for.
    private static final ThreadLocal<byte[]> PIECE = ThreadLocal.withInitial(() -> new byte[PIECE_BYTES]);

    private ArrayBytes() {}

    /// Copies elements. The caller has checked that they are inside the array.
    ///
    /// @param index of the first byte in the message
    /// @param to the array
    /// @param start index of the first element in the array
    /// @throws IndexOutOfBoundsException if they are not inside the message; nothing was copied
    public static void copy(Message from, int index, MemorySegment to, int start, int count, int elementBytes) {
        long size = (long) count * elementBytes;
        Objects.checkFromIndexSize(index, size, from.length());
        byte[] piece = PIECE.get();
        MemorySegment pieceBytes = MemorySegment.ofArray(piece);
        long at = (long) start * elementBytes;
        for (int next = index, end = index + (int) size; next < end;) {
            int bytes = Math.min(piece.length, end - next);
            from.getBytes(next, piece, 0, bytes);
            MemorySegment.copy(pieceBytes, 0, to, at, bytes);
            next += bytes;
            at += bytes;
        }
    }
}
