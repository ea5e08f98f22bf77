package dev.procession.core;

import java.util.UUID;

/// Names a message for good, across all queues: however often it is leased again, and after it is gone. Messages of one
/// lane compare by position in the order in which they were put; positions come round after 2^32 chunks.
///
/// @param queue the queue's own id
/// @param lane the lane, from 0
/// @param position the message's position in it
public record MessageId(UUID queue, int lane, long position) {
    /// Reads what [#toString()] has written.
    ///
    /// @param id of the form `queue:lane:position`
    /// @return the id
    /// @throws IllegalArgumentException if it has another form
    public static MessageId parse(String id) {
        String[] parts = id.split(":", -1);
        try {
            if (parts.length == 3) {
                return new MessageId(
                        UUID.fromString(parts[0]), Integer.parseInt(parts[1]), Long.parseUnsignedLong(parts[2], 16));
            }
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("\"" + id + "\" is no message id: " + e.getMessage(), e);
        }
        throw new IllegalArgumentException("\"" + id + "\" is no message id of the form queue:lane:position");
    }

    /// Of the form `queue:lane:position`: a UUID, a decimal and a hexadecimal number.
    @Override
    public String toString() {
        return queue + ":" + lane + ":" + Long.toHexString(position);
    }
}
