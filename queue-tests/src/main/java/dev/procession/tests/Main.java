package dev.procession.tests;

import dev.procession.cli.CommandErrors;
import dev.procession.tests.fuzz.Fuzz;
import dev.procession.tests.model.VerifyModel;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/// The commands that show what the queue promises: `procession stress`, `procession fuzz` and
/// `procession verify-model`.
///
/// Exit status: 0 if the promises held, 1 if not, 2 if the command was not understood.
@Command(name = "procession", subcommands = {Stress.class, Fuzz.class, VerifyModel.class})
public final class Main {
    private Main() {}

    /// Runs a command and ends the process.
    ///
    /// @param args the command and its options
    public static void main(String[] args) {
        System.exit(run(args));
    }

    /// Runs a command.
    ///
    /// @return the exit status
    static int run(String... args) {
        var command = new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true);
        return CommandErrors.explainedBy(command).execute(args);
    }
}
