package dev.procession;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Arrays;

/// A thread that passes on what a worker writes, in whole lines, each batch of lines in one call: so the lines of
/// several workers never mix. Bytes pass as they are. It ends with the stream.
final class LinePump extends Thread {

    /// Takes bytes 0 to length - 1 of an array, which is only lent.
    interface Sink {
        void accept(byte[] bytes, int length);
    }

    /// A longer line, such as binary data without any line feed, is passed on in pieces of this many bytes.
    private static final int LONGEST_LINE = 1 << 23;

    private static final Duration QUIET = Duration.ofMillis(100);

    private final InputStream from;
    private final Sink to;
    /// Odd while the thread waits for input.
    private volatile int step;

    LinePump(String name, InputStream from, Sink to) {
        super(null, null, name, 0, false);
        this.from = from;
        this.to = to;
        setDaemon(true);
    }

    @Override
    public void run() {
        byte[] buffer = new byte[8192];
        int used = 0; // what is left of the last batch; there is no line feed in it
        for (int count; (count = read(buffer, used)) >= 0;) {
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
                buffer = Arrays.copyOf(buffer, 2 * used);
            }
        }
        if (used > 0) {
            pass(buffer, used);
        }
    }

    @SuppressWarnings("NonAtomicOperationOnVolatileField") // nobody else writes it
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

    /// The offset behind the last line feed at or after start, or 0 if there is none.
    private static int endOfLastLine(byte[] buffer, int start, int end) {
        for (int i = end; i > start; i--) {
            if (buffer[i - 1] == '\n') {
                return i;
            }
        }
        return 0;
    }

    /// A sink that throws must not stop the pump: the worker would block once the pipe is full.
    private void pass(byte[] buffer, int length) {
        try {
            to.accept(buffer, length);
        } catch (RuntimeException e) {
            getUncaughtExceptionHandler().uncaughtException(this, e);
        }
    }

    /// Waits, once the worker is gone, until all that it wrote has been passed on. Its own end of the pipe is closed
    /// then, but a process that it started may hold another: a pump that just waits for input has nothing of the
    /// worker's any more, and goes on by itself.
    void awaitWorkersLast() throws InterruptedException {
        int before;
        do {
            before = step;
        } while (!join(QUIET) && !(step == before && (before & 1) == 1));
    }
}
