package dev.procession.worker;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// What a spare JVM does until it is a worker, and how it is made one: see [WarmPool].
///
/// It does once what most tasks do, says by one byte on its standard output that it is ready, and sleeps until its
/// standard input brings the arguments of a worker, and then the task as to any other one. If the standard input ends
/// instead, its parent is gone, however it went, and so it goes too.
final class SpareMain {
    /// In place of a worker's arguments; tools that list processes show it.
    static final String ARGUMENT = "spare";
    /// The ready byte; no text that a JVM might print while it comes up has it.
    static final int READY = 0;

    private SpareMain() {}

    /// In the parent: makes the spare into a worker, except for its task.
    ///
    /// @param arguments of [ChildMain]
    static void assign(List<String> arguments, OutputStream standardInput) throws IOException {
        DataOutputStream out = new DataOutputStream(standardInput);
        for (String argument : arguments) {
            byte[] bytes = argument.getBytes(StandardCharsets.UTF_8);
            out.writeInt(bytes.length);
            out.write(bytes);
        }
        out.flush();
    }

    /// Gets ready, and waits to become a worker.
    ///
    /// @param count of the arguments
    /// @return the arguments of [ChildMain]
    static String[] awaitAssignment(int count, InputStream standardInput, Tasks tasks) throws IOException {
        try {
            tasks.warmUp();
        } catch (Exception e) {
            // Then it is not as warm as it could be. A task that needs what failed here will say so.
        }
        new FileOutputStream(FileDescriptor.out).write(READY);
        DataInputStream in = new DataInputStream(standardInput);
        String[] arguments = new String[count];
        try {
            for (int i = 0; i < arguments.length; i++) {
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                arguments[i] = new String(bytes, StandardCharsets.UTF_8);
            }
        } catch (EOFException e) {
            Runtime.getRuntime().halt(0);
        }
        return arguments;
    }
}
