package dev.procession.tests.jvm;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/// Sends signals to processes that this one has started. Starting `kill` for each would cost milliseconds.
public final class Signals {
    private static final int SIGQUIT = 3, SIGCONT = 18, SIGSTOP = 19; // on x86 and ARM
    @SuppressWarnings("restricted")
    private static final MethodHandle KILL = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("kill"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    @SuppressWarnings("restricted")
    private static final MethodHandle SIGNAL = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("signal"),
                    FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));

    private Signals() {}

    /// If this process was told to ignore a signal, it does no longer, and so do not those that it starts.
    public static void restore(int number) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (!line.startsWith("SigIgn:")) continue;
                if ((Long.parseUnsignedLong(line.substring(7).strip(), 16) >> number - 1 & 1) == 0) return;
                var ignored = (MemorySegment) SIGNAL.invokeExact(number, MemorySegment.NULL); // SIG_DFL
            }
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /// SIGSTOP; the process may run on for a moment.
    public static void stop(Process process) {
        stop(process.toHandle());
    }

    /// The same.
    public static void stop(ProcessHandle process) {
        send(process, SIGSTOP);
    }

    /// SIGCONT.
    public static void resume(Process process) {
        resume(process.toHandle());
    }

    /// The same.
    public static void resume(ProcessHandle process) {
        send(process, SIGCONT);
    }

    /// SIGQUIT, upon which a JVM prints what its threads are doing.
    public static void dump(Process process) {
        dump(process.toHandle());
    }

    /// The same.
    public static void dump(ProcessHandle process) {
        send(process, SIGQUIT);
    }

    private static void send(ProcessHandle process, int signal) {
        if (!process.isAlive()) return; // never to a number that may be another process's by now
        try {
            int ignored = (int) KILL.invokeExact(Math.toIntExact(process.pid()), signal);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }
}
