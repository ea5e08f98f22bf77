package dev.procession.tests.fuzz;

import com.sun.management.ThreadMXBean;
import dev.procession.core.LaneQueue;
import dev.procession.core.Message;
import dev.procession.core.QueueCorruptedException;
import dev.procession.core.QueueEndedException;
import dev.procession.core.QueueShutDownException;
import dev.procession.core.QueueUnavailableException;
import java.io.Serializable;
import java.lang.management.ManagementFactory;

/// Makes calls on a queue whose file is being damaged: each must give a value, or say that the file is damaged or
/// not to be had, in little time and memory. Belongs to one thread.
final class Meter {
    /// The longest that one call may take, in processor time of its thread: the clock would tell of other processes.
    static final long MOST_CPU_NANOS = 100_000_000;

    /// The most heap that one call may take: the private copy of a run, or the arrays of a consumer, and some more.
    static final long MOST_BYTES = 1 << 20;

    /// What became of some calls.
    ///
    /// @param rounds in which they were made
    /// @param values calls that gave a value
    /// @param damages calls that said that the file is damaged
    /// @param refusals calls that said that it is no queue, or not to be had
    /// @param cpuNanos the most that one call took
    /// @param bytes the most that one call allocated
    record Tally(long rounds, long values, long damages, long refusals, long cpuNanos, long bytes)
            implements Serializable {
        static final Tally NONE = new Tally(0, 0, 0, 0, 0, 0);

        Tally plus(Tally other) {
            return new Tally(rounds + other.rounds, values + other.values, damages + other.damages,
                    refusals + other.refusals, Math.max(cpuNanos, other.cpuNanos), Math.max(bytes, other.bytes));
        }

        @Override
        public String toString() {
            return "rounds=" + rounds + " values=" + values + " damages=" + damages + " refusals=" + refusals
                    + " most_cpu_ms=" + cpuNanos / 1_000_000 + " most_allocated_bytes=" + bytes
                    + " crashes=0 hangs=0 other=0";
        }
    }

    /// Longer than any message of the queues that are damaged here.
    private static final int BUFFER_BYTES = 512 << 10;

    interface Call {
        void make() throws InterruptedException;
    }

    private final byte[] buffer = new byte[BUFFER_BYTES];
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private boolean warm;
    private long values;
    private long damages;
    private long refusals;
    private long mostCpu;
    private long mostBytes;

    /// From now on time and memory are looked at, too: until here, classes were loaded.
    void begin() {
        warm = true;
        values = damages = refusals = mostCpu = mostBytes = 0;
    }

    /// What is put, and where to it is got.
    byte[] buffer() {
        return buffer;
    }

    /// Looks at a message that was handed out.
    void see(Message message, LaneQueue queue) {
        assertLength(message.length(), queue);
        message.getBytes(0, buffer, 0, message.length());
    }

    /// Whatever is in the file, a message has a length that it can have.
    static void assertLength(int length, LaneQueue queue) {
        if (length > queue.maxMessageBytes()) throw new AssertionError("a message of length=" + length);
    }

    Tally tally(long rounds) {
        return new Tally(rounds, values, damages, refusals, mostCpu, mostBytes);
    }

    /// Returns whether the call gave a value.
    boolean call(String name, Call call) {
        long bytes = threads.getCurrentThreadAllocatedBytes();
        long cpu = threads.getCurrentThreadCpuTime();
        boolean value = false;
        try {
            call.make();
            value = true;
        } catch (QueueCorruptedException e) {
            damages++;
        } catch (QueueUnavailableException | QueueShutDownException | QueueEndedException e) {
            refusals++;
        } catch (InterruptedException | RuntimeException | Error e) {
            throw new AssertionError(name + " must give a value or say what is wrong with the file", e);
        }
        if (value) values++;
        if (!warm) return value;
        cpu = threads.getCurrentThreadCpuTime() - cpu;
        bytes = threads.getCurrentThreadAllocatedBytes() - bytes;
        mostCpu = Math.max(mostCpu, cpu);
        mostBytes = Math.max(mostBytes, bytes);
        if (cpu > MOST_CPU_NANOS) throw new AssertionError(name + " took " + cpu / 1_000_000 + " ms of processor time");
        if (bytes > MOST_BYTES) throw new AssertionError(name + " allocated " + bytes + " bytes");
        return value;
    }
}
