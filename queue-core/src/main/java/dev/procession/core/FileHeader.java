package dev.procession.core;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/// What the creator wrote into the first page of a queue's file, validated.
record FileHeader(QueueGeometry geometry, UUID uuid, String label, boolean anonymous) {
    /// The release that writes this format; readers that do not know a feature name it.
    private static final String RELEASE = "0.1";

    static void write(MemorySegment memory, QueueGeometry geometry, byte[] label, boolean anonymous) {
        long base = SharedMemory.base(memory);
        UUID uuid = UUID.randomUUID();
        UUID boot = bootId();
        SharedMemory.setPlain(memory, base + Layout.VERSION_OFFSET, Layout.VERSION);
        SharedMemory.setPlain(memory, base + Layout.LANES_OFFSET, geometry.lanes());
        SharedMemory.setPlain(memory, base + Layout.LANE_BYTES_OFFSET, geometry.laneBytes());
        SharedMemory.setPlain(memory, base + Layout.CHUNK_BYTES_OFFSET, geometry.chunkBytes());
        SharedMemory.setPlain(memory, base + Layout.MAX_ITEMS_OFFSET, geometry.maxItems());
        long features = anonymous ? Layout.ANONYMOUS : 0;
        Leasing leasing = geometry.leasing();
        if (leasing != null) {
            features |= Layout.LEASED_QUEUE;
            SharedMemory.setPlain(memory, base + Layout.VISIBILITY_NANOS_OFFSET, leasing.visibilityNanos());
            SharedMemory.setPlain(memory, base + Layout.MAX_ATTEMPTS_OFFSET, leasing.maxAttempts());
        }
        SharedMemory.setPlain(memory, base + Layout.NEEDED_FEATURES_OFFSET, features);
        SharedMemory.setPlain(memory, base + Layout.OPTIONAL_FEATURES_OFFSET,
                geometry.endsWithProducers() ? Layout.ENDS_WITH_PRODUCERS : 0);
        SharedMemory.setPlain(memory, base + Layout.MIN_PRODUCERS_OFFSET, geometry.minProducers());
        SharedMemory.setPlain(memory, base + Layout.UUID_OFFSET, uuid.getMostSignificantBits());
        SharedMemory.setPlain(memory, base + Layout.UUID_OFFSET + Long.BYTES, uuid.getLeastSignificantBits());
        SharedMemory.setPlain(memory, base + Layout.BOOT_ID_OFFSET, boot.getMostSignificantBits());
        SharedMemory.setPlain(memory, base + Layout.BOOT_ID_OFFSET + Long.BYTES, boot.getLeastSignificantBits());
        byte[] release = RELEASE.getBytes(StandardCharsets.UTF_8);
        SharedMemory.copyIn(release, 0, memory, base + Layout.MADE_BY_OFFSET, release.length);
        SharedMemory.copyIn(label, 0, memory, base + Layout.LABEL_OFFSET, label.length);
        // pairs with readGeometry() and QueueFile.delete(); the file gets its name only after that
        SharedMemory.setRelease(memory, base + Layout.MAGIC_OFFSET, Layout.MAGIC);
    }

    /// Reads the header of a file of at least one page.
    ///
    /// @throws QueueUnavailableException if it is no queue, or is of another format version or an earlier boot
    /// @throws QueueCorruptedException if it is inconsistent
    ///
    /// @param fileBytes the file's size
    static FileHeader read(Path path, MemorySegment memory, long fileBytes) {
        long base = SharedMemory.base(memory);
        QueueGeometry geometry = readGeometry(path, memory, base, fileBytes);
        boolean anonymous =
                (SharedMemory.getPlain(memory, base + Layout.NEEDED_FEATURES_OFFSET) & Layout.ANONYMOUS) != 0;
        return new FileHeader(
                geometry,
                readUuid(memory, base + Layout.UUID_OFFSET),
                readText(memory, base + Layout.LABEL_OFFSET, Layout.LABEL_BYTES),
                anonymous);
    }

    private static QueueGeometry readGeometry(Path path, MemorySegment memory, long base, long fileBytes) {
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
        long chunkBytes = SharedMemory.getPlain(memory, base + Layout.CHUNK_BYTES_OFFSET);
        long features = SharedMemory.getPlain(memory, base + Layout.NEEDED_FEATURES_OFFSET);
        long unknown = features & ~Layout.KNOWN_FEATURES;
        if (unknown != 0) {
            throw new QueueUnavailableException(path + " was made by Procession "
                    + readText(memory, base + Layout.MADE_BY_OFFSET, Layout.MADE_BY_BYTES)
                    + ", with features that this release does not know (0x" + Long.toHexString(unknown)
                    + "); use that release or a later one in all processes");
        }
        boolean leased = (features & Layout.LEASED_QUEUE) != 0;
        String wrong = QueueGeometry.wrong(lanes, laneBytes, chunkBytes, maxItems, leased);
        Leasing leasing = null;
        if (wrong == null && leased) {
            long visibility = SharedMemory.getPlain(memory, base + Layout.VISIBILITY_NANOS_OFFSET);
            long attempts = SharedMemory.getPlain(memory, base + Layout.MAX_ATTEMPTS_OFFSET);
            wrong = Leasing.wrong(visibility, attempts);
            if (wrong == null) leasing = new Leasing(visibility, (int) attempts);
        }
        if (wrong != null) throw new QueueCorruptedException(path + ": the header says " + wrong);
        boolean ends = (SharedMemory.getPlain(memory, base + Layout.OPTIONAL_FEATURES_OFFSET)
                & Layout.ENDS_WITH_PRODUCERS) != 0;
        long minProducers = ends ? SharedMemory.getPlain(memory, base + Layout.MIN_PRODUCERS_OFFSET) : 0;
        if (ends && (minProducers < 1 || minProducers > Integer.MAX_VALUE)) {
            throw new QueueCorruptedException(path + ": the header says minProducers=" + minProducers);
        }
        QueueGeometry g =
                new QueueGeometry((int) lanes, laneBytes, chunkBytes, maxItems, leasing, (int) minProducers);
        if (fileBytes != g.fileBytes()) {
            throw new QueueCorruptedException(path + " has " + fileBytes + " bytes, but its header says "
                    + g.fileBytes() + "; it was cut off or overwritten");
        }
        UUID made = readUuid(memory, base + Layout.BOOT_ID_OFFSET);
        UUID now = bootId();
        UUID none = new UUID(0, 0);
        if (!made.equals(now) && !made.equals(none) && !now.equals(none)) {
            throw new QueueUnavailableException(
                    path + " was made before the machine was restarted, so parts of it may be missing; delete it and"
                            + " make it again");
        }
        return g;
    }

    private static UUID readUuid(MemorySegment memory, long at) {
        return new UUID(SharedMemory.getPlain(memory, at), SharedMemory.getPlain(memory, at + Long.BYTES));
    }

    private static String readText(MemorySegment memory, long at, int most) {
        byte[] bytes = new byte[most];
        SharedMemory.copyOut(memory, at, bytes, 0, bytes.length);
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
