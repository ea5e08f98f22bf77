package dev.procession.worker;

import java.io.PrintStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Where one of a worker's two output streams goes.
///
/// @param error which one: the standard error or the standard output
/// @param redirect where to; a pipe: to the callback or to our own stream
/// @param lines the callback
public record WorkerOutput(boolean error, Redirect redirect, @Nullable Consumer<String> lines) {
    /// The standard output, to that of this process.
    public static final WorkerOutput STDOUT = new WorkerOutput(false, Redirect.PIPE, null);
    /// The standard error, to that of this process.
    public static final WorkerOutput STDERR = new WorkerOutput(true, Redirect.PIPE, null);

    /// This stream, but to another place.
    ///
    /// @param to where to
    /// @return the new output
    /// @throws IllegalArgumentException if it is a pipe
    public WorkerOutput to(Redirect to) {
        if (to == Redirect.PIPE || to.type() == Redirect.Type.READ) {
            throw new IllegalArgumentException("to=" + to + ": nobody would read what is written there.");
        }
        return new WorkerOutput(error, to, null);
    }

    /// This stream, but line by line to a callback.
    ///
    /// @param lines the callback
    /// @return the new output
    public WorkerOutput to(Consumer<String> lines) {
        return new WorkerOutput(error, Redirect.PIPE, Objects.requireNonNull(lines, "lines"));
    }

    boolean isPiped() {
        return redirect == Redirect.PIPE;
    }

    /// What ends up in our own stream has to be encoded like the rest of it.
    Charset charset() {
        boolean isOurs = redirect == Redirect.INHERIT || (isPiped() && lines == null);
        return isOurs ? ourStream().charset() : StandardCharsets.UTF_8;
    }

    PrintStream ourStream() {
        return error ? System.err : System.out;
    }
}
