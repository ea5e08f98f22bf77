package dev.procession.cli;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// Where the command line of Procession starts. What it needs besides the library, nobody else has to have: on the
/// module path nothing requires it, so that a JVM leaves it out unless it is told not to.
public final class Main {
    private static final List<String> MODULES =
            List.of("com.fasterxml.jackson.jr.ob", "info.picocli", "me.tongfei.progressbar");

    private Main() {}

    /// Runs a command and ends the process.
    ///
    /// @param args the command and its options
    public static void main(String[] args) throws IOException, InterruptedException {
        Module ours = Main.class.getModule();
        if (!ours.isNamed()) {
            Procession.main(args);
        } else if (MODULES.stream().allMatch(name -> ModuleLayer.boot().findModule(name).isPresent())) {
            Procession.main(args);
        } else {
            System.exit(runWithModules(ours.getName(), args));
        }
    }

    /// In another JVM, which is told.
    private static int runWithModules(String ours, String[] args) throws IOException, InterruptedException {
        String modulePath = System.getProperty("jdk.module.path", "");
        var finder = ModuleFinder.of(
                Stream.of(modulePath.split(File.pathSeparator)).map(Path::of).toArray(Path[]::new));
        for (String name : MODULES) {
            if (finder.find(name).isEmpty()) {
                System.err.println("procession: the command line needs the module " + name
                        + " too, which is not on the module path");
                return 1;
            }
        }
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            boolean isGivenBelow = option.startsWith("-Djdk.module.") || option.startsWith("--module-path");
            if (!isGivenBelow) command.add(option);
        }
        command.addAll(List.of("-p", modulePath, "--add-modules", String.join(",", MODULES), "-m",
                ours + "/" + Main.class.getName()));
        command.addAll(List.of(args));
        Process process = new ProcessBuilder(command).inheritIO().start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            process.destroy(); // as this one was: by a signal, or when it is over
            process.onExit().join();
        }));
        return process.waitFor();
    }
}
