package dev.procession.worker;

import java.util.Arrays;

/// The signals that have asked this JVM to end. No API tells, but the threads do on which the JDK handles them: one for
/// each signal, with its name, inside of `java.lang.Terminator`. The first one runs the shutdown hooks, unless the JVM
/// was ending already; the others wait for that to be over. (Handling signals ourselves would take them from the
/// application.)
final class EndSignals {
    private static final String[] HANDLERS = new String[16]; // by signal number

    static {
        HANDLERS[1] = "SIGHUP handler";
        HANDLERS[2] = "SIGINT handler";
        HANDLERS[15] = "SIGTERM handler";
    }

    private EndSignals() {}

    /// The number of the signal that makes this JVM shut down, or 0 if none does: for use in a shutdown hook.
    static int cause() {
        for (Thread thread : threads()) {
            int signal = signal(thread);
            if (signal > 0 && isIn(thread, "java.lang.ApplicationShutdownHooks")) return signal;
        }
        return 0;
    }

    /// How often each signal has come, by its number; also those that came when the JVM was ending already.
    static int[] seen() {
        int[] seen = new int[HANDLERS.length];
        for (Thread thread : threads()) seen[signal(thread)]++;
        seen[0] = 0;
        return seen;
    }

    static boolean any(int[] seen) {
        for (int count : seen) if (count > 0) return true;
        return false;
    }

    /// Whether the JVM has been asked once more. A worker may get two signals that mean the same: Ctrl-C goes to all
    /// processes of a terminal, and then its parent terminates it. So for a worker only the same signal counts.
    static boolean isRepeated(int[] before, int[] now, boolean isWorker) {
        for (int signal = 0; signal < now.length; signal++) {
            if (now[signal] > before[signal] && (!isWorker || now[signal] > 1)) return true;
        }
        return false;
    }

    private static int signal(Thread thread) {
        for (int signal = 1; signal < HANDLERS.length; signal++) {
            if (thread.getName().equals(HANDLERS[signal])) return isIn(thread, "java.lang.Terminator") ? signal : 0;
        }
        return 0;
    }

    /// Whether a thread is inside a method of a class, or of one that is nested in it.
    static boolean isIn(Thread thread, String className) {
        for (StackTraceElement frame : thread.getStackTrace()) {
            String name = frame.getClassName();
            if (name.startsWith(className) && (name.length() == className.length()
                    || name.charAt(className.length()) == '$')) {
                return true;
            }
        }
        return false;
    }

    /// All platform threads; much cheaper than all their stacks.
    private static Thread[] threads() {
        ThreadGroup root = Thread.currentThread().getThreadGroup();
        while (root.getParent() != null) root = root.getParent();
        Thread[] threads = new Thread[16];
        int count;
        while ((count = root.enumerate(threads)) == threads.length) threads = new Thread[2 * count];
        return Arrays.copyOf(threads, count);
    }
}
