package dev.procession;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The command that starts a worker's JVM: the same Java, with the same classes and the same rights as this process.
final class WorkerJvm {
    private static final List<String> inherited = inherited();

    private WorkerJvm() {}

    static List<String> command(List<String> options) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(inherited);
        command.addAll(options);
        Module ours = Worker.class.getModule();
        String rights = ours.isNamed() ? "dev.procession.core,ALL-UNNAMED" : "ALL-UNNAMED";
        command.add("--enable-native-access=" + rights);
        String classPath = System.getProperty("java.class.path", "");
        if (!classPath.isEmpty()) {
            command.add("-cp");
            command.add(classPath);
        }
        String mainModule = System.getProperty("jdk.module.main");
        if (mainModule != null) {
            command.add("--add-modules=" + mainModule);
        }
        if (ours.isNamed()) {
            command.add("-m");
            command.add(ours.getName() + "/" + WorkerMain.class.getName());
        } else {
            command.add(WorkerMain.class.getName());
        }
        return command;
    }

    private static List<String> inherited() {
        List<String> options = new ArrayList<>();
        for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            boolean property = option.startsWith("-D")
                    && !option.startsWith("-Djdk.") // set by the launcher
                    && !option.startsWith("-Dcom.sun.management."); // a port of this process
            boolean assertions = option.matches("-(ea|da|esa|dsa|(en|dis)able(system)?assertions)(:.*)?");
            if (option.startsWith("--") || property || assertions) {
                options.add(option);
            }
        }
        return options;
    }
}
