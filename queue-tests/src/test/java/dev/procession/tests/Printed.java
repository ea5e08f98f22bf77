package dev.procession.tests;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.Callable;

/// What a command left that was run in this process: one that only says something needs no JVM of its own.
public record Printed(int status, String stdout, String stderr) {
    /// Runs it to its end.
    public static Printed by(Callable<Integer> command) throws Exception {
        PrintStream out = System.out;
        PrintStream err = System.err;
        var stdout = new ByteArrayOutputStream();
        var stderr = new ByteArrayOutputStream();
        try (var toStdout = new PrintStream(stdout); var toStderr = new PrintStream(stderr)) {
            System.setOut(toStdout);
            System.setErr(toStderr);
            int status = command.call();
            return new Printed(status, stdout.toString(), stderr.toString());
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    public List<String> lines() {
        return stdout.lines().toList();
    }
}
