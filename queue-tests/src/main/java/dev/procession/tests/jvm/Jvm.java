package dev.procession.tests.jvm;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.spi.ToolProvider;
import org.jspecify.annotations.Nullable;

/// How processes that are going to be killed are started, so that many can be.
public final class Jvm {
    private Jvm() {}

    /// What the first call has made for all later ones with the same options and main class: commands without
    /// arguments.
    private static final Map<List<Object>, List<String>> MADE = new HashMap<>();

    /// The command that starts one.
    ///
    /// If many will be needed, it begins with the making of an AOT cache (JEP 514), which halves the processor time of
    /// each start; once for each main class and options, in the directory for temporary files. A cache holds classes
    /// from jars only, so folders of classes become jars.
    ///
    /// @param many whether to make one
    /// @param input what the one from which the cache is made gets as standard input; it comes to an end behind that
    /// @param options for the JVM
    /// @param main its main class
    public static List<String> command(boolean many, String input, List<String> options, Class<?> main,
            String... arguments) throws IOException, InterruptedException {
        @Nullable
        List<String> command = null;
        if (many) {
            synchronized (MADE) {
                List<Object> key = List.of(main, options);
                command = MADE.get(key);
                if (command == null) {
                    try {
                        command = withCache(Folders.temporary("procession-aot-"), input, options, main,
                                List.of(arguments));
                        MADE.put(key, command);
                    } catch (IOException e) {
                        System.err.println("without a cache: " + e); // there is little room
                    }
                }
            }
        }
        var whole = new ArrayList<String>(command == null ? without(options) : command);
        if (command == null) whole.addAll(List.of("-cp", Weaver.classPath(options), main.getName()));
        whole.addAll(List.of(arguments));
        return whole;
    }

    private static List<String> without(List<String> options) {
        var start = new ArrayList<String>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-ea", "-Xmx32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-XX:CompileThresholdScaling=10", // most live too shortly for a compiler to be worth its time
                "-XX:-UsePerfData", "-XX:-CreateCoredumpOnCrash", "-XX:+DisplayVMOutputToStderr"));
        start.addAll(options);
        return start;
    }

    private static List<String> withCache(Path folder, String input, List<String> options, Class<?> main,
            List<String> arguments) throws IOException, InterruptedException {
        var start = without(options);
        start.add("-Xlog:aot*=off,cds*=off");
        Path cache = folder.resolve("aot");
        var end = List.of("-cp", jarsOnly(Weaver.classPath(options), folder), main.getName());
        var making = new ArrayList<String>(start);
        making.add("-XX:AOTCacheOutput=" + cache);
        making.addAll(end);
        making.addAll(arguments);
        Path orders = Files.writeString(folder.resolve("aot.input"), input);
        Path log = folder.resolve("aot.log");
        int status = new ProcessBuilder(making).redirectInput(orders.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile()).start().waitFor();
        if (status != 0 || !Files.exists(cache)) {
            throw new IOException("status " + status + ", " + Files.readString(log));
        }
        start.add("-XX:AOTCache=" + cache);
        start.addAll(end);
        return start;
    }

    private static String jarsOnly(String classPath, Path folder) throws IOException {
        var jars = new ArrayList<String>();
        for (String each : classPath.split(File.pathSeparator)) {
            if (Files.isDirectory(Path.of(each))) {
                String jar = folder.resolve("classes-" + jars.size() + ".jar").toString();
                int status =
                        ToolProvider.findFirst("jar").orElseThrow().run(System.out, System.err, "cf", jar, "-C", each,
                                ".");
                if (status != 0) throw new IOException("cannot write " + jar);
                jars.add(jar);
            } else {
                jars.add(each);
            }
        }
        return String.join(File.pathSeparator, jars);
    }
}
