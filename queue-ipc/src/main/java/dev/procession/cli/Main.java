package dev.procession.cli;

import dev.procession.core.QueueException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;

/// The command line of Procession.
///
/// Exit status: 0 if all went well, 1 if something failed, 2 if the command was not understood.
@Command(
        name = "procession",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        description = "A queue shared by processes, and workers on every core to use it.",
        subcommands = {Demo.class, Example.class},
        footer = {"", "From its sources, also: procession bench --help"})
public final class Main {
    private static volatile boolean ended; // the command, by itself

    private Main() {}

    /// Runs a command and ends the process.
    ///
    /// @param args the command and its options
    public static void main(String[] args) {
        Runtime.getRuntime().addShutdownHook(new Thread(Main::silence));
        int status = new CommandLine(new Main())
                .setParameterExceptionHandler(Main::explain)
                .setExecutionExceptionHandler(Main::report)
                .execute(args);
        ended = true;
        System.exit(status);
    }

    /// After Ctrl-C, what a command finds out about its dying workers is no news.
    private static void silence() {
        if (!ended) {
            System.out.close();
            System.err.close();
        }
    }

    /// Where a command has subcommands, the list of them helps; an option is mended by one line.
    private static int explain(ParameterException misuse, String[] args) {
        CommandLine command = misuse.getCommandLine();
        PrintWriter err = command.getErr();
        String name = command.getCommandSpec().qualifiedName();
        if (command.getSubcommands().isEmpty()) {
            err.println(name + ": " + misuse.getMessage() + " (see " + name + " --help)");
        } else {
            err.println(name + ": " + misuse.getMessage());
            command.usage(err);
        }
        return CommandLine.ExitCode.USAGE;
    }

    /// What the machine refuses is told in one line. Anything else is a mistake of ours, which needs its stack trace.
    private static int report(Exception failure, CommandLine command, CommandLine.ParseResult arguments) {
        PrintWriter err = command.getErr();
        if (failure instanceof QueueException || failure instanceof UncheckedIOException) {
            err.println(command.getCommandSpec().qualifiedName() + ": " + failure.getMessage());
        } else {
            failure.printStackTrace(err);
        }
        return CommandLine.ExitCode.SOFTWARE;
    }

    /// The version that the jar was built as.
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {"procession " + (version == null ? "(not from a jar)" : version)};
        }
    }
}
