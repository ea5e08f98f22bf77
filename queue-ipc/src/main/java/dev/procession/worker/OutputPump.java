package dev.procession.worker;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Iterator;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A thread that passes on what a worker writes, in whole lines: to a stream, each batch of lines in one call, so that
/// the lines of several workers never mix, and bytes pass as they are; or to a callback, each line in one call. It ends
/// with the worker's stream, and not before, whatever it is that a callback throws.
final class OutputPump extends Thread {

    /// A longer line, such as binary data without any line feed, is passed on in pieces of this many bytes.
    private static final int LONGEST_LINE = 1 << 23;

    private static final Duration QUIET = Duration.ofMillis(100);

    private final InputStream from;
    private final Supplier<PrintStream> stream;
    private final @Nullable Consumer<String> callback; // null: to the stream
    /// Odd while the thread waits for input.
    private volatile int step;
    /// Since when it waits for the stream or the callback to take something; 0 if it does not.
    private volatile long passingNanos;
    /// What else the worker writes is thrown away.
    private volatile boolean dropping;

    OutputPump(String name, InputStream from, Supplier<PrintStream> stream, @Nullable Consumer<String> callback) {
        super(null, null, name, 0, false);
        this.from = from;
        this.stream = stream;
        this.callback = callback;
        setDaemon(true);
    }

    @Override
    public void run() {
        byte[] buffer = new byte[8192];
        int used = 0; // what is left of the last batch; there is no line feed in it
        for (int count; !dropping && (count = read(buffer, used)) >= 0;) {
            int end = used + count;
            int lines = endOfLastLine(buffer, used, end);
            if (lines > 0) {
                pass(buffer, lines);
                System.arraycopy(buffer, lines, buffer, 0, end - lines);
            }
            used = end - lines;
            if (used == LONGEST_LINE) {
                pass(buffer, used);
                used = 0;
            } else if (used == buffer.length) {
                byte[] longer = longer(buffer);
                if (longer == buffer) {
                    pass(buffer, used);
                    used = 0;
                }
                buffer = longer;
            }
        }
        if (used > 0) {
            pass(buffer, used);
        }
    }

    @SuppressWarnings("NonAtomicOperationOnVolatileField") // no other thread writes it
    private int read(byte[] buffer, int start) {
        step++;
        try {
            return from.read(buffer, start, buffer.length - start);
        } catch (IOException e) {
            return -1; // closed
        } finally {
            step++;
        }
    }

    /// The offset after the last line feed at or after start, or 0 if there is none.
    private static int endOfLastLine(byte[] buffer, int start, int end) {
        for (int i = end; i > start; i--) {
            if (buffer[i - 1] == '\n') return i;
        }
        return 0;
    }

    private static byte[] longer(byte[] buffer) {
        try {
            return Arrays.copyOf(buffer, 2 * buffer.length);
        } catch (OutOfMemoryError e) {
            return buffer; // then lines are cut there
        }
    }

    private void pass(byte[] buffer, int length) {
        if (callback == null) {
            attempt(() -> {
                PrintStream to = stream.get();
                to.write(buffer, 0, length);
                to.flush();
            });
            return;
        }
        attempt(() -> {
            Iterator<String> lines = new String(buffer, 0, length, StandardCharsets.UTF_8).lines().iterator();
            while (lines.hasNext()) {
                String line = lines.next();
                attempt(() -> callback.accept(line));
            }
        });
    }

    /// Nothing that is thrown may stop the pump: the worker would block once the pipe is full.
    private void attempt(Runnable pass) {
        if (dropping) return;
        passingNanos = System.nanoTime() | 1;
        try {
            pass.run();
        } catch (Throwable e) {
            report(e);
        } finally {
            passingNanos = 0;
        }
    }

    private void report(Throwable thrown) {
        try {
            getUncaughtExceptionHandler().uncaughtException(this, thrown);
        } catch (Throwable e) { // from a handler of the application's
            try {
                thrown.addSuppressed(e);
                thrown.printStackTrace();
            } catch (Throwable last) {
                // There is no one left to tell.
            }
        }
    }

    /// Waits, once the worker is gone, until all that it wrote has been passed on. Its own end of the pipe is closed
    /// then, but a process that it started may hold another: a pump that just waits for input has nothing of the
    /// worker's any more, and goes on by itself.
    void awaitWorkersLast() throws InterruptedException {
        int before;
        do {
            before = step;
        } while (!join(QUIET) && !dropping && !(step == before && (before & 1) == 1));
    }

    /// When this process ends: a callback that ends it does not return from that, and another one may wait for that
    /// callback. The worker must not block on a full pipe then, and nothing may wait for the rest of its output.
    ///
    /// @param patienceNanos how long a callback may take
    void dropIfStuck(long patienceNanos) {
        long since = passingNanos;
        if (dropping || since == 0) return;
        // a stream may wait for its reader
        boolean isLate = callback != null && System.nanoTime() - since >= patienceNanos;
        if (!isLate && !EndSignals.isIn(this, "java.lang.Shutdown")) return;
        dropping = true;
        Thread.ofPlatform().daemon().name(getName() + " rest").start(() -> {
            try {
                from.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) {
                // closed
            }
        });
    }
}
