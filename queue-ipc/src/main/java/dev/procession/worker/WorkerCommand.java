package dev.procession.worker;

import dev.procession.classes.ParentClassLoader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The command that starts a worker's JVM: the same Java, with the same classes and the same rights as this process.
final class WorkerCommand {
    /// A system property: the `java` command to use, for a runtime that has none.
    private static final String JAVA = "dev.procession.java";
    /// Variables with options for each JVM. What a worker is to have of these is on its command line: the JVM tells us
    /// all the options that it was started with, wherever they came from.
    private static final List<String> optionVariables =
            List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JDK_AOT_VM_OPTIONS");
    /// The longest argument that goes onto the command line, well below the limit of Linux.
    private static final int LONGEST_ARGUMENT = 100_000;
    /// Linux takes no argument, and no variable with its name, of 128 KiB.
    private static final int LINUX_LIMIT = 1 << 17;

    /// Options of this process that say what code may do and which modules there are.
    private static final List<String> rights = new ArrayList<>();
    /// System properties that this process was started with.
    private static final List<String> properties = new ArrayList<>();

    private static volatile boolean isChecked;

    static {
        for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            boolean isProperty = option.startsWith("-D")
                    && !option.startsWith("-Djdk.module.") // the launcher's way to say -m
                    && !option.startsWith("-Djava.class.path=")
                    && !option.startsWith("-Dcom.sun.management"); // a port that is taken
            boolean isRight = option.startsWith("--") && !option.startsWith("--module-path")
                    && !(option.equals("--add-modules=ALL-DEFAULT") && isSourceLauncher()); // as without that
            if (isProperty) {
                properties.add(option);
            } else if (isRight || isAssertions(option) || option.startsWith("-Xbootclasspath/a:")) {
                rights.add(option);
            }
        }
        String nativeAccess =
                "--enable-native-access=" + (isModule() ? "dev.procession.core,ALL-UNNAMED" : "ALL-UNNAMED");
        // where it is denied a worker gets what this process was given by name, and no more
        boolean isDenied = rights.contains("--illegal-native-access=deny");
        if (!isDenied && !rights.contains(nativeAccess)) rights.add(nativeAccess);
    }

    private WorkerCommand() {}

    private static boolean isAssertions(String option) {
        int colon = option.indexOf(':'); // -ea:dev.procession...
        return switch (colon < 0 ? option : option.substring(0, colon)) {
            case "-ea", "-enableassertions", "-da", "-disableassertions" -> true;
            case "-esa", "-enablesystemassertions", "-dsa", "-disablesystemassertions" -> true;
            default -> false;
        };
    }

    private static boolean isSourceLauncher() {
        return "com.sun.tools.javac.launcher.SourceLauncher".equals(System.getProperty("jdk.module.main.class"));
    }

    private static Module ours() {
        return WorkerCommand.class.getModule();
    }

    /// Whether we are a module that each worker has by its module path. (As a module of a layer that the application
    /// has made, we are in workers what all served classes are: members of an unnamed module.)
    private static boolean isModule() {
        return ours().isNamed() && ours().getLayer() == ModuleLayer.boot();
    }

    /// The number of our own class loader, 0 if it is one that each worker has.
    private static int ownLoader() {
        return ClassServer.number(WorkerCommand.class.getClassLoader());
    }

    /// @param options for this one worker, after all others
    /// @param environment the variables that it will be given besides
    /// @param arguments of [ChildMain]
    static ProcessBuilder processBuilder(List<String> options, Set<String> environment, List<String> arguments)
            throws IOException {
        return withoutOptionVariables(new ProcessBuilder(command(options, environment, arguments)));
    }

    static ProcessBuilder withoutOptionVariables(ProcessBuilder builder) {
        builder.environment().keySet().removeAll(optionVariables);
        return builder;
    }

    static boolean isOptionVariable(String name) {
        return optionVariables.contains(name);
    }

    /// @throws IOException says what is too large, if that is why the system does not start it
    static Process launch(ProcessBuilder builder) throws IOException {
        try {
            return builder.start();
        } catch (IOException e) {
            String message = String.valueOf(e.getMessage()).strip();
            boolean isTooLarge = message.contains("Argument list too long") || message.contains("error=7,");
            throw isTooLarge ? new IOException(tooLarge(builder) + " (" + message + ")", e) : e;
        }
    }

    private static String tooLarge(ProcessBuilder builder) {
        String advice = " Give the worker large values in another way: captured by its task, in a file, or by a queue.";
        String of = " bytes, and the system takes " + (LINUX_LIMIT - 1) + " at most.";
        long variables = 0;
        for (Map.Entry<String, String> each : builder.environment().entrySet()) {
            int size = size(each.getKey() + "=" + each.getValue());
            if (size >= LINUX_LIMIT) {
                return "the environment variable " + brief(each.getKey()) + " has, with its name, " + size + of
                        + advice;
            }
            variables += size + 1;
        }
        long arguments = 0;
        for (String each : builder.command()) {
            int size = size(each);
            if (size >= LINUX_LIMIT) {
                return "the argument \"" + brief(each) + "\" (options, and the worker's name, are arguments) has "
                        + size + of + advice;
            }
            arguments += size + 1;
        }
        return "its options and other arguments, " + arguments + " bytes, and its environment, " + variables
                + " bytes, are together more than the system allows: on Linux a quarter of the limit of the stack"
                + " (ulimit -s), and 6 MB at most." + advice;
    }

    private static int size(String text) {
        return text.getBytes(Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"))).length;
    }

    private static String brief(String text) {
        return text.length() <= 50 ? text : text.substring(0, 50) + "...";
    }

    private static List<String> command(List<String> options, Set<String> environment, List<String> arguments)
            throws IOException {
        AotCache cache = AotCache.forWorkerWith(options, environment);
        List<String> command = new ArrayList<>();
        command.add(java());
        command.addAll(rights);
        command.addAll(cache.options());
        command.addAll(properties);
        command.addAll(options);
        String classPath = System.getProperty("java.class.path", "");
        int ownLoader = ownLoader();
        if (ownLoader == 0) {
            command.addAll(main(ParentClassLoader.MAIN, cache.classPath(classPath)));
            useFileForLong(command);
            command.addAll(arguments);
        } else {
            String boot = ClassDirectory.bootJar().toString();
            String paths = classPath.isEmpty() ? boot : boot + File.pathSeparator + classPath;
            command.addAll(main(ParentClassLoader.class.getName(), cache.classPath(paths)));
            useFileForLong(command);
            command.addAll(arguments);
            command.add(ClassDirectory.socket());
            command.add(Integer.toString(ownLoader));
        }
        return command;
    }

    /// The `java` command reads options that are too long for the system from a file.
    private static void useFileForLong(List<String> command) throws IOException {
        for (int i = 1; i < command.size(); i++) {
            if (command.get(i).length() * 3L > LONGEST_ARGUMENT) {
                Charset ofFileNames = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));
                byte[] content = command.get(i).getBytes(ofFileNames);
                if (content.length > LONGEST_ARGUMENT) {
                    String quoted = "\"" + command.get(i).replace("\\", "\\\\").replace("\"", "\\\"")
                            .replace("\n", "\\n").replace("\r", "\\r") + "\"\n";
                    command.set(i, "@" + ClassDirectory.argumentFile(quoted.getBytes(ofFileNames)));
                }
            }
        }
    }

    /// The least that is still like a worker: for what a [AotCache] is made from.
    static List<String> plainCommand(String main, String classPath) {
        List<String> command = new ArrayList<>();
        command.add(java());
        command.addAll(rights);
        command.addAll(main(main, classPath));
        return command;
    }

    /// Whether a process is a worker, of this process or another one: by its command line, which the JDK cuts off where
    /// it is long.
    static boolean isWorker(ProcessHandle process) {
        String command;
        try {
            command = Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"), StandardCharsets.ISO_8859_1);
        } catch (IOException e) { // not Linux
            command = process.info().commandLine().orElse("");
        }
        return command.contains(ParentClassLoader.MAIN) || command.contains(ParentClassLoader.class.getName());
    }

    private static String java() {
        String configured = System.getProperty(JAVA);
        return configured != null ? configured : Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    // ---- whether it can be started

    /// @throws IllegalStateException if there is no `java` for workers; says what to do
    static void check(String workerName) {
        if (isChecked) return;
        String problem = problem();
        if (problem != null) {
            throw new IllegalStateException("Worker \"" + workerName + "\" cannot be started: " + problem);
        }
        isChecked = true;
    }

    private static @Nullable String problem() {
        Path java = Path.of(java());
        String configured = System.getProperty(JAVA);
        String is = Files.notExists(java)
                ? " does not exist."
                : Files.isDirectory(java) ? " is a directory." : !Files.isExecutable(java) ? " is not executable."
                : null;
        String wanted = "the java command of a Java " + Runtime.version().feature()
                + (isLinked() ? " runtime that has module " + ours().getName() : "");
        if (configured == null) {
            boolean exists = Files.isExecutable(java) || Files.isExecutable(Path.of(java + ".exe"));
            return exists
                    ? null
                    : "this Java runtime has no java command, " + java + (is == null ? "" : is)
                            + " Make the runtime with one (jlink without --strip-native-commands), or set -D" + JAVA
                            + "=PATH, where PATH is " + wanted + ".";
        }
        if (is == null) {
            try {
                is = java.isAbsolute() ? otherThanOurs(java) : " is not an absolute path.";
            } catch (IOException e) {
                is = " cannot be started: " + e.getMessage() + ".";
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                is = " could not be tried: the thread was interrupted.";
            }
        }
        return is == null ? null : "-D" + JAVA + "=" + configured + is + " It has to be " + wanted + ".";
    }

    /// @return what is wrong with a java command, or null
    private static @Nullable String otherThanOurs(Path java) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(java.toString(), "-XshowSettings:properties"));
        if (isLinked()) {
            command.addAll(List.of("--describe-module", ours().getName()));
        } else {
            command.add("-version");
        }
        Path output = Files.createTempFile("procession-java-", ".txt");
        try {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile());
            Process process = withoutOptionVariables(builder).start();
            process.getOutputStream().close();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return " did not tell its version within 20 seconds.";
            }
            String key = "java.specification.version = ";
            List<String> lines;
            try (InputStream in = Files.newInputStream(output)) {
                lines = new String(in.readNBytes(100_000), StandardCharsets.ISO_8859_1).lines().map(String::strip)
                        .toList();
            }
            Optional<String> version = lines.stream().filter(line -> line.startsWith(key)).findFirst();
            if (version.isEmpty()) return " did not tell a Java version.";
            if (!version.get().equals(key + System.getProperty("java.specification.version"))) {
                return " is a Java " + version.get().substring(key.length()) + ".";
            }
            return process.exitValue() == 0 ? null : " failed: " + lines.getLast();
        } finally {
            Files.deleteIfExists(output);
        }
    }

    /// Whether we are a part of the Java runtime itself, as jlink makes it.
    private static boolean isLinked() {
        return isModule() && isInRuntime(ours().getName());
    }

    private static boolean isInRuntime(String module) {
        Optional<URI> location = ModuleLayer.boot().configuration().findModule(module)
                .flatMap(found -> found.reference().location());
        return location.isPresent() && "jrt".equals(location.get().getScheme());
    }

    /// JShell and the launcher of source files: the JDK's own, which needs no worker to have it.
    private static boolean isTool(String module) {
        return module.startsWith("jdk.") && isInRuntime(module);
    }

    // ---- its main class

    private static List<String> main(String main, String classPath) {
        List<String> command = new ArrayList<>();
        if (!classPath.isEmpty()) command.add("--class-path=" + classPath);
        String modulePath = System.getProperty("jdk.module.path", "");
        if (!modulePath.isEmpty()) command.add("--module-path=" + modulePath);
        String application = System.getProperty("jdk.module.main", "");
        if (!application.isEmpty() && !isTool(application)) command.add("--add-modules=" + application);
        if (isModule()) {
            command.addAll(List.of("-m", ours().getName() + "/" + main));
        } else {
            command.add(main);
        }
        return command;
    }
}
