package dev.procession.core.os;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.util.concurrent.atomic.AtomicInteger;

/// Counts this process's mappings of queues. The kernel limits the number of a process's mappings, and a JVM that
/// cannot have one more for itself ends; so queues take at most half.
///
/// Thread-safe.
final class Mappings {
    /// Below this number the limit is not read.
    private static final int FEW = 10_000;
    private static final AtomicInteger COUNT = new AtomicInteger();

    private static final class Limit {
        static final int HALF = read() / 2;

        private static int read() {
            // in one call: after the first byte the kernel says that the file is over
            try (InputStream file = new FileInputStream("/proc/sys/vm/max_map_count")) {
                byte[] digits = new byte[32];
                int length = Math.max(file.read(digits), 0);
                return Integer.parseInt(new String(digits, 0, length, StandardCharsets.US_ASCII).strip());
            } catch (IOException | NumberFormatException e) {
                return 1 << 16; // the kernel's default is a little less
            }
        }
    }

    private Mappings() {}

    /// Counts in one more. Returns false if there are too many.
    static boolean tryAdd() {
        if (COUNT.get() >= FEW && COUNT.get() >= Limit.HALF) return false;
        COUNT.getAndIncrement();
        return true;
    }

    static void remove(int count) {
        COUNT.getAndAdd(-count);
    }

    static FileSystemException refused(long bytes, String why) {
        return new FileSystemException("cannot map " + bytes + " more bytes of the queue's file: " + why
                + "; allow this process more (ulimit -v, sysctl vm.max_map_count), close queues that are not used, or"
                + " make them with smaller or fewer lanes");
    }
}
