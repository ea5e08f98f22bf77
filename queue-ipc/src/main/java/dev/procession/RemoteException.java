package dev.procession;

import java.io.Serial;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What stands for an exception that a task of a [WorkerPool] has thrown, where that exception itself cannot travel:
/// it has a field that is not serializable, or a class that this process does not have. It prints as the other one did.
/// Message, stack trace, cause and suppressed exceptions are those of the other one, each of them such a stand-in, too;
/// its own fields are missing.
///
/// {@snippet file="PoolExamplesTest.java" region="remote"}
public final class RemoteException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    /// Of causes in a row, and of suppressed exceptions of one.
    private static final int MOST = 100;

    private final String className;
    private final String text;

    private RemoteException(String className, @Nullable String message, String text) {
        super(message);
        this.className = className;
        this.text = text;
    }

    /// Never throws, whatever the other's methods do.
    static RemoteException of(Throwable other) {
        return of(other, Collections.newSetFromMap(new IdentityHashMap<>()));
    }

    private static RemoteException of(Throwable other, Set<Throwable> seen) {
        seen.add(other);
        String name = other.getClass().getName();
        String message;
        String text;
        try {
            message = other.getMessage();
        } catch (Throwable e) {
            message = "(its getMessage() threw " + e.getClass().getName() + ")";
        }
        try {
            text = String.valueOf(other.toString());
        } catch (Throwable e) {
            text = message == null ? name : name + ": " + message;
        }
        RemoteException made = new RemoteException(name, message, text);
        try {
            made.setStackTrace(other.getStackTrace());
            Throwable cause = other.getCause();
            if (cause != null && seen.size() < MOST && !seen.contains(cause)) made.initCause(of(cause, seen));
            for (Throwable each : other.getSuppressed()) {
                if (seen.size() < MOST && !seen.contains(each)) made.addSuppressed(of(each, seen));
            }
        } catch (Throwable e) {
            made.addSuppressed(new IllegalStateException("the rest of it could not be read: " + e.getClass()));
        }
        return made;
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
