package dev.procession.core;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/// What the creator of a queue's file wrote into its first page, checked.
record FileHeader(QueueGeometry geometry, String label, boolean anonymous) {
    static void write(MemorySegment memory, QueueGeometry geometry, byte[] label, long flags) {
        long base = Memory.base(memory);
        UUID uuid = UUID.randomUUID();
        UUID boot = bootId();
        Memory.setPlain(memory, base + Layout.VERSION_AT, Layout.VERSION);
        Memory.setPlain(memory, base + Layout.LANES_AT, geometry.lanes());
        Memory.setPlain(memory, base + Layout.LANE_BYTES_AT, geometry.laneBytes());
        Memory.setPlain(memory, base + Layout.MAX_ITEMS_AT, geometry.maxItems());
        Leasing leasing = geometry.leasing();
        if (leasing != null) {
            flags |= Layout.FLAG_LEASED;
            Memory.setPlain(memory, base + Layout.VISIBILITY_NANOS_AT, leasing.visibilityNanos());
            Memory.setPlain(memory, base + Layout.MAX_ATTEMPTS_AT, leasing.maxAttempts());
        }
        Memory.setPlain(memory, base + Layout.FLAGS_AT, flags);
        Memory.setPlain(memory, base + Layout.UUID_AT, uuid.getMostSignificantBits());
        Memory.setPlain(memory, base + Layout.UUID_AT + Long.BYTES, uuid.getLeastSignificantBits());
        Memory.setPlain(memory, base + Layout.BOOT_ID_AT, boot.getMostSignificantBits());
        Memory.setPlain(memory, base + Layout.BOOT_ID_AT + Long.BYTES, boot.getLeastSignificantBits());
        Memory.copyIn(label, 0, memory, base + Layout.LABEL_AT, label.length);
        // pairs with readGeometry(); the file also has no name before, so that others cannot open it
        Memory.setRelease(memory, base + Layout.MAGIC_AT, Layout.MAGIC);
    }

    /// Reads the header of a file that has at least a page.
    ///
    /// @throws QueueUnavailableException if it is no queue, or none of this version and this start of the machine
    /// @throws QueueCorruptedException if it contradicts itself
    static FileHeader read(Path path, MemorySegment memory) {
        long base = Memory.base(memory);
        QueueGeometry geometry = readGeometry(path, memory, base);
        boolean anonymous = (Memory.getPlain(memory, base + Layout.FLAGS_AT) & Layout.FLAG_ANONYMOUS) != 0;
        return new FileHeader(geometry, readLabel(memory, base), anonymous);
    }

    private static QueueGeometry readGeometry(Path path, MemorySegment memory, long base) {
        // pairs with the release in write()
        if (Memory.getVolatile(memory, base + Layout.MAGIC_AT) != Layout.MAGIC) {
            throw new QueueUnavailableException(path + " is not a queue: it does not begin as one");
        }
        long version = Memory.getPlain(memory, base + Layout.VERSION_AT);
        if (version != Layout.VERSION) {
            throw new QueueUnavailableException(
                    path + " was made by another version of Procession: its format is " + version
                            + ", this one reads " + Layout.VERSION + "; use the same version in all processes");
        }
        long lanes = Memory.getPlain(memory, base + Layout.LANES_AT);
        long laneBytes = Memory.getPlain(memory, base + Layout.LANE_BYTES_AT);
        long maxItems = Memory.getPlain(memory, base + Layout.MAX_ITEMS_AT);
        long flags = Memory.getPlain(memory, base + Layout.FLAGS_AT);
        if ((flags & ~Layout.KNOWN_FLAGS) != 0) {
            throw new QueueUnavailableException(
                    path + " was made by a newer version of Procession: it has flags that this one does not know (0x"
                            + Long.toHexString(flags & ~Layout.KNOWN_FLAGS)
                            + "); use the same version in all processes");
        }
        boolean leased = (flags & Layout.FLAG_LEASED) != 0;
        String wrong = QueueGeometry.wrong(lanes, laneBytes, maxItems, leased);
        Leasing leasing = null;
        if (wrong == null && leased) {
            long visibility = Memory.getPlain(memory, base + Layout.VISIBILITY_NANOS_AT);
            long attempts = Memory.getPlain(memory, base + Layout.MAX_ATTEMPTS_AT);
            wrong = Leasing.wrong(visibility, attempts);
            if (wrong == null) leasing = new Leasing(visibility, (int) attempts);
        }
        if (wrong != null) throw new QueueCorruptedException(path + ": the header says " + wrong);
        QueueGeometry g = new QueueGeometry((int) lanes, laneBytes, maxItems, leasing);
        if (memory.byteSize() != g.fileBytes()) {
            throw new QueueCorruptedException(path + " has " + memory.byteSize() + " bytes, but its header says "
                    + g.fileBytes() + "; it was cut off or overwritten");
        }
        UUID made = new UUID(
                Memory.getPlain(memory, base + Layout.BOOT_ID_AT),
                Memory.getPlain(memory, base + Layout.BOOT_ID_AT + Long.BYTES));
        UUID now = bootId();
        UUID unknown = new UUID(0, 0);
        if (!made.equals(now) && !made.equals(unknown) && !now.equals(unknown)) {
            throw new QueueUnavailableException(
                    path + " was made before the machine was restarted, so parts of it may be missing; delete it and make it"
                            + " again");
        }
        return g;
    }

    private static String readLabel(MemorySegment memory, long base) {
        byte[] bytes = new byte[Layout.LABEL_BYTES];
        Memory.copyOut(memory, base + Layout.LABEL_AT, bytes, 0, bytes.length);
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) length++;
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }

    /// Identifies this start of the machine: of a file on disk, a restart may have kept any subset of its pages.
    private static UUID bootId() {
        try {
            return UUID.fromString(Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip());
        } catch (IOException | IllegalArgumentException e) {
            return new UUID(0, 0);
        }
    }
}
