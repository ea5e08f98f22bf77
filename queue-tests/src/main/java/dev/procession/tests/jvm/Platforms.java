package dev.procession.tests.jvm;

import java.util.ArrayList;
import java.util.List;

/// How the processes of a storm, or of a scenario, use the system.
public enum Platforms {
    /// All as this one does.
    NATIVE,
    /// All with what the JDK has.
    PORTABLE,
    /// Half of them in a storm; in a scenario the one under test.
    MIXED;

    static final String PROPERTY = "dev.procession.platform";
    private static final String PORTABLY = "portable";

    /// Makes this process one of them, which has to be before it uses its first queue.
    public void join() {
        if (this == PORTABLE) System.setProperty(PROPERTY, PORTABLY);
    }

    /// The commands that start processes, to be used in turn.
    public List<List<String>> start(List<String> command) {
        var portable = new ArrayList<>(command);
        portable.add(1, "-D" + PROPERTY + "=" + PORTABLY);
        return switch (this) {
            case NATIVE -> List.of(command);
            case PORTABLE -> List.of(portable);
            case MIXED -> List.of(command, portable);
        };
    }
}
