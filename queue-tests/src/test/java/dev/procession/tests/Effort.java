package dev.procession.tests;

/// How much of the same a test does: some of it in each build, more of it in the long run (`-Dlong`).
public final class Effort {
    /// Whether this is the long run.
    public static final boolean LONG = System.getProperty("long") != null;

    private Effort() {}

    /// How many spare JVMs a parent keeps whose workers are tested.
    public static int[] spares() {
        return LONG ? new int[] {0, 2} : new int[] {0};
    }

    /// How often.
    public static int of(int usual, int thorough) {
        return LONG ? thorough : usual;
    }
}
