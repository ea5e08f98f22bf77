package dev.procession.shutdown;

import java.util.ArrayList;
import java.util.List;

/// What happens when this JVM ends, stage by stage: one shutdown hook for the whole library. Each part adds what it has
/// to do when it is first used, so a process with queues and without workers has nothing to do with workers here
/// either.
///
/// The hooks and threads of the application go on meanwhile, and after this. So nothing that they may use is closed
/// here: the kernel does that when the JVM is gone.
public final class ShutdownSequence {
    /// In this order.
    public enum Stage {
        /// In a worker of a pool, the task that runs has the grace time.
        TASKS,
        /// Processes that only serve this one end: the one that makes the startup cache, spare JVMs.
        HELPERS,
        /// Non-daemon workers are waited for; if a signal makes this JVM end they are terminated, and those of pools,
        /// too, and killed after a grace time.
        WORKERS,
        /// Anonymous queues that were not closed lose their names, unless another process has them open.
        QUEUES,
        /// What killed processes left on record is removed.
        RECORDS
    }

    private static final int STAGES = Stage.values().length;
    private static final List<List<Runnable>> actions = new ArrayList<>(); // by stage; these are guarded by the class
    private static boolean hooked;
    private static int begun = -1; // the stage; -1: the JVM is not ending

    static {
        for (int stage = 0; stage < STAGES; stage++) actions.add(new ArrayList<>());
    }

    private ShutdownSequence() {}

    /// Adds what is to be done at the end.
    ///
    /// @param stage when
    /// @param action what; actions of the same stage run in the order in which they were added
    /// @return false if it is too late for that: the stage has begun, or the JVM is ending and nothing was added before
    public static synchronized boolean add(Stage stage, Runnable action) {
        if (begun >= stage.ordinal()) return false;
        if (!hooked) {
            try {
                Runtime.getRuntime().addShutdownHook(new Hook());
            } catch (IllegalStateException e) { // it is ending
                begun = STAGES;
                return false;
            }
            hooked = true;
        }
        actions.get(stage.ordinal()).add(action);
        return true;
    }

    /// {@return whether the JVM is ending, as far as is known here: it is, or nothing was ever added}
    public static synchronized boolean hasBegun() {
        return begun >= 0;
    }

    /// (No lambda: the first one costs a JVM some milliseconds.)
    private static final class Hook extends Thread {
        Hook() {
            super("procession exit");
        }

        @Override
        public void run() {
            for (int stage = 0; stage < STAGES; stage++) {
                for (Runnable action : begin(stage)) action.run();
            }
        }
    }

    private static synchronized List<Runnable> begin(int stage) {
        begun = stage;
        return actions.get(stage); // none is added any more
    }
}
