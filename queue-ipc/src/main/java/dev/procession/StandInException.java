package dev.procession;

import java.io.Serial;

/// What the reader of [Codec#object(Class...)] gets in place of an exception whose class is not on the list, where that
/// is the cause of one whose class is, or suppressed by it: no list can foresee all of those. It prints as the other
/// one did. Message, stack trace, cause and suppressed exceptions are those of the other one; its own fields are
/// missing.
///
/// {@snippet file="ExamplesTest.java" region="stand-in"}
public final class StandInException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    private final String className;
    private final String text;

    StandInException(Throwable other) {
        super(other.getMessage());
        className = other.getClass().getName();
        text = other.toString();
        setStackTrace(other.getStackTrace());
        initCause(other.getCause());
        for (Throwable suppressed : other.getSuppressed()) {
            addSuppressed(suppressed);
        }
    }

    /// Returns the class of the exception that this one stands for.
    ///
    /// @return the name, as of [Class#getName()]
    public String className() {
        return className;
    }

    /// Returns what the exception that this one stands for says.
    @Override
    public String toString() {
        return text;
    }
}
