package dev.procession.core;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/// What the creator wrote into the first page of a queue's file, validated.
record FileHeader(QueueGeometry geometry, String label, boolean anonymous) {
    static void write(MemorySegment memory, QueueGeometry geometry, byte[] label, long flags) {
        long base = SharedMemory.base(memory);
        UUID uuid = UUID.randomUUID();
        UUID boot = bootId();
        SharedMemory.setPlain(memory, base + Layout.VERSION_OFFSET, Layout.VERSION);
        SharedMemory.setPlain(memory, base + Layout.LANES_OFFSET, geometry.lanes());
        SharedMemory.setPlain(memory, base + Layout.LANE_BYTES_OFFSET, geometry.laneBytes());
        SharedMemory.setPlain(memory, base + Layout.MAX_ITEMS_OFFSET, geometry.maxItems());
        Leasing leasing = geometry.leasing();
        if (leasing != null) {
            flags |= Layout.FLAG_LEASED;
            SharedMemory.setPlain(memory, base + Layout.VISIBILITY_NANOS_OFFSET, leasing.visibilityNanos());
            SharedMemory.setPlain(memory, base + Layout.MAX_ATTEMPTS_OFFSET, leasing.maxAttempts());
        }
        SharedMemory.setPlain(memory, base + Layout.FLAGS_OFFSET, flags);
        SharedMemory.setPlain(memory, base + Layout.UUID_OFFSET, uuid.getMostSignificantBits());
        SharedMemory.setPlain(memory, base + Layout.UUID_OFFSET + Long.BYTES, uuid.getLeastSignificantBits());
        SharedMemory.setPlain(memory, base + Layout.BOOT_ID_OFFSET, boot.getMostSignificantBits());
        SharedMemory.setPlain(memory, base + Layout.BOOT_ID_OFFSET + Long.BYTES, boot.getLeastSignificantBits());
        SharedMemory.copyIn(label, 0, memory, base + Layout.LABEL_OFFSET, label.length);
        // pairs with readGeometry() and QueueFile.delete(); the file gets its name only after that
        SharedMemory.setRelease(memory, base + Layout.MAGIC_OFFSET, Layout.MAGIC);
    }

    /// Reads the header of a file of at least one page.
    ///
    /// @throws QueueUnavailableException if it is no queue, or is of another format version or an earlier boot
    /// @throws QueueCorruptedException if it is inconsistent
    static FileHeader read(Path path, MemorySegment memory) {
        long base = SharedMemory.base(memory);
        QueueGeometry geometry = readGeometry(path, memory, base);
        boolean anonymous = (SharedMemory.getPlain(memory, base + Layout.FLAGS_OFFSET) & Layout.FLAG_ANONYMOUS) != 0;
        return new FileHeader(geometry, readLabel(memory, base), anonymous);
    }

    private static QueueGeometry readGeometry(Path path, MemorySegment memory, long base) {
        // pairs with the release in write()
        if (SharedMemory.getVolatile(memory, base + Layout.MAGIC_OFFSET) != Layout.MAGIC) {
            throw new QueueUnavailableException(path + " is not a queue: it does not begin as one");
        }
        long version = SharedMemory.getPlain(memory, base + Layout.VERSION_OFFSET);
        if (version != Layout.VERSION) {
            throw new QueueUnavailableException(
                    path + " was made by another version of Procession: its format is " + version
                            + ", this one reads " + Layout.VERSION + "; use the same version in all processes");
        }
        long lanes = SharedMemory.getPlain(memory, base + Layout.LANES_OFFSET);
        long laneBytes = SharedMemory.getPlain(memory, base + Layout.LANE_BYTES_OFFSET);
        long maxItems = SharedMemory.getPlain(memory, base + Layout.MAX_ITEMS_OFFSET);
        long flags = SharedMemory.getPlain(memory, base + Layout.FLAGS_OFFSET);
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
            long visibility = SharedMemory.getPlain(memory, base + Layout.VISIBILITY_NANOS_OFFSET);
            long attempts = SharedMemory.getPlain(memory, base + Layout.MAX_ATTEMPTS_OFFSET);
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
                SharedMemory.getPlain(memory, base + Layout.BOOT_ID_OFFSET),
                SharedMemory.getPlain(memory, base + Layout.BOOT_ID_OFFSET + Long.BYTES));
        UUID now = bootId();
        UUID unknown = new UUID(0, 0);
        if (!made.equals(now) && !made.equals(unknown) && !now.equals(unknown)) {
            throw new QueueUnavailableException(
                    path + " was made before the machine was restarted, so parts of it may be missing; delete it and"
                            + " make it again");
        }
        return g;
    }

    private static String readLabel(MemorySegment memory, long base) {
        byte[] bytes = new byte[Layout.LABEL_BYTES];
        SharedMemory.copyOut(memory, base + Layout.LABEL_OFFSET, bytes, 0, bytes.length);
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) length++;
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }

    /// Identifies this boot: of a file on disk, a reboot may have kept any subset of the pages.
    private static UUID bootId() {
        try {
            return UUID.fromString(Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip());
        } catch (IOException | IllegalArgumentException e) {
            return new UUID(0, 0);
        }
    }
}
