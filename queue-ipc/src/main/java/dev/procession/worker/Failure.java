package dev.procession.worker;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What can be said of an exception whose methods may throw themselves, return null, or say too much.
///
/// @param exceptionClass its class's name
/// @param message        its message; a long one is cut off
/// @param stackTrace     what `printStackTrace` prints; if that fails or is too much, its class, message and frames,
///     and those of its causes
public record Failure(String exceptionClass, @Nullable String message, String stackTrace) {
    /// What an exception's own text is, for a sentence about it.
    ///
    /// @param failure the exception
    /// @return what its `toString` gives, or its class if that throws
    public static String text(Throwable failure) {
        try {
            return shortened(String.valueOf(failure.toString()), 1 << 20);
        } catch (Throwable e) {
            return failure.getClass().getName();
        }
    }

    /// As long as a reader may want it.
    static Failure whole(Throwable failure) {
        return of(failure, 1 << 20, 1 << 21);
    }

    /// So short that it is sure to fit into an [ExitRecord].
    static Failure brief(Throwable failure) {
        return of(failure, 400, 3200);
    }

    private static Failure of(Throwable failure, int mostOfMessage, int mostOfTrace) {
        String name = failure.getClass().getName();
        try {
            String message = message(failure, mostOfMessage);
            String trace = print(failure, mostOfTrace);
            return new Failure(name, message, trace != null ? trace : describe(failure, mostOfMessage, mostOfTrace));
        } catch (Throwable e) { // out of memory, say
            return new Failure(name, null, name + "\n");
        }
    }

    private static @Nullable String message(Throwable failure, int most) {
        try {
            String message = failure.getMessage();
            return message == null ? null : shortened(message, most);
        } catch (Throwable e) {
            return "(its getMessage() threw " + what(e, most) + ")";
        }
    }

    /// The class and message of what a method of an exception threw, which may do so too.
    private static String what(Throwable thrown, int most) {
        String name = thrown.getClass().getName();
        try {
            String message = thrown.getMessage();
            return message == null ? name : name + ": " + shortened(message, most);
        } catch (Throwable again) {
            return name;
        }
    }

    private static String shortened(String text, int most) {
        return text.length() <= most ? text : text.substring(0, most) + "... (" + text.length() + " characters)";
    }

    /// What `printStackTrace` prints, or null if it does not print all, or more than we want.
    private static @Nullable String print(Throwable failure, int most) {
        Text text = new Text(most);
        try {
            failure.printStackTrace(new PrintWriter(text));
        } catch (Throwable e) {
            return null;
        }
        return text.isFull || text.text.isEmpty() ? null : text.text.toString();
    }

    private static final class Text extends Writer {
        final StringBuilder text = new StringBuilder();
        final int most;
        boolean isFull;

        Text(int most) {
            this.most = most;
        }

        @Override
        public void write(char[] chars, int offset, int count) {
            isFull |= count > most - text.length();
            if (!isFull) text.append(chars, offset, count);
        }

        @Override
        public void write(String string, int offset, int count) {
            isFull |= count > most - text.length();
            if (!isFull) text.append(string, offset, offset + count);
        }

        @Override
        public void flush() {}

        @Override
        public void close() throws IOException {}
    }

    /// In the form of `printStackTrace`.
    private static String describe(Throwable failure, int mostOfMessage, int most) {
        StringBuilder text = new StringBuilder();
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Throwable each = failure; each != null && seen.add(each) && text.length() < most; each =
                cause(each)) {
            if (each != failure) text.append("Caused by: ");
            text.append(each.getClass().getName());
            String message = message(each, mostOfMessage);
            if (message != null) text.append(": ").append(message);
            text.append('\n').append(frames(each));
        }
        return text.length() <= most ? text.toString() : text.substring(0, most);
    }

    private static @Nullable Throwable cause(Throwable failure) {
        try {
            return failure.getCause();
        } catch (Throwable e) {
            return null;
        }
    }

    private static String frames(Throwable failure) {
        StringBuilder text = new StringBuilder();
        try {
            for (StackTraceElement frame : failure.getStackTrace()) text.append("\tat ").append(frame).append('\n');
            return text.toString();
        } catch (Throwable e) {
            // or null: then as the cause of another one, which does not ask it, but for its toString()
            try {
                Text printed = new Text(Integer.MAX_VALUE);
                new Wrapper(failure).printStackTrace(new PrintWriter(printed));
                return printed.text.substring(printed.text.indexOf("\tat "));
            } catch (Throwable again) {
                return "";
            }
        }
    }

    private static final class Wrapper extends Throwable {
        private static final long serialVersionUID = 1;

        Wrapper(Throwable wrapped) {
            super(null, wrapped, false, false);
        }
    }
}
