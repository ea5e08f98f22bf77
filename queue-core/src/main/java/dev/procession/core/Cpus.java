package dev.procession.core;

import dev.procession.core.os.Os;

/// The processors of this machine, for pinning threads and processes to them.
public final class Cpus {
    private Cpus() {}

    /// Returns the numbers of the processors that the calling thread may run on, ascending; empty if the platform
    /// cannot tell.
    ///
    /// @return processor numbers as the kernel counts them
    public static int[] available() {
        return Os.CURRENT.cpus();
    }

    /// Returns the processors that the calling thread may use as a whole. A container's quota, or
    /// `-XX:ActiveProcessorCount`, can be less than the processors that it may run on; to be pinned to some of them
    /// would then be no use.
    ///
    /// @return as [#available()], or empty if [Runtime#availableProcessors()] is another number
    public static int[] whole() {
        int[] available = available();
        return available.length == Runtime.getRuntime().availableProcessors() ? available : new int[0];
    }

    /// Restricts the calling platform thread to these processors. Threads and processes that it starts later inherit
    /// that.
    ///
    /// @param cpus processor numbers
    /// @return whether it was done; false if the platform cannot, or no such processor is available
    public static boolean pin(int... cpus) {
        return Os.CURRENT.pin(cpus);
    }

    /// Restricts all threads of this process to these processors, those of the JVM included. What they start later
    /// inherits that.
    ///
    /// @param cpus processor numbers
    /// @return whether it was done; false if the platform cannot, or no such processor is available
    public static boolean pinProcess(int... cpus) {
        return Os.CURRENT.pinProcess(cpus);
    }
}
