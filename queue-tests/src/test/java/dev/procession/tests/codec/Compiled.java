package dev.procession.tests.codec;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.tools.ToolProvider;

/// Classes that a test needs in several versions, or in a module.
final class Compiled {
    private Compiled() {
    }

    /// Compiles sources, given by file name, into `directory`.
    static void compile(Path directory, List<String> options, Map<String, String> sources) throws IOException {
        List<String> arguments = new ArrayList<>(options);
        arguments.addAll(List.of("-d", directory.toString()));
        Path sourceDirectory = Files.createDirectories(directory.resolve("src"));
        for (Map.Entry<String, String> source : sources.entrySet()) {
            Path file = sourceDirectory.resolve(source.getKey());
            Files.createDirectories(file.getParent());
            arguments.add(Files.writeString(file, source.getValue()).toString());
        }
        int status = ToolProvider.getSystemJavaCompiler().run(null, null, null, arguments.toArray(String[]::new));
        if (status != 0) {
            throw new IllegalStateException("javac " + arguments + " failed, status=" + status);
        }
    }

    /// A class of this name, from a source of its own and by a loader of its own.
    static Class<?> load(Path directory, String name, String source) throws Exception {
        compile(directory, List.of(), Map.of("Source.java", source));
        URLClassLoader loader = new URLClassLoader(new URL[] {directory.toUri().toURL()});
        return Class.forName(name, true, loader);
    }
}
