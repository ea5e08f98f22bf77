package dev.procession.tests;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;

/// How processes that are going to be killed are started, so that many can be.
final class Jvm {
    private Jvm() {}

    /// The command that starts one.
    ///
    /// If many will be needed, it begins with the making of an AOT cache (JEP 514), which halves the processor time of each
    /// start. A cache holds classes from jars only, so folders of classes become jars.
    ///
    /// @param folder where the cache is made
    /// @param many whether to make one
    /// @param input what the one from which the cache is made gets as standard input; it comes to an end behind that
    /// @param options for the JVM
    /// @param main its main class
    static List<String> command(Path folder, boolean many, String input, List<String> options, Class<?> main,
            String... arguments)
            throws IOException, InterruptedException {
        var start = new ArrayList<String>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-Xmx32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-XX:CompileThresholdScaling=10", // most live too shortly for a compiler to be worth its time
                "-XX:-UsePerfData", "-XX:-CreateCoredumpOnCrash", "-XX:+DisplayVMOutputToStderr"));
        start.addAll(options);
        String classPath = System.getProperty("java.class.path");
        var end = new ArrayList<String>(List.of("-cp", many ? jarsOnly(classPath, folder) : classPath, main.getName()));
        end.addAll(List.of(arguments));
        if (many) {
            start.add("-Xlog:aot*=off,cds*=off");
            Path cache = folder.resolve("aot");
            var making = new ArrayList<String>(start);
            making.add("-XX:AOTCacheOutput=" + cache);
            making.addAll(end);
            Path orders = Files.writeString(folder.resolve("aot.input"), input);
            int status = new ProcessBuilder(making).redirectInput(orders.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("aot.log").toFile()).start().waitFor();
            if (status == 0 && Files.exists(cache)) start.add("-XX:AOTCache=" + cache);
        }
        start.addAll(end);
        return start;
    }

    private static String jarsOnly(String classPath, Path folder) {
        var jars = new ArrayList<String>();
        for (String each : classPath.split(File.pathSeparator)) {
            if (Files.isDirectory(Path.of(each))) {
                String jar = folder.resolve("classes-" + jars.size() + ".jar").toString();
                ToolProvider.findFirst("jar").orElseThrow().run(System.out, System.err, "cf", jar, "-C", each, ".");
                jars.add(jar);
            } else {
                jars.add(each);
            }
        }
        return String.join(File.pathSeparator, jars);
    }
}
