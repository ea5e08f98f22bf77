package dev.procession.cli;

import dev.procession.core.QueueException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/// How a command says that it was not understood (exit status 2), or that it failed (1).
public final class CommandErrors {
    private CommandErrors() {}

    /// Lets a command and its subcommands do so.
    ///
    /// @return the same command line
    public static CommandLine explainedBy(CommandLine command) {
        return command
                .setParameterExceptionHandler((misuse, arguments) -> explain(misuse))
                .setExecutionExceptionHandler((failure, failed, arguments) -> report(failure, failed));
    }

    /// Where a command is nothing but its subcommands, the list of them helps; an option is mended by one line.
    private static int explain(ParameterException misuse) {
        CommandLine command = misuse.getCommandLine();
        PrintWriter err = command.getErr();
        String name = command.getCommandSpec().qualifiedName();
        boolean isGroup = !command.getSubcommands().isEmpty()
                && !(command.getCommandSpec().userObject() instanceof Callable);
        if (isGroup) {
            err.println(name + ": " + misuse.getMessage());
            command.usage(err);
        } else {
            err.println(name + ": " + misuse.getMessage() + " (see " + name + " --help)");
        }
        return CommandLine.ExitCode.USAGE;
    }

    /// What the machine refuses is told in one line. Anything else is a mistake of ours, which needs its stack trace.
    private static int report(Exception failure, CommandLine command) {
        PrintWriter err = command.getErr();
        if (failure instanceof QueueException || failure instanceof UncheckedIOException) {
            err.println(command.getCommandSpec().qualifiedName() + ": " + failure.getMessage());
        } else {
            failure.printStackTrace(err);
        }
        return CommandLine.ExitCode.SOFTWARE;
    }
}
