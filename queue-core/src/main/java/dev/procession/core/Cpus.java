package dev.procession.core;

import dev.procession.core.os.Os;

/// The CPUs of this machine, for pinning threads and processes.
///
/// Thread-safe.
///
/// {@snippet file="CoreExamples.java" region="cpus"}
public final class Cpus {
    private Cpus() {}

    /// Returns the numbers of the CPUs that the calling thread may run on, ascending; empty if the platform cannot
    /// tell.
    ///
    /// @return CPU numbers as the kernel counts them
    public static int[] available() {
        return Os.CURRENT.cpus();
    }

    /// Returns the CPUs that the calling thread may use in full. A container's quota, or `-XX:ActiveProcessorCount`,
    /// can be less than the CPUs that it may run on; pinning to some of them would then be useless.
    ///
    /// @return as [#available()], or empty if [Runtime#availableProcessors()] is another number
    public static int[] whole() {
        int[] available = available();
        return available.length == Runtime.getRuntime().availableProcessors() ? available : new int[0];
    }

    /// Pins the calling platform thread to these CPUs. Threads and processes that it starts later inherit that.
    ///
    /// @param cpus CPU numbers
    /// @return whether it was pinned; false if the platform cannot, or none of these CPUs is available
    public static boolean pin(int... cpus) {
        return Os.CURRENT.pin(cpus);
    }

    /// Pins all threads of this process to these CPUs, those of the JVM included. Threads and processes started later
    /// inherit that.
    ///
    /// @param cpus CPU numbers
    /// @return whether they were pinned; false if the platform cannot, or none of these CPUs is available
    public static boolean pinProcess(int... cpus) {
        return Os.CURRENT.pinProcess(cpus);
    }
}
