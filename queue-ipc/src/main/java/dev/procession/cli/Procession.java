package dev.procession.cli;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;

/// The command line of Procession.
///
/// Exit status: 0 if all went well, 1 if something failed, 2 if the command was not understood.
@Command(
        name = "procession",
        mixinStandardHelpOptions = true,
        versionProvider = Procession.Version.class,
        description = "A queue shared by processes, and workers on every core to use it.",
        subcommands = {Demo.class, Example.class})
final class Procession {
    /// Commands of modules that are not published, with what they do: the script `procession` has them.
    private static final String[][] IN_THE_SOURCES = {
        {"stress", "Stops and kills processes while they put and get, then checks what each of them did."},
        {"fuzz", "Damages queue files at random and uses them."},
        {"verify-model", "Searches all states of the models of the queue, and of their mutants."},
        {"bench", "Measures against other queues."},
    };

    private static volatile boolean ended; // the command, by itself

    private Procession() {}

    /// Runs a command and ends the process.
    ///
    /// @param args the command and its options
    static void main(String[] args) {
        Runtime.getRuntime().addShutdownHook(new Thread(Procession::silence));
        int status = run(args);
        ended = true;
        System.exit(status);
    }

    /// Runs a command.
    ///
    /// @return the exit status
    static int run(String... args) {
        return CommandErrors.explainedBy(commandLine()).execute(args);
    }

    private static CommandLine commandLine() {
        var procession = new CommandLine(new Procession());
        for (String[] each : IN_THE_SOURCES) {
            var command = new CommandLine(CommandSpec.wrapWithoutInspection(
                    (Callable<Integer>) () -> sendToTheSources(procession.getErr(), each[0])));
            command.getCommandSpec().usageMessage().description(each[1] + " In a clone of the sources only.");
            command.setUnmatchedArgumentsAllowed(true);
            procession.addSubcommand(each[0], command);
        }
        return procession;
    }

    private static int sendToTheSources(PrintWriter err, String command) {
        err.println("procession " + command + ": this command is not in the jar; in a clone of the sources, run"
                + " ./procession " + command);
        return CommandLine.ExitCode.USAGE;
    }

    /// After Ctrl-C, what a command finds out about its dying workers is no news.
    private static void silence() {
        if (!ended) {
            System.out.close();
            System.err.close();
        }
    }

    /// The version that the jar was built as.
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Procession.class.getPackage().getImplementationVersion();
            return new String[] {"procession " + (version == null ? "(not from a jar)" : version)};
        }
    }
}
