package dev.procession.core;

/// The processors of this machine, for pinning threads and processes to them.
public final class Cpus {
    private Cpus() {}

    /// Returns the numbers of the processors that the calling thread may run on, ascending; empty if the platform cannot
    /// tell.
    ///
    /// @return processor numbers as the kernel counts them
    public static int[] available() {
        return Platform.CURRENT.cpus();
    }

    /// Restricts the calling platform thread to these processors. Threads and processes that it starts later inherit that.
    ///
    /// @param cpus processor numbers
    /// @return whether it was done; false if the platform cannot, or no such processor is available
    public static boolean pin(int... cpus) {
        return Platform.CURRENT.pin(cpus);
    }

    /// Restricts all threads of this process to these processors, those of the JVM included. What they start later inherits
    /// that.
    ///
    /// @param cpus processor numbers
    /// @return whether it was done; false if the platform cannot, or no such processor is available
    public static boolean pinProcess(int... cpus) {
        return Platform.CURRENT.pinProcess(cpus);
    }
}
