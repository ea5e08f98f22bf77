package dev.procession;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The command that starts a worker's JVM: the same Java, with the same classes and the same rights as this process.
final class WorkerJvm {
    /// Options of this process that say what code may do and which modules there are.
    private static final List<String> rights = new ArrayList<>();
    /// System properties that this process was started with.
    private static final List<String> properties = new ArrayList<>();

    static {
        for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            boolean isProperty = option.startsWith("-D")
                    && !option.startsWith("-Djdk.module.") // the launcher's way to say -m
                    && !option.startsWith("-Dcom.sun.management."); // a port that is taken
            boolean isRight = option.startsWith("--") && !option.startsWith("--module-path");
            if (isProperty) {
                properties.add(option);
            } else if (isRight || isAssertions(option)) {
                rights.add(option);
            }
        }
        String nativeAccess =
                "--enable-native-access=" + (ours().isNamed() ? "dev.procession.core,ALL-UNNAMED" : "ALL-UNNAMED");
        if (!rights.contains(nativeAccess)) {
            rights.add(nativeAccess);
        }
    }

    private WorkerJvm() {}

    private static boolean isAssertions(String option) {
        int colon = option.indexOf(':'); // -ea:dev.procession...
        return switch (colon < 0 ? option : option.substring(0, colon)) {
            case "-ea", "-enableassertions", "-da", "-disableassertions" -> true;
            case "-esa", "-enablesystemassertions", "-dsa", "-disablesystemassertions" -> true;
            default -> false;
        };
    }

    private static Module ours() {
        return Worker.class.getModule();
    }

    /// @param options for this one worker, after all others
    /// @param arguments of [WorkerMain]
    static List<String> command(List<String> options, List<String> arguments) {
        StartupCache cache = StartupCache.forWorkerWith(options);
        List<String> command = new ArrayList<>();
        command.add(java());
        command.addAll(rights);
        command.addAll(cache.options());
        command.addAll(properties);
        command.addAll(options);
        command.addAll(main(WorkerMain.class, cache.classPath(System.getProperty("java.class.path", ""))));
        command.addAll(arguments);
        return command;
    }

    /// The least that is still like a worker: for what a [StartupCache] is made from.
    static List<String> plainCommand(Class<?> main, String classPath) {
        List<String> command = new ArrayList<>();
        command.add(java());
        command.addAll(rights);
        command.addAll(main(main, classPath));
        return command;
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    private static List<String> main(Class<?> main, String classPath) {
        List<String> command = new ArrayList<>();
        if (!classPath.isEmpty()) {
            command.addAll(List.of("-cp", classPath));
        }
        String modulePath = System.getProperty("jdk.module.path", "");
        if (!modulePath.isEmpty()) {
            command.addAll(List.of("-p", modulePath));
        }
        String application = System.getProperty("jdk.module.main", "");
        if (!application.isEmpty()) {
            command.add("--add-modules=" + application);
        }
        if (ours().isNamed()) {
            command.addAll(List.of("-m", ours().getName() + "/" + main.getName()));
        } else {
            command.add(main.getName());
        }
        return command;
    }
}
